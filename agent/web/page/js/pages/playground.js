// Playground: talk to the agent as a customer; each step as it happens; the conversation as a scenario.
import { useEffect, useRef, useState } from "../../vendor/hooks.js";
import { call, may } from "../api.js";
import { saveScenario } from "../scenario.js";
import { Badge, dollars, Empty, Head, html, remedy, seconds, Words } from "../ui.js";
import { Steps } from "../steps.js";
import { t } from "../i18n.js";

const dataUrl = (file) => new Promise((done, failed) => { const reader = new FileReader(); reader.onload = () => done(reader.result); reader.onerror = failed; reader.readAsDataURL(file); });

export function Playground() {
  const [lines, setLines] = useState([]), [session, setSession] = useState(null), [contact, setContact] = useState(""), [text, setText] = useState("");
  const [file, setFile] = useState(null), [live, setLive] = useState(false), [busy, setBusy] = useState(false), thread = useRef(null), box = useRef(null);
  useEffect(() => { if (thread.current) thread.current.scrollTop = thread.current.scrollHeight; }, [lines]);
  const change = (at, more) => setLines((old) => old.map((line, place) => (place === at ? { ...line, ...more } : line)));
  const send = async (event) => {
    event?.preventDefault();
    if (busy || (!text.trim() && !file)) return;
    const said = text.trim(), sent = file, at = lines.length;
    const body = { live, ...(said ? { text: said } : {}), ...(session ? { session } : {}), ...(contact.trim() ? { contact: contact.trim() } : {}) };
    setText(""); setFile(null); setBusy(true);
    setLines((old) => [...old, { said, file: sent?.name, voice: sent?.type.startsWith("audio/"), steps: [], answer: null, error: null }]);
    try {
      if (sent) body[sent.type.startsWith("audio/") ? "audio_url" : "image_url"] = await dataUrl(sent);
      const answer = await stream(body, (step) => setLines((old) => old.map((line, place) => (place === at ? { ...line, steps: [...line.steps, step] } : line))));
      setSession(answer.session);
      change(at, { answer, steps: answer.steps });
    } catch (error) { // nothing was sent to anybody: the words come back, to be said again
      change(at, { error: error.code === "offline" ? t("The connection broke off before the answer. Send it again once the server is back.") : remedy(error) });
      setText((now) => now || said); setFile((now) => now || sent);
    }
    setBusy(false);
    box.current?.focus();
  };
  const restart = () => { setLines([]); setSession(null); box.current?.focus(); };
  const press = (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event); };
  return html`<${Head} title=${t("Playground")}><button disabled=${!lines.some((line) => line.answer)} onClick=${() => saveScenario(`/agent/test/${session}/scenario`)}>${t("Save as scenario")}</button><button onClick=${restart} disabled=${!lines.length || busy}>${t("Start again")}</button></${Head}>
  <section class="card flush">
    <div class="bar-top"><label class="grow" style=${{ maxWidth: "320px" }}><span class="small soft">${t("As this customer (optional)")}</span><input value=${contact} disabled=${session !== null} placeholder="+62812…" onInput=${(event) => setContact(event.target.value)} /></label>
      ${may("operator") && html`<label class="check"><input type="checkbox" checked=${live} onChange=${(event) => setLive(event.target.checked)} />${t("Run effects for real")}</label>`}<p class="small soft grow">${t("Nothing is sent to anybody.")}</p></div>
    <div class="thread" ref=${thread} tabIndex="0" aria-label=${t("Messages")} aria-live="polite">
      ${!lines.length && html`<${Empty} title=${t("Write as a customer would")}>${t("You see the reply and every step on the way to it: what was found, what was called, what it cost.")}</${Empty}>`}
      ${lines.map((line, at) => html`<${Exchange} key=${at} line=${line} />`)}</div>
    <form class="composer" onSubmit=${send}><label class="sr" for="say">${t("Message")}</label><textarea id="say" ref=${box} rows="2" value=${text} placeholder=${t("Message")} onInput=${(event) => setText(event.target.value)} onKeyDown=${press}></textarea>
      <div class="row wrap"><label class="button"><span>${file ? file.name : t("Voice or picture")}</span><input class="sr" type="file" accept="audio/*,image/*" onChange=${(event) => setFile(event.target.files[0] || null)} /></label><span class="grow"></span>
        <button class="primary" disabled=${busy || (!text.trim() && !file)}>${busy ? t("Working…") : t("Send")}</button></div></form>
  </section>`;
}

function Exchange({ line }) {
  const { answer } = line;
  return html`<article class="bubble contact"><div class="words">${line.said}</div>${line.file && html`<p class="small soft">${line.file}</p>`}</article>
    ${line.error && html`<div class="notice bad" role="alert"><div>${line.error}</div></div>`}
    ${answer && answer.messages.map((text, at) => html`<article class="bubble agent" key=${at}><${Words} text=${text} /></article>`)}
    ${answer && answer.attachments.map((each, at) => html`<article class="bubble agent" key=${`a${at}`}>${each.url.startsWith("data:image/") ? html`<img src=${each.url} alt=${each.qris ? t("QRIS payment code") : t("Picture")} />` : html`<a href=${each.url} rel="noopener noreferrer">${each.kind}</a>`}</article>`)}
    ${answer && !answer.messages.length && !answer.attachments.length && html`<article class="bubble" style=${{ justifySelf: "end" }}><span class="soft">${t("The agent stays silent.")} ${t(answer.reason) || ""}</span></article>`}
    <div class="bubble wide" style=${{ background: "none", border: "0", padding: 0 }}>
      ${answer && html`<p class="small soft row wrap">${answer.handover && html`<${Badge} kind="human">${t("handed over")}: ${t(answer.handover)}</${Badge}>`}<span class="num">${seconds(answer.seconds)} · ${answer.usage.tokens} ${t("tokens")}${answer.cost ? ` · ${dollars(answer.cost)}` : ""}</span></p>`}
      <${Steps} steps=${line.steps} wait=${!answer && !line.error} /></div>`;
}

async function stream(body, onStep) {
  const answer = await call("POST", "/agent/test", body, { stream: true, headers: { Accept: "text/event-stream" } });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true }));
    if (done) throw Object.assign(new Error(), { code: "offline" });
    rest += value;
    const parts = rest.split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part)?.[1], data = /^data: (.*)$/m.exec(part)?.[1];
      if (name === "step") onStep(JSON.parse(data));
      if (name === "done") return JSON.parse(data);
    }
  }
}
