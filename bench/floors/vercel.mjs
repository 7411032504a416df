// `node vercel.mjs PORT STUB_URL`: the floor with the AI SDK of Vercel, found in the folder BENCH_PEERS/vercel.
// No database: what was accepted is kept in memory, so a message costs less than in the floors that write it down.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [port, stub] = process.argv.slice(2);
const found = createRequire(join(process.env.BENCH_PEERS, "vercel", "package.json"));
const load = (name) => import(pathToFileURL(found.resolve(name)).href);
const { generateText, stepCountIs, tool } = await load("ai");
const { createOpenAICompatible } = await load("@ai-sdk/openai-compatible");
const { z } = await load("zod");

const model = createOpenAICompatible({ name: "stub", baseURL: `${stub}/v1`, apiKey: "x" })("stub");
const tools = {
  get_order: tool({
    description: "Status of an order.",
    inputSchema: z.object({ order_id: z.string() }),
    execute: async ({ order_id }) => (await fetch(`${stub}/orders/${order_id}`)).text(),
  }),
};
const seen = new Set();
const last = new Map();

async function answer(contact, text) {
  const { text: reply } = await generateText({ model, tools, stopWhen: stepCountIs(5), prompt: text });
  for (let attempt = 0; attempt < 6; attempt++) {
    const response = await fetch(`${stub}/v1/contact/id:${contact}/message`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ channelId: null, message: { type: "text", text: reply } }),
    });
    await response.arrayBuffer();
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** attempt));
  }
}

createServer(async (request, response) => {
  if (request.url === "/readyz") return response.end("{}");
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const signature = createHmac("sha256", "bench-secret").update(body).digest("base64");
  const given = Buffer.from(request.headers["x-webhook-signature"] ?? "");
  if (given.length !== signature.length || !timingSafeEqual(given, Buffer.from(signature))) {
    response.statusCode = 401;
    return response.end();
  }
  const event = JSON.parse(body);
  const contact = String(event.contact.id);
  if (!seen.has(event.message.messageId)) {
    seen.add(event.message.messageId);
    const before = last.get(contact) ?? Promise.resolve();
    last.set(contact, before.then(() => answer(contact, event.message.message.text)).catch(console.error));
  }
  response.end('{"accepted": true}');
}).listen(Number(port), "127.0.0.1");
