// One segment: its fate, and all that decided it.

import { facts, h, number, signed } from "./dom.js";
import { fateOf } from "./strip.js";

const note = (text) => h("p", { class: "note" }, text);
export const signalsOf = (verdicts) => [...new Set(verdicts.flatMap((v) => Object.keys(v.shares)))];

// `room` tells of the whole decision; `keeps()` asks what would keep the segment, where that can be asked.
export function segment(verdict, n, signals, { room = null, keeps = null } = {}) {
  const shares = signals.filter((s) => s in verdict.shares);
  return [
    h("h3", {}, `Segment ${n + 1}`),
    facts([
      ["fate", h("span", { class: `fate ${fateOf(verdict)}` }, fateOf(verdict))], ["reason", verdict.reason], ["role", verdict.role],
      ["kind", verdict.kind], ["turn", String(verdict.turn)], ["tokens", number(verdict.tokens)],
      ["score", shares.length ? signed(verdict.score) : "none: earlier decisions stood"], ...why(verdict, room),
    ]),
    bars(verdict, shares, signals),
    verdict.why?.values.length ? values(verdict.why) : null,
    results(verdict.results || []),
    keeps && verdict.fate === "dropped" ? keeper(keeps) : null,
    verdict.text === undefined
      ? note("Its text is not kept. With recent.keep_text: true in config.yaml it would be shown here.")
      : h("pre", { tabindex: 0, "aria-label": "Text of the segment" }, verdict.text),
  ].filter(Boolean);
}

function why({ why: led, score }, room) {
  if (!led) return [];
  return [
    ["of its own", signed(led.own)], ["flowed to it", signed(score - led.own)],
    ["price of its length", led.price ? signed(-led.price) : "none"],
    ["threshold", room.floor === null ? "none" : `${signed(room.floor)}${score < room.floor ? ", which it misses" : ""}`],
    ["room left", `${number(room.left)} tokens`],
  ];
}

function bars(verdict, shares, signals) {
  const most = Math.max(1e-9, ...shares.map((s) => Math.abs(verdict.shares[s])));
  return h("div", { class: "shares" }, ...shares.flatMap((s) => {
    const bar = h("i", { class: `c${signals.indexOf(s) % 8}` });
    bar.style.width = `${(100 * Math.abs(verdict.shares[s])) / most}%`;
    return [h("span", {}, s), h("b", {}, signed(verdict.shares[s])), bar];
  }));
}

function values(led) {
  const alone = new Set(led.alone);
  return h("p", { class: "values" }, "values: ", ...led.values.flatMap((value, n) => [n ? ", " : "", alone.has(value) ? h("strong", { title: "nothing else that is kept carries it" }, value) : value]),
    led.alone.length ? h("small", {}, ` (bold: nothing else that is kept carries it)`) : null);
}

// What of long tool results is shown, stretch by stretch.
function results(found) {
  if (!found.length) return null;
  return h("div", { class: "results" }, ...found.map((r) => h("details", { open: true },
    h("summary", {}, `Result of ${r.tool || "a tool"}: ${r.same !== null ? `a pointer to message ${r.same + 1}` : `${number(r.tokens - r.saved)} of ${number(r.tokens)} tokens`}${r.when ? `, since ${r.when === "birth" ? "its first appearance" : "a cut"}` : ""}`),
    r.stretches.length ? h("ul", { class: "stretches" }, ...r.stretches.map((s) => h("li", { class: s.shown ? "shown" : "gone" }, h("b", {}, s.shown ? "shown" : "left out"), ` ${s.where}`, s.reasons.length ? h("small", {}, ` ${s.reasons.join(", ")}`) : null))) : null,
    r.quoted?.length ? note(`Quoted at ${r.quoted.map((q) => `message ${q.message + 1}: ${q.where.join(", ")}`).join("; ")}`) : null)));
}

function keeper(keeps) {
  const said = h("p", { role: "status" });
  const button = h("button", { type: "button" }, "What would keep this?");
  button.addEventListener("click", async () => {
    button.disabled = true;
    said.textContent = "trying budgets and weights …";
    try {
      said.textContent = answer(await keeps());
    } catch (error) {
      said.textContent = error.message;
    }
    button.disabled = false;
  });
  return h("div", {}, button, said);
}

function answer({ kept, budget, weights }) {
  if (kept) return "Decided afresh it is kept.";
  const ways = [budget === null ? "" : `a budget of ${number(budget)} tokens`, ...Object.entries(weights).map(([signal, factor]) =>
    (factor ? `${signal} with ${factor.toFixed(factor < 10 ? 1 : 0)} times its weight` : `${signal} turned off`))].filter(Boolean);
  return ways.length ? `It would stay with ${ways.join("; or with ")}.` : "No budget and no single weight would keep it.";
}
