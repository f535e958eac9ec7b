// /docs in headless Chromium: the viewer shows every operation of the document and sends a request; without the viewer the
// page lists them by itself. Neither asks anybody else for anything. Prints a line a check and the counts.
import assert from "node:assert/strict";
import { end, launch, run } from "./browser.mjs";

const HOME = `http://127.0.0.1:${process.env.ATRIUM_HTTP_PORT}`;
const context = await launch();
const errors = [], others = [];

async function open(before) {
  const page = await context.newPage();
  page.on("pageerror", e => errors.push(e.message));
  page.on("console", m => { if (m.type() === "error") errors.push(m.text()); });
  page.on("request", r => { if (!/^(data|blob):/.test(r.url()) && !r.url().startsWith(HOME + "/")) others.push(r.url()); });
  await before?.(page);
  await page.goto(HOME + "/docs");
  return page;
}

async function operations() {
  const { paths } = await (await fetch(HOME + "/openapi.json")).json();
  return Object.entries(paths).flatMap(([path, item]) =>
    ["get", "put", "post", "patch", "delete"].filter(m => m in item).map(m => `${m.toUpperCase()} ${path}`)).sort();
}

let page;
await run({
  "the viewer shows every operation": async () => {
    page = await open();
    await page.waitForSelector(".opblock");
    const shown = await page.$$eval(".opblock", found => found.map(e => e.querySelector(".opblock-summary-method").textContent + " " +
      e.querySelector(".opblock-summary-path").dataset.path));
    assert.deepEqual(shown.sort(), await operations());
    assert.equal(await page.isVisible("#plain"), false);
  },
  "an operation opens with its examples and sends a request": async () => {
    await page.click("#operations-commands-runCommand .opblock-summary-control");
    const operation = page.locator("#operations-commands-runCommand");
    await operation.locator("textarea").first().fill('["ECHO", "from the docs"]');
    await operation.locator("button.execute").click();
    await operation.locator(".live-responses-table").waitFor();
    assert.match(await operation.locator(".live-responses-table").innerText(), /"result": "from the docs"/);
  },
  "without the viewer the page lists the operations": async () => {
    const plain = await open(p => p.route("**/docs/viewer.*", route => route.fulfill({ body: "" })));
    await plain.waitForSelector("#plain:not([hidden])");
    assert.deepEqual((await plain.$$eval("#plain li code", found => found.map(e => e.textContent))).sort(), await operations());
    await plain.close();
  },
  "no other server is asked": async () => assert.deepEqual(others, []),
  "no errors in the console": async () => assert.deepEqual(errors, []),
});
await end(context);
