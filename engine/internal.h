/* What the engine's own files share of its state: the rooms below reach theirs through it. Doors see engine.h.
 *
 * Each part has its owner: config, hub and keyspace lock themselves; sessions are under sessions_lock; a thread
 * writes its own engine_thread only, and its counters are atomics that others sum. */
#ifndef ATRIUM_INTERNAL_H
#define ATRIUM_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "commands/child.h"
#include "commands/effects.h"
#include "commands/journal.h"
#include "commands/loading.h"
#include "commands/monitor.h"
#include "commands/rates.h"
#include "commands/slowlog.h"
#include "commands/snapshot.h"
#include "commands/stats.h"
#include "engine.h"
#include "keyspace/keyspace.h"

#define SESSION_BUCKETS 4096

struct interest;
struct exec_block; /* a block of command-lifetime memory */

/* One thread that executes commands. */
struct engine_thread {
    _Alignas(64) struct engine *engine;
    struct gate_word *gate_word;
    bool inside;        /* the gate is passed */
    bool batching;      /* between engine_batch_begin and _end */
    struct shard *held; /* locked, kept for the next command of the batch */
    unsigned held_runs; /* commands run under it */
    uint64_t held_at_us;
    struct exec_block *blocks; /* exec_alloc; freed after each command */
    struct interest *ready_first,
        *ready_last;            /* keys with blocked clients that the command changed */
    uint64_t clock_us;          /* in a batch: when the command before ended; 0: not known */
    struct command_stat *stats; /* by command id */
    _Atomic uint64_t counters[COUNTER_COUNT];
    _Atomic uint64_t took[4][ENGINE_LATENCY_BUCKETS], took_us[4]; /* engine_latency, by door */
    _Atomic uint64_t changes; /* of keys, since the start */
    struct effects effects;
    /* memory_limit.c: up to where this thread need not ask, and under which limit. */
    int64_t memory_quiet_until, memory_limit;
};

struct engine {
    struct config *config;
    struct keyspace *ks;
    struct hub *hub;
    struct slowlog *slowlog;
    struct monitor monitor;
    uint64_t started_at_ms;
    char run_id[41];

    pthread_mutex_t sessions_lock;
    struct session *sessions;                        /* sessions_lock */
    uint64_t next_session_id;                        /* sessions_lock */
    struct session *sessions_by_id[SESSION_BUCKETS]; /* sessions_lock */
    size_t session_counts[4];                        /* by door; sessions_lock */

    struct engine_thread threads[GATE_THREADS_MAX];
    pthread_mutex_t stats_lock;             /* the threads' stats pointers; a leaf */
    _Atomic uint64_t memcached_flush_at_ms; /* flush_all with a delay; 0: none is to come */
    _Atomic uint64_t paused_until_ms;       /* CLIENT PAUSE; 0: none */
    _Atomic bool paused_all;                /* reads too */
    _Atomic uint64_t blocked;               /* clients that wait for a key */
    size_t startup_bytes;                   /* mem_used_bytes when it was opened */
    _Atomic bool holds_writes; /* the program ends, and has saved; set with the gate closed */
    _Atomic bool draining, shutdown_requested;
    struct child child;
    struct snapshot_state snapshot;
    struct journal journal;
    pthread_mutex_t log_listeners_lock; /* a leaf */
    struct log_listener *log_listeners; /* log_listeners_lock */
    struct loading_state loading;
    struct rates rates;

    pthread_t timer;
    pthread_mutex_t timer_lock;
    pthread_cond_t timer_wake;
    bool timer_stop; /* timer_lock */
};

/* The calling thread's record, made on first use. */
struct engine_thread *engine_thread(struct engine *e);

/* Changes that a command has made (exec.changes); and those of all threads since the start, for save points. */
static inline void engine_add_changes(struct engine_thread *th, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&th->changes, memory_order_relaxed);
    atomic_store_explicit(&th->changes, v + n, memory_order_relaxed);
}
uint64_t engine_changes(struct engine *e);

/* More of the log is synced, or it begins or ceases to fail. By the log's thread. */
void engine_log_progress(struct engine *e);
/* Asks for the timer's next turn now. */
void engine_timer_wake(struct engine *e);

/* CLIENT PAUSE: writes, and where `all` everything, wait until then; 0 ends it. */
void engine_pause(struct engine *e, uint64_t until_ms, bool all);

/* Frees what exec_alloc gave to the command that has just ended. */
void exec_free_blocks(struct engine_thread *th);

/* Publishes keyspace events of `event` for `key` where notify-keyspace-events asks for them. May be called
 * under shard locks (see keyspace/shard.h for the order). */
void engine_notify(struct engine *e, unsigned db, uint32_t event_class, const char *event,
                   struct bytes key);

#endif
