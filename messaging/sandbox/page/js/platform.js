// The platform itself: fault switches, webhook targets and the log of deliveries.

import { $, el } from "./dom.js";
import { act, ask, complain, store } from "./store.js";
import { exactTime, say } from "./words.js";

const SHOWN = 120;
const opened = new Map();

export function drawWebhooks() {
  if ($("webhooks").hidden) return;
  const typing = document.activeElement?.closest("#target-form");
  if (!$("target-form") || !typing) $("webhooks").replaceChildren(targets(), el("div", { class: "block", id: "log-block" }));
  const log = [...store.deliveries.values()].sort((a, b) => b.id - a.id).slice(0, SHOWN);
  const focus = document.activeElement?.dataset?.delivery;
  $("log-block").replaceChildren(el("h3", {}, say("log")),
    log.length ? el("ul", { class: "log" }, log.map(line)) : el("p", { class: "hint" }, say("noLog")));
  if (focus) document.querySelector(`summary[data-delivery="${focus}"]`)?.focus();
}

function targets() {
  const url = el("input", { type: "url", required: true, placeholder: "http://127.0.0.1:8080/webhooks/sandbox", "aria-label": say("url") });
  const secret = el("input", { placeholder: say("secret"), "aria-label": say("secret"), autocomplete: "off" });
  const add = async (event) => {
    event.preventDefault();
    if (await act("POST", "/sandbox/webhooks", { url: url.value, secret: secret.value })) { document.activeElement?.blur(); url.value = ""; secret.value = ""; drawWebhooks(); }
  };
  return el("div", { class: "block" },
    el("h3", {}, say("api")), el("p", { class: "code" }, store.apiUrl),
    el("h3", {}, say("targets")),
    store.webhooks.length ? store.webhooks.map((target) => el("div", { class: "target" },
      el("span", {}, target.url, el("small", {}, `${say(target.signed ? "signed" : "unsigned")} · ${target.events.length} events`)),
      el("button", { type: "button", class: "soft small", onclick: () => act("DELETE", `/sandbox/webhooks/${target.id}`) }, say("remove")))) : el("p", { class: "hint" }, say("noTarget")),
    el("form", { id: "target-form", class: "block", onsubmit: add }, url, el("div", { class: "row" }, secret), el("div", { class: "row end" }, el("button", { class: "soft" }, say("addTarget")))));
}

function line(item) {
  const last = item.attempts.at(-1);
  const outcome = item.state === "waiting" ? (last ? `${last.status ?? "✕"} · ${say("waiting")}` : say("waiting")) : `${last?.status ?? "✕"} · ${last?.ms ?? 0} ms`;
  const tries = item.attempts.length > 1 ? ` ×${item.attempts.length}` : "";
  const name = store.contacts.get(item.contact)?.name.split(" ")[0] ?? `#${item.contact}`;
  const details = el("details", { open: opened.has(item.id), ontoggle: () => toggled(item, details) },
    el("summary", { data: { delivery: item.id } }, el("time", {}, exactTime(item.at)), el("span", {}, item.eventType, el("small", { class: "hint" }, `  ${name}`)),
      el("span", { class: `outcome ${item.state === "waiting" ? "waiting-line" : item.state}` }, outcome + tries)));
  if (opened.has(item.id)) fill(item, details);
  return details.parentNode ?? el("li", {}, details);
}

async function toggled(item, details) {
  if (!details.open) { opened.delete(item.id); return; }
  if (opened.has(item.id)) return;
  try {
    opened.set(item.id, (await ask("GET", `/sandbox/deliveries/${item.id}`)).body);
    fill(item, details);
  } catch (error) {
    complain(error.message);
  }
}

function fill(item, details) {
  details.append(
    el("div", { class: "tries" }, item.attempts.map((attempt) => el("span", {}, `${exactTime(attempt.at)}  ${attempt.status ?? attempt.error}  ${attempt.ms} ms`)),
      el("div", { class: "row" }, el("button", { type: "button", class: "soft small", disabled: item.state === "waiting", onclick: () => act("POST", `/sandbox/deliveries/${item.id}/redeliver`) }, say("again")))),
    el("pre", {}, JSON.stringify(opened.get(item.id), null, 2)));
}

// The fault switches.

const SECONDS = { rate_limited: 1, slow: 3, drop_answer: 0, late_list: 5, duplicate_webhooks: 0, reorder_webhooks: 0.5 };
const ENDLESS = new Set(["hold_webhooks"]);
const chosen = {};

export function drawFaults() {
  const on = Object.keys(store.faults);
  $("fault-count").hidden = !on.length;
  $("fault-count").textContent = String(on.length);
  const focus = document.activeElement?.id;
  $("faults").replaceChildren(
    el("p", { class: "hint" }, say("faultsHint")),
    ...Object.entries(say("fault")).map(([name, words]) => fault(name, words)),
    el("div", { class: "row end" }, el("button", { type: "button", class: "soft", disabled: !on.length, onclick: () => act("DELETE", "/sandbox/faults") }, say("allOff"))),
  );
  if (focus?.startsWith("fault-")) $(focus)?.focus();
}

function fault(name, [title, text]) {
  const active = store.faults[name];
  const settings = { seconds: active?.seconds ?? SECONDS[name], times: active?.times ?? null, ...chosen[name] };
  const save = () => {
    const body = {};
    if (name in SECONDS && Number.isFinite(settings.seconds)) body.seconds = settings.seconds;
    if (settings.times) body.times = settings.times;
    return act("PUT", `/sandbox/faults/${name}`, body);
  };
  const change = (key, read) => (event) => {
    settings[key] = read(event.target.value);
    chosen[name] = { ...chosen[name], [key]: settings[key] };
    if (active) save();
  };
  const toggle = (event) => {
    if (event.target.checked) save();
    else { delete chosen[name]; act("DELETE", `/sandbox/faults/${name}`); }
  };
  return el("div", { class: active ? "fault on" : "fault", data: { fault: name } },
    el("strong", { id: `name-${name}` }, title),
    el("span", { class: "switch" }, el("input", { type: "checkbox", role: "switch", id: `fault-${name}`, "aria-labelledby": `name-${name}`, checked: Boolean(active), onchange: toggle }), el("i")),
    el("p", {}, text),
    !ENDLESS.has(name) && el("div", { class: "settings" },
      name in SECONDS && el("label", {}, el("input", { id: `fault-${name}-seconds`, type: "number", min: "0", max: "600", step: "0.5", value: String(settings.seconds), onchange: change("seconds", Number) }), el("span", {}, say("seconds"))),
      el("label", {}, el("input", { id: `fault-${name}-times`, type: "number", min: "1", step: "1", placeholder: "∞", value: settings.times ? String(settings.times) : "", onchange: change("times", (value) => Number(value) || null) }), el("span", {}, say("times")))));
}
