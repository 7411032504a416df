// The fault switches.

import { $, el } from "./dom.js";
import { act, store } from "./store.js";
import { say } from "./words.js";

const SECONDS = { rate_limited: 1, slow: 3, drop_answer: 0, duplicate_webhooks: 0, reorder_webhooks: 0.5 };
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
