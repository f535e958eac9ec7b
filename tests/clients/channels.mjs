// One channel, three doors: ioredis subscribers, WebSocket clients, and messages from RESP, WebSocket and REST. All get
// all, in the order of sending.
import assert from "node:assert/strict";
import Redis from "ioredis";
import WebSocket from "ws";

const { ATRIUM_PORT, ATRIUM_HTTP_PORT } = process.env;
const ROOM = "chat:room1", EACH = 50;
const connect = () => new Redis(Number(ATRIUM_PORT), "127.0.0.1", { maxRetriesPerRequest: 1 });

async function until(condition, what) {
  for (const end = Date.now() + 20000; !condition();) {
    assert.ok(Date.now() < end, "waited in vain for " + what());
    await new Promise(done => setTimeout(done, 10));
  }
}

// A WebSocket client: ask() resolves with the reply of the same id, pushes are collected.
async function browser() {
  const socket = new WebSocket(`ws://127.0.0.1:${ATRIUM_HTTP_PORT}/v1/ws`, "atrium.v1.json");
  const waiting = new Map(), messages = [];
  socket.on("message", data => {
    const m = JSON.parse(data);
    if (waiting.has(m.id)) waiting.get(m.id)(m);
    else if (m.op === "message") messages.push(m);
  });
  await new Promise((done, fail) => socket.on("open", done).on("error", fail));
  let id = 0;
  const ask = op => new Promise(done => {
    waiting.set(++id, done);
    socket.send(JSON.stringify({ id, ...op }));
  });
  return { ask, messages, socket };
}

const publisher = connect(), subscribers = [connect(), connect(), connect()], byPattern = connect();
const got = subscribers.map(() => []), gotByPattern = [];
for (const [i, s] of subscribers.entries()) {
  s.on("message", (channel, text) => got[i].push({ channel, ...JSON.parse(text) }));
  assert.equal(await s.subscribe(ROOM), 1);
}
byPattern.on("pmessage", (pattern, channel, text) => gotByPattern.push({ pattern, channel, ...JSON.parse(text) }));
assert.equal(await byPattern.psubscribe("chat:*"), 1);

const tabs = [await browser(), await browser()];
for (const tab of tabs) assert.equal((await tab.ask({ op: "subscribe", channel: ROOM })).ok, true);

const message = n => JSON.stringify({ user: "ada", text: "message " + n, ts: 1700000000000 + n });
const textOf = m => typeof m.data === "string" ? JSON.parse(m.data) : m.data;

let n = 0;
for (let i = 0; i < EACH; i++) {
  assert.equal(await publisher.publish(ROOM, message(n++)), 6);
  const byTab = await tabs[0].ask({ op: "publish", channel: ROOM, data: message(n++) });
  assert.equal(byTab.ok, true, JSON.stringify(byTab));
  const path = `http://127.0.0.1:${ATRIUM_HTTP_PORT}/v1/channels/${encodeURIComponent(ROOM)}/messages`;
  const posted = await fetch(path, { method: "POST", body: message(n++), headers: { "content-type": "text/plain" } });
  assert.equal(posted.status, 202);
  assert.equal((await posted.json()).receivers, 6);
}

const wanted = Array.from({ length: n }, (_, i) => "message " + i);
const lists = [...got, gotByPattern];
await until(() => lists.every(l => l.length >= n) && tabs.every(t => t.messages.length >= n),
  () => "messages: " + [...lists.map(l => l.length), ...tabs.map(t => t.messages.length)]);
for (const list of lists) {
  assert.deepEqual(list.map(m => m.text), wanted);
  assert.ok(list.every(m => m.channel === ROOM && m.user === "ada"));
}
assert.ok(gotByPattern.every(m => m.pattern === "chat:*"));
for (const tab of tabs) {
  assert.deepEqual(tab.messages.map(m => textOf(m).text), wanted);
  assert.ok(tab.messages.every(m => m.channel === ROOM));
}

assert.equal((await tabs[0].ask({ op: "unsubscribe", channel: ROOM })).ok, true);
await subscribers[0].unsubscribe(ROOM);
assert.equal(await publisher.publish(ROOM, message(n)), 4);
assert.deepEqual(await publisher.pubsub("NUMSUB", ROOM), [ROOM, 3]);

for (const tab of tabs) tab.socket.terminate();
for (const r of [publisher, byPattern, ...subscribers]) r.disconnect();
