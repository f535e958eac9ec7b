/* Hashing: XXH3 64 bits of libxxhash. Table hashes are seeded once at start from the system's random
 * numbers, so that a client cannot aim at one bucket; digests (DIGEST, ETag, cas) are unseeded. */
#ifndef ATRIUM_BASE_HASH_H
#define ATRIUM_BASE_HASH_H

#include <stdint.h>

#include "base/bytes.h"

/* Sets the seed; before the first table is made. Thread rule: at start, alone. */
void hash_seed(uint64_t seed);
/* Seeded, for tables. */
uint64_t hash_bytes(struct bytes s);
/* Unseeded XXH3, for digests that leave the process. */
uint64_t hash_digest(struct bytes s);

#define HASH_DIGEST_HEX 16
/* A digest as DIGEST answers it: HASH_DIGEST_HEX lower-case digits, no NUL. */
void hash_digest_hex(uint64_t digest, char *to);

#endif
