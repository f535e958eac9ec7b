/* Lists: pushing, popping and reading. */
#include "commands/list_args.h"

/* ---- pushing ----------------------------------------------------------------------------------
 */

static void push(struct exec *x, struct list *l, enum list_end end)
{
    int limit = list_limit(x);
    for (int i = 2; i < x->argc; i++)
        list_push(l, end, x->argv[i], limit);
    exec_changed(x, 0, EVENT_LIST, list_push_event(end));
    reply_int(x->reply, (int64_t)list_length(l));
}

static enum list_end end_of_name(const struct exec *x)
{
    return x->cmd->row->name[0] == 'l' ? LIST_HEAD : LIST_TAIL;
}

/* LPUSH, RPUSH key element ... */
static void cmd_push(struct exec *x)
{
    struct list *l;
    if (list_elements_fit(x, 2) && list_make(x, 0, &l))
        push(x, l, end_of_name(x));
}

/* LPUSHX, RPUSHX key element ... */
static void cmd_pushx(struct exec *x)
{
    struct list *l;
    if (!list_elements_fit(x, 2) || !list_write(x, 0, &l))
        return;
    if (l)
        push(x, l, end_of_name(x));
    else
        reply_int(x->reply, 0);
}

/* ---- popping ----------------------------------------------------------------------------------
 */

static void pop_one(struct exec *x, struct list *l, enum list_end end)
{
    struct list_item item;
    if (!l) {
        reply_null(x->reply);
        return;
    }
    list_peek(l, end, &item);
    reply_bulk(x->reply, item.value);
    list_drop(l, end, 1, list_limit(x));
    list_removed(x, 0, l, list_pop_event(end));
}

/* LPOP, RPOP key [count] */
static void cmd_pop(struct exec *x)
{
    int64_t count = 1;
    struct list *l;
    if (x->argc > 3) {
        reply_errorf(x->reply, ERROR_ARITY, "wrong number of arguments for '%s' command",
                     x->cmd->row->name);
        return;
    }
    if (x->argc == 3 && (!num_parse_int(x->argv[2], &count) || count < 0)) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "value is out of range, must be positive");
        return;
    }
    if (!list_write(x, 0, &l))
        return;
    if (x->argc == 2)
        pop_one(x, l, end_of_name(x));
    else if (!l)
        reply_null_array(x->reply);
    else if (count == 0)
        reply_array(x->reply, 0);
    else
        list_reply_popped(x, 0, l, end_of_name(x), (size_t)count);
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static void cmd_llen(struct exec *x)
{
    struct list *l;
    if (list_read(x, 0, &l))
        reply_int(x->reply, l ? (int64_t)list_length(l) : 0);
}

static void cmd_lindex(struct exec *x)
{
    struct list *l;
    struct list_item item;
    int64_t i;
    if (!list_read(x, 0, &l))
        return;
    if (!l) {
        reply_null(x->reply);
        return;
    }
    if (!exec_int(x, 2, &i))
        return;
    if (i < 0)
        i += (int64_t)list_length(l);
    if (i >= 0 && list_get(l, (size_t)i, &item))
        reply_bulk(x->reply, item.value);
    else
        reply_null(x->reply);
}

static void cmd_lrange(struct exec *x)
{
    int64_t start, stop;
    struct list *l;
    struct list_iter it;
    struct list_item item;
    size_t from = 0, to = 0;
    if (!exec_int(x, 2, &start) || !exec_int(x, 3, &stop) || !list_read(x, 0, &l))
        return;
    if (l)
        exec_span(start, stop, list_length(l), &from, &to);
    reply_array(x->reply, to - from);
    if (from == to)
        return;
    list_iter_init(&it, l, from, false);
    for (size_t i = from; i < to && list_iter_step(&it); i++) {
        list_iter_value(&it, &item);
        reply_bulk(x->reply, item.value);
    }
}

/* ---- LPOS -------------------------------------------------------------------------------------
 */

struct lpos {
    int64_t rank, count, max_len;
    bool many; /* COUNT was given */
};

static bool lpos_number(struct exec *x, int i, const char *error, int64_t *out)
{
    if (num_parse_int(x->argv[i], out) && *out >= 0)
        return true;
    reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "%s", error);
    return false;
}

static bool lpos_rank(struct exec *x, int i, int64_t *rank)
{
    if (!exec_int(x, i, rank))
        return false;
    if (*rank == INT64_MIN) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS,
                     "value is out of range, value must between %lld and %lld",
                     -(long long)INT64_MAX, (long long)INT64_MAX);
        return false;
    }
    if (*rank != 0)
        return true;
    reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS,
                 "RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                 "or use negative to "
                 "start from the end of the list");
    return false;
}

/* Options may stand more than once; the last one counts. */
static bool parse_lpos(struct exec *x, struct lpos *p)
{
    *p = (struct lpos){.rank = 1, .count = 1};
    for (int i = 3; i < x->argc; i += 2) {
        bool fits = false, more = i + 1 < x->argc;
        if (more && exec_is(x, i, "RANK")) {
            fits = lpos_rank(x, i + 1, &p->rank);
        } else if (more && exec_is(x, i, "COUNT")) {
            fits = lpos_number(x, i + 1, "COUNT can't be negative", &p->count);
            p->many = true;
        } else if (more && exec_is(x, i, "MAXLEN")) {
            fits = lpos_number(x, i + 1, "MAXLEN can't be negative", &p->max_len);
        } else {
            reply_error(x->reply, ERROR_SYNTAX);
        }
        if (!fits)
            return false;
    }
    return true;
}

/* Replies matching positions; returns how many. */
static size_t find_matches(struct exec *x, struct list *l, const struct lpos *p)
{
    struct list_iter it;
    bool reverse = p->rank < 0;
    size_t n = list_length(l), found = 0, skip = (size_t)(reverse ? -p->rank : p->rank) - 1;
    size_t most = p->max_len && (size_t)p->max_len < n ? (size_t)p->max_len : n;
    list_iter_init(&it, l, reverse ? n - 1 : 0, reverse);
    for (size_t i = 0; i < most && list_iter_step(&it); i++) {
        if (!list_iter_equal(&it, x->argv[2]))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        reply_int(x->reply, (int64_t)(reverse ? n - 1 - i : i));
        if (++found == (size_t)p->count)
            break;
    }
    return found;
}

/* LPOS key element [RANK rank] [COUNT count] [MAXLEN len] */
static void cmd_lpos(struct exec *x)
{
    struct lpos p;
    struct list *l;
    if (!parse_lpos(x, &p) || !list_read(x, 0, &l))
        return;
    if (!p.many) {
        if (!l || find_matches(x, l, &p) == 0)
            reply_null(x->reply);
        return;
    }
    size_t mark = reply_begin(x->reply);
    size_t found = l ? find_matches(x, l, &p) : 0;
    reply_end(x->reply, mark, REPLY_ARRAY, found);
}

#define ONE "@1:0/1:"

const struct command_row list_commands[] = {
    {"lindex", cmd_lindex, 3, "readonly", LIST_ACL, ONE "RO+ACCESS", "1.0.0", LIST_GROUP,
     "key index", "Answers the element at an index, from the end where it is negative."},
    {"llen", cmd_llen, 2, "readonly,fast", LIST_ACL, ONE "RO", "1.0.0", LIST_GROUP, "key",
     "Counts the elements."},
    {"lpop", cmd_pop, -2, "write,fast", LIST_ACL, ONE "RW+ACCESS+DELETE", "1.0.0", LIST_GROUP,
     "key [count]", "Removes and answers the first element, or so many."},
    {"lpos", cmd_lpos, -3, "readonly", LIST_ACL, ONE "RO+ACCESS", "6.0.6", LIST_GROUP,
     "key element [RANK rank] [COUNT num-matches] [MAXLEN len]", "Finds the places of an element."},
    {"lpush", cmd_push, -3, "write,denyoom,fast", LIST_ACL, ONE "RW+INSERT", "1.0.0", LIST_GROUP,
     "key element ...", "Puts elements before the first one."},
    {"lpushx", cmd_pushx, -3, "write,denyoom,fast", LIST_ACL, ONE "RW+INSERT", "2.2.0", LIST_GROUP,
     "key element ...", "Puts elements before the first one of a list that is there."},
    {"lrange", cmd_lrange, 4, "readonly", LIST_ACL, ONE "RO+ACCESS", "1.0.0", LIST_GROUP,
     "key start stop", "Answers the elements of a range of indexes."},
    {"rpop", cmd_pop, -2, "write,fast", LIST_ACL, ONE "RW+ACCESS+DELETE", "1.0.0", LIST_GROUP,
     "key [count]", "Removes and answers the last element, or so many."},
    {"rpush", cmd_push, -3, "write,denyoom,fast", LIST_ACL, ONE "RW+INSERT", "1.0.0", LIST_GROUP,
     "key element ...", "Puts elements behind the last one."},
    {"rpushx", cmd_pushx, -3, "write,denyoom,fast", LIST_ACL, ONE "RW+INSERT", "2.2.0", LIST_GROUP,
     "key element ...", "Puts elements behind the last one of a list that is there."},
    {0},
};
