// Asks for news every second and shows the view that the address names.

import { get, problems, query } from "./api.js";
import { charts } from "./charts.js";
import { conversation, conversations } from "./conversations.js";
import { detail } from "./detail.js";
import { h } from "./dom.js";
import { address, asked, filters } from "./filters.js";
import { tiles, underway } from "./overview.js";
import { SHOWN, add, pager, show } from "./requests.js";
import { workbench } from "./workbench.js";

const PERIOD = 1000; // milliseconds
const DRAWN = 500; // requests that the charts show at the most
const DOWN = [502, 503, 504];
const $ = (id) => document.getElementById(id);
const known = new Map();
let epoch = "";
let serial = 0;
let about = null;
let applied = -1;
let upstream = ""; // what is wrong with it
let shown = ""; // what the list was asked for

async function poll() {
  const { path, sought } = address();
  const listing = path === "";
  const news = await get(`outcomes?${query({ ...(listing ? asked(sought) : {}), older: "", since: serial, epoch, limit: SHOWN })}`);
  if (epoch && news.epoch !== epoch) { epoch = ""; await list(); return; }
  if (listing && shown === location.hash) await take(news, sought);
  underway(news.underway);
  if (news.config.applied !== applied) { applied = news.config.applied; await describe(); }
  await warn(news);
}

// Takes new outcomes into the list that is shown.
async function take(news, sought) {
  serial = Math.max(serial, news.serial);
  if (!news.outcomes.length || sought.older) return;
  add(news.outcomes);
  remember(news.outcomes);
  await sum(sought);
}

async function list() {
  const { sought } = address();
  shown = location.hash;
  if (!about) await describe();
  filters($("filters"), about.keep_text);
  const found = await get(`outcomes?${query({ ...asked(sought), limit: SHOWN })}`);
  ({ epoch, serial } = found);
  known.clear();
  show(found.outcomes);
  remember(found.outcomes);
  await sum(sought);
  if (!Object.keys(sought).length) await warn(found);
}

function remember(outcomes) {
  for (const outcome of outcomes) { known.delete(outcome.id); known.set(outcome.id, outcome); }
  while (known.size > DRAWN) known.delete(known.keys().next().value);
}

async function sum(sought) {
  const totals = await get(`totals?${query({ ...asked(sought), older: "" })}`);
  const outcomes = [...known.values()];
  const seeking = Object.keys(sought).length > 0;
  tiles(totals);
  charts(outcomes, $("charts"));
  pager(outcomes.slice(-SHOWN), totals.requests);
  for (const link of document.querySelectorAll("#export a")) link.href = `${link.download.replace("foveate-", "")}?${query({ ...asked(sought), older: "" })}`;
  $("export").hidden = !totals.requests;
  $("empty").hidden = totals.requests > 0 || seeking;
  $("none").hidden = outcomes.length > 0 || !seeking;
}

async function warn(news) {
  const last = news.outcomes.at(-1);
  if (last) {
    upstream = DOWN.includes(last.status) ? (await problems()).join("; ") || `The upstream answered the latest request with ${last.status}.` : "";
    if (last.status === 401) upstream = "The upstream refuses the key of the latest request: it answered 401.";
  }
  const said = [news.config.problem && `The changed settings are refused: ${news.config.problem}`, news.config.waiting, upstream].filter(Boolean).join("\n");
  if ($("problem").textContent !== said) $("problem").textContent = said;
  $("problem").hidden = !said;
}

async function describe() {
  about = await get("status");
  const memory = about.memory;
  const kept = memory ? `memory keeps ${memory.segments} segments of ${memory.conversations} conversations, encrypted` : "keeps no text";
  $("about").textContent = `mode ${about.mode} · policy ${about.policy} · ${about.keep_text ? "keeps text" : kept}`;
  $("settings").textContent = about.settings;
  $("logout").hidden = !about.login;
  $("address").textContent = `OPENAI_BASE_URL=${location.origin}/v1`;
}

async function follow() {
  try {
    if (!document.hidden) await poll();
    say("live");
  } catch (error) {
    say(`no connection: ${error.message}`);
  }
  setTimeout(follow, PERIOD);
}

function say(text) {
  if ($("live").textContent !== text) $("live").textContent = text;
}

const VIEWS = {
  conversations: () => conversations($("detail")),
  conversation: (rest) => conversation(rest, $("detail")),
  workbench: () => workbench($("detail"), address().sought.from || "", about),
};

async function route(first) {
  if (location.hash === "#main") return;
  const [view, rest = ""] = address().path.split("/");
  $("overview").hidden = view !== "";
  $("detail").hidden = view === "";
  document.title = view ? `${rest || view} · foveate` : "foveate";
  for (const link of document.querySelectorAll("header nav a")) {
    const here = link.hash === `#/${view}` || (view === "conversation" && link.hash === "#/conversations");
    if (here) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  try {
    if (!about) await describe();
    if (!view) { if (first !== true && !$("filters").contains(document.activeElement)) $("main").focus(); await list(); return; }
    await (VIEWS[view] ? VIEWS[view](rest) : detail(view, $("detail"), about));
  } catch (error) {
    $("detail").hidden = false;
    $("detail").replaceChildren(h("p", {}, h("a", { href: "#/" }, "← all requests")), h("p", { role: "alert" }, error.message));
  }
}

addEventListener("hashchange", route);
addEventListener("resize", () => { if (!address().path) charts([...known.values()], $("charts")); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts([...known.values()], $("charts")));
await route(true);
follow();
