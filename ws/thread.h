/* One thread of the door: a libwebsockets context without a listening port, the connections that it owns, its mailbox.
 * There are `ws-threads` of them; a connection stays with the one that adopted its socket.
 *
 * Thread rule: the thread's own alone, but for thread_adopt, thread_stop and `lock`'s fields. */
#ifndef ATRIUM_WS_THREAD_H
#define ATRIUM_WS_THREAD_H

#include <pthread.h>
#include <libwebsockets.h>

#include "engine/engine.h"
#include "http/arena.h"

struct ws_conn;
struct ws_addresses;

struct ws_thread {
    struct engine *engine;
    struct net *net; /* serves tunnels */
    struct config *config;
    struct ws_addresses *addresses; /* of all threads; set before the start */
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct ev_loop
        *loop; /* NULL: without libwebsockets' plugin for libev it polls all sockets itself */
    struct mailbox *mailbox;
    struct log_listener log; /* of the log of writes */
    struct session *visitor; /* checks the credentials of handshakes; runs nothing */
    pthread_t thread;
    bool started;
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

/* False with a line in `error`; release it in either case. */
bool ws_thread_start(struct ws_thread *t, struct engine *e, struct net *net, struct buf *error);
/* Takes over a connected socket. Any thread; false once it stops. */
bool ws_thread_adopt(struct ws_thread *t, int fd);
/* Tells it to close its connections and to end; joins nobody. Any thread. */
void ws_thread_stop(struct ws_thread *t);
/* Waits for its end. */
void ws_thread_join(struct ws_thread *t);
/* After its end. */
void ws_thread_release(struct ws_thread *t);

#endif
