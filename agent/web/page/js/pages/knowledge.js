// Knowledge: questions to answer, what is found for a question, and where documents come from.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { call, get, listen, may, post } from "../api.js";
import { Badge, count, Empty, Head, html, Loaded, Time, useEvents, useLoad, useWork } from "../ui.js";
import { Hits } from "../steps.js";
import { t } from "../i18n.js";

export function Knowledge() {
  const sources = useLoad(() => get("/knowledge/sources?limit=500")), gaps = useLoad(() => get("/knowledge/gaps?limit=200"));
  const [sync, setSync] = useState(null);
  useEffect(() => { get("/knowledge/status").then(setSync, () => {}); return listen(["sync"], (_name, data) => { setSync(data); if (!data.syncing) sources.reload(); }); }, []);
  useEvents(["turn"], () => gaps.reload());
  const [busy, run] = useWork();
  const again = () => run(async () => { setSync({ syncing: true, progress: [] }); try { await post("/knowledge/sync", {}); } finally { setSync({ syncing: false, progress: [] }); await sources.reload(); } }, t("The sources were read."));
  return html`<${Head} title=${t("Knowledge")}>${may("operator") && html`<button disabled=${busy || sync?.syncing} onClick=${again}>${sync?.syncing ? t("Reading …") : t("Read sources again")}</button>`}</${Head}>
  <div class="stack">
    ${sync?.syncing && html`<${Progress} steps=${sync.progress || []} />`}
    <section class="card flush" aria-labelledby="gaps"><div class="bar-top"><h2 id="gaps" class="grow">${t("Questions without an answer")}</h2></div>
      <${Loaded} of=${gaps} rows=${3}>${(data) => data.gaps.length === 0 ? html`<${Empty} title=${t("No open questions")}>${t("When customers ask what your documents do not say, the question waits here for your answer.")}</${Empty}>` : html`<ul class="list">${data.gaps.map((gap) => html`<${Gap} key=${gap.id} gap=${gap} reload=${() => { gaps.reload(); sources.reload(); }} />`)}</ul>`}</${Loaded}></section>
    <div class="cols"><${Search} /><div class="stack">${may("operator") && html`<${Add} done=${sources.reload} />`}</div></div>
    <section class="card flush" aria-labelledby="sources"><div class="bar-top"><h2 id="sources" class="grow">${t("Sources")}</h2></div>
      <${Loaded} of=${sources} rows=${4}>${(data) => data.sources.length === 0 ? html`<${Empty} title=${t("No sources yet")}>${t("Upload a document or add an address; the agent answers from it within seconds.")}</${Empty}>` : html`<div class="scroll" tabIndex="0"><table><thead><tr><th>${t("Source")}</th><th class="right">${t("Documents")}</th><th class="right">${t("Passages")}</th><th>${t("Read")}</th><th><span class="sr">${t("Actions")}</span></th></tr></thead><tbody>
        ${data.sources.map((each) => html`<tr key=${each.id}><td style=${{ minWidth: "180px" }}>${each.id} ${each.volatile && html`<${Badge}>${t("changes often")}</${Badge}>`}${each.error && html`<div class="small"><${Badge} kind="bad">${t("cannot be read")}</${Badge}> ${t(each.error)}</div>`}${each.problems.map((problem) => html`<div class="small soft" key=${problem}>${t(problem)}</div>`)}</td>
          <td class="right num" data-label=${t("Documents")}>${count(each.documents)}</td><td class="right num" data-label=${t("Passages")}>${count(each.passages)}</td><td data-label=${t("Read")}>${each.verified_at ? html`<${Time} at=${each.verified_at} />` : html`<span class="soft">${t("not yet")}</span>`}</td>
          <td class="right">${may("operator") && data.added.includes(each.id) && html`<button class="quiet danger" aria-label=${`${t("Remove")} ${each.id}`} disabled=${busy} onClick=${() => confirm(`${t("Remove")} ${each.id}?`) && run(async () => { await call("DELETE", `/knowledge/sources/${each.id.split("/").map(encodeURIComponent).join("/")}`); await sources.reload(); }, t("The source is removed."))}>${t("Remove")}</button>`}</td></tr>`)}</tbody></table></div>`}</${Loaded}></section>
  </div>`;
}

const Progress = ({ steps }) => html`<section class="card stack tight" role="status" aria-label=${t("Reading …")}>${steps.length === 0 && html`<span>${t("Reading …")}</span><progress class="bar"></progress>`}${steps.map((each) => html`<div class="stack tight" key=${each.source}><span class="row"><span class="grow">${each.source}</span><span class="num soft">${each.done} / ${each.total}</span></span><progress class="bar" max=${each.total || 1} value=${each.done} aria-label=${each.source}></progress></div>`)}</section>`;

function Gap({ gap, reload }) {
  const [open, set] = useState(false), [answer, setAnswer] = useState(""), [busy, run] = useWork(), box = useRef(null), begin = useRef(null), opened = useRef(false);
  useEffect(() => { if (open) box.current?.focus(); else if (opened.current) begin.current?.focus(); opened.current = open; }, [open]);
  const close = (body, done) => run(async () => { await post(`/knowledge/gaps/${gap.id}`, body); reload(); }, done);
  return html`<li style=${{ padding: "12px 16px", borderBottom: "1px solid var(--line)" }}><div class="row wrap"><div class="grow"><b>${gap.question}</b>${gap.others.length > 0 && html`<p class="small">${gap.others.join(" · ")}</p>`}</div><${Badge} kind="accent">${gap.times} ×</${Badge}>
    ${may("operator") && !open && html`<button ref=${begin} onClick=${() => set(true)}>${t("Answer")}</button><button class="quiet" disabled=${busy} onClick=${() => close({ drop: true }, t("The question is dropped."))}>${t("Drop")}</button>`}</div>
    ${open && html`<form class="stack tight" style=${{ marginTop: "8px" }} onKeyDown=${(event) => { if (event.key === "Escape") set(false); }} onSubmit=${(event) => { event.preventDefault(); close({ answer }, t("The agent knows it from now on.")); }}><label class="sr" for=${`gap${gap.id}`}>${t("The answer")}</label><textarea id=${`gap${gap.id}`} ref=${box} rows="3" placeholder=${t("The answer, as customers are to read it")} value=${answer} onInput=${(event) => setAnswer(event.target.value)}></textarea>
      <div class="row"><button class="primary" disabled=${busy || !answer.trim()}>${busy ? t("Saving …") : t("Save answer")}</button><button type="button" class="quiet" onClick=${() => set(false)}>${t("Cancel")}</button></div></form>`}</li>`;
}

function Search() {
  const [q, setQ] = useState(""), [found, set] = useState(null), [busy, run] = useWork();
  const search = (event) => { event.preventDefault(); if (q.trim()) run(async () => set(await get(`/knowledge/search?q=${encodeURIComponent(q)}`))); };
  return html`<section class="card"><h2>${t("What is found for a question?")}</h2><form class="row" onSubmit=${search}><input type="search" aria-label=${t("Question")} placeholder=${t("e.g. what time do you open on Sunday?")} value=${q} onInput=${(event) => setQ(event.target.value)} /><button disabled=${busy || !q.trim()}>${t("Search")}</button></form>
    ${found && html`<div style=${{ marginTop: "8px" }}>${found.off_topic && html`<p class="small soft">${t("The documents say nothing about this; the agent would not quote them.")}</p>`}<${Hits} hits=${found.hits} /></div>`}</section>`;
}

function Add({ done }) {
  const [over, setOver] = useState(false), [url, setUrl] = useState(""), [busy, run] = useWork();
  const upload = (files) => run(async () => { for (const file of files) { const form = new FormData(); form.append("file", file); await call("POST", "/knowledge/files", form); } await done(); }, t("Uploaded; it is being read."));
  const add = (event) => { event.preventDefault(); run(async () => { await post("/knowledge/sources", url.startsWith("http") ? { url } : { path: url }); setUrl(""); await done(); }, t("Added; it is being read.")); };
  const drop = (event) => { event.preventDefault(); setOver(false); if (event.dataTransfer.files.length) upload([...event.dataTransfer.files]); };
  return html`<section class="card stack"><h2>${t("Add a source")}</h2>
    <div class=${`drop ${over ? "over" : ""}`} onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${drop}><label class="button"><span>${busy ? t("Working…") : t("Upload a document")}</span><input class="sr" type="file" multiple disabled=${busy} accept=".md,.txt,.csv,.tsv,.xlsx,.html,.pdf,.docx,.pptx,.odt,.ods,.epub,.json" onChange=${(event) => { upload([...event.target.files]); event.target.value = ""; }} /></label><span class="small soft grow">${t("or drop it here: Markdown, text, CSV, HTML, PDF, DOCX, XLSX, PPTX, ODT, ODS, EPUB, JSON")}</span></div>
    <form class="row" onSubmit=${add}><input aria-label=${t("Address or path")} placeholder="https://…" value=${url} onInput=${(event) => setUrl(event.target.value)} /><button disabled=${busy || !url.trim()}>${t("Add")}</button></form></section>`;
}
