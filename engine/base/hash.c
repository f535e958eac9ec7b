#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t table_seed;

void hash_seed(uint64_t seed)
{
    table_seed = seed;
}

uint64_t hash_bytes(struct bytes s)
{
    return XXH3_64bits_withSeed(s.p, s.n, table_seed);
}

uint64_t hash_digest(struct bytes s)
{
    return XXH3_64bits(s.p, s.n);
}

void hash_digest_hex(uint64_t digest, char *to)
{
    for (int i = HASH_DIGEST_HEX - 1; i >= 0; i--, digest >>= 4)
        to[i] = "0123456789abcdef"[digest & 15];
}
