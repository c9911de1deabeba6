// Conversations, and one of them over its requests.

import { get, query } from "./api.js";
import { change, count, facts, h, money, number, percent, shortened, time, verdictOn, when } from "./dom.js";
import { legend, turns } from "./turns.js";

const PAGE = 100;
const MOST = 500; // requests of a conversation that are drawn

export async function conversations(place) {
  const title = h("h2", { tabindex: -1 }, "Conversations");
  const body = h("tbody", {});
  const more = h("button", { type: "button" }, `${PAGE} older`);
  const head = [["latest", ""], ["requests", "n"], ["model", "more"], ["tokens", "n"], ["cuts", "n"], ["reused", "n more"], ["cached", "n more"], ["cost", "n"], ["without", "n more"], ["problems", "n"]];
  let older = "";

  async function load() {
    const { conversations: found } = await get(`conversations?${query({ limit: PAGE, older })}`);
    body.append(...found.map(row));
    older = found.at(-1)?.serial || "";
    more.hidden = found.length < PAGE;
    return found.length;
  }

  more.addEventListener("click", load);
  const any = await load();
  place.replaceChildren(title, any ? h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Conversations" },
    h("table", { id: "conversations" }, h("thead", {}, h("tr", {}, ...head.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), body))
    : h("p", { class: "note" }, "No conversation yet. Requests are grouped by their session, else by how they begin."), more);
  title.focus();
}

function row(c) {
  const cell = (value, kind = "n") => h("td", { class: kind }, value);
  return h("tr", { class: c.problems ? "bad" : "" },
    h("td", {}, h("a", { href: `#/conversation/${c.conversation}`, "aria-label": `Open the conversation ${c.conversation}, ${count(c.requests, "request")}` }, when(c.last))),
    cell(number(c.requests)), cell(shortened(c.models), "name more"), cell(c.before === c.after ? number(c.before) : `${number(c.before)} → ${number(c.after)}`),
    cell(number(c.cuts)), cell(percent(c.prefix, c.compared), "n more"), cell(percent(c.cached, c.prompt), "n more"), cell(money(c.cost)), cell(money(c.whole), "n more"), cell(c.problems ? number(c.problems) : "–"));
}

const reasoning = ({ tokens: { thought } }) => (thought.kept || thought.lost ? `${number(thought.kept)} kept, ${number(thought.lost)} lost` : "–");

export async function conversation(id, place) {
  const [{ outcomes }, { conversations: [sum] }] = await Promise.all([
    get(`outcomes?${query({ conversation: id, limit: MOST })}`), get(`conversations?${query({ conversation: id })}`)]);
  if (!sum) throw new Error(`no conversation ${id}; only the latest requests are kept (recent.max_outcomes)`);
  const title = h("h2", { tabindex: -1 }, `Conversation ${id}`);
  place.replaceChildren(
    h("p", {}, h("a", { href: "#/conversations" }, "← all conversations")), title,
    facts([
      ["requests", number(sum.requests)], ["from", when(sum.first)], ["to", when(sum.last)], ["model", sum.models || "–"], ["caller", sum.callers || "–"], ["api", sum.apis],
      ["cuts", number(sum.cuts)], ["recalls", number(sum.recalls)], ["reused", percent(sum.prefix, sum.compared)], ["cached", percent(sum.cached, sum.prompt)],
      ["cost", money(sum.cost)], ["would have cost", money(sum.whole)], ["reasoning kept", `${number(sum.thought_kept)} tokens`], ["reasoning lost", `${number(sum.thought_lost)} tokens`],
      ["problems", number(sum.problems)],
    ]),
    h("h3", {}, "Its requests over time"), legend(), turns(outcomes), table(outcomes),
    h("p", {}, h("a", { href: `#/?conversation=${id}` }, "Show them in the list of requests")),
  );
  title.focus();
}

function table(outcomes) {
  const head = [["time", ""], ["result", ""], ["tokens", "n"], ["reused", "n more"], ["cached", "n more"], ["shortened", "n more"], ["recalled", "n more"], ["cost", "n"], ["without", "n more"], ["reasoning", "n more"], ["status", "n"]];
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Requests of the conversation" }, h("table", {},
    h("thead", {}, h("tr", {}, ...head.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
    h("tbody", {}, ...outcomes.map((o) => {
      const said = verdictOn(o);
      const cells = [[change(o), "n"], [percent(o.tokens.prefix, o.tokens.after), "n more"], [percent(o.usage?.cached ?? null, o.usage?.prompt), "n more"], [number(o.tokens.shortened.birth), "n more"],
        [number(o.segments.recalled), "n more"], [money(o.cost), "n"], [money(o.whole), "n more"], [reasoning(o), "n more"], [said.status, "n"]];
      return h("tr", { class: said.bad ? "bad" : "" }, h("td", {}, h("a", { href: `#/${o.id}`, "aria-label": `Open the request of ${time(o.created)}, ${said.result}` }, time(o.created))), h("td", { class: "result" }, said.result),
        ...cells.map(([value, kind]) => h("td", { class: kind }, value)));
    }))));
}
