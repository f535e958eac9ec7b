/* What the HTTP and WebSocket doors read themselves: JSON (a text that is taken reads back the same
 * after it has been written) and request targets. Input: a byte that says which, then the text. */
#include "http/json.h"
#include "http/target.h"
#include "tests/fuzz/input.h"

static const struct json_limits limits = {.depth = 12, .values = 500};

static void write_value(struct json_writer *w, const cJSON *item)
{
    int64_t integer;
    double number;
    if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
        bool object = cJSON_IsObject(item);
        object ? json_open_object(w) : json_open_array(w);
        for (const cJSON *child = item->child; child; child = child->next) {
            if (object)
                json_put_name(w, json_name(child));
            write_value(w, child);
        }
        object ? json_close_object(w) : json_close_array(w);
    } else if (cJSON_IsString(item)) {
        json_put_bytes(w, json_string(item));
    } else if (cJSON_IsBool(item)) {
        json_put_bool(w, cJSON_IsTrue(item));
    } else if (cJSON_IsNull(item)) {
        json_put_null(w);
    } else {
        MUST(json_number(item).n > 0);
        json_int(item, &integer);
        json_put_double(w, json_double(item, &number) ? number : 0);
    }
}

/* What is written of `text`; false where it is refused. */
static bool rewrite(struct bytes text, struct buf *out)
{
    struct arena arena;
    struct json_writer writer;
    struct json_error error = {0};
    arena_init(&arena);
    json_writer_init(&writer, out);
    cJSON *root = json_read(&arena, text, limits, &error);
    MUST(root || (error.reason && error.offset <= text.n));
    if (root) {
        struct bytes value;
        bool flag;
        json_argument(&arena, root, &value);
        json_bool(json_get(root, "a"), &flag);
        write_value(&writer, root);
    }
    cJSON_Delete(root);
    arena_release(&arena);
    return root;
}

static void check_json(struct bytes text)
{
    struct buf once, twice;
    buf_init(&once);
    buf_init(&twice);
    if (rewrite(text, &once)) {
        MUST(rewrite(buf_bytes(&once), &twice));
        MUST(bytes_eq(buf_bytes(&once), buf_bytes(&twice)));
    }
    buf_release(&once);
    buf_release(&twice);
}

static void check_target(struct bytes raw)
{
    struct target t;
    struct arena arena;
    arena_init(&arena);
    if (target_parse(&t, &arena, raw) == TARGET_OK) {
        MUST(t.nsegments > 0 && t.nsegments <= TARGET_SEGMENTS_MAX);
        for (unsigned i = 0; i < t.nsegments; i++) {
            struct bytes decoded, again;
            if (!target_decode(&arena, t.segments[i], &decoded))
                continue;
            const char *joined = target_join(&arena, "", decoded);
            MUST(target_decode(&arena, bytes_str(joined), &again) && bytes_eq(decoded, again));
        }
    }
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    bool is_json = input_byte(&in) != '/';
    char *exact = input_exact(in.p, in.n);
    if (is_json)
        check_json(bytes_of(exact, in.n));
    else
        check_target(bytes_of(exact, in.n));
    free(exact);
    return 0;
}
