/* The load at the start, in a thread of its own while the doors are open: commands without the flag `loading` are
 * refused meanwhile, but for those of a log that is replayed (exec_replay). */
#ifndef ATRIUM_COMMANDS_LOADING_H
#define ATRIUM_COMMANDS_LOADING_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct engine;

enum load_state { LOAD_OVER, LOAD_RUNS, LOAD_FAILED };

struct loading_state {
    _Atomic int state; /* enum load_state */
    pthread_t thread;
    bool has_thread;
    uint64_t started_at_ms, told_at_ms; /* the latter is the timer's */
    struct buf error;                   /* the thread's, until the state is LOAD_FAILED */
};

static inline bool loading_runs(const struct loading_state *l)
{
    return __builtin_expect(atomic_load_explicit(&l->state, memory_order_acquire) == LOAD_RUNS, 0);
}

/* By the timer: tells the log how far it is, every few seconds. */
void loading_turn(struct engine *e);
/* Stops it, and waits for its end. When the engine closes. */
void loading_stop(struct engine *e);
/* The first lines of INFO persistence. */
void loading_info_lines(struct engine *e, struct buf *out);

#endif
