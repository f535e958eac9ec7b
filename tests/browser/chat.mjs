// The chat page in headless Chromium, two tabs: what one writes the other shows, redis-cli's messages too, and what a tab
// writes reaches a RESP subscriber. Prints a line a check and the counts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import Redis from "ioredis";
import { end, launch, run } from "./browser.mjs";

const { ATRIUM_PORT, ATRIUM_HTTP_PORT } = process.env;
const PAGE = `http://127.0.0.1:${ATRIUM_HTTP_PORT}/chat`;
const context = await launch();
const errors = [];

async function tab(room, name) {
  const page = await context.newPage();
  page.on("pageerror", e => errors.push(e.message));
  page.on("console", m => { if (m.type() === "error") errors.push(m.text()); });
  await page.goto(PAGE);
  await page.fill("#room", room);
  await page.fill("#name", name);
  await page.click("#join");
  await page.waitForSelector("#text:enabled");
  return page;
}

async function send(page, text) {
  await page.fill("#text", text);
  await page.click("#send");
}

// The messages of a tab as [name, text], once it shows so many.
async function shown(page, count) {
  await page.waitForFunction(n => document.querySelectorAll("#messages li").length >= n, count);
  return page.$$eval("#messages li", items => items.map(item => {
    const name = item.querySelector("b")?.textContent ?? "";
    return [name, item.lastChild.textContent];
  }));
}

const publish = (channel, text) =>
  execFileSync("redis-cli", ["-p", ATRIUM_PORT, "PUBLISH", channel, text]).toString().trim();

let ann, bob;
const checks = {
  "a message in one tab is seen in both": async () => {
    ann = await tab("room1", "ann");
    bob = await tab("room1", "bob");
    await send(ann, "hello, bob");
    assert.deepEqual(await shown(bob, 1), [["ann", "hello, bob"]]);
    assert.deepEqual(await shown(ann, 1), [["ann", "hello, bob"]]);
    await send(bob, "hi \u2603");
    assert.deepEqual(await shown(ann, 2), [["ann", "hello, bob"], ["bob", "hi \u2603"]]);
    assert.equal(await ann.inputValue("#text"), "");
  },
  "redis-cli's messages are seen, JSON and plain": async () => {
    assert.equal(publish("chat:room1", '{"user":"cli","text":"from a shell","ts":1}'), "2");
    assert.equal(publish("chat:room1", "plain"), "2");
    for (const page of [ann, bob])
      assert.deepEqual((await shown(page, 4)).slice(2), [["cli", "from a shell"], ["", "plain"]]);
  },
  "markup in messages stays text": async () => {
    const text = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>";
    await send(ann, text);
    assert.equal((await shown(bob, 5))[4][1], text);
    assert.equal(await bob.title(), "atrium chat");
    assert.equal(await bob.$$eval("#messages img", found => found.length), 0);
  },
  "a RESP subscriber gets what a tab writes": async () => {
    const redis = new Redis(Number(ATRIUM_PORT), "127.0.0.1");
    const got = new Promise(done => redis.on("message", (channel, text) => done([channel, JSON.parse(text)])));
    await redis.subscribe("chat:room1");
    await send(bob, "to everyone");
    const [channel, message] = await got;
    redis.disconnect();
    assert.equal(channel, "chat:room1");
    assert.deepEqual([message.user, message.text], ["bob", "to everyone"]);
    assert.ok(Math.abs(Date.now() - message.ts) < 60000);
    await shown(ann, 6);
  },
  "rooms are apart": async () => {
    const eve = await tab("room2", "eve");
    await send(eve, "anyone?");
    assert.deepEqual(await shown(eve, 1), [["eve", "anyone?"]]);
    assert.equal((await shown(ann, 6)).length, 6);
    assert.equal(publish("chat:room2", "only here"), "1");
    await shown(eve, 2);
    await eve.close();
  },
  "a burst arrives whole and in order": async () => {
    for (let i = 0; i < 10; i++) await send(ann, "n" + i);
    const texts = (await shown(bob, 16)).slice(6).map(([, text]) => text);
    assert.deepEqual(texts, Array.from({ length: 10 }, (_, i) => "n" + i));
  },
  "no errors in the console": async () => assert.deepEqual(errors, []),
};

await run(checks);
await end(context);
