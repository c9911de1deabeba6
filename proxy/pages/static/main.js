// Asks for news every second and shows the list or one request, by the address's hash.

import { get } from "./api.js";
import { detail } from "./detail.js";
import { h } from "./dom.js";
import { overview, underway } from "./overview.js";

const PERIOD = 1000; // milliseconds
const KEPT = 500;
const $ = (id) => document.getElementById(id);
const known = new Map();
let epoch = "";
let serial = 0;
let about = null;
let applied = -1;

async function poll() {
  const news = await get(`outcomes?since=${serial}&epoch=${epoch}`);
  if (news.epoch !== epoch) known.clear();
  ({ epoch, serial } = news);
  for (const outcome of news.outcomes) { known.delete(outcome.id); known.set(outcome.id, outcome); }
  while (known.size > KEPT) known.delete(known.keys().next().value);
  underway(news.underway);
  if (news.outcomes.length || applied < 0) overview([...known.values()]);
  if (news.config.applied !== applied) { applied = news.config.applied; await describe(); }
  const problem = [news.config.problem && `The changed settings are refused: ${news.config.problem}`, news.config.waiting].filter(Boolean).join("\n");
  if ($("problem").textContent !== problem) $("problem").textContent = problem;
  $("problem").hidden = !problem;
}

async function describe() {
  about = await get("status");
  $("about").textContent = `mode ${about.mode} · policy ${about.policy} · ${about.keep_text ? "keeps text" : "keeps no text"}`;
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

const opened = () => (location.hash.startsWith("#/") ? location.hash.slice(2) : "");

async function route() {
  if (location.hash === "#main") return;
  const id = opened();
  $("overview").hidden = Boolean(id);
  $("detail").hidden = !id;
  document.title = id ? `${id} · foveate` : "foveate";
  if (!id) { $("main").focus(); overview([...known.values()]); return; }
  try {
    if (!about) await describe();
    await detail(id, $("detail"), about);
  } catch (error) {
    $("detail").replaceChildren(h("p", {}, h("a", { href: "#/" }, "← all requests")), h("p", { role: "alert" }, error.message));
  }
}

addEventListener("hashchange", route);
addEventListener("resize", () => { if (!opened()) overview([...known.values()]); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => overview([...known.values()]));
if (opened()) route();
follow();
