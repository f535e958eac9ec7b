// The unmodified @upstash/redis against /upstash. `drive.mjs URL TOKEN`.
import assert from 'node:assert/strict';
import {Redis} from '@upstash/redis';

const [url, token] = process.argv.slice(2);
const redis = new Redis({url, token, enableTelemetry: false, retry: false});
const plain = new Redis({url, token, enableTelemetry: false, retry: false, responseEncoding: false, automaticDeserialization: false});
const single = new Redis({url, token, enableTelemetry: false, retry: false, enableAutoPipelining: false});
await single.flushall();

const parts = {
  async strings() {
    assert.equal(await redis.set('k', 'v'), 'OK');
    assert.equal(await redis.get('k'), 'v');
    assert.equal(await redis.get('none'), null);
    assert.equal(await redis.set('k', 'w', {nx: true}), null);
    assert.equal(await redis.set('k', 'w', {ex: 60, get: true}), 'v');
    assert.ok(await redis.ttl('k') > 50);
    for (const text of ['', 'OK', 'grüße ☃ 🎉', 'a\u0000b', '"quoted"', 'line\nfeed', 'x'.repeat(100000)]) {
      await redis.set('text', text);
      assert.equal(await redis.get('text'), text === '"quoted"' ? 'quoted' : text);
      assert.equal(await plain.get('text'), text);
    }
    await redis.set('object', {a: [1, 'two', null, {b: true}]});
    assert.deepEqual(await redis.get('object'), {a: [1, 'two', null, {b: true}]});
    await redis.set('flag', true);
    assert.equal(await redis.get('flag'), true);
    assert.equal(await redis.append('k', '!'), 2);
    assert.equal(await redis.strlen('k'), 2);
    assert.deepEqual(await redis.mget('k', 'none'), ['w!', null]);
    assert.equal(await redis.mset({a: 1, b: 2}), 'OK');
    assert.equal(await redis.getrange('text', 0, 2), 'xxx');
    assert.equal(await redis.del('a', 'b', 'none'), 2);
    assert.equal(await redis.getdel('k'), 'w!');
  },
  async numbers() {
    assert.equal(await redis.incr('n'), 1);
    assert.equal(await redis.incrby('n', 41), 42);
    assert.equal(await redis.decr('n'), 41);
    assert.equal(await redis.incrbyfloat('f', 1.5), 1.5);
    assert.equal(await redis.get('n'), 41);
    await redis.set('big', '9007199254740993');
    assert.equal(await redis.incr('big'), Number('9007199254740994'));
  },
  async hashes() {
    assert.equal(await redis.hset('h', {a: 1, b: 'two', c: {d: 3}}), 3);
    assert.deepEqual(await redis.hgetall('h'), {a: 1, b: 'two', c: {d: 3}});
    assert.equal(await redis.hgetall('none'), null);
    assert.equal(await redis.hget('h', 'b'), 'two');
    assert.deepEqual(await redis.hmget('h', 'a', 'z'), {a: 1, z: null});
    assert.equal(await redis.hincrby('h', 'a', 4), 5);
    assert.deepEqual((await redis.hkeys('h')).sort(), ['a', 'b', 'c']);
    assert.equal(await redis.hlen('h'), 3);
    assert.equal(await redis.hdel('h', 'a', 'z'), 1);
    const [cursor, items] = await redis.hscan('h', 0);
    assert.deepEqual([cursor, items.length], ['0', 4]);
  },
  async lists() {
    assert.equal(await redis.rpush('l', 'a', 'b', 'c'), 3);
    assert.equal(await redis.lpush('l', 0), 4);
    assert.deepEqual(await redis.lrange('l', 0, -1), [0, 'a', 'b', 'c']);
    assert.equal(await redis.lpop('l'), 0);
    assert.deepEqual(await redis.rpop('l', 2), ['c', 'b']);
    assert.equal(await redis.llen('l'), 1);
    assert.equal(await redis.lmove('l', 'm', 'left', 'right'), 'a');
    assert.equal(await redis.lpos('m', 'a'), 0);
  },
  async sets() {
    assert.equal(await redis.sadd('s', 'a', 'b', 'c'), 3);
    assert.equal(await redis.sadd('t', 'b', 'c', 'd'), 3);
    assert.deepEqual((await redis.sinter('s', 't')).sort(), ['b', 'c']);
    assert.deepEqual((await redis.smembers('s')).sort(), ['a', 'b', 'c']);
    assert.equal(await redis.sismember('s', 'a'), 1);
    assert.deepEqual(await redis.smismember('s', ['a', 'z']), [1, 0]);
    assert.equal(await redis.scard('s'), 3);
  },
  async sortedSets() {
    assert.equal(await redis.zadd('z', {score: 1, member: 'a'}, {score: 2.5, member: 'b'}), 2);
    assert.deepEqual(await redis.zrange('z', 0, -1, {withScores: true}), ['a', 1, 'b', 2.5]);
    assert.equal(await redis.zscore('z', 'b'), 2.5);
    assert.equal(await redis.zincrby('z', 2, 'a'), 3);
    assert.deepEqual(await redis.zrange('z', 0, 0, {rev: true}), ['a']);
    assert.equal(await redis.zrank('z', 'a'), 1);
    assert.deepEqual(await redis.zpopmax('z'), ['a', 3]);
    assert.equal(await redis.zadd('z', {score: '+inf', member: 'inf'}), 1);
    assert.equal(await redis.zcount('z', '-inf', '+inf'), 2);
  },
  async streams() {
    const id = await redis.xadd('x', '*', {a: '1', b: 'two'});
    assert.match(id, /^\d+-\d+$/);
    assert.deepEqual(await redis.xrange('x', '-', '+'), {[id]: {a: 1, b: 'two'}});
    assert.equal(await redis.xlen('x'), 1);
    assert.equal(await redis.xgroup('x', {type: 'CREATE', group: 'g', id: '0'}), 'OK');
    const read = await redis.xreadgroup('g', 'me', 'x', '>');
    assert.equal(read[0][1][0][0], id);
    assert.equal(await redis.xack('x', 'g', id), 1);
  },
  async keys() {
    await redis.set('key:1', 1);
    assert.equal(await redis.exists('key:1', 'none'), 1);
    assert.equal(await redis.type('key:1'), 'string');
    assert.equal(await redis.expire('key:1', 60), 1);
    assert.equal(await redis.persist('key:1'), 1);
    assert.equal(await redis.rename('key:1', 'key:2'), 'OK');
    assert.deepEqual(await redis.keys('key:*'), ['key:2']);
    const seen = [];
    let cursor = '0';
    do {
      const [next, page] = await redis.scan(cursor, {match: 'key:*'});
      [cursor] = [next];
      seen.push(...page);
    } while (cursor !== '0');
    assert.deepEqual(seen, ['key:2']);
    assert.equal(await redis.ping(), 'PONG');
    assert.equal(await redis.echo('hello'), 'hello');
    assert.ok(await redis.dbsize() > 5);
    assert.equal((await redis.time()).length, 2);
    assert.equal(await redis.publish('channel', 'm'), 0);
  },
  async pipelines() {
    const p = redis.pipeline();
    p.set('p', 1).incr('p').get('p').lpush('p', 'x').hset('ph', {a: 1});
    await assert.rejects(p.exec(), /WRONGTYPE/);
    const q = redis.pipeline().set('q', 'v').get('q').smembers('none');
    assert.deepEqual(await q.exec(), ['OK', 'v', []]);
    const results = await redis.pipeline().get('q').lpush('q', 'x').exec({keepErrors: true});
    assert.equal(results[0].result, 'v');
    assert.match(results[1].error, /^WRONGTYPE /);
    const all = await Promise.all(Array.from({length: 500}, (_, i) => redis.set(`auto:${i}`, i)));
    assert.ok(all.every(r => r === 'OK'));
    assert.equal(await redis.get('auto:499'), 499);
  },
  async transactions() {
    const t = redis.multi();
    t.set('tx', 1);
    t.incr('tx');
    t.hgetall('ph');
    assert.deepEqual(await t.exec(), ['OK', 2, {a: 1}]);
    const bad = redis.multi();
    bad.set('tx', 5);
    bad.del();
    await assert.rejects(bad.exec(), /wrong number of arguments/);
    assert.equal(await redis.get('tx'), 2);
  },
  async subscriptions() {
    const got = [], gone = [];
    const one = redis.subscribe('chat'), many = redis.psubscribe('chat:*');
    const counts = Promise.all([one, many].map((s, i) => new Promise(done => s.on(i ? 'psubscribe' : 'subscribe', done))));
    one.on('message', m => got.push(m));
    one.on('error', e => gone.push(e));
    many.on('pmessage', m => got.push(m));
    assert.deepEqual(await counts, [1, 1]);
    for (const data of ['hello, you', {a: [1, 2]}, 5]) assert.equal(await redis.publish('chat', data), 1);
    assert.equal(await redis.publish('chat:1', '"x"'), 1);
    while (got.length < 4) await new Promise(done => setTimeout(done, 5));
    assert.deepEqual(got, [{channel: 'chat', message: 'hello, you'}, {channel: 'chat', message: {a: [1, 2]}},
      {channel: 'chat', message: 5}, {pattern: 'chat:*', channel: 'chat:1', message: 'x'}]);
    await one.unsubscribe();
    await many.unsubscribe(['chat:*']);
    while (await redis.publish('chat', 'late') || await redis.publish('chat:1', 'late')) await new Promise(done => setTimeout(done, 5));
    assert.deepEqual(gone, []);
  },
  async errors() {
    await redis.set('text', 'x');
    await assert.rejects(single.incr('text'), /ERR value is not an integer or out of range, command was: \["incr","text"\]/);
    await assert.rejects(single.lpush('text', 'x'), /WRONGTYPE Operation against a key holding the wrong kind of value/);
    await assert.rejects(new Redis({url, token: 'wrong', retry: false, enableAutoPipelining: false}).get('k'), /another password/);
  },
};

let [passed, failed] = [0, 0];
for (const [name, part] of Object.entries(parts)) {
  try {
    await part();
    passed++;
  } catch (error) {
    console.log(`FAIL ${name}`, error);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
