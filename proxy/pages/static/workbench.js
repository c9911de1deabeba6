// A policy tried on one's own data: paste a request or take a kept one, move its numbers, see what changes.

import { get, post } from "./api.js";
import { compare } from "./compare.js";
import { h, number, time } from "./dom.js";
import { sliders } from "./sliders.js";
import { segment, signalsOf } from "./why.js";
import { put, yaml } from "./yaml.js";

const PATHS = { chat: "/v1/chat/completions", responses: "/v1/responses", messages: "/v1/messages" };
const BLOCKS = new Set(["tool_use", "tool_result", "thinking", "redacted_thinking"]);
const PAUSE = 200; // milliseconds without a move before it is tried
const LISTED = 50; // kept requests to choose from

export async function workbench(place, from, about) {
  const { policies, presets } = await get("policies");
  const state = { outcome: from, request: null, path: PATHS.chat, changes: {}, base: about.policy };
  const title = h("h2", { tabindex: -1 }, "Workbench");
  const said = h("p", { role: "status" });
  const strips = h("div", {});
  const panel = h("section", { class: "panel", "aria-label": "Segment", "aria-live": "polite" }, note("Choose a block to see its segment."));
  const numbers = h("div", {});
  const written = h("pre", { tabindex: 0, "aria-label": "The policy for config.yaml" });
  const budget = h("input", { type: "range", id: "budget", min: 1, max: 1, value: 1 });
  const shown = h("output", { for: "budget" }, "–");
  const one = choice("policy", Object.keys(policies), state.base);
  const two = choice("against", ["none", ...Object.keys(policies)], "none");
  let timer = 0;
  let pending = null;

  const tried = () => [{ name: state.base, settings: settings() }, ...(two.value === "none" ? [] : [{ name: two.value }])];
  const settings = () => (Object.keys(state.changes).length ? { ...policies[state.base], ...merged(policies[state.base], state.changes) } : {});
  const source = () => (state.outcome ? { outcome: state.outcome } : { request: state.request, path: state.path });

  async function ask(first = false) {
    if (!state.outcome && !state.request) { said.textContent = "Paste or drop a request, or take a kept one."; return; }
    pending?.abort();
    pending = new AbortController();
    try {
      const found = await post("bench", pending.signal, { ...source(), budget: first ? "" : budget.value, policies: tried() });
      if (first) { measure(found[0]); return; }
      found[0].called = Object.keys(state.changes).length ? `${state.base}, changed` : state.base;
      compare(found, said, strips, show);
    } catch (error) {
      if (error.name !== "AbortError") { said.textContent = error.message; strips.replaceChildren(); }
    }
  }

  // The first answer says how long the request is; half of that is a budget to begin with.
  function measure(found) {
    if (found.result === "failed" || !found.tokens.before) { compare([{ ...found, result: "failed", failure_reason: found.failure_reason || "nothing of it can be decided" }], said, strips, show); return; }
    const most = found.tokens.before;
    budget.min = Math.max(1, Math.floor(most / 50));
    budget.max = most;
    budget.step = Math.max(1, Math.floor(most / 200));
    budget.value = Math.floor(most / 2);
    moved();
  }

  function moved() {
    shown.textContent = `${number(Number(budget.value))} tokens`;
    budget.setAttribute("aria-valuetext", shown.textContent);
    const whole = presets.includes(state.base) ? { preset: state.base, ...state.changes } : { ...policies[state.base], ...merged(policies[state.base], state.changes) };
    written.textContent = yaml({ policies: { mine: whole }, policy: "mine" });
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }

  function based() {
    state.base = one.value;
    state.changes = {};
    numbers.replaceChildren(...sliders(policies[state.base], (path, value) => { put(state.changes, path, value); moved(); }));
    moved();
  }

  function show(explained, n, which) {
    const keeps = () => post("bench", undefined, { ...source(), budget: budget.value, policies: [tried()[which]], segment: n });
    panel.replaceChildren(...segment(explained.verdicts[n], n, signalsOf(explained.verdicts), { room: explained.room, keeps }));
  }

  function given(text, name = "") {
    try {
      ({ request: state.request, path: state.path } = read(text));
    } catch (error) {
      said.textContent = `${name || "What was pasted"} is not JSON: ${error.message}`;
      return;
    }
    state.outcome = "";
    kept.value = "";
    api.textContent = `read as a request to ${state.path}`;
    ask(true);
  }

  const api = h("p", { class: "note", role: "status" });
  const text = h("textarea", { id: "request", rows: 4, spellcheck: "false", placeholder: '{"model": "gpt-4o", "messages": [...]}' });
  const file = h("input", { type: "file", id: "file", accept: ".json,application/json" });
  const kept = choice("kept", [""], "");
  text.addEventListener("input", () => { if (text.value.trim()) given(text.value); });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    given(await chosen.text(), chosen.name);
    file.value = ""; // the same file, mended, can be chosen again
  });
  const drop = h("section", { class: "panel drop", "aria-labelledby": "source" }, h("h3", { id: "source" }, "Request"),
    h("div", { class: "controls" },
      h("div", { class: "long" }, h("label", { for: "request" }, "paste a request of any of the three APIs, or drop its file here"), text),
      h("div", {}, h("label", { for: "file" }, "or choose a file"), file, h("label", { for: "kept" }, "or take a kept one"), kept)), api);
  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const dropped = event.dataTransfer.files[0];
    given(dropped ? await dropped.text() : event.dataTransfer.getData("text"), dropped?.name);
  });
  kept.addEventListener("input", () => { state.outcome = kept.value; api.textContent = ""; ask(true); });
  await fill(kept, about, from);
  budget.addEventListener("input", moved);
  two.addEventListener("input", moved);
  one.addEventListener("input", based);
  const copy = h("button", { type: "button", onclick: async () => { await navigator.clipboard.writeText(written.textContent); copy.textContent = "Copied"; } }, "Copy");

  place.replaceChildren(title, drop,
    h("section", { "aria-labelledby": "tried" }, h("h3", { id: "tried" }, "Policy"),
      h("div", { class: "controls" },
        h("div", {}, h("label", { for: "policy" }, "policy"), one),
        h("div", {}, h("label", { for: "against" }, "compare with"), two),
        h("div", {}, h("label", { for: "budget" }, "budget ", shown), budget)), numbers),
    h("section", { "aria-labelledby": "outcome" }, h("h3", { id: "outcome" }, "What would be kept"), said, strips, panel),
    h("section", { "aria-labelledby": "export" }, h("h3", { id: "export" }, "For config.yaml"), written, copy));
  based();
  clearTimeout(timer);
  title.focus();
  await ask(true);
}

const note = (text) => h("p", { class: "note" }, text);

function choice(id, names, chosen) {
  return h("select", { id }, ...names.map((name) => h("option", { value: name, selected: name === chosen }, name)));
}

async function fill(kept, about, from) {
  kept.options[0].textContent = about.keep_text ? "none" : "needs recent.keep_text: true";
  kept.disabled = !about.keep_text;
  if (!about.keep_text) return;
  const { outcomes } = await get(`outcomes?limit=${LISTED}`);
  const rows = outcomes.filter((o) => o.segments.total).reverse();
  kept.append(...rows.map((o) => h("option", { value: o.id }, `${time(o.created)} · ${o.result} · ${number(o.tokens.before)} tokens`)));
  if (from && !rows.some((o) => o.id === from)) kept.append(h("option", { value: from }, from));
  kept.value = from;
}

// A request, and where it would be sent: messages alone are a chat completion's.
function read(text) {
  const found = JSON.parse(text);
  const request = Array.isArray(found) ? { messages: found } : found;
  if ("input" in request && !("messages" in request)) return { request, path: PATHS.responses };
  const blocks = (request.messages || []).flatMap((m) => (Array.isArray(m?.content) ? m.content : []));
  const anthropic = "system" in request || blocks.some((b) => BLOCKS.has(b?.type));
  return { request, path: anthropic ? PATHS.messages : PATHS.chat };
}

function merged(base, over) {
  return Object.fromEntries(Object.entries(over).map(([name, value]) =>
    [name, value && typeof value === "object" && base[name] && typeof base[name] === "object" ? { ...base[name], ...merged(base[name], value) } : value]));
}
