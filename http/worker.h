/* A worker: one libmicrohttpd daemon without a listening socket, its thread, a session, a pool of
 * requests. */
#ifndef ATRIUM_HTTP_WORKER_H
#define ATRIUM_HTTP_WORKER_H

#include <stdatomic.h>

#include "http/deadline.h"
#include "http/durable.h"
#include "http/request.h"

struct MHD_Daemon;
struct metrics;
struct metrics_table;
struct listening_room;
struct replays;
struct waiting_room;

/* Owner: the daemon's thread, but for what is atomic. */
struct worker {
    struct engine *engine;
    struct session *session;          /* made by the thread, at its first connection */
    struct waiting_room *waiting;     /* of all workers */
    struct listening_room *listening; /* of all workers */
    struct replays *replays;          /* of all workers */
    struct metrics *metrics_all;
    struct metrics_table *metrics; /* its own */
    struct MHD_Daemon *daemon;
    struct durable durable; /* answers that wait for the log */
    struct request *idle;
    struct links links;
    void *deflater;               /* http/gzip.c's */
    uint64_t id_prefix, id_count; /* of request ids */
    _Atomic size_t connections;
};

/* With engine, waiting, listening, replays and metrics_all set, the rest zero. False with a line in `error`; else the
 * worker's thread runs. */
bool worker_start(struct worker *w, struct buf *error);
/* Ends the thread, closes its connections, frees what it had. */
void worker_stop(struct worker *w);
/* Hands a socket over, whatever happens. Any thread. */
void worker_adopt(struct worker *w, int fd);

#endif
