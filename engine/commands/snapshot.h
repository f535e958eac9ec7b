/* Saving and loading the keyspace (persist/snapshot.h) as the engine does it: SAVE and SHUTDOWN SAVE in the calling
 * thread, BGSAVE in a child that sees the keyspace as it was at the fork. The state is in struct engine. */
#ifndef ATRIUM_COMMANDS_SNAPSHOT_H
#define ATRIUM_COMMANDS_SNAPSHOT_H

#include "commands/exec.h"

/* Writes the file; the gate is closed. False: the error has been answered. */
bool snapshot_save_now(struct exec *x);
/* Takes note of a child that has ended, and begins a save that a transaction has asked for. By the timer, outside
 * the gate. */
void snapshot_turn(struct engine *e);
/* Ends a child that is at work; its file is removed. When the engine closes. */
void snapshot_stop(struct engine *e);
/* The lines of INFO. */
void snapshot_info_lines(struct engine *e, struct buf *out);

#endif
