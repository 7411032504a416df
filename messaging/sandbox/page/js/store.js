// What the page knows, kept up to date by the stream of changes; and how it asks for things.

import { el, $ } from "./dom.js";

export const store = {
  contacts: new Map(), messages: new Map(), comments: new Map(), deliveries: new Map(),
  webhooks: [], faults: {}, workspace: { users: [], channels: [] }, samples: [], prompts: [], explains: false, apiUrl: "", business: null,
  current: Number(sessionStorage.getItem("phone")) || null, seen: JSON.parse(localStorage.getItem("seen") || "{}"),
  user: Number(localStorage.getItem("colleague")) || null, connected: true,
};

const listeners = new Set();
const dirty = new Set();

export const listen = (listener) => listeners.add(listener);

/** Tell the listeners, at most once a frame, what has changed. */
export function changed(...kinds) {
  if (dirty.size === 0) setTimeout(() => {
    const now = new Set(dirty);
    dirty.clear();
    for (const listener of listeners) listener(now);
  }, 16);
  for (const kind of kinds) dirty.add(kind);
}

const TABLES = { contact: "contacts", message: "messages", comment: "comments", delivery: "deliveries" };

const threads = new Map(); // contact → its messages, oldest first
const reaches = new Map(); // message → delivery → state

function index(kind, id, data) {
  const old = store[TABLES[kind]].get(id);
  if (kind === "message") {
    const contact = (data ?? old)?.contact;
    if (!threads.has(contact)) threads.set(contact, []);
    const thread = threads.get(contact);
    const at = thread.findLastIndex((message) => message.id <= id);
    const known = thread[at]?.id === id;
    if (data) thread.splice(known ? at : at + 1, known ? 1 : 0, data);
    else if (known) thread.splice(at, 1);
    if (old && data && old.contact !== data.contact) threads.set(old.contact, threads.get(old.contact).filter((message) => message.id !== id));
  }
  if (kind === "delivery" && data?.message && data.eventType === "message.received") {
    if (!reaches.has(data.message)) reaches.set(data.message, new Map());
    reaches.get(data.message).set(id, data.state);
  }
}

function take({ kind, id, data }) {
  if (kind === "reset") return load();
  if (kind in TABLES) {
    index(kind, id, data);
    if (data === null) store[TABLES[kind]].delete(id);
    else store[TABLES[kind]].set(id, data);
    if (kind === "delivery" && store.deliveries.size > 400) store.deliveries.delete(store.deliveries.keys().next().value);
  } else store[kind] = data;
  settle();
  changed(kind);
}

function settle() {
  if (!store.contacts.has(store.current)) store.current = store.contacts.keys().next().value ?? null;
  if (!store.workspace.users.some((user) => user.id === store.user)) store.user = store.workspace.users.at(-1)?.id ?? null;
}

let source = null;

/** Read everything, then follow the changes. */
export async function load() {
  source?.close();
  let state;
  try {
    state = await ask("GET", "/sandbox/state");
  } catch {
    store.connected = false;
    changed("connection");
    setTimeout(load, 1500);
    return;
  }
  threads.clear();
  reaches.clear();
  for (const [kind, table] of Object.entries(TABLES)) {
    store[table] = new Map();
    for (const item of state[table]) { index(kind, item.id, item); store[table].set(item.id, item); }
  }
  for (const key of ["webhooks", "faults", "workspace", "samples", "prompts", "explains", "apiUrl", "business"]) store[key] = state[key];
  store.connected = true;
  settle();
  changed("everything");
  source = new EventSource(`/sandbox/stream?after=${state.seq}`);
  source.onmessage = (event) => take(JSON.parse(event.data));
  source.onopen = () => { store.connected = true; changed("connection"); };
  source.onerror = () => {
    store.connected = false;
    changed("connection");
    if (source.readyState === EventSource.CLOSED) setTimeout(load, 1500);
  };
}

export async function ask(method, path, body, type = "application/json") {
  const raw = body instanceof Blob;
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { "content-type": raw ? body.type || "application/octet-stream" : type },
    body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
  });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(json.message || `HTTP ${answer.status}`);
  return json;
}

/** Ask, and show what went wrong. */
export async function act(method, path, body) {
  try {
    return await ask(method, path, body);
  } catch (error) {
    complain(error.message);
    return null;
  }
}

let hush = 0;
export function complain(text) {
  const toast = $("toast");
  toast.replaceChildren(el("span", {}, text));
  toast.hidden = false;
  clearTimeout(hush);
  hush = setTimeout(() => { toast.hidden = true; }, 5000);
}

export const contact = () => store.contacts.get(store.current) ?? null;
export const messagesOf = (id) => threads.get(id) ?? [];

export function choose(id) {
  store.current = id;
  sessionStorage.setItem("phone", id);
  changed("everything");
}

export function saw(id, message) {
  if ((store.seen[id] || 0) >= message) return;
  store.seen[id] = message;
  localStorage.setItem("seen", JSON.stringify(store.seen));
  changed("contact");
}

/** The ticks of a customer's message: has the agent taken its webhook, and answered? */
export function reached(message) {
  if (messagesOf(message.contact).findLast((other) => other.traffic === "outgoing")?.id > message.id) return "read";
  const states = [...(reaches.get(message.id)?.values() ?? [])];
  if (states.includes("delivered")) return "delivered";
  return states.includes("failed") ? "failed" : "sent";
}
