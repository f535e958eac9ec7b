// The OpenAPI document as a judge: finds the operation of a request and says what in an answer the document does not
// know. Schemas of objects are closed here, so that a member that is not described is a complaint too.
import {Ajv2020} from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];
// What HTTP itself puts there (RFC 9110 and 9112), which no document lists.
const FRAMING = new Set(['date', 'connection', 'keep-alive', 'content-length', 'content-type', 'transfer-encoding']);
// Refused before there is an operation, or for a method that is none.
const OF_NO_OPERATION = [400, 401, 403, 404, 405, 413, 414, 431, 503];
const PROBLEM = 'application/problem+json';

export function pointer(...parts) {
  return '#/' + parts.map(p => encodeURIComponent(String(p).replaceAll('~', '~0').replaceAll('/', '~1'))).join('/');
}

function close(node) {
  if (Array.isArray(node)) return node.map(close);
  if (node === null || typeof node !== 'object') return node;
  const copy = Object.fromEntries(Object.entries(node).map(([k, v]) => [k, k === 'example' ? v : close(v)]));
  if (copy.type === 'object' && copy.properties && !('additionalProperties' in copy)) copy.additionalProperties = false;
  return copy;
}

export class Contract {
  constructor(document) {
    this.document = document;
    this.ajv = new Ajv2020({strict: false, allErrors: false, validateFormats: true});
    formats.default(this.ajv);
    this.ajv.addSchema({...close(document), $id: 'closed:'});
    this.ajv.addSchema({...document, $id: 'open:'});
    this.compiled = new Map();
    this.operations = [];
    for (const [path, item] of Object.entries(document.paths))
      for (const method of METHODS)
        if (item[method]) this.operations.push(this.#operation(path, item, method));
    // A literal segment wins over a name.
    this.operations.sort((a, b) => a.names.length - b.names.length);
  }

  #operation(path, item, method) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(m => m[1]);
    const source = path.split(/\{\w+\}/).map(s => s.replace(/[.*+?^$()|[\]\\]/g, '\\$&')).join('[^/]*');
    const further = item['x-further-segments'] ? '(/.*)?' : '';
    const parameters = [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(p => this.resolve(p));
    return {...item[method], id: item[method].operationId, method: method.toUpperCase(), path, names, parameters,
      pattern: new RegExp('^' + source + further + '$'), where: ['paths', path, method]};
  }

  resolve(node) {
    while (node?.$ref) node = this.at(node.$ref);
    return node;
  }

  at(ref) {
    return ref.slice(2).split('/').map(p => decodeURIComponent(p).replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce((node, part) => node[part], this.document);
  }

  find(method, target) {
    const path = target.replace(/^https?:\/\/[^/]*/, '').split('?')[0];
    const wanted = method === 'HEAD' ? 'GET' : method;
    return this.operations.find(o => o.method === wanted && o.pattern.test(path));
  }

  // The complaints of the schema at `ref`, or null. `base` is 'closed:' or 'open:'.
  wrong(ref, value, base = 'closed:') {
    const name = base + ref;
    if (!this.compiled.has(name)) this.compiled.set(name, this.ajv.compile({$ref: name}));
    const validate = this.compiled.get(name);
    return validate(value) ? null : this.ajv.errorsText(validate.errors);
  }

  // answer: {method, target, status, headers: {name: [values]}, body: Buffer or null where it was not kept}
  check(answer) {
    if (answer.method === 'OPTIONS' && answer.status === 204) return []; // a browser's own question: Fetch, 4.8
    const operation = this.find(answer.method, answer.target);
    if (!operation)
      return OF_NO_OPERATION.includes(answer.status) ? this.#checkProblem(answer, {})
        : [`status ${answer.status} where the document has no operation`];
    let ref = pointer(...operation.where, 'responses', answer.status);
    let response = operation.responses[answer.status];
    if (!response) return [`${operation.id}: status ${answer.status} is not in the document`];
    if (response.$ref) [ref, response] = [response.$ref, this.resolve(response)];
    if (this.#isOfTheLibrary(answer)) return [];
    const wrong = [...this.#checkHeaders(answer, response, ref), ...this.#checkBody(answer, response, ref)];
    return wrong.map(text => `${operation.id} ${answer.status}: ${text}`);
  }

  // What the HTTP library cannot hold, or not read at all, it refuses without a problem document.
  #isOfTheLibrary({status, headers}) {
    return [400, 414, 431].includes(status) && !headers['content-type'] && !headers['x-request-id'];
  }

  #checkHeaders(answer, response, ref) {
    const wrong = [];
    const common = this.document['x-headers-of-every-response'];
    const known = new Map(['x-headers-of-some-responses', 'x-headers-of-every-response'].flatMap(where =>
      Object.keys(this.document[where]).map(n => [n.toLowerCase(), pointer(where, n, 'schema')])));
    for (const [n, header] of Object.entries(response.headers ?? {}))
      known.set(n.toLowerCase(), (header.$ref ?? ref + pointer('headers', n).slice(1)) + '/schema');
    for (const [name, values] of Object.entries(answer.headers)) {
      if (FRAMING.has(name)) continue;
      if (!known.has(name)) { wrong.push(`header ${name} is not in the document`); continue; }
      for (const value of values) {
        const complaint = this.wrong(known.get(name), value) &&
          (/^\d+$/.test(value) ? this.wrong(known.get(name), Number(value)) : this.wrong(known.get(name), value));
        if (complaint) wrong.push(`header ${name}: ${complaint}: ${value}`);
      }
    }
    if (answer.headers['x-request-id'] || answer.status < 400)
      for (const name of Object.keys(common))
        if (!answer.headers[name.toLowerCase()]) wrong.push(`header ${name} is missing`);
    return wrong;
  }

  #checkBody(answer, response, ref) {
    const [type] = (answer.headers['content-type']?.[0] ?? '').split(';');
    if (!response.content) return type || answer.body?.length ? [`a body of ${type}, and the document has none`] : [];
    const media = Object.keys(response.content).find(t => t === type || t === '*/*');
    if (!media) return [`media type ${type} is not in the document`];
    if (answer.method === 'HEAD') return answer.body?.length ? ['HEAD has a body'] : [];
    if (media === PROBLEM) return this.#checkProblem(answer, response);
    if (media !== 'application/json' || answer.body === null) return [];
    const complaint = this.#json(answer, value => this.wrong(ref + pointer('content', media, 'schema').slice(1), value));
    return complaint ? [complaint] : [];
  }

  #json(answer, then) {
    let value;
    try { value = JSON.parse(new TextDecoder('utf-8', {fatal: true}).decode(answer.body)); }
    catch (e) { return 'no JSON: ' + e.message; }
    const complaint = then(value);
    return complaint && `${complaint} in ${answer.body.toString().slice(0, 300)}`;
  }

  #checkProblem(answer, response) {
    const type = answer.headers['content-type']?.[0];
    if (type !== PROBLEM) return [`an error as ${type}`];
    if (answer.method === 'HEAD' || answer.body === null) return [];
    const complaint = this.#json(answer, value => this.wrong('#/components/schemas/problem', value) ??
      (value.status !== answer.status ? 'another status' : value.type !== '/problems/' + value.code ? 'another type' :
        response.content && !response.content[PROBLEM].examples[value.code] ? `no example of ${value.code}` :
          !answer.headers['idempotency-replayed'] && (value.request_id ?? undefined) !== answer.headers['x-request-id']?.[0] ? 'another request_id' : null));
    return complaint ? [complaint] : [];
  }
}

export async function load(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/openapi.json`);
  return new Contract(await answer.json());
}
