/* The log of writes as the engine runs it: opened or replayed at the start, rewritten in the background, switched on and
 * off while the program runs. The writer is persist/aof.h, what is written commands/effects.h, the files
 * persist/manifest.h.
 *
 * A rewrite: a new incremental file and a manifest that names it; then the gate is closed for an instant, in which the
 * log moves to that file and a child is forked; the child writes a base; a manifest that names it alone with the new
 * file; the old files are deleted. Switching the log on is the same, from no files.
 *
 * The timer does all of that, so nobody waits for a file but the timer, within the gate for nothing but the fork.
 * Threads: `on` is read under a shard lock or within the gate, and set with the gate closed; the rest is the timer's
 * (at the start and the end, the main thread's), or atomics. */
#ifndef ATRIUM_COMMANDS_JOURNAL_H
#define ATRIUM_COMMANDS_JOURNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "persist/manifest.h"

struct aof;
struct engine;
struct session;

struct journal {
    _Atomic bool on;
    _Atomic bool loading;
    struct aof *_Atomic aof; /* NULL until the log is first switched on; then there until the end */

    _Atomic bool rewrite_asked;
    _Atomic bool rewriting;      /* a child is at work, or about to be */
    _Atomic bool rewrite_failed; /* the last one */
    _Atomic int files_failing;   /* errno: a file of the log cannot be made; 0: all is well */
    _Atomic int64_t rewrite_took_s;
    _Atomic uint64_t base_bytes, older_bytes; /* files of the manifest but the present one */
    _Atomic uint64_t rewritten_bytes;         /* all of them, after the last rewrite or the start */
    _Atomic uint64_t rewrites;

    struct manifest manifest;
    char *folder, *prefix; /* appenddirname and appendfilename; set at the first use */
    struct buf next_base;  /* the child's file */
    bool unnamed;          /* no manifest on disk names the present file: a base must come first */
    uint64_t rewrite_began_ms, rewrite_retry_ms;
};

static inline bool journal_is_on(const struct journal *j)
{
    return atomic_load_explicit(&j->on, memory_order_acquire);
}

void journal_init(struct engine *e);
/* Writes and syncs the rest; frees everything. No command runs any more. */
void journal_release(struct engine *e);

/* With appendonly yes, at the start: loads the log, or begins one with what `fallback` loads. False with a line in
 * `error`. */
bool journal_start(struct engine *e, bool (*fallback)(struct engine *e, struct buf *error),
                   struct buf *error);
/* Replays the log of the manifest into the empty keyspace (journal_load.c). */
bool journal_replay(struct engine *e, struct buf *error);

/* Looks after the child, begins a rewrite where one is due, and follows the directives. By the timer, outside the gate. */
void journal_turn(struct engine *e);
/* The directives may have changed: the timer looks soon. */
void journal_config_changed(struct engine *e);

/* Is the log on, and synced up to there? */
bool journal_synced(struct engine *e, uint64_t position);
/* Asks for a sync now, whatever appendfsync says. */
void journal_request_sync(struct engine *e);
/* Writes are refused while the log cannot be written: errno, 0: it can. */
int journal_denies_writes(struct engine *e);
/* Memory that holds records on their way to the disk: no key would make room for it. */
size_t journal_buffered_bytes(const struct engine *e);
/* The lines of INFO persistence about the log. */
void journal_info_lines(struct engine *e, struct buf *out);

#endif
