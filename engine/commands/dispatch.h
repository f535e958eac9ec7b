/* What runs commands within a command: a transaction, and the serving of blocked clients. */
#ifndef ATRIUM_COMMANDS_DISPATCH_H
#define ATRIUM_COMMANDS_DISPATCH_H

#include "commands/exec.h"

/* Fills x for that command and finds its keys; nothing is locked. */
void exec_prepare(struct exec *x, struct session *s, const struct command *cmd,
                  const struct bytes *argv, int argc, struct reply *reply, uint64_t now_ms);
/* The shards of the command's keys, added to the set. */
void exec_add_shards(const struct exec *x, struct shard_set *set);
/* Runs one command of the log as of now_ms: without statistics, permission, or the limits of clients. MULTI queues. */
void exec_replay(struct session *s, const struct bytes *argv, int argc, struct reply *reply, uint64_t now_ms);
/* Runs the handler of a prepared command whose locks are held, and accounts for it: monitor, statistics, slow log. */
void exec_run_within(struct exec *x);

#endif
