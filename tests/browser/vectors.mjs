// The vectors page in headless Chromium: the picture, the nearest ones by clicking and by typing, filters, and names
// that are markup. Prints a line a check and the counts.
import assert from "node:assert/strict";
import { end, launch, run } from "./browser.mjs";

const { ATRIUM_HTTP_PORT } = process.env;
const BASE = `http://127.0.0.1:${ATRIUM_HTTP_PORT}`;
const KEY = "tests:pictured", MARKUP = "<img src=x onerror=\"document.title='owned'\">";
const context = await launch();
const page = await context.newPage();
const errors = [];
page.on("pageerror", e => errors.push(e.message));

async function put(items) {
  const answer = await fetch(`${BASE}/v1/vectors/${KEY}/items`,
    { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ items, quantization: "f32" }) });
  assert.equal(answer.status, 200, await answer.text());
}

const remove = () => fetch(`${BASE}/v1/keys/${KEY}`, { method: "DELETE" });

// Two bunches: warm ones around one direction, cold ones around another.
function elements() {
  const near = (v, i) => v.map((x, k) => x + 0.02 * Math.sin(i * (k + 1)));
  return Array.from({ length: 40 }, (_, i) => ({
    id: (i < 20 ? "warm" : "cold") + i, vector: near(i < 20 ? [1, 0.2, 0, 0] : [0, 0, 1, 0.3], i),
    attributes: { n: i, colour: i < 20 ? "#cc3300" : "#0033cc" },
  }));
}

const circles = () => page.$$eval("#picture circle", all => all.map(c => ({
  name: c.querySelector("title").textContent, x: Number(c.getAttribute("cx")), fill: c.style.fill, marks: c.getAttribute("class") ?? "" })));
const found = () => page.$$eval("#found li", all => all.map(e => e.querySelector("b").textContent));

async function said(text) {
  await page.waitForFunction(t => document.getElementById("status").textContent.includes(t), text);
}

const checks = {
  "a set's elements are shown, in their colours, bunches apart": async () => {
    await remove();
    await put(elements());
    await page.goto(`${BASE}/vectors?key=${KEY}`);
    await said("40 of 40 elements");
    const all = await circles();
    const of = word => all.filter(c => c.name.startsWith(word));
    assert.equal(of("warm").length, 20);
    assert.ok(of("warm").every(c => c.fill === "rgb(204, 51, 0)"), JSON.stringify(all[0]));
    const [low, high] = of("warm")[0].x < of("cold")[0].x ? [of("warm"), of("cold")] : [of("cold"), of("warm")];
    assert.ok(Math.max(...low.map(c => c.x)) + 100 < Math.min(...high.map(c => c.x)));
  },
  "a click finds the nearest ones, with scores and attributes": async () => {
    await page.locator("#picture circle", { has: page.locator("title", { hasText: /^warm7$/ }) }).click({ force: true });
    await said("10 nearest to");
    const names = await found();
    assert.equal(names.length, 10);
    assert.ok(names.every(n => n.startsWith("warm")), names.join());
    const text = await page.textContent("#found li");
    assert.match(text, /(1\.0000|0\.9\d+)\{"n":\d+,"colour":"#cc3300"\}/);
    const marked = (await circles()).filter(c => c.marks.includes("near")).map(c => c.name);
    assert.deepEqual(marked.sort(), names.sort());
  },
  "typing finds them too, and a filter is kept": async () => {
    await page.fill("#id", "cold33");
    await page.fill("#filter", ".n >= 36");
    await page.click("#search");
    await said("4 nearest to cold33");
    assert.deepEqual((await found()).sort(), ["cold36", "cold37", "cold38", "cold39"]);
    assert.deepEqual((await circles()).filter(c => c.marks.includes("chosen")).map(c => c.name), ["cold33"]);
  },
  "a found one is the next question": async () => {
    await page.fill("#filter", "");
    await page.click("#found li button");
    await said("10 nearest to cold3");
  },
  "what is wrong is said": async () => {
    await page.fill("#filter", ".n >=");
    await page.click("#search");
    await said("syntax error in FILTER");
    await page.fill("#filter", "");
    await page.fill("#id", "nobody");
    await page.click("#search");
    await said("not found");
    await page.fill("#key", "tests:no such set");
    await page.click("#show");
    await said("no such vector set");
    assert.equal((await circles()).length, 0);
  },
  "markup in names and attributes stays text": async () => {
    await put([{ id: MARKUP, vector: [1, 1, 1, 1], attributes: { colour: "red;\"<b>", html: MARKUP } }, { id: { b64: "/w==" }, vector: [1, 1, 1, 0] }]);
    await page.fill("#key", KEY);
    await page.click("#show");
    await said("42 of 42");
    await page.fill("#id", MARKUP);
    await page.click("#search");
    await said("nearest to <img");
    assert.deepEqual((await found()).slice(0, 2), [MARKUP, "base64:/w=="]);
    await page.locator("#found li button").nth(1).click();
    await said("nearest to base64:/w==");
    assert.equal(await page.title(), "atrium vectors");
    assert.equal(await page.$$eval("#found img", all => all.length), 0);
  },
  "no errors in the console": async () => assert.deepEqual(errors, []),
};

await run(checks);
await remove();
await end(context);
