// The browser client under Chromium: a network that is cut again and again, and a server that starts anew. Prints a line a
// check and the counts.
import assert from "node:assert/strict";
import { createServer, connect as dial } from "node:net";
import Redis from "ioredis";
import { end, launch, run } from "./browser.mjs";

const { ATRIUM_PORT, ATRIUM_HTTP_PORT } = process.env;
const TOTAL = 3000, CUTS = 20;
const context = await launch();
const page = await context.newPage();
const redis = new Redis(Number(ATRIUM_PORT), "127.0.0.1");

// A network in between, that can be cut.
const lines = new Set();
const network = createServer(near => {
  const far = dial(Number(ATRIUM_HTTP_PORT), "127.0.0.1");
  lines.add(near);
  near.on("close", () => lines.delete(near));
  for (const [a, b] of [[near, far], [far, near]]) a.on("error", () => {}).on("close", () => b.destroy()).pipe(b);
});
await new Promise(done => network.listen(0, "127.0.0.1", done));
const cut = () => lines.forEach(line => line.destroy());
const pause = ms => new Promise(done => setTimeout(done, ms));

const checks = {
  "the client is small": async () => {
    await page.goto(`http://127.0.0.1:${ATRIUM_HTTP_PORT}/chat`);
    const bytes = await page.evaluate(async () => {
      const zipped = (await fetch("/atrium.js")).body.pipeThrough(new CompressionStream("gzip"));
      return (await new Response(zipped).arrayBuffer()).byteLength;
    });
    assert.ok(bytes < 6 * 1024, bytes + " bytes");
  },
  "cut 20 times: none missing and none twice, or it is said": async () => {
    await page.evaluate(async port => {
      const { connect } = await import("/atrium.js");
      window.got = [];
      window.atrium = connect({ url: `ws://127.0.0.1:${port}/v1/ws`, user: "page" });
      await window.atrium.subscribe("chat:cut", {
        message: m => window.got.push(Number(m.data)), gap: () => window.got.push(null) });
    }, network.address().port);
    let sent = 0;
    for (let round = 0; round < CUTS; round++) {
      for (let i = 0; i < TOTAL / CUTS; i++) await redis.publish("chat:cut", String(sent++));
      cut();
      await pause(250);
    }
    await pause(1500);
    await redis.publish("chat:cut", String(sent));
    await page.waitForFunction(last => window.got.at(-1) === last, sent);
    const got = await page.evaluate(() => window.got);
    const seen = got.filter(n => n !== null);
    assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => a - b));
    for (let i = 1; i < got.length; i++)
      assert.ok(got[i] === null || got[i - 1] === null || got[i] === got[i - 1] + 1, `${got[i - 1]}, ${got[i]}`);
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
  "errors are rejections with a code": async () => {
    const code = await page.evaluate(() => window.atrium.ask("history", { channel: "plain" }).catch(e => e.code));
    assert.equal(code, "not-kept");
    assert.equal((await page.evaluate(() => window.atrium.publish("chat:cut", "end"))).receivers, 1);
  },
};

await redis.config("SET", "ws-origins", "*"); // the network between has a port of its own
await run(checks);
await redis.config("SET", "ws-origins", "");
redis.disconnect();
cut();
network.close();
await end(context);
