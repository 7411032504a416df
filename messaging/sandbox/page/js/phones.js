// The phones: choosing, adding, deleting; and the head of the chat.

import { $, el, icon } from "./dom.js";
import { ask, choose, contact, messagesOf, store } from "./store.js";
import { clockTime, say } from "./words.js";

const SHOWN = 200;
const initials = (name) => name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();

export function setUpPhones() {
  $("show-phones").append(icon("menu"));
  $("show-panel").append(icon("panel"));
  $("add-phone").addEventListener("click", () => {
    $("new-name").value = "";
    $("new-number").value = `+62812${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
    $("new-wrong").hidden = true;
    $("new-phone").showModal();
    $("new-name").focus();
  });
  $("new-cancel").addEventListener("click", () => $("new-phone").close());
  $("new-phone-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await ask("POST", "/sandbox/contacts", { phone: $("new-number").value, firstName: $("new-name").value.trim() });
      store.contacts.set(made.id, made);
      choose(made.id);
      $("new-phone").close();
      $("words").focus();
    } catch (error) {
      $("new-wrong").textContent = error.message;
      $("new-wrong").hidden = false;
    }
  });
}

function summary(message) {
  if (!message) return null;
  const kind = message.message.attachment?.type;
  const place = message.message.type === "location";
  const names = { image: say("image"), audio: say("voiceNote"), video: say("video"), file: say("document") };
  const symbol = { image: "image", audio: "mic", video: "play", file: "file" }[kind] ?? (place ? "pin" : null);
  const text = message.text ?? names[kind] ?? (place ? say("locationSent") : message.message.type);
  return [message.traffic === "incoming" ? `${say("you")}: ` : "", symbol ? icon(symbol, 14) : "", ` ${text.replace(/\s+/g, " ")}`];
}

export function drawPhones() {
  const rows = [...store.contacts.values()].map((who) => ({ who, all: messagesOf(who.id) }));
  rows.sort((a, b) => (b.all.at(-1)?.id ?? 0) - (a.all.at(-1)?.id ?? 0) || a.who.id - b.who.id);
  rows.length = Math.min(rows.length, SHOWN);
  const focused = document.activeElement?.dataset?.phone;
  $("phone-list").replaceChildren(...rows.map(({ who, all }) => {
    const last = all.at(-1);
    const unread = who.id === store.current ? 0 : all.filter((message) => message.traffic === "outgoing" && message.id > (store.seen[who.id] ?? 0)).length;
    return el("li", {}, el("button", {
      type: "button", class: "phone", "aria-current": who.id === store.current ? "true" : null, data: { phone: who.id },
      onclick: () => { choose(who.id); document.querySelector(".phones").classList.remove("shown"); },
    },
    el("span", { class: `avatar a${who.id % 6}`, "aria-hidden": "true" }, initials(who.name)),
    el("strong", {}, who.name), last ? el("time", {}, clockTime(last.at)) : el("span"),
    el("span", { class: "last" }, summary(last) || who.phone || who.email || ""), unread ? el("span", { class: "unread" }, String(unread)) : el("span")));
  }));
  if (focused) document.querySelector(`[data-phone="${focused}"]`)?.focus();
}

export function drawHead() {
  const who = contact();
  const channel = store.workspace.channels.find((item) => item.id === who?.channel) ?? store.workspace.channels[0];
  $("chat-name").textContent = store.business ?? say("business");
  $("chat-under").textContent = who ? `${who.name} · ${who.phone ?? who.email ?? ""} · ${channel?.name ?? ""}` : "";
  document.title = who ? `${who.name} · balas sandbox` : "balas sandbox";
}
