// A slider for every number of a policy.

import { h } from "./dom.js";

const SHOWN = ["signals"]; // groups that are open from the start

// Every number of a policy with its path: of signals their weights first.
export function numbers(policy, above = []) {
  return Object.entries(policy).flatMap(([name, value]) => {
    const path = [...above, name];
    if (typeof value === "number") return [{ path, value }];
    return value && typeof value === "object" && !Array.isArray(value) ? numbers(value, path) : [];
  });
}

export function sliders(policy, changed) {
  const groups = new Map();
  for (const { path, value } of numbers(policy)) {
    const group = path.length > 1 ? path[0] : "policy";
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(slider(path, value, changed));
  }
  return [...groups].map(([name, rows]) => h("details", { class: "sliders", open: SHOWN.includes(name) }, h("summary", {}, name), h("div", { class: "controls" }, ...rows)));
}

// From nothing to four times what it is; shares to 1 at the least.
function slider(path, value, changed) {
  const id = `s-${path.join("-")}`;
  const low = value < 0 ? 4 * value : 0;
  const high = Math.max(1, 4 * Math.abs(value));
  const whole = Number.isInteger(value) && Math.abs(value) > 20;
  const output = h("output", { for: id }, said(value));
  const input = h("input", { type: "range", id, min: low, max: high, step: whole ? 1 : (high - low) / 200, value });
  input.addEventListener("input", () => {
    const now = whole ? Number(input.value) : Math.round(Number(input.value) * 1000) / 1000;
    output.textContent = said(now);
    input.setAttribute("aria-valuetext", output.textContent);
    changed(path, now);
  });
  return h("div", {}, h("label", { for: id }, `${path.slice(path.length > 1 ? 1 : 0).join(" ")} `, output), input);
}

const said = (value) => String(Math.round(value * 1000) / 1000);
