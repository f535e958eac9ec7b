#include "tests/linear/selftest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tests/linear/check.h"

#define LINES_MAX          8
#define CONFIGURATIONS_MAX 1000000

/* ---- by hand --------------------------------------------------------------------------------- */

struct line {
    int client, asked, answered;
    const char *commands; /* a transaction's begin with "!" and have ';' between them */
    const char *reply;
};

static const struct {
    const char *name;
    bool right;
    struct line lines[LINES_MAX];
} histories[] = {
    {"a read beside a write gives either value",
     true,
     {{0, 1, 2, "SET @0 a", "+OK\r\n"},
      {1, 3, 9, "SET @0 b", "+OK\r\n"},
      {2, 4, 5, "GET @0", "$1\r\na\r\n"},
      {3, 6, 7, "GET @0", "$1\r\nb\r\n"}}},
    {"a read goes back behind another read",
     false,
     {{0, 1, 2, "SET @0 a", "+OK\r\n"},
      {1, 3, 9, "SET @0 b", "+OK\r\n"},
      {2, 4, 5, "GET @0", "$1\r\nb\r\n"},
      {3, 6, 7, "GET @0", "$1\r\na\r\n"}}},
    {"a read of what was overwritten before",
     false,
     {{0, 1, 2, "SET @0 a", "+OK\r\n"},
      {0, 3, 4, "SET @0 b", "+OK\r\n"},
      {1, 5, 6, "GET @0", "$1\r\na\r\n"}}},
    {"a read before its write",
     false,
     {{0, 1, 2, "GET @0", "$1\r\na\r\n"}, {1, 3, 4, "SET @0 a", "+OK\r\n"}}},
    {"two increments give one number",
     false,
     {{0, 1, 4, "INCR @0", ":1\r\n"}, {1, 2, 3, "INCR @0", ":1\r\n"}}},
    {"two increments at a time",
     true,
     {{0, 1, 4, "INCR @0", ":2\r\n"}, {1, 2, 3, "INCR @0", ":1\r\n"}}},
    {"a later increment gives the lower number",
     false,
     {{0, 1, 2, "INCR @0", ":2\r\n"}, {1, 3, 4, "INCR @0", ":1\r\n"}}},
    {"an append is lost",
     false,
     {{0, 1, 3, "APPEND @0 x", ":1\r\n"},
      {1, 2, 4, "APPEND @0 y", ":2\r\n"},
      {1, 5, 6, "GET @0", "$1\r\ny\r\n"}}},
    {"one key is set, the other is not yet",
     false,
     {{0, 1, 2, "MSET @0 a @1 a", "+OK\r\n"},
      {0, 3, 9, "MSET @0 b @1 b", "+OK\r\n"},
      {1, 4, 8, "MGET @0 @1", "*2\r\n$1\r\nb\r\n$1\r\na\r\n"}}},
    {"two keys' writes are seen in two orders",
     false,
     {{0, 1, 9, "SET @0 a", "+OK\r\n"},
      {1, 1, 9, "SET @1 a", "+OK\r\n"},
      {2, 2, 3, "MGET @0 @1", "*2\r\n$1\r\na\r\n$-1\r\n"},
      {3, 4, 5, "MGET @0 @1", "*2\r\n$-1\r\n$1\r\na\r\n"}}},
    {"an element is popped twice",
     false,
     {{0, 1, 2, "RPUSH @0 a b", ":2\r\n"},
      {1, 3, 6, "LPOP @0", "$1\r\na\r\n"},
      {2, 4, 5, "LPOP @0", "$1\r\na\r\n"}}},
    {"a waiting pop takes what comes",
     true,
     {{0, 1, 4, "BLPOP @0 1", "*2\r\n$2\r\n@0\r\n$1\r\na\r\n"},
      {1, 2, 3, "RPUSH @0 a", ":1\r\n"},
      {2, 5, 6, "LLEN @0", ":0\r\n"}}},
    {"what was handed to a waiting pop is still there",
     false,
     {{0, 1, 4, "BLPOP @0 1", "*2\r\n$2\r\n@0\r\n$1\r\na\r\n"},
      {1, 2, 3, "RPUSH @0 a", ":1\r\n"},
      {2, 5, 6, "LLEN @0", ":1\r\n"}}},
    {"a pop waits in vain at a list that has an element",
     false,
     {{0, 1, 2, "RPUSH @0 a", ":1\r\n"}, {1, 3, 4, "BLPOP @0 1", "*-1\r\n"}}},
    {"a transaction is seen half done",
     false,
     {{0, 1, 9, "!INCR @0;INCR @1", "*2\r\n:1\r\n:1\r\n"},
      {1, 2, 3, "MGET @0 @1", "*2\r\n$1\r\n1\r\n$-1\r\n"}}},
    {"a watched key was changed, the transaction does not run",
     true,
     {{0, 1, 2, "WATCH @0", "+OK\r\n"},
      {1, 3, 4, "SET @0 a", "+OK\r\n"},
      {0, 5, 6, "!INCR @1", "*-1\r\n"},
      {1, 7, 8, "EXISTS @1", ":0\r\n"}}},
    {"a watched key was changed, the transaction runs",
     false,
     {{0, 1, 2, "WATCH @0", "+OK\r\n"},
      {1, 3, 4, "SET @0 a", "+OK\r\n"},
      {0, 5, 6, "!INCR @1", "*1\r\n:1\r\n"}}},
    {"no watched key was changed, the transaction does not run",
     false,
     {{0, 1, 2, "WATCH @0", "+OK\r\n"},
      {1, 3, 4, "SET @1 a", "+OK\r\n"},
      {0, 5, 6, "!INCR @1", "*-1\r\n"}}},
    {"a lowest member is popped before a lower one",
     false,
     {{0, 1, 2, "ZADD @0 1 a", ":1\r\n"},
      {0, 3, 4, "ZADD @0 2 b", ":1\r\n"},
      {1, 5, 6, "ZPOPMIN @0", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n"}}},
};

static void parse_line(struct operation *op, const struct line *l)
{
    char text[128];
    *op = (struct operation){.client = l->client};
    op->kind = l->commands[0] == '!' ? OPERATION_TRANSACTION : OPERATION_COMMAND;
    snprintf(text, sizeof text, "%s", l->commands + (op->kind == OPERATION_TRANSACTION));
    for (char *rest = text, *c = strsep(&rest, ";"); c; c = strsep(&rest, ";"))
        command_parse(&op->commands[op->ncommands++], c);
    op->asked_at_ns = (uint64_t)l->asked;
    op->answered_at_ns = (uint64_t)l->answered;
    op->reply_n = strlen(l->reply);
    memcpy(op->reply, l->reply, op->reply_n);
}

unsigned selftest_written(unsigned *checked)
{
    static struct operation ops[LINES_MAX];
    unsigned wrong = 0;
    *checked = sizeof histories / sizeof *histories;
    for (size_t i = 0; i < *checked; i++) {
        size_t n = 0;
        for (; n < LINES_MAX && histories[i].lines[n].commands; n++)
            parse_line(&ops[n], &histories[i].lines[n]);
        enum verdict v = linear_check(ops, n, CONFIGURATIONS_MAX).verdict;
        if (v != (histories[i].right ? LINEARISABLE : NOT_LINEARISABLE)) {
            printf("FAIL the checker misjudges: %s\n", histories[i].name);
            wrong++;
        }
    }
    return wrong;
}

/* ---- recorded ones, falsified ---------------------------------------------------------------- */

static void set_reply(struct operation *op, const char *reply)
{
    op->reply_n = strlen(reply);
    memcpy(op->reply, reply, op->reply_n);
}

/* An answer that no state can give. */
static bool impossible_answer(struct operation *op)
{
    if (op->reply[0] == ':' || op->reply[0] == '$')
        set_reply(op, op->reply[0] == ':' ? ":123456\r\n" : "$8\r\nnowhere!\r\n");
    else
        return false;
    return true;
}

static bool is_command(const struct operation *op, const char *name, int argc, const char *key)
{
    const struct command *c = &op->commands[0];
    return op->kind == OPERATION_COMMAND && c->argc == argc && !strcmp(c->argv[0], name) &&
           !strcmp(c->argv[1], key);
}

/* Does an operation of ops[0..n) set this key after `a` was answered and before `b` was asked? */
static bool set_between(const struct operation *ops, size_t n, const struct operation *a,
                        const struct operation *b)
{
    for (size_t i = 0; i < n; i++) {
        if (is_command(&ops[i], "SET", 3, a->commands[0].argv[1]) &&
            ops[i].asked_at_ns > a->answered_at_ns && ops[i].answered_at_ns < b->asked_at_ns)
            return true;
    }
    return false;
}

/* A GET is given a value that surely was overwritten before it was asked, and that was written
 * once. */
static bool stale_answer(struct operation *ops, size_t n, struct operation *get)
{
    if (!is_command(get, "GET", 2, get->commands[0].argv[1]))
        return false;
    for (size_t i = 0; i < n; i++) {
        const char *value = ops[i].commands[0].argv[2];
        if (is_command(&ops[i], "SET", 3, get->commands[0].argv[1]) && value[0] >= 'a' &&
            set_between(ops, n, &ops[i], get)) {
            char reply[64];
            snprintf(reply, sizeof reply, "$%zu\r\n%s\r\n", strlen(value), value);
            set_reply(get, reply);
            return true;
        }
    }
    return false;
}

static bool is_found_out(const struct operation *ops, size_t n, bool key_by_key)
{
    struct finding f = key_by_key ? history_check_keys(ops, n, CONFIGURATIONS_MAX)
                                  : linear_check(ops, n, CONFIGURATIONS_MAX);
    return f.verdict == NOT_LINEARISABLE;
}

bool selftest_falsified(const struct operation *ops, size_t n, bool key_by_key, uint64_t seed)
{
    struct operation *copy = mem_alloc(n * sizeof *copy);
    bool well = true;
    for (int stale = 0; stale <= key_by_key; stale++) {
        memcpy(copy, ops, n * sizeof *copy);
        for (size_t i = 0; i < n;
             i++) { /* from a place that the seed gives, the first that can be */
            struct operation *op = &copy[(seed + i) % n];
            if (stale ? stale_answer(copy, n, op) : impossible_answer(op)) {
                well = well && is_found_out(copy, n, key_by_key);
                break;
            }
        }
    }
    mem_free(copy);
    return well;
}
