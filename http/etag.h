/* ETags: a string value's digest (DIGEST, 16 hexadecimal digits) between quotes; no version is
 * stored anywhere. If-Match and If-None-Match become SET's and DELEX's IFDEQ and IFDNE, so the
 * check and the change are one step. */
#ifndef ATRIUM_HTTP_ETAG_H
#define ATRIUM_HTTP_ETAG_H

#include "http/request.h"

#define ETAG_DIGEST_CHARS 16

/* The digest of a value, in the arena. */
struct bytes etag_of(struct request *r, struct bytes value);

enum condition_kind {
    CONDITION_NONE,  /* no such header */
    CONDITION_ANY,   /* "*" */
    CONDITION_ETAG,  /* one strong ETag */
    CONDITION_NEVER, /* an ETag that no value of ours has */
};

struct condition {
    enum condition_kind kind;
    struct bytes digest;
};

/* Reads a header with at most one ETag. False: 400 has been answered, for a list. */
bool etag_condition(struct request *r, const char *header, struct condition *c);

/* Does If-None-Match name the digest (or "*"): is 304 due? Lists and weak tags are fine here. */
bool etag_unchanged(struct request *r, struct bytes digest);

#endif
