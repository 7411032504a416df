// The phone page: everything is drawn from the store, and drawn again when a change comes in.

import { drawChat, setUpChat } from "./chat.js";
import { drawColleague } from "./colleague.js";
import { $, icon } from "./dom.js";
import { drawHead, drawPhones, setUpPhones } from "./phones.js";
import { drawFaults, drawWebhooks } from "./platform.js";
import { act, changed, listen, load, store } from "./store.js";
import { drawWhy, explain } from "./why.js";
import { clockTime, label, language, say, speak } from "./words.js";

const TABS = ["colleague", "why", "faults", "webhooks"];

function setUpPanel() {
  for (const name of TABS) $(`tab-${name}`).addEventListener("click", () => showTab(name));
  document.querySelector(".tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const shown = TABS.filter((name) => !$(`tab-${name}`).hidden);
    const at = shown.findIndex((name) => $(`tab-${name}`) === document.activeElement);
    if (step && at >= 0) {
      const next = shown.at((at + step) % shown.length);
      showTab(next);
      $(`tab-${next}`).focus();
    }
  });
  $("hide-panel").append(icon("close"));
  $("show-phones").addEventListener("click", () => document.querySelector(".phones").classList.add("shown"));
  $("show-panel").addEventListener("click", () => document.querySelector(".panel").classList.add("shown"));
  $("hide-panel").addEventListener("click", () => document.querySelector(".panel").classList.remove("shown"));
  document.querySelector(".device").addEventListener("pointerdown", (event) => {
    if (!event.target.closest("#show-phones, #show-panel, .why")) for (const side of [".phones", ".panel"]) document.querySelector(side).classList.remove("shown");
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const side of [".phones", ".panel"]) document.querySelector(side).classList.remove("shown");
  });
  document.addEventListener("why", ({ detail }) => {
    explain(detail);
    showTab("why");
    document.querySelector(".panel").classList.add("shown");
  });
  showTab(TABS.includes(sessionStorage.getItem("tab")) ? sessionStorage.getItem("tab") : "colleague");
}

function showTab(chosen) {
  sessionStorage.setItem("tab", chosen);
  for (const name of TABS) {
    $(name).hidden = name !== chosen;
    $(`tab-${name}`).setAttribute("aria-selected", String(name === chosen));
    $(`tab-${name}`).tabIndex = name === chosen ? 0 : -1;
  }
  drawWebhooks();
  drawWhy();
}

function setUpLook() {
  const wished = localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = wished;
  $("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    localStorage.setItem("theme", next);
    name();
  });
  $("language").addEventListener("click", () => {
    speak(language() === "id" ? "en" : "id");
    name();
    changed("everything");
  });
  $("reset").addEventListener("click", () => { if (confirm(say("resetSure"))) act("POST", "/sandbox/reset"); });
  name();
}

/** Words and names of everything that is always there. */
function name() {
  label();
  $("language").textContent = language() === "id" ? "English" : "Indonesia";
  $("theme").textContent = document.documentElement.dataset.theme === "dark" ? say("light") : say("dark");
  const labels = { send: "send", record: "record", attach: "attach", "record-cancel": "cancelRecording", "record-send": "sendRecording", "to-end": "toEnd", "show-phones": "showPhones", "show-panel": "showPanel", "hide-panel": "hidePanel", "viewer-close": "close" };
  for (const [id, key] of Object.entries(labels)) {
    $(id).setAttribute("aria-label", say(key));
    $(id).title = say(key);
  }
}

function draw(kinds) {
  const any = (...wanted) => kinds.has("everything") || wanted.some((kind) => kinds.has(kind));
  if (any("connection")) $("offline").hidden = store.connected;
  if (any("contact", "message")) drawPhones();
  if (any("contact", "workspace")) drawHead();
  if (any("contact", "workspace", "comment")) drawColleague();
  if (any("contact", "message")) drawWhy();
  $("tab-why").hidden = !store.explains;
  if (any("message", "delivery")) drawChat(language());
  if (any("faults")) drawFaults();
  if (any("delivery", "webhooks")) drawWebhooks();
}

const tickClock = () => { $("clock").textContent = clockTime(Date.now()); };

setUpLook();
setUpPanel();
setUpPhones();
setUpChat();
listen(draw);
tickClock();
setInterval(tickClock, 5000);
load();
