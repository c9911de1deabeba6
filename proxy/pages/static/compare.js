// What one policy, or two side by side, would do with a request.

import { count, h, number } from "./dom.js";
import { legend, strip } from "./strip.js";
import { signalsOf } from "./why.js";

export function compare(explained, said, strips, show) {
  const [one, two] = explained;
  const failed = explained.find((e) => e.result === "failed");
  if (failed) {
    said.textContent = `It cannot be decided on: ${failed.failure_reason}.`;
    strips.replaceChildren();
    return;
  }
  const differs = new Set();
  if (two) one.verdicts.forEach((v, n) => { if (v.fate !== two.verdicts[n].fate) differs.add(n); });
  const only = (mine, other, name) => {
    const rows = mine.verdicts.filter((v, n) => v.fate === "kept" && other.verdicts[n].fate !== "kept");
    return `only ${name} keeps ${count(rows.length, "segment")}, ${count(rows.reduce((sum, v) => sum + v.tokens, 0), "token")}`;
  };
  const name = (e) => e.called || e.policy;
  said.textContent = two
    ? differs.size ? `${only(one, two, name(one))}; ${only(two, one, name(two))}.` : "Both keep the same segments."
    : `${name(one)} would forward ${number(one.tokens.after)} of ${number(one.tokens.before)} tokens, ${one.segments.kept} of ${one.segments.total} segments.`;
  const signals = signalsOf(explained.flatMap((e) => e.verdicts));
  strips.replaceChildren(legend(signals), ...explained.flatMap((e, which) => [
    h("h4", {}, `${name(e)}: ${number(e.tokens.after)} tokens, ${e.segments.kept} of ${e.segments.total} segments, decided afresh`),
    strip(e.verdicts, { label: `Segments as ${name(e)} would decide`, signals, differs, choose: (n) => show(e, n, which) }),
  ]));
}
