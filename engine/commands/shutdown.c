/* The end of the program: SHUTDOWN, and what a signal asks for. A snapshot is taken where there are save points; from
 * then on writes wait, so that none is acknowledged that is not in it. Without a snapshot that was to be, the program
 * does not end. */
#include "commands/exec.h"
#include "commands/session.h"
#include "internal.h"

enum saving { SAVE_AS_CONFIGURED, SAVE_ALWAYS, SAVE_NEVER };

/* The gate is closed. */
static bool finish(struct engine *e, enum saving saving, bool force)
{
    struct buf error;
    bool ok = true;
    if (loading_runs(&e->loading)) /* what is there is not all */
        return true;
    snapshot_stop(e);
    if (saving == SAVE_ALWAYS || (saving == SAVE_AS_CONFIGURED && snapshot_has_points(e))) {
        buf_init(&error);
        ok = snapshot_save_now(e, &error) || force;
        buf_release(&error);
        atomic_store(&e->holds_writes, ok);
    }
    if (!ok)
        log_warning("not ending, as the keys cannot be saved");
    return ok;
}

bool engine_finish(struct engine *e)
{
    struct gate *g = keyspace_gate(e->ks);
    if (engine_shutdown_requested(e))
        return true;
    gate_close(g);
    bool ok = finish(e, SAVE_AS_CONFIGURED, false);
    gate_open(g);
    return ok;
}

static void cmd_shutdown(struct exec *x)
{
    struct option o[] = {{"NOSAVE", 1, 0, false, 0}, {"ABORT", 1, 0, true, 0},
                         {"NOW", 0, 0, false, 0},    {"FORCE", 0, 0, false, 0},
                         {"SAVE", 1, 0, false, 0},   {0}};
    if (!exec_options(x, 1, o))
        return;
    if (o[1].at) { /* it ends at once, so there is never one to stop */
        if (o[2].at || o[3].at)
            reply_error(x->reply, ERROR_SYNTAX);
        else
            reply_errorf(x->reply, ERROR_GENERIC, "No shutdown in progress.");
        return;
    }
    enum saving saving = o[4].at ? SAVE_ALWAYS : o[0].at ? SAVE_NEVER : SAVE_AS_CONFIGURED;
    if (!finish(x->engine, saving, o[3].at)) {
        reply_errorf(x->reply, ERROR_GENERIC, "Errors trying to SHUTDOWN. Check logs.");
        return;
    }
    engine_request_shutdown(x->engine);
    x->session->close_after_reply = true;
    if (x->session->door !=
        DOOR_RESP) /* there the end of the connection is the answer, as clients expect */
        reply_ok(x->reply);
}

const struct command_row shutdown_commands[] = {
    {"shutdown", cmd_shutdown, -1, "admin,noscript,loading,stale,no_multi,allow_busy,gate", "", "",
     "1.0.0", "server", "[(NOSAVE | SAVE)] [NOW] [FORCE] [ABORT]", "Ends the server."},
    {0},
};
