// fuzz.mjs PORT [--seed N] [--count N] [--seconds N]: requests made out of the document, and each answer held against it.
//
// A complaint is: an answer that the document does not know, or of 500 and more; JSON or a parameter taken (2xx) that its schema refuses; a
// connection that ends without an answer; an operation that never succeeded, where there were enough requests. One
// connection, one request after the other, so that a seed is a run.
import http from 'node:http';
import {parseArgs} from 'node:util';
import {load} from './contract.mjs';
import {Generator} from './generate.mjs';

const {values, positionals} = parseArgs({allowPositionals: true, options: {
  seed: {type: 'string', default: '1'}, count: {type: 'string', default: '20000'}, seconds: {type: 'string', default: '600'},
}});
const port = Number(positionals[0]);
const agent = new http.Agent({keepAlive: true, maxSockets: 1});
const ENOUGH = 15000; // requests after which each operation should have succeeded
const EVENTS_MS = 30; // how long a stream of events is listened to
// What ends or changes the server itself, or takes long.
const LEFT_OUT = new Set(('shutdown debug config save bgsave bgrewriteaof client acl auth replicaof slaveof failover psync sync replconf ' +
  'monitor pfselftest script function eval eval_ro evalsha evalsha_ro hello quit reset module latency slowlog flushall flushdb swapdb ' +
  'cluster asking readonly readwrite blpop brpop blmove blmpop bzpopmin bzpopmax bzmpop brpoplpush wait waitaof').split(' '));

function send({method, target, headers, body}) {
  return new Promise((resolve, reject) => {
    const request = http.request({port, host: '127.0.0.1', agent, method, path: target, headers, timeout: 20000});
    if (body !== undefined && !headers['Transfer-Encoding']) request.setHeader('Content-Length', body.length);
    request.on('timeout', () => request.destroy(new Error('no answer in 20 s')));
    request.on('error', reject);
    request.on('response', response => {
      const chunks = [];
      const done = whole => resolve({method, target, status: response.statusCode, body: whole ? Buffer.concat(chunks) : null,
        headers: Object.fromEntries(Object.keys(response.headers).map(n => [n, response.headersDistinct[n]]))});
      response.on('data', data => chunks.push(data));
      response.on('end', () => done(true));
      response.on('error', reject);
      if (/^text\/event-stream/.test(response.headers['content-type']))
        setTimeout(() => { done(false); response.removeAllListeners('error').on('error', () => {}); request.destroy(); }, EVENTS_MS);
    });
    request.end(body);
  });
}

// Query values are text: numbers are judged as such.
function refusedByQuery(contract, {query, operation}) {
  for (const [parameter, text] of query) {
    const schema = contract.resolve(parameter.schema);
    if (schema.type !== 'integer' && schema.type !== 'boolean' && !schema.enum) continue;
    const value = schema.type === 'integer' && /^-?\d+$/.test(text) ? Number(text)
      : schema.type === 'boolean' ? {true: true, false: false, 1: true, 0: false}[text] ?? text : text;
    const validate = contract.ajv.compile(schema);
    if (!validate(value)) return `${operation.id}: takes ${parameter.name}=${text.slice(0, 40)}`;
  }
  return null;
}

function judge(contract, request, answer) {
  const wrong = contract.check(answer);
  if (answer.status >= 500) wrong.push(`${request.operation.id}: status ${answer.status}: ${answer.body}`);
  if (answer.status >= 300 || request.method !== request.operation.method) return wrong;
  if (contract.find(answer.method, answer.target) !== request.operation) return wrong;
  if (request.json !== undefined) {
    const complaint = contract.wrong(request.schema, request.json, 'open:');
    if (complaint) wrong.push(`${request.operation.id}: takes what its schema refuses: ${complaint}`);
  }
  const complaint = refusedByQuery(contract, request);
  return complaint ? [...wrong, complaint] : wrong;
}

const contract = await load(port);
const names = JSON.parse((await send({method: 'POST', target: '/v1/commands', headers: {'Content-Type': 'application/json'},
  body: Buffer.from('["COMMAND","LIST"]')})).body).result.filter(n => !LEFT_OUT.has(n)).sort();
const generator = new Generator(contract, Number(values.seed), names);
const found = new Map(), succeeded = new Set(), statuses = {};
const until = Date.now() + Number(values.seconds) * 1000;
let count = 0;

function complain(request, text) {
  const place = text.replace(/\d+/g, '0').replace(/(takes \w+=| in [[{]).*/, '$1').slice(0, 90);
  if (!found.has(place))
    found.set(place, `${text.slice(0, 600)}\n  request ${count}: ${request.method} ${request.target.slice(0, 200)} ` +
      `${JSON.stringify(request.headers)} ${request.body?.toString().slice(0, 300) ?? ''}`);
}

for (; count < Number(values.count) && Date.now() < until; count++) {
  const request = generator.request();
  let answer;
  try {
    answer = await send(request);
  } catch (error) {
    complain(request, `${request.operation.id}: ${error.message}`);
    continue;
  }
  for (const text of judge(contract, request, answer)) complain(request, text);
  statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  if (answer.status < 300) succeeded.add(contract.find(answer.method, answer.target)?.id);
  if (/^application\/json/.test(answer.headers['content-type']?.[0]) && answer.body?.length < 1e5 && answer.status < 300)
    try { generator.learn(JSON.parse(answer.body)); } catch { /* judged above */ }
}
if (count >= ENOUGH)
  for (const operation of contract.operations)
    if (!succeeded.has(operation.id) && Object.keys(operation.responses).some(s => s[0] === '2'))
      complain({method: operation.method, target: operation.path, headers: {}}, `${operation.id}: never succeeded`);
agent.destroy();
for (const text of found.values()) console.log(text);
console.log(`seed ${values.seed}: ${count} requests, ${JSON.stringify(statuses)}, ${found.size} complaints`);
process.exitCode = found.size ? 1 : 0;
