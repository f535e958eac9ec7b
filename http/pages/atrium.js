// The browser client of atrium's channels: an ES module without dependencies.
//
//   import { connect } from "/atrium.js";
//   const atrium = connect({ user: "ann" });
//   await atrium.subscribe("chat:lobby", { history: 50, message: m => show(m), gap: g => warn(g) });
//   await atrium.publish("chat:lobby", "hello");
//
// The connection comes back by itself, each time after a longer and random pause. Subscriptions come back with it, and read
// what was missed; where that is not whole, `gap` is told. No message comes twice.

/** @typedef {{code: string, message: string, retryable: boolean}} Failure what promises are rejected with */
/** @typedef {string | {b64: string}} Bytes text, or bytes that are none */
/** @typedef {Bytes | Uint8Array | ArrayBuffer} Data */
/** @typedef {{channel: Bytes, pattern?: Bytes, data: Bytes | Uint8Array, offset?: number, from?: Bytes, time_ms: number}} Message */
/** @typedef {{channel?: Bytes, pattern?: Bytes, dropped?: number, recovered?: false, restarted?: boolean}} Gap restarted: the history is another one */
/** @typedef {{channel: Bytes, client: number, user: Bytes, clients: number, users: number}} Coming */
/**
 * @typedef {object} Listener
 * @property {(m: Message) => void} [message] each message in order, those of the history and those that were missed too
 * @property {(g: Gap) => void} [gap] messages are missing here
 * @property {(c: Coming) => void} [join] and `leave`: ask for them by presence: true
 * @property {(c: Coming) => void} [leave]
 * @property {(reply: any) => void} [live] subscribed, again after each pause; with presence it has the members
 * @property {number} [history] so many of the last messages at first
 * @property {boolean} [presence]
 * @property {"disconnect" | "drop"} [on_slow]
 * @property {boolean} [binary] data is a Uint8Array, and travels as it is
 */
/**
 * @typedef {object} Options
 * @property {string} [url] else where the page came from
 * @property {string} [token] the password
 * @property {() => Promise<string>} [ticket] fetches a ticket, for each connection one
 * @property {string} [user] what others see
 * @property {(state: "connecting" | "open" | "waiting" | "closed", event?: any) => void} [state]
 * @property {any} [WebSocket] another implementation
 */

const FIRST_MS = 500, LONGEST_MS = 20000;
const failure = (code, message, retryable) => Object.assign(new Error(message), { code, retryable });
const isBytes = data => data instanceof ArrayBuffer || ArrayBuffer.isView(data);

// A binary message: the length of the JSON in four bytes, the JSON, the data.
function join(text, data) {
  const json = new TextEncoder().encode(text);
  const raw = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const whole = new Uint8Array(4 + json.length + raw.length);
  new DataView(whole.buffer).setUint32(0, json.length);
  whole.set(json, 4);
  whole.set(raw, 4 + json.length);
  return whole;
}

function part(whole) {
  const n = 4 + new DataView(whole).getUint32(0);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(whole, 4, n - 4)));
  return { ...message, data: new Uint8Array(whole, n) };
}

const bytesOf = data => typeof data === "string" ? new TextEncoder().encode(data)
  : Uint8Array.from(atob(data.b64), c => c.charCodeAt(0));
const nameOf = name => typeof name === "string" ? name : JSON.stringify(name);

/** @param {Options} [options] */
export function connect(options = {}) {
  const Socket = options.WebSocket ?? WebSocket;
  const waiting = new Map(); // id -> {resolve, reject}
  const channels = new Map(); // name -> {channel, listener, at: {epoch, offset} | null, been}
  let socket = null, opening = null, nextId = 1, pause = FIRST_MS, timer = 0, over = false, ready = false;

  const tell = (state, event) => options.state?.(state, event);

  function send(op, { data, ...fields }) {
    return new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      const text = JSON.stringify({ id, op, ...fields, ...(!isBytes(data) && { data }) });
      socket.send(isBytes(data) ? join(text, data) : text);
    });
  }

  function receive(m) {
    if ("id" in m) {
      const asked = waiting.get(m.id);
      waiting.delete(m.id);
      if (m.ok) asked?.resolve(m);
      else asked?.reject(failure(m.error.code, m.error.message, m.error.retryable));
      return;
    }
    const entry = channels.get(nameOf(m.channel));
    if (!entry) return;
    if (m.op === "message" && m.offset !== undefined && entry.at) {
      if (m.offset <= entry.at.offset) return;
      entry.at.offset = m.offset;
    }
    entry.listener[m.op]?.(m);
  }

  // Subscribes, and hands on what the reply brings.
  async function enter(entry) {
    const { listener, channel, at } = entry;
    const fields = { channel, presence: !!listener.presence, binary: !!listener.binary,
      on_slow: listener.on_slow ?? "disconnect" };
    if (at) fields.recover = at;
    else if (listener.history) fields.history = listener.history;
    const reply = await send("subscribe", fields);
    if (at && !reply.recovered) listener.gap?.({ channel, recovered: false, restarted: reply.epoch !== at.epoch });
    else if (!at && entry.been) listener.gap?.({ channel, recovered: false });
    const whole = !at || reply.recovered;
    entry.been = true;
    entry.at = reply.epoch ? { epoch: reply.epoch, offset: reply.offset } : null;
    for (const m of whole && reply.messages || []) {
      listener.message?.({ channel, ...m, data: listener.binary ? bytesOf(m.data) : m.data });
    }
    listener.live?.(reply);
    return reply;
  }

  async function greet() {
    const { token, user } = options;
    if (token || user) await send("auth", { ...(token && { token }), ...(user && { user }) });
    for (const entry of channels.values()) await come(entry);
  }

  // Enters, first or again; only a lost connection is the caller's.
  async function come(entry) {
    const again = entry.been;
    try {
      entry.resolve(await enter(entry));
    } catch (e) {
      if (e.code === "disconnected") throw e;
      channels.delete(nameOf(entry.channel));
      if (again) entry.listener.gap?.({ channel: entry.channel, recovered: false });
      entry.reject(e);
    }
  }

  async function address() {
    const { protocol, host } = globalThis.location ?? {};
    const url = options.url ?? (protocol === "https:" ? "wss://" : "ws://") + host + "/v1/ws";
    return options.ticket ? url + "?ticket=" + encodeURIComponent(await options.ticket()) : url;
  }

  function lost(event) {
    socket = opening = null;
    ready = false;
    for (const { reject } of waiting.values()) reject(failure("disconnected", "the connection was lost", true));
    waiting.clear();
    if (over || event?.code >= 4000 && event.code < 4100) {
      over = true;
      return tell("closed", event);
    }
    const hint = Number(/retry_after_ms=(\d+)/.exec(event?.reason ?? "")?.[1] ?? 0);
    const expired = event?.code >= 4200 && event.code < 4300 && pause === FIRST_MS;
    tell("waiting", event);
    timer = setTimeout(() => open().catch(() => {}), expired ? 0 : hint + pause * (0.5 + Math.random() / 2));
    pause = Math.min(pause * 2, LONGEST_MS);
  }

  function start() {
    return new Promise((resolve, reject) => {
      tell("connecting");
      address().then(url => {
        const mine = socket = new Socket(url, "atrium.v1.json");
        mine.binaryType = "arraybuffer";
        mine.onmessage = ({ data }) => { if (socket === mine) receive(isBytes(data) ? part(data) : JSON.parse(data)); };
        mine.onclose = event => {
          if (socket === mine) lost(event);
          reject(failure("disconnected", "no connection", true));
        };
        mine.onerror = () => {};
        mine.onopen = () => greet().then(() => {
          pause = FIRST_MS;
          ready = true;
          tell("open");
          resolve();
        }, e => {
          if (e.code !== "disconnected") over = true; // asked again it would say the same
          mine.close();
          reject(e);
        });
      }).catch(e => {
        lost(null);
        reject(e);
      });
    });
  }

  function open() {
    if (over) return Promise.reject(failure("closed", "the connection was closed", false));
    clearTimeout(timer);
    return opening ??= start();
  }

  /** Runs an op of asyncapi.yaml; its reply. @returns {Promise<any>} */
  async function ask(op, fields = {}) {
    await open();
    return send(op, fields);
  }

  /** @param {Bytes} channel @param {Listener} [listener] @returns {Promise<any>} its first reply, once there is a connection */
  function subscribe(channel, listener = {}) {
    return new Promise((resolve, reject) => {
      const entry = { channel, listener, resolve, reject, at: null, been: false };
      channels.set(nameOf(channel), entry);
      const step = ready ? come(entry) : open();
      step.catch(e => { if (e.code !== "disconnected") reject(e); }); // else it is entered with the next connection
    });
  }

  return {
    ask,
    subscribe,
    /** @param {Bytes} channel */
    unsubscribe(channel) {
      channels.delete(nameOf(channel));
      return ask("unsubscribe", { channel });
    },
    /** @param {Bytes} channel @param {Data} data @param {{echo?: boolean, idempotency_key?: string}} [more] */
    publish: (channel, data, more) => ask("publish", { channel, data, ...more }),
    /** For good. */
    close() {
      over = true;
      clearTimeout(timer);
      socket?.close();
    },
  };
}
