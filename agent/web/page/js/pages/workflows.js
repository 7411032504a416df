// Workflows: what begins them, their runs with the steps of each; run by hand, cancel, try again.
import { useEffect, useState } from "../../vendor/hooks.js";
import { get, key, may, post } from "../api.js";
import { Badge, count, Empty, Head, html, json, Loaded, Time, useLoad, useWork, when } from "../ui.js";
import { t } from "../i18n.js";

const KIND = { running: "accent", done: "good", failed: "bad", skipped: "", cancelled: "warn" };
const STATES = ["running", "done", "failed", "skipped", "cancelled"];

export function Workflows({ id }) {
  const loaded = useLoad(() => get("/workflows"));
  return html`<${Head} title=${t("Workflows")} /><${Loaded} of=${loaded}>${(data) => data.workflows.length === 0 ? html`<div class="card"><${Empty} title=${t("No workflows")}>${t("A workflow welcomes, reminds or tells another system by itself. Add it to workflows: in the configuration.")} <a href="#/config">${t("Configuration")}</a></${Empty}></div>`
    : html`<div class="stack">${data.workflows.map((each) => html`<${One} key=${each.name} of=${each} first=${each.name === id} reload=${loaded.reload} />`)}</div>`}</${Loaded}>`;
}

function One({ of, first, reload }) {
  const [open, set] = useState(first);
  return html`<section class="card stack tight" aria-label=${of.name}>
    <div class="row wrap"><h2 class="mono grow">${of.name}</h2>${STATES.filter((state) => of.runs[state]).map((state) => html`<${Badge} key=${state} kind=${KIND[state]}>${count(of.runs[state])} ${t(state)}</${Badge}>`)}<button aria-expanded=${open} onClick=${() => set(!open)}>${open ? t("Hide") : t("Show runs")}</button></div>
    <p class="small soft">${t("begins with")} <span class="mono">${of.on}</span> · ${t(ONCE[of.once])}${of.next_at ? ` · ${t("next")} ${when(of.next_at)}` : ""}${Object.keys(of.condition).length ? html` · ${t("if")} <span class="mono">${JSON.stringify(of.condition)}</span>` : ""}</p>
    <ol class="row wrap" style=${{ listStyle: "none" }} aria-label=${t("Steps")}>${of.steps.map((kind, n) => html`<li key=${n}><${Badge}>${n + 1}. ${kind}</${Badge}></li>`)}</ol>
    ${open && html`<${Runs} of=${of} reload=${reload} />`}</section>`;
}
const ONCE = { event: "for each event", day: "once a day for a contact", contact: "once for a contact" };

function Runs({ of, reload }) {
  const [state, setState] = useState(""), [contact, setContact] = useState(""), [more, setMore] = useState({ rows: [], next: null }), [busy, run] = useWork(), base = `/workflows/${encodeURIComponent(of.name)}`;
  const path = (before) => `${base}/runs?limit=20${state ? `&state=${state}` : ""}${before ? `&before=${encodeURIComponent(before)}` : ""}`;
  const loaded = useLoad(() => get(path()), [state]), audience = of.on.startsWith("schedule") || of.on === "broadcast.done";
  useEffect(() => { setMore({ rows: [], next: loaded.data?.next ?? null }); }, [loaded.data]);
  useEffect(() => { const timer = setInterval(() => { if (!document.hidden) { loaded.reload(); reload(); } }, 3000); return () => clearInterval(timer); }, [state]);
  const begin = (event) => {
    event.preventDefault();
    if (!contact.trim() && !confirm(t("Run it for its whole audience?"))) return;
    run(async () => { await post(`${base}/run`, contact.trim() ? { contact: contact.trim() } : {}); setContact(""); await Promise.all([loaded.reload(), reload()]); }, t("It has begun."));
  };
  const act = (each, what, done) => run(async () => { await post(`${base}/runs/${encodeURIComponent(each.id)}/${what}`); await Promise.all([loaded.reload(), reload()]); }, done);
  return html`<div class="stack tight">
    <div class="row wrap">${may("operator") && html`<form class="row wrap grow" onSubmit=${begin}><label class="sr" for=${`who-${of.name}`}>${t("For this customer")}</label><input id=${`who-${of.name}`} style=${{ width: "220px" }} required=${!audience} placeholder=${audience ? t("+62812… (empty: its audience)") : "+62812…"} value=${contact} onInput=${(event) => setContact(event.target.value)} /><button class="primary" disabled=${busy}>${t("Run now")}</button></form>`}
      <select style=${{ width: "auto" }} aria-label=${`${t("Show")}: ${of.name}`} value=${state} onChange=${(event) => setState(event.target.value)}><option value="">${t("All")}</option>${STATES.map((each) => html`<option value=${each} key=${each}>${t(each)}</option>`)}</select></div>
    <${Loaded} of=${loaded} rows=${3}>${(data) => data.runs.length === 0 ? html`<p class="soft">${state ? t("No run is in this state.") : t("It never ran.")}</p>` : html`<ul class="steps">${[...data.runs, ...more.rows].map((each) => html`<li key=${each.id}><${Run} of=${each} base=${base} busy=${busy} act=${act} /></li>`)}</ul>
      ${more.next && html`<div class="more"><button class="quiet" disabled=${busy} onClick=${() => run(async () => { const page = await get(path(more.next)); setMore({ rows: [...more.rows, ...page.runs], next: page.next }); })}>${t("Show older")}</button></div>`}`}</${Loaded}></div>`;
}

function Run({ of, base, busy, act }) {
  const [open, set] = useState(false);
  return html`<details open=${open} onToggle=${(event) => set(event.currentTarget.open)}><summary><${Badge} kind=${KIND[of.state]}>${t(of.state)}</${Badge}><b>${of.contact ? of.contact.id : t("no contact")}</b><span class="small soft"><${Time} at=${of.created_at} /></span>${of.reason && html`<span class="small grow">${t(of.reason)}</span>`}</summary>
    ${open && html`<div class="inside"><div class="row wrap">${of.contact && html`<a class="grow" href=${`#/conversations/${key(of.contact)}`}>${t("Conversation")}</a>`}
      ${may("operator") && of.state === "running" && html`<button class="danger" disabled=${busy} onClick=${() => confirm(t("End this run?")) && act(of, "cancel", t("The run is ended."))}>${t("End this run")}</button>`}${may("operator") && of.state === "failed" && html`<button class="primary" disabled=${busy} onClick=${() => act(of, "retry", t("It is tried again."))}>${t("Try again")}</button>`}</div>
      <${Steps} of=${of} base=${base} /></div>`}</details>`;
}

function Steps({ of, base }) {
  const loaded = useLoad(() => get(`${base}/runs/${encodeURIComponent(of.id)}`), [of.id, of.state, of.step, of.attempt]);
  return html`<${Loaded} of=${loaded} rows=${2}>${(data) => html`<p class="small soft mono">${data.run.id} · ${data.run.event}</p>
    <ol class="problems">${data.steps.map((step) => html`<li key=${step.n} class="small">${step.n + 1}. <b>${step.kind}</b> <${Badge} kind=${KIND[step.outcome] || "accent"}>${t(step.outcome || "under way")}</${Badge}> ${step.finished_at && html`<${Time} at=${step.finished_at} />`} ${t(step.reason) || ""}</li>`)}</ol>
    ${data.run.state === "running" && data.run.next_at && html`<p class="small">${t("next")} ${when(data.run.next_at)}</p>`}
    <details><summary class="small">${t("What the event said")}</summary><pre tabIndex="0">${json(data.run.data)}</pre></details>`}</${Loaded}>`;
}
