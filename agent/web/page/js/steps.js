// The steps of a reply, as a conversation and the playground show them: why this answer was given.
import { html, Badge, dollars, json } from "./ui.js";
import { said, t } from "./i18n.js";

const took = (step) => (step.ms ?? (step.finished_at ? new Date(step.finished_at) - new Date(step.started_at) : null));
const KINDS = { retrieval: "Searched the documents", model: "Asked the model", action: "Called an action", transcription: "Listened to the voice note", memory: "Remembered", reading: "Told what the documents say" };
const STATUS = { done: "good", dry: "warn", failed: "bad", refused: "warn", unknown: "bad", confirm: "human" };

export function Steps({ steps, wait }) {
  if (!steps.length && !wait) return html`<p class="soft small">${t("No steps: the agent said a fixed text or stayed silent.")}</p>`;
  return html`<ol class="steps">${steps.map((step, at) => html`<li key=${at}><${Step} step=${step} /></li>`)}
    ${wait && html`<li><p class="soft" role="status" style=${{ padding: "8px 12px" }}>${t("Working…")}</p></li>`}</ol>`;
}

function Step({ step }) {
  const output = step.output || {}, ms = took(step), status = step.kind === "action" ? (step.dry ? "dry" : output.status) : null;
  return html`<details>
    <summary><b>${t(KINDS[step.kind] || step.kind)}</b>${!["retrieval", "memory"].includes(step.kind) && html`<span class="mono">${step.name}</span>`}
      ${status && html`<${Badge} kind=${STATUS[status]}>${status === "dry" ? t("dry: not run") : t(status)}</${Badge}>`}
      ${step.kind === "retrieval" && html`<${Badge}>${(output.hits || []).length} ${(output.hits || []).length === 1 ? t("passage") : t("passages")}</${Badge}>`}
      <span class="end soft small num">${step.tokens ? `${step.tokens} ${t("tokens")} · ` : ""}${step.cost ? `${dollars(step.cost)} · ` : ""}${ms == null ? t("not finished") : `${Math.round(ms)} ms`}</span></summary>
    <div class="inside">${inside(step, output)}</div></details>`;
}

function inside(step, output) {
  if (step.kind === "retrieval") return html`
    <p class="small soft">${t("Searched for")}: ${(step.input?.queries || []).join(" · ")}${output.off_topic ? ` — ${t("about something else than the documents")}` : ""}</p>
    <${Hits} hits=${output.hits || []} />${output.passages && html`<details><summary>${t("What the model read")}</summary><pre tabIndex="0">${output.passages}</pre></details>`}`;
  if (step.kind === "model") {
    const data = output.data || output, calls = data.tool_calls || [];
    return html`${data.content && html`<pre tabIndex="0">${json(data.content)}</pre>`}
      ${calls.map((call, at) => html`<p key=${at} class="small">${t("wants to call")} <code>${call.name}</code> ${JSON.stringify(call.args)}</p>`)}
      ${step.input?.system && html`<details><summary>${t("The prompt")}</summary><pre tabIndex="0">${step.input.system}</pre></details>`}`;
  }
  if (step.kind === "action") return html`<h3>${t("Arguments")}</h3><pre tabIndex="0">${json(step.input?.arguments ?? step.input)}</pre>
    <h3>${t("Result")}</h3><pre tabIndex="0">${said(output.content) || ""}</pre>${output.data != null && html`<pre tabIndex="0">${json(output.data)}</pre>`}`;
  if (step.kind === "transcription") return html`<pre tabIndex="0">${output.text || said(output.error) || json(output)}</pre>`;
  return html`<pre tabIndex="0">${json(output)}</pre>`;
}

export function Hits({ hits }) {
  if (!hits.length) return html`<p class="soft small">${t("Nothing was found.")}</p>`;
  return html`<div>${hits.map((hit) => html`<div class="hit" key=${hit.id}><div class="stack tight"><span class="num">${Number(hit.score).toFixed(2)}</span>
    <progress class="bar" max="1" value=${hit.score} aria-label=${t("Score")}></progress></div>
    <div class="stack tight"><b>${hit.title || hit.source}</b>${hit.text && html`<p>${hit.text}</p>`}<span class="small soft">${hit.source}${hit.stale ? ` · ${t("out of date, not quoted")}` : ""}</span></div></div>`)}</div>`;
}
