/* POST /v1/transactions {"watch":[{"key","etag"}],"commands":[[...],...]}: all of the commands as
 * one atomic step, if every watched key still has that ETag (null: is not there). Composed of the
 * engine's WATCH, DIGEST, MULTI and EXEC on the worker's session; whatever the outcome, the session
 * is clean afterwards. */
#include "http/transactions.h"

#include "http/call.h"
#include "http/commands.h"
#include "http/etag.h"
#include "http/problem.h"
#include "http/resources.h"

#define COMMANDS_MAX 10000
#define WATCHES_MAX  1000

/* Runs one word. False: answered. */
static bool run_word(struct request *r, const char *word)
{
    call_start(r, word);
    return call_run(r) != NULL;
}

void transaction_begin(struct request *r)
{
    request_session(r)->composing = true;
}

void transaction_end(struct request *r)
{
    struct session *s = request_session(r);
    call_start(r, s->queued >= 0 ? "DISCARD" : "UNWATCH");
    capture_clear(&r->reply);
    engine_execute(s, r->argv, r->argc, &r->reply.base);
    s->composing = false;
}

/* ---- the watched keys ------------------------------------------------------------------------ */

static void bad_watch(struct request *r)
{
    problem(r, "bad-arguments",
            "watch must be an array of at most %d {\"key\",\"etag\"}; an etag is a string, or null "
            "for no key",
            WATCHES_MAX);
}

static struct bytes unquoted(struct bytes tag)
{
    bool quoted = tag.n >= 2 && tag.p[0] == '"' && tag.p[tag.n - 1] == '"';
    return quoted ? bytes_of(tag.p + 1, tag.n - 2) : tag;
}

/* Does the key have the ETag that the item names? Watched first, so that it keeps it until EXEC. */
static bool watch_holds(struct request *r, const cJSON *item)
{
    const cJSON *etag = json_get(item, "etag");
    struct bytes key;
    if (!json_bytes(&r->arena, json_get(item, "key"), &key) ||
        (!cJSON_IsString(etag) && !cJSON_IsNull(etag))) {
        bad_watch(r);
        return false;
    }
    call_start(r, "WATCH");
    call_arg(r, key);
    if (!call_run(r))
        return false;
    call_start(r, "DIGEST");
    call_arg(r, key);
    const struct reply_node *node = call_run(r);
    if (!node)
        return false;
    bool missing = node->kind == NODE_NULL;
    if (cJSON_IsNull(etag) ? missing
                           : !missing && bytes_eq(call_text(r, node), unquoted(json_string(etag))))
        return true;
    problem(r, "watch-failed",
            missing ? "a watched key is not there" : "a watched key has another ETag");
    return false;
}

static bool watches_hold(struct request *r, const cJSON *watch)
{
    if (!watch)
        return true;
    if (!cJSON_IsArray(watch) || cJSON_GetArraySize(watch) > WATCHES_MAX) {
        bad_watch(r);
        return false;
    }
    for (const cJSON *item = watch->child; item; item = item->next) {
        if (!watch_holds(r, item))
            return false;
    }
    return true;
}

/* ---- the commands ---------------------------------------------------------------------------- */

/* What was refused: its place and the engine's error. */
struct refusal {
    struct refusal *next;
    size_t index;
    enum error_code code;
    struct bytes line;
};

static struct refusal *refusal_new(struct request *r, size_t index, const struct reply_node *node)
{
    struct refusal *f = arena_alloc(&r->arena, sizeof *f);
    struct bytes line = call_text(r, node);
    char *copy = arena_alloc(&r->arena, line.n);
    memcpy(copy, line.p, line.n);
    *f = (struct refusal){NULL, index, node->code, bytes_of(copy, line.n)};
    return f;
}

static void answer_refusals(struct request *r, const struct refusal *first)
{
    struct json_writer *w =
        problem_open(r, "tx-rejected", BYTES("a command was refused; none has run"));
    json_key(w, "errors");
    json_open_array(w);
    for (const struct refusal *f = first; f; f = f->next) {
        json_open_object(w);
        json_key(w, "index");
        json_put_count(w, f->index);
        json_key(w, "error");
        problem_item(w, f->code, f->line);
        json_close_object(w);
    }
    json_close_array(w);
    problem_close(r);
}

/* Queues all of them, so that every mistake is told at once. False: answered. */
static bool queue_all(struct request *r, const cJSON *commands)
{
    struct refusal *first = NULL, **last = &first;
    size_t index = 0;
    for (const cJSON *item = commands->child; item; item = item->next, index++) {
        if (!commands_take(r, item, true))
            return false;
        const struct reply_node *node = call_try(r);
        if (!node)
            return false;
        if (node->kind == NODE_ERROR) {
            *last = refusal_new(r, index, node);
            last = &(*last)->next;
        }
    }
    if (first)
        answer_refusals(r, first);
    return !first;
}

static void answer_results(struct request *r)
{
    const struct capture *c = &r->reply;
    struct json_writer *w = answer_json(r, 200);
    json_open_object(w);
    json_key(w, "results");
    json_open_array(w);
    for (size_t at = 1; at < c->n; at = capture_skip(c, at)) {
        const struct reply_node *node = &c->nodes[at];
        json_open_object(w);
        json_key(w, node->kind == NODE_ERROR ? "error" : "result");
        if (node->kind == NODE_ERROR)
            problem_item(w, node->code, call_text(r, node));
        else
            json_put_reply(w, c, at);
        json_close_object(w);
    }
    json_close_array(w);
    json_close_object(w);
}

static void compose(struct request *r, const cJSON *commands)
{
    if (!watches_hold(r, json_get(r->json, "watch")) || !run_word(r, "MULTI") ||
        !queue_all(r, commands) || !run_word(r, "EXEC"))
        return;
    if (r->reply.nodes[0].kind == NODE_NULL)
        problem(r, "watch-failed", "a watched key was changed meanwhile");
    else
        answer_results(r);
}

static void run_transaction(struct request *r)
{
    if (!request_json(r, false))
        return;
    const cJSON *commands = json_get(r->json, "commands");
    if (!cJSON_IsArray(commands)) {
        problem(r, "bad-arguments", "commands must be an array of commands");
        return;
    }
    if (cJSON_GetArraySize(commands) > COMMANDS_MAX) {
        problem(r, "too-large", "a transaction takes at most %d commands", COMMANDS_MAX);
        return;
    }
    transaction_begin(r);
    compose(r, commands);
    transaction_end(r);
}

const struct route transactions_routes[] = {
    {METHOD_POST, "/v1/transactions", run_transaction, "runTransaction", 0},
    {0},
};
