/* Sets: members at random. */
#include "commands/set_args.h"

static bool too_many(struct exec *x)
{
    if (x->argc <= 3)
        return false;
    reply_error(x->reply, ERROR_SYNTAX);
    return true;
}

/* ---- SPOP -------------------------------------------------------------------------------------
 */

/* In the log they are named. */
static void log_picks(struct exec *x, const struct bytes *members, size_t n)
{
    if (!exec_logs(x))
        return;
    struct bytes *argv = exec_alloc(x, (n + 2) * sizeof *argv);
    argv[0] = BYTES("SREM");
    argv[1] = x->keys[0].name;
    memcpy(argv + 2, members, n * sizeof *argv);
    exec_log_as(x, argv, (int)n + 2);
}

static void pop_one(struct exec *x, struct set *s)
{
    struct set_item item;
    if (!s) {
        reply_null(x->reply);
        return;
    }
    set_random(s, &item);
    reply_bulk(x->reply, item.member);
    if (item.member.p != item.scratch) { /* not out of the set itself */
        char *copy = exec_alloc(x, item.member.n);
        memcpy(copy, item.member.p, item.member.n);
        item.member.p = copy;
    }
    set_remove(s, item.member);
    log_picks(x, &item.member, 1);
    set_removed(x, 0, s, "spop");
}

struct picks {
    struct exec *x;
    struct bytes *at;
    size_t n;
};

static void pick(const struct set_item *item, void *ctx)
{
    struct picks *p = ctx;
    char *copy = exec_alloc(p->x, item->member.n);
    memcpy(copy, item->member.p, item->member.n);
    p->at[p->n++] = bytes_of(copy, item->member.n);
    reply_bulk(p->x->reply, item->member);
}

static void pop_all(struct exec *x, struct set *s)
{
    struct set_iter it;
    struct set_item item;
    reply_set(x->reply, set_length(s));
    set_iter_init(&it, s);
    while (set_iter_next(&it, &item))
        reply_bulk(x->reply, item.member);
    exec_changed(x, 0, EVENT_SET, "spop");
    exec_delete(x, 0);
    exec_log_state(x, 0);
    exec_event(x, 0, EVENT_GENERIC, "del");
}

/* SPOP key [count] */
static void cmd_spop(struct exec *x)
{
    int64_t count = 0;
    struct set *s;
    if (too_many(x))
        return;
    if (x->argc > 2 && (!num_parse_int(x->argv[2], &count) || count < 0)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "value is out of range, must be positive");
        return;
    }
    if (!set_write(x, 0, &s))
        return;
    if (x->argc == 2) {
        pop_one(x, s);
    } else if (!s || count == 0) {
        reply_set(x->reply, 0);
    } else if ((uint64_t)count >= set_length(s)) {
        pop_all(x, s);
    } else {
        struct picks p = {x, exec_alloc(x, (size_t)count * sizeof *p.at), 0};
        reply_set(x->reply, (size_t)count);
        set_random_distinct(s, (size_t)count, pick, &p);
        for (size_t i = 0; i < p.n; i++)
            set_remove(s, p.at[i]);
        log_picks(x, p.at, p.n);
        set_removed(x, 0, s, "spop");
    }
}

/* ---- SRANDMEMBER ------------------------------------------------------------------------------
 */

static void reply_member(const struct set_item *item, void *ctx)
{
    reply_bulk(ctx, item->member);
}

static void reply_repeating(struct exec *x, const struct set *s, uint64_t n)
{
    struct set_item item;
    reply_array(x->reply, n);
    for (uint64_t i = 0; i < n; i++) {
        set_random(s, &item);
        reply_bulk(x->reply, item.member);
    }
}

/* SRANDMEMBER key [count]: with repetitions where count is negative. */
static void cmd_srandmember(struct exec *x)
{
    int64_t count = 0;
    struct set *s;
    struct set_item item;
    const char *range =
        "value is out of range, value must between -9223372036854775807 and 9223372036854775807";
    if (too_many(x) || (x->argc > 2 && !exec_int_in(x, 2, -INT64_MAX, INT64_MAX, range, &count)))
        return;
    if (!set_read(x, 0, &s))
        return;
    if (x->argc > 2 && (!s || count == 0)) {
        reply_array(x->reply, 0);
    } else if (!s) {
        reply_null(x->reply);
    } else if (x->argc == 2) {
        set_random(s, &item);
        reply_bulk(x->reply, item.member);
    } else if (count < 0) {
        reply_repeating(x, s, (uint64_t)-count);
    } else {
        size_t n = (uint64_t)count < set_length(s) ? (size_t)count : set_length(s);
        reply_array(x->reply, n);
        set_random_distinct(s, n, reply_member, x->reply);
    }
}

const struct command_row set_random_commands[] = {
    {"spop", cmd_spop, -2, "write,fast", SET_ACL, "@1:0/1:RW+ACCESS+DELETE", "1.0.0", SET_GROUP,
     "key [count]", "Removes and answers members at random."},
    {"srandmember", cmd_srandmember, -2, "readonly", SET_ACL, "@1:0/1:RO+ACCESS", "1.0.0",
     SET_GROUP, "key [count]", "Answers members at random."},
    {0},
};
