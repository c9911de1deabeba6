// A policy tried on one's own data.

import { h } from "./dom.js";

export async function workbench(place) {
  const title = h("h2", { tabindex: -1 }, "Workbench");
  place.replaceChildren(title);
  title.focus();
}
