// What ioredis does with atrium: cache, counter, hash fields with a TTL, a leaderboard, pipelines, binary values.
import assert from "node:assert/strict";
import Redis from "ioredis";

const redis = new Redis(Number(process.env.ATRIUM_PORT), "127.0.0.1", { maxRetriesPerRequest: 1 });
const sleep = ms => new Promise(done => setTimeout(done, ms));

await redis.flushall();

assert.equal(await redis.set("page:home", "<html>", "EX", 60), "OK");
assert.equal(await redis.get("page:home"), "<html>");
const ttl = await redis.ttl("page:home");
assert.ok(ttl > 57 && ttl <= 60, String(ttl));
assert.equal(await redis.del("page:home"), 1);
assert.equal(await redis.get("page:home"), null);

assert.equal(await redis.incr("hits"), 1);
assert.equal(await redis.expire("hits", 1), 1);
const counts = await Promise.all(Array.from({ length: 1000 }, () => redis.incr("hits")));
assert.deepEqual(counts, Array.from({ length: 1000 }, (_, i) => i + 2));
await sleep(1100);
assert.equal(await redis.exists("hits"), 0);

assert.equal(await redis.hset("user:123", { name: "Ada", email: "ada@x.com", auth_token: "tok" }), 3);
assert.deepEqual(await redis.call("HPEXPIRE", "user:123", 150, "FIELDS", 1, "auth_token"), [1]);
assert.equal((await redis.call("HTTL", "user:123", "FIELDS", 2, "name", "auth_token"))[0], -1);
await sleep(200);
assert.deepEqual(await redis.hgetall("user:123"), { name: "Ada", email: "ada@x.com" });

assert.equal(await redis.zadd("leaderboard", 1500, "player1", 2200, "player2", 1800, "player3"), 3);
assert.deepEqual(await redis.zrevrange("leaderboard", 0, 9, "WITHSCORES"),
  ["player2", "2200", "player3", "1800", "player1", "1500"]);
assert.equal(await redis.zrevrank("leaderboard", "player1"), 2);

const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
assert.equal(await redis.set(bytes, bytes), "OK");
assert.ok((await redis.getBuffer(bytes)).equals(bytes));

const results = await redis.pipeline().set("a", 1).incr("a").hget("a", "x").get("a").exec();
assert.deepEqual(results.map(([, value]) => value), ["OK", 2, undefined, "2"]);
assert.match(results[2][0].message, /^WRONGTYPE /);

const seen = new Set();
await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => ["scan:" + i, i])));
for await (const keys of redis.scanStream({ match: "scan:*", count: 37 })) keys.forEach(key => seen.add(key));
assert.equal(seen.size, 500);

redis.disconnect();
