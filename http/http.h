/* The HTTP door: REST on libmicrohttpd, and the port that WebSocket shares.
 *
 * One acceptor thread listens, looks at each connection's first request head without taking it
 * (MSG_PEEK), and hands the untouched socket on: an upgrade to WebSocket to `upgrade`, everything
 * else to one of the workers. A worker is one libmicrohttpd daemon with one thread of its own;
 * their number is the configuration's `threads`. Requests run in the worker's thread, each as
 * commands on the worker's session.
 *
 * Thread rule: http_open and http_close in one thread; everything else is the door's own. */
#ifndef ATRIUM_HTTP_HTTP_H
#define ATRIUM_HTTP_HTTP_H

#include "engine/engine.h"

struct http;

/* Takes over `fd`, whose first bytes are an unread request head; false: it did not, and the caller
 * closes it. Called in the acceptor's thread. */
typedef bool http_upgrade_fn(void *context, int fd);

/* Listens on http-port and starts the threads. `upgrade` NULL: there is no WebSocket door, upgrades
 * are answered 426. NULL with a line in `error`: a taken port, no memory for a thread. */
struct http *http_open(struct engine *e, http_upgrade_fn *upgrade, void *context,
                       struct buf *error);
/* Stops accepting, ends the threads, closes every connection. */
void http_close(struct http *h);

/* Where it listens, as a URL's host. */
const char *http_host(const struct http *h);

#endif
