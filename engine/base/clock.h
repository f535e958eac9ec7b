/* Time. Expiry uses the wall clock in milliseconds since the epoch; latencies the monotonic clock in
 * microseconds. Each is one vDSO call (about 25 ns); hot loops read it once per batch. */
#ifndef ATRIUM_BASE_CLOCK_H
#define ATRIUM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static inline uint64_t clock_wall_ms(void)
{
    return clock_wall_us() / 1000u;
}

static inline uint64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

#endif
