/* Sets: adding, removing, asking, walking. */
#include "commands/cursor.h"
#include "commands/set_args.h"
#include "internal.h"

struct set_limits set_limits_of(const struct exec *x)
{
    const struct config *c = x->engine->config;
    return (struct set_limits){
        .intset = (size_t)config_int(c, CONFIG_SET_MAX_INTSET_ENTRIES),
        .entries = (size_t)config_int(c, CONFIG_SET_MAX_LISTPACK_ENTRIES),
        .value = (size_t)config_int(c, CONFIG_SET_MAX_LISTPACK_VALUE),
    };
}

bool set_read(struct exec *x, unsigned k, struct set **s)
{
    void *object;
    if (!exec_read_object(x, k, TYPE_SET, &object))
        return false;
    *s = object;
    return true;
}

bool set_write(struct exec *x, unsigned k, struct set **s)
{
    void *object;
    if (!exec_peek_object(x, k, TYPE_SET, &object))
        return false;
    *s = object;
    return true;
}

void set_removed(struct exec *x, unsigned k, struct set *s, const char *event)
{
    exec_changed(x, k, EVENT_SET, event);
    if (set_length(s))
        return;
    exec_delete(x, k);
    exec_event(x, k, EVENT_GENERIC, "del");
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static void cmd_sadd(struct exec *x)
{
    struct set *s;
    struct set_limits limits = set_limits_of(x);
    int64_t added = 0;
    if (!set_write(x, 0, &s))
        return;
    if (!s) {
        s = set_new();
        exec_put_object(x, 0, TYPE_SET, s);
    }
    set_expect(s, (size_t)x->argc - 2, &limits);
    for (int i = 2; i < x->argc; i++)
        added += set_add(s, x->argv[i], &limits);
    if (added)
        exec_changed(x, 0, EVENT_SET, "sadd");
    reply_int(x->reply, added);
}

static void cmd_srem(struct exec *x)
{
    struct set *s;
    int64_t removed = 0;
    if (!set_write(x, 0, &s))
        return;
    for (int i = 2; s && i < x->argc; i++)
        removed += set_remove(s, x->argv[i]);
    if (removed)
        set_removed(x, 0, s, "srem");
    reply_int(x->reply, removed);
}

/* SMOVE source destination member */
static void cmd_smove(struct exec *x)
{
    struct set *from, *to;
    struct bytes member = x->argv[3];
    struct set_limits limits = set_limits_of(x);
    if (!set_write(x, 0, &from))
        return;
    if (!from) {
        reply_int(x->reply, 0);
        return;
    }
    if (!set_write(x, 1, &to))
        return;
    bool there = set_has(from, member);
    if (there && from != to) {
        set_remove(from, member);
        exec_changed(x, 0, EVENT_SET, "srem");
        if (!to) {
            to = set_new();
            exec_put_object(x, 1, TYPE_SET, to);
        }
        bool added = set_add(to, member, &limits);
        exec_delete_if_empty(x, 0, exec_peek(x, 0));
        if (added)
            exec_changed(x, 1, EVENT_SET, "sadd");
    }
    reply_int(x->reply, there);
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static void cmd_scard(struct exec *x)
{
    struct set *s;
    if (set_read(x, 0, &s))
        reply_int(x->reply, s ? (int64_t)set_length(s) : 0);
}

static void cmd_sismember(struct exec *x)
{
    struct set *s;
    if (set_read(x, 0, &s))
        reply_int(x->reply, s && set_has(s, x->argv[2]));
}

static void cmd_smismember(struct exec *x)
{
    struct set *s;
    if (!set_read(x, 0, &s))
        return;
    reply_array(x->reply, (size_t)x->argc - 2);
    for (int i = 2; i < x->argc; i++)
        reply_int(x->reply, s && set_has(s, x->argv[i]));
}

static void cmd_smembers(struct exec *x)
{
    struct set *s;
    struct set_iter it;
    struct set_item item;
    if (!set_read(x, 0, &s))
        return;
    reply_set(x->reply, s ? set_length(s) : 0);
    if (!s)
        return;
    set_iter_init(&it, s);
    while (set_iter_next(&it, &item))
        reply_bulk(x->reply, item.member);
}

/* ---- SSCAN ------------------------------------------------------------------------------------
 */

#define DEFAULT_COUNT 10

struct step {
    struct reply *reply;
    const struct bytes *pattern;
    size_t count;
};

static void reply_matching(const struct set_item *item, void *ctx)
{
    struct step *st = ctx;
    if (st->pattern && !bytes_glob(*st->pattern, item->member, false))
        return;
    reply_bulk(st->reply, item->member);
    st->count++;
}

/* Options may be repeated (the last holds); a wrong one is found in the order of the arguments. */
static bool scan_options(struct exec *x, struct step *st, int64_t *count)
{
    for (int i = 3; i < x->argc; i += 2) {
        bool pair = i + 1 < x->argc;
        if (pair && exec_is(x, i, "MATCH")) {
            st->pattern = &x->argv[i + 1];
        } else if (pair && exec_is(x, i, "COUNT")) {
            if (!exec_int(x, i + 1, count))
                return false;
        } else {
            *count = 0;
        }
        if (*count < 1) {
            reply_error(x->reply, ERROR_SYNTAX);
            return false;
        }
    }
    if (st->pattern && bytes_eq(*st->pattern, BYTES("*")))
        st->pattern = NULL;
    return true;
}

/* The cursor is known after the members, so they are gathered first. */
static void cmd_sscan(struct exec *x)
{
    struct capture members;
    struct step st = {.reply = &members.base};
    struct set *s;
    uint64_t cursor;
    int64_t count = DEFAULT_COUNT;
    char text[NUM_INT_MAX];
    if (!cursor_parse(x->argv[2], &cursor)) {
        reply_errorf(x->reply, ERROR_GENERIC, "invalid cursor");
        return;
    }
    if (!set_read(x, 0, &s) || (s && !scan_options(x, &st, &count)))
        return;
    capture_init(&members);
    cursor = s ? set_scan(s, cursor, (size_t)count, reply_matching, &st) : 0;
    reply_array(x->reply, 2);
    reply_bulk(x->reply, bytes_of(text, num_format_uint(text, cursor)));
    reply_array(x->reply, st.count);
    capture_replay(&members, x->reply);
    capture_release(&members);
}

#define ONE "@1:0/1:"

const struct command_row set_commands[] = {
    {"sadd", cmd_sadd, -3, "write,denyoom,fast", SET_ACL, ONE "RW+INSERT", "1.0.0", SET_GROUP,
     "key member ...", "Adds members."},
    {"scard", cmd_scard, 2, "readonly,fast", SET_ACL, ONE "RO", "1.0.0", SET_GROUP, "key",
     "Counts the members."},
    {"sismember", cmd_sismember, 3, "readonly,fast", SET_ACL, ONE "RO", "1.0.0", SET_GROUP,
     "key member", "Tells whether a member is there."},
    {"smembers", cmd_smembers, 2, "readonly", SET_ACL, ONE "RO+ACCESS", "1.0.0", SET_GROUP, "key",
     "Answers all members."},
    {"smismember", cmd_smismember, -3, "readonly,fast", SET_ACL, ONE "RO+ACCESS", "6.2.0",
     SET_GROUP, "key member ...", "Tells of several members whether they are there."},
    {"smove", cmd_smove, 4, "write,fast", SET_ACL, "@1:0/1:RW+ACCESS+DELETE ; @2:0/1:RW+INSERT",
     "1.0.0", SET_GROUP, "source destination member", "Moves a member to another set."},
    {"srem", cmd_srem, -3, "write,fast", SET_ACL, ONE "RW+DELETE", "1.0.0", SET_GROUP,
     "key member ...", "Removes members."},
    {"sscan", cmd_sscan, -3, "readonly", SET_ACL, ONE "RO+ACCESS", "2.8.0", SET_GROUP,
     "key cursor [MATCH pattern] [COUNT count]", "Iterates over the members, a few at a time."},
    {0},
};
