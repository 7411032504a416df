// Conversations: the list, and one of them with the steps of each reply and a person's part in it.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { get, key, may, post } from "../api.js";
import { ago, Badge, clock, Empty, Head, html, Loaded, nameOf, rupiah, Skeleton, Time, useEvents, useLoad, useWork, when, Words } from "../ui.js";
import { saveScenario } from "../scenario.js";
import { Steps } from "../steps.js";
import { t } from "../i18n.js";

const FILTERS = [["", "All"], ["paused", "A person answers"], ["failed", "Failed"], ["unanswered", "Not answered"], ["opted_out", "Opted out"]];

export function Conversations({ id, query }) {
  const [only, setOnly] = useState(query.get("only") || ""), [q, setQ] = useState(""), [typed, setTyped] = useState("");
  useEffect(() => { const timer = setTimeout(() => setQ(typed.trim()), 250); return () => clearTimeout(timer); }, [typed]);
  useEffect(() => { setOnly(query.get("only") || ""); }, [query.get("only")]);
  const path = (before) => `/conversations?limit=40${only ? `&only=${only}` : ""}${q ? `&q=${encodeURIComponent(q)}` : ""}${before ? `&before=${encodeURIComponent(before)}` : ""}`;
  const loaded = useLoad(() => get(path()), [only, q]), [more, setMore] = useState({ rows: [], next: null }), [busy, run] = useWork();
  useEffect(() => { setMore({ rows: [], next: loaded.data?.next ?? null }); }, [loaded.data]);
  useEvents(["received", "message", "turn", "handover"], () => loaded.reload(), [only, q]);
  const older = () => run(async () => { const page = await get(path(more.next)); setMore({ rows: [...more.rows, ...page.conversations], next: page.next }); });
  return html`<${Head} title=${t("Conversations")} />
  <div class=${`talk ${id ? "one" : ""}`}>
    <section class="card flush lists" aria-label=${t("Conversations")}>
      <div class="filters"><input type="search" aria-label=${t("Search")} placeholder=${t("Name, number, tag …")} value=${typed} onInput=${(event) => setTyped(event.target.value)} />
        <select aria-label=${t("Show")} value=${only} onChange=${(event) => setOnly(event.target.value)}>${FILTERS.map(([value, label]) => html`<option value=${value} key=${value}>${t(label)}</option>`)}</select></div>
      <${Loaded} of=${loaded} rows=${8}>${(data) => data.conversations.length === 0
        ? (only || q ? html`<${Empty} title=${t("Nothing fits")}>${t("No conversation fits this search. Clear it to see all.")}</${Empty}>` : html`<${Empty} title=${t("Nobody has written yet")}>${t("Connect your platform's webhook; every customer who writes appears here at once.")}</${Empty}>`)
        : html`<ul class="list">${[...data.conversations, ...more.rows].map((each) => html`<${Row} key=${key(each.contact.key)} of=${each} current=${key(each.contact.key) === id} />`)}</ul>
          ${more.next && html`<div class="more"><button class="quiet" disabled=${busy} onClick=${older}>${t("Show older")}</button></div>`}`}</${Loaded}>
    </section>
    <section class="card flush one-pane" aria-label=${t("Conversation")}>${id ? html`<${One} id=${id} key=${id} />` : html`<${Empty} title=${t("Choose a conversation")}>${t("You see every message, and for each reply why the agent gave it. You can take over at any time.")}</${Empty}>`}</section>
  </div>`;
}

function state(of) {
  if (of.paused) return html`<${Badge} kind="human">${t("person")}</${Badge}>`;
  if (of.opted_out_at) return html`<${Badge}>${t("opted out")}</${Badge}>`;
  if (of.waiting) return html`<${Badge} kind="accent">${t("thinking")}</${Badge}>`;
  if (of.outcome === "failed") return html`<${Badge} kind="bad">${t("failed")}</${Badge}>`;
  if (["not_known", "limit", "outside_hours"].includes(of.outcome)) return html`<${Badge} kind="warn">${t("not answered")}</${Badge}>`;
  return null;
}

const Row = ({ of, current }) => html`<li><a href=${`#/conversations/${key(of.contact.key)}`} aria-current=${current ? "true" : null}>
  <span class="row"><b class="grow">${nameOf(of.contact)}</b>${state(of)}<small class="soft"><${Time} at=${of.last_inbound_at} /></small></span>
  <p>${of.last ? `${of.last.author === "contact" ? "" : "↩ "}${of.last.text}` : ""}</p></a></li>`;

function One({ id }) {
  const loaded = useLoad(() => get(`/conversations/${id}?limit=100`), [id]), thread = useRef(null), bottom = useRef(true);
  const [older, setOlder] = useState({ rows: [], sent: [], next: undefined }), [busy, run] = useWork();
  const mine = decodeURIComponent(id);
  useEvents(["received", "message", "turn", "handover", "payment"], () => loaded.reload(), [id]);
  const data = loaded.data;
  useEffect(() => { if (thread.current && bottom.current) thread.current.scrollTop = thread.current.scrollHeight; }, [data]);
  if (!data) return loaded.error ? html`<div style=${{ padding: "16px" }}><${Loaded} of=${loaded} /></div>` : html`<div style=${{ padding: "16px" }}><${Skeleton} /></div>`;
  const { summary } = data, next = older.next === undefined ? data.next : older.next;
  const earlier = () => run(async () => { bottom.current = false; const page = await get(`/conversations/${id}?limit=100&before=${next}`); setOlder({ rows: [...page.messages, ...older.rows], sent: [...page.sent, ...older.sent], next: page.next }); });
  const act = (path, body, done) => run(async () => { await post(`/conversations/${id}/${path}`, body); await loaded.reload(); return true; }, done);
  const turns = Object.fromEntries(data.turns.map((turn) => [turn.id, turn]));
  const lines = [...older.rows, ...data.messages], sent = [...older.sent, ...data.sent], shown = new Set(lines.filter((line) => line.author === "agent").map((line) => line.turn));
  const silent = data.turns.filter((turn) => turn.state !== "done" && !shown.has(turn.id));
  return html`
    <div class="bar-top"><a class="button quiet back" href="#/conversations">${t("Back")}</a><div class="grow"><h2>${nameOf(summary.contact)}</h2><p class="small soft">${[summary.contact.phone, summary.contact.email, mine].filter(Boolean).join(" · ")}</p></div>
      ${(summary.contact.tags || []).map((tag) => html`<${Badge} key=${tag}>${tag}</${Badge}>`)}${state(summary)}
      ${may("operator") && (summary.paused ? html`<button class="primary" disabled=${busy} onClick=${() => act("resume", undefined, t("The agent answers again."))}>${t("Give back")}</button>` : html`<button disabled=${busy} onClick=${() => act("pause", { for: null }, t("You answer now; the agent is silent."))}>${t("Take over")}</button>`)}<button onClick=${() => saveScenario(`/conversations/${id}/scenario`)}>${t("Save as scenario")}</button></div>
    ${loaded.error && html`<${Loaded} of=${loaded}>${() => null}</${Loaded}>`}
    ${summary.paused && html`<div class="notice" role="status"><div>${t("A person answers")}${summary.paused.by ? ` (${t(summary.paused.by)})` : ""}${summary.paused.until ? `, ${t("until")} ${when(summary.paused.until)}` : `, ${t("until it is given back")}`}</div></div>`}
    <div class="thread" ref=${thread} tabIndex="0" aria-label=${t("Messages")} onScroll=${(event) => { const box = event.currentTarget; bottom.current = box.scrollHeight - box.scrollTop - box.clientHeight < 60; }}>
      ${next && html`<button class="quiet" disabled=${busy} onClick=${earlier}>${t("Show older")}</button>`}
      ${lines.map((line, at) => html`<${Bubble} key=${`${line.at}${at}`} line=${line} turn=${turns[line.turn]} sent=${line.author === "agent" && line.turn ? sent.filter((each) => each.turn === line.turn) : []} reload=${loaded.reload} />`)}
      ${silent.map((turn) => html`<${Silent} key=${turn.id} turn=${turn} reload=${loaded.reload} />`)}
      ${summary.waiting && html`<p class="soft small" role="status">${t("The agent is thinking …")}</p>`}
    </div>
    ${data.payments.length > 0 && html`<div class="bar-top small"><span class="soft">${t("Payments")}:</span>${data.payments.slice(0, 4).map((each) => html`<${Badge} key=${each.id} kind=${each.state === "paid" ? "good" : ""}>${rupiah(each.amount)} · ${t(each.state)}</${Badge}>`)}</div>`}
    ${may("operator") && html`<${SamePerson} id=${id} reload=${loaded.reload} />`}
    ${may("operator") && html`<${Composer} act=${act} busy=${busy} paused=${summary.paused} />`}`;
}

function SamePerson({ id, reload }) {
  const loaded = useLoad(() => get(`/contacts/${id}`), [id]), [open, set] = useState(false), [other, setOther] = useState(""), [busy, run] = useWork();
  if (!loaded.data) return null;
  const others = loaded.data.same_person, again = () => Promise.all([loaded.reload(), reload()]);
  const join = (event) => { event.preventDefault(); if (confirm(`${t("Are they really one person? Each conversation learns what the other told.")} ${decodeURIComponent(id)} = ${other.trim()}`)) run(async () => { await post(`/contacts/${id}/merge`, { with: other.trim() }); set(false); setOther(""); await again(); }, t("They are one person now.")); };
  const part = () => confirm(t("Part them? What was carried is taken back; an opt-out stays.")) && run(async () => { await post(`/contacts/${id}/split`); await again(); }, t("They are parted."));
  return html`<div class="bar-top small">${others.length > 0 && html`<span class="soft">${t("The same person")}:</span>${others.map((each) => html`<a key=${key(each)} href=${`#/conversations/${key(each)}`}>${each.platform}:${each.id}</a>`)}<button class="quiet" disabled=${busy} onClick=${part}>${t("Part them")}</button>`}
    ${open ? html`<form class="row wrap grow" onSubmit=${join}><label class="sr" for="same">${t("Who is the same person")}</label><input id="same" class="grow" required placeholder="telegram:12345, +62812…" value=${other} onInput=${(event) => setOther(event.target.value)} /><button class="primary" disabled=${busy || !other.trim()}>${t("Join")}</button><button type="button" onClick=${() => set(false)}>${t("Cancel")}</button></form>` : html`<button class="quiet" onClick=${() => set(true)}>${t("Same person elsewhere …")}</button>`}</div>`;
}

function Attachments({ of }) {
  return (of || []).map((each, at) => {
    const own = /^https?:/.test(each.url || "") && new URL(each.url).pathname.startsWith("/media/");
    return html`<p class="small" key=${at}>${own && each.kind === "image" ? html`<img src=${new URL(each.url).pathname} alt=${each.name || t("Picture")} />` : /^https?:/.test(each.url || "") ? html`<a href=${each.url} target="_blank" rel="noopener noreferrer nofollow">${each.name || t(each.kind)}</a>` : t(each.kind)}${each.transcript ? ` — “${each.transcript}”` : ""}</p>`;
  });
}

// A message of a reply as the customer sees it, and whether it came.
function Sent({ of: { content, state, reason } }) {
  return html`${content.url ? html`<${Attachments} of=${[content]} />` : html`<${Words} text=${content.text ?? content.title} />`}
    ${content.replies && html`<p class="row wrap">${content.replies.map((each) => html`<${Badge} key=${each}>${each}</${Badge}>`)}</p>`}
    ${["failed", "skipped", "uncertain"].includes(state) && html`<p class="small"><${Badge} kind=${state === "failed" ? "bad" : "warn"}>${t(state)}</${Badge}> ${t(reason) || ""}</p>`}`;
}

const WHO = { contact: "Customer", agent: "Agent", human: "Person" };
const shows = ({ content }) => "text" in content || "replies" in content || "url" in content;
function Bubble({ line, turn, sent, reload }) {
  const [open, set] = useState(false), box = useRef(null), parts = sent.every(shows) ? sent : [], last = parts[parts.length - 1];
  useEffect(() => { if (open) setTimeout(() => box.current?.scrollIntoView({ block: "nearest" }), 250); }, [open]);
  return html`${parts.slice(0, -1).map((part) => html`<article class="bubble agent" key=${part.id}><${Sent} of=${part} /></article>`)}<article ref=${box} class=${`bubble ${line.author} ${open ? "wide" : ""}`}>${last ? html`<${Sent} of=${last} />` : html`<${Words} text=${line.text} />`}<${Attachments} of=${line.attachments} />
    <div class="meta"><span>${t(WHO[line.author])}</span><time dateTime=${line.at} title=${when(line.at)}>${clock(line.at)}</time>
      ${line.author === "agent" && turn?.state === "failed" && html`<${Badge} kind="bad">${t("failed")}</${Badge}><span>${t(turn.reason) || ""}</span><${Retry} id=${turn.id} done=${reload} />`}
      ${line.author === "agent" && line.turn && html`<button class="quiet" aria-expanded=${open} onClick=${() => set(!open)}>${open ? t("Hide") : t("Why this answer?")}</button>`}</div>
    ${open && html`<${Why} turn=${line.turn} />`}</article>`;
}

function Why({ turn }) {
  const loaded = useLoad(() => get(`/turns/${turn}`), [turn]);
  return html`<${Loaded} of=${loaded} rows=${2}>${(data) => html`<p class="small soft">${[t(data.turn.reason), data.turn.handover && `${t("handed over")}: ${t(data.turn.handover)}`].filter(Boolean).join(" · ")}</p><${Steps} steps=${data.steps} />
    ${data.deliveries.filter((each) => each.state !== "sent").map((each) => html`<p class="small" key=${each.id}><${Badge} kind=${each.state === "failed" ? "bad" : "warn"}>${t(each.state)}</${Badge}> ${t(each.reason) || ""}${each.state === "failed" && html` <${Retry} id=${each.id} />`}</p>`)}`}</${Loaded}>`;
}

function Retry({ id, done }) {
  const [busy, run] = useWork();
  return may("operator") && html`<button disabled=${busy} onClick=${() => run(async () => { await post(`/dead/${encodeURIComponent(id)}/retry`); done?.(); }, t("It is tried again."))}>${t("Try again")}</button>`;
}

function Silent({ turn, reload }) {
  const [open, set] = useState(false);
  if (turn.state === "abandoned" || turn.state === "running") return null;
  return html`<article class=${`bubble ${open ? "wide" : ""}`} style=${{ justifySelf: "end" }}><div class="meta"><${Badge} kind=${turn.state === "failed" ? "bad" : ""}>${turn.state === "failed" ? t("failed") : t("silent")}</${Badge}><span>${t(turn.reason) || ""}</span><span>${ago(turn.started_at)}</span>
    <button class="quiet" aria-expanded=${open} onClick=${() => set(!open)}>${open ? t("Hide") : t("Why?")}</button>${turn.state === "failed" && html`<${Retry} id=${turn.id} done=${reload} />`}</div>${open && html`<${Why} turn=${turn.id} />`}</article>`;
}

function Composer({ act, busy, paused }) {
  const [text, set] = useState(""), [kind, setKind] = useState("reply");
  const send = async (event) => {
    event?.preventDefault();
    if (!text.trim()) return;
    const sent = text;
    set("");
    const done = await act(kind, { text: sent }, kind === "reply" ? null : t("The note is left for your colleagues."));
    if (!done) set((now) => now || sent); // it was refused: the words stay
  };
  const press = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event); };
  return html`<form class="composer" onSubmit=${send}><label class="sr" for="words">${kind === "reply" ? t("Reply to the customer") : t("Note for colleagues")}</label>
    <textarea id="words" rows="2" value=${text} placeholder=${kind === "reply" ? t("Reply to the customer") : t("Note for colleagues")} onInput=${(event) => set(event.target.value)} onKeyDown=${press}></textarea>
    <div class="row wrap"><select style=${{ width: "auto" }} aria-label=${t("Kind")} value=${kind} onChange=${(event) => setKind(event.target.value)}><option value="reply">${t("Reply")}</option><option value="note">${t("Note")}</option></select>
      <span class="small soft grow">${kind === "reply" && !paused ? t("A reply takes the conversation over.") : ""}</span><button class="primary" disabled=${busy || !text.trim()}>${kind === "reply" ? t("Send") : t("Leave note")}</button></div></form>`;
}
