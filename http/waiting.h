/* Requests that wait: BLPOP and its kind over HTTP.
 *
 * The connection of a request that waits is suspended in libmicrohttpd, and its command runs on a
 * session of its own in the waiting room: one thread for the whole door, in which any number of
 * commands block. When there is an answer the connection goes on, and the request's second handler
 * is called in the worker's thread. Whoever closes his side meanwhile takes nothing along: the
 * sockets are watched.
 *
 * Thread rule: waiting_call in the worker's thread; from there until the second handler is called
 * the request is the waiting room's. The rest is http_open's and http_close's thread. */
#ifndef ATRIUM_HTTP_WAITING_H
#define ATRIUM_HTTP_WAITING_H

#include "http/request.h"

struct waiting_room;

/* NULL: no thread or no epoll. */
struct waiting_room *waiting_open(struct engine *e);
/* Ends all waits, as if their time were over, and the thread. Requests that come later do not wait.
 */
void waiting_end(struct waiting_room *w);
/* After the workers have ended. */
void waiting_free(struct waiting_room *w);

/* Runs the command that was put together (call_start ...), which should have a timeout. The handler
 * returns after it, without an answer; `then` answers, by r->reply.nodes: the command's answer, no
 * error. Errors, and commands that are paused, have been answered as problems before. */
void waiting_call(struct request *r, void (*then)(struct request *r));

/* In the worker: goes on after the wait. False: the connection is to be closed. */
bool waiting_resume(struct request *r);
/* The same for an answer that has begun: false also where commands are paused; `then` is told of
 * errors too. */
bool waiting_resume_feed(struct request *r);

#endif
