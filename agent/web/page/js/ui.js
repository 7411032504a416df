// What all pages are made of: htm, loading with skeletons and remedies, times, money, badges.
import { h } from "../vendor/preact.js";
import { useEffect, useRef, useState, useCallback } from "../vendor/hooks.js";
import { signal } from "../vendor/signals.js";
import htm from "../vendor/htm.js";
import { listen, revision } from "./api.js";
import { lang, t } from "./i18n.js";

export const html = htm.bind(h);
export const toast = signal(null);
export function say(text, kind = "good") {
  const shown = toast.value = { text, kind };
  setTimeout(() => { if (toast.value === shown) toast.value = null; }, 4000);
}

export function remedy(error) {
  if (error.code === "offline" || error.status === 0) return t("The server cannot be reached. Check that it runs; this page tries again by itself.");
  if (error.status === 429) return t("Too many wrong tokens. Wait a minute, then try again.");
  if (error.status === 503) return t("The server cannot write at the moment. Nothing was lost; try again shortly.");
  return error.message ? t(error.message) : t("Something went wrong.");
}

export function useLoad(load, deps = []) {
  const [state, set] = useState({ loading: true, data: null, error: null });
  const turn = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    set((old) => ({ ...old, loading: true }));
    try {
      const data = await load();
      if (mine === turn.current) set({ loading: false, data, error: null });
    } catch (error) {
      if (mine === turn.current) set((old) => ({ loading: false, data: old.data, error }));
    }
  }, deps);
  useEffect(() => { set({ loading: true, data: null, error: null }); reload(); return () => { turn.current++; }; }, deps);
  const seen = revision.value;
  useEffect(() => { if (seen) reload(); }, [seen]);
  return { ...state, reload };
}

export function useEvents(names, handler, deps = []) {
  useEffect(() => {
    let timer = null, last = null;
    const stop = listen(names, (name, data) => {
      last = [name, data];
      if (timer) return;
      timer = setTimeout(() => { timer = null; handler(...last); }, 150);
    });
    return () => { stop(); clearTimeout(timer); };
  }, deps);
}

export function useWork() {
  const [busy, set] = useState(false);
  const run = async (work, done) => {
    const held = document.activeElement; // a button that is switched off for the time loses the focus
    set(true);
    try { const value = await work(); if (done) say(done); return value; }
    catch (error) { say(remedy(error), "bad"); return undefined; }
    finally {
      set(false);
      requestAnimationFrame(() => { if (document.activeElement === document.body && held?.isConnected) held.focus(); });
    }
  };
  return [busy, run];
}

export const Skeleton = ({ rows = 5 }) => html`<div class="skeleton" role="status" aria-label=${t("Loading")}>${Array.from({ length: rows }, (_, i) => html`<i key=${i}></i>`)}</div>`;
export const Failed = ({ error, again }) => html`<div class="notice bad" role="alert"><div>${remedy(error)}</div>${again && html`<button onClick=${again}>${t("Try again")}</button>`}</div>`;
export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2><p>${children}</p></div>`;
export const Badge = ({ kind = "", children }) => html`<span class=${`badge ${kind}`}>${children}</span>`;
export const Head = ({ title, children }) => html`<div class="head"><h1>${title}</h1><span class="grow"></span>${children}</div>`;
const afresh = () => { revision.value += 1; }; // all of a page fails together, and is tried again together
export function Loaded({ of, rows, children }) {
  if (of.data === null) return of.error ? html`<${Failed} error=${of.error} again=${afresh} />` : html`<${Skeleton} rows=${rows} />`;
  return html`${of.error && html`<${Failed} error=${of.error} again=${afresh} />`}${children(of.data)}`;
}

const rtf = () => new Intl.RelativeTimeFormat(lang.value, { numeric: "auto", style: "short" });
export function ago(text) {
  if (!text) return "";
  const seconds = (new Date(text) - Date.now()) / 1000, size = Math.abs(seconds);
  if (size < 45) return t("now");
  if (size < 3600) return rtf().format(Math.round(seconds / 60), "minute");
  if (size < 86400) return rtf().format(Math.round(seconds / 3600), "hour");
  if (size < 7 * 86400) return rtf().format(Math.round(seconds / 86400), "day");
  return new Date(text).toLocaleDateString(lang.value, { day: "numeric", month: "short", year: "numeric" });
}
export const when = (text) => (text ? new Date(text).toLocaleString(lang.value, { dateStyle: "medium", timeStyle: "short" }) : "");
export const clock = (text) => new Date(text).toLocaleTimeString(lang.value, { hour: "2-digit", minute: "2-digit" });
export const Time = ({ at }) => html`<time dateTime=${at} title=${when(at)}>${ago(at)}</time>`;
export const rupiah = (amount) => `Rp${Number(amount || 0).toLocaleString("id-ID")}`;
export const dollars = (amount) => `$${Number(amount || 0).toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: amount && amount < 0.1 ? 4 : 2 })}`;
export const count = (n) => Number(n || 0).toLocaleString(lang.value);
export const seconds = (value) => (value == null ? "–" : value < 1 ? `${Math.round(value * 1000)} ms` : value < 90 ? `${value.toFixed(1)} s` : `${Math.round(value / 60)} min`);
export const nameOf = (contact) => [contact.first_name, contact.last_name].filter(Boolean).join(" ") || contact.phone || contact.email || contact.key.id;
export const json = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));
export function download(name, text, type = "text/yaml") {
  const url = URL.createObjectURL(new Blob([text], { type })), link = document.createElement("a");
  link.href = url; link.download = name; link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// *bold*, _italic_, ~struck~ and `code` as chat apps show them; everything stays text.
const MARKUP = /(^|[\s(])([*_~`])(?=\S)([^\n]*?\S)\2(?=$|[\s).,!?:;])/g;
const TAGS = { "*": "b", _: "em", "~": "s", "`": "code" };
export function Words({ text }) {
  const parts = [];
  let end = 0;
  for (const match of String(text).matchAll(MARKUP)) {
    const start = match.index + match[1].length, Tag = TAGS[match[2]];
    parts.push(text.slice(end, start), html`<${Tag}>${match[3]}</${Tag}>`);
    end = match.index + match[0].length;
  }
  return html`<div class="words">${[...parts, text.slice(end)]}</div>`;
}
