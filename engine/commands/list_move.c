/* Lists: from the first of several, from one to another, and both where they wait. */
#include "commands/list_args.h"

/* ---- moving -----------------------------------------------------------------------------------
 */

/* From an end of key 0 to an end of key 1, which may be the same; false: key 0 has none, or the
 * error has been answered. */
static bool move(struct exec *x, enum list_end from, enum list_end to)
{
    struct list *source, *target;
    struct list_item item;
    if (!list_write(x, 0, &source) || !source || !list_make(x, 1, &target))
        return false;
    list_peek(source, from, &item);
    reply_bulk(x->reply, item.value);
    struct bytes value = item.value;
    if (value.p != item.scratch) { /* it must not point into a list that it is pushed to */
        char *copy = exec_alloc(x, value.n);
        memcpy(copy, value.p, value.n);
        value.p = copy;
    }
    list_drop(source, from, 1, list_limit(x));
    list_push(target, to, value, list_limit(x));
    exec_changed(x, 1, EVENT_LIST, list_push_event(to));
    list_removed(x, 0, source, list_pop_event(from));
    return true;
}

/* LMOVE source destination LEFT|RIGHT LEFT|RIGHT */
static void cmd_lmove(struct exec *x)
{
    enum list_end from, to;
    if (list_parse_end(x, 3, &from) && list_parse_end(x, 4, &to) && !move(x, from, to) &&
        !x->reply->erred)
        reply_null(x->reply);
}

static void cmd_rpoplpush(struct exec *x)
{
    if (!move(x, LIST_TAIL, LIST_HEAD) && !x->reply->erred)
        reply_null(x->reply);
}

static void move_or_wait(struct exec *x, enum list_end from, enum list_end to, int timeout_at)
{
    uint64_t timeout_ms;
    struct block b = {.n = 1, .type = TYPE_LIST};
    if (!exec_timeout_seconds(x, timeout_at, &timeout_ms) || move(x, from, to) || x->reply->erred)
        return;
    b.timeout_ms = timeout_ms;
    if (!exec_block(x, &b))
        reply_null(x->reply);
}

/* BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout */
static void cmd_blmove(struct exec *x)
{
    enum list_end from, to;
    if (list_parse_end(x, 3, &from) && list_parse_end(x, 4, &to))
        move_or_wait(x, from, to, 5);
}

static void cmd_brpoplpush(struct exec *x)
{
    move_or_wait(x, LIST_TAIL, LIST_HEAD, 3);
}

/* ---- the first of several ---------------------------------------------------------------------
 */

/* The first of the keys that has a list. False: WRONGTYPE has been answered. */
static bool first_list(struct exec *x, unsigned *k, struct list **l)
{
    *l = NULL;
    for (*k = 0; *k < x->nkeys && !*l; ++*k) {
        if (!list_write(x, *k, l))
            return false;
    }
    --*k;
    return true;
}

static void wait_for_any(struct exec *x, uint64_t timeout_ms)
{
    struct block b = {.n = x->nkeys, .type = TYPE_LIST, .timeout_ms = timeout_ms};
    if (!exec_block(x, &b))
        reply_null_array(x->reply);
}

/* BLPOP, BRPOP key ... timeout */
static void cmd_bpop(struct exec *x)
{
    enum list_end end = x->cmd->row->name[1] == 'l' ? LIST_HEAD : LIST_TAIL;
    uint64_t timeout_ms;
    unsigned k;
    struct list *l;
    struct list_item item;
    if (!exec_timeout_seconds(x, x->argc - 1, &timeout_ms) || !first_list(x, &k, &l))
        return;
    if (!l) {
        wait_for_any(x, timeout_ms);
        return;
    }
    list_peek(l, end, &item);
    reply_array(x->reply, 2);
    reply_bulk(x->reply, x->keys[k].name);
    reply_bulk(x->reply, item.value);
    list_drop(l, end, 1, list_limit(x));
    list_removed(x, k, l, list_pop_event(end));
}

struct mpop {
    enum list_end end;
    int64_t count;
};

/* numkeys key ... LEFT|RIGHT [COUNT n] from argument `from` on. */
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
    if (!list_parse_end(x, at, &m->end))
        return false;
    if (counted && (!num_parse_int(x->argv[at + 2], &m->count) || m->count < 1)) {
        reply_errorf(x->reply, ERROR_GENERIC, "count should be greater than 0");
        return false;
    }
    if (x->argc == at + 1 + 2 * counted)
        return true;
    reply_error(x->reply, ERROR_SYNTAX);
    return false;
}

/* False: no key has a list, or the error has been answered. */
static bool mpop(struct exec *x, const struct mpop *m)
{
    unsigned k;
    struct list *l;
    if (!first_list(x, &k, &l) || !l)
        return false;
    reply_array(x->reply, 2);
    reply_bulk(x->reply, x->keys[k].name);
    list_reply_popped(x, k, l, m->end, (size_t)m->count);
    return true;
}

/* LMPOP numkeys key ... LEFT|RIGHT [COUNT n] */
static void cmd_lmpop(struct exec *x)
{
    struct mpop m;
    if (parse_mpop(x, 1, &m) && !mpop(x, &m) && !x->reply->erred)
        reply_null_array(x->reply);
}

/* BLMPOP timeout numkeys key ... LEFT|RIGHT [COUNT n] */
static void cmd_blmpop(struct exec *x)
{
    struct mpop m;
    uint64_t timeout_ms;
    if (!parse_mpop(x, 2, &m) || !exec_timeout_seconds(x, 1, &timeout_ms))
        return;
    if (!mpop(x, &m) && !x->reply->erred)
        wait_for_any(x, timeout_ms);
}

#define TWO "@1:0/1:RW+ACCESS+DELETE ; @2:0/1:RW+INSERT"

const struct command_row list_move_commands[] = {
    {"blmove", cmd_blmove, 6, "write,denyoom,blocking", LIST_ACL, TWO, "6.2.0", LIST_GROUP,
     "source destination (LEFT | RIGHT) (LEFT | RIGHT) timeout",
     "As LMOVE, but waits where the source is empty."},
    {"blmpop", cmd_blmpop, -5, "write,blocking", LIST_ACL, "@2:numkeys:RW+ACCESS+DELETE", "7.0.0",
     LIST_GROUP, "timeout numkeys key ... (LEFT | RIGHT) [COUNT count]",
     "As LMPOP, but waits where all of the lists are empty."},
    {"blpop", cmd_bpop, -3, "write,blocking", LIST_ACL, "@1:-2/1:RW+ACCESS+DELETE", "2.0.0",
     LIST_GROUP, "key ... timeout",
     "Removes and answers the first element of the first list that has any; waits where none has."},
    {"brpop", cmd_bpop, -3, "write,blocking", LIST_ACL, "@1:-2/1:RW+ACCESS+DELETE", "2.0.0",
     LIST_GROUP, "key ... timeout",
     "Removes and answers the last element of the first list that has any; waits where none has."},
    {"brpoplpush", cmd_brpoplpush, 4, "write,denyoom,blocking", LIST_ACL, TWO, "2.2.0", LIST_GROUP,
     "source destination timeout", "As RPOPLPUSH, but waits where the source is empty."},
    {"lmove", cmd_lmove, 5, "write,denyoom", LIST_ACL, TWO, "6.2.0", LIST_GROUP,
     "source destination (LEFT | RIGHT) (LEFT | RIGHT)",
     "Moves an element from an end of a list to an end of another, or of the same."},
    {"lmpop", cmd_lmpop, -4, "write", LIST_ACL, "@1:numkeys:RW+ACCESS+DELETE", "7.0.0", LIST_GROUP,
     "numkeys key ... (LEFT | RIGHT) [COUNT count]",
     "Removes and answers elements of the first list that has any."},
    {"rpoplpush", cmd_rpoplpush, 3, "write,denyoom", LIST_ACL, TWO, "1.2.0", LIST_GROUP,
     "source destination",
     "Moves the last element of a list to the front of another, or of the same."},
    {0},
};
