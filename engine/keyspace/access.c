#include "keyspace/access.h"

#include "base/rng.h"

static void set_time(struct entry *e, uint64_t now_ms)
{
    e->access = (uint32_t)(now_ms / 1000);
}

static uint8_t fraction(uint64_t now_ms)
{
    return (uint8_t)(now_ms % 1000 * 256 / 1000);
}

uint8_t access_frequency(const struct entry *e, uint64_t now_ms, const struct access_rule *rule)
{
    uint64_t now_minutes = now_ms / 60000, then_minutes = e->access / 60;
    if (rule->decay_minutes == 0 || now_minutes <= then_minutes)
        return e->freq;
    uint64_t periods = (now_minutes - then_minutes) / rule->decay_minutes;
    return periods >= e->freq ? 0 : (uint8_t)(e->freq - periods);
}

static uint8_t raised(uint8_t freq, const struct access_rule *rule)
{
    if (freq == UINT8_MAX)
        return freq;
    double base = freq > ACCESS_NEW ? freq - ACCESS_NEW : 0;
    return (uint8_t)(freq + (rng_unit() < 1 / (base * rule->log_factor + 1)));
}

void access_touch(struct entry *e, uint64_t now_ms, const struct access_rule *rule)
{
    e->freq = rule->frequency ? raised(access_frequency(e, now_ms, rule), rule) : fraction(now_ms);
    set_time(e, now_ms);
}

uint64_t access_idle_ms(const struct entry *e, uint64_t now_ms)
{
    uint64_t then_ms = (uint64_t)e->access * 1000 + (uint64_t)e->freq * 1000 / 256;
    return now_ms > then_ms ? now_ms - then_ms : 0;
}
