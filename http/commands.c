/* Any command of the engine: one, or a list run in order. A command's array is its arguments:
 * strings, numbers (by their text) or {"b64":"..."}. What changes the connection's mode or blocks
 * is refused before it runs, and so is a whole pipeline that has such a command or a malformed one.
 */
#include "http/commands.h"

#include "http/call.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/worker.h"

#define PIPELINE_MAX 10000

/* The row that decides: a subcommand's, where the command has some. NULL: the engine says that it
 * is unknown. */
static const struct command *find_command(struct request *r)
{
    const struct command *c = command_find(r->argv[0]);
    if (c && c->subcommands && r->argc > 1) {
        const struct command *sub = command_find_sub(c, r->argv[1]);
        return sub ? sub : c;
    }
    return c;
}

/* May the command wait? XREAD and XREADGROUP do where they say so before their streams. */
static bool may_wait(const struct request *r, const struct command *c)
{
    if (!(c->flags & CMD_BLOCKING) || strncmp(c->row->name, "xread", 5) != 0)
        return c->flags & CMD_BLOCKING;
    for (int i = 1; i < r->argc && !bytes_is(r->argv[i], "STREAMS"); i++)
        if (bytes_is(r->argv[i], "BLOCK"))
            return true;
    return false;
}

static bool is_allowed(const struct request *r, const struct command *c, bool in_transaction)
{
    return !c || !(c->flags & CMD_STATEFUL || (!in_transaction && may_wait(r, c)));
}

bool commands_take(struct request *r, const cJSON *array, bool in_transaction)
{
    struct bytes arg;
    r->argc = 0;
    if (!cJSON_IsArray(array) || !array->child) {
        problem(r, "bad-arguments", "a command must be an array that is not empty");
        return false;
    }
    for (const cJSON *item = array->child; item; item = item->next) {
        if (!json_argument(&r->arena, item, &arg)) {
            problem(r, "bad-arguments", "arguments must be strings, numbers or {\"b64\":\"...\"}");
            return false;
        }
        call_arg(r, arg);
    }
    return commands_check(r, in_transaction);
}

bool commands_check(struct request *r, bool in_transaction)
{
    const struct command *c = find_command(r);
    if (is_allowed(r, c, in_transaction))
        return true;
    problem(r, "command-not-allowed", "%s has no meaning in a single request", c->row->name);
    return false;
}

bool commands_write(struct request *r)
{
    static const char *const harmless[] = {"ping", "echo", "time", NULL};
    const struct command *c = find_command(r);
    if (!c || c->flags & CMD_READONLY)
        return false;
    for (int i = 0; harmless[i]; i++)
        if (strcmp(c->row->name, harmless[i]) == 0)
            return false;
    return true;
}

static void run_command(struct request *r)
{
    if (!request_json(r, true) || !commands_take(r, r->json, false) || !call_run(r))
        return;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "result");
    json_put_reply(w, &r->reply, 0);
    json_close_object(w);
}

/* ---- pipelines ------------------------------------------------------------------------------- */

static void put_outcome(struct request *r, struct json_writer *w, const struct reply_node *node)
{
    json_open_object(w);
    json_key(w, node->kind == NODE_ERROR ? "error" : "result");
    if (node->kind == NODE_ERROR)
        problem_item(w, node->code, call_text(r, node));
    else
        json_put_reply(w, &r->reply, 0);
    json_close_object(w);
}

static void run_all(struct request *r)
{
    struct json_writer *w = answer_json(r, 200);
    json_open_array(w);
    engine_batch_begin(r->worker->engine);
    for (const cJSON *item = r->json->child; item; item = item->next) {
        commands_take(r, item, false);
        const struct reply_node *node = call_try(r);
        if (!node)
            break;
        put_outcome(r, w, node);
    }
    engine_batch_end(r->worker->engine);
    if (r->status == 200)
        json_close_array(w);
}

static void run_pipeline(struct request *r)
{
    if (!request_json(r, true))
        return;
    if (cJSON_GetArraySize(r->json) > PIPELINE_MAX) {
        problem(r, "too-large", "a pipeline takes at most %d commands", PIPELINE_MAX);
        return;
    }
    for (const cJSON *item = r->json->child; item; item = item->next)
        if (!commands_take(r, item, false))
            return;
    run_all(r);
}

const struct route commands_routes[] = {
    {METHOD_POST, "/v1/commands", run_command, "runCommand", 0},
    {METHOD_POST, "/v1/pipeline", run_pipeline, "runPipeline", 0},
    {0},
};
