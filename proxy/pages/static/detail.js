// One request opened: what became of each segment, and what another budget or policy would have done.

import { get, post } from "./api.js";
import { change, count, duration, facts, h, money, number, signed, time } from "./dom.js";
import { describe, fateOf, legend, strip } from "./strip.js";

const PAUSE = 200; // milliseconds without a move before the slider asks

export async function detail(id, place, about) {
  const found = await get(`outcomes/${encodeURIComponent(id)}`);
  const signals = signalsOf(found.verdicts);
  const title = h("h2", { tabindex: -1 }, `Request of ${time(found.created)}`);
  const panel = h("section", { class: "panel", "aria-label": "Segment", "aria-live": "polite" }, note("Choose a block to see its segment."));
  const show = (verdict, n) => panel.replaceChildren(...segment(verdict, n, signals));
  place.replaceChildren(
    h("p", {}, h("a", { href: "#/" }, "← all requests")),
    title,
    summary(found),
    ...(found.verdicts.length
      ? [
          h("h3", {}, "What was decided"),
          legend(signals),
          strip(found.verdicts, { label: "Segments as decided", signals, choose: (n) => show(found.verdicts[n], n) }),
          panel,
          whatIf(found, about, show),
          table(found.verdicts),
        ]
      : [note(found.failure ? `Pruning failed at the stage ${found.failure}; the request was forwarded unchanged.` : "Nothing was decided about this request.")]),
  );
  title.focus();
}

const note = (text) => h("p", { class: "note" }, text);
const signalsOf = (verdicts) => [...new Set(verdicts.flatMap((v) => Object.keys(v.shares)))];

function summary(o) {
  return facts([
    ["result", o.failure ? `failed at ${o.failure}` : o.result],
    ["policy", o.policy],
    ["api", o.api],
    ["model", o.model || "–"],
    ["tokens", change(o)],
    ["budget", o.budget ? `${number(o.budget.high)} / ${number(o.budget.low)}` : "–"],
    ["window", o.window ? `${number(o.window.tokens)} (${o.window.source})` : "–"],
    ["reused", o.tokens.prefix === null ? "–" : `${number(o.tokens.prefix)} tokens`],
    ["upstream counted", o.usage ? `${number(o.usage.prompt)}, ${number(o.usage.cached)} cached` : "–"],
    ["saved", money(o.saved)],
    ["first byte", duration(o.first_byte)],
    ["status", String(o.status)],
    ["id", o.id],
  ]);
}

function segment(verdict, n, signals) {
  const shares = signals.filter((s) => s in verdict.shares);
  const most = Math.max(1e-9, ...shares.map((s) => Math.abs(verdict.shares[s])));
  return [
    h("h3", {}, `Segment ${n + 1}`),
    facts([
      ["fate", h("span", { class: `fate ${fateOf(verdict)}` }, fateOf(verdict))], ["reason", verdict.reason], ["role", verdict.role],
      ["kind", verdict.kind], ["turn", String(verdict.turn)], ["tokens", number(verdict.tokens)], ["score", shares.length ? signed(verdict.score) : "none: earlier decisions stood"],
    ]),
    h("div", { class: "shares" }, ...shares.flatMap((s) => {
      const bar = h("i", { class: `c${signals.indexOf(s) % 8}` });
      bar.style.width = `${(100 * Math.abs(verdict.shares[s])) / most}%`;
      return [h("span", {}, s), h("b", {}, signed(verdict.shares[s])), bar];
    })),
    verdict.text === undefined
      ? note("Its text is not kept. With recent.keep_text: true in config.yaml it would be shown here.")
      : h("pre", { tabindex: 0, "aria-label": "Text of the segment" }, verdict.text),
  ];
}

function whatIf(found, about, show) {
  const section = h("section", { "aria-labelledby": "what-if" }, h("h3", { id: "what-if" }, "What if"));
  if (found.verdicts[0].text === undefined) {
    section.append(note("To try other budgets and policies on this request, set recent.keep_text: true in config.yaml."));
    return section;
  }
  const most = found.tokens.before;
  const step = Math.max(1, Math.floor(most / 200));
  const least = most - step * Math.floor((most * 0.98) / step); // so that the last step is all of it
  const slider = h("input", { type: "range", id: "budget", min: least, max: most, step, value: Math.min(most, found.budget.low) });
  const output = h("output", { for: "budget" });
  const one = choice("policy", about.policies, found.policy);
  const two = choice("against", ["none", ...about.policies], "none");
  const said = h("p", { role: "status" });
  const strips = h("div", {});
  let pending = null;
  let timer = 0;

  async function ask() {
    pending?.abort();
    pending = new AbortController();
    const names = two.value === "none" ? [one.value] : [one.value, two.value];
    try {
      const path = (policy) => `outcomes/${found.id}/explain?policy=${encodeURIComponent(policy)}&budget=${slider.value}`;
      const found_ = await Promise.all(names.map((name) => post(path(name), pending.signal)));
      compare(found_, said, strips, show);
    } catch (error) {
      if (error.name !== "AbortError") said.textContent = error.message;
    }
  }

  function moved() {
    output.textContent = `${number(Number(slider.value))} tokens`;
    slider.setAttribute("aria-valuetext", output.textContent);
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }

  for (const control of [slider, one, two]) control.addEventListener("input", moved);
  section.append(h("div", { class: "controls" },
    h("div", {}, h("label", { for: "budget" }, "budget ", output), slider),
    h("div", {}, h("label", { for: "policy" }, "policy"), one),
    h("div", {}, h("label", { for: "against" }, "compare with"), two)), said, strips);
  moved();
  return section;
}

function choice(id, names, chosen) {
  return h("select", { id }, ...names.map((name) => h("option", { value: name, selected: name === chosen }, name)));
}

function compare(explained, said, strips, show) {
  const [one, two] = explained;
  const differs = new Set();
  if (two) one.verdicts.forEach((v, n) => { if (v.fate !== two.verdicts[n].fate) differs.add(n); });
  const only = (mine, other) => {
    const rows = mine.verdicts.filter((v, n) => v.fate === "kept" && other.verdicts[n].fate !== "kept");
    return `only ${mine.policy} keeps ${count(rows.length, "segment")}, ${count(rows.reduce((sum, v) => sum + v.tokens, 0), "token")}`;
  };
  said.textContent = two
    ? differs.size ? `${only(one, two)}; ${only(two, one)}.` : "Both keep the same segments."
    : `${one.policy} would forward ${number(one.tokens.after)} of ${number(one.tokens.before)} tokens, ${one.segments.kept} of ${one.segments.total} segments.`;
  const signals = signalsOf(explained.flatMap((e) => e.verdicts));
  strips.replaceChildren(legend(signals), ...explained.flatMap((e) => {
    const heading = `${e.policy}: ${number(e.tokens.after)} tokens, ${e.segments.kept} of ${e.segments.total} segments, decided afresh`;
    return [
      h("h4", {}, heading),
      strip(e.verdicts, { label: `Segments as ${e.policy} would decide`, signals, differs, choose: (n) => show(e.verdicts[n], n) }),
    ];
  }));
}

function table(verdicts) {
  const head = ["", "fate", "reason", "role", "kind", "turn", "tokens", "score"];
  return h("details", {}, h("summary", {}, "All segments as a table"),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Segments" }, h("table", {},
      h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...verdicts.map((v, n) => h("tr", { "aria-label": describe(v, n) },
        ...[n + 1, fateOf(v), v.reason, v.role, v.kind, v.turn, number(v.tokens), signed(v.score)].map((value) => h("td", {}, String(value)))))))));
}
