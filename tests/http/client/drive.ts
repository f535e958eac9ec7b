// drive.js PORT: every operation of the document through the client that openapi-typescript and openapi-fetch make of
// it, each at least once with success. Compiled strictly, so that the document's types are what the answers here are
// used as. The last line counts, as run.py wants it.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type {components, paths} from './types.js';

type Problem = components['schemas']['problem'];
type Bytes = components['schemas']['bytes'];

const baseUrl = `http://127.0.0.1:${process.argv[2]}`;
const client = createClient<paths>({baseUrl});
const driven = new Set<string>();
client.use({
  onResponse({request, response, schemaPath}) {
    if (response.ok) driven.add(`${request.method} ${schemaPath}`);
  },
});

interface Result<T> {data?: T; error?: unknown; response: Response}

function ok<T>(result: Result<T>, status = 200): NonNullable<T> {
  assert.equal(result.response.status, status, JSON.stringify(result.error));
  return result.data as NonNullable<T>;
}

function refused(result: {error?: Problem; response: Response}, status: number, code: Problem['code']): Problem {
  assert.equal(result.response.status, status);
  assert.ok(result.error);
  assert.equal(result.error.code, code);
  assert.equal(result.error.type, `/problems/${code}`);
  return result.error;
}

function text(bytes: Bytes | undefined): string {
  assert.equal(typeof bytes, 'string');
  return bytes as string;
}

const raw = {headers: {'Content-Type': 'application/octet-stream'}, bodySerializer: (body: unknown) => body as string};
const KEY = '/v1/keys/{key}';

async function keys(): Promise<void> {
  const path = {key: 'a/b c+ü%'};
  const made = await client.PUT(KEY, {params: {path}, body: {value: 'hello'}});
  ok(made, 201);
  ok(await client.PUT(KEY, {params: {path, query: {ttl_ms: 90000}}, body: 'bytes', ...raw}), 204);
  const got = ok(await client.GET(KEY, {params: {path}}));
  assert.ok(typeof got === 'object');
  assert.equal(text(got.value), 'bytes');
  assert.equal(text(got.key), path.key);
  assert.ok(got.ttl_ms !== null && got.ttl_ms > 80000 && got.size === 5);
  const part = await client.GET(KEY, {params: {path, header: {Range: 'bytes=1-2'}}, parseAs: 'text',
    headers: {Accept: 'application/octet-stream'}});
  assert.equal(ok(part, 206), 'yt');
  const stale = await client.PUT(KEY, {params: {path, header: {'If-Match': '"0000000000000000"'}}, body: {value: 1}});
  refused(stale, 412, 'precondition-failed');
  assert.equal(ok(await client.PATCH(KEY, {params: {path}, body: {ttl_ms: null}})).ttl_ms, null);
  ok(await client.DELETE(KEY, {params: {path}}), 204);
  refused(await client.GET(KEY, {params: {path}}), 404, 'not-found');
}

async function manyKeys(): Promise<void> {
  const items = [{key: 'm1', value: '1'}, {key: 'm2', value: {b64: 'AP8='}, ttl_ms: 60000}];
  assert.deepEqual(ok(await client.POST('/v1/keys/mset', {body: {items}})).items.map(i => i.set), [true, true]);
  const read = ok(await client.POST('/v1/keys/mget', {body: {keys: ['m1', 'm2', 'none']}}));
  assert.deepEqual(read.items.map(i => i.value), ['1', {b64: 'AP8='}, null]);
  const listed: string[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null;) {
    const page: {items: {key: Bytes}[]; cursor: string | null} =
      ok(await client.GET('/v1/keys', {params: {query: {match: 'm?', type: 'string', cursor}}}));
    listed.push(...page.items.map(i => text(i.key)));
    cursor = page.cursor;
  }
  assert.deepEqual(listed.sort(), ['m1', 'm2']);
  const gone = ok(await client.POST('/v1/keys/delete', {body: {keys: ['m1', 'none']}}));
  assert.deepEqual(gone.items.map(i => i.deleted), [true, false]);
}

async function counters(): Promise<void> {
  const path = {key: 'seats'}, url = '/v1/counters/{key}/incr';
  const first = ok(await client.POST(url, {params: {path}, body: {by: 9, max: 10, ttl_ms: 60000}}));
  assert.deepEqual([first.value, first.created], [9, true]);
  const error = refused(await client.POST(url, {params: {path}, body: {by: 2, max: 10}}), 409, 'out-of-bounds');
  assert.equal(error.value, 9);
  const big = ok(await client.POST(url, {params: {path: {key: 'big'}}, body: {by: '9007199254740993'}}));
  assert.equal(big.value, '9007199254740993');
}

async function rateLimits(): Promise<void> {
  const path = {policy: 'api', subject: 'ann'}, url = '/v1/ratelimits/{policy}/{subject}';
  const body = {limit: 1, window_ms: 60000};
  const first = ok(await client.POST(url, {params: {path}, body}));
  assert.deepEqual([first.allowed, first.remaining], [true, 0]);
  const error = refused(await client.POST(url, {params: {path, query: {enforce: true}}, body}), 429, 'rate-limited');
  assert.equal(error.allowed, false);
}

async function hashes(): Promise<void> {
  const path = {key: 'user:1'}, one = {params: {path: {...path, field: 'name'}}};
  assert.equal(ok(await client.PATCH('/v1/hashes/{key}', {params: {path}, body: {set: {name: 'Ann', age: 41}}})).set, 2);
  assert.equal(ok(await client.PATCH('/v1/hashes/{key}', {params: {path}, body: {incr: {age: 1}}})).value, 42);
  const page = ok(await client.GET('/v1/hashes/{key}', {params: {path}}));
  assert.ok('items' in page);
  assert.deepEqual(page.items.map(i => i.field), ['name', 'age']);
  const whole = ok(await client.GET('/v1/hashes/{key}', {params: {path, query: {shape: 'object'}}}));
  assert.ok('fields' in whole);
  assert.deepEqual(whole.fields, {name: 'Ann', age: '42'});
  const url = '/v1/hashes/{key}/fields/{field}';
  ok(await client.PUT(url, {...one, body: {value: 'Bo'}}), 204);
  assert.equal(ok(await client.PATCH(url, {...one, body: {ttl_ms: 60000, if: 'nx'}})).ttl_ms, 60000);
  const got = ok(await client.GET(url, one));
  assert.ok(typeof got === 'object');
  assert.equal(got.value, 'Bo');
  ok(await client.DELETE(url, one), 204);
  refused(await client.GET(url, one), 404, 'not-found');
}

async function lists(): Promise<void> {
  const params = {path: {key: 'jobs'}};
  assert.equal(ok(await client.POST('/v1/lists/{key}/push', {params, body: {values: ['a', 'b', 3]}})).length, 3);
  const range = ok(await client.GET('/v1/lists/{key}', {params: {...params, query: {start: -2}}}));
  assert.deepEqual([range.total, range.start, range.items], [3, 1, ['b', '3']]);
  const popped = ok(await client.POST('/v1/lists/{key}/pop', {params, body: {count: 3, side: 'right'}}));
  assert.deepEqual(popped.items, ['3', 'b', 'a']);
  ok(await client.POST('/v1/lists/{key}/pop', {params, body: {wait_ms: 5}}), 204);
}

async function sets(): Promise<void> {
  const path = {key: 'tags'}, member = {params: {path: {...path, member: 'x/y'}}};
  ok(await client.PUT('/v1/sets/{key}/members/{member}', member), 201);
  assert.equal(ok(await client.GET('/v1/sets/{key}/members/{member}', member)).member, 'x/y');
  ok(await client.DELETE('/v1/sets/{key}/members/{member}', member), 204);
  assert.equal(ok(await client.PATCH('/v1/sets/{key}', {params: {path}, body: {add: ['a', 'b', 'c']}})).added, 3);
  assert.equal(ok(await client.GET('/v1/sets/{key}', {params: {path, query: {member: ['a', 'z']}}})).items.length, 1);
  const query = ok(await client.POST('/v1/sets/query', {body: {op: 'diff', keys: ['tags', 'none'], store: 'copy'}}));
  assert.deepEqual([query.total, query.key], [3, 'copy']);
  assert.equal(ok(await client.POST('/v1/sets/{key}/pop', {params: {path}, body: {count: 2}})).items.length, 2);
}

async function streams(): Promise<void> {
  const path = {key: 'orders'}, group = {params: {path: {...path, group: 'packers'}}};
  const added = ok(await client.POST('/v1/streams/{key}/entries', {params: {path}, body: {fields: {item: 'tea'}}}), 201);
  const entry = {params: {path: {...path, id: added.id}}};
  assert.deepEqual(ok(await client.GET('/v1/streams/{key}/entries/{id}', entry)).fields, {item: 'tea'});
  assert.equal(ok(await client.GET('/v1/streams/{key}/entries', {params: {path}})).items[0]?.id, added.id);
  assert.equal(ok(await client.GET('/v1/streams/{key}', {params: {path}})).last_id, added.id);
  const events = await client.GET('/v1/streams/{key}/events', {params: {path, header: {'Last-Event-ID': '0-0'}}, parseAs: 'stream'});
  assert.ok(events.data);
  let feed = '';
  for await (const piece of events.data as unknown as AsyncIterable<Uint8Array>)
    if (/^id: [^]*\n\n/m.test(feed += Buffer.from(piece).toString())) break;
  assert.ok(feed.includes(`id: ${added.id}\ndata: `), feed);
  ok(await client.PUT('/v1/streams/{key}/groups/{group}', {...group, body: {start: '0'}}), 201);
  const read = await client.POST('/v1/streams/{key}/groups/{group}/read', {...group, body: {consumer: 'bob'}});
  assert.equal(ok(read).items[0]?.id, added.id);
  assert.equal(ok(await client.GET('/v1/streams/{key}/groups', {params: {path}})).items[0]?.pending, 1);
  const acked = await client.POST('/v1/streams/{key}/groups/{group}/ack', {...group, body: {ids: [added.id]}});
  assert.equal(ok(acked).acknowledged, 1);
  ok(await client.DELETE('/v1/streams/{key}/groups/{group}', group), 204);
  ok(await client.DELETE('/v1/streams/{key}/entries/{id}', entry), 204);
}

async function leaderboards(): Promise<void> {
  const path = {key: 'game'}, ann = {params: {path: {...path, member: 'ann'}}};
  const url = '/v1/leaderboards/{key}/members/{member}';
  assert.equal(ok(await client.PUT(url, {...ann, body: {score: 100}}), 201).rank, 1);
  ok(await client.PUT(url, {params: {path: {...path, member: 'bob'}}, body: {score: 'inf'}}), 201);
  assert.equal(ok(await client.POST(`${url}/incr`, {...ann, body: {by: 0.5}})).score, 100.5);
  assert.equal(ok(await client.GET(url, ann)).rank, 2);
  const around = ok(await client.GET(`${url}/around`, {params: {...ann.params, query: {radius: 1}}}));
  assert.deepEqual(around.items.map(i => [i.member, i.self ?? false]), [['bob', false], ['ann', true]]);
  assert.equal(ok(await client.GET('/v1/leaderboards/{key}', {params: {path}})).items[0]?.score, 'inf');
  ok(await client.DELETE(url, ann), 204);
}

async function vectors(): Promise<void> {
  const path = {key: 'colours'}, red = {params: {path: {...path, id: 'red'}}};
  const url = '/v1/vectors/{key}/items/{id}';
  const body = {vector: [1, 0, 0], quantization: 'f32' as const, attributes: {warm: true}};
  assert.equal(ok(await client.PUT(url, {...red, body}), 201).created, true);
  const items = [{id: 'red', vector: [1, 0, 0.1]}, {id: 'blue', vector_b64: 'AAAAAAAAAAAAAIA/'}];
  const put = ok(await client.POST('/v1/vectors/{key}/items', {params: {path}, body: {items}}));
  assert.deepEqual(put.items.map(i => i.created), [false, true]);
  assert.equal(ok(await client.GET('/v1/vectors/{key}', {params: {path}})).count, 2);
  assert.equal(ok(await client.GET(url, red)).vector.length, 3);
  const found = ok(await client.POST('/v1/vectors/{key}/search', {params: {path}, body: {id: 'red', filter: '.warm'}}));
  assert.ok('items' in found && found.items[0]?.id === 'red');
  const picture = ok(await client.GET('/v1/vectors/{key}/projection', {params: {path}}));
  assert.deepEqual([picture.total, picture.items.length], [2, 2]);
  const searches = [{id: 'blue', limit: 1}, {vector: [1]}];
  const both = ok(await client.POST('/v1/vectors/{key}/search', {params: {path}, body: {searches}}));
  assert.ok('results' in both && 'items' in both.results[0]! && 'error' in both.results[1]!);
  refused(await client.PUT(url, {...red, body: {vector: [1]}}), 422, 'vector-dimension');
  ok(await client.PATCH(url, {...red, body: {attributes: null}}), 204);
  ok(await client.DELETE(url, red), 204);
}

async function commands(): Promise<void> {
  assert.equal(ok(await client.POST('/v1/commands', {body: ['SET', 'k', {b64: 'AP8='}, 'EX', 60]})).result, 'OK');
  refused(await client.POST('/v1/commands', {body: ['SUBSCRIBE', 'c']}), 400, 'command-not-allowed');
  const [first, second] = ok(await client.POST('/v1/pipeline', {body: [['GET', 'k'], ['INCR', 'k']]}));
  assert.ok(first && 'result' in first && second && 'error' in second);
  assert.equal(second.error.code, 'not-a-number');
  const body = {watch: [{key: 'stock', etag: null}], commands: [['SET', 'stock', 10], ['INCR', 'stock']]};
  const done = ok(await client.POST('/v1/transactions', {body}));
  assert.deepEqual(done.results, [{result: 'OK'}, {result: 11}]);
  refused(await client.POST('/v1/transactions', {body}), 412, 'watch-failed');
}

async function firstOf(stream: unknown): Promise<string> {
  assert.ok(stream);
  let text = '';
  for await (const piece of stream as AsyncIterable<Uint8Array>)
    if ((text += Buffer.from(piece).toString()).includes('data:')) break;
  return text;
}

async function upstash(): Promise<void> {
  assert.deepEqual(ok(await client.POST('/upstash', {body: ['SET', 'up', 1]})), {result: 'OK'});
  assert.deepEqual(ok(await client.POST('/upstash/pipeline', {body: [['INCR', 'up'], ['INCR', 'text']]}))[0], {result: 2});
  assert.deepEqual(ok(await client.POST('/upstash/multi-exec', {body: [['INCR', 'up']]})), [{result: 3}]);
  const path = {command: 'dbsize'};
  assert.ok('result' in ok(await client.GET('/upstash/{command}', {params: {path}})));
  assert.ok('result' in ok(await client.POST('/upstash/{command}', {params: {path}})));
  const stream = {Accept: 'text/event-stream'};
  const one = await client.POST('/upstash/subscribe/{channel}', {params: {path: {channel: 'up'}}, headers: stream, parseAs: 'stream'});
  assert.match(await firstOf(one.data), /^data: subscribe,up,1\n\n$/m);
  const many = await client.POST('/upstash/psubscribe/{pattern}', {params: {path: {pattern: 'up*'}}, headers: stream, parseAs: 'stream'});
  assert.match(await firstOf(many.data), /^data: psubscribe,up\*,1\n\n$/m);
}

async function channels(): Promise<void> {
  const sent = await client.POST('/v1/channels/{channel}/messages', {params: {path: {channel: 'news'}}, body: 'hi', ...raw});
  assert.equal(ok(sent, 202).receivers, 0);
  const channel = {params: {path: {channel: 'news'}}};
  assert.deepEqual(ok(await client.GET('/v1/channels/{channel}/messages', channel)).items, []);
  assert.deepEqual(ok(await client.GET('/v1/channels/{channel}/presence', channel)).members, []);
  assert.deepEqual(ok(await client.GET('/v1/channels', {params: {query: {match: 'news'}}})).items, []);
  assert.equal(ok(await client.POST('/v1/tickets', {body: {user: 'ann', channels: ['news']}}), 201).ttl_ms, 60000);
  const events = await client.GET('/v1/events', {params: {query: {channel: ['news'], pattern: ['n*']}}, parseAs: 'stream'});
  assert.ok(events.data);
  let feed = '';
  for await (const piece of events.data as unknown as AsyncIterable<Uint8Array>)
    if (/^id: [^]*\n\n/m.test(feed += Buffer.from(piece).toString())) break;
}

// Documents, pages and scripts: what is fetched as it is, and is no JSON.
async function textPages(): Promise<'/docs'[]> {
  interface Operation {tags: string[]; responses: Record<string, {content?: object}>}
  const document = ok(await client.GET('/openapi.json')) as {paths: Record<string, {get?: Operation}>};
  return Object.entries(document.paths).filter(([path, {get}]) => get?.tags[0] === 'service' && !path.includes('{') &&
    Object.keys(get.responses['200']?.content ?? {}).some(type => /^text\/(?!event-stream)|yaml$/.test(type))).map(([path]) => path as '/docs');
}

async function service(): Promise<void> {
  assert.equal(ok(await client.GET('/healthz')).status, 'ok');
  assert.equal(ok(await client.GET('/readyz')).status, 'ready');
  assert.match(ok(await client.GET('/metrics', {parseAs: 'text'})), /^atrium_memory_used_bytes \d+$/m);
  ok(await client.GET('/openapi.json'));
  ok(await client.GET('/asyncapi.json'));
  for (const path of await textPages())
    ok(await client.GET(path, {parseAs: 'text'}));
  assert.match(ok(await client.GET('/docs/viewer.js', {parseAs: 'text'})), /SwaggerUIBundle/);
  ok(await client.GET('/problems/{code}', {params: {path: {code: 'wrong-type'}}, parseAs: 'text'}));
}

// A WebSocket is not opened by fetch: the plain request is refused, and that is all of it here.
async function webSocket(): Promise<void> {
  refused(await client.GET('/v1/ws'), 426, 'upgrade-required');
  driven.add('GET /v1/ws');
}

// After all the others.
async function everyOperation(): Promise<void> {
  const document = ok(await client.GET('/openapi.json')) as {paths: Record<string, Record<string, unknown>>};
  const all = Object.entries(document.paths).flatMap(([path, item]) =>
    ['get', 'put', 'post', 'patch', 'delete'].filter(m => m in item).map(m => `${m.toUpperCase()} ${path}`));
  assert.deepEqual(all.filter(o => !driven.has(o)), []);
}

let [passed, failed] = [0, 0];
for (const part of [keys, manyKeys, counters, rateLimits, hashes, lists, sets, streams, leaderboards, vectors, commands, upstash,
  channels, service, webSocket, everyOperation]) {
  try {
    await part();
    passed++;
  } catch (error) {
    console.log(`FAIL ${part.name}`, error);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
