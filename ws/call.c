#include "ws/call.h"

#include <stdarg.h>
#include <stdio.h>

#include "ws/deflate.h"
#include "ws/frame.h"

#define ID_BYTES_MAX 64

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
    struct buf *out = &o->thread->reply;
    buf_clear(out);
    buf_reserve(out, WS_HEAD_MAX);
    out->n = WS_HEAD_MAX;
    json_writer_init(&o->w, out);
    json_open_object(&o->w);
    put_id(&o->w, json_get(o->message, "id"));
    json_key(&o->w, "ok");
    json_put_bool(&o->w, ok);
}

void ws_reply(struct call *o)
{
    begin_reply(o, true);
}

void ws_reply_end(struct call *o)
{
    json_close_object(&o->w);
    if (o->conn->deflates)
        ws_frame_deflated(&o->thread->reply, WS_TEXT);
    else
        ws_frame(&o->thread->reply, WS_TEXT);
    ws_conn_send_copy(o->conn, buf_bytes(&o->thread->reply));
    o->ended = true;
}

static void fail_with(struct call *o, const char *code, struct bytes text, const char *engine,
                      bool retryable)
{
    begin_reply(o, false);
    json_key(&o->w, "error");
    json_open_object(&o->w);
    json_key(&o->w, "code");
    json_put_text(&o->w, code);
    json_key(&o->w, "message");
    json_put_bytes(&o->w, text);
    if (engine) {
        json_key(&o->w, "engine");
        json_put_text(&o->w, engine);
    }
    json_key(&o->w, "retryable");
    json_put_bool(&o->w, retryable);
    json_close_object(&o->w);
    ws_reply_end(o);
}

void ws_fail(struct call *o, const char *code, bool retryable, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fail_with(o, code, bytes_str(text), NULL, retryable);
}

static void fail_as_engine(struct call *o, const struct reply_node *node)
{
    const struct error_info *info = error_info(node->code);
    fail_with(o, info->slug, capture_text(&o->thread->capture, node), info->prefix,
              info->retryable);
}

bool ws_run(struct call *o, const struct bytes *argv, int argc)
{
    struct capture *c = &o->thread->capture;
    capture_clear(c);
    if (engine_execute(o->conn->session, argv, argc, &c->base) == ENGINE_PAUSED) {
        ws_fail(o, "busy", true, "clients are paused");
        return false;
    }
    if (c->n && c->nodes[0].kind == NODE_ERROR) {
        fail_as_engine(o, &c->nodes[0]);
        return false;
    }
    return true;
}

/* ---- fields -----------------------------------------------------------------------------------
 */

bool ws_take_name(struct call *o, const char *field, struct bytes *name)
{
    if (!json_bytes(&o->thread->arena, json_get(o->message, field), name)) {
        ws_fail(o, "bad-arguments", false, "%s must be a string or {\"b64\":...}", field);
        return false;
    }
    int64_t most = config_int(o->thread->config, CONFIG_WS_MAX_NAME);
    if (name->n == 0 || name->n > (size_t)most) {
        ws_fail(o, "bad-arguments", false, "%s must have 1 to %lld bytes", field, (long long)most);
        return false;
    }
    return true;
}

bool ws_has(const struct call *o, const char *field)
{
    const cJSON *item = json_get(o->message, field);
    return item && !cJSON_IsNull(item);
}

bool ws_take_bool(struct call *o, const char *field, bool *value)
{
    if (!ws_has(o, field) || json_bool(json_get(o->message, field), value))
        return true;
    ws_fail(o, "bad-arguments", false, "%s must be true or false", field);
    return false;
}

bool ws_take_int(struct call *o, const char *field, int64_t min, int64_t max, int64_t *value)
{
    if (!ws_has(o, field))
        return true;
    if (json_int(json_get(o->message, field), value) && *value >= min && *value <= max)
        return true;
    ws_fail(o, "bad-arguments", false, "%s must be an integer from %lld to %lld", field,
            (long long)min, (long long)max);
    return false;
}
