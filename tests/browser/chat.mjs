// The chat page in headless Chromium, two tabs: what one writes the other shows, redis-cli's messages too, and what a tab
// writes reaches a RESP subscriber. Prints a line a check and the counts.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Redis from "ioredis";
import { end, launch, run } from "./browser.mjs";

const { ATRIUM_PORT, ATRIUM_HTTP_PORT, ATRIUM_PROGRAM } = process.env;
const PAGE = `http://127.0.0.1:${ATRIUM_HTTP_PORT}/chat`;
const context = await launch();
const errors = [];

async function blank(where = PAGE) {
  const page = await context.newPage();
  page.on("pageerror", e => errors.push(e.message));
  page.on("console", m => { if (m.type() === "error" && where === PAGE) errors.push(m.text()); });
  await page.goto(where);
  return page;
}

async function tab(room, name, where) {
  const page = await blank(where);
  await page.fill("#room", room);
  await page.fill("#name", name);
  await page.click("#join");
  await page.waitForSelector("#text:enabled");
  return page;
}

// By the button where it is asked for; a click waits for a frame, of which tabs in the background get few.
async function send(page, text, button) {
  await page.fill("#text", text);
  await (button ? page.click("#send") : page.press("#text", "Enter"));
}

// The messages of a tab as [name, text], once it shows so many.
async function shown(page, count) {
  await page.waitForFunction(n => document.querySelectorAll("#messages .message").length >= n, count);
  return page.$$eval("#messages .message", items => items.map(item => {
    const name = item.querySelector("b")?.textContent ?? "";
    return [name, item.lastChild.textContent];
  }));
}

const publish = (channel, text) =>
  execFileSync("redis-cli", ["-p", ATRIUM_PORT, "PUBLISH", channel, text]).toString().trim();

// The page is in the background, as its user sees it.
async function away(page, is) {
  await page.evaluate(hidden => {
    Object.defineProperty(document, "visibilityState", { value: hidden ? "hidden" : "visible", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, is);
}

async function titled(page, text) {
  await page.waitForFunction(t => document.title === t, text);
}

const said = (page, text) =>
  page.waitForFunction(t => ["status", "messages"].some(id => document.getElementById(id).textContent.includes(t)), text);

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return String(port);
}

// An atrium of one's own, at the same port when it is started again.
async function own(http) {
  const folder = mkdtempSync(join(tmpdir(), "atrium-chat-"));
  const child = spawn(ATRIUM_PROGRAM, ["--dir", folder, "--port", "0", "--memcached-port", "0", "--http-port", http], { stdio: "ignore" });
  for (;;) {
    const up = await fetch(`http://127.0.0.1:${http}/readyz`).then(r => r.ok, () => false);
    if (up) break;
    await new Promise(done => setTimeout(done, 50));
  }
  return async () => {
    child.kill("SIGTERM");
    await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  };
}

let ann, bob;
const checks = {
  "a message in one tab is seen in both": async () => {
    ann = await tab("room1", "ann");
    bob = await tab("room1", "bob");
    await send(ann, "hello, bob", true);
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
  "who comes later reads what was said": async () => {
    const late = await tab("room1", "late");
    assert.deepEqual((await shown(late, 16)).at(-1), ["ann", "n9"]);
    assert.equal((await shown(late, 16)).length, 16);
    assert.equal(await late.title(), "atrium chat");
    assert.deepEqual(await late.$$eval("#here i", all => all.map(e => e.lastChild.textContent)), ["ann", "bob", "late"]);
    await late.close();
    await ann.waitForFunction(() => !document.getElementById("here").textContent.includes("late"));
  },
  "what comes while one is away is counted and marked": async () => {
    await away(bob, true);
    await send(ann, "one");
    await send(ann, "two");
    await titled(bob, "(2) atrium chat");
    assert.equal(await bob.$$eval("#messages .news ~ .message", all => all.length), 2);
    await away(bob, false);
    await titled(bob, "atrium chat");
    await send(ann, "three");
    await shown(bob, 19);
    assert.equal(await bob.title(), "atrium chat");
  },
  "several rooms: unread is shown beside each": async () => {
    await bob.click("#more");
    await bob.fill("#room", "other");
    await bob.click("#join");
    await bob.waitForFunction(() => document.querySelector("#rooms [aria-current]")?.textContent === "other");
    assert.equal((await bob.$$("#messages .message")).length, 0);
    await send(ann, "are you there?");
    await titled(bob, "(1) atrium chat");
    assert.equal(await bob.textContent("#rooms .unread"), "1");
    await bob.click("#rooms .open");
    assert.equal((await shown(bob, 20)).at(-1)[1], "are you there?");
    await titled(bob, "atrium chat");
    await bob.click("[aria-label='Leave other']");
    await bob.waitForFunction(() => document.querySelectorAll("#rooms li").length === 1);
  },
  "another name is another connection, into which the rooms move": async () => {
    await bob.click("#more");
    await bob.fill("#room", "room1");
    await bob.fill("#name", "robert");
    await bob.click("#join");
    await bob.waitForFunction(() => document.getElementById("status").textContent === "Connected as robert");
    await ann.waitForFunction(() => [...document.querySelectorAll("#here i")].map(e => e.lastChild.textContent).join() === "ann,robert");
    await send(bob, "it is me");
    assert.deepEqual((await shown(ann, 21)).at(-1), ["robert", "it is me"]);
  },
  "where there is a password, it is asked for": async () => {
    const redis = new Redis(Number(ATRIUM_PORT), "127.0.0.1");
    await redis.config("SET", "requirepass", "secret");
    try {
      const eve = await blank();
      await eve.fill("#name", "eve");
      assert.ok(await eve.isHidden("#token"));
      await eve.click("#join");
      await said(eve, "This server asks for a password");
      await eve.waitForFunction(() => document.activeElement.id === "token");
      await eve.keyboard.type("wrong");
      await eve.keyboard.press("Enter");
      await said(eve, "The password is wrong");
      await eve.fill("#token", "secret");
      await eve.click("#join");
      await eve.waitForSelector("#text:enabled");
      await send(eve, "in");
      assert.deepEqual(await shown(eve, 1), [["eve", "in"]]);
      await eve.close();
    } finally {
      await redis.config("SET", "requirepass", "");
      redis.disconnect();
    }
  },
  "the keyboard is enough": async () => {
    const eve = await blank();
    await eve.keyboard.type("eve"); // the name has the focus
    await eve.keyboard.press("Shift+Tab");
    await eve.keyboard.type("keys");
    await eve.keyboard.press("Enter");
    await eve.waitForFunction(() => document.activeElement.id === "text");
    await eve.keyboard.type("by key");
    await eve.keyboard.press("Enter");
    assert.deepEqual(await shown(eve, 1), [["eve", "by key"]]);
    const reached = [];
    for (let i = 0; i < 8; i++) {
      await eve.keyboard.press("Shift+Tab");
      reached.push(await eve.evaluate(() => document.activeElement.id || document.activeElement.className));
    }
    for (const one of ["messages", "more", "leave", "open"]) assert.ok(reached.includes(one), `${one} not in ${reached}`);
    await eve.focus("#more");
    await eve.keyboard.press("Enter");
    await eve.waitForFunction(() => document.activeElement.id === "room");
    await eve.keyboard.press("Escape");
    await eve.waitForFunction(() => document.activeElement.id === "text");
    await eve.click("#more");
    await eve.keyboard.type("second");
    await eve.keyboard.press("Enter");
    await eve.waitForFunction(() => document.querySelector("#rooms [aria-current]")?.textContent === "second");
    await eve.keyboard.press("Alt+ArrowUp");
    await eve.waitForFunction(() => document.querySelector("#rooms [aria-current]")?.textContent === "keys");
    await eve.close();
  },
  "a phone's width is enough": async () => {
    const phone = await blank();
    await phone.setViewportSize({ width: 375, height: 667 });
    const fits = async ids => {
      assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 375, "no scrolling sideways");
      for (const id of ids) {
        const box = await phone.locator(id).boundingBox();
        assert.ok(box && box.x >= 0 && box.x + box.width <= 375 && box.y >= 0 && box.y + box.height <= 667, id + JSON.stringify(box));
        assert.ok(box.height >= 32, id + " is too low for a thumb");
      }
    };
    await fits(["#room", "#name", "#join"]);
    await phone.fill("#room", "a room with quite a long name, longer than the screen");
    await phone.fill("#name", "somebody with a long name too, 40 letters");
    await phone.click("#join");
    await phone.waitForSelector("#text:enabled");
    await send(phone, "w".repeat(500) + " https://atrium.example/" + "x".repeat(200));
    await shown(phone, 1);
    await fits(["#text", "#send", "#more", "#messages", "#rooms"]);
    for (const room of ["two", "three", "four"]) {
      await phone.click("#more");
      await fits(["#room", "#name", "#join", "#cancel"]);
      await phone.fill("#room", room);
      await phone.click("#join");
      await phone.waitForFunction(r => document.querySelector("#rooms [aria-current]")?.textContent === r, room);
      await fits(["#text", "#send", "#more"]);
    }
    await phone.close();
  },
  "one who reads above stays there, and is told that there is more": async () => {
    await bob.setViewportSize({ width: 700, height: 300 });
    await bob.$eval("#messages", list => { list.scrollTop = 0; });
    await send(ann, "below");
    await bob.waitForSelector("#latest:visible");
    assert.equal(await bob.$eval("#messages", list => list.scrollTop), 0);
    await bob.click("#latest");
    await bob.waitForFunction(() => { const l = document.getElementById("messages"); return l.scrollHeight - l.scrollTop - l.clientHeight < 60; });
    assert.ok(await bob.isHidden("#latest"));
  },
  "a server that starts anew: the page comes back, and says that its history is another": async () => {
    const http = await freePort();
    let stop = await own(http);
    const page = await tab("anew", "ann", `http://127.0.0.1:${http}/chat`);
    await send(page, "before");
    await shown(page, 1);
    await stop();
    await said(page, "The server restarts");
    await page.fill("#text", "typed meanwhile");
    stop = await own(http);
    await said(page, "The server has started anew");
    await page.waitForFunction(() => document.getElementById("status").textContent === "Connected as ann");
    assert.equal(await page.inputValue("#text"), "typed meanwhile");
    await page.press("#text", "Enter");
    assert.deepEqual(await shown(page, 2), [["ann", "before"], ["ann", "typed meanwhile"]]);
    await page.close();
    await stop();
  },
  "no errors in the console": async () => assert.deepEqual(errors, []),
};

await run(checks);
await end(context);
