/* Answers without an end: server-sent events (WHATWG HTML, 9.2).
 *
 * A feed is a function that is called whenever what it made before has gone out. It either writes
 * onto r->out, or waits (waiting_call), or sets r->feed_ended. So a listener that is idle holds no
 * thread, and one that is slow has one piece waiting for it, whatever happens meanwhile: where it
 * goes on is the feed's own state. While a feed waits, whoever leaves is noticed by the waiting
 * room.
 *
 * Thread rule: the worker's thread alone. */
#ifndef ATRIUM_HTTP_FEED_H
#define ATRIUM_HTTP_FEED_H

#include <sys/types.h>

#include "http/request.h"

/* A comment goes out where nothing else did for so long, so that proxies keep the connection. */
#define FEED_HEARTBEAT_MS 15000
/* What libmicrohttpd takes at once. */
#define FEED_BLOCK_BYTES 4096u

/* Starts the answer, 200 text/event-stream. Headers may be added; false: 406 has been answered. A
 * HEAD is complete with it: r->feed stays NULL. */
bool feed_start(struct request *r, void (*feed)(struct request *r), void *state);
/* One event onto r->out: its id, its name (NULL: a message), then the data, one JSON value that is
 * written through the writer between open and close. */
struct json_writer *feed_open_event(struct request *r, struct bytes id, const char *name);
void feed_close_event(struct request *r);
void feed_heartbeat(struct request *r);
/* Where a client wants to go on: its header Last-Event-ID, else ?since=. False: from now on. */
bool feed_last_id(struct request *r, struct bytes *id);

/* libmicrohttpd's reader of the answer's body; `context` is the request. */
ssize_t feed_read(void *context, uint64_t position, char *to, size_t room);

#endif
