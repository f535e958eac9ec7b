/* The ops: one message in, one reply out. A row of `ops` each; a new op is a new function and a new
 * row. */
#include "ws/call.h"
#include "ws/frame.h"

#define JSON_VALUES_MAX 10000
#define USER_MAX        255

typedef void op_fn(struct call *o);

/* ---- commands ---------------------------------------------------------------------------------- */

static bool is_blocking(const struct bytes *argv, int argc)
{
    const struct command *cmd = command_find(argv[0]);
    if (cmd && cmd->subcommands && argc > 1 && command_find_sub(cmd, argv[1]))
        cmd = command_find_sub(cmd, argv[1]);
    return cmd && cmd->flags & CMD_BLOCKING;
}

static void op_command(struct call *o)
{
    const cJSON *args = json_get(o->message, "args"), *item;
    int argc = cJSON_IsArray(args) ? cJSON_GetArraySize(args) : 0, n = 0;
    if (argc == 0) {
        ws_fail(o, "bad-arguments", false,
                "args must be an array with the command and its arguments");
        return;
    }
    struct bytes *argv = arena_alloc(&o->thread->arena, (size_t)argc * sizeof *argv);
    cJSON_ArrayForEach(item, args)
    {
        if (!json_argument(&o->thread->arena, item, &argv[n++])) {
            ws_fail(o, "bad-arguments", false, "args are strings, numbers or {\"b64\":...}");
            return;
        }
    }
    if (is_blocking(argv, argc)) {
        ws_fail(o, "command-not-allowed", false, "commands that block are not served here");
        return;
    }
    if (o->conn->grant) {
        ws_fail(o, "forbidden", false, "a ticket is good for channels alone");
        return;
    }
    if (!ws_run(o, argv, argc))
        return;
    ws_reply(o);
    json_key(&o->w, "result");
    json_put_reply(&o->w, &o->thread->capture, 0);
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void put_limit(struct call *o, const char *name, enum config_id id)
{
    json_key(&o->w, name);
    json_put_count(&o->w, (uint64_t)config_int(o->thread->config, id));
}

static void put_limits(struct call *o)
{
    json_key(&o->w, "limits");
    json_open_object(&o->w);
    put_limit(o, "message_bytes", CONFIG_WS_MAX_MESSAGE);
    put_limit(o, "json_depth", CONFIG_WS_JSON_DEPTH);
    put_limit(o, "channels", CONFIG_WS_MAX_CHANNELS);
    put_limit(o, "name_bytes", CONFIG_WS_MAX_NAME);
    put_limit(o, "ops_per_second", CONFIG_WS_OPS_PER_SECOND);
    put_limit(o, "queue_bytes", CONFIG_WS_QUEUE_BYTES);
    put_limit(o, "queue_messages", CONFIG_WS_QUEUE_MESSAGES);
    json_close_object(&o->w);
}

/* The token, the ticket, or neither where none is needed any more. */
static bool is_right(struct call *o, struct bytes token)
{
    struct ws_conn *c = o->conn;
    const cJSON *ticket = json_get(o->message, "ticket");
    if (cJSON_IsString(ticket)) {
        struct grant *g = hub_ticket_redeem(engine_hub(o->thread->engine), json_string(ticket));
        if (g)
            ws_conn_grant(c, g);
        return g != NULL;
    }
    if (!ws_has(o, "token") && c->session->authenticated)
        return true;
    return session_authenticate(c->session, BYTES("default"), token);
}

/* A ticket's user stays; others may say what they want to be called. */
static bool take_user(struct call *o)
{
    struct bytes user;
    if (!ws_has(o, "user"))
        return true;
    if (!json_bytes(&o->thread->arena, json_get(o->message, "user"), &user) || user.n == 0 ||
        user.n > USER_MAX) {
        ws_fail(o, "bad-arguments", false, "user must be a string of 1 to %d bytes", USER_MAX);
        return false;
    }
    if (!o->conn->grant)
        ws_conn_set_user(o->conn, user);
    return true;
}

/* How long the session lasts where no further ticket is shown. */
static void put_expiry(struct call *o)
{
    uint64_t until_ms = o->conn->expires_at_ms, now_ms = clock_wall_ms();
    json_key(&o->w, "expires_ms");
    if (until_ms)
        json_put_count(&o->w, until_ms > now_ms ? until_ms - now_ms : 0);
    else
        json_put_null(&o->w);
}

static void op_auth(struct call *o)
{
    struct bytes token = {0};
    if (ws_has(o, "token") &&
        !json_bytes(&o->thread->arena, json_get(o->message, "token"), &token)) {
        ws_fail(o, "bad-arguments", false, "token must be a string");
        return;
    }
    if (!token.p && !ws_has(o, "ticket") && !o->conn->session->authenticated) {
        ws_fail(o, "unauthenticated", false, "show a token or a ticket");
        return;
    }
    if (!is_right(o, token)) {
        ws_fail(o, "wrong-credentials", false, "the token or ticket is wrong");
        ws_conn_close(o->conn, WS_CLOSE_UNAUTHENTICATED, "wrong credentials");
        return;
    }
    if (!take_user(o))
        return;
    ws_reply(o);
    json_key(&o->w, "user");
    json_put_bytes(&o->w, ws_conn_user(o->conn));
    json_key(&o->w, "session");
    json_put_count(&o->w, o->conn->session->id);
    put_expiry(o);
    put_limits(o);
}

static void op_ping(struct call *o)
{
    ws_reply(o);
    json_key(&o->w, "op");
    json_put_text(&o->w, "pong");
    json_key(&o->w, "time_ms");
    json_put_count(&o->w, clock_wall_ms());
}

/* ---- dispatch ---------------------------------------------------------------------------------
 */

static const struct op {
    const char *name;
    op_fn *run;
    bool open;  /* before authentication too */
    bool bears; /* takes the data of a binary message */
} ops[] = {
    {"auth", op_auth, true, false},
    {"command", op_command, false, false},
    {"history", ws_op_history, false, false},
    {"ping", op_ping, true, false},
    {"presence", ws_op_presence, false, false},
    {"psubscribe", ws_op_psubscribe, false, false},
    {"publish", ws_op_publish, false, true},
    {"subscribe", ws_op_subscribe, false, false},
    {"unsubscribe", ws_op_unsubscribe, false, false},
};

static const struct op *find_op(struct bytes name)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (bytes_eq(name, bytes_str(ops[i].name)))
            return &ops[i];
    }
    return NULL;
}

static void run_op(struct call *o)
{
    const cJSON *name = json_get(o->message, "op");
    if (!cJSON_IsString(name)) {
        ws_fail(o, "bad-arguments", false, "a message is an object with a string op");
        return;
    }
    const struct op *op = find_op(json_string(name));
    if (!op) {
        ws_fail(o, "unknown-op", false,
                "ops are auth, subscribe, psubscribe, unsubscribe, publish, history, presence, "
                "command, "
                "ping");
        return;
    }
    if (!op->open && !o->conn->session->authenticated) {
        ws_fail(o, "unauthenticated", false, "authenticate first");
        return;
    }
    if (o->data.n && !op->bears) {
        ws_fail(o, "bad-arguments", false, "%s takes no data behind its JSON", op->name);
        return;
    }
    op->run(o);
    if (!o->ended)
        ws_reply_end(o);
}

static void handle_text(struct call *o, struct bytes text)
{
    struct ws_thread *t = o->thread;
    struct json_limits limits = {.depth = (unsigned)config_int(t->config, CONFIG_WS_JSON_DEPTH),
                                 .values = JSON_VALUES_MAX};
    struct json_error error;
    cJSON *message = json_read(&t->arena, text, limits, &error);
    o->message = message;
    if (!message)
        ws_fail(o, error.too_large ? "too-large" : "bad-json", false, "%s at byte %zu",
                error.reason, error.offset);
    else if (!ws_conn_take_op(o->conn))
        ws_fail(o, "too-many-requests", true, "more ops than allowed in a second");
    else
        run_op(o);
    cJSON_Delete(message);
    arena_clear(&t->arena);
}

void ws_handle(struct ws_conn *c, struct bytes message, bool binary)
{
    struct call o = {.thread = c->thread, .conn = c};
    struct bytes text = message;
    if (binary && !ws_part_binary(message, &text, &o.data))
        ws_fail(&o, "bad-binary", false,
                "a binary message is the length of its JSON in four bytes, the JSON, the data");
    else
        handle_text(&o, text);
}
