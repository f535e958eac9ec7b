/* Pages of other origins (Fetch, 3.2): the door's own origin and those of `http-origins` may use it,
 * others are refused, so that a page that somebody happens to open cannot use a server on the
 * reader's own machine. Nothing here relies on cookies, so credentials mode stays off.
 *
 * Thread rule: the worker's thread alone. */
#ifndef ATRIUM_HTTP_CORS_H
#define ATRIUM_HTTP_CORS_H

#include "http/request.h"

enum origin {
    ORIGIN_OWN, /* or none: no browser, or a request of the same origin that has none */
    ORIGIN_LISTED,
    ORIGIN_OTHER,
};

/* Where the request comes from; adds the headers that let a page of a listed origin read the
 * answer, whatever the answer will be. */
enum origin cors_enter(struct request *r);
/* Is it a page's question whether it may? Then it is answered: 204 or 403. */
bool cors_preflight(struct request *r);
/* False: 403 has been answered. */
bool cors_check(struct request *r);

#endif
