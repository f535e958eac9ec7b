/* Content negotiation between the two forms a resource can have: JSON and raw bytes (RFC
 * 9110, 12.5.1). */
#ifndef ATRIUM_HTTP_ACCEPT_H
#define ATRIUM_HTTP_ACCEPT_H

#include "http/request.h"

enum accepted { ACCEPTED_NEITHER, ACCEPTED_JSON, ACCEPTED_RAW };

/* What the client would rather have; JSON where both are as welcome, or nothing is said. */
enum accepted accept_choose(struct request *r);
/* JSON, or 406 has been answered. */
bool accept_json(struct request *r);
/* The media type that a path answers with, or 406 has been answered. */
bool accept_type(struct request *r, const char *type);

/* Does Accept-Encoding take this coding? Without the header: no. */
bool accept_coding(struct request *r, const char *coding);

#endif
