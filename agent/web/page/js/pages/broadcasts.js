// Broadcasts: one message to many; first looked at, then sent; how far each is.
import { useState } from "../../vendor/hooks.js";
import { call, get, may, post } from "../api.js";
import { Badge, count, Empty, Head, html, Loaded, remedy, rupiah, say, seconds, Time, useEvents, useLoad, useWork } from "../ui.js";
import { t } from "../i18n.js";

export function Broadcasts() {
  const loaded = useLoad(() => get("/broadcasts?limit=100")), [open, set] = useState(false);
  useEvents(["broadcast"], () => loaded.reload());
  return html`<${Head} title=${t("Broadcasts")}>${may("operator") && html`<button class="primary" onClick=${() => set(!open)} aria-expanded=${open}>${open ? t("Cancel") : t("New broadcast")}</button>`}</${Head}>
  <div class="stack">${open && html`<${New} done=${() => { set(false); loaded.reload(); }} />`}
    <${Loaded} of=${loaded}>${(data) => data.broadcasts.length === 0 ? html`<div class="card"><${Empty} title=${t("No broadcasts")}>${t("Write one message, upload a list of numbers, look at the plan, then send it: slowly, within your hours, never twice.")}</${Empty}></div>` : data.broadcasts.map((each) => html`<${One} key=${each.name} of=${each} reload=${loaded.reload} />`)}</${Loaded}></div>`;
}

const KIND = { running: "accent", done: "good", paused: "warn", cancelled: "" };
function One({ of, reload }) {
  const [busy, run] = useWork(), total = Object.values(of.counts).reduce((a, b) => a + b, 0), over = total - of.counts.waiting - of.counts.sending;
  const step = (name) => run(async () => { await post(`/broadcasts/${encodeURIComponent(of.name)}/${name}`); await reload(); });
  return html`<section class="card stack tight"><div class="row wrap"><h2 class="grow">${of.name}</h2><${Badge} kind=${KIND[of.state]}>${t(of.state)}</${Badge}><span class="small soft"><${Time} at=${of.created_at} /></span>
      ${may("operator") && of.state === "running" && html`<button disabled=${busy} onClick=${() => step("pause")}>${t("Pause")}</button>`}${may("operator") && of.state === "paused" && html`<button disabled=${busy} onClick=${() => step("resume")}>${t("Go on")}</button>`}${may("operator") && ["running", "paused"].includes(of.state) && html`<button class="danger" disabled=${busy} onClick=${() => confirm(`${t("End for good")}: ${of.name}?`) && step("cancel")}>${t("End for good")}</button>`}</div>
    <progress class="bar" max=${total || 1} value=${over} aria-label=${`${of.name}: ${over} / ${total}`}></progress>
    <p class="small soft num">${count(of.counts.sent)} ${t("sent")} · ${count(of.counts.waiting + of.counts.sending)} ${t("waiting")} · ${count(of.counts.skipped)} ${t("skipped")} · ${count(of.counts.failed)} ${t("failed")}</p>
    ${of.reasons.length > 0 && html`<details><summary class="small">${t("Why some got nothing")}</summary><ul class="problems small">${of.reasons.map((each) => html`<li key=${each.reason}>${count(each.count)} × ${t(each.reason)}</li>`)}</ul></details>`}</section>`;
}

function New({ done }) {
  const [form, set] = useState({ name: "", text: "", template: "", language: "id", at: "" }), [file, setFile] = useState(null), [plan, setPlan] = useState(null), [error, setError] = useState(null), [busy, setBusy] = useState(false);
  const field = (name) => ({ value: form[name], onInput: (event) => { set({ ...form, [name]: event.target.value }); setPlan(null); } });
  const send = async (dry) => {
    const keys = { name: form.name.trim(), ...(form.text.trim() ? { text: form.text } : {}), ...(form.template.trim() ? { template: { name: form.template.trim(), language: form.language } } : {}), ...(form.at ? { at: form.at.replace("T", " ") } : {}) };
    const body = new FormData();
    body.append("broadcast", JSON.stringify(keys)); body.append("file", file);
    setBusy(true); setError(null);
    try { const planned = await call("POST", `/broadcasts?dry_run=${dry}`, body); if (dry) setPlan(planned); else { say(t("Recorded; it is being sent.")); done(); } } catch (failure) { setError(failure); setPlan(null); }
    setBusy(false);
  };
  return html`<form class="card stack" onSubmit=${(event) => { event.preventDefault(); send(true); }}><h2>${t("New broadcast")}</h2>
    <div class="field-grid"><label>${t("Name")}<input required pattern="[A-Za-z_][A-Za-z0-9_\\-]*" placeholder="promo-desember" ...${field("name")} /></label><label>${t("Begins (empty: at once)")}<input type="datetime-local" ...${field("at")} /></label></div>
    <label>${t("Text")}<textarea rows="4" placeholder="Halo {contact.first_name|Kak}, …" ...${field("text")}></textarea><span class="small soft">${t("For customers who wrote within 24 hours. {row.column} and {contact.first_name} are filled in.")}</span></label>
    <div class="field-grid"><label>${t("Template of the platform (for everybody else)")}<input ...${field("template")} /></label><label>${t("Recipients: CSV with a column phone, email or id")}<input type="file" accept=".csv,text/csv" required onChange=${(event) => { setFile(event.target.files[0] || null); setPlan(null); }} /></label></div>
    ${error && html`<div class="notice bad" role="alert"><div>${remedy(error)}</div></div>`}
    ${plan && html`<div class="stack tight" role="status"><h3>${t("The plan")}</h3><p class="num">${count(plan.to_send)} ${t("of")} ${count(plan.audience)} ${t("get it")}${plan.cost ? ` · ${rupiah(plan.cost)}` : ""} · ${t("takes")} ${seconds(plan.seconds)}</p>
      ${Object.entries(plan.skipped).map(([why, n]) => html`<p class="small" key=${why}><${Badge} kind="warn">${count(n)}</${Badge}> ${t(why)}</p>`)}${plan.left_out.slice(0, 10).map((each) => html`<p class="small soft" key=${each.line}>${t("Line")} ${each.line}: ${t(each.reason)}</p>`)}${plan.example && html`<pre tabIndex="0">${plan.example}</pre>`}</div>`}
    <div class="row"><button disabled=${busy || !form.name || !file}>${t("Look at the plan")}</button><button type="button" class="primary" disabled=${busy || !plan || !plan.to_send} onClick=${() => send(false)}>${plan ? `${t("Send to")} ${count(plan.to_send)}` : t("Send")}</button></div></form>`;
}
