/* MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * Between MULTI and EXEC commands are checked and queued. EXEC locks the union of their shards and those of the
 * watched keys (two-phase, so transactions are serialisable with everything else), looks whether a watched key
 * was changed or has expired, and runs the queue. A queue with a command that locks for itself or needs the whole
 * keyspace (KEYS, FLUSHALL) runs with the gate closed. Nothing waits in a transaction.
 *
 * Owner: the session's thread; the watches' links are under their keys' shards (keyspace/interest.h), the flag
 * `dirty` is raised by any thread. */
#ifndef ATRIUM_COMMANDS_TRANSACTION_H
#define ATRIUM_COMMANDS_TRANSACTION_H

#include "commands/exec.h"

/* Is the session between MULTI and EXEC? */
bool transaction_open(const struct session *s);
/* Queues the command, or refuses it; false where it is one that runs at once (EXEC, DISCARD, WATCH, ...). */
bool transaction_take(struct session *s, const struct command *cmd, const struct bytes *argv,
                      int argc, struct reply *r);
/* A command was refused while queueing: EXEC will abort. */
void transaction_spoil(struct session *s);
/* Must EXEC close the gate, and does it write? */
bool transaction_wants_gate(const struct session *s);
bool transaction_writes(const struct session *s);
/* Ends queueing and watching. Without shard locks. */
void transaction_discard(struct session *s);
void transaction_free(struct session *s);

#endif
