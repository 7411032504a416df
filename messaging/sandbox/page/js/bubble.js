// One message as a bubble.

import { $, el, icon } from "./dom.js";
import { ask, reached, store } from "./store.js";
import { voicePlayer } from "./voice.js";
import { bytes, clockTime, say } from "./words.js";

const TICKS = { pending: "pending", sent: "one", delivered: "two", read: "two", failed: "failed" };

/** `answer(text)` is called when a choice is tapped. */
export function bubble(message, first, answer) {
  const mine = message.traffic === "incoming";
  const human = message.sender.source === "user";
  const body = content(message);
  const floating = body.some((node) => node instanceof Element && node.matches(".words, .voice"));
  const classes = ["bubble", mine && "mine", human && "human", first && "first", !floating && "plain"].filter(Boolean).join(" ");
  const node = el("div", { class: classes, data: { id: message.id } },
    human && first && el("span", { class: "author" }, message.sender.name ?? say("colleague")),
    el("div", { class: "inner" }, body, el("span", { class: "meta" })));
  node.append(...choices(message, answer));
  refresh(node, message);
  return node;
}

/** Bring time, ticks and failure of a bubble up to date. */
export function refresh(node, message) {
  const mine = message.traffic === "incoming";
  const state = mine ? reached(message) : message.state;
  if (node.dataset.state === state) return;
  node.dataset.state = state;
  const tick = mine && el("span", { class: `tick ${state}`, role: "img", "aria-label": say(state), title: say(state) }, icon(TICKS[state] ?? "pending"));
  const byAgent = store.explains && message.sender.source === "api";
  const why = byAgent && el("button", { type: "button", class: "why", onclick: () => document.dispatchEvent(new CustomEvent("why", { detail: message })) }, say("whyShort"));
  node.querySelector(".inner > .meta").replaceChildren(...[why, el("time", {}, clockTime(message.at)), tick].filter(Boolean));
  node.querySelector(":scope > .failure")?.remove();
  if (!mine && message.reason) node.append(el("div", { class: "failure" }, message.reason));
  if (state === "read" && store.explains && message.message.attachment?.type === "audio") showHeard(node, message);
}

/** What the agent heard in a voice note, once it has answered it. */
async function showHeard(node, message) {
  const told = await ask("GET", `/sandbox/messages/${message.id}/why`).catch(() => null);
  if (!told || node.querySelector(":scope > .heard")) return;
  node.append(el("div", { class: "heard" }, told.heard ? say("heard")(told.heard) : say("unheard"), told.toy && el("small", {}, say("toy"))));
}

function words(text) {
  return text ? [el("span", { class: "words" }, formatted(text))] : [];
}

function content(message) {
  const { type, attachment } = message.message;
  if (type === "attachment") return [attached(message, attachment ?? {}), ...words(message.text)];
  if (type === "email") return [el("strong", {}, message.message.subject ?? ""), el("br"), ...words(message.text)];
  if (type === "location") return [place(message.message)];
  if (type === "whatsapp_template" || type === "facebook_template") return [...templateHeader(message.message), ...words(message.text)];
  if (message.text) return words(message.text);
  return [el("pre", {}, JSON.stringify(message.message, null, 1))];
}

function attached(message, attachment) {
  const file = message.file;
  if (!file) {
    const failed = message.state === "failed";
    return el("div", { class: "waiting" }, failed ? say("unreachable") : say("loading"));
  }
  if (attachment.type === "image") {
    return el("button", { type: "button", class: "picture", "aria-label": say("openImage"), onclick: () => view(file) },
      el("img", { src: file.url, alt: file.name ?? say("image") }));
  }
  if (attachment.type === "audio") return voicePlayer(file);
  if (attachment.type === "video") return el("video", { src: file.url, controls: true, preload: "metadata" });
  return el("a", { class: "document", href: file.url, target: "_blank", rel: "noopener" }, icon("file"),
    el("span", {}, el("strong", {}, file.name ?? say("document")), el("span", {}, `${(file.name ?? "").split(".").pop().toUpperCase()} · ${bytes(file.size ?? 0)}`)));
}

function place(message) {
  const at = `${message.latitude},${message.longitude}`;
  return el("a", { class: "document", href: `https://www.openstreetmap.org/?mlat=${message.latitude}&mlon=${message.longitude}#map=16/${at.replace(",", "/")}`, target: "_blank", rel: "noopener noreferrer" },
    icon("pin"), el("span", {}, el("strong", {}, message.address ?? say("locationSent")), el("span", {}, at)));
}

function templateHeader(message) {
  const header = (message.template?.components ?? []).find((part) => part.type === "header");
  const text = header?.format === "text" ? header.text : header && `[${header.format}]`;
  return text ? [el("strong", {}, text), el("br")] : [];
}

function choices(message, answer) {
  const { type, replies, template } = message.message;
  if (type === "quick_reply") {
    return [el("div", { class: "choices" }, replies.map((reply) => el("button", { type: "button", onclick: () => answer(reply) }, reply)))];
  }
  const buttons = (template?.components ?? []).flatMap((part) => part.buttons ?? []);
  if (!buttons.length) return [];
  return [el("div", { class: "choices" }, buttons.map((button) => (/^https?:/.test(button.url ?? "")
    ? el("a", { href: button.url, target: "_blank", rel: "noopener noreferrer" }, button.text ?? button.url)
    : el("button", { type: "button", onclick: () => answer(button.text ?? button.type) }, button.text ?? button.type))))];
}

/** Show an image as large as the window allows, e.g. to scan a code. */
function view(file) {
  $("viewer-image").src = file.url;
  $("viewer-image").alt = file.name ?? say("image");
  $("viewer-link").href = file.url;
  $("viewer").showModal();
}

// WhatsApp's own formatting, as nodes: *bold*, _italic_, ~strike~, `code`, ```block```, > quote, links.

const LINK = /\bhttps?:\/\/[^\s<>"]+[^\s<>"'.,;:!?)\]}*_~]/g;
const MARKS = { "*": "strong", _: "em", "~": "s" };

function formatted(text) {
  const parts = text.split(/```([\s\S]+?)```/);
  return parts.flatMap((part, n) => (n % 2 ? [el("pre", {}, part.replace(/^\n|\n$/g, ""))] : lines(part)));
}

function lines(text) {
  const out = [];
  text.split("\n").forEach((line, n, all) => {
    if (/^> \S/.test(line)) out.push(el("blockquote", {}, inline(line.slice(2))));
    else out.push(...inline(line), n < all.length - 1 ? "\n" : "");
  });
  return out;
}

function inline(text) {
  const code = text.match(/`([^`]+)`/);
  if (code) return [...inline(text.slice(0, code.index)), el("code", {}, code[1]), ...inline(text.slice(code.index + code[0].length))];
  const out = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    out.push(...marked(text.slice(at, match.index)));
    out.push(el("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    at = match.index + match[0].length;
  }
  return [...out, ...marked(text.slice(at))];
}

const isWord = (char) => char !== undefined && /[\p{L}\p{N}]/u.test(char);

function marked(text) {
  for (let start = 0; start < text.length; start += 1) {
    const tag = MARKS[text[start]];
    if (!tag || isWord(text[start - 1]) || !text[start + 1] || /\s/.test(text[start + 1])) continue;
    for (let end = text.indexOf(text[start], start + 2); end > 0; end = text.indexOf(text[start], end + 1)) {
      if (/\s/.test(text[end - 1]) || isWord(text[end + 1])) continue;
      return [text.slice(0, start), el(tag, {}, marked(text.slice(start + 1, end))), ...marked(text.slice(end + 1))];
    }
  }
  return text ? [text] : [];
}
