// Builds elements and writes numbers.

const SVG = "http://www.w3.org/2000/svg";

export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const number = (value) => (value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en"));
export const percent = (part, whole) => (whole && part !== null ? `${Math.round((100 * part) / whole)} %` : "–");
export const change = (o) => (o.tokens.before === o.tokens.after ? number(o.tokens.before) : `${number(o.tokens.before)} → ${number(o.tokens.after)}`);
export const count = (n, thing) => `${number(n)} ${thing}${n === 1 ? "" : "s"}`;
export const time = (seconds) => new Date(seconds * 1000).toLocaleTimeString("en-GB");
export const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${ms && ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function money(dollars) {
  if (dollars === null || dollars === undefined) return "–";
  const digits = Math.abs(dollars) < 1 ? 4 : 2;
  return `${dollars < 0 ? "−" : ""}$${Math.abs(dollars).toFixed(digits)}`;
}

export function facts(rows) {
  return h("dl", { class: "facts" }, ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
