/* SORT and SORT_RO: the elements of a list, set or sorted set, by themselves or by keys that they name. */
#include <math.h>
#include <stdlib.h>

#include "commands/list_args.h"
#include "commands/set_args.h"
#include "commands/sort_pattern.h"
#include "commands/zset_args.h"

struct element {
    struct bytes value;
    struct bytes by; /* ALPHA: what it is sorted by; p NULL: nothing */
    double score;    /* else */
    size_t place;    /* where it stood: keeps the order of equals */
};

struct sort {
    bool alpha, down, as_it_is; /* as_it_is: BY names no key, so nothing is sorted */
    struct bytes by;            /* p NULL: the elements themselves */
    int64_t offset, count;      /* count < 0: all */
    const struct bytes **gets;
    size_t ngets;
    int store_at; /* argument, 0: none */
    struct element *at;
    size_t n;
};

/* ---- options ---------------------------------------------------------------------------------- */

/* One option at argument i; returns its arguments, 0: no such option, -1: the error has been answered. */
static int parse_option(struct exec *x, struct sort *s, int i)
{
    int left = x->argc - i - 1;
    if (exec_is(x, i, "ASC") || exec_is(x, i, "DESC")) {
        s->down = exec_is(x, i, "DESC");
        return 1;
    }
    if (exec_is(x, i, "ALPHA")) {
        s->alpha = true;
        return 1;
    }
    if (left >= 2 && exec_is(x, i, "LIMIT"))
        return exec_int(x, i + 1, &s->offset) && exec_int(x, i + 2, &s->count) ? 3 : -1;
    if (left >= 1 && exec_is(x, i, "STORE") && x->cmd->flags & CMD_WRITE) {
        s->store_at = i + 1;
        return 2;
    }
    if (left >= 1 && exec_is(x, i, "BY")) {
        s->by = x->argv[i + 1];
        if (!sort_pattern_names_keys(s->by))
            s->as_it_is = true;
        return 2;
    }
    if (left >= 1 && exec_is(x, i, "GET")) {
        s->gets[s->ngets++] = &x->argv[i + 1];
        return 2;
    }
    return 0;
}

static bool parse_sort(struct exec *x, struct sort *s)
{
    *s = (struct sort){.count = -1};
    s->gets = exec_alloc(x, (size_t)x->argc * sizeof *s->gets);
    for (int i = 2; i < x->argc;) {
        int used = parse_option(x, s, i);
        if (used == 0)
            reply_error(x->reply, ERROR_SYNTAX);
        if (used <= 0)
            return false;
        i += used;
    }
    return true;
}

/* ---- elements --------------------------------------------------------------------------------- */

static void add_element(struct exec *x, struct sort *s, struct bytes value, bool copy)
{
    if (copy) {
        char *p = exec_alloc(x, value.n);
        memcpy(p, value.p, value.n);
        value.p = p;
    }
    s->at[s->n] = (struct element){.value = value, .by = value, .place = s->n};
    s->n++;
}

/* Texts of integers stand in the item's scratch: those are copied. */
#define ADD(item, slice) add_element(x, s, (slice), (slice).p == (item).scratch)

/* From the tail where nothing sorts them but DESC is asked for. */
static void load_list(struct exec *x, struct sort *s, struct list *l)
{
    struct list_iter it;
    struct list_item item;
    s->at = exec_alloc(x, list_length(l) * sizeof *s->at);
    bool reverse = s->as_it_is && s->down;
    list_iter_init(&it, l, reverse ? list_length(l) - 1 : 0, reverse);
    while (list_iter_step(&it)) {
        list_iter_value(&it, &item);
        ADD(item, item.value);
    }
}

static void load_set(struct exec *x, struct sort *s, const struct set *set)
{
    struct set_iter it;
    struct set_item item;
    s->at = exec_alloc(x, set_length(set) * sizeof *s->at);
    set_iter_init(&it, set);
    while (set_iter_next(&it, &item))
        ADD(item, item.member);
}

/* In the order of the scores, or against it where nothing else sorts them. */
static void load_zset(struct exec *x, struct sort *s, const struct zset *z)
{
    struct zset_iter it;
    struct zset_item item;
    bool reverse = s->as_it_is && s->down;
    size_t n = zset_length(z);
    s->at = exec_alloc(x, n * sizeof *s->at);
    zset_iter_init(&it, z, reverse ? n - 1 : 0, reverse);
    while (zset_iter_next(&it, &item))
        ADD(item, item.member);
}

/* False: WRONGTYPE has been answered. A set has no order to keep: stored, it is sorted by its members. */
static bool load(struct exec *x, struct sort *s)
{
    struct entry *e = exec_read(x, 0);
    if (!e)
        return true;
    switch (e->type) {
    case TYPE_LIST:
        load_list(x, s, entry_object(e));
        return true;
    case TYPE_ZSET:
        load_zset(x, s, entry_object(e));
        return true;
    case TYPE_SET:
        if (s->as_it_is && s->store_at) {
            s->as_it_is = false;
            s->alpha = true;
            s->by = (struct bytes){0};
        }
        load_set(x, s, entry_object(e));
        return true;
    default:
        reply_error(x->reply, ERROR_WRONGTYPE);
        return false;
    }
}

/* ---- sorting ---------------------------------------------------------------------------------- */

/* A number as strtod reads it whole, within the range of doubles; nothing at all is 0. */
static bool parse_score(struct bytes s, double *v)
{
    char text[512], *end;
    if (s.n >= sizeof text)
        return false;
    if (s.n)
        memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *v = strtod(text, &end);
    bool infinite = isinf(*v) && memchr("0123456789.", text[strspn(text, " +-")], 11);
    return *end == '\0' && !isnan(*v) && !infinite;
}

/* What each element is sorted by. False: the error has been answered. */
static bool weigh(struct exec *x, struct sort *s)
{
    bool numbers = true;
    for (size_t i = 0; i < s->n; i++) {
        struct element *e = &s->at[i];
        if (s->by.p && !sort_pattern_value(x, s->by, e->value, &e->by))
            e->by = (struct bytes){0};
        if (!s->alpha && e->by.p)
            numbers &= parse_score(e->by, &e->score);
    }
    if (!numbers)
        reply_errorf(x->reply, ERROR_NOT_FLOAT,
                     "One or more scores can't be converted into double");
    return numbers;
}

static int by_place(const struct element *a, const struct element *b)
{
    return (a->place > b->place) - (a->place < b->place);
}

static int by_text(const void *pa, const void *pb)
{
    const struct element *a = pa, *b = pb;
    int order = (a->by.p != NULL) - (b->by.p != NULL);
    if (order == 0 && a->by.p)
        order = bytes_cmp(a->by, b->by);
    return order;
}

static int by_score(const void *pa, const void *pb)
{
    const struct element *a = pa, *b = pb;
    int order = (a->score > b->score) - (a->score < b->score);
    return order ? order : bytes_cmp(a->value, b->value);
}

static int up_by_text(const void *a, const void *b)
{
    int order = by_text(a, b);
    return order ? order : by_place(a, b);
}

static int down_by_text(const void *a, const void *b)
{
    int order = by_text(b, a);
    return order ? order : by_place(a, b);
}

static int up_by_score(const void *a, const void *b)
{
    int order = by_score(a, b);
    return order ? order : by_place(a, b);
}

static int down_by_score(const void *a, const void *b)
{
    int order = by_score(b, a);
    return order ? order : by_place(a, b);
}

static void put_in_order(struct sort *s)
{
    static int (*const orders[])(const void *, const void *) = {up_by_score, down_by_score,
                                                                up_by_text, down_by_text};
    if (s->n)
        qsort(s->at, s->n, sizeof *s->at, orders[s->alpha * 2 + s->down]);
}

/* ---- results ---------------------------------------------------------------------------------- */

/* LIMIT as the span [from, to). */
static void span(const struct sort *s, size_t *from, size_t *to)
{
    size_t offset = s->offset < 0 ? 0 : (size_t)s->offset;
    *from = offset < s->n ? offset : s->n;
    *to = s->count >= 0 && (size_t)s->count < s->n - *from ? *from + (size_t)s->count : s->n;
}

static void reply_elements(struct exec *x, const struct sort *s, size_t from, size_t to)
{
    struct bytes value;
    reply_array(x->reply, (to - from) * (s->ngets ? s->ngets : 1));
    for (size_t i = from; i < to; i++) {
        if (!s->ngets)
            reply_bulk(x->reply, s->at[i].value);
        for (size_t g = 0; g < s->ngets; g++) {
            if (sort_pattern_value(x, *s->gets[g], s->at[i].value, &value))
                reply_bulk(x->reply, value);
            else
                reply_null(x->reply);
        }
    }
}

static struct list *collect(struct exec *x, const struct sort *s, size_t from, size_t to)
{
    struct list *l = list_new();
    struct bytes value;
    int limit = list_limit(x);
    for (size_t i = from; i < to; i++) {
        if (!s->ngets)
            list_push(l, LIST_TAIL, s->at[i].value, limit);
        for (size_t g = 0; g < s->ngets; g++) {
            bool found = sort_pattern_value(x, *s->gets[g], s->at[i].value, &value);
            list_push(l, LIST_TAIL, found ? value : bytes_of("", 0), limit);
        }
    }
    return l;
}

/* The destination is no declared key; the gate is closed. It becomes the command's second key. */
static void name_destination(struct exec *x, int at)
{
    struct keyref *keys = exec_alloc(x, 2 * sizeof *keys);
    keys[0] = x->keys[0];
    keys[1] = keyspace_ref(x->ks, x->argv[at]);
    x->keys = keys;
    x->nkeys = 2;
}

static void store_elements(struct exec *x, const struct sort *s, size_t from, size_t to)
{
    name_destination(x, s->store_at);
    struct list *l = collect(x, s, from, to);
    size_t n = list_length(l);
    if (n) {
        exec_put_object(x, 1, TYPE_LIST, l);
        exec_changed(x, 1, EVENT_LIST, "sortstore");
    } else {
        list_free(l);
        if (exec_peek(x, 1) && exec_delete(x, 1))
            exec_changed(x, 1, EVENT_GENERIC, "del");
    }
    reply_int(x->reply, (int64_t)n);
}

static void cmd_sort(struct exec *x)
{
    struct sort s;
    size_t from, to;
    if (!parse_sort(x, &s) || !load(x, &s))
        return;
    if (!s.as_it_is) {
        if (!weigh(x, &s))
            return;
        put_in_order(&s);
    }
    span(&s, &from, &to);
    if (s.store_at)
        store_elements(x, &s, from, to);
    else
        reply_elements(x, &s, from, to);
}

#define GRAMMAR                                                                                    \
    "key [BY by-pattern] [LIMIT offset count] [GET get-pattern ...] [(ASC | DESC)] [ALPHA]"

const struct command_row sort_commands[] = {
    {"sort", cmd_sort, -2, "write,denyoom,patterns", "set,sortedset,list,dangerous",
     "@1:0/1:RO+ACCESS ; ?:?:RO+ACCESS ; ?:?:OW+UPDATE", "1.0.0", "generic",
     GRAMMAR " [STORE destination]",
     "Sorts the elements of a list, set or sorted set, and answers or stores them."},
    {"sort_ro", cmd_sort, -2, "readonly,patterns", "set,sortedset,list,dangerous",
     "@1:0/1:RO+ACCESS ; ?:?:RO+ACCESS", "7.0.0", "generic", GRAMMAR,
     "Sorts the elements of a list, set or sorted set, and answers them."},
    {0},
};
