// The console: login, navigation, and which page is shown. A client of /api/v1 and nothing else.
import { render } from "../vendor/preact.js";
import { useEffect, useRef, useState } from "../vendor/hooks.js";
import "../vendor/signals.js";
import { ask, connect, disconnect, ended, login, logout, online, who } from "./api.js";
import { Failed, html, remedy, toast, Skeleton } from "./ui.js";
import { chooseLang, chooseTheme, lang, t, theme } from "./i18n.js";
import { Overview } from "./pages/overview.js";
import { Conversations } from "./pages/conversations.js";
import { Playground } from "./pages/playground.js";
import { Knowledge } from "./pages/knowledge.js";
import { Actions } from "./pages/actions.js";
import { Payments } from "./pages/payments.js";
import { Broadcasts } from "./pages/broadcasts.js";
import { Workflows } from "./pages/workflows.js";
import { Config } from "./pages/config.js";

const PAGES = [
  ["overview", "Overview", Overview, "M3 12h4l3-8 4 16 3-8h4"],
  ["conversations", "Conversations", Conversations, "M4 5h16v11H10l-4 4v-4H4z"],
  ["playground", "Playground", Playground, "M7 4v16l13-8z"],
  ["knowledge", "Knowledge", Knowledge, "M5 4h10l4 4v12H5zM9 12h6M9 16h6"],
  ["actions", "Actions", Actions, "M13 3 5 14h6l-1 7 8-11h-6z"],
  ["payments", "Payments", Payments, "M3 6h18v12H3zM3 10h18M7 15h4"],
  ["broadcasts", "Broadcasts", Broadcasts, "M4 10v4h3l7 5V5L7 10zM18 9a4 4 0 0 1 0 6"],
  ["workflows", "Workflows", Workflows, "M5 4h6v6H5zM13 14h6v6h-6zM8 10v7h5"],
  ["config", "Configuration", Config, "M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M6 14v6"],
];

function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  return { name: PAGES.some(([page]) => page === name) ? name : "overview", id: rest.join("/") || null, query: new URLSearchParams(query) };
}

function App() {
  const [failed, setFailed] = useState(null);
  const start = () => { setFailed(null); ask().catch((error) => { setFailed(error); setTimeout(start, 3000); }); };
  useEffect(start, []);
  useEffect(() => { if (who.value) connect(); else disconnect(); }, [who.value]);
  if (failed) return html`<div class="login"><${Failed} error=${failed} again=${start} /></div>`;
  if (who.value === undefined) return html`<div class="login"><div style=${{ width: "320px" }}><${Skeleton} rows=${3} /></div></div>`;
  return who.value === null ? html`<${Login} />` : html`<${Shell} />`;
}

function Login() {
  const [token, set] = useState(""), [error, setError] = useState(null), [busy, setBusy] = useState(false), box = useRef(null);
  useEffect(() => { box.current?.focus(); document.title = "balas"; }, []);
  const submit = async (event) => {
    event.preventDefault();
    setBusy(true); setError(null);
    try { await login(token.trim()); } catch (failure) { setError(failure); }
    setBusy(false);
  };
  return html`<main class="login"><form class="card" onSubmit=${submit}><div class="brand"><img src="/console/icon.svg" alt="" /><h1>balas</h1></div>
    <label>${t("Token")}<input ref=${box} type="password" autocomplete="current-password" required value=${token} onInput=${(event) => set(event.target.value)} aria-describedby="hint" /></label>
    ${ended.value && !error && html`<div class="notice warn" role="status"><div>${t("You were signed out: the session is over, or the token was changed. Log in again; you come back to the same page.")}</div></div>`}
    ${error && html`<div class="notice bad" role="alert"><div>${error.status === 401 ? t("This token is not known. It stands in agent.yaml under server.api_token or server.tokens.") : remedy(error)}</div></div>`}
    <p class="small soft" id="hint">${t("Your token stands in agent.yaml under server.api_token or server.tokens.")}</p>
    <button class="primary" disabled=${busy || !token.trim()}>${t("Log in")}</button><${Choices} /></form></main>`;
}

const Choices = () => html`<div class="row wrap"><button type="button" class="quiet" lang=${lang.value === "id" ? "en" : "id"} onClick=${() => chooseLang(lang.value === "id" ? "en" : "id")}>${lang.value === "id" ? "English" : "Indonesia"}</button><button type="button" class="quiet" onClick=${() => chooseTheme(theme.value === "dark" ? "light" : "dark")}>${theme.value === "dark" ? t("Light") : t("Dark")}</button></div>`;

function Shell() {
  const [at, set] = useState(route()), [open, setOpen] = useState(false), main = useRef(null), menu = useRef(null), first = useRef(true);
  useEffect(() => { const moved = () => { set(route()); setOpen(false); }; addEventListener("hashchange", moved); return () => removeEventListener("hashchange", moved); }, []);
  const [, label, Page] = PAGES.find(([name]) => name === at.name);
  useEffect(() => { document.title = `${t(label)} · ${who.value?.agent ?? "balas"}`; if (!first.current) main.current?.focus(); first.current = false; }, [at.name, lang.value]);
  useEffect(() => { // g, then a page's number: a way round by keyboard
    let waits = false;
    const press = (event) => {
      const at = event.composedPath()[0]; // inside of the editor's shadow root, too
      if (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
      if (waits && /^[1-9]$/.test(event.key)) location.hash = `#/${PAGES[event.key - 1][0]}`;
      waits = event.key === "g";
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const skip = (event) => { event.preventDefault(); main.current?.focus(); main.current?.scrollIntoView(); };
  const escape = (event) => { if (open && event.key === "Escape") { setOpen(false); menu.current?.focus(); } };
  return html`<div class="shell"><aside class=${`side ${open ? "open" : ""}`} onKeyDown=${escape}><a class="skip" href=${`#/${at.name}`} onClick=${skip}>${t("Skip to the page")}</a><div class="top row"><div class="brand"><img src="/console/icon.svg" alt="" /><span>${who.value.agent}</span></div><button ref=${menu} class="menu" aria-expanded=${open} onClick=${() => setOpen(!open)}>${t("Menu")}</button></div>
    <nav aria-label=${t("Pages")}><ul class="nav">${PAGES.map(([name, text, , icon], n) => html`<li key=${name}><a href=${`#/${name}`} aria-current=${name === at.name ? "page" : null} title=${`g ${n + 1}`}><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${icon} /></svg>${t(text)}</a></li>`)}</ul></nav>
    <footer><span class="small soft">${who.value.name} · ${t(who.value.role)}</span><${Choices} /><button onClick=${logout}>${t("Log out")}</button></footer></aside>
    <main ref=${main} tabIndex="-1">${!online.value && html`<div class="notice warn" role="status" style=${{ marginBottom: "16px" }}><div>${t("The connection is lost. What you see may be old; this page tries again by itself.")}</div></div>`}<${Page} key=${at.name} id=${at.id} query=${at.query} /></main>
    ${toast.value && html`<div class=${`toast notice ${toast.value.kind}`} role=${toast.value.kind === "bad" ? "alert" : "status"}><div>${toast.value.text}</div></div>`}</div>`;
}

render(html`<${App} />`, document.getElementById("app"));
