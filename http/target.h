/* The request target: cut raw, decoded afterwards, so that %2F in a key is no separator and %00 no
 * end.
 *
 * Percent-decoding by RFC 3986: '+' stays a plus, a '%' without two hexadecimal digits is an error.
 * Pure functions but for the arena they take from. */
#ifndef ATRIUM_HTTP_TARGET_H
#define ATRIUM_HTTP_TARGET_H

#include "engine/engine.h"
#include "http/arena.h"

#define TARGET_SEGMENTS_MAX 8
#define TARGET_QUERY_MAX    128

struct query_item {
    struct bytes name, value;
};

struct target {
    struct bytes path; /* raw, from the first '/' */
    unsigned nsegments;
    struct bytes segments[TARGET_SEGMENTS_MAX]; /* raw; "/a/" has two, the second empty */
    bool longer;                                /* there are more of them */
    unsigned nquery;
    struct query_item *query; /* decoded, in the arena */
};

enum target_result { TARGET_OK, TARGET_NO_PATH, TARGET_BAD_ENCODING, TARGET_TOO_LONG };

/* Cuts `raw` (borrowed by t) in origin or absolute form and decodes the query. */
enum target_result target_parse(struct target *t, struct arena *arena, struct bytes raw);

/* The decoded form of a raw piece: the piece itself where nothing is encoded. */
bool target_decode(struct arena *arena, struct bytes raw, struct bytes *out);

/* `prefix` and s as one path segment behind it: a C string in the arena. */
const char *target_join(struct arena *arena, const char *prefix, struct bytes s);

#endif
