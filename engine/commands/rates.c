#include "commands/rates.h"

void rates_sample(struct rates *r, uint64_t now_ms, const uint64_t counts[RATE_COUNT])
{
    uint64_t passed_ms = now_ms > r->at_ms ? now_ms - r->at_ms : 0;
    if (r->at_ms && passed_ms < RATE_SAMPLE_MS)
        return;
    for (int i = 0; i < RATE_COUNT; i++) {
        uint64_t more = counts[i] > r->seen[i] ? counts[i] - r->seen[i] : 0;
        if (r->at_ms)
            atomic_store_explicit(&r->samples[i][r->next], more * 1000 / passed_ms,
                                  memory_order_relaxed);
        r->seen[i] = counts[i];
    }
    if (r->at_ms)
        r->next = (r->next + 1) % RATE_SAMPLES;
    r->at_ms = now_ms;
}

uint64_t rates_mean(const struct rates *r, enum rate which)
{
    uint64_t sum = 0;
    for (int i = 0; i < RATE_SAMPLES; i++)
        sum += atomic_load_explicit(&r->samples[which][i], memory_order_relaxed);
    return sum / RATE_SAMPLES;
}
