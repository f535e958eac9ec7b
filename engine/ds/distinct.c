#include "ds/distinct.h"

#include <math.h>

#include "base/mem.h"

#define INDEX_BITS 14
#define REGISTERS  (1u << INDEX_BITS)
#define RANK_MAX   (64 - INDEX_BITS + 1)

/* A register has the highest rank seen: 1 + the zeros at the lower end of the hash's rest. */
struct distinct {
    uint8_t rank[REGISTERS];
};

struct distinct *distinct_new(void)
{
    return mem_calloc(sizeof(struct distinct));
}

void distinct_free(struct distinct *d)
{
    mem_free(d);
}

void distinct_add(struct distinct *d, uint64_t hash)
{
    uint64_t rest = (hash >> INDEX_BITS) | 1ull << (64 - INDEX_BITS);
    uint8_t rank = (uint8_t)(1 + __builtin_ctzll(rest)), *r = &d->rank[hash % REGISTERS];
    if (rank > *r)
        *r = rank;
}

/* Ertl's sigma and tau: what the registers still at 0, and those at the end, stand for. */
static double sigma(double x)
{
    double z = x, weight = 1, before;
    if (x == 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * weight;
        weight += weight;
    } while (z != before);
    return z;
}

static double tau(double x)
{
    double z = 1 - x, weight = 1, before;
    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        weight /= 2;
        z -= (1 - x) * (1 - x) * weight;
    } while (z != before);
    return z / 3;
}

size_t distinct_estimate(const struct distinct *d)
{
    const double m = REGISTERS, alpha = 0.5 / log(2);
    unsigned count[RANK_MAX + 1] = {0};
    for (unsigned i = 0; i < REGISTERS; i++)
        count[d->rank[i]]++;
    double z = m * tau(1 - count[RANK_MAX] / m);
    for (int k = RANK_MAX - 1; k >= 1; k--)
        z = (z + count[k]) / 2;
    z += m * sigma(count[0] / m);
    return (size_t)llround(alpha * m * m / z);
}
