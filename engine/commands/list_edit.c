/* Lists: changes within. */
#include "commands/list_args.h"

/* LSET key index element */
static void cmd_lset(struct exec *x)
{
    struct list *l;
    struct list_iter it;
    int64_t i;
    if (!list_elements_fit(x, 3) || !list_write(x, 0, &l))
        return;
    if (!l) {
        reply_error(x->reply, ERROR_NO_SUCH_KEY);
        return;
    }
    if (!exec_int(x, 2, &i))
        return;
    if (i < 0)
        i += (int64_t)list_length(l);
    if (i < 0 || (size_t)i >= list_length(l)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "index out of range");
        return;
    }
    list_iter_init(&it, l, (size_t)i, false);
    list_iter_step(&it);
    list_iter_replace(&it, x->argv[3], list_limit(x));
    exec_changed(x, 0, EVENT_LIST, "lset");
    reply_ok(x->reply);
}

/* LINSERT key BEFORE|AFTER pivot element */
static void cmd_linsert(struct exec *x)
{
    struct list *l;
    struct list_iter it;
    bool after = exec_is(x, 2, "AFTER"), found = false;
    if (!after && !exec_is(x, 2, "BEFORE")) {
        reply_error(x->reply, ERROR_SYNTAX);
        return;
    }
    if (!list_elements_fit(x, 4) || !list_write(x, 0, &l))
        return;
    if (!l) {
        reply_int(x->reply, 0);
        return;
    }
    list_iter_init(&it, l, 0, false);
    while (!found && list_iter_step(&it))
        found = list_iter_equal(&it, x->argv[3]);
    if (!found) {
        reply_int(x->reply, -1);
        return;
    }
    list_iter_insert(&it, after, x->argv[4], list_limit(x));
    exec_changed(x, 0, EVENT_LIST, "linsert");
    reply_int(x->reply, (int64_t)list_length(l));
}

/* LREM key count element: from the tail where count is negative, all where it is 0. */
static void cmd_lrem(struct exec *x)
{
    int64_t count;
    struct list *l;
    struct list_iter it;
    if (!exec_int(x, 2, &count) || !list_write(x, 0, &l))
        return;
    if (!l) {
        reply_int(x->reply, 0);
        return;
    }
    bool reverse = count < 0;
    uint64_t most = count == 0 ? UINT64_MAX
                    : reverse  ? 0 - (uint64_t)count
                               : (uint64_t)count,
             removed = 0;
    list_iter_init(&it, l, reverse ? list_length(l) - 1 : 0, reverse);
    while (removed < most && list_iter_step(&it)) {
        if (!list_iter_equal(&it, x->argv[3]))
            continue;
        list_iter_delete(&it);
        removed++;
    }
    if (removed) {
        list_settle(l, list_limit(x));
        list_removed(x, 0, l, "lrem");
    }
    reply_int(x->reply, (int64_t)removed);
}

/* LTRIM key start stop */
static void cmd_ltrim(struct exec *x)
{
    int64_t start, stop;
    struct list *l;
    size_t from, to;
    if (!exec_int(x, 2, &start) || !exec_int(x, 3, &stop) || !list_write(x, 0, &l))
        return;
    if (l) {
        exec_span(start, stop, list_length(l), &from, &to);
        list_drop(l, LIST_TAIL, list_length(l) - to, list_limit(x));
        list_drop(l, LIST_HEAD, from < to ? from : list_length(l), list_limit(x));
        list_removed(x, 0, l, "ltrim");
    }
    reply_ok(x->reply);
}

#define ONE "@1:0/1:"

const struct command_row list_edit_commands[] = {
    {"linsert", cmd_linsert, 5, "write,denyoom", LIST_ACL, ONE "RW+INSERT", "2.2.0", LIST_GROUP,
     "key (BEFORE | AFTER) pivot element",
     "Puts an element beside the first one that equals the pivot."},
    {"lrem", cmd_lrem, 4, "write", LIST_ACL, ONE "RW+DELETE", "1.0.0", LIST_GROUP,
     "key count element", "Removes the elements that equal one, so many from either end or all."},
    {"lset", cmd_lset, 4, "write,denyoom", LIST_ACL, ONE "RW+UPDATE", "1.0.0", LIST_GROUP,
     "key index element", "Replaces the element at an index."},
    {"ltrim", cmd_ltrim, 4, "write", LIST_ACL, ONE "RW+DELETE", "1.0.0", LIST_GROUP,
     "key start stop", "Removes what is outside a range of indexes."},
    {0},
};
