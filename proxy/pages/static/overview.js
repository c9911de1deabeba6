// The totals of what is sought.

import { duration, h, money, number, percent } from "./dom.js";

const $ = (id) => document.getElementById(id);

export function underway(requests) {
  const now = Date.now() / 1000;
  $("underway").replaceChildren(...requests.map((r) =>
    h("li", {}, `${r.id} · ${r.stage} · ${duration(Math.max(0, now - r.started) * 1000)}`)));
}

export function tiles(t) {
  const failed = [t.failed ? `${number(t.failed)} forwarded unchanged after a failure` : "", t.refused ? `${number(t.refused)} refused` : ""].filter(Boolean);
  const rows = [
    ["requests", number(t.requests), failed.join(", ") || "no failures"],
    ["tokens before", number(t.before || 0), "as they came"],
    ["tokens after", number(t.after || 0), `${percent((t.before || 0) - (t.after || 0), t.before)} left out`],
    ["prefix reused", percent(t.prefix || 0, t.compared), "of the forwarded tokens, where read"],
    ["cached", number(t.cached || 0), `of ${number(t.prompt || 0)} the upstream counted`],
    ["cost", money(t.cost), `${money(t.whole)} without pruning, at list prices`],
    ["saved", t.cost === null ? "–" : money(t.whole - t.cost), "estimate at list prices"],
  ];
  if (t.dry) rows.push(["dry runs", number(t.would), `tokens that ${number(t.dry)} of them would have left out`]);
  $("span").textContent = t.requests ? `of ${number(t.requests)} requests in ${number(t.conversations)} conversations` : "";
  $("tiles").replaceChildren(...rows.map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, note)))));
}
