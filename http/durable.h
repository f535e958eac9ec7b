/* Answers that wait for the log of writes (appendfsync always): their connections are suspended, and go on when the
 * disk has what they wrote, so that many share one sync and the worker serves others meanwhile.
 *
 * Threads: the worker's, and `wake` in the log's; the lock is a leaf of both. */
#ifndef ATRIUM_HTTP_DURABLE_H
#define ATRIUM_HTTP_DURABLE_H

#include <pthread.h>

#include "engine.h"

struct request;

struct durable {
    struct engine *engine;
    struct log_listener listener;
    pthread_mutex_t lock;
    struct request *parked; /* lock */
    bool closed;            /* lock; no connection is suspended any more */
};

void durable_init(struct durable *d, struct engine *e);
/* Lets all that wait go on, before the daemon stops. */
void durable_close(struct durable *d);
void durable_release(struct durable *d);

/* What the request wrote ends at r->log_position. True: it is suspended, and is called again when that is on disk or
 * cannot come there. */
bool durable_park(struct durable *d, struct request *r);
/* False: the log fails. */
bool durable_holds(const struct durable *d, const struct request *r);

#endif
