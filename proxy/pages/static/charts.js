// Charts of the listed requests, drawn by uPlot.

import { duration, h, money, number, percent, time } from "./dom.js";

const STAGES = ["parse", "window", "features", "index", "embed", "select", "rebuild"];
const HEIGHT = 130;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let drawn = [];

export function charts(outcomes, place) {
  drawn.forEach((chart) => chart.destroy());
  const counted = outcomes.filter((o) => o.tokens.before !== null);
  const last = counted[counted.length - 1];
  if (!last) { drawn = []; place.replaceChildren(); return; }
  const rows = [tokens(counted, last), reuse(counted, last), saved(counted), latency(counted, last)];
  const figures = rows.map((row) => h("figure", {}, h("figcaption", {}, h("strong", {}, row.title), h("small", {}, row.says))));
  place.replaceChildren(...figures);
  drawn = rows.map((row, n) => draw(row, counted, figures[n]));
}

function forwarded(outcome) {
  return outcome.result === "dry-run" ? outcome.tokens.before : outcome.tokens.after;
}

function tokens(outcomes, last) {
  return {
    title: "Prompt tokens",
    says: `latest request: ${number(last.tokens.before)} came, ${number(forwarded(last))} were forwarded`,
    write: number,
    series: [
      { label: "before", stroke: "--dropped", data: outcomes.map((o) => o.tokens.before) },
      { label: "after", stroke: "--kept", area: true, data: outcomes.map(forwarded) },
    ],
  };
}

function reuse(outcomes, last) {
  const share = (part, whole) => (part === null || part === undefined ? null : whole ? Math.min(100, (100 * part) / whole) : 0);
  return {
    title: "Prefix reused and cached",
    says: `latest request: ${percent(last.tokens.prefix, forwarded(last))} repeats the previous prompt`,
    write: (value) => (value === null ? "–" : `${Math.round(value)} %`),
    series: [
      { label: "repeats the previous prompt", stroke: "--s1", area: true, data: outcomes.map((o) => share(o.tokens.prefix, forwarded(o))) },
      { label: "cached, says the upstream", stroke: "--s3", data: outcomes.map((o) => share(o.usage?.cached, o.usage?.prompt)) },
    ],
  };
}

function saved(outcomes) {
  let sum = 0;
  const data = outcomes.map((o) => (sum += o.saved || 0));
  return {
    title: "Money saved, summed",
    says: `${money(sum)} over ${outcomes.length} requests, an estimate at list prices`,
    write: money,
    series: [{ label: "saved", stroke: "--s3", area: true, data }],
  };
}

function latency(outcomes, last) {
  const used = STAGES.filter((stage) => outcomes.some((o) => o.milliseconds[stage]));
  let below = outcomes.map(() => 0);
  const series = used.map((stage, n) => {
    const own = outcomes.map((o) => o.milliseconds[stage] || 0);
    below = below.map((value, i) => value + own[i]);
    return { label: stage, stroke: `--s${n % 8}`, area: true, data: below, own };
  });
  const total = Object.values(last.milliseconds).reduce((sum, ms) => sum + ms, 0);
  return { title: "Deciding, by stage", says: `latest request: ${duration(total)}`, write: duration, series: series.reverse() };
}

function draw(row, outcomes, figure) {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const options = {
    width: Math.max(200, figure.clientWidth - 26),
    height: HEIGHT,
    cursor: { y: false },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.5, Math.max(high, low + 1) + 0.5] }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(high * 1.05, 1e-4)] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((n) => (Number.isInteger(n) && outcomes[n] ? time(outcomes[n].created) : "")), space: 90, size: 30 },
      { ...axis, values: (_, ticks) => ticks.map(row.write), size: 74 },
    ],
    series: [
      { label: "request", value: (_, n) => (n === null ? "–" : time(outcomes[n].created)) },
      ...row.series.map((s) => ({
        label: s.label,
        stroke: colour(s.stroke),
        fill: s.area ? `${colour(s.stroke)}55` : undefined,
        width: 2,
        points: { show: outcomes.length < 30, size: 6, fill: colour(s.stroke) },
        value: (_, value, __, n) => (n === null || value === null ? "–" : row.write(s.own ? s.own[n] : value)),
      })),
    ],
  };
  return new uPlot(options, [outcomes.map((_, n) => n), ...row.series.map((s) => s.data)], figure);
}
