// A conversation's requests as a strip over time: a bar each, as high as its prompt, with what became of it.

import { change, h, number, percent, svg, time, verdictOn } from "./dom.js";

const HEIGHT = 150; // pixels of the longest prompt
const MARKS = 16; // above the bars
const WIDEST = 28;
const NARROWEST = 5;

const KINDS = [["t-before", "left out"], ["t-fresh", "sent anew"], ["t-prefix", "repeats the previous prompt"], ["t-cached", "cached, says the upstream"], ["t-cut", "▼ cut"], ["t-born", "◆ results shortened"], ["t-recalled", "● recalled"], ["t-bad", "✕ refused or failed"]];

export const legend = () => h("ul", { class: "legend", "aria-label": "Bars and marks" }, ...KINDS.map(([kind, said]) => h("li", {}, h("i", { class: kind }), h("span", { class: `${kind}-name` }, said))));

export function turns(outcomes) {
  const most = Math.max(1, ...outcomes.map((o) => o.tokens.before || 0));
  const wide = Math.max(NARROWEST, Math.min(WIDEST, Math.floor(1100 / Math.max(1, outcomes.length))));
  const width = wide * outcomes.length;
  const root = svg("svg", { class: "turns", width, height: HEIGHT + MARKS + 2, viewBox: `0 0 ${width} ${HEIGHT + MARKS + 2}`, role: "group", "aria-label": "Requests, oldest first" });
  outcomes.forEach((o, n) => root.append(bar(o, outcomes[n - 1], n * wide, wide, HEIGHT / most)));
  root.addEventListener("keydown", (event) => {
    const links = [...root.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    links[Math.min(links.length - 1, Math.max(0, to))].focus();
  });
  return h("div", { class: "scroll turns-scroll", tabindex: 0, role: "region", "aria-label": "Strip of requests" }, root);
}

function bar(o, previous, x, wide, scale) {
  const base = HEIGHT + MARKS;
  const said = verdictOn(o);
  const sent = (o.result === "dry-run" ? o.tokens.before : o.tokens.after) || 0;
  const place = { x: x + 0.5, width: Math.max(2, wide - 1.5) };
  const rect = (kind, tokens) => svg("rect", { class: kind, ...place, y: base - tokens * scale, height: Math.max(0, tokens * scale) });
  const cached = o.usage?.prompt ? (sent * (o.usage.cached || 0)) / o.usage.prompt : 0;
  const born = o.tokens.shortened.birth > (previous?.tokens.shortened.birth || 0);
  const marks = [said.bad && ["t-bad", "✕"], o.result === "cut" && ["t-cut", "▼"], born && ["t-born", "◆"], o.segments.recalled > (previous?.segments.recalled || 0) && ["t-recalled", "●"]].filter(Boolean);
  return svg("a", { href: `#/${o.id}`, "aria-label": label(o, said, born) },
    rect("t-before", o.tokens.before || 0), rect("t-fresh", sent), rect("t-prefix", Math.min(sent, o.tokens.prefix || 0)),
    cached ? svg("rect", { class: "t-cached", x: place.x, width: Math.max(2, place.width / 4), y: base - cached * scale, height: cached * scale }) : null,
    ...marks.map(([kind, sign], n) => svg("text", { class: kind, x: x + wide / 2, y: MARKS - 3 - n * 0, "text-anchor": "middle", dx: n * 9 }, sign)),
    svg("rect", { class: "hit", x, width: wide, y: 0, height: base }));
}

const label = (o, said, born) => `${time(o.created)}: ${said.result}, ${change(o)} tokens, ${percent(o.tokens.prefix, o.tokens.after)} repeated${born ? `, ${number(o.tokens.shortened.birth)} shortened` : ""}${o.segments.recalled ? `, ${o.segments.recalled} recalled` : ""}`;
