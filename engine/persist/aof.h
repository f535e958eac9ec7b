/* The writer of the log: takes records from the threads that execute commands, in the order of their execution, and
 * brings them to disk in a thread of its own.
 *
 *     aof_append ->  pending  ->  chunks (being written, then waiting for the sync)  ->  the file
 *
 * A record's position is the number of bytes that were appended up to its end; positions only grow. What has been
 * written is kept in memory until it is synced. Where a write or a sync fails, the file is cut back to what was
 * synced, `failing` tells why, and all that is kept is written again, every RETRY_MS, until it holds: after a failed
 * fsync nobody knows which pages are on disk.
 *
 * Invariants: written <= appended, synced <= written; the file begins with a SELECT; a rotation comes between two
 * records, and nothing goes to the new file before all of the old one is synced.
 *
 * Threads: append and rotate under the shard locks (or the closed gate) of what is logged: the log's order is that of
 * the locks. The log's own lock is a leaf. */
#ifndef ATRIUM_PERSIST_AOF_H
#define ATRIUM_PERSIST_AOF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"

enum aof_policy { AOF_ALWAYS, AOF_EVERYSEC, AOF_NEVER }; /* appendfsync's words, in this order */

struct aof;

/* `progress` is called by the writer's thread whenever more is synced, or when it begins or ceases to fail. */
struct aof *aof_new(void (*progress)(void *ctx), void *ctx);
/* Ends the thread, after it has written and synced all it can, and closes the file. */
void aof_free(struct aof *a);
void aof_set_policy(struct aof *a, enum aof_policy policy);
/* While set, `everysec` does not sync (no-appendfsync-on-rewrite). */
void aof_hold_sync(struct aof *a, bool on);

/* What comes from now on goes to the open file `fd`, of `size` bytes, which the log owns then. The gate is closed, or
 * nobody appends yet. Only where aof_rotating is false. */
void aof_rotate(struct aof *a, int fd, uint64_t size);
bool aof_rotating(struct aof *a);
/* From here on appended records are thrown away, and count as synced, until the next rotation. Waits until all is
 * synced; the gate is closed. */
void aof_close(struct aof *a);

/* Appends one command of database `db`, after the lines of `notes`; returns its position. */
uint64_t aof_append(struct aof *a, unsigned db, struct bytes notes, const struct bytes *argv,
                    int argc);
/* Appends encoded records as they are: the first is of database `first`, the last of `last`. */
uint64_t aof_append_block(struct aof *a, unsigned first, unsigned last, struct bytes records);

uint64_t aof_appended(const struct aof *a);
uint64_t aof_synced(const struct aof *a);
/* errno of what it fails with at present, 0: all is well. */
int aof_failing(const struct aof *a);
/* Somebody waits for what was appended: with `always` it is synced now. */
void aof_kick(struct aof *a);
/* Asks for a sync now, whatever the policy. */
void aof_request_sync(struct aof *a);
/* Waits until `position` is synced. False: it fails, or `until_ms` (wall clock, 0: none) has come. */
bool aof_wait(struct aof *a, uint64_t position, uint64_t until_ms);
/* Waits while more than a bound has been appended and not written: for threads that hold no lock. */
void aof_wait_room(struct aof *a);

/* Memory that holds records on their way to the disk. */
size_t aof_buffered_bytes(const struct aof *a);

struct aof_stats {
    uint64_t file_bytes;    /* of the present file, as written */
    uint64_t backlog_bytes; /* appended and not written */
    uint64_t syncs, sync_us, sync_us_max;
    uint64_t delayed_syncs; /* writes that had to wait for one */
};
struct aof_stats aof_stats(struct aof *a);

#endif
