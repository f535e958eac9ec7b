/* Sets: intersection, union and difference of several; answered, counted or stored.
 *
 * An intersection walks the smallest set and asks the others, O(N K). A union gathers all members,
 * O(N). A difference walks the first set and asks the others, or takes the others' members out of a
 * copy, whichever is less work. */
#include <stdlib.h>

#include "base/hash.h"
#include "commands/set_args.h"

struct sources {
    const struct set **set; /* NULL: the key is missing */
    size_t n;
};

/* Keys [first, nkeys). False: WRONGTYPE has been answered. */
static bool find_sources(struct exec *x, unsigned first, struct sources *src)
{
    src->n = x->nkeys - first;
    src->set = exec_alloc(x, src->n * sizeof(struct set *));
    for (size_t i = 0; i < src->n; i++) {
        struct set *s;
        if (!set_read(x, first + (unsigned)i, &s))
            return false;
        src->set[i] = s;
    }
    return true;
}

static size_t length_of(const struct set *s)
{
    return s ? set_length(s) : 0;
}

static int by_length(const void *a, const void *b)
{
    size_t x = length_of(*(const struct set *const *)a),
           y = length_of(*(const struct set *const *)b);
    return (x > y) - (x < y);
}

static int by_length_down(const void *a, const void *b)
{
    return by_length(b, a);
}

/* ---- computing --------------------------------------------------------------------------------
 */

/* Takes a member of the result; false: that was enough. */
typedef bool take_fn(struct bytes member, void *ctx);

/* The shape of all three. */
typedef void algebra_fn(struct exec *x, struct sources *src, take_fn *take, void *ctx);

static void intersect(struct exec *x, struct sources *src, take_fn *take, void *ctx)
{
    struct set_iter it;
    struct set_item item;
    (void)x;
    qsort(src->set, src->n, sizeof *src->set, by_length);
    if (!src->set[0])
        return;
    set_iter_init(&it, src->set[0]);
    while (set_iter_next(&it, &item)) {
        uint64_t hash = src->n > 1 ? hash_bytes(item.member) : 0;
        size_t i = 1;
        while (i < src->n &&
               (src->set[i] == src->set[0] || set_has_hashed(src->set[i], item.member, hash)))
            i++;
        if (i == src->n && !take(item.member, ctx))
            return;
    }
}

static void unite(struct exec *x, struct sources *src, take_fn *take, void *ctx)
{
    struct set_limits limits = set_limits_of(x);
    struct set *seen = set_new();
    bool more = true;
    for (size_t i = 0; more && i < src->n; i++) {
        struct set_iter it;
        struct set_item item;
        if (!src->set[i])
            continue;
        set_expect(seen, set_length(src->set[i]), &limits);
        set_iter_init(&it, src->set[i]);
        while (more && set_iter_next(&it, &item)) {
            if (set_add(seen, item.member, &limits))
                more = take(item.member, ctx);
        }
    }
    set_free(seen);
}

static void subtract_by_asking(const struct sources *src, take_fn *take, void *ctx)
{
    struct set_iter it;
    struct set_item item;
    set_iter_init(&it, src->set[0]);
    while (set_iter_next(&it, &item)) {
        uint64_t hash = hash_bytes(item.member);
        size_t i = 1;
        while (i < src->n && !(src->set[i] && set_has_hashed(src->set[i], item.member, hash)))
            i++;
        if (i == src->n && !take(item.member, ctx))
            return;
    }
}

static void subtract_by_removing(const struct sources *src, take_fn *take, void *ctx)
{
    struct set *left = set_dup(src->set[0]);
    struct set_iter it;
    struct set_item item;
    for (size_t i = 1; i < src->n && set_length(left); i++) {
        if (!src->set[i])
            continue;
        set_iter_init(&it, src->set[i]);
        while (set_iter_next(&it, &item))
            set_remove(left, item.member);
    }
    set_iter_init(&it, left);
    while (set_iter_next(&it, &item) && take(item.member, ctx))
        ;
    set_free(left);
}

/* Asking costs a look-up for each member of the first set and each other set, but ends at the first
 * that has it: half of that is counted. Then the largest sets are asked first. */
static void subtract(struct exec *x, struct sources *src, take_fn *take, void *ctx)
{
    size_t asking = length_of(src->set[0]) * src->n / 2, removing = 0;
    (void)x;
    if (!src->set[0])
        return;
    for (size_t i = 1; i < src->n; i++) {
        if (src->set[i] == src->set[0])
            return;
    }
    for (size_t i = 0; i < src->n; i++)
        removing += length_of(src->set[i]);
    if (asking > removing) {
        subtract_by_removing(src, take, ctx);
        return;
    }
    qsort(src->set + 1, src->n - 1, sizeof *src->set, by_length_down);
    subtract_by_asking(src, take, ctx);
}

/* ---- results ----------------------------------------------------------------------------------
 */

struct answer {
    struct reply *reply;
    size_t n, most; /* most 0: no limit */
};

static bool answer_member(struct bytes member, void *ctx)
{
    struct answer *a = ctx;
    reply_bulk(a->reply, member);
    a->n++;
    return true;
}

static bool count_member(struct bytes member, void *ctx)
{
    struct answer *a = ctx;
    (void)member;
    return ++a->n != a->most;
}

static void run_reply(struct exec *x, algebra_fn *compute)
{
    struct sources src;
    struct answer a = {.reply = x->reply};
    if (!find_sources(x, 0, &src))
        return;
    size_t mark = reply_begin(x->reply);
    compute(x, &src, answer_member, &a);
    reply_end(x->reply, mark, REPLY_SET, a.n);
}

struct store {
    struct set *set;
    struct set_limits limits;
};

static bool store_member(struct bytes member, void *ctx)
{
    struct store *st = ctx;
    set_add(st->set, member, &st->limits);
    return true;
}

static void run_store(struct exec *x, algebra_fn *compute)
{
    struct sources src;
    struct store st = {.limits = set_limits_of(x)};
    if (!find_sources(x, 1, &src))
        return;
    st.set = set_new();
    compute(x, &src, store_member, &st);
    size_t n = set_length(st.set);
    if (n) {
        exec_put_object(x, 0, TYPE_SET, st.set);
        exec_changed(x, 0, EVENT_SET, x->cmd->row->name);
    } else {
        set_free(st.set);
        if (exec_peek(x, 0) && exec_delete(x, 0))
            exec_changed(x, 0, EVENT_GENERIC, "del");
    }
    reply_int(x->reply, (int64_t)n);
}

/* numkeys key ... [LIMIT limit] */
static bool parse_card(struct exec *x, int64_t *limit)
{
    int64_t keys;
    *limit = 0;
    if (!num_parse_int(x->argv[1], &keys) || keys < 1) {
        reply_errorf(x->reply, ERROR_GENERIC, "numkeys should be greater than 0");
        return false;
    }
    if (keys > x->argc - 2) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "Number of keys can't be greater than number of args");
        return false;
    }
    for (int i = 2 + (int)keys; i < x->argc; i += 2) {
        if (!exec_is(x, i, "LIMIT") || i + 1 == x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
        if (!num_parse_int(x->argv[i + 1], limit) || *limit < 0) {
            reply_errorf(x->reply, ERROR_GENERIC, "LIMIT can't be negative");
            return false;
        }
    }
    return true;
}

static void run_card(struct exec *x, algebra_fn *compute)
{
    struct sources src;
    struct answer a = {0};
    int64_t limit;
    if (!parse_card(x, &limit) || !find_sources(x, 0, &src))
        return;
    a.most = (size_t)limit;
    compute(x, &src, count_member, &a);
    reply_int(x->reply, (int64_t)a.n);
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static void cmd_sinter(struct exec *x)
{
    run_reply(x, intersect);
}

static void cmd_sunion(struct exec *x)
{
    run_reply(x, unite);
}

static void cmd_sdiff(struct exec *x)
{
    run_reply(x, subtract);
}

static void cmd_sinterstore(struct exec *x)
{
    run_store(x, intersect);
}

static void cmd_sunionstore(struct exec *x)
{
    run_store(x, unite);
}

static void cmd_sdiffstore(struct exec *x)
{
    run_store(x, subtract);
}

static void cmd_sintercard(struct exec *x)
{
    run_card(x, intersect);
}

static void cmd_sunioncard(struct exec *x)
{
    run_card(x, unite);
}

static void cmd_sdiffcard(struct exec *x)
{
    run_card(x, subtract);
}

#define ALL     "@1:-1/1:RO+ACCESS"
#define STORED  "@1:0/1:OW+UPDATE ; @2:-1/1:RO+ACCESS"
#define COUNTED "@1:numkeys:RO+ACCESS"

const struct command_row set_algebra_commands[] = {
    {"sdiff", cmd_sdiff, -2, "readonly", SET_ACL, ALL, "1.0.0", SET_GROUP, "key ...",
     "Answers the members of the first set that are in none of the others."},
    {"sdiffcard", cmd_sdiffcard, -3, "readonly", SET_ACL, COUNTED, "8.10.0", SET_GROUP,
     "numkeys key ... [LIMIT limit]",
     "Counts the members of the first set that are in none of the others."},
    {"sdiffstore", cmd_sdiffstore, -3, "write,denyoom", SET_ACL, STORED, "1.0.0", SET_GROUP,
     "destination key ...", "Stores the difference of sets in a key."},
    {"sinter", cmd_sinter, -2, "readonly", SET_ACL, ALL, "1.0.0", SET_GROUP, "key ...",
     "Answers the members that all sets have."},
    {"sintercard", cmd_sintercard, -3, "readonly", SET_ACL, COUNTED, "7.0.0", SET_GROUP,
     "numkeys key ... [LIMIT limit]", "Counts the members that all sets have."},
    {"sinterstore", cmd_sinterstore, -3, "write,denyoom", SET_ACL, STORED, "1.0.0", SET_GROUP,
     "destination key ...", "Stores the intersection of sets in a key."},
    {"sunion", cmd_sunion, -2, "readonly", SET_ACL, ALL, "1.0.0", SET_GROUP, "key ...",
     "Answers the members that any of the sets has."},
    {"sunioncard", cmd_sunioncard, -3, "readonly", SET_ACL, COUNTED, "8.10.0", SET_GROUP,
     "numkeys key ... [LIMIT limit]", "Counts the members that any of the sets has."},
    {"sunionstore", cmd_sunionstore, -3, "write,denyoom", SET_ACL, STORED, "1.0.0", SET_GROUP,
     "destination key ...", "Stores the union of sets in a key."},
    {0},
};
