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
