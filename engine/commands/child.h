/* A child process that sees the keyspace as it was at the fork, for a snapshot or a rewrite of the log: one at a
 * time, a little less urgent than its parent. Its figures, and what it tells of its progress.
 *
 * Thread rule: as each function says; the fields are atomics for INFO. */
#ifndef ATRIUM_COMMANDS_CHILD_H
#define ATRIUM_COMMANDS_CHILD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct engine;

enum child_job { CHILD_NONE, CHILD_SNAPSHOT, CHILD_LOG };

/* In memory that both processes share. */
struct child_progress {
    _Atomic uint64_t keys;                 /* written */
    _Atomic uint64_t cow_bytes, cow_at_us; /* copied on write, as of (monotonic) */
    _Atomic uint64_t cow_peak_bytes;
};

struct child {
    _Atomic int pid; /* 0: none */
    _Atomic int job; /* of the one that is there, enum child_job */
    _Atomic uint64_t started_at_ms, keys_total;
    _Atomic uint64_t fork_us, forks;    /* the last fork's time; how many there were */
    _Atomic uint64_t last_cow_bytes[3]; /* of the last child of each job */
    struct child_progress *progress;
    pthread_mutex_t lock; /* waiting for it and killing it; a leaf */
    bool reaped;          /* lock */
};

void child_init(struct child *c);
/* Ends a child that is at work, and waits for it: its id, 0 where there is none. Any thread. */
pid_t child_kill(struct child *c);
void child_release(struct child *c);

/* Forks. There is no child, and the gate is closed. In the child 0: every descriptor above stderr is closed; others
 * may have held any lock but the keyspace's, so it takes no other, does not log, and ends by _exit. In the parent its
 * id, which is kept; -1: errno. */
pid_t child_fork(struct engine *e, enum child_job job);
/* In the child: so many keys more are written. Measures the memory that was copied about once a second. */
void child_wrote(struct child *c, uint64_t keys);
/* In the child, before it ends. */
void child_measure(struct child *c);

/* Has the child of that job ended? *ok: with status 0. By the timer, which takes note and calls child_done; another
 * can be forked then. */
bool child_ended(struct child *c, enum child_job job, bool *ok);
void child_done(struct child *c);
static inline bool child_runs(const struct child *c, enum child_job job)
{
    return atomic_load(&c->pid) != 0 && atomic_load(&c->job) == (int)job;
}

/* The lines of INFO persistence that tell of a child at work. */
void child_info_lines(struct child *c, struct buf *out);

#endif
