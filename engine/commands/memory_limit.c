#include "commands/memory_limit.h"

#include <math.h>

#include "base/clock.h"
#include "base/mem.h"
#include "internal.h"

#define SHARES       32 /* a thread takes one in so many of the room that is left before it asks again */
#define TIMER_US     5000 /* of eviction at a time */
#define TENACITY_MAX 100

struct access_rule memory_limit_access(const struct engine *e)
{
    enum evict_policy policy = (enum evict_policy)config_int(e->config, CONFIG_MAXMEMORY_POLICY);
    struct access_rule rule = {.frequency = evict_by_frequency(policy)};
    if (rule.frequency) {
        rule.log_factor = (unsigned)config_int(e->config, CONFIG_LFU_LOG_FACTOR);
        rule.decay_minutes = (unsigned)config_int(e->config, CONFIG_LFU_DECAY_TIME);
    }
    return rule;
}

/* The room that is left, 0 where the limit is passed. What waits to be written to the log, or to be handed to
 * subscribers (events of evicted keys among it), is gone within a second and does not count. */
static size_t room(const struct engine *e)
{
    size_t limit = (size_t)config_int(e->config, CONFIG_MAXMEMORY), used = mem_used_bytes();
    size_t passing = journal_buffered_bytes(e) + hub_passing_bytes(e->hub);
    used -= passing < used ? passing : used;
    return used < limit ? limit - used : 0;
}

bool memory_limit_reached(struct engine_thread *th)
{
    int64_t limit = config_int(th->engine->config, CONFIG_MAXMEMORY);
    if (__builtin_expect(limit == 0, 1))
        return false;
    if (limit == th->memory_limit && mem_thread_bytes() < th->memory_quiet_until)
        return false;
    size_t left = room(th->engine);
    th->memory_limit = limit;
    int64_t own = mem_thread_bytes(), more = (int64_t)(left / SHARES);
    bool quiet = left && own < INT64_MAX - more; /* else the allocator does not tell */
    th->memory_quiet_until = quiet ? own + more : INT64_MIN;
    return left == 0;
}

/* As in Redis: up to 500 us by 10, then 15% more for each step, without end at 100. */
static uint64_t patience_us(const struct engine *e)
{
    int64_t tenacity = config_int(e->config, CONFIG_MAXMEMORY_EVICTION_TENACITY);
    if (tenacity >= TENACITY_MAX)
        return UINT64_MAX;
    return tenacity <= 10 ? 50 * (uint64_t)tenacity
                          : (uint64_t)(500 * pow(1.15, (double)tenacity - 10));
}

static struct evict_rule rule_of(const struct engine *e)
{
    return (struct evict_rule){
        .policy = (enum evict_policy)config_int(e->config, CONFIG_MAXMEMORY_POLICY),
        .samples = (unsigned)config_int(e->config, CONFIG_MAXMEMORY_SAMPLES),
        .access = memory_limit_access(e),
    };
}

/* Evicts until there is room or the time is over; false where nothing can go. */
static bool evict(struct engine *e, uint64_t us)
{
    struct evict_rule rule = rule_of(e);
    uint64_t began_us = clock_mono_us();
    if (rule.policy == EVICT_NONE)
        return room(e) > 0;
    while (room(e) == 0) {
        if (!keyspace_evict(e->ks, &rule, clock_wall_ms()))
            return keyspace_stats(e->ks).reclaim_pending > 0; /* memory is on its way back */
        keyspace_reclaim(e->ks);
        if (clock_mono_us() - began_us >= us)
            return true;
    }
    return true;
}

bool memory_limit_make_room(struct engine_thread *th)
{
    return evict(th->engine, patience_us(th->engine));
}

void memory_limit_turn(struct engine_thread *th)
{
    struct engine *e = th->engine;
    if (config_int(e->config, CONFIG_MAXMEMORY) == 0 || room(e) > 0)
        return;
    gate_pass(keyspace_gate(e->ks), th->gate_word);
    evict(e, TIMER_US);
    gate_exit(th->gate_word);
}
