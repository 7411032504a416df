// The human colleague: replying, taking over, closing, leaving notes; and what is known of the customer.

import { $, el } from "./dom.js";
import { act, changed, contact, store } from "./store.js";
import { clockTime, say } from "./words.js";

const path = (end) => `/sandbox/contacts/${store.current}/${end}`;
const as = () => ({ user: store.user });
const drafts = { reply: "", comment: "" };

export function drawColleague() {
  const who = contact();
  const panel = $("colleague");
  if (!who) return panel.replaceChildren();
  const focus = document.activeElement?.id;
  const caret = document.activeElement?.selectionStart;
  panel.replaceChildren(...[state(who), box("reply", "humanReply", "replyPlaceholder", "reply"), box("comment", "comments", "commentPlaceholder", "leave"), notes(who), facts(who)].filter(Boolean));
  if (focus?.startsWith("colleague-")) {
    $(focus)?.focus();
    if (typeof caret === "number") $(focus)?.setSelectionRange?.(caret, caret);
  }
  return undefined;
}

function state(who) {
  const open = who.status === "open";
  const user = store.workspace.users.find((item) => item.id === who.assignee?.id);
  const choose = el("select", { id: "colleague-user", onchange: (event) => { store.user = Number(event.target.value); localStorage.setItem("colleague", store.user); changed("contact"); } },
    store.workspace.users.map((item) => el("option", { value: String(item.id), selected: item.id === store.user }, `${item.firstName} ${item.lastName} · ${item.role}`)));
  return el("div", { class: "block state" },
    el("div", { class: "status" }, el("span", { class: `badge ${who.status}` }, say(who.status)),
      user ? el("span", { class: "badge person" }, say("assigned")(user.firstName)) : el("span", { class: "hint" }, say("nobody"))),
    el("label", { class: "who" }, el("span", {}, say("as")), choose),
    el("div", { class: "row" },
      el("button", { type: "button", class: "soft", id: "colleague-assign", disabled: user?.id === store.user, onclick: () => act("POST", path("assign"), as()) }, say("assign")),
      el("button", { type: "button", class: "soft", id: "colleague-unassign", disabled: !user, onclick: () => act("POST", path("unassign")) }, say("unassign")),
      open ? el("button", { type: "button", class: "soft", id: "colleague-close", onclick: () => act("POST", path("close"), as()) }, say("closeTalk"))
        : el("button", { type: "button", class: "soft", id: "colleague-reopen", onclick: () => act("POST", path("reopen"), as()) }, say("reopen")),
      el("button", { type: "button", class: "soft", id: "colleague-block", onclick: () => act("POST", path(who.status === "blocked" ? "unblock" : "block")) }, say(who.status === "blocked" ? "unblock" : "block"))));
}

function box(name, title, placeholder, button) {
  const words = el("textarea", {
    id: `colleague-${name}`, rows: "2", placeholder: say(placeholder), "aria-label": say(title), value: drafts[name],
    oninput: (event) => { drafts[name] = event.target.value; },
    onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); submit(); } },
  });
  words.value = drafts[name];
  const submit = async () => {
    const text = words.value.trim();
    if (text && (await act("POST", path(name), { ...as(), text }))) { drafts[name] = ""; $(`colleague-${name}`).value = ""; }
  };
  return el("div", { class: "block" }, el("h3", {}, say(title)), words,
    el("div", { class: "row end" }, el("button", { type: "button", class: name === "reply" ? "primary" : "soft", onclick: submit }, say(button))));
}

/** What colleagues and the agent have noted; the customer sees none of it. */
function notes(who) {
  const left = [...store.comments.values()].filter((comment) => comment.contact === who.id).sort((a, b) => b.at - a.at);
  return left.length > 0 && el("ul", { class: "notes" }, left.map((comment) => el("li", {},
    el("b", {}, `${comment.author.name ?? say("agent")} · ${clockTime(comment.at)}`), comment.text)));
}

function facts(who) {
  const custom = Object.entries(who.customFields).filter(([, value]) => value !== null);
  const rows = [[say("number"), who.phone], [say("email"), who.email], [say("language"), who.language], [say("lifecycle"), who.lifecycle], [say("tags"), who.tags.join(", ")], ...custom].filter(([, value]) => value !== null && value !== "");
  const late = who.lastIncomingAt && Date.now() - who.lastIncomingAt > 86400000;
  return el("div", { class: "block" }, el("h3", {}, say("facts")),
    rows.length ? el("dl", { class: "facts" }, rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]),
      who.lastIncomingAt ? [el("dt", {}, say("since")), el("dd", {}, say(late ? "windowShut" : "windowOpen"))] : []) : el("p", { class: "hint" }, say("noFacts")),
    el("div", { class: "row" },
      el("button", { type: "button", class: "soft small", disabled: !who.lastIncomingAt || late, onclick: () => act("POST", path("age"), { hours: 25 }) }, say("ageIt")),
      el("button", { type: "button", class: "ghost danger", onclick: () => act("DELETE", `/sandbox/contacts/${who.id}`) }, say("removePhone"))));
}
