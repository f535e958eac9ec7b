/* Sets: intersection, union and difference of several; answered, counted or stored. How they are
 * computed is in types/set_algebra.h. */
#include "types/set_algebra.h"

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

static void run_reply(struct exec *x, set_algebra *compute)
{
    struct sources src;
    struct answer a = {.reply = x->reply};
    if (!find_sources(x, 0, &src))
        return;
    size_t mark = reply_begin(x->reply);
    compute(src.set, src.n, answer_member, &a);
    reply_end(x->reply, mark, REPLY_SET, a.n);
}

struct store {
    struct set *set;
    struct set_limits limits;
};

static bool store_member(struct bytes member, void *ctx)
{
    struct store *st = ctx;
    set_add_new(st->set, member, &st->limits);
    return true;
}

static void run_store(struct exec *x, set_algebra *compute)
{
    struct sources src;
    struct store st = {.limits = set_limits_of(x)};
    if (!find_sources(x, 1, &src))
        return;
    st.set = set_new();
    compute(src.set, src.n, store_member, &st);
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

/* numkeys key ... [LIMIT limit] [APPROX]; options may be repeated, the last limit holds. `approx` is
 * NULL where the command has none. */
static bool parse_card(struct exec *x, int64_t *limit, bool *approx)
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
    for (int i = 2 + (int)keys; i < x->argc; i++) {
        if (approx && exec_is(x, i, "APPROX")) {
            *approx = true;
        } else if (!exec_is(x, i, "LIMIT") || i + 1 == x->argc) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        } else if (!num_parse_int(x->argv[++i], limit) || *limit < 0) {
            reply_errorf(x->reply, ERROR_GENERIC, "LIMIT can't be negative");
            return false;
        }
    }
    return true;
}

static void reply_count(struct exec *x, struct sources *src, set_algebra *compute, int64_t limit)
{
    struct answer a = {.most = (size_t)limit};
    compute(src->set, src->n, count_member, &a);
    reply_int(x->reply, (int64_t)a.n);
}

static void run_card(struct exec *x, set_algebra *compute)
{
    struct sources src;
    int64_t limit;
    if (parse_card(x, &limit, NULL) && find_sources(x, 0, &src))
        reply_count(x, &src, compute, limit);
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static void cmd_sinter(struct exec *x)
{
    run_reply(x, set_intersect);
}

static void cmd_sunion(struct exec *x)
{
    run_reply(x, set_unite);
}

static void cmd_sdiff(struct exec *x)
{
    run_reply(x, set_subtract);
}

static void cmd_sinterstore(struct exec *x)
{
    run_store(x, set_intersect);
}

static void cmd_sunionstore(struct exec *x)
{
    run_store(x, set_unite);
}

static void cmd_sdiffstore(struct exec *x)
{
    run_store(x, set_subtract);
}

static void cmd_sintercard(struct exec *x)
{
    run_card(x, set_intersect);
}

static void cmd_sunioncard(struct exec *x)
{
    struct sources src;
    int64_t limit;
    bool approx = false;
    if (!parse_card(x, &limit, &approx) || !find_sources(x, 0, &src))
        return;
    if (approx)
        reply_int(x->reply, (int64_t)set_estimate_union(src.set, src.n, (size_t)limit));
    else
        reply_count(x, &src, set_unite, limit);
}

static void cmd_sdiffcard(struct exec *x)
{
    run_card(x, set_subtract);
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
     "numkeys key ... [APPROX] [LIMIT limit]", "Counts the members that any of the sets has."},
    {"sunionstore", cmd_sunionstore, -3, "write,denyoom", SET_ACL, STORED, "1.0.0", SET_GROUP,
     "destination key ...", "Stores the union of sets in a key."},
    {0},
};
