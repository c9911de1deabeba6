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

export const when = (seconds) => {
  const at = new Date(seconds * 1000);
  const today = at.toDateString() === new Date().toDateString();
  return today ? time(seconds) : at.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
};

// A name without what stands ahead of it, that gives way where there is little room; whole where somebody points at it.
export const shortened = (name) => h("span", { class: "name", title: name || "" }, (name || "–").split("/").pop());

const STATUSES = { 401: "key refused", 403: "forbidden", 404: "not found", 413: "too large", 429: "rate limit", 499: "hung up", 502: "unreachable", 504: "silent" };

// What is said of a request in a word: whether it went wrong, and how.
export function verdictOn(o) {
  const refused = o.status >= 400 && o.status !== 499;
  const word = STATUSES[o.status] || (o.status >= 500 ? "upstream error" : o.status >= 400 ? "refused" : "");
  const result = o.failure ? `failed at ${o.failure}` : refused ? `${word} (${o.result})` : o.result;
  return { bad: refused || o.result === "failed", result, status: String(o.status || "–") };
}

export function facts(rows) {
  return h("dl", { class: "facts" }, ...rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}
