/* The door's thread, as its other files see it. Thread rule: the door's thread alone, but for
 * `lock`'s fields. */
#ifndef ATRIUM_WS_SERVICE_H
#define ATRIUM_WS_SERVICE_H

#include <pthread.h>
#include <libwebsockets.h>

#include "engine/engine.h"
#include "http/arena.h"

struct ws_conn;

struct ws {
    struct engine *engine;
    struct config *config;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct ev_loop *loop; /* NULL: without libwebsockets' plugin for libev it polls all sockets itself */
    struct mailbox *mailbox;
    struct log_listener log; /* of the log of writes */
    struct session *visitor; /* checks the credentials of handshakes; runs nothing */
    pthread_t thread;
    _Atomic bool stop;

    uint64_t drain_from_ms, drain_ms; /* the program ends: since when, and spread over so long */
    size_t drain_count, drained;
    char drain_reason[64];

    struct ws_conn *conns;
    size_t unsynced; /* of them, those whose frames wait for the log of writes */
    lws_sorted_usec_list_t tick;
    struct buf out;     /* one gathered write */
    struct buf reply;   /* the reply being made */
    struct arena arena; /* the message being handled */
    struct capture capture;

    pthread_mutex_t lock;
    int *adopted; /* lock */
    size_t nadopted, adopted_cap;
};

/* The frame of a server's text message around the payload that stands at b->p + WS_HEAD_MAX ..
 * b->n: moved to the front of `b`, its head before it. */
#define WS_HEAD_MAX 10
void ws_frame_text(struct buf *b);

/* One whole text message of a client. */
void ws_handle(struct ws_conn *c, struct bytes text);

/* Appends the gap's push, a whole frame. */
struct ws_gap;
void ws_add_gap(const struct ws_gap *g, struct buf *out);

/* MESSAGE_WS_JSON. */
message_encode_fn ws_encode_message;

/* Looks at a request that asks for an upgrade. NULL: it may be; else the HTTP status line's end
 * ("403 Forbidden"), and *reason in words. */
const char *ws_check_handshake(struct ws *w, struct lws *wsi, const char **reason);
/* What the ticket of the request grants, NULL where it brings none; it is used up. */
struct grant *ws_redeem_ticket(struct ws *w, struct lws *wsi);
/* Does the request bring the right credential among its subprotocols? */
bool ws_bears_token(struct ws *w, struct lws *wsi);

#endif
