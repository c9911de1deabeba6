// The table of requests: rows stay the elements that they are while new ones come, with focus and selection.

import { change, duration, h, money, number, percent, shortened, time, verdictOn } from "./dom.js";
import { address, go } from "./filters.js";

export const SHOWN = 100; // rows of a page
const $ = (id) => document.getElementById(id);
const rows = new Map();

// Shows exactly these, oldest first.
export function show(outcomes) {
  rows.clear();
  body().replaceChildren();
  add(outcomes);
}

// Puts newer ones on top.
export function add(outcomes) {
  for (const outcome of outcomes) {
    const made = row(outcome);
    rows.get(outcome.id)?.remove();
    rows.set(outcome.id, made);
    body().prepend(made);
  }
  while (body().rows.length > SHOWN) body().lastElementChild.remove();
}

const body = () => $("requests").querySelector("tbody");

export function pager(outcomes, total) {
  const { sought } = address();
  const oldest = outcomes[0]?.serial;
  const more = total > outcomes.length && outcomes.length === SHOWN;
  const link = (said, change_) => h("button", { type: "button", onclick: () => go("", { ...sought, ...change_ }) }, said);
  $("pager").hidden = !sought.older && !more;
  $("pager").replaceChildren(...[
    sought.older ? link("Newest", { older: "" }) : null,
    more && oldest > 1 ? link(`${number(SHOWN)} older`, { older: oldest }) : null,
  ].filter(Boolean));
  $("shown").textContent = total > SHOWN ? `${number(outcomes.length)} of ${number(total)}` : "";
}

function row(o) {
  const cell = (value, kind = "n") => h("td", { class: kind }, value);
  const said = verdictOn(o);
  return h("tr", { class: said.bad ? "bad" : "" },
    h("td", {}, h("a", { href: `#/${o.id}`, "aria-label": `Open the request of ${time(o.created)}, ${said.result}` }, time(o.created))),
    cell(said.result, "result"), cell(shortened(o.model), "name more"), cell(shortened(o.policy), "name more"), cell(change(o)),
    cell(o.segments.total ? `${o.segments.kept}/${o.segments.total}${o.segments.recalled ? ` +${o.segments.recalled}` : ""}` : "–", "n more"),
    cell(percent(o.tokens.prefix, o.tokens.after), "n more"), cell(said.bad ? "–" : money(o.saved)), cell(duration(o.first_byte), "n more"),
    cell(said.status));
}
