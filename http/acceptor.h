/* The acceptor: one thread that owns the listening sockets and every connection until its first
 * request head is there.
 *
 * A head is looked at, never taken (MSG_PEEK): whoever gets the socket reads it from its start.
 * A head beyond ACCEPTOR_HEAD_MAX is
 * refused here (414, 431): libmicrohttpd would do so in HTML. What it sends after that is read and
 * dropped until it closes, so that the answer reaches it. A connection that sends no whole head
 * within ACCEPTOR_WAIT_MS is closed. Waiting sockets stand in a list by age, and epoll reports each
 * new piece once (edge-triggered: what was peeked stays unread).
 *
 * Thread rule: its own thread alone; acceptor_stop from outside wakes and joins it. */
#ifndef ATRIUM_HTTP_ACCEPTOR_H
#define ATRIUM_HTTP_ACCEPTOR_H

#include "http/http.h"
#include "http/worker.h"

#define ACCEPTOR_HEAD_MAX 16384
#define ACCEPTOR_WAIT_MS  15000

struct acceptor;

/* `listeners` are taken over. NULL: no thread or no epoll. */
struct acceptor *acceptor_start(struct engine *e, const int *listeners, int nlisteners,
                                struct worker *workers, unsigned nworkers, http_upgrade_fn *upgrade,
                                void *context);
void acceptor_stop(struct acceptor *a);

#endif
