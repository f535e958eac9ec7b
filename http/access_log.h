/* The access log (http-access-log): one line a request, in the form of log-format.
 *
 *   access GET /v1/keys/{key} 200 in=0 out=112 ms=0.041 from=127.0.0.1 id=8f14e45fceea167a
 *
 * The route stands for the target, which may hold a token, a member or a value; the request id is
 * the thread to pull. Status 0: the client was gone before there was an answer. An event stream
 * has its line at its end.
 *
 * Thread rule: the worker's thread alone. */
#ifndef ATRIUM_HTTP_ACCESS_LOG_H
#define ATRIUM_HTTP_ACCESS_LOG_H

#include "http/request.h"

/* When a request is over. Nothing where the log is off. */
void access_log(const struct request *r);

#endif
