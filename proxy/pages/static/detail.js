// One request opened: what became of each segment, and what another budget or policy would have done.

import { get, post } from "./api.js";
import { compare } from "./compare.js";
import { change, duration, facts, h, money, number, signed, time, verdictOn } from "./dom.js";
import { describe, fateOf, legend, strip } from "./strip.js";
import { segment, signalsOf } from "./why.js";

const PAUSE = 200; // milliseconds without a move before the slider asks

export async function detail(id, place, about) {
  const found = await get(`outcomes/${encodeURIComponent(id)}`);
  const signals = signalsOf(found.verdicts);
  const title = h("h2", { tabindex: -1 }, `Request of ${time(found.created)}`);
  const panel = h("section", { class: "panel", "aria-label": "Segment", "aria-live": "polite" }, note("Choose a block to see its segment."));
  const kept = found.verdicts[0]?.text !== undefined;
  const keeps = (n, budget, policy) => (kept ? () => post("bench", undefined, { outcome: id, budget, policies: [{ name: policy }], segment: n }) : null);
  const show = (explained, n) => panel.replaceChildren(...segment(explained.verdicts[n], n, signals, {
    room: explained.room, keeps: explained.budget && keeps(n, `${explained.budget.high}/${explained.budget.low}`, explained.policy) }));
  place.replaceChildren(...[
    h("p", {}, h("a", { href: "#/" }, "← all requests")),
    title,
    summary(found),
    kept ? takeAway(id) : null,
    ...(found.verdicts.length
      ? [
          h("h3", {}, "What was decided"),
          legend(signals),
          strip(found.verdicts, { label: "Segments as decided", signals, choose: (n) => show(found, n) }),
          panel,
          whatIf(found, about, show),
          table(found.verdicts),
        ]
      : [note(found.failure ? `Pruning failed at the stage ${found.failure}; the request was forwarded unchanged.` : "Nothing was decided about this request.")]),
  ].filter(Boolean));
  title.focus();
  if (kept && found.result === "cut") await explainAll(found);
}

function takeAway(id) {
  const button = h("button", { type: "button" }, "Copy as curl");
  button.addEventListener("click", async () => {
    const command = await (await fetch(`outcomes/${encodeURIComponent(id)}/curl`)).text();
    await navigator.clipboard.writeText(command);
    button.textContent = "Copied";
  });
  return h("p", { class: "actions" }, button, " ", h("a", { href: `outcomes/${encodeURIComponent(id)}/request`, download: `${id}.json` }, "Download the request"));
}

// Where the same decision comes out afresh, what led to it is known of each segment.
async function explainAll(found) {
  const [again] = await post("bench", undefined, { outcome: found.id, budget: `${found.budget.high}/${found.budget.low}`, policies: [{ name: found.policy }] }).catch(() => []);
  if (!again || again.verdicts.length !== found.verdicts.length) return;
  found.room = again.room;
  found.verdicts.forEach((v, n) => { if (again.verdicts[n].fate === v.fate) v.why = again.verdicts[n].why; });
}

const note = (text) => h("p", { class: "note" }, text);

function summary(o) {
  return facts([
    ["result", verdictOn(o).result],
    ["conversation", o.conversation ? h("a", { href: `#/conversation/${o.conversation}` }, o.conversation) : "–"],
    ["policy", o.policy],
    ["api", o.api],
    ["model", o.model || "–"],
    ["tokens", change(o)],
    ["budget", o.budget ? `${number(o.budget.high)} / ${number(o.budget.low)}` : "–"],
    ["window", o.window ? `${number(o.window.tokens)} (${o.window.source})` : "–"],
    ...(o.window?.source === "default" ? [["window not known", h("code", {}, `window: {models: {${JSON.stringify(o.model)}: TOKENS}}`)]] : []),
    ["reused", o.tokens.prefix === null ? "–" : `${number(o.tokens.prefix)} tokens`],
    ["upstream counted", o.usage ? `${number(o.usage.prompt)}, ${number(o.usage.cached)} cached` : "–"],
    ["cost", o.cost === null ? "–" : `${money(o.cost)}, ${money(o.whole)} without pruning`],
    ["saved", verdictOn(o).bad ? "–" : money(o.saved)],
    ["first byte", duration(o.first_byte)],
    ["status", String(o.status)],
    ["sent", o.resent ? `again, since the upstream refused its ${o.resent}` : "once"],
    ["id", o.id],
  ]);
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
    h("div", {}, h("label", { for: "against" }, "compare with"), two)), said, strips,
    h("p", {}, h("a", { href: `#/workbench?from=${found.id}` }, "Try weights of your own on it in the workbench")));
  moved();
  return section;
}

function choice(id, names, chosen) {
  return h("select", { id }, ...names.map((name) => h("option", { value: name, selected: name === chosen }, name)));
}

function table(verdicts) {
  const head = ["", "fate", "reason", "role", "kind", "turn", "tokens", "score"];
  return h("details", {}, h("summary", {}, "All segments as a table"),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Segments" }, h("table", {},
      h("thead", {}, h("tr", {}, ...head.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...verdicts.map((v, n) => h("tr", { "aria-label": describe(v, n) },
        ...[n + 1, fateOf(v), v.reason, v.role, v.kind, v.turn, number(v.tokens), signed(v.score)].map((value) => h("td", {}, String(value)))))))));
}
