/* What the HTTP door counts: requests by route, method and status, and how long they took.
 *
 * Each worker has a table of its own that it alone writes, without locks; /metrics adds them up. A
 * HEAD counts as the GET that it is. Labels are bounded: a route is a row of the router's tables
 * (or none), a status one of those listed in metrics.c (or "other").
 *
 * Thread rule: metrics_count in the worker's thread; everything else in any, while the door is open. */
#ifndef ATRIUM_HTTP_METRICS_H
#define ATRIUM_HTTP_METRICS_H

#include <stdatomic.h>

#include "http/request.h"

#define METRICS_TABLES_MAX 8
#define METRICS_STATUSES   32
#define METRICS_BUCKETS    15

struct route_metrics {
    _Atomic uint64_t statuses[METRICS_STATUSES];
    _Atomic uint64_t buckets[METRICS_BUCKETS]; /* the last has no end */
    _Atomic uint64_t us;
};

struct metrics_table {
    struct route_metrics *routes; /* by router_index */
};

/* Of all workers; they are listed before the first request. */
struct metrics {
    unsigned ntables, nroutes;
    struct metrics_table tables[METRICS_TABLES_MAX];
    const struct worker *workers;
    unsigned nworkers;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);
/* A worker's own. */
struct metrics_table *metrics_join(struct metrics *m);

void metrics_count(struct metrics_table *t, unsigned route, int status, uint64_t took_us);

/* ---- adding them up -------------------------------------------------------------------------- */

struct route_sum {
    uint64_t statuses[METRICS_STATUSES], buckets[METRICS_BUCKETS], us, requests;
};

struct route_sum metrics_sum(const struct metrics *m, unsigned route);
/* "200", "other"; a bucket's upper end in seconds, "+Inf" for the last. */
const char *metrics_status(unsigned i);
const char *metrics_bucket(unsigned i);

#endif
