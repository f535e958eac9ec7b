/* Base64 (RFC 4648, section 4, with padding). Pure functions. */
#ifndef ATRIUM_BASE_BASE64_H
#define ATRIUM_BASE_BASE64_H

#include <stdbool.h>

#include "base/bytes.h"

void base64_encode(struct bytes s, struct buf *out);

/* Room that decoding n characters needs at most. */
static inline size_t base64_decoded_max(size_t n)
{
    return n / 4 * 3 + 3;
}

/* Decodes into `to`; *out is what was written. Strict: no blanks, whole groups, zero bits under the
 * padding. */
bool base64_decode(struct bytes text, char *to, struct bytes *out);

#endif
