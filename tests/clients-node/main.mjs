// Asks a running gateway through OpenAI's Node client and prints what came back, one JSON object in all.
// QUORATE_BASE_URL is the gateway's address with /v1, QUORATE_KEY a key of it; OPENAI_PACKAGE is where the client is.

import { pathToFileURL } from "node:url";

const { default: OpenAI } = await import(pathToFileURL(process.env.OPENAI_PACKAGE).href);
const baseURL = process.env.QUORATE_BASE_URL;
const apiKey = process.env.QUORATE_KEY;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const asked = (content) => [{ role: "user", content }];
const models = ["plain", "translated", "panel", "invented"];
const tools = ["double", "halve"].map((name) => ({
  type: "function",
  function: {
    name,
    parameters: { type: "object", properties: { n: { type: "integer" } }, required: ["n"] },
  },
}));
const trip = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city", "days"],
  additionalProperties: false,
};

async function whole(model) {
  const answer = await client.chat.completions.create({ model, messages: asked("Say it.") });
  const { message, finish_reason } = answer.choices[0];
  return { text: message.content, finish_reason, total_tokens: answer.usage.total_tokens };
}

async function streamed(model) {
  const options = { stream: true, stream_options: { include_usage: true } };
  const stream = await client.chat.completions.create({ model, messages: asked("Say it."), ...options });
  let text = "";
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? "";
    usage = chunk.usage ?? usage;
  }
  return { text, total_tokens: usage.total_tokens };
}

async function toolCalls(model) {
  const messages = asked("Please double 21 and halve 8.");
  const stream = client.chat.completions.stream({ model, messages, tools });
  const told = [];
  stream.on("tool_calls.function.arguments.done", (call) => told.push([call.name, JSON.parse(call.arguments)]));
  const { message } = (await stream.finalChatCompletion()).choices[0];
  const calls = message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  const results = message.tool_calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: "42" }));
  const final = await client.chat.completions.create({ model, messages: [...messages, message, ...results], tools });
  return { calls, told, final: final.choices[0].message.content };
}

async function structured(model) {
  const response_format = { type: "json_schema", json_schema: { name: "trip", strict: true, schema: trip } };
  const answer = await client.chat.completions.parse({ model, messages: asked("'Rome' for 4 days"), response_format });
  return answer.choices[0].message.parsed;
}

async function respond(model) {
  const response = await client.responses.create({ model, input: "Say it." });
  const types = [];
  const stream = client.responses.stream({ model, input: "Say it." });
  for await (const event of stream) types.push(event.type);
  const last = await stream.finalResponse();
  return { text: response.output_text, status: response.status, types, streamed: last.output_text };
}

async function parallel() {
  const body = { model: "plain", messages: asked("Say it."), parallel: { models: ["left", "middle", "right"] } };
  const answer = await client.chat.completions.create(body);
  let last = null;
  for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) last = chunk;
  return {
    object: answer.object,
    text: answer.choices[0].message.content,
    models: answer.responses.map((response) => response.model),
    score: answer.synthesis.consensus_score,
    streamed: last.synthesis.content,
  };
}

async function embed() {
  const input = ["a b", "c"];
  const packed = await client.embeddings.create({ model: "hashed", input, dimensions: 8 });
  const plain = await client.embeddings.create({ model: "hashed", input, dimensions: 8, encoding_format: "float" });
  return { packed: packed.data.map((item) => item.embedding), plain: plain.data.map((item) => item.embedding) };
}

async function listed() {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  return { ids, one: (await client.models.retrieve("panel")).id };
}

async function failure(work) {
  try {
    await work();
  } catch (error) {
    const { status = null, code = null, type = null, requestID = null } = error;
    const retry = error.headers?.get?.("x-should-retry") ?? null;
    return { kind: error.constructor.name, status, code, type, request_id: Boolean(requestID), retry };
  }
  return null;
}

const ask = (model, options = {}) => () =>
  client.chat.completions.create({ model, messages: asked("Hello") }, options);

async function read(model) {
  let text = "";
  const error = await failure(async () => {
    const stream = await client.chat.completions.create({ model, messages: asked("Hello"), stream: true });
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  });
  return { text, error };
}

async function failures() {
  const stranger = new OpenAI({ baseURL, apiKey: "qk_nobody", maxRetries: 0 });
  return {
    wrong_key: await failure(() => stranger.models.list()),
    unknown: await failure(ask("nowhere")),
    bad: await failure(ask("upstream:f12")),
    limited: await failure(ask("upstream:f02")),
    broken: await failure(ask("upstream:fail-100pct")),
    slow: await failure(ask("upstream:delay-20s#node-slow", { timeout: 300 })),
    cut: await read("upstream:f08+gap-2ms#node"),
  };
}

async function retried() {
  const patient = client.withOptions({ maxRetries: 2 });
  const answer = await patient.chat.completions.create({ model: "upstream:f03#node", messages: asked("Hello") });
  return answer.choices[0].finish_reason;
}

async function closed() {
  const model = "upstream:gap-100ms+tokens-300#node-closed";
  const stream = await client.chat.completions.create({ model, messages: asked("Hello"), stream: true });
  for await (const _ of stream) break;
  return stream.controller.signal.aborted;
}

async function each(work, names = models) {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await work(name)])));
}

const following = models.slice(0, 3);
const raw = await client.chat.completions.create({ model: "plain", messages: asked("Hello") }).withResponse();
const results = {
  whole: await each(whole),
  streamed: await each(streamed),
  tools: await each(toolCalls, following),
  structured: await each(structured, following),
  responses: await each(respond),
  parallel: await parallel(),
  embeddings: await embed(),
  models: await listed(),
  failures: await failures(),
  retried: await retried(),
  closed: await closed(),
  headers: { run: raw.response.headers.get("x-quorate-run-id"), request: raw.request_id },
};
console.log(JSON.stringify(results));
