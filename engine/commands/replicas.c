/* Replication as a server without replicas has it: ROLE, WAIT, WAITAOF. */
#include "commands/exec.h"
#include "internal.h"

#define WAITAOF_RETRY_MS 2

static void cmd_role(struct exec *x)
{
    reply_array(x->reply, 3);
    reply_text(x->reply, "master");
    reply_int(x->reply, 0);
    reply_array(x->reply, 0);
}

/* ---- WAIT --------------------------------------------------------------------------------------
 */

/* Nobody will ever acknowledge: who asks for more than that waits until its time is over. */
static void wait_for_none(struct exec *x, bool satisfied, uint64_t timeout_ms,
                          void (*answer)(struct reply *))
{
    struct block b = {.timeout_ms = timeout_ms, .on_timeout = answer};
    if (satisfied || !exec_block(x, &b))
        answer(x->reply);
}

static void answer_wait(struct reply *r)
{
    reply_int(r, 0);
}

static void cmd_wait(struct exec *x)
{
    int64_t replicas;
    uint64_t timeout_ms;
    if (exec_int(x, 1, &replicas) && exec_timeout_ms(x, 2, &timeout_ms))
        wait_for_none(x, replicas <= 0, timeout_ms, answer_wait);
}

static void reply_waitaof(struct reply *r, bool local)
{
    reply_array(r, 2);
    reply_int(r, local);
    reply_int(r, 0);
}

static void answer_not_synced(struct reply *r)
{
    reply_waitaof(r, false);
}

static void answer_synced(struct reply *r)
{
    reply_waitaof(r, true);
}

/* WAITAOF numlocal numreplicas timeout. What is not synced yet is synced now, and looked at again soon. */
static void cmd_waitaof(struct exec *x)
{
    int64_t local, replicas;
    uint64_t timeout_ms;
    if (!exec_int_in(x, 1, 0, 1, "value is out of range, must be between 0 and 1", &local) ||
        !exec_int_in(x, 2, 0, INT64_MAX, "value is out of range, must be positive", &replicas) ||
        !exec_timeout_ms(x, 3, &timeout_ms))
        return;
    if (local && !exec_logs(x)) {
        reply_errorf(x->reply, ERROR_GENERIC,
                     "WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
        return;
    }
    bool synced = journal_synced(x->engine, x->session->log_position);
    struct block b = {.timeout_ms = timeout_ms,
                      .retry_ms = synced ? 0 : WAITAOF_RETRY_MS,
                      .on_timeout = synced ? answer_synced : answer_not_synced};
    if (!synced)
        journal_request_sync(x->engine);
    if ((replicas == 0 && (synced || !local)) || !exec_block(x, &b))
        b.on_timeout(x->reply);
}

const struct command_row replicas_commands[] = {
    {"role", cmd_role, 1, "noscript,loading,stale,fast", "admin,dangerous", "", "2.8.12", "server",
     "", "Tells the server's role in replication."},
    {"wait", cmd_wait, 3, "blocking", "connection", "", "3.0.0", "generic", "numreplicas timeout",
     "Waits until replicas have the connection's writes."},
    {"waitaof", cmd_waitaof, 4, "blocking", "connection", "", "7.2.0", "generic",
     "numlocal numreplicas timeout",
     "Waits until the connection's writes are on disk, here or at replicas."},
    {0},
};
