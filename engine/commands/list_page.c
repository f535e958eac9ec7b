/* ATR.LPAGE key start stop count
 *
 * A range of a list in one atomic step: null where the key is missing, else a map of
 *   total   how many elements the list has
 *   start   the index of the first one replied, from 0
 *   items   the elements from start to stop, as LRANGE's, at most `count` of them */
#include "commands/list_args.h"

static void reply_items(struct exec *x, struct list *l, size_t from, size_t to)
{
    struct list_iter it;
    struct list_item item;
    reply_array(x->reply, to - from);
    if (from == to)
        return;
    list_iter_init(&it, l, from, false);
    for (size_t i = from; i < to && list_iter_step(&it); i++) {
        list_iter_value(&it, &item);
        reply_bulk(x->reply, item.value);
    }
}

static void cmd_atr_lpage(struct exec *x)
{
    int64_t start, stop, count;
    struct list *l;
    size_t from, to;
    if (!exec_int(x, 2, &start) || !exec_int(x, 3, &stop) ||
        !exec_int_in(x, 4, 1, INT64_MAX, "count must be positive", &count) || !list_read(x, 0, &l))
        return;
    if (!l) {
        reply_null(x->reply);
        return;
    }
    exec_span(start, stop, list_length(l), &from, &to);
    if (to - from > (size_t)count)
        to = from + (size_t)count;
    reply_map(x->reply, 3);
    reply_text(x->reply, "total");
    reply_int(x->reply, (int64_t)list_length(l));
    reply_text(x->reply, "start");
    reply_int(x->reply, (int64_t)from);
    reply_text(x->reply, "items");
    reply_items(x, l, from, to);
}

const struct command_row list_page_commands[] = {
    {"atr.lpage", cmd_atr_lpage, 5, "readonly", LIST_ACL, "@1:0/1:RO+ACCESS", "0.1.0", LIST_GROUP,
     "key start stop count", "Returns a range of a list and how many elements the list has."},
    {0},
};
