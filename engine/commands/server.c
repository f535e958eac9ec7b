/* The server: databases, time. */
#include "base/clock.h"
#include "commands/exec.h"
#include "commands/snapshot.h"
#include "commands/wait.h"
#include "commands/session.h"

static void cmd_dbsize(struct exec *x)
{
    reply_int(x->reply, (int64_t)keyspace_size(x->ks, x->db));
}

static void cmd_flush(struct exec *x)
{
    struct option o[] = {{"ASYNC", 1, 0, false, 0}, {"SYNC", 1, 0, false, 0}, {0}};
    bool all = bytes_is(BYTES("flushall"), x->cmd->row->name);
    if (!exec_options(x, 1, o))
        return;
    for (unsigned db = all ? 0 : x->db; db < (all ? DB_COUNT : x->db + 1u); db++)
        wait_touch_db(x->engine, db);
    for (unsigned db = all ? 0 : x->db; db < (all ? DB_COUNT : x->db + 1u); db++)
        x->changes += keyspace_size(x->ks, db);
    keyspace_flush_gated(x->ks, all ? -1 : (int)x->db, !o[1].at);
    if (all)
        snapshot_flushed(x->engine);
    reply_ok(x->reply);
}

/* What is in one of them before and after is another value, or none, for those who wait for it. */
static void touch_both(struct exec *x, unsigned a, unsigned b)
{
    wait_touch_db(x->engine, a);
    wait_touch_db(x->engine, b);
}

static void cmd_swapdb(struct exec *x)
{
    int64_t a, b;
    if (!num_parse_int(x->argv[1], &a) || a != (int32_t)a) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER, "invalid first DB index");
        return;
    }
    if (!num_parse_int(x->argv[2], &b) || b != (int32_t)b) {
        reply_errorf(x->reply, ERROR_NOT_INTEGER, "invalid second DB index");
        return;
    }
    if (a < 0 || b < 0 || a >= DB_COUNT || b >= DB_COUNT) {
        reply_errorf(x->reply, ERROR_OUT_OF_BOUNDS, "DB index is out of range");
        return;
    }
    touch_both(x, (unsigned)a, (unsigned)b);
    keyspace_swap_gated(x->ks, (unsigned)a, (unsigned)b);
    touch_both(x, (unsigned)a, (unsigned)b);
    x->changes++;
    reply_ok(x->reply);
}

static void cmd_time(struct exec *x)
{
    char text[NUM_INT_MAX];
    uint64_t us = clock_wall_us();
    reply_array(x->reply, 2);
    reply_bulk(x->reply, bytes_of(text, num_format_uint(text, us / 1000000)));
    reply_bulk(x->reply, bytes_of(text, num_format_uint(text, us % 1000000)));
}

const struct command_row server_commands[] = {
    {"dbsize", cmd_dbsize, 1, "readonly,fast,unlocked", "keyspace", "", "1.0.0", "server", "",
     "Returns the number of keys in the database."},
    {"flushall", cmd_flush, -1, "write,gate", "keyspace,dangerous", "", "1.0.0", "server",
     "[(ASYNC | SYNC)]", "Removes all keys from all databases."},
    {"flushdb", cmd_flush, -1, "write,gate", "keyspace,dangerous", "", "1.0.0", "server",
     "[(ASYNC | SYNC)]", "Removes all keys from the database."},
    {"swapdb", cmd_swapdb, 3, "write,fast,gate", "keyspace,dangerous", "", "4.0.0", "server",
     "index1 index2", "Swaps two databases."},
    {"time", cmd_time, 1, "loading,stale,fast", "", "", "2.6.0", "server", "",
     "Returns the server's time: seconds and microseconds."},
    {0},
};
