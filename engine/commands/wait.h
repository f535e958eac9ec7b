/* Blocked commands: BLPOP and its kind wait for a key without holding a thread.
 *
 * A handler that finds nothing calls exec_block (exec.h): under the locks under which it saw its keys empty, a
 * waiter with a copy of the command joins the queues of those keys (keyspace/interest.h). A later command that
 * changes such a key serves the queue before it lets go of the locks: the oldest waiter's command is run
 * again, by the changer's thread, and its answer is kept until the owner's thread fetches it. So whoever came
 * first is served first, nobody can slip in between, and a chain of BLMOVEs is one atomic step.
 *
 * For that the changer must hold every shard that those waiters have keys in. Where a write's shards have
 * blocked commands, wait_lock takes the closure: all shards of theirs, and of those blocked there in turn.
 *
 * Changes that come without those locks (a key expires) do not serve: they ask the owner to try again.
 *
 * Owner: waiter and session->waiter are the owner's thread's; what stands behind `shards`' locks is said so below.
 * The session outlives its waiter. */
#ifndef ATRIUM_COMMANDS_WAIT_H
#define ATRIUM_COMMANDS_WAIT_H

#include "commands/exec.h"
#include "keyspace/interest.h"

struct engine_thread;

struct waiter {
    struct session *session;
    const struct command *cmd;
    struct bytes *argv; /* copies */
    int argc;
    unsigned db;
    enum value_type type; /* what the keys must hold for a try to make sense */
    bool on_loss;         /* try also when a key is gone or of another type */
    uint64_t id;          /* never given twice */
    uint64_t deadline_ms; /* 0: none */
    _Atomic uint64_t retry_at_ms; /* another try then, 0: none; whoever tries sets it, the owner reads it */
    void (*on_timeout)(struct reply *r);
    struct shard_set shards;
    unsigned nlinks;
    struct wait_link *links; /* the shards' locks */
    uint64_t log_position;   /* of what it did; as answered */
    bool answered;           /* the shards' locks; then the waiter is in no queue */
    struct capture answer;   /* the shards' locks until answered, then the owner's */
};

/* Locks the set and whatever its waiters need; *set is widened to what was locked. */
void wait_lock(struct keyspace *ks, struct shard_set *set);

/* Key k of the command was changed or has gone: raises watches, puts it on the thread's ready list, from which a
 * write's waiters are served. */
void wait_touch(struct exec *x, unsigned k);
/* The same for a key that expired, or went with a whole database; with its shard's lock or the gate closed. */
void wait_touch_key(struct engine *e, unsigned db, struct bytes key);
/* Every key of the database that is there and that somebody waits for; the gate is closed. */
void wait_touch_db(struct engine *e, unsigned db);

/* Serves the waiters of the thread's ready list; the closure's locks are held, or the gate is closed. */
void wait_serve(struct engine_thread *th);

/* Forgets the session's blocked command, if any. In the owner's thread, without locks. */
void wait_cancel(struct session *s);

#endif
