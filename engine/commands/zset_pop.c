/* Sorted sets: popping, also where it waits. */
#include "commands/zset_args.h"

/* Removes up to n from one end, replying each by `reply_one`. */
static void pop(struct exec *x, unsigned k, struct zset *z, size_t n, bool max, bool paired)
{
    size_t len = zset_length(z), from = max ? len - n : 0;
    struct zset_iter it;
    struct zset_item item;
    zset_iter_init(&it, z, max ? len - 1 : 0, max);
    for (size_t i = 0; i < n && zset_iter_next(&it, &item); i++) {
        if (paired)
            reply_array(x->reply, 2);
        reply_bulk(x->reply, item.member);
        reply_double(x->reply, item.score);
    }
    zset_remove_span(z, from, from + n);
    zset_removed(x, k, z, max ? "zpopmax" : "zpopmin");
}

static void cmd_zpop(struct exec *x)
{
    int64_t count = 1;
    bool max = x->cmd->row->name[6] == 'x', paired = x->argc == 3 && x->reply->resp >= 3;
    struct zset *z;
    if (x->argc > 3) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (x->argc == 3 && (!num_parse_int(x->argv[2], &count) || count < 0)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "value is out of range, must be positive");
        return;
    }
    if (!zset_write(x, 0, &z))
        return;
    size_t n = z ? zset_length(z) : 0;
    n = (uint64_t)count < n ? (size_t)count : n;
    reply_array(x->reply, paired ? n : n * 2);
    if (n)
        pop(x, 0, z, n, max, paired);
}

/* A member of the first sorted set that has any, with its key; false: none has, or the error has been answered. */
static bool pop_first(struct exec *x, bool max)
{
    for (unsigned k = 0; k < x->nkeys; k++) {
        struct zset *z;
        if (!zset_write(x, k, &z))
            return false;
        if (!z)
            continue;
        reply_array(x->reply, 3);
        reply_bulk(x->reply, x->keys[k].name);
        pop(x, k, z, 1, max, false);
        return true;
    }
    return false;
}

/* Nothing was found: waits, or answers as if the time were over. */
static void wait_for_members(struct exec *x, uint64_t timeout_ms)
{
    struct block b = {.n = x->nkeys, .type = TYPE_ZSET, .timeout_ms = timeout_ms};
    if (!exec_block(x, &b))
        reply_null_array(x->reply);
}

/* BZPOPMIN and BZPOPMAX key ... timeout */
static void cmd_bzpop(struct exec *x)
{
    uint64_t timeout_ms;
    if (!exec_timeout_seconds(x, x->argc - 1, &timeout_ms))
        return;
    if (!pop_first(x, x->cmd->row->name[7] == 'x') && !x->reply->erred)
        wait_for_members(x, timeout_ms);
}

/* The arguments of ZMPOP from its numkeys on. */
struct mpop {
    bool max;
    int64_t count;
};

static bool parse_mpop(struct exec *x, int from, struct mpop *m)
{
    int64_t keys;
    m->count = 1;
    if (!num_parse_int(x->argv[from], &keys) || keys < 1) {
        reply_errorf(x->reply, ERROR_GENERIC, "numkeys should be greater than 0");
        return false;
    }
    int at = keys < x->argc ? (int)keys + from + 1 : x->argc;
    bool counted = exec_is(x, at + 1, "COUNT") && at + 2 < x->argc;
    m->max = exec_is(x, at, "MAX");
    if (!m->max && !exec_is(x, at, "MIN")) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    if (counted && (!num_parse_int(x->argv[at + 2], &m->count) || m->count < 1)) {
        reply_errorf(x->reply, ERROR_GENERIC, "count should be greater than 0");
        return false;
    }
    if (x->argc != at + 1 + 2 * counted) {
        reply_error(x->reply, ERROR_SYNTAX);
        return false;
    }
    return true;
}

/* Members of the first sorted set that has any; false: none has, or the error has been answered. */
static bool mpop(struct exec *x, const struct mpop *m)
{
    for (unsigned k = 0; k < x->nkeys; k++) {
        struct zset *z;
        if (!zset_write(x, k, &z))
            return false;
        if (!z)
            continue;
        size_t n = zset_length(z);
        n = (uint64_t)m->count < n ? (size_t)m->count : n;
        reply_array(x->reply, 2);
        reply_bulk(x->reply, x->keys[k].name);
        reply_array(x->reply, n);
        pop(x, k, z, n, m->max, true);
        return true;
    }
    return false;
}

/* ZMPOP numkeys key ... MIN|MAX [COUNT n] */
static void cmd_zmpop(struct exec *x)
{
    struct mpop m;
    if (parse_mpop(x, 1, &m) && !mpop(x, &m) && !x->reply->erred)
        reply_null_array(x->reply);
}

/* BZMPOP timeout numkeys key ... MIN|MAX [COUNT n] */
static void cmd_bzmpop(struct exec *x)
{
    struct mpop m;
    uint64_t timeout_ms;
    if (!parse_mpop(x, 2, &m) || !exec_timeout_seconds(x, 1, &timeout_ms))
        return;
    if (!mpop(x, &m) && !x->reply->erred)
        wait_for_members(x, timeout_ms);
}

#define Z   "sortedset"
#define G   "sorted_set"
#define ONE "@1:0/1:"

const struct command_row zset_pop_commands[] = {
    {"bzmpop", cmd_bzmpop, -5, "write,blocking", Z, "@2:numkeys:RW+ACCESS+DELETE", "7.0.0", G,
     "timeout numkeys key ... (MIN | MAX) [COUNT count]",
     "As ZMPOP, but waits where none of the sorted sets has members."},
    {"bzpopmax", cmd_bzpop, -3, "write,fast,blocking", Z, "@1:-2/1:RW+ACCESS+DELETE", "5.0.0", G,
     "key ... timeout",
     "As ZPOPMAX of the first sorted set that has members; waits where none has."},
    {"bzpopmin", cmd_bzpop, -3, "write,fast,blocking", Z, "@1:-2/1:RW+ACCESS+DELETE", "5.0.0", G,
     "key ... timeout",
     "As ZPOPMIN of the first sorted set that has members; waits where none has."},
    {"zmpop", cmd_zmpop, -4, "write", Z, "@1:numkeys:RW+ACCESS+DELETE", "7.0.0", G,
     "numkeys key ... (MIN | MAX) [COUNT count]",
     "Removes the members of lowest or highest score from the first sorted set that has any."},
    {"zpopmax", cmd_zpop, -2, "write,fast", Z, ONE "RW+ACCESS+DELETE", "5.0.0", G, "key [count]",
     "Removes and returns the members of highest score."},
    {"zpopmin", cmd_zpop, -2, "write,fast", Z, ONE "RW+ACCESS+DELETE", "5.0.0", G, "key [count]",
     "Removes and returns the members of lowest score."},
    {0},
};
