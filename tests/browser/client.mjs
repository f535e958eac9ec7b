// The browser client under Chromium, two tabs behind a network that is cut again and again, beside a redis-cli that is not.
// Prints a line a check and the counts.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer, connect as dial } from "node:net";
import Redis from "ioredis";
import { end, launch, run } from "./browser.mjs";

const { ATRIUM_PORT, ATRIUM_HTTP_PORT } = process.env;
// Messages of a round: while all is well, and while the network is cut. The history keeps 100, so that every other round
// can be made good, and the others cannot.
const CUTS = 20, ROUNDS = [{ before: 440, within: 60 }, { before: 200, within: 300 }];
const context = await launch();
const tabs = [await context.newPage(), await context.newPage()], page = tabs[0];
const redis = new Redis(Number(ATRIUM_PORT), "127.0.0.1");

// A network in between, that can be cut.
const lines = new Set();
let down = false;
const network = createServer(near => {
  if (down) return near.destroy();
  const far = dial(Number(ATRIUM_HTTP_PORT), "127.0.0.1");
  lines.add(near);
  near.on("close", () => lines.delete(near));
  for (const [a, b] of [[near, far], [far, near]]) a.on("error", () => {}).on("close", () => b.destroy()).pipe(b);
});
await new Promise(done => network.listen(0, "127.0.0.1", done));
const cut = () => lines.forEach(line => line.destroy());

// redis-cli's subscription to a channel: the messages that it printed.
async function listen(channel) {
  const child = spawn("redis-cli", ["-p", ATRIUM_PORT, "SUBSCRIBE", channel]);
  let text = "";
  child.stdout.on("data", part => { text += part; });
  while (!text.includes("subscribe")) await new Promise(done => setTimeout(done, 10));
  return { child, messages: () => text.split("\n").filter((line, i, all) => all[i - 2] === "message").map(Number) };
}

// In the page: numbers as they come, null where some are said to be missing.
async function enter(tab, port) {
  await tab.goto(`http://127.0.0.1:${ATRIUM_HTTP_PORT}/chat`);
  await tab.evaluate(async port => {
    const { connect } = await import("/atrium.js");
    Object.assign(window, { got: [], opened: 0 });
    window.atrium = connect({ url: `ws://127.0.0.1:${port}/v1/ws`, user: "page", state: s => { window.opened += s === "open"; } });
    await window.atrium.subscribe("chat:cut", {
      message: m => window.got.push(Number(m.data)), gap: () => window.got.push(null) });
  }, port);
}

const reach = last => Promise.all(tabs.map(tab => tab.waitForFunction(n => window.got.at(-1) === n, last)));

const checks = {
  "the client is small": async () => {
    await page.goto(`http://127.0.0.1:${ATRIUM_HTTP_PORT}/chat`);
    const bytes = await page.evaluate(async () => {
      const zipped = (await fetch("/atrium.js")).body.pipeThrough(new CompressionStream("gzip"));
      return (await new Response(zipped).arrayBuffer()).byteLength;
    });
    assert.ok(bytes < 6 * 1024, bytes + " bytes");
  },
  "cut 20 times in 10,000 messages: none missing and none twice, or it is said": async () => {
    await Promise.all(tabs.map(tab => enter(tab, network.address().port)));
    const shell = await listen("chat:cut");
    let sent = 0;
    const publish = async n => {
      for (let i = 0; i < n; i += 20) await Promise.all(Array.from({ length: Math.min(20, n - i) }, () => redis.publish("chat:cut", String(sent++))));
    };
    for (let round = 0; round < CUTS; round++) {
      const { before, within } = ROUNDS[round % 2];
      await publish(before);
      if (before) await reach(sent - 1);
      down = true;
      cut();
      await publish(within);
      down = false;
      await Promise.all(tabs.map(tab => tab.waitForFunction(n => window.opened === n, round + 2)));
    }
    await publish(1);
    await reach(sent - 1);
    assert.equal(sent, 10001);
    for (const tab of tabs) {
      const got = await tab.evaluate(() => window.got);
      const seen = got.filter(n => n !== null);
      assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => a - b));
      for (let i = 1; i < got.length; i++)
        assert.ok(got[i] === null || got[i - 1] === null || got[i] === got[i - 1] + 1, `${got[i - 1]}, ${got[i]}`);
      assert.equal(got.length - seen.length, CUTS / 2, "said where it must be, and only there");
      assert.equal(seen.length, sent - CUTS / 2 * ROUNDS[1].within);
    }
    assert.deepEqual(shell.messages(), Array.from({ length: sent }, (_, i) => i), "redis-cli was never cut");
    shell.child.kill();
  },
  "binary data, both ways": async () => {
    const sums = await page.evaluate(() => new Promise(async done => {
      const got = [];
      const message = m => {
        got.push(m.data instanceof Uint8Array ? m.data.reduce((sum, byte) => sum + byte, 0) : null);
        if (got.length === 3) done(got);
      };
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      await window.atrium.publish("chat:bytes", bytes);
      await window.atrium.subscribe("chat:bytes", { binary: true, history: 1, message });
      await window.atrium.publish("chat:bytes", bytes.subarray(255));
      await window.atrium.publish("chat:bytes", "a");
    }));
    assert.deepEqual(sums, [32640, 255, 97]);
  },
  "compression, where the server agrees to it": async () => {
    await redis.config("SET", "ws-deflate", "yes");
    const { extensions, got } = await page.evaluate(() => new Promise(async done => {
      const { connect } = await import("/atrium.js");
      let extensions = null;
      const other = connect({ WebSocket: class extends WebSocket {
        constructor(...args) {
          super(...args);
          this.addEventListener("open", () => extensions = this.extensions);
        }
      } });
      const got = [], texts = ["x".repeat(20000), "short", "y".repeat(50000), "é".repeat(3000)];
      const message = m => {
        got.push(m.data === texts[got.length]);
        if (got.length === texts.length) done({ extensions, got });
      };
      await other.subscribe("deflated", { message });
      for (const text of texts) await other.publish("deflated", text);
    }));
    await redis.config("SET", "ws-deflate", "no");
    assert.match(extensions, /^permessage-deflate/);
    assert.deepEqual(got, [true, true, true, true]);
  },
  "errors are rejections with a code": async () => {
    const code = await page.evaluate(() => window.atrium.ask("history", { channel: "plain" }).catch(e => e.code));
    assert.equal(code, "not-kept");
    assert.equal((await page.evaluate(() => window.atrium.publish("chat:cut", "end"))).receivers, 2);
  },
};

await redis.config("SET", "ws-origins", "*"); // the network between has a port of its own
await run(checks);
await redis.config("SET", "ws-origins", "");
redis.disconnect();
cut();
network.close();
await end(context);
