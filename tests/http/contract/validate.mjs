// validate.mjs DOCUMENT RECORD: judges recorded answers, one JSON object a line (door.py writes them):
// [method, target, status, [[header, value], ...], body in base64 or null].
import {createReadStream, readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {Contract} from './contract.mjs';

const [document, record] = process.argv.slice(2);
const contract = new Contract(JSON.parse(readFileSync(document)));
const found = new Map();
let count = 0;
for await (const line of createInterface({input: createReadStream(record)})) {
  const [method, target, status, pairs, body] = JSON.parse(line);
  const headers = {};
  for (const [name, value] of pairs) (headers[name.toLowerCase()] ??= []).push(value);
  const answer = {method, target, status, headers, body: body === null ? null : Buffer.from(body, 'base64')};
  for (const text of contract.check(answer)) {
    const place = text.split(' in {')[0];
    if (!found.has(place)) found.set(place, `${method} ${target.slice(0, 100)}: ${text}`);
  }
  count++;
}
for (const text of found.values()) console.log(text);
console.log(`${count} answers, ${found.size} complaints`);
process.exitCode = found.size ? 1 : 0;
