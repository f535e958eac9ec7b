// Requests out of the document, from a seed: mostly what its schemas take, else that with something broken in it.
import {pointer} from './contract.mjs';

const STRINGS = ['', 'a', 'b', 'k', '0', '-1', '1', '3.5', 'x y', 'ü', '\u0000', '😀', '$', '*', '-', '+', '(1-1', '0-0', '1-1', '5-*',
  'inf', 'nan', '1e400', '9223372036854775807', '9223372036854775808', '"0000000000000000"', 'W/"a"', 'a\r\nb', '[a-z]*', 'x'.repeat(300)];
const NUMBERS = [0, 1, -1, 2, 10, 0.5, -0.0, 1e21, 1e-7, 9007199254740991, 9007199254740993, -9007199254740993, 1e308];
const TYPES = ['application/json', 'text/plain', 'application/octet-stream', 'application/json; charset=utf-8', 'multipart/form-data', '', '/'];
const ACCEPTS = ['*/*', 'application/json', 'application/octet-stream', 'text/html', 'application/json;q=0, */*', ';;,', 'text/*;q=0.5'];
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'FROB'];
// Which of the values that answers had fits a parameter or member of another name.
const LEARNED = {id: 'id', ids: 'id', start: 'id', end: 'id', pending_after: 'id', etag: 'etag', 'If-Match': 'etag', 'If-None-Match': 'etag',
  cursor: 'cursor', 'Last-Event-ID': 'id', epoch: 'epoch'};
const DIMENSIONS = 3;
const WAITS = /^(wait|block)_ms$/;
const LONG_WAIT_MS = 5;

export class Random {
  constructor(seed) { this.state = seed >>> 0; }
  next() { // mulberry32
    let t = this.state = this.state + 0x6d2b79f5 >>> 0;
    t = Math.imul(t ^ t >>> 15, t | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 4294967296;
  }
  below(n) { return Math.floor(this.next() * n); }
  chance(p) { return this.next() < p; }
  of(list) { return list[this.below(list.length)]; }
}

export class Generator {
  constructor(contract, seed, commands) {
    this.contract = contract;
    this.random = new Random(seed);
    this.commands = commands;
    this.learned = {id: ['1-1'], etag: ['0000000000000000'], cursor: ['0'], epoch: ['1']};
  }

  // Keeps ids, cursors and ETags of an answer for later requests.
  learn(value) {
    if (Array.isArray(value)) value.slice(0, 3).forEach(v => this.learn(v));
    else if (value && typeof value === 'object')
      for (const [name, v] of Object.entries(value)) {
        const list = this.learned[LEARNED[name]];
        if (list && typeof v === 'string') list[list.length < 8 ? list.length : this.random.below(8)] = v;
        else this.learn(v);
      }
  }

  // ---- values of a schema

  value(schema, name, depth = 0) {
    const r = this.random;
    schema = this.contract.resolve(schema) ?? {};
    if ('const' in schema) return schema.const;
    if (schema.enum) return r.of(schema.enum);
    if (name === 'Idempotency-Key' && r.chance(0.9)) return 'key' + r.below(1e9);
    if (this.tag === 'vectors') {
      if (name === 'id') return this.#member();
      if (name === 'vector' && !r.chance(0.05)) return Array.from({length: DIMENSIONS}, () => r.below(200) / 100 - 1);
      if (name === 'vector_b64' && r.chance(0.8)) return Buffer.from(Float32Array.of(1, r.next(), r.next()).buffer).toString('base64');
      if (name === 'filter' && r.chance(0.8)) return r.of(['.f', '.f > 1', '.g == "x" or not .f', '.f in [1, 2]', '1 +']);
    }
    const known = this.learned[LEARNED[name]];
    if (known && schema.type !== 'integer' && schema.type !== 'array' && r.chance(0.7)) return this.#learnedAs(name, r.of(known));
    const branches = schema.oneOf ?? schema.anyOf;
    if (branches) return this.value(r.of(branches), name, depth + 1);
    if ('example' in schema && r.chance(0.1)) return schema.example;
    const type = Array.isArray(schema.type) ? r.of(schema.type) : schema.type;
    switch (type) {
      case 'null': return null;
      case 'boolean': return r.chance(0.5);
      case 'integer': return this.#integer(schema, name);
      case 'number': return r.chance(0.3) ? r.of(NUMBERS) : r.below(100) / 4;
      case 'string': return this.#string(schema);
      case 'array': return this.#array(schema, name, depth);
      case 'object': return this.#object(schema, depth);
      default: return depth > 3 ? null : this.value({type: r.of(['null', 'boolean', 'integer', 'string', 'array', 'object'])}, name, depth + 1);
    }
  }

  #learnedAs(name, value) {
    return /^If-/.test(name) ? `"${value}"` : name === 'etag' && this.random.chance(0.5) ? `"${value}"` : value;
  }

  #integer({minimum = -3, maximum = 100, exclusiveMaximum}, name) {
    const r = this.random;
    if (WAITS.test(name)) return r.below(LONG_WAIT_MS);
    if (exclusiveMaximum !== undefined) maximum = exclusiveMaximum - 1;
    if (r.chance(0.2)) return r.of([minimum, Math.min(maximum, Number.MAX_SAFE_INTEGER)]);
    return minimum + r.below(Math.min(maximum - minimum + 1, 50));
  }

  #string(schema) {
    const r = this.random;
    if (schema.contentEncoding === 'base64') return Buffer.from(r.of(STRINGS)).toString('base64');
    if (schema.examples && r.chance(0.5)) return r.of(schema.examples);
    if (schema.pattern === '^-?[0-9]+$') return r.of(['0', '1', '-1', '9223372036854775807', '-9223372036854775808']);
    return r.of(STRINGS);
  }

  #array(schema, name, depth) {
    if (name === 'commands' || this.#isCommand(schema)) return this.#commands(schema, depth);
    const least = schema.minItems ?? 0, most = schema.maxItems ?? 10;
    const n = depth > 4 ? least : least + this.random.below(Math.min(most - least, 4) + 1);
    return Array.from({length: n}, () => this.value(schema.items ?? {}, name, depth + 1));
  }

  #isCommand(schema) {
    const {command, upstashCommand} = this.contract.document.components.schemas;
    return schema === command || schema === upstashCommand;
  }

  // A command that there is, of arguments that may fit.
  #commands(schema, depth) {
    if (!this.#isCommand(schema))
      return Array.from({length: this.random.below(4)}, () => this.value(schema.items, 'command', depth + 1));
    const argument = () => this.random.chance(0.4) ? this.key(this.random.of(['keys', 'lists', 'sets', 'hashes', 'streams']))
      : this.value(schema.items, 'argument', depth + 1);
    return [this.random.of(this.commands), ...Array.from({length: this.random.below(5)}, argument)];
  }

  #object(schema, depth) {
    const result = {};
    for (const [name, member] of Object.entries(schema.properties ?? {}))
      if (schema.required?.includes(name) || (depth < 6 && this.random.chance(0.35))) result[name] = this.value(member, name, depth + 1);
    const more = schema.additionalProperties ?? !schema.properties;
    if (more) {
      const n = Math.max(schema.minProperties ?? 0, Math.min(schema.maxProperties ?? 9, this.random.below(3)));
      for (let i = 0; i < n; i++) result[this.random.of(['f', 'g', '', 'ü', '\u0000', '7'])] = this.value(more === true ? {} : more, 'f', depth + 1);
    }
    return result;
  }

  #impatient(example) {
    return Array.isArray(example) ? example
      : Object.fromEntries(Object.entries(example).map(([name, v]) => [name, WAITS.test(name) ? LONG_WAIT_MS : v]));
  }

  #member() {
    return this.random.chance(0.8) ? 'm' + this.random.below(4) : this.random.of(STRINGS.slice(1));
  }

  key(kind) {
    return `${kind}:${this.random.below(3)}`;
  }

  // ---- breaking them

  broken(value) {
    const r = this.random;
    if (value && typeof value === 'object' && r.chance(0.8)) {
      const names = Object.keys(value);
      if (names.length) {
        const name = r.of(names), copy = Array.isArray(value) ? [...value] : {...value};
        if (WAITS.test(name) || r.chance(0.7)) copy[name] = WAITS.test(name) ? -1 : this.broken(copy[name]);
        else if (!Array.isArray(copy)) delete copy[name];
        return copy;
      }
    }
    return r.of([null, true, -1, 1.5, 1e300, 9007199254740993, '', 'x', {}, [], {b64: '!'}, {b64: 'AP8=', x: 1}, [[]], {a: {b: 1}}]);
  }

  #brokenText(text) {
    const r = this.random, bytes = Buffer.from(text), at = r.below(bytes.length + 1);
    return r.of([
      () => bytes.subarray(0, at),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.from([r.below(256)]), bytes.subarray(at)]),
      () => Buffer.concat([bytes, Buffer.from(r.of([' x', '{}', '\0', ',']))]),
      () => Buffer.from('[' .repeat(r.below(100)) + text),
      () => Buffer.alloc(0),
    ])();
  }

  // ---- requests

  // {operation, method, target, headers, body, json: what the body is where it is whole JSON, query}
  request() {
    const r = this.random, operation = r.of(this.contract.operations);
    this.tag = operation.tags[0];
    const request = {operation, method: operation.method, headers: {}, body: undefined, query: []};
    const wrong = r.chance(0.35) ? r.of(['path', 'query', 'header', 'method', 'json', 'json', 'json', 'text', 'type']) : '';
    request.target = this.#path(operation, wrong === 'path');
    this.#parameters(request, wrong);
    this.#body(request, wrong);
    if (operation.method === 'GET' && r.chance(0.1)) request.method = 'HEAD';
    if (wrong === 'method') request.method = r.of(METHODS);
    if (r.chance(0.1)) request.headers.Accept = r.of(ACCEPTS);
    return request;
  }

  #path(operation, wrong) {
    const segments = operation.path.replace(/\{(\w+)\}/g, (_, name) => {
      if (wrong && this.random.chance(0.5)) return this.random.of(['%', '%zz', '', 'a/b', '%00', '\xff', '%ff', 'x'.repeat(13000), '..']);
      if (name === 'command') return [this.random.of(this.commands), this.key('keys'), this.#member()].map(encodeURIComponent).join('/');
      const text = name === 'key' ? this.key(operation.tags[0])
        : name === 'command' ? this.random.of(['ping', 'dbsize', 'get', 'none'])
        : name === 'code' ? this.random.of(['wrong-type', 'none'])
          : name in LEARNED && this.tag !== 'vectors' ? String(this.value({type: 'string'}, name)) : this.#member();
      return encodeURIComponent(text);
    });
    return segments;
  }

  #parameters(request, wrong) {
    for (const p of request.operation.parameters) {
      if (p.in === 'path' || !(p.required || this.random.chance(0.25))) continue;
      let value = this.value(p.schema, p.name);
      if (wrong === p.in) value = this.random.of(STRINGS);
      if (value === null) continue;
      if (p.in === 'header') request.headers[p.name] = String(value).replace(/[^\x20-\x7e]/g, '?');
      else for (const v of Array.isArray(value) ? value : [value]) request.query.push([p, String(v)]);
    }
    if (wrong === 'query' && this.random.chance(0.2)) request.query.push([{name: 'frob', schema: {}}, this.random.of(STRINGS)]);
    const text = request.query.map(([p, v]) => `${p.name}=${wrong === 'query' && this.random.chance(0.1) ? '%' : encodeURIComponent(v)}`);
    if (text.length) request.target += '?' + text.join('&');
  }

  #body(request, wrong) {
    const r = this.random, content = this.contract.resolve(request.operation.requestBody)?.content;
    if (!content) {
      if (r.chance(0.03)) request.body = Buffer.from('unasked');
      return;
    }
    const media = r.of(Object.keys(content));
    if (media !== '*/*') request.headers['Content-Type'] = media;
    if (media === 'application/json') {
      const where = request.operation.requestBody.$ref ?? pointer(...request.operation.where, 'requestBody');
      request.schema = where + pointer('content', media, 'schema').slice(1);
      request.json = r.chance(0.1) && content[media].example ? this.#impatient(content[media].example) : this.value(content[media].schema, 'body');
      if (wrong === 'json') request.json = this.broken(request.json);
      request.body = Buffer.from(JSON.stringify(request.json));
      if (wrong === 'text') [request.body, request.json] = [this.#brokenText(request.body), undefined];
    } else request.body = Buffer.from(r.of(STRINGS));
    if (wrong === 'type') [request.headers['Content-Type'], request.json] = [r.of(TYPES), undefined];
    if (r.chance(0.1)) request.headers['Transfer-Encoding'] = 'chunked';
  }
}
