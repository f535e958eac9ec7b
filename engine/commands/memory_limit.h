/* maxmemory: before a command that may take memory, keys are evicted until what is in use is within the limit.
 *
 * Where more must go than a command may wait for (maxmemory-eviction-tenacity), the timer goes on with it, and the command
 * runs. Where nothing may go, it is refused (OOM). A thread that is far from the limit does not ask at each command: only
 * once it has itself taken its part of the room that was left. */
#ifndef ATRIUM_COMMANDS_MEMORY_LIMIT_H
#define ATRIUM_COMMANDS_MEMORY_LIMIT_H

#include <stdbool.h>

#include "keyspace/evict.h"

struct engine;
struct engine_thread;
struct exec;

/* Is there reason to call memory_limit_make_room? */
bool memory_limit_reached(struct engine_thread *th);
/* Within the gate, without shards. False: the limit is passed, and nothing may go. */
bool memory_limit_make_room(struct engine_thread *th);
/* The timer's share. Not within the gate. */
void memory_limit_turn(struct engine_thread *th);

/* How uses of keys are kept. */
struct access_rule memory_limit_access(const struct engine *e);

#endif
