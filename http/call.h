/* Commands for a resource: put together, run on the worker's session, looked at.
 *
 *     call_start(r, "SET");
 *     call_arg(r, key);
 *     const struct reply_node *n = call_run(r);
 *     if (!n)
 *         return;                    the engine's error has been answered as a problem
 */
#ifndef ATRIUM_HTTP_CALL_H
#define ATRIUM_HTTP_CALL_H

#include "http/request.h"

void call_start(struct request *r, const char *command);
void call_arg(struct request *r, struct bytes arg); /* borrowed until it has run */
void call_word(struct request *r, const char *word);
void call_int(struct request *r, int64_t v);
void call_double(struct request *r, double v);

/* Runs it; the reply is in r->reply until the next call. NULL: it was an error, or commands are
 * paused; a problem has been answered. call_try leaves errors to the caller; NULL only while
 * paused. */
const struct reply_node *call_run(struct request *r);
const struct reply_node *call_try(struct request *r);

static inline struct bytes call_text(const struct request *r, const struct reply_node *node)
{
    return capture_text(&r->reply, node);
}

/* In a reply that is a map: the value of `name`, NULL where it is missing or null. */
const struct reply_node *call_field(const struct request *r, const char *name);
/* An integer, or a bulk that reads as one. */
bool call_int_of(const struct request *r, const struct reply_node *node, int64_t *out);
bool call_double_of(const struct request *r, const struct reply_node *node, double *out);

#endif
