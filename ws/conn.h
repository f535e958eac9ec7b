/* One WebSocket connection: its session, its queue of frames, its timers.
 *
 * Everything that goes out is a ready frame: a message's, encoded once and shared, or a reply's
 * own. They are gathered and written raw, many in one write, since a write a message costs six
 * times as much. A connection asks libwebsockets for its turn to write when its queue stops being
 * empty, and only then.
 *
 * A client that is too slow is closed, or loses the oldest messages of those subscriptions that asked for it: a gap then
 * says so, before anything that is still queued.
 *
 * Invariants: queue_bytes is the sum of the queued frames' lengths; once `closing` is set nothing
 * is queued any more and no op is run.
 *
 * Thread rule: the door's thread alone. */
#ifndef ATRIUM_WS_CONN_H
#define ATRIUM_WS_CONN_H

#include <libwebsockets.h>

#include "engine/engine.h"

/* Codes of the door's own; see ws.h. */
enum ws_close_code {
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_BAD_FRAME = 1002,
    WS_CLOSE_BAD_TEXT = 1007,
    WS_CLOSE_TOO_LARGE = 1009,
    WS_CLOSE_LOG_FAILS = 1011,
    WS_CLOSE_UNAUTHENTICATED = 4001,
    WS_CLOSE_PROTOCOL = 4008,
    WS_CLOSE_KILLED = 4100, /* by an operator, or the program ends: come back later */
    WS_CLOSE_SLOW = 4108,
    WS_CLOSE_NO_PONG = 4110,
    WS_CLOSE_TOO_MANY = 4129,
    WS_CLOSE_EXPIRED = 4201,   /* reconnect at once, with a fresh ticket */
    WS_CLOSE_CODES_END = 5000, /* RFC 6455, 7.4 */
};

struct ws_inflater;
struct ws_thread;
struct ws_tunnel;

/* Messages that were dropped for a slow client, of one subscription, and have not been told of. */
struct ws_gap {
    struct ws_gap *next;
    enum sub_kind via;
    struct bytes name; /* behind the struct */
    struct position
        resume; /* the last message that was not dropped; epoch 0: there is no history */
    uint64_t dropped;
};

/* A frame that waits: a shared message's, or `owned`. */
struct ws_piece {
    struct message *message;
    char *owned;
    struct bytes frame;
};

struct ws_conn {
    struct ws_thread *thread;
    struct lws *wsi;
    struct session *session;
    struct ws_conn *next, *prev; /* the door's list */

    struct buf in;     /* the parts of a message so far, inflated */
    size_t in_checked; /* of them, those that are known to be UTF-8 */
    size_t in_wire;    /* as they came */
    bool in_deflated;
    struct ws_tunnel *tunnel;     /* of atrium.v1.resp3; NULL: messages are ops */
    struct ws_inflater *inflater; /* NULL: none was needed */

    struct ws_piece *queue; /* a ring */
    size_t head, queued, cap;
    size_t queue_bytes;
    struct ws_gap *gaps; /* older than all that is queued */

    struct grant *grant;    /* NULL: it came without a ticket */
    uint64_t expires_at_ms; /* that ticket's end of the session; 0: none */
    bool deflates;          /* compression was agreed on */
    bool binary;            /* a subscription asked for binary messages */
    struct buf user;        /* what it calls itself; empty: the default user */

    enum ws_close_code closing; /* 0: open */
    const char *closing_reason;
    uint64_t closing_at_ms;
    bool close_sent; /* the client's answer ends the connection */

    bool unsynced; /* its frames wait for the log of writes */

    uint64_t opened_at_ms, heard_at_ms;
    uint64_t pinged_at_ms; /* 0: no answer is awaited */

    uint64_t tokens, tokens_at_ms; /* thousandths of ops that may run at once */
    unsigned refused;              /* ops in a row beyond the rate */
};

/* What the handshake said of a client. */
struct ws_greeting {
    bool authenticated;
    bool resp3;          /* the subprotocol; else JSON */
    bool deflates;       /* agreed so */
    struct grant *grant; /* NULL: there is none */
};
/* Takes over the grant. NULL: there are no sockets for resp3. */
struct ws_conn *ws_conn_new(struct ws_thread *t, struct lws *wsi, struct ws_greeting greeting);
void ws_conn_free(struct ws_conn *c);

/* What a ticket brought, in place of what was granted before; the connection is authenticated. */
void ws_conn_grant(struct ws_conn *c, struct grant *g);
void ws_conn_set_user(struct ws_conn *c, struct bytes user);
struct bytes ws_conn_user(const struct ws_conn *c);
/* Do namespace and ticket let it read the channel? */
bool ws_may_subscribe(const struct ws_conn *c, struct bytes channel);

/* Queues a frame; beyond the bounds the connection closes as too slow. */
void ws_conn_send_message(struct ws_conn *c, struct message *m, struct bytes frame);
void ws_conn_send_copy(struct ws_conn *c, struct bytes frame);
/* Writes what the socket takes, at the end of it the close frame where it is closing. False: the connection has broken. */
bool ws_conn_flush(struct ws_conn *c);

/* Closes once what is queued has gone (at once for a slow one). `reason` is a literal. The first
 * call counts. */
void ws_conn_close(struct ws_conn *c, enum ws_close_code code, const char *reason);

/* The same, and what is queued does not go. */
void ws_conn_cut(struct ws_conn *c, enum ws_close_code code, const char *reason);

/* May one more op run now? */
bool ws_conn_take_op(struct ws_conn *c);

/* Once a second: pings, and who has been silent for too long. */
void ws_conn_sweep(struct ws_conn *c, uint64_t now_ms);

#endif
