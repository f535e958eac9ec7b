/* How much was done in the last second and a half, for INFO's instantaneous figures: the mean of the last samples of each,
 * which the timer takes every RATE_SAMPLE_MS, as in Redis.
 *
 * Owner: the engine's timer, which alone writes; any thread reads. */
#ifndef ATRIUM_COMMANDS_RATES_H
#define ATRIUM_COMMANDS_RATES_H

#include <stdatomic.h>
#include <stdint.h>

#define RATE_SAMPLE_MS 100
#define RATE_SAMPLES   16

enum rate { RATE_COMMANDS, RATE_BYTES_IN, RATE_BYTES_OUT, RATE_COUNT };

struct rates {
    uint64_t at_ms, seen[RATE_COUNT];                   /* the last sample's time and counts */
    _Atomic uint64_t samples[RATE_COUNT][RATE_SAMPLES]; /* a second */
    unsigned next;
};

/* The counts so far; taken where RATE_SAMPLE_MS have passed since the sample before. */
void rates_sample(struct rates *r, uint64_t now_ms, const uint64_t counts[RATE_COUNT]);
/* A second. */
uint64_t rates_mean(const struct rates *r, enum rate which);

#endif
