/* The routes: each resource has a table of rows; router.c lists the tables and finds the row for a
 * target.
 *
 * A pattern's segments are literals or {names}; a literal wins over a name, but only for the
 * methods it has, so that "mget" can still be a key: GET /v1/keys/mget reads it, POST is the
 * action. HEAD takes GET's row. */
#ifndef ATRIUM_HTTP_ROUTER_H
#define ATRIUM_HTTP_ROUTER_H

#include "http/request.h"

typedef void route_fn(struct request *r);

enum route_flag {
    ROUTE_OPEN = 1 << 0,    /* no credentials, no origin check: health, documents */
    ROUTE_REST = 1 << 2,    /* the last name stands for one segment and any that follow */
    ROUTE_UPSTASH = 1 << 3, /* errors have "error" too, and ?_token= is a credential */
    ROUTE_TICKET = 1 << 4,  /* ?ticket= is a credential, which the handler spends */
    ROUTE_RAW = 1 << 1,     /* answers other media types than JSON, so looks at Accept itself */
};

struct route {
    enum http_method method;
    const char *pattern;
    route_fn *handler;
    const char *operation; /* operationId in openapi.yaml */
    unsigned flags;
};

/* Cuts the patterns; aborts on a wrong row. Once, before the first request. */
void router_build(void);

/* The rows have numbers from 1; 0 is no row. */
unsigned router_count(void); /* the highest number and one */
const struct route *router_row(unsigned index);
const char *router_method(enum http_method method); /* "GET" */

/* Fills r->route, r->route_index and r->params. False: 404, 405 or 400 has been answered. */
bool router_find(struct request *r);

/* Visits every row: for tests and documents. */
typedef void route_visit(const struct route *row, void *context);
void router_each(route_visit *visit, void *context);

#endif
