/* Keys whatever their type: deleting, asking, renaming, copying, moving. Deadlines are in expire.c,
 * iteration in scan.c. */
#include "commands/generic.h"

#include "internal.h"

struct entry *generic_look(struct exec *x, unsigned k)
{
    struct entry *e = exec_peek(x, k);
    engine_count(x->engine, e ? COUNTER_HITS : COUNTER_MISSES, 1);
    if (!e)
        exec_event(x, k, EVENT_KEY_MISS, "keymiss");
    return e;
}

/* ---- deleting and asking ------------------------------------------------------------------------
 */

/* The look-up comes first, so that a key past its deadline expires and is not counted as deleted.
 */
static void cmd_del(struct exec *x)
{
    int64_t n = 0;
    for (unsigned k = 0; k < x->nkeys; k++) {
        if (!exec_peek(x, k))
            continue;
        exec_delete(x, k);
        exec_changed(x, k, EVENT_GENERIC, "del");
        n++;
    }
    reply_int(x->reply, n);
}

static void cmd_exists(struct exec *x)
{
    int64_t n = 0;
    for (unsigned k = 0; k < x->nkeys; k++)
        n += generic_look(x, k) != NULL;
    reply_int(x->reply, n);
}

static void cmd_touch(struct exec *x)
{
    int64_t n = 0;
    for (unsigned k = 0; k < x->nkeys; k++)
        n += exec_read(x, k) != NULL;
    reply_int(x->reply, n);
}

static void cmd_type(struct exec *x)
{
    const struct entry *e = generic_look(x, 0);
    reply_simple(x->reply, e ? entry_type_name(e) : "none");
}

/* ---- other databases ----------------------------------------------------------------------------
 */

/* A shard is chosen by the key's hash alone, so the lock that the command holds covers the key's
 * name in every database. */

static void changed_in(struct exec *x, unsigned db, unsigned k, const char *event)
{
    unsigned own = x->db;
    x->db = db;
    exec_changed(x, k, EVENT_GENERIC, event);
    x->db = own;
}

/* Argument i as a database number; false: the error has been answered. */
static bool database_arg(struct exec *x, int i, unsigned *db)
{
    int64_t v;
    if (!exec_int(x, i, &v))
        return false;
    if (v < INT32_MIN || v > INT32_MAX) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS,
                     "value is out of range, value must between %d and %d", INT32_MIN, INT32_MAX);
        return false;
    }
    if (v < 0 || v >= DB_COUNT) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "DB index is out of range");
        return false;
    }
    *db = (unsigned)v;
    return true;
}

static void reply_same_object(struct exec *x)
{
    reply_errorf(x->reply, ERROR_GENERIC, "source and destination objects are the same");
}

/* ---- renaming and moving ------------------------------------------------------------------------
 */

static unsigned room_of(const struct entry *e)
{
    return e->flags & (ENTRY_HAS_DEADLINE | ENTRY_HAS_CLIENT_FLAGS);
}

/* Takes key `from` out of its database and puts its entry under key `to` of database `db`, in place
 * of what is there; value, deadline and client flags go with it. */
static void relocate(struct exec *x, unsigned from, unsigned db, unsigned to)
{
    uint64_t deadline_ms = 0;
    const struct keyref *target = &x->keys[to];
    engine_notify(x->engine, db, EVENT_NEW, "new", target->name);
    struct entry *e = keyspace_take_locked(x->ks, x->db, &x->keys[from], &deadline_ms);
    if (from != to)
        e = entry_rebuild(e, target->name, room_of(e));
    keyspace_put_locked(x->ks, db, target, e, deadline_ms);
}

/* RENAME and RENAMENX. */
static void rename_key(struct exec *x, bool only_new, bool *renamed)
{
    *renamed = false;
    if (!exec_peek(x, 0)) {
        reply_error(x->reply, ERROR_NO_SUCH_KEY);
        return;
    }
    bool same = bytes_eq(x->keys[0].name, x->keys[1].name);
    if (only_new && (same || exec_peek(x, 1)))
        return;
    *renamed = true;
    if (same)
        return;
    const struct entry *old =
        exec_peek(x, 1); /* one past its deadline expires, it is not overwritten */
    int before = old ? old->type : -1;
    relocate(x, 0, x->db, 1);
    exec_changed(x, 0, EVENT_GENERIC, "rename_from");
    exec_changed(x, 1, EVENT_GENERIC, "rename_to");
    if (before >= 0)
        exec_announce_overwritten(x, 1, (enum value_type)before,
                                  (enum value_type)exec_peek(x, 1)->type);
}

static void cmd_rename(struct exec *x)
{
    bool renamed;
    rename_key(x, false, &renamed);
    if (!x->reply->erred)
        reply_ok(x->reply);
}

static void cmd_renamenx(struct exec *x)
{
    bool renamed;
    rename_key(x, true, &renamed);
    if (!x->reply->erred)
        reply_int(x->reply, renamed);
}

static void cmd_move(struct exec *x)
{
    unsigned db;
    if (!database_arg(x, 2, &db))
        return;
    if (db == x->db) {
        reply_same_object(x);
        return;
    }
    bool move = exec_peek(x, 0) && !keyspace_find_locked(x->ks, db, &x->keys[0], x->now_ms);
    if (move) {
        relocate(x, 0, db, 0);
        exec_changed(x, 0, EVENT_GENERIC, "move_from");
        changed_in(x, db, 0, "move_to");
    }
    reply_int(x->reply, move);
}

/* ---- copying ------------------------------------------------------------------------------------
 */

/* A copy of e under another key; its deadline is not set yet. */
static struct entry *duplicate(const struct entry *e, struct bytes key)
{
    char scratch[NUM_INT_MAX];
    struct entry *copy;
    if (e->type == TYPE_STRING) {
        copy = entry_new_string(key, entry_string(e, scratch), room_of(e));
        copy->flags |= e->flags & ENTRY_RAW;
    } else {
        void *object = type_ops[e->type]->dup(entry_object(e));
        copy = entry_new_object(key, e->type, object, room_of(e));
    }
    if (copy->flags & ENTRY_HAS_CLIENT_FLAGS)
        entry_set_client_flags(copy, entry_client_flags(e));
    return copy;
}

/* Unlike most options these may be repeated, and a wrong one is found in the order of the
 * arguments. */
static bool copy_options(struct exec *x, unsigned *db, bool *replace)
{
    *db = x->db;
    *replace = false;
    for (int i = 3; i < x->argc; i++) {
        if (exec_is(x, i, "REPLACE")) {
            *replace = true;
        } else if (exec_is(x, i, "DB") && i + 1 < x->argc) {
            if (!database_arg(x, ++i, db))
                return false;
        } else {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void cmd_copy(struct exec *x)
{
    unsigned db;
    bool replace;
    const struct keyref *target = &x->keys[1];
    if (!copy_options(x, &db, &replace))
        return;
    if (db == x->db && bytes_eq(x->keys[0].name, target->name)) {
        reply_same_object(x);
        return;
    }
    const struct entry *e = exec_read(x, 0);
    const struct entry *old = keyspace_find_locked(x->ks, db, target, x->now_ms);
    int before = old ? old->type : -1;
    if (!e || (old && !replace)) {
        reply_int(x->reply, 0);
        return;
    }
    struct entry *copy = duplicate(e, target->name);
    engine_notify(x->engine, db, EVENT_NEW, "new", target->name);
    keyspace_put_locked(x->ks, db, target, copy, entry_deadline_ms(e));
    changed_in(x, db, 1, "copy_to");
    if (before >= 0) {
        unsigned own = x->db;
        x->db = db;
        exec_announce_overwritten(x, 1, (enum value_type)before, (enum value_type)e->type);
        x->db = own;
    }
    reply_int(x->reply, 1);
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

const struct command_row generic_commands[] = {
    {"copy", cmd_copy, -3, "write,denyoom", "keyspace", "@1:0/1:RO+ACCESS ; @2:0/1:OW+UPDATE",
     "6.2.0", "generic", "source destination [DB destination-db] [REPLACE]",
     "Copies a value to another key, which may be in another database."},
    {"del", cmd_del, -2, "write", "keyspace", "@1:-1/1:RM+DELETE", "1.0.0", "generic", "key ...",
     "Deletes keys and answers how many there were."},
    {"exists", cmd_exists, -2, "readonly,fast", "keyspace", "@1:-1/1:RO", "1.0.0", "generic",
     "key ...", "Counts which of the keys are there; a key named twice counts twice."},
    {"move", cmd_move, 3, "write,fast", "keyspace", "@1:0/1:RW+ACCESS+UPDATE", "1.0.0", "generic",
     "key db", "Moves a key to another database."},
    {"rename", cmd_rename, 3, "write", "keyspace", "@1:0/1:RW+ACCESS+DELETE ; @2:0/1:OW+UPDATE",
     "1.0.0", "generic", "key newkey", "Renames a key; a key of the new name is overwritten."},
    {"renamenx", cmd_renamenx, 3, "write,fast", "keyspace",
     "@1:0/1:RW+ACCESS+DELETE ; @2:0/1:OW+INSERT", "1.0.0", "generic", "key newkey",
     "Renames a key unless the new name is taken."},
    {"touch", cmd_touch, -2, "readonly,fast", "keyspace", "@1:-1/1:RO", "3.2.1", "generic",
     "key ...", "Marks keys as used now and answers how many there are."},
    {"type", cmd_type, 2, "readonly,fast", "keyspace", "@1:0/1:RO", "1.0.0", "generic", "key",
     "Names the type of a key's value."},
    {"unlink", cmd_del, -2, "write,fast", "keyspace", "@1:-1/1:RM+DELETE", "4.0.0", "generic",
     "key ...", "Deletes keys; big values are freed in the background, as with every deletion."},
    {0},
};
