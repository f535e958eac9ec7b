/* Who may ask: credentials, and the origin of pages (http/cors.h).
 *
 * With `requirepass` set every route but the open ones wants `Authorization: Bearer <password>` or
 * Basic with the user "default" (or none) and the password; the engine's AUTH compares, in constant
 * time. */
#ifndef ATRIUM_HTTP_AUTH_H
#define ATRIUM_HTTP_AUTH_H

#include "http/request.h"

/* May it ask, and of which database? False: 401 or 403 has been answered. */
bool auth_check(struct request *r);
/* After that, whenever the worker turns to this request: its session is this request's. */
void auth_enter(struct request *r);

#endif
