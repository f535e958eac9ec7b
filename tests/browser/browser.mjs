// Headless Chromium with a profile of its own, and checks that are counted.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const WAIT_MS = 20000;
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const profile = mkdtempSync(join(tmpdir(), "atrium-browser-"));
let passed = 0, failed = 0;

export async function launch() {
  const context = await chromium.launchPersistentContext(profile,
    { executablePath: "/usr/bin/chromium", headless: true, args: FLAGS });
  context.setDefaultTimeout(WAIT_MS);
  return context;
}

// {name: async function}: a line for each, one after the other.
export async function run(checks) {
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      passed++;
      console.log("ok   " + name);
    } catch (e) {
      failed++;
      console.log("FAIL " + name + "\n" + (e.stack ?? e));
    }
  }
}

// Closes the browser, prints the counts and exits.
export async function end(context) {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}
