/* The ops: one message in, one reply out. A row of `ops` each; a new op is a new function and a new
 * row. */
#include <stdarg.h>
#include <stdio.h>

#include "http/json.h"
#include "ws/conn.h"
#include "ws/service.h"

#define ID_BYTES_MAX    64
#define JSON_VALUES_MAX 10000

struct call {
    struct ws *ws;
    struct ws_conn *conn;
    const cJSON *message;
    struct json_writer w; /* of the reply, in ws->reply */
    bool ended;           /* the reply is whole: it was an error */
};

typedef void op_fn(struct call *o);

/* ---- replies ----------------------------------------------------------------------------------
 */

/* An id is an integer or a short string and comes back as it was. */
static void put_id(struct json_writer *w, const cJSON *id)
{
    int64_t number;
    json_key(w, "id");
    if (cJSON_IsString(id) && json_string(id).n <= ID_BYTES_MAX) {
        json_put_bytes(w, json_string(id));
    } else if (cJSON_IsNumber(id) && json_int(id, &number)) {
        buf_add_bytes(w->out, json_number(id));
        w->comma = true;
    } else {
        json_put_null(w);
    }
}

static void begin_reply(struct call *o, bool ok)
{
    struct buf *out = &o->ws->reply;
    buf_clear(out);
    buf_reserve(out, WS_HEAD_MAX);
    out->n = WS_HEAD_MAX;
    json_writer_init(&o->w, out);
    json_open_object(&o->w);
    put_id(&o->w, json_get(o->message, "id"));
    json_key(&o->w, "ok");
    json_put_bool(&o->w, ok);
}

static void end_reply(struct call *o)
{
    json_close_object(&o->w);
    ws_frame_text(&o->ws->reply);
    ws_conn_send_copy(o->conn, buf_bytes(&o->ws->reply));
    o->ended = true;
}

/* The whole reply of an op that failed. */
static void __attribute__((format(printf, 4, 5)))
fail(struct call *o, const char *code, bool retryable, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    begin_reply(o, false);
    json_key(&o->w, "error");
    json_open_object(&o->w);
    json_key(&o->w, "code");
    json_put_text(&o->w, code);
    json_key(&o->w, "message");
    json_put_bytes(&o->w, bytes_str(text));
    json_key(&o->w, "retryable");
    json_put_bool(&o->w, retryable);
    json_close_object(&o->w);
    end_reply(o);
}

static void fail_as_engine(struct call *o, const struct reply_node *node)
{
    const struct error_info *info = error_info(node->code);
    struct bytes text = capture_text(&o->ws->capture, node);
    begin_reply(o, false);
    json_key(&o->w, "error");
    json_open_object(&o->w);
    json_key(&o->w, "code");
    json_put_text(&o->w, info->slug);
    json_key(&o->w, "message");
    json_put_bytes(&o->w, text);
    json_key(&o->w, "engine");
    json_put_text(&o->w, info->prefix);
    json_key(&o->w, "retryable");
    json_put_bool(&o->w, info->retryable);
    json_close_object(&o->w);
    end_reply(o);
}

/* ---- fields -----------------------------------------------------------------------------------
 */

/* A channel name or pattern; false: the error has been answered. */
static bool take_name(struct call *o, const char *field, struct bytes *name)
{
    if (!json_bytes(&o->ws->arena, json_get(o->message, field), name)) {
        fail(o, "bad-arguments", false, "%s must be a string or {\"b64\":...}", field);
        return false;
    }
    int64_t most = config_int(o->ws->config, CONFIG_WS_MAX_NAME);
    if (name->n == 0 || name->n > (size_t)most) {
        fail(o, "bad-arguments", false, "%s must have 1 to %lld bytes", field, (long long)most);
        return false;
    }
    return true;
} /* Fields of the protocol that this door does not serve: asked for, they are refused, not ignored.
   * `plain` is the value that means: not asked for. */
static bool refuse_field(struct call *o, const char *field, const char *plain)
{
    const cJSON *item = json_get(o->message, field);
    if (!item || cJSON_IsNull(item))
        return false;
    bool is_plain = cJSON_IsString(item)  ? bytes_is(json_string(item), plain)
                    : cJSON_IsTrue(item)  ? strcmp(plain, "true") == 0
                    : cJSON_IsFalse(item) ? strcmp(plain, "false") == 0
                                          : false;
    if (is_plain)
        return false;
    fail(o, "unsupported", false, "%s: only %s is served here", field, plain);
    return true;
} /* ---- commands --------------------------------------------------------------------------------- */ /* Runs it; false: the error has been answered. The reply stands in ws->capture. */
static bool run_command(struct call *o, const struct bytes *argv, int argc)
{
    struct capture *c = &o->ws->capture;
    capture_clear(c);
    if (engine_execute(o->conn->session, argv, argc, &c->base) == ENGINE_PAUSED) {
        fail(o, "busy", true, "clients are paused");
        return false;
    }
    if (c->n && c->nodes[0].kind == NODE_ERROR) {
        fail_as_engine(o, &c->nodes[0]);
        return false;
    }
    return true;
}

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
        fail(o, "bad-arguments", false, "args must be an array with the command and its arguments");
        return;
    }
    struct bytes *argv = arena_alloc(&o->ws->arena, (size_t)argc * sizeof *argv);
    cJSON_ArrayForEach(item, args)
    {
        if (!json_argument(&o->ws->arena, item, &argv[n++])) {
            fail(o, "bad-arguments", false, "args are strings, numbers or {\"b64\":...}");
            return;
        }
    }
    if (is_blocking(argv, argc)) {
        fail(o, "command-not-allowed", false, "commands that block are not served here");
        return;
    }
    if (!run_command(o, argv, argc))
        return;
    begin_reply(o, true);
    json_key(&o->w, "result");
    json_put_reply(&o->w, &o->ws->capture, 0);
}

/* ---- channels ---------------------------------------------------------------------------------
 */

static size_t subscriptions(const struct call *o)
{
    return hub_session_count(o->conn->session, SUB_CHANNEL);
}

static void subscribe(struct call *o, const char *field, enum sub_kind kind)
{
    struct hub *hub = engine_hub(o->ws->engine);
    struct bytes name;
    if (!take_name(o, field, &name) || refuse_field(o, "recover", "false") ||
        refuse_field(o, "history", "false") || refuse_field(o, "presence", "false") ||
        refuse_field(o, "on_slow", "disconnect"))
        return;
    int64_t most = config_int(o->ws->config, CONFIG_WS_MAX_CHANNELS);
    if (hub_subscribe(hub, o->conn->session, kind, name) && subscriptions(o) > (size_t)most) {
        hub_unsubscribe(hub, o->conn->session, kind, name);
        fail(o, "too-many-channels", false, "%lld channels and patterns at most", (long long)most);
        return;
    }
    begin_reply(o, true);
    json_key(&o->w, field);
    json_put_bytes(&o->w, name);
}

static void op_subscribe(struct call *o)
{
    subscribe(o, "channel", SUB_CHANNEL);
}

static void op_psubscribe(struct call *o)
{
    subscribe(o, "pattern", SUB_PATTERN);
}

static void op_unsubscribe(struct call *o)
{
    bool is_pattern = json_get(o->message, "pattern") != NULL;
    const char *field = is_pattern ? "pattern" : "channel";
    struct bytes name;
    if (is_pattern && json_get(o->message, "channel")) {
        fail(o, "bad-arguments", false, "either channel or pattern");
        return;
    }
    if (!take_name(o, field, &name))
        return;
    bool was = hub_unsubscribe(engine_hub(o->ws->engine), o->conn->session,
                               is_pattern ? SUB_PATTERN : SUB_CHANNEL, name);
    begin_reply(o, true);
    json_key(&o->w, field);
    json_put_bytes(&o->w, name);
    json_key(&o->w, "was_subscribed");
    json_put_bool(&o->w, was);
}

static void op_publish(struct call *o)
{
    struct bytes argv[3] = {BYTES("PUBLISH")};
    if (!take_name(o, "channel", &argv[1]) || refuse_field(o, "echo", "true") ||
        refuse_field(o, "idempotency_key", "null"))
        return;
    if (!json_bytes(&o->ws->arena, json_get(o->message, "data"), &argv[2])) {
        fail(o, "bad-arguments", false, "data must be a string or {\"b64\":...}");
        return;
    }
    if (!run_command(o, argv, 3))
        return;
    begin_reply(o, true);
    json_key(&o->w, "receivers");
    json_put_count(&o->w, (uint64_t)o->ws->capture.nodes[0].integer);
}

/* ---- the connection ---------------------------------------------------------------------------
 */

static void put_limit(struct call *o, const char *name, enum config_id id)
{
    json_key(&o->w, name);
    json_put_count(&o->w, (uint64_t)config_int(o->ws->config, id));
}

static void op_auth(struct call *o)
{
    struct bytes token;
    if (!json_bytes(&o->ws->arena, json_get(o->message, "token"), &token)) {
        fail(o, "bad-arguments", false, "token must be a string");
        return;
    }
    if (!session_authenticate(o->conn->session, BYTES("default"), token)) {
        fail(o, "wrong-credentials", false, "the token is wrong");
        ws_conn_close(o->conn, WS_CLOSE_UNAUTHENTICATED, "wrong credentials");
        return;
    }
    begin_reply(o, true);
    json_key(&o->w, "user");
    json_put_text(&o->w, "default");
    json_key(&o->w, "session");
    json_put_count(&o->w, o->conn->session->id);
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

static void op_ping(struct call *o)
{
    begin_reply(o, true);
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
    bool open; /* before authentication too */
} ops[] = {
    {"auth", op_auth, true},
    {"command", op_command, false},
    {"ping", op_ping, true},
    {"psubscribe", op_psubscribe, false},
    {"publish", op_publish, false},
    {"subscribe", op_subscribe, false},
    {"unsubscribe", op_unsubscribe, false},
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
        fail(o, "bad-arguments", false, "a message is an object with a string op");
        return;
    }
    const struct op *op = find_op(json_string(name));
    if (!op) {
        fail(o, "unknown-op", false,
             "ops are auth, subscribe, psubscribe, unsubscribe, publish, command, ping");
        return;
    }
    if (!op->open && !o->conn->session->authenticated) {
        fail(o, "unauthenticated", false, "authenticate first");
        return;
    }
    op->run(o);
    if (!o->ended)
        end_reply(o);
}

void ws_handle(struct ws_conn *c, struct bytes text)
{
    struct ws *w = c->ws;
    struct call o = {.ws = w, .conn = c};
    struct json_limits limits = {.depth = (unsigned)config_int(w->config, CONFIG_WS_JSON_DEPTH),
                                 .values = JSON_VALUES_MAX};
    struct json_error error;
    cJSON *message = json_read(&w->arena, text, limits, &error);
    o.message = message;
    if (!message)
        fail(&o, error.too_large ? "too-large" : "bad-json", false, "%s at byte %zu", error.reason,
             error.offset);
    else if (!ws_conn_take_op(c))
        fail(&o, "too-many-requests", true, "more ops than allowed in a second");
    else
        run_op(&o);
    cJSON_Delete(message);
    arena_clear(&w->arena);
}
