/* When a connection that owes us input is closed: a head or a body that does not end, however
 * slowly it trickles (libmicrohttpd's own timeout starts anew with each byte).
 *
 * Each worker lists its connections, each with a deadline: http-request-seconds for a head since
 * its request line and for a body, which gets a second more for each 16 KiB that have come; the
 * idle timeout on top between requests; none while a request runs or is answered.
 *
 * Thread rule: deadline_open to deadline_close in the worker's thread; deadline_sweep by the
 * acceptor's. The list has a lock, taken where a connection comes or goes and by the sweep; the
 * deadline itself is atomic. */
#ifndef ATRIUM_HTTP_DEADLINE_H
#define ATRIUM_HTTP_DEADLINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "http/request.h"

#define DEADLINE_IDLE_SECONDS 75u
#define DEADLINE_SWEEP_MS     500

/* A connection. */
struct link {
    struct link *next, *prev; /* lock */
    int fd;
    _Atomic uint64_t at_us; /* monotonic; 0: none */
};

struct links {
    pthread_mutex_t lock;
    struct link *first;
};

void deadline_init(struct links *all);
void deadline_release(struct links *all);

struct link *deadline_open(struct links *all, int fd);
void deadline_close(struct links *all, struct link *l);

/* The request line is there; a body is on its way, and so much of it has come; the request is
 * complete; it is answered, and the next one may come. */
void deadline_head(struct request *r);
void deadline_body(struct request *r);
void deadline_none(struct request *r);
void deadline_idle(struct request *r);

/* Cuts the connections that are over their time; the worker closes them. */
void deadline_sweep(struct links *all);

#endif
