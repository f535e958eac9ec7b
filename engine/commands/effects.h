/* What commands leave in the log of writes: effects, not chances. A command that changed something stands there as it
 * was called, where that does the same whenever it is done again; else as what it changed: deadlines are absolute,
 * a random member is named, what an older Redis does not know is told in commands that it does (effects.c has the list).
 *
 * What a thread logs while it runs a transaction comes between MULTI and EXEC, as does one command that needs several
 * to be told. Records are appended under the locks under which the command ran.
 *
 * Threads: the calling thread's own, but for the log itself (persist/aof.h). */
#ifndef ATRIUM_COMMANDS_EFFECTS_H
#define ATRIUM_COMMANDS_EFFECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct engine;
struct engine_thread;
struct exec;

/* The thread's part; in struct engine_thread. */
struct effects {
    struct buf records;     /* of the command at hand */
    unsigned n;             /* how many */
    struct buf transaction; /* of the transaction at hand */
    unsigned transaction_n;
    unsigned first_db, last_db;
    bool in_transaction, wrote; /* it has had a write, if one that changed nothing */
};

void effects_release(struct effects *f);

/* Runs the handler, and logs what it changed. Its locks are held. */
void effects_run(struct exec *x);
/* Between these the records of this thread come into the log as one transaction; the second returns its position, 0
 * where nothing was logged. */
void effects_begin(struct engine_thread *th);
uint64_t effects_end(struct engine_thread *th);

/* A key that goes without a command: expired or evicted. With its shard's lock, or the gate closed. */
void effects_key_removed(struct engine *e, unsigned db, struct bytes key);
/* The same of a hash's field. */
void effects_field_removed(struct engine *e, unsigned db, struct bytes key, struct bytes field);
/* A database was emptied by no command (flush_all with a delay). The gate is closed. */
void effects_flushed(struct engine *e, unsigned db);

#endif
