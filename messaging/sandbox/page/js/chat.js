// The chat: bubbles, days, notes; composing and sending.

import { bubble, refresh } from "./bubble.js";
import { $, el, icon } from "./dom.js";
import { act, complain, contact, messagesOf, saw, store } from "./store.js";
import { setUpRecorder } from "./voice.js";
import { day, say } from "./words.js";

const LARGEST = 25 * 1024 * 1024;
const path = (end) => `/sandbox/contacts/${store.current}/${end}`;

export const write = (text) => act("POST", path("messages"), { text });

function upload(file, name) {
  if (file.size > LARGEST) return complain(`${say("file")} > 25 MB`);
  return act("POST", `${path("files")}?name=${encodeURIComponent(name)}`, file);
}

export function setUpChat() {
  const words = $("words");
  $("send").append(icon("send"));
  $("attach").append(icon("clip", 26));
  $("to-end").append(icon("down"));
  $("viewer-close").append(icon("close"));
  setUpRecorder((blob) => upload(blob, `voice-note.${blob.type.split("/")[1]}`));

  const fit = () => {
    words.style.height = "auto";
    words.style.height = `${words.scrollHeight}px`;
    $("send").hidden = !words.value.trim();
    $("record").hidden = !$("send").hidden;
  };
  words.addEventListener("input", fit);
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      $("composer").requestSubmit();
    }
  });
  words.addEventListener("paste", (event) => {
    for (const file of event.clipboardData.files) { event.preventDefault(); upload(file, file.name || "image.png"); }
  });
  $("composer").addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = words.value.trim();
    if (!text) return;
    words.value = "";
    fit();
    if (!(await write(text)) && !words.value) { words.value = text; fit(); }
    words.focus();
  });

  $("file").addEventListener("change", async () => {
    for (const file of $("file").files) await upload(file, file.name);
    $("file").value = "";
  });
  const device = document.querySelector(".device");
  device.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").hidden = false; });
  device.addEventListener("dragleave", (event) => { if (!device.contains(event.relatedTarget)) $("drop").hidden = true; });
  device.addEventListener("drop", async (event) => {
    event.preventDefault();
    $("drop").hidden = true;
    for (const file of event.dataTransfer.files) await upload(file, file.name);
  });

  $("attach").addEventListener("click", () => showMenu($("attach-menu").hidden));
  document.addEventListener("pointerdown", (event) => { if (!event.target.closest("#attach-menu, #attach")) showMenu(false); });
  $("attach-menu").addEventListener("keydown", (event) => {
    const items = [...$("attach-menu").querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); items.at((items.indexOf(document.activeElement) + step) % items.length).focus(); }
    if (event.key === "Escape") { showMenu(false); $("attach").focus(); }
  });

  $("chat").addEventListener("scroll", scrolled);
  $("chat").addEventListener("load", () => { if (following) toEnd(); }, true);
  new ResizeObserver(() => { if (following) toEnd(); }).observe($("chat"));
  $("to-end").addEventListener("click", toEnd);
  document.addEventListener("visibilitychange", markRead);
}

function showMenu(open) {
  $("attach").setAttribute("aria-expanded", String(open));
  $("attach-menu").hidden = !open;
  if (!open) return;
  const item = (name, text, action) => el("button", { type: "button", role: "menuitem", onclick: () => { showMenu(false); action(); } }, icon(name), text);
  const several = $("words").value.includes("\n");
  $("attach-menu").replaceChildren(
    item("image", say("chooseFile"), () => $("file").click()),
    item("pin", say("location"), () => act("POST", path("messages"), { message: { type: "location", latitude: -6.2088, longitude: 106.8456, address: "Jl. M.H. Thamrin, Jakarta" } })),
    several ? item("stack", say("burst"), burst) : "",
    ...(store.samples.length ? [el("h3", {}, say("samples"))] : []),
    ...store.samples.map((name) => item("mic", sampleName(name), () => act("POST", path(`samples/${encodeURIComponent(name)}`)))),
  );
  $("attach-menu").querySelector("button").focus();
}

const sampleName = (name) => name.replace(/\.\w+$/, "").replace(/^\d+-/, "").replace(/^(\w\w)-/, "$1 · ").replaceAll("-", " ");

function burst() {
  const texts = $("words").value.split("\n").map((line) => line.trim()).filter(Boolean);
  $("words").value = "";
  $("words").dispatchEvent(new Event("input"));
  if (texts.length) act("POST", path("messages"), { texts });
}

const isAtEnd = () => $("chat").scrollHeight - $("chat").scrollTop - $("chat").clientHeight < 80;
const toEnd = () => {
  following = true;
  $("chat").scrollTop = $("chat").scrollHeight;
};

let following = true; // the newest message stays in sight until the reader scrolls up
let height = 0;

function scrolled() {
  const top = $("chat").scrollTop;
  if (isAtEnd()) following = true;
  else if (top < height) following = false;
  height = top;
  $("to-end").hidden = following;
}

let shown = { contact: null, tongue: null };

/** Draw what is new; bubbles that are there stay, so that a playing note plays on. */
export function drawChat(tongue) {
  const who = contact();
  const chat = $("chat");
  const fresh = shown.contact !== store.current || shown.tongue !== tongue;
  if (fresh) chat.replaceChildren();
  shown = { contact: store.current, tongue };
  const old = new Map([...chat.children].map((node) => [node.dataset.key, node]));
  const wanted = who ? rows(who.id) : [];
  let at = null;
  for (const row of wanted) {
    let node = old.get(row.key);
    if (node && node.dataset.version === row.version) {
      if (row.message) refresh(node, row.message);
    } else {
      const made = row.draw();
      made.dataset.key = row.key;
      made.dataset.version = row.version;
      node?.remove();
      node = made;
    }
    old.delete(row.key);
    const next = at ? at.nextSibling : chat.firstChild;
    if (next !== node) chat.insertBefore(node, next);
    at = node;
  }
  for (const node of old.values()) node.remove();
  if (fresh || following) {
    if (fresh) chat.style.scrollBehavior = "auto";
    toEnd();
    chat.style.scrollBehavior = "";
  }
  markRead();
}

function rows(id) {
  const messages = messagesOf(id);
  if (!messages.length) return [{ key: "empty", version: JSON.stringify(prompts()), draw: empty }];
  const out = [];
  let before = null;
  let lastDay = null;
  for (const message of [...messages].sort((a, b) => a.at - b.at)) {
    const today = day(message.at);
    if (today !== lastDay) out.push({ key: `day ${today}`, version: "", draw: () => el("div", { class: "day" }, today) });
    const first = today !== lastDay || before !== message.traffic + message.sender.source;
    before = message.traffic + message.sender.source;
    const version = JSON.stringify([message.message, message.file, first, message.file ? "" : message.state === "failed"]);
    out.push({ key: String(message.id), version, message, draw: () => bubble(message, first, write) });
    lastDay = today;
  }
  return out;
}

/** Messages to try, in the customer's language where there are some. */
function prompts() {
  const spoken = contact()?.language;
  const own = store.prompts.filter((prompt) => prompt.language === spoken);
  return (own.length ? own : store.prompts).map((prompt) => prompt.text);
}

function empty() {
  const tried = prompts();
  return el("div", { class: "empty" }, el("p", {}, say("empty")),
    tried.length > 0 && el("div", { class: "prompts", role: "group", "aria-label": say("try") }, tried.map((text) => el("button", { type: "button", onclick: () => write(text) }, text))));
}

let reading = false;

async function markRead() {
  const who = contact();
  if (!who || document.hidden) return;
  const all = messagesOf(who.id);
  if (all.length) saw(who.id, all.at(-1).id);
  if (reading || !all.some((message) => message.state === "delivered")) return;
  reading = true;
  await act("POST", path("read"));
  reading = false;
}
