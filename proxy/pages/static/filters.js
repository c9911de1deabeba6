// The form by which requests are found. What is sought stands in the address, so that it can be kept and sent on.

import { get, query } from "./api.js";
import { h } from "./dom.js";

const WORDS = ["result", "model", "api", "policy", "caller", "status"];
const SPANS = { "": "any time", 3600: "last hour", 86400: "last day", 604800: "last week" };
const PAUSE = 300; // milliseconds without a key before a search is made
let controls = null;

// What the address asks for: its view, and what is sought there.
export function address() {
  const [path, asked = ""] = location.hash.replace(/^#\/?/, "").split("?");
  return { path, sought: Object.fromEntries(new URLSearchParams(asked)) };
}

// The same as the server takes it: a span of time ends now.
export function asked(sought) {
  const { span, ...rest } = sought;
  return span ? { ...rest, after: Math.floor(Date.now() / 1000) - Number(span) } : rest;
}

export const go = (path, sought) => {
  const said = query(sought);
  location.hash = `#/${path}${said ? `?${said}` : ""}`;
};

export function filters(form, keepsText) {
  const { sought } = address();
  if (!controls) build(form);
  for (const [name, control] of Object.entries(controls)) {
    if (document.activeElement !== control) set(control, sought[name] || "");
  }
  controls.text.disabled = !keepsText;
  controls.text.placeholder = keepsText ? "words of the messages" : "needs recent.keep_text: true";
  const chips = form.querySelector(".chips");
  chips.replaceChildren(...(sought.conversation ? [h("a", { href: hashWithout(sought, "conversation") }, `conversation ${sought.conversation} ✕`)] : []));
  form.querySelector("button").hidden = !Object.keys(sought).some((name) => name !== "older");
}

function hashWithout(sought, name) {
  const { [name]: _, ...rest } = sought;
  return `#/?${query(rest)}`;
}

function build(form) {
  controls = {};
  for (const word of WORDS) controls[word] = h("select", { id: `by-${word}` }, h("option", { value: "" }, "any"));
  controls.span = h("select", { id: "by-span" }, ...Object.entries(SPANS).sort(([a], [b]) => a - b).map(([value, said]) => h("option", { value }, said)));
  controls.text = h("input", { id: "by-text", type: "search" });
  const labels = { span: "time", text: "text" };
  const fields = Object.entries(controls).map(([name, control]) =>
    h("div", { class: name === "text" ? "long" : "" }, h("label", { for: control.id }, labels[name] || name), control));
  const clear = h("button", { type: "button", onclick: () => go("", {}) }, "Clear");
  form.replaceChildren(...fields, h("div", { class: "chips" }), clear);
  let timer = 0;
  form.addEventListener("submit", (event) => { event.preventDefault(); seek(); });
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(seek, event.target === controls.text ? PAUSE : 0);
  });
  form.addEventListener("focusin", choose, { once: true });
  choose();
}

function seek() {
  const { conversation } = address().sought;
  const said = Object.fromEntries(Object.entries(controls).map(([name, control]) => [name, control.value]));
  go("", { ...said, conversation });
}

// Offers what there is to look for.
export async function choose() {
  const found = await get("choices");
  for (const word of WORDS) {
    const values = [...found[word]];
    if (word === "status") values.unshift("failed");
    const known = new Set([...controls[word].options].map((option) => option.value));
    controls[word].append(...values.filter((value) => !known.has(value)).map((value) => h("option", { value }, value)));
  }
  for (const word of WORDS) set(controls[word], address().sought[word] || "");
}

function set(control, value) {
  if (control.tagName === "SELECT" && ![...control.options].some((option) => option.value === value)) control.append(h("option", { value }, value));
  control.value = value;
}
