/* Errors as RFC 9457 problem details, and the page that explains each.
 *
 * problem.c has one table of slugs (status, title, explanation); the engine's errors map to slugs
 * in engine/commands/error.h. A problem is
 * {"type","title","status","detail","instance","code","retryable", "request_id"}, with "engine"
 * (the engine's own line) where a command answered it. */
#ifndef ATRIUM_HTTP_PROBLEM_H
#define ATRIUM_HTTP_PROBLEM_H

#include "http/request.h"

/* Answers with the problem `slug`; detail as by printf. Members beyond the usual ones:
 * problem_open, write them through the writer, problem_close. */
void problem(struct request *r, const char *slug, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
struct json_writer *problem_open(struct request *r, const char *slug, struct bytes detail);
void problem_close(struct request *r);
/* An error that a command answered. */
void problem_engine(struct request *r, enum error_code code, struct bytes line);

/* A whole answer, head and body, after which the connection is closed: for what is refused before
 * there is a request. The slug must be one of the table's. */
void problem_whole_answer(struct buf *out, const char *slug, const char *detail);

/* Writes {"code","status","detail"} as the value of a key: an item that failed among others. */
void problem_item(struct json_writer *w, enum error_code code, struct bytes line);

#endif
