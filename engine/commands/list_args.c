#include "commands/list_args.h"

#include "internal.h"

int list_limit(const struct exec *x)
{
    return (int)config_int(x->engine->config, CONFIG_LIST_MAX_LISTPACK_SIZE);
}

bool list_read(struct exec *x, unsigned k, struct list **l)
{
    void *object;
    if (!exec_read_object(x, k, TYPE_LIST, &object))
        return false;
    *l = object;
    return true;
}

bool list_write(struct exec *x, unsigned k, struct list **l)
{
    void *object;
    if (!exec_peek_object(x, k, TYPE_LIST, &object))
        return false;
    *l = object;
    return true;
}

bool list_make(struct exec *x, unsigned k, struct list **l)
{
    if (!list_write(x, k, l))
        return false;
    if (!*l) {
        *l = list_new();
        exec_put_object(x, k, TYPE_LIST, *l);
    }
    return true;
}

bool list_elements_fit(struct exec *x, int from)
{
    for (int i = from; i < x->argc; i++) {
        if (list_takes(x->argv[i].n))
            continue;
        reply_errorf(x->reply, ERROR_TOO_BIG, "an element of a list has less than 1 GiB");
        return false;
    }
    return true;
}

bool list_parse_end(struct exec *x, int i, enum list_end *end)
{
    bool right = exec_is(x, i, "RIGHT");
    *end = right ? LIST_TAIL : LIST_HEAD;
    if (right || exec_is(x, i, "LEFT"))
        return true;
    reply_error(x->reply, ERROR_SYNTAX);
    return false;
}

void list_removed(struct exec *x, unsigned k, struct list *l, const char *event)
{
    if (event)
        exec_changed(x, k, EVENT_LIST, event);
    if (list_length(l))
        return;
    exec_delete(x, k);
    exec_event(x, k, EVENT_GENERIC, "del");
}

void list_reply_popped(struct exec *x, unsigned k, struct list *l, enum list_end end, size_t n)
{
    struct list_iter it;
    struct list_item item;
    n = n < list_length(l) ? n : list_length(l);
    reply_array(x->reply, n);
    list_iter_init(&it, l, end == LIST_HEAD ? 0 : list_length(l) - 1, end == LIST_TAIL);
    for (size_t i = 0; i < n && list_iter_step(&it); i++) {
        list_iter_value(&it, &item);
        reply_bulk(x->reply, item.value);
    }
    list_drop(l, end, n, list_limit(x));
    list_removed(x, k, l, list_pop_event(end));
}
