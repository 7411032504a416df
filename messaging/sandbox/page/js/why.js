// Why the agent answered as it did: the steps of a turn.

import { $, el } from "./dom.js";
import { ask, messagesOf, store } from "./store.js";
import { say } from "./words.js";

let chosen = null; // the message whose turn is shown; without one the agent's last
let shown = null; // what is drawn, so that it is not fetched again

/** Show the turn of a message. */
export function explain(message) {
  chosen = message;
  shown = null;
}

export async function drawWhy() {
  if ($("why").hidden || !store.explains) return;
  if (chosen?.contact !== store.current) chosen = null;
  const message = chosen ?? messagesOf(store.current).findLast((each) => each.sender.source === "api");
  const wanted = `${store.current}/${message?.id}/${document.documentElement.lang}`;
  if (wanted === shown) return;
  shown = wanted;
  const told = message && (await ask("GET", `/sandbox/messages/${message.id}/why`).catch(() => null));
  if (wanted !== shown) return;
  $("why").replaceChildren(el("p", { class: "hint" }, say(message ? "whyHint" : "noWhy")),
    ...(message ? [el("blockquote", { class: "answer" }, (message.text ?? `[${message.message.attachment?.type ?? message.message.type}]`).slice(0, 160))] : []),
    ...(told ? turn(told) : message ? [el("p", { class: "hint" }, say("noSteps"))] : []));
}

function turn(told) {
  const reason = told.handover ?? told.reason;
  return [
    reason && el("p", { class: "badge person" }, reason),
    told.steps.length ? el("ol", { class: "steps" }, told.steps.map(step)) : el("p", { class: "hint" }, say("noSteps")),
  ].filter(Boolean);
}

function step(each) {
  const cost = [each.tokens ? `${each.tokens} tokens` : "", each.ms === null ? "…" : `${each.ms} ms`].filter(Boolean).join(" · ");
  return el("li", {}, el("header", {}, el("strong", {}, say("step")[each.kind] ?? each.kind),
    !["retrieval", "transcription"].includes(each.kind) && el("code", {}, each.name), el("small", {}, cost)), ...inside(each));
}

function inside({ kind, input, output }) {
  const value = output ?? {};
  if (kind === "retrieval") {
    const found = value.hits ?? [];
    return [
      el("p", {}, `${say("searched")}: ${(input?.queries ?? []).join(" · ")}`),
      found.length && !value.off_topic
        ? el("ul", {}, found.map((hit) => el("li", {}, el("span", {}, hit.title || hit.source, el("small", {}, hit.source.split("/").pop())), el("b", {}, hit.score.toFixed(2)))))
        : el("p", { class: "hint" }, say("nothingFound")),
    ];
  }
  if (kind === "action") return [el("pre", {}, lines(input?.arguments ?? input)), el("pre", {}, `${value.status ?? "…"}: ${lines(value.content ?? "")}`)];
  if (kind === "transcription") return [el("p", {}, value.text ? `“${value.text}”` : value.error ?? "")];
  if (kind === "model") return [value.data?.content, ...(value.data?.tool_calls ?? []).map((call) => `${call.name}(${JSON.stringify(call.args)})`)].filter(Boolean).map((text) => el("pre", {}, lines(text)));
  return [el("pre", {}, lines(value))];
}

const lines = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1)).slice(0, 1200);
