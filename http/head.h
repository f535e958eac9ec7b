/* A request's head as HTTP, before anybody looks at what it asks for: its size, and where its body
 * ends (RFC 9112). Where two sides could read one head in two ways, requests are smuggled, so such
 * a head is refused and its connection closed. */
#ifndef ATRIUM_HTTP_HEAD_H
#define ATRIUM_HTTP_HEAD_H

#include "http/request.h"

/* A request's target and headers together; longer ones are answered 414 or 431. */
#define HEAD_MAX 12288

/* False: answered 400, 414 or 431, and what follows on the connection is not to be read. */
bool head_check(struct request *r, const char *version);

#endif
