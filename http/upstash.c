/* /upstash: the REST API of Upstash, so that its clients work here: a command as a JSON array, as a
 * path, pipelines, transactions. The token is the password, as a bearer or as ?_token=.
 *
 * GET does not write here either: a page of anyone's could make a browser send it. Commands that
 * write go by POST, in the path too. */
#include "http/upstash.h"

#include "http/call.h"
#include "http/commands.h"
#include "http/problem.h"
#include "http/resources.h"
#include "http/router.h"
#include "http/transactions.h"
#include "http/worker.h"

#define COMMANDS_MAX 10000
#define PREFIX       "/upstash/"

static bool wants_base64(struct request *r)
{
    struct bytes coding;
    return request_header(r, "Upstash-Encoding", &coding) && bytes_is(coding, "base64");
}

/* Replies in RESP2's shapes, until leave. */
static void enter(struct request *r)
{
    request_session(r)->resp = 2;
    r->reply.base.resp = 2;
}

static void leave(struct request *r)
{
    r->reply.base.resp = 3;
}

/* ---- one command ----------------------------------------------------------------------------- */

static bool argument(struct request *r, const cJSON *item, struct bytes *out)
{
    if (!cJSON_IsBool(item))
        return json_argument(&r->arena, item, out);
    *out = cJSON_IsTrue(item) ? BYTES("true") : BYTES("false");
    return true;
}

static bool take(struct request *r, const cJSON *array, bool in_transaction)
{
    struct bytes arg;
    r->argc = 0;
    if (!cJSON_IsArray(array) || !array->child) {
        problem(r, "bad-arguments", "a command must be an array that is not empty");
        return false;
    }
    for (const cJSON *item = array->child; item; item = item->next) {
        if (!argument(r, item, &arg)) {
            problem(r, "bad-arguments", "arguments must be strings, numbers or booleans");
            return false;
        }
        call_arg(r, arg);
    }
    return commands_check(r, in_transaction);
}

static void say_error(struct request *r, struct bytes line)
{
    upstash_put_error(answer_json(r, 400), line);
}

/* Runs what was put together. */
static void run(struct request *r)
{
    enter(r);
    const struct reply_node *node = call_try(r);
    if (node && node->kind == NODE_ERROR)
        say_error(r, call_text(r, node));
    else if (node)
        upstash_put_outcome(answer_json(r, 200), &r->reply, 0, wants_base64(r));
    leave(r);
}

static void run_command(struct request *r)
{
    if (request_json(r, true) && take(r, r->json, false))
        run(r);
}

/* ---- a command as a path --------------------------------------------------------------------- */

static bool add_path(struct request *r)
{
    struct bytes rest = r->target.path, arg;
    rest = bytes_of(rest.p + sizeof PREFIX - 1, rest.n - (sizeof PREFIX - 1));
    for (bool more = true; more;) {
        const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
        size_t n = slash ? (size_t)(slash - rest.p) : rest.n;
        if (!target_decode(&r->arena, bytes_of(rest.p, n), &arg)) {
            problem(r, "bad-target", "a %% in the path must be followed by two hexadecimal digits");
            return false;
        }
        call_arg(r, arg);
        more = slash != NULL;
        if (more)
            rest = bytes_of(slash + 1, rest.n - n - 1);
    }
    return true;
}

/* "?EX=60&NX": EX 60 NX. */
static void add_query(struct request *r)
{
    for (unsigned i = 0; i < r->target.nquery; i++) {
        const struct query_item *q = &r->target.query[i];
        if (bytes_eq(q->name, BYTES("_token")) || bytes_eq(q->name, BYTES("db")))
            continue;
        call_arg(r, q->name);
        if (q->value.n)
            call_arg(r, q->value);
    }
}

static void run_path(struct request *r)
{
    r->argc = 0;
    if (!add_path(r))
        return;
    if (r->body.n)
        call_arg(r, buf_bytes(&r->body));
    add_query(r);
    if (!commands_check(r, false))
        return;
    if (r->method != METHOD_POST && commands_write(r)) {
        answer_header(r, "Allow", "POST");
        problem(r, "method-not-allowed", "a command that may write is sent by POST");
        return;
    }
    run(r);
}

/* ---- pipelines and transactions -------------------------------------------------------------- */

static bool take_array(struct request *r)
{
    if (!request_json(r, true))
        return false;
    if (cJSON_GetArraySize(r->json) <= COMMANDS_MAX)
        return true;
    problem(r, "too-large", "at most %d commands go together", COMMANDS_MAX);
    return false;
}

static void run_each(struct request *r)
{
    bool base64 = wants_base64(r);
    struct json_writer *w = answer_json(r, 200);
    json_open_array(w);
    for (const cJSON *item = r->json->child; item; item = item->next) {
        take(r, item, false);
        if (!call_try(r))
            break;
        upstash_put_outcome(w, &r->reply, 0, base64);
    }
    if (r->status == 200)
        json_close_array(w);
}

static void run_pipeline(struct request *r)
{
    if (!take_array(r))
        return;
    for (const cJSON *item = r->json->child; item; item = item->next)
        if (!take(r, item, false))
            return;
    enter(r);
    engine_batch_begin(r->worker->engine);
    run_each(r);
    engine_batch_end(r->worker->engine);
    leave(r);
}

static void say_results(struct request *r)
{
    const struct capture *c = &r->reply;
    bool base64 = wants_base64(r);
    struct json_writer *w = answer_json(r, 200);
    json_open_array(w);
    for (size_t at = 1; at < c->n; at = capture_skip(c, at))
        upstash_put_outcome(w, c, at, base64);
    json_close_array(w);
}

/* False: answered, by the first command's error that is refused. */
static bool queue_all(struct request *r)
{
    for (const cJSON *item = r->json->child; item; item = item->next) {
        if (!take(r, item, true))
            return false;
        const struct reply_node *node = call_try(r);
        if (node && node->kind == NODE_ERROR)
            say_error(r, call_text(r, node));
        if (r->status)
            return false;
    }
    return true;
}

static bool run_word(struct request *r, const char *word)
{
    call_start(r, word);
    const struct reply_node *node = call_try(r);
    if (node && node->kind == NODE_ERROR)
        say_error(r, call_text(r, node));
    return !r->status;
}

static void run_transaction(struct request *r)
{
    if (!take_array(r))
        return;
    enter(r);
    transaction_begin(r);
    if (run_word(r, "MULTI") && queue_all(r) && run_word(r, "EXEC"))
        say_results(r);
    transaction_end(r);
    leave(r);
}

const struct route upstash_routes[] = {
    {METHOD_POST, "/upstash", run_command, "upstashCommand", ROUTE_UPSTASH},
    {METHOD_POST, "/upstash/pipeline", run_pipeline, "upstashPipeline", ROUTE_UPSTASH},
    {METHOD_POST, "/upstash/multi-exec", run_transaction, "upstashMultiExec", ROUTE_UPSTASH},
    {METHOD_GET, "/upstash/{command}", run_path, "upstashRead", ROUTE_UPSTASH | ROUTE_REST},
    {METHOD_POST, "/upstash/{command}", run_path, "upstashPath", ROUTE_UPSTASH | ROUTE_REST},
    {0},
};
