/* Random numbers: xoshiro256** (Blackman and Vigna, 2018) per thread, seeded from getrandom(2). For
 * sampling, never for secrets; secrets come from rng_secret. */
#ifndef ATRIUM_BASE_RNG_H
#define ATRIUM_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* 64 random bits from the calling thread's own generator. */
uint64_t rng_u64(void);
/* Uniform in [0, n), n > 0, without modulo bias. */
uint64_t rng_below(uint64_t n);
/* Uniform in [0, 1). */
double rng_unit(void);
/* Reseeds the calling thread's generator: for repeatable tests. */
void rng_seed(uint64_t seed);
/* Fills `to` with n bytes fit for secrets; aborts where the system has none. */
void rng_secret(void *to, size_t n);

#endif
