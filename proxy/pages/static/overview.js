// The list of requests and their totals.

import { charts } from "./charts.js";
import { change, duration, h, money, number, percent, time } from "./dom.js";

const $ = (id) => document.getElementById(id);
const SHOWN = 100; // rows of the table

export function overview(outcomes) {
  $("empty").hidden = outcomes.length > 0;
  $("span").textContent = outcomes.length ? `of the latest ${number(outcomes.length)} requests` : "";
  $("tiles").replaceChildren(...tiles(outcomes));
  $("requests").querySelector("tbody").replaceChildren(...outcomes.slice(-SHOWN).reverse().map(row));
  charts(outcomes, $("charts"));
}

export function underway(requests) {
  const now = Date.now() / 1000;
  $("underway").replaceChildren(...requests.map((r) =>
    h("li", {}, `${r.id} · ${r.stage} · ${duration(Math.max(0, now - r.started) * 1000)}`)));
}

const sum = (outcomes, value) => outcomes.reduce((total, o) => total + (value(o) || 0), 0);

function tiles(outcomes) {
  const pruned = outcomes.filter((o) => !["dry-run", "off", "failed"].includes(o.result));
  const dry = outcomes.filter((o) => o.result === "dry-run");
  const before = sum(pruned, (o) => o.tokens.before);
  const after = sum(pruned, (o) => o.tokens.after);
  const compared = pruned.filter((o) => o.tokens.prefix !== null);
  const would = sum(dry, (o) => o.tokens.before - o.tokens.after);
  const prompt = sum(outcomes, (o) => o.usage?.prompt);
  const failed = outcomes.filter((o) => o.result === "failed").length;
  const rows = [
    ["requests", number(outcomes.length), failed ? `${failed} forwarded unchanged after a failure` : "no failures of pruning"],
    ["tokens before", number(before), "as they came"],
    ["tokens after", number(after), `${percent(before - after, before)} left out`],
    ["prefix reused", percent(sum(compared, (o) => o.tokens.prefix), sum(compared, (o) => o.tokens.after)), "of the forwarded tokens, where read"],
    ["cached", number(sum(outcomes, (o) => o.usage?.cached)), `of ${number(prompt)} the upstream counted`],
    ["saved", money(sum(pruned, (o) => o.saved)), "estimate at list prices"],
  ];
  if (dry.length) rows.push(["dry runs", number(would), `tokens that ${dry.length} of them would have left out`]);
  return rows.map(([name, value, note]) => h("div", {}, h("dt", {}, name), h("dd", {}, value, h("small", {}, note))));
}

function row(o) {
  const cell = (value, kind = "n") => h("td", { class: kind }, value);
  return h("tr", {},
    h("td", {}, h("a", { href: `#/${o.id}`, "aria-label": `Open the request of ${time(o.created)}, ${o.result}` }, time(o.created))),
    cell(o.failure ? `failed at ${o.failure}` : o.result, ""), cell(o.model, ""), cell(o.policy, ""), cell(change(o)),
    cell(o.segments.total ? `${o.segments.kept}/${o.segments.total}${o.segments.recalled ? ` +${o.segments.recalled}` : ""}` : "–"),
    cell(percent(o.tokens.prefix, o.tokens.after)), cell(money(o.saved)), cell(duration(o.first_byte)), cell(String(o.status)));
}
