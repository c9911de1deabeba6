// A conversation as a strip: one block a segment, wide as its tokens, coloured by fate, scores stacked by signal below.

import { h, signed, svg, number } from "./dom.js";

const BLOCKS = 40; // pixels
const SCORES = 80;
const NARROWEST = 3;
const SPENT = 0.3; // share of the width, at the most, that goes to making small segments visible

export const fateOf = (verdict) => (verdict.pin && verdict.fate === "kept" ? "pinned" : verdict.fate);

export function legend(signals) {
  const fates = ["kept", "pinned", "recalled", "dropped"].map((fate) => item(`f-${fate}`, fate));
  return h("div", {},
    h("ul", { class: "legend", "aria-label": "Blocks, by fate" }, h("li", {}, "fate"), ...fates),
    signals.length ? h("ul", { class: "legend", "aria-label": "Score, by signal" }, h("li", {}, "score"), ...signals.map((s, n) => item(`c${n % 8}`, s))) : null);
}

const item = (colour, name) => h("li", {}, h("i", { class: colour }), name);

export function describe(verdict, position) {
  return `${position + 1}: ${verdict.role}, ${verdict.kind}, ${number(verdict.tokens)} tokens, ${fateOf(verdict)}, ` +
    (Object.keys(verdict.shares).length ? `score ${signed(verdict.score)}` : "not scored");
}

// `differs` holds positions to mark; `choose(position)` is called when a block is selected.
export function strip(verdicts, { label, signals, differs = new Set(), choose }) {
  const scored = verdicts.some((v) => v.score !== 0);
  const height = BLOCKS + (scored ? SCORES : 0) + 6;
  const root = svg("svg", { class: "strip", role: "listbox", "aria-label": label, "aria-orientation": "horizontal", height });
  const options = verdicts.map((verdict, n) =>
    svg("g", { role: "option", tabindex: n ? -1 : 0, "aria-selected": "false", "aria-label": describe(verdict, n) }));
  root.append(...options);
  let chosen = -1;

  function select(n, focus) {
    if (chosen >= 0) { options[chosen].setAttribute("aria-selected", "false"); options[chosen].setAttribute("tabindex", "-1"); }
    else options[0].setAttribute("tabindex", "-1");
    chosen = n;
    options[n].setAttribute("aria-selected", "true");
    options[n].setAttribute("tabindex", "0");
    if (focus) options[n].focus();
    choose(n);
  }

  function draw() {
    const width = root.clientWidth || 800;
    root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const xs = edges(verdicts, width);
    const [most, least] = [0, 1].map((half) => Math.max(1e-9, ...verdicts.map((v) => halves(v)[half])));
    const scale = SCORES / (most + least);
    const axis = BLOCKS + 6 + most * scale;
    verdicts.forEach((verdict, n) => {
      const wide = xs[n + 1] - xs[n];
      const place = { x: xs[n], width: wide > 2 ? wide - 1 : wide };
      options[n].replaceChildren(
        block(verdict, place),
        ...(differs.has(n) ? [svg("rect", { class: "differs", ...place, y: BLOCKS + 1, height: 4 })] : []),
        ...(scored ? bars(verdict, place, signals, axis, scale) : []),
        svg("rect", { class: "hit", ...place, y: 1, height: height - 2 }),
      );
    });
    root.querySelector(".axis")?.remove();
    if (scored) root.append(svg("line", { class: "axis", x1: 0, x2: width, y1: axis, y2: axis }));
  }

  root.addEventListener("keydown", (event) => {
    const at = options.indexOf(document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: options.length - 1, Enter: at, " ": at };
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    select(Math.min(options.length - 1, Math.max(0, steps[event.key])), true);
  });
  root.addEventListener("click", (event) => {
    const n = options.indexOf(event.target.closest("g"));
    if (n >= 0) select(n, true);
  });
  new ResizeObserver(draw).observe(root);
  return root;
}

function edges(verdicts, width) {
  const least = Math.min(NARROWEST, (SPENT * width) / verdicts.length);
  const total = verdicts.reduce((sum, v) => sum + v.tokens, 0) || 1;
  const free = width - least * verdicts.length;
  const xs = [0];
  for (const verdict of verdicts) xs.push(xs[xs.length - 1] + least + (free * verdict.tokens) / total);
  return xs;
}

// What is left out is low: its fate shows without its colour.
function block(verdict, place) {
  const fate = fateOf(verdict);
  const tall = { kept: BLOCKS, pinned: BLOCKS, recalled: BLOCKS * 0.65, dropped: BLOCKS * 0.3 }[fate];
  return svg("rect", { class: `block ${fate}`, ...place, y: BLOCKS - tall, height: tall, rx: 1 });
}

function halves(verdict) {
  const shares = Object.values(verdict.shares);
  return [1, -1].map((sign) => shares.filter((s) => s * sign > 0).reduce((sum, s) => sum + Math.abs(s), 0));
}

function bars(verdict, place, signals, axis, scale) {
  let up = axis;
  let down = axis;
  return signals.map((signal, n) => {
    const share = verdict.shares[signal] || 0;
    const tall = Math.abs(share) * scale;
    if (share > 0) up -= tall;
    const y = share > 0 ? up : down;
    if (share < 0) down += tall;
    return svg("rect", { class: `c${n % 8}`, ...place, y, height: tall });
  });
}
