// Configuration: agent.yaml with its problems at their lines, what changes, and putting it in place while messages flow.
import { useEffect, useMemo, useRef, useState } from "../../vendor/hooks.js";
import { call, get, may } from "../api.js";
import { Badge, Failed, Head, html, Loaded, remedy, say, useLoad, when } from "../ui.js";
import { t } from "../i18n.js";

export function Config() {
  const loaded = useLoad(async () => { const [data, editor] = await Promise.all([get("/agent/config"), import("../editor.js")]); return { data, editor }; }); // the editor's library is large and used here only
  return html`${!loaded.data && html`<${Head} title=${t("Configuration")} />`}<${Loaded} of=${loaded} rows=${10}>${({ data, editor }) => html`<${Editor} data=${data} editor=${editor} />`}</${Loaded}>`;
}

function Editor({ data, editor }) {
  const [text, set] = useState(data.yaml), [problems, setProblems] = useState(data.warnings.map((each) => ({ ...each, kind: "warn" }))), [error, setError] = useState(null), [busy, setBusy] = useState(false), [before, setBefore] = useState(null), [processes, setProcesses] = useState(data.processes), [restart, setRestart] = useState(data.restart);
  const view = useRef(null), base = useRef(data.yaml);
  const changed = text !== base.current, admin = may("admin");
  const put = async (content, query) => {
    setBusy(true); setError(null);
    try {
      const answer = await call("PUT", `/agent/config${query}`, { yaml: content });
      setProblems(answer.warnings.map((each) => ({ ...each, kind: "warn" })));
      setBusy(false);
      return answer;
    } catch (failure) {
      setProblems(failure.problems || []);
      setError(failure);
      setBusy(false);
      return null;
    }
  };
  useEffect(() => { // problems appear while typing: the server checks, a moment after the last key
    if (!admin || !changed) return undefined;
    const timer = setTimeout(async () => { try { await call("PUT", "/agent/config?check=true", { yaml: text }); setProblems([]); setError(null); } catch (failure) { if (failure.problems.length) setProblems(failure.problems); } }, 700);
    return () => clearTimeout(timer);
  }, [text]);
  const swap = async (save) => {
    const old = base.current, answer = await put(text, save ? "?save=true" : "");
    if (!answer) return;
    setBefore((first) => ({ yaml: old, saved: save || Boolean(first?.saved) })); base.current = answer.yaml; editor.replace(view.current, answer.yaml);
    setProcesses(answer.processes); setRestart(answer.restart);
    if (answer.note) { say(t("In place here; some processes keep the earlier one."), "warn"); return; }
    say(save ? t("In place and saved; no message was lost.") : t("In place until the next restart; no message was lost."));
  };
  const back = async () => { const answer = await put(before.yaml, before.saved ? "?save=true" : ""); if (answer) { setProcesses(answer.processes); setRestart(answer.restart); base.current = answer.yaml; editor.replace(view.current, answer.yaml); setBefore(null); say(t("The earlier configuration is back.")); } };
  return html`<${Head} title=${t("Configuration")}>${before !== null && html`<button disabled=${busy} onClick=${back}>${t("Roll back")}</button>`}${admin && html`<button disabled=${busy || !changed} onClick=${() => swap(false)}>${t("Put in place")}</button><button class="primary" disabled=${busy || !changed} onClick=${() => swap(true)}>${busy ? t("Working…") : t("Put in place and save")}</button>`}</${Head}>
  <div class="stack">
    <p class="soft small">${data.file} · ${t("Secrets are masked; a mask that stays means the secret in place.")} ${!admin && t("Only an admin can change it.")}</p>
    ${restart.length > 0 && html`<div class="notice warn" role="status"><div>${t("Takes effect with the next start:")} <span class="mono">${restart.join(", ")}</span></div></div>`}
    ${error && !error.problems?.length && html`<${Failed} error=${error} />`}
    ${problems.length > 0 && html`<ul class="problems" aria-label=${t("Problems")} role="list">${problems.map((each) => html`<li key=${`${each.line}${each.message}`}><button class="quiet" onClick=${() => editor.jump(view.current, each.line, each.column)}><${Badge} kind=${each.kind || "bad"}>${t("Line")} ${each.line}</${Badge}> ${t(each.message)}</button></li>`)}</ul>`}
    <${editor.YamlEditor} view=${view} text=${text} onText=${set} problems=${problems} readOnly=${!admin} label=${data.file} onSave=${() => { if (changed && admin) swap(false); }} />
    <p class="small soft">${t("Ctrl+S puts it in place, Ctrl+F searches, F8 goes to the next problem.")}</p>
    ${changed && html`<section class="card"><h2>${t("What changes")}</h2><${Diff} before=${base.current} after=${text} /></section>`}
    ${processes.length > 0 && html`<section class="card"><h2>${t("Processes")}</h2><ul class="problems" role="list">${processes.map((each) => html`<li key=${each.id}><${Badge} kind=${{ current: "good", behind: "warn", refused: "bad" }[each.state]}>${t({ current: "goes by it", behind: "keeps the earlier one", refused: "could not take it" }[each.state])}</${Badge}> ${each.kind} <span class="mono small">${each.id}</span>${each.reason && html` <span class="small">${t(each.reason)}</span>`}</li>`)}</ul></section>`}
    ${admin && html`<${Audit} />`}
  </div>`;
}

function Diff({ before, after }) {
  const parts = useMemo(() => diff(before.split("\n"), after.split("\n")), [before, after]);
  return html`<pre class="diff" tabIndex="0">${parts.map(([sign, line], at) => html`<div key=${at} class=${sign === "+" ? "add" : sign === "-" ? "del" : "soft"}>${sign} ${line}</div>`)}</pre>`;
}

export function diff(a, b) { // longest common subsequence between what is alike at both ends
  let head = 0, tail = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head++;
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const x = a.slice(head, a.length - tail), y = b.slice(head, b.length - tail), table = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--) for (let j = y.length - 1; j >= 0; j--) table[i][j] = x[i] === y[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  const out = a.slice(Math.max(0, head - 2), head).map((line) => [" ", line]);
  let i = 0, j = 0;
  while (i < x.length || j < y.length) {
    if (i < x.length && j < y.length && x[i] === y[j]) { out.push([" ", x[i]]); i++; j++; }
    else if (j >= y.length || (i < x.length && table[i + 1][j] >= table[i][j + 1])) out.push(["-", x[i++]]);
    else out.push(["+", y[j++]]);
  }
  return [...out, ...a.slice(a.length - tail, a.length - tail + 2).map((line) => [" ", line])];
}

function Audit() {
  const [open, set] = useState(false);
  return html`<details class="card" onToggle=${(event) => set(event.target.open)}><summary><h2 style=${{ display: "inline" }}>${t("Who did what")}</h2></summary>${open && html`<${Trail} />`}</details>`;
}
function Trail() {
  const loaded = useLoad(() => get("/audit?limit=50"));
  return html`<${Loaded} of=${loaded}>${(data) => html`<div class="scroll" tabIndex="0"><table><tbody>${data.audit.map((each) => html`<tr key=${each.n}><td class="small">${when(each.at)}</td><td>${each.name || t("wrong token")}</td><td class="mono">${each.method} ${each.path}</td><td class="num">${each.status}</td></tr>`)}</tbody></table></div>`}</${Loaded}>`;
}
