// memjs where a password is asked for: it lists SASL's mechanisms, then says user and password by PLAIN.
// `memjs_password.mjs PORT USER PASSWORD`
import assert from "node:assert/strict";
import memjs from "memjs";

const [port, username, password] = process.argv.slice(2);
const options = { timeout: 20, conntimeout: 20, retries: 1, logger: { log() {} } };
const open = more => memjs.Client.create(`127.0.0.1:${port}`, { ...options, ...more });

const mc = open({ username, password });
assert.equal(await mc.set("k", "v", {}), true);
assert.equal((await mc.get("k")).value.toString(), "v");

const strangers = [
  {},
  { username, password: password + "x" },
  { username, password: password.slice(1) },
  { username: username + "x", password },
];
for (const who of strangers) {
  const stranger = open(who);
  await assert.rejects(stranger.get("k"), reason => /authentication failed/.test(reason));
  stranger.close();
}

assert.equal(await mc.delete("k"), true);
mc.quit();
