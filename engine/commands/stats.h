/* Statistics by command: calls, time, refusals. Each thread counts in an array of its own; reading sums them.
 * All words are relaxed atomics. */
#ifndef ATRIUM_COMMANDS_STATS_H
#define ATRIUM_COMMANDS_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct engine;

struct command_stat {
    _Atomic uint64_t calls, us, rejected, failed;
};

struct command_sum {
    uint64_t calls, us, rejected, failed;
};

static inline void stat_add(_Atomic uint64_t *word, uint64_t n)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* The sum over threads for the command of that id. */
struct command_sum command_stats(struct engine *e, uint32_t id);
void command_stats_reset(struct engine *e);

#endif
