/* The WebSocket door: pub/sub channels and commands for browsers, JSON messages at /v1/ws.
 *
 * It has no port of its own. The HTTP door's acceptor looks at each request head without taking it
 * and hands sockets that ask for an upgrade over by ws_adopt; libwebsockets does the handshake and
 * the framing of what comes in. `ws-threads` threads serve the connections, each its own.
 *
 * Subprotocol `atrium.v1.json`. A client that names no subprotocol is taken as if it had named that
 * one; one that names others only is refused. `atrium.bearer.<base64url of the password>` beside it
 * is the credential, where requirepass is set; else the first op is `auth`, within ws-auth-seconds,
 * or, once, a ticket in the query: ?ticket=. A ticket is good for its channels alone, not for `command`.
 *
 * Ops (id, op, fields -> reply), in full in openapi/asyncapi.yaml: auth {token | ticket, user}; subscribe {channel, recover,
 * history, presence, on_slow}; psubscribe {pattern, on_slow}; unsubscribe {channel | pattern}; publish {channel, data,
 * echo, idempotency_key}; history {channel, since, limit, reverse}; presence {channel}; command {args}; ping. Every message
 * of a client gets one reply with its id (null where it had none); a push has no id: message, join, leave, gap.
 * Replies come in the order of the ops; a publisher that subscribes to its own channel gets the push before the reply.
 *
 * Subprotocol `atrium.v1.resp3`: the bytes of a RESP3 connection in binary messages, whose bounds mean nothing: tunnel.h.
 *
 * permessage-deflate is agreed to where ws-deflate is yes: deflate.h.
 *
 * Limits are directives, ws-*. Close codes: 4001 wrong or no credentials, 4008 a message that is no
 * text, 4100 killed by an operator or the program ends (the reason has retry_after_ms), 4108 too slow (more queued than
 * ws-queue-bytes or ws-queue-messages, and nothing that may be dropped), 4110 no answer to a ping, 4129 far too many ops,
 * 4201 the session that a ticket opened has lasted its session_ttl_ms and no further ticket was shown,
 * 1011 the log of writes fails while an answer waits for it, 1009 a message beyond ws-max-message.
 *
 * Said plainly: a message longer than ws-queue-bytes reaches no WebSocket, it closes those that
 * subscribe to its channel (4108), or is a gap to them (on_slow "drop"). Under CLIENT PAUSE a command is answered `busy`,
 * retryable. libwebsockets takes unmasked frames of a client, which RFC 6455 forbids clients to send;
 * answers no ping that comes while the pong of one before it waits; ends the connection without a close frame where a control
 * frame is too long; and tells of no pong without payload, so the door's pings carry one.
 *
 * Thread rule: ws_open, ws_drain and ws_close in one thread; ws_adopt in any. */
#ifndef ATRIUM_WS_WS_H
#define ATRIUM_WS_WS_H

#include "engine/engine.h"

struct ws;

/* Starts the door's threads. `net` serves what comes by atrium.v1.resp3; it is closed after the door. NULL with a line in
 * `error`. */
struct ws *ws_open(struct engine *e, struct net *net, struct buf *error);
/* Takes over a connected socket whose request head is still unread; false: the caller keeps it. */
bool ws_adopt(struct ws *w, int fd);
/* Takes in no more connections, closes those there are with 4100, spread over ws-drain-seconds at most, and ends the
 * thread. Meanwhile other doors go on. */
void ws_drain(struct ws *w);
/* The same where it has not been done, and frees the door. No ws_adopt may be under way. */
void ws_close(struct ws *w);

#endif
