// Actions: what the agent can do, and a call by hand.
import { useState } from "../../vendor/hooks.js";
import { get, may, post } from "../api.js";
import { Badge, Empty, Head, html, json, Loaded, remedy, seconds, useLoad } from "../ui.js";
import { said, t } from "../i18n.js";

export function Actions() {
  const loaded = useLoad(() => get("/actions?limit=500"));
  return html`<${Head} title=${t("Actions")} /><${Loaded} of=${loaded}>${(data) => data.actions.length === 0 ? html`<div class="card"><${Empty} title=${t("No actions")}>${t("Actions let the agent look up orders, book tables and more. Add them to actions: in the configuration.")} <a href="#/config">${t("Configuration")}</a></${Empty}></div>`
    : html`<div class="stack">${data.actions.map((action) => html`<${One} key=${action.name} action=${action} />`)}</div>`}</${Loaded}>`;
}

function One({ action }) {
  const fields = Object.entries(action.parameters.properties || {}), required = action.parameters.required || [];
  const [values, set] = useState({}), [contact, setContact] = useState(""), [result, setResult] = useState(null), [error, setError] = useState(null), [busy, setBusy] = useState(false);
  const run = async (live) => {
    if (live && action.effect && !confirm(t("This changes something for real. Go on?"))) return;
    setBusy(true); setError(null); setResult(null);
    const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "").map(([name, value]) => [name, typed(value, action.parameters.properties[name])]));
    try { setResult(await post(`/actions/${encodeURIComponent(action.name)}/test`, { arguments: given, live, ...(contact.trim() ? { contact: contact.trim() } : {}) })); } catch (failure) { setError(failure); }
    setBusy(false);
  };
  return html`<details class="card"><summary class="row wrap" style=${{ cursor: "pointer" }}><h2 class="mono">${action.name}</h2>${action.effect && html`<${Badge} kind="warn">${t("changes something")}</${Badge}>`}${action.confirm && html`<${Badge} kind="human">${t("asks first")}</${Badge}>`}${action.builtin && html`<${Badge}>${t("built in")}</${Badge}>`}<span class="soft" style=${{ flexBasis: "100%" }}>${t(action.description)}</span></summary>
    <form class="stack" style=${{ marginTop: "16px" }} onSubmit=${(event) => { event.preventDefault(); run(false); }}>
      <div class="field-grid">${fields.map(([name, schema]) => html`<label key=${name}><span>${name}${required.includes(name) ? "" : html` <span class="soft small">${t("optional")}</span>`}</span><input value=${values[name] || ""} aria-invalid=${error?.field === name} onInput=${(event) => set({ ...values, [name]: event.target.value })} />${schema.description && html`<span class="soft small">${t(schema.description)}</span>`}</label>`)}
        <label><span>${t("As this customer (optional)")}</span><input value=${contact} placeholder="+62812…" onInput=${(event) => setContact(event.target.value)} /></label></div>
      <div class="row"><button disabled=${busy}>${t("Check only")}</button>${may("operator") && html`<button type="button" class="primary" disabled=${busy} onClick=${() => run(true)}>${t("Call for real")}</button>`}</div>
      ${error && html`<div class="notice bad" role="alert"><div>${remedy(error)}</div></div>`}
      ${result && html`<div class="stack tight" role="status"><div class="row"><${Badge} kind=${result.status === "done" ? "good" : result.status === "dry" ? "accent" : "bad"}>${result.status === "dry" ? t("fine, not called") : t(result.status)}</${Badge}><span class="soft small">${seconds(result.seconds)}</span></div><pre tabIndex="0">${said(result.content)}</pre>${result.data != null && html`<pre tabIndex="0">${json(result.data)}</pre>`}</div>`}
    </form></details>`;
}

function typed(value, schema) {
  const kind = [].concat(schema?.type || "string")[0];
  if (["integer", "number"].includes(kind) && value.trim() !== "" && !Number.isNaN(Number(value))) return Number(value);
  if (kind === "boolean") return ["true", "yes", "ya", "1"].includes(value.trim().toLowerCase());
  if (["object", "array"].includes(kind)) { try { return JSON.parse(value); } catch { return value; } }
  return value;
}
