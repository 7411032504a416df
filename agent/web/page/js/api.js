// The client of /api/v1: requests with the session's cookie, errors as values with a remedy, live events.
import { signal } from "../vendor/signals.js";

const BASE = "/api/v1";
export const who = signal(undefined); // undefined: not asked yet; null: signed out
export const ended = signal(false); // signed out by the server: the token was changed, or the session is over
export const online = signal(true);
export const revision = signal(0); // grows when the connection is back: what is shown is read afresh

export class ApiError extends Error {
  constructor(status, error, wait) {
    super(error?.message || "");
    Object.assign(this, { status, code: error?.code, field: error?.field, problems: error?.problems || [], wait });
  }
}

export async function call(method, path, body, extra = {}) {
  const headers = { "X-Balas-Console": "1", ...(extra.headers || {}) };
  let content;
  if (body instanceof FormData) content = body;
  else if (body !== undefined) { headers["Content-Type"] = "application/json"; content = JSON.stringify(body); }
  let answer;
  try {
    answer = await fetch(BASE + path, { method, headers, body: content, credentials: "same-origin", signal: extra.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "offline" });
  }
  if (extra.stream && answer.ok) return answer;
  let value = null;
  try { value = await answer.json(); } catch { value = null; }
  if (answer.ok) return value;
  if (answer.status === 401 && who.value) { ended.value = true; who.value = null; }
  throw new ApiError(answer.status, value?.error, answer.headers.get("Retry-After"));
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);
export const key = (contact) => encodeURIComponent(`${contact.platform}:${contact.id}`);

export async function ask() {
  try { who.value = await get("/session"); } catch (error) { if (error.status === 401) who.value = null; else throw error; }
}
export async function login(token) {
  await call("POST", "/session", { token });
  await ask();
  ended.value = false;
}
export async function logout() {
  try { await call("DELETE", "/session"); } finally { who.value = null; ended.value = false; }
}
export const may = (role) => ["viewer", "operator", "admin"].indexOf(who.value?.role) >= ["viewer", "operator", "admin"].indexOf(role);

// Events: one stream for the page, handlers by name.
const handlers = new Set();
let source = null, again = 0, wasLost = false;
const NAMES = ["received", "message", "turn", "handover", "sync", "broadcast", "payment"];
export function listen(names, handler) {
  const entry = { names, handler };
  handlers.add(entry);
  return () => handlers.delete(entry);
}
export function connect() {
  if (source) return;
  source = new EventSource(`${BASE}/events`);
  source.addEventListener("hello", () => {
    online.value = true;
    again = 0;
    if (wasLost) { wasLost = false; revision.value += 1; }
  });
  for (const name of NAMES) {
    source.addEventListener(name, (event) => {
      const data = JSON.parse(event.data);
      for (const entry of handlers) if (entry.names.includes(name)) entry.handler(name, data);
    });
  }
  source.onerror = () => {
    online.value = false;
    wasLost = true;
    if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    disconnect();
    const wait = Math.min(10000, 500 * 2 ** again++);
    setTimeout(() => { if (who.value) { ask().then(() => who.value && connect(), () => { connect(); }); } }, wait);
  };
}
export function disconnect() {
  source?.close();
  source = null;
}
