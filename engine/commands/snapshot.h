/* Saving and loading the keyspace (persist/snapshot.h) as the engine does it: SAVE and the end of the program in the
 * calling thread, BGSAVE and save points in a child that sees the keyspace as it was at the fork. */
#ifndef ATRIUM_COMMANDS_SNAPSHOT_H
#define ATRIUM_COMMANDS_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "persist/snapshot.h"

struct buf;
struct engine;

/* What INFO and the save points need to know; in struct engine. */
struct snapshot_state {
    _Atomic int64_t saved_at_s, tried_at_s;
    _Atomic int64_t took_s;           /* the last BGSAVE; -1: none */
    _Atomic bool failed;              /* the last BGSAVE */
    _Atomic bool scheduled;           /* the timer begins one as soon as it can */
    _Atomic uint64_t saves;           /* that succeeded */
    _Atomic uint64_t saved_changes;   /* engine_changes of what the last snapshot holds */
    _Atomic uint64_t child_changes;   /* of what the child's will */
    struct snapshot_progress loading; /* of the start */
};

void snapshot_state_init(struct engine *e);

/* Writes the file; the gate is closed. False with a line in `error`. */
bool snapshot_save_now(struct engine *e, struct buf *error);
/* Is there a save point? Then the end of the program is one too. */
bool snapshot_has_points(struct engine *e);
/* Are writes to be refused, as the last BGSAVE failed? */
bool snapshot_denies_writes(struct engine *e);
/* All keys are gone at once: a child at work is ended, and where there are save points a new snapshot is begun soon. */
void snapshot_flushed(struct engine *e);

/* Takes note of a child that has ended, and begins a save where one was asked for or a save point is reached. By the
 * timer, outside the gate. */
void snapshot_turn(struct engine *e);
/* Ends a child that is at work; its file is removed. */
void snapshot_stop(struct engine *e);
/* The lines of INFO persistence from rdb_changes_since_last_save on. */
void snapshot_info_lines(struct engine *e, struct buf *out);

#endif
