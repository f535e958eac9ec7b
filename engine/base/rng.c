#include "base/rng.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/random.h>

static _Thread_local uint64_t state[4];
static _Thread_local bool seeded;

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void rng_seed(uint64_t seed)
{
    for (int i = 0; i < 4; i++) { /* splitmix64 spreads one word over the state */
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        state[i] = z ^ (z >> 31);
    }
    seeded = true;
}

void rng_secret(void *to, size_t n)
{
    char *at = to;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got <= 0)
            abort();
        at += got;
        n -= (size_t)got;
    }
}

uint64_t rng_u64(void)
{
    if (!seeded) {
        uint64_t seed;
        rng_secret(&seed, sizeof seed);
        rng_seed(seed);
    }
    uint64_t result = rotl(state[1] * 5, 7) * 9, t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotl(state[3], 45);
    return result;
}

uint64_t rng_below(uint64_t n)
{
    uint64_t floor = (0 - n) % n, r; /* values below 2^64 mod n would be drawn once too often */
    do {
        r = rng_u64();
    } while (r < floor);
    return r % n;
}

double rng_unit(void)
{
    return (double)(rng_u64() >> 11) * 0x1.0p-53;
}
