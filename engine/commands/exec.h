/* What a command handler sees: its arguments, its keys, and how it answers.
 *
 * Before the handler runs, dispatch has found the row, checked arity and permission, hashed every key and
 * locked their shards. A handler parses all its arguments first, then looks up, changes, tells what it
 * changed (exec_changed), and replies exactly once. It never locks, blocks or does I/O. An error reply
 * means that nothing happened.
 *
 * Keys are named by their ordinal: 0 is the first key by the row's key specifications. */
#ifndef ATRIUM_COMMANDS_EXEC_H
#define ATRIUM_COMMANDS_EXEC_H

#include "base/bytes.h"
#include "commands/command.h"
#include "commands/reply.h"
#include "keyspace/keyspace.h"

struct engine;
struct session;
struct waiter;

/* Classes of keyspace events, with the letters of notify-keyspace-events. */
enum event_class {
    EVENT_GENERIC = 1 << 0,       /* g */
    EVENT_STRING = 1 << 1,        /* $ */
    EVENT_LIST = 1 << 2,          /* l */
    EVENT_SET = 1 << 3,           /* s */
    EVENT_HASH = 1 << 4,          /* h */
    EVENT_ZSET = 1 << 5,          /* z */
    EVENT_EXPIRED = 1 << 6,       /* x */
    EVENT_EVICTED = 1 << 7,       /* e */
    EVENT_STREAM = 1 << 8,        /* t */
    EVENT_KEY_MISS = 1 << 9,      /* m */
    EVENT_MODULE = 1 << 10,       /* d */
    EVENT_NEW = 1 << 11,          /* n */
    EVENT_KEYSPACE = 1 << 12,     /* K */
    EVENT_KEYEVENT = 1 << 13,     /* E */
    EVENT_OVERWRITTEN = 1 << 14,  /* o */
    EVENT_TYPE_CHANGED = 1 << 15, /* c */
};

#define EXEC_INLINE_KEYS 8

/* What runs without the command's locks: see exec_outside. */
typedef bool exec_outside_fn(struct exec *x, void *ctx);

struct exec {
    struct engine *engine;
    struct keyspace *ks;
    struct session *session;
    const struct command *cmd;
    const struct bytes *argv;
    int argc;
    struct reply *reply;
    struct keyref *keys;
    unsigned nkeys;
    unsigned db;
    uint64_t now_ms;
    uint64_t changes;      /* how many keys exec_changed named */
    bool may_block;        /* exec_block can wait here */
    bool blocked;          /* it does: there is no reply */
    bool gated;            /* the gate is closed: no shard needs a lock */
    uint64_t log_position; /* in the log of writes after the command; 0: it wrote nothing */
    bool may_step_out;     /* exec_outside lets go of the locks */
    exec_outside_fn *outside;
    void *outside_ctx;
    bool stepped_out;      /* its work runs, or ran, without the locks */
    void *resumed;         /* the ctx of exec_outside, in the handler's second run; else NULL */
    struct waiter *waiter; /* a blocked command that is tried again, else NULL */
    struct keyref inline_keys[EXEC_INLINE_KEYS];
};

/* ---- looking up ------------------------------------------------------------------------------ */

/* Key k for reading; NULL where missing. Counts a hit or a miss and touches the access clock. */
struct entry *exec_read(struct exec *x, unsigned k);
/* Key k for writing or for a look that is no access (TYPE, TTL, OBJECT): no statistics, no touch. */
struct entry *exec_peek(struct exec *x, unsigned k);
/* The access that exec_read notes, for one that looked first. */
void exec_fetched(const struct exec *x, struct entry *e);
/* The same with a type check: false where the key has another type, and WRONGTYPE has been answered.
 * *e is NULL where the key is missing. */
bool exec_read_typed(struct exec *x, unsigned k, enum value_type type, struct entry **e);
bool exec_peek_typed(struct exec *x, unsigned k, enum value_type type, struct entry **e);
/* The key's object of that type, NULL where missing; false: WRONGTYPE has been answered. */
bool exec_read_object(struct exec *x, unsigned k, enum value_type type, void **object);
bool exec_peek_object(struct exec *x, unsigned k, enum value_type type, void **object);

/* ---- changing -------------------------------------------------------------------------------- */

/* Puts a new object under key k, in place of whatever is there. The keyspace owns it then. */
struct entry *exec_put_object(struct exec *x, unsigned k, enum value_type type, void *object);
/* SET: string value and deadline (0: none) in one step. */
struct entry *exec_set_string(struct exec *x, unsigned k, struct bytes value, uint64_t deadline_ms,
                              bool keep_ttl);
/* The value alone, the deadline stays: the result of an edit (INCRBYFLOAT), which does not count as overwriting. */
struct entry *exec_edit_string(struct exec *x, unsigned k, struct bytes value);
bool exec_delete(struct exec *x, unsigned k);
/* After elements were removed from the object: deletes the key where it is empty, with the "del"
 * event; true where it was. */
bool exec_delete_if_empty(struct exec *x, unsigned k, struct entry *e);

/* Tells that key k was changed: watchers, statistics, log, and the event of that class and name. Once
 * for each key and event, after the change. */
void exec_changed(struct exec *x, unsigned k, enum event_class cls, const char *event);
/* The same where there is no event to tell of. */
void exec_touched(struct exec *x, unsigned k);
/* What putting a value of that type under key k of database db replaces: the events "new", or "overwritten" and
 * "type_changed". Before the put; exec_put_object and exec_set_string call it themselves. */
void exec_announce(struct exec *x, unsigned db, unsigned k, enum value_type type);
/* The last two, for a key that held an entry of type `before`. */
void exec_announce_overwritten(struct exec *x, unsigned k, enum value_type before,
                               enum value_type after);
/* An event without a change of the value (a key was deleted as a by-product etc.). */
void exec_event(struct exec *x, unsigned k, enum event_class cls, const char *event);

/* ---- the log of writes -------------------------------------------------------------------------
 * A command that called exec_changed or exec_touched stands in the log as it was called. One that would not do the
 * same again (it draws, it looks at the clock) either has an entry in the list of effects.c or says by these what it
 * changed; after several calls they are done in one step. */

/* Is there a log? Else there is nothing to say. */
bool exec_logs(const struct exec *x);
void exec_log_as(struct exec *x, const struct bytes *argv, int argc);
/* Key k as it is now: a string's SET, any other value's RESTORE, both with its deadline; or DEL. */
void exec_log_state(struct exec *x, unsigned k);

/* ---- waiting --------------------------------------------------------------------------------- */

/* A command that found nothing in its keys and may wait for them. */
struct block {
    unsigned first, n;                   /* the keys, by ordinal */
    enum value_type type;                /* what they must hold for another try */
    bool on_loss;                        /* another try also when a key goes or changes its type */
    uint64_t timeout_ms;                 /* 0: for ever */
    uint64_t retry_ms;                   /* another try after so long too, 0: none; each try names it anew */
    void (*on_timeout)(struct reply *r); /* NULL: a null array */
};

/* True: the command waits, the handler returns without a reply, and is called again when one of the keys
 * has changed; what was found then is answered as usual, or exec_block is called again. After the timeout
 * on_timeout replies. False where nothing can wait (in a transaction, at doors without): the handler answers as
 * if the time were over. All keys of the command are locked throughout. */
bool exec_block(struct exec *x, const struct block *b);
/* After exec_block said true: in later tries argument i is `value` (XREAD's "$"). */
void exec_block_arg(struct exec *x, int i, struct bytes value);
/* Argument i as a timeout in seconds with fractions, or in ms; false: the error has been answered. Above 0 it is at
 * least 1 ms. */
bool exec_timeout_seconds(struct exec *x, int i, uint64_t *timeout_ms);
bool exec_timeout_ms(struct exec *x, int i, uint64_t *timeout_ms);

/* ---- without the locks ----------------------------------------------------------------------- */

/* For long work on something that the handler has pinned: the handler returns right after this call, the locks are let
 * go, and `work` runs. Where it returns false it has replied. Where it returns true the locks are taken again and
 * the handler is called a second time, with x->resumed = ctx; by then keys may have changed in any way. Where locks cannot
 * be let go (in a transaction) all of it happens within this call; x->stepped_out tells work which it is. */
void exec_outside(struct exec *x, exec_outside_fn *work, void *ctx);

/* ---- arguments ------------------------------------------------------------------------------- */

/* Argument i as a number; false: the error has been answered. */
bool exec_int(struct exec *x, int i, int64_t *out);
bool exec_int_in(struct exec *x, int i, int64_t min, int64_t max, const char *error, int64_t *out);
bool exec_double(struct exec *x, int i, double *out);
bool exec_is(const struct exec *x, int i, const char *word);

/* Indexes start and stop of n elements, negative ones from the end, clipped to [from, to). */
void exec_span(int64_t start, int64_t stop, size_t n, size_t *from, size_t *to);

/* Options: a table of words. Each is a flag, or takes one argument; `group` marks words of which one
 * at most may stand; a repeated word is a syntax error unless `repeat`. Parsing goes from argument `from`
 * to the end; any other word answers a syntax error.
 *
 *     struct option opts[] = {{"NX", GROUP_EXIST}, {"EX", GROUP_EXPIRE, .takes = 1}, {0}};
 *     if (!exec_options(x, 3, opts)) return;
 *     if (opts[0].at) ...          at: the argument's position, 0 where absent; the value is at + 1
 */
struct option {
    const char *word;
    unsigned group; /* 0: none */
    int takes;      /* arguments that follow */
    bool repeat;
    int at;
};

bool exec_options(struct exec *x, int from, struct option *options);
/* The same up to argument `to`, exclusive. */
bool exec_options_until(struct exec *x, int from, int to, struct option *options);

/* EX, PX, EXAT, PXAT with its value to a deadline in wall-clock ms. `word` as found; false: the error
 * ("invalid expire time in 'set' command", not an integer) has been answered. */
bool exec_deadline(struct exec *x, const char *word, int value_at, uint64_t *deadline_ms);

/* ---- lifetime -------------------------------------------------------------------------------- */

/* Memory that lives until the command ends; not cleared. */
void *exec_alloc(struct exec *x, size_t n);

#endif
