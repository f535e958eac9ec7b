// memjs, which speaks memcached's binary protocol: its usual calls against the server at argv[2], and, where argv[3]
// names a RESP port, what ioredis sees of them. `memjs.mjs PORT [RESP_PORT]`
import assert from "node:assert/strict";
import Redis from "ioredis";
import memjs from "memjs";

const [port, respPort] = process.argv.slice(2).map(Number);
const quiet = { log() {} };
// flags go with the value: the serializer writes them into the extras, and shows those that come back
const withFlags = {
  serialize(opcode, value, extras) {
    if (extras.length)
      extras.writeUInt32BE(0xdeadbeef, 0);
    return { value, extras };
  },
  deserialize: (opcode, value, extras) => ({ value, extras }),
};
const options = { timeout: 20, conntimeout: 20, retries: 1, logger: quiet };
const open = more => memjs.Client.create(`127.0.0.1:${port}`, { ...options, ...more });
const sleep = ms => new Promise(done => setTimeout(done, ms));
const text = async (client, key) => (await client.get(key)).value?.toString() ?? null;

async function values(mc) {
  assert.equal(await text(mc, "k"), null);
  assert.equal(await mc.set("k", "hello", {}), true);
  assert.equal(await text(mc, "k"), "hello");
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  assert.equal(await mc.set("bytes", bytes, {}), true);
  assert.ok((await mc.get("bytes")).value.equals(bytes));
  for (const n of [0, 1, 44, 45, 511, 512, 70000, 1000000]) {
    assert.equal(await mc.set("length", "v".repeat(n), {}), true);
    assert.equal((await mc.get("length")).value.length, n);
  }
  await assert.rejects(mc.set("length", "v".repeat((1 << 20) + 1), {}), /MemJS SET: Value too large/);
  assert.equal(await text(mc, "length"), null);
  assert.equal(await mc.set("ключ", "значение", {}), true);
  assert.equal(await text(mc, "ключ"), "значение");
  assert.equal(await mc.set("k".repeat(250), "long", {}), true);
  assert.equal(await text(mc, "k".repeat(250)), "long");
}

async function conditions(mc) {
  assert.equal(await mc.replace("c", "0", {}), false);
  await assert.rejects(mc.append("c", "0"), /MemJS APPEND: Item not stored/);
  assert.equal(await mc.add("c", "b", {}), true);
  assert.equal(await mc.add("c", "x", {}), false);
  assert.equal(await mc.append("c", "c"), true);
  assert.equal(await mc.prepend("c", "d"), true); // memjs sends the opcode of append
  assert.equal(await text(mc, "c"), "bcd");
  assert.equal(await mc.replace("c", "r", {}), true);
  assert.equal(await text(mc, "c"), "r");
  assert.equal(await mc.delete("c"), true);
  assert.equal(await mc.delete("c"), false);
}

async function numbers(mc) {
  assert.deepEqual(await mc.increment("n", 5, { initial: 100 }), { success: true, value: 100 });
  assert.deepEqual(await mc.increment("n", 5, { initial: 100 }), { success: true, value: 105 });
  assert.deepEqual(await mc.decrement("n", 6, {}), { success: true, value: 99 });
  assert.equal(await text(mc, "n"), "99 ");
  assert.deepEqual(await mc.decrement("n", 1000, {}), { success: true, value: 0 });
  await assert.rejects(mc.increment("none", 1, { expires: 0xffffffff }), /MemJS INCREMENT: Key not found/);
  assert.equal(await mc.set("word", "ten", {}), true);
  await assert.rejects(mc.increment("word", 1, {}), /MemJS INCREMENT: Incr\/Decr on non-numeric value/);
  const counts = await Promise.all(Array.from({ length: 1000 }, () => mc.increment("hits", 1, { initial: 1 })));
  assert.deepEqual(counts.map(c => c.value), Array.from({ length: 1000 }, (_, i) => i + 1));
}

async function times(mc) {
  assert.equal(await mc.set("t", "1", { expires: 1 }), true);
  assert.equal(await mc.set("kept", "1", { expires: 1 }), true);
  assert.equal(await mc.touch("kept", 100), true);
  assert.equal(await mc.touch("missing", 100), false);
  await sleep(2100); // memcached's clock ticks once a second
  assert.equal(await text(mc, "t"), null);
  assert.equal(await text(mc, "kept"), "1");
}

async function flags() {
  const mc = open({ serializer: withFlags });
  assert.equal(await mc.set("flags", "1", {}), true);
  const { value, flags } = await mc.get("flags");
  assert.deepEqual([value.toString(), flags.toString("hex")], ["1", "deadbeef"]);
  mc.close();
}

const stats = (mc, key) => new Promise((resolve, reject) =>
  mc.statsWithKey(key, (error, server, found) => error ? reject(error) : resolve(found)));

async function server(mc) {
  const all = await stats(mc, "");
  assert.ok(Number(all.curr_items) > 0 && Number(all.cmd_get) > 0);
  assert.equal((await stats(mc, "settings")).item_size_max, String(1 << 20));
  await stats(mc, "reset");
}

async function manyAtOnce(mc) {
  const keys = Array.from({ length: 2000 }, (_, i) => `many:${i}`);
  assert.deepEqual(new Set(await Promise.all(keys.map(k => mc.set(k, k.toUpperCase(), {})))), new Set([true]));
  const got = await Promise.all([...keys, "missing"].map(k => text(mc, k)));
  assert.deepEqual(got, [...keys.map(k => k.toUpperCase()), null]);
}

async function oneKeyspace(mc, redis) {
  await mc.set("shared", "5", { expires: 100 });
  assert.equal(await redis.get("shared"), "5");
  const ttl = await redis.ttl("shared");
  assert.ok(ttl > 97 && ttl <= 100, String(ttl));
  assert.equal(await redis.incr("shared"), 6);
  assert.deepEqual(await mc.increment("shared", 4, {}), { success: true, value: 10 });
  await redis.hset("hash", "f", "v");
  await assert.rejects(mc.get("hash"));
  assert.equal(await redis.hget("hash", "f"), "v");
  await redis.set("plain", "text");
  assert.equal((await mc.get("plain")).flags.toString("hex"), "00000000");
}

const mc = open({});
await mc.flush();
for (const part of [values, conditions, numbers, times, flags, server, manyAtOnce])
  await part(mc);
if (respPort) {
  const redis = new Redis(respPort, "127.0.0.1", { maxRetriesPerRequest: 1 });
  await oneKeyspace(mc, redis);
  redis.disconnect();
}
assert.deepEqual(await mc.flush(), { [`127.0.0.1:${port}`]: true });
assert.equal(await text(mc, "kept"), null);
mc.quit();
