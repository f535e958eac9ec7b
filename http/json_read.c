/* The reader: one pass of recursive descent, depth and number of values bounded. */
#include <math.h>

#include "http/json.h"

/* A string as the arena keeps it: its length stands before its bytes, a NUL behind them for cJSON.
 */
struct stored {
    size_t n;
    char p[];
};

struct reader {
    struct arena *arena;
    const char *at, *start, *end;
    unsigned depth_left;
    size_t values_left;
    struct json_error *error;
};

static cJSON *read_value(struct reader *r);

static cJSON *fail(struct reader *r, const char *reason)
{
    if (!r->error->reason) {
        r->error->offset = (size_t)(r->at - r->start);
        r->error->reason = reason;
    }
    return NULL;
}

static cJSON *fail_limit(struct reader *r, const char *reason)
{
    fail(r, reason);
    r->error->too_large = true;
    return NULL;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool is_digit(const struct reader *r)
{
    return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

/* ---- strings --------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex4(struct reader *r, unsigned *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        int v = r->at < r->end ? hex_value(*r->at) : -1;
        if (v < 0)
            return fail(r, "four hexadecimal digits are due after \\u");
        *out = *out << 4 | (unsigned)v;
    }
    return true;
}

static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* After "\u": one code point, from two escapes where the first is a high surrogate. */
static bool read_unicode(struct reader *r, char **to)
{
    const char *escape = r->at - 2;
    unsigned c, low;
    if (!read_hex4(r, &c))
        return false;
    if (c >= 0xd800 && c < 0xe000) {
        bool paired = c < 0xdc00 && r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u';
        if (paired) {
            r->at += 2;
            if (!read_hex4(r, &low))
                return false;
            paired = low >= 0xdc00 && low < 0xe000;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
        if (!paired) {
            r->at = escape;
            return fail(r, "a surrogate stands alone");
        }
    }
    *to = put_utf8(*to, c);
    return true;
}

static bool read_escape(struct reader *r, char **to)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    if (r->at == r->end)
        return fail(r, "the text ends within a string");
    char c = *r->at;
    if (c == 'u') {
        r->at++;
        return read_unicode(r, to);
    }
    const char *name = c ? strchr(names, c) : NULL;
    if (!name)
        return fail(r, "no such escape");
    r->at++;
    *(*to)++ = bytes[name - names];
    return true;
}

/* The place of the closing quote, or r->end: an upper bound of the decoded length. */
static const char *find_quote(const struct reader *r)
{
    const char *p = r->at;
    while (p < r->end && *p != '"')
        p += *p == '\\' && p + 1 < r->end ? 2 : 1;
    return p;
}

/* At the opening quote. The decoded bytes go to the arena; NULL: the error is set. */
static char *read_string(struct reader *r)
{
    r->at++;
    const char *quote = find_quote(r);
    struct stored *s = arena_alloc(r->arena, sizeof *s + (size_t)(quote - r->at) + 1);
    char *to = s->p;
    for (;;) {
        const char *from = r->at;
        while (r->at < quote && *r->at != '\\' && (unsigned char)*r->at >= 0x20)
            r->at++;
        size_t n = (size_t)(r->at - from);
        memcpy(to, from, n);
        to += n;
        if (r->at >= quote)
            break;
        if (*r->at != '\\')
            return (void *)fail(r, "a control character must be escaped");
        r->at++;
        if (!read_escape(r, &to))
            return NULL;
    }
    if (r->at == r->end)
        return (void *)fail(r, "the text ends within a string");
    r->at++;
    *to = 0;
    s->n = (size_t)(to - s->p);
    return s->p;
}

static struct bytes stored_bytes(const char *p)
{
    const struct stored *s = (const void *)(p - offsetof(struct stored, p));
    return bytes_of(s->p, s->n);
}

/* ---- values ---------------------------------------------------------------------------------- */

static cJSON *new_node(int type)
{
    cJSON *node = cJSON_CreateNull();
    if (!node)
        mem_exhausted(sizeof *node);
    node->type = type;
    return node;
}

static cJSON *read_string_value(struct reader *r)
{
    char *s = read_string(r);
    if (!s)
        return NULL;
    cJSON *node = new_node(cJSON_String | cJSON_IsReference);
    node->valuestring = s;
    return node;
}

static bool read_digits(struct reader *r)
{
    if (!is_digit(r))
        return fail(r, "a digit is due");
    while (is_digit(r))
        r->at++;
    return true;
}

static cJSON *read_number(struct reader *r)
{
    const char *from = r->at;
    take(r, '-');
    if (take(r, '0')) {
        if (is_digit(r))
            return fail(r, "a number has no leading zeros");
    } else if (!read_digits(r)) {
        return NULL;
    }
    if (take(r, '.') && !read_digits(r))
        return NULL;
    if (take(r, 'e') || take(r, 'E')) {
        if (!take(r, '+'))
            take(r, '-');
        if (!read_digits(r))
            return NULL;
    }
    size_t n = (size_t)(r->at - from);
    struct stored *s = arena_alloc(r->arena, sizeof *s + n + 1);
    memcpy(s->p, from, n);
    s->p[n] = 0;
    s->n = n;
    cJSON *node = new_node(cJSON_Number | cJSON_IsReference);
    node->valuestring = s->p;
    return node;
}

static cJSON *read_word(struct reader *r, const char *word, int type)
{
    for (const char *w = word; *w; w++)
        if (!take(r, *w))
            return fail(r, "no JSON value starts like this");
    return new_node(type);
}

static bool read_element(struct reader *r, cJSON *array)
{
    cJSON *item = read_value(r);
    return item && cJSON_AddItemToArray(array, item);
}

static bool read_member(struct reader *r, cJSON *object)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != '"')
        return fail(r, "a member's name in quotes is due");
    char *name = read_string(r);
    if (!name)
        return false;
    skip_blanks(r);
    if (!take(r, ':'))
        return fail(r, "a colon is due after a member's name");
    cJSON *item = read_value(r);
    return item && cJSON_AddItemToObjectCS(object, name, item);
}

static cJSON *read_container(struct reader *r, int type, char close)
{
    if (r->depth_left == 0)
        return fail_limit(r, "nested too deeply");
    r->depth_left--;
    r->at++;
    cJSON *node = new_node(type);
    skip_blanks(r);
    bool empty = take(r, close);
    while (!empty) {
        if (!(type == cJSON_Array ? read_element(r, node) : read_member(r, node)))
            goto failed;
        skip_blanks(r);
        if (take(r, close))
            break;
        if (!take(r, ',')) {
            fail(r, type == cJSON_Array ? "a comma or ] is due" : "a comma or } is due");
            goto failed;
        }
    }
    r->depth_left++;
    return node;
failed:
    cJSON_Delete(node);
    return NULL;
}

static cJSON *read_value(struct reader *r)
{
    skip_blanks(r);
    if (r->at == r->end)
        return fail(r, "a value is due where the text ends");
    if (r->values_left == 0)
        return fail_limit(r, "too many values");
    r->values_left--;
    switch (*r->at) {
    case '"':
        return read_string_value(r);
    case '[':
        return read_container(r, cJSON_Array, ']');
    case '{':
        return read_container(r, cJSON_Object, '}');
    case 't':
        return read_word(r, "true", cJSON_True);
    case 'f':
        return read_word(r, "false", cJSON_False);
    case 'n':
        return read_word(r, "null", cJSON_NULL);
    default:
        if (*r->at == '-' || is_digit(r))
            return read_number(r);
        return fail(r, "no JSON value starts like this");
    }
}

cJSON *json_read(struct arena *arena, struct bytes text, struct json_limits limits,
                 struct json_error *error)
{
    *error = (struct json_error){0};
    size_t valid = bytes_utf8_check(text);
    if (valid != text.n) {
        *error = (struct json_error){.offset = valid, .reason = "not well-formed UTF-8"};
        return NULL;
    }
    struct reader r = {arena, text.p, text.p, text.p + text.n, limits.depth, limits.values, error};
    cJSON *root = read_value(&r);
    if (!root)
        return NULL;
    skip_blanks(&r);
    if (r.at == r.end)
        return root;
    cJSON_Delete(root);
    return fail(&r, "something follows the value");
}

/* ---- taking values out ----------------------------------------------------------------------- */

struct bytes json_string(const cJSON *item)
{
    return stored_bytes(item->valuestring);
}

struct bytes json_name(const cJSON *item)
{
    return stored_bytes(item->string);
}

struct bytes json_number(const cJSON *item)
{
    return stored_bytes(item->valuestring);
}

const cJSON *json_get(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

bool json_bytes(struct arena *arena, const cJSON *item, struct bytes *out)
{
    if (cJSON_IsString(item)) {
        *out = json_string(item);
        return true;
    }
    const cJSON *b64 = json_get(item, "b64");
    if (!cJSON_IsString(b64) || item->child->next)
        return false;
    struct bytes text = json_string(b64);
    char *to = arena_alloc(arena, base64_decoded_max(text.n));
    return base64_decode(text, to, out);
}

bool json_argument(struct arena *arena, const cJSON *item, struct bytes *out)
{
    if (!cJSON_IsNumber(item))
        return json_bytes(arena, item, out);
    *out = json_number(item);
    return true;
}

bool json_int(const cJSON *item, int64_t *out)
{
    if (!cJSON_IsNumber(item) && !cJSON_IsString(item))
        return false;
    struct bytes text = json_string(item);
    if (cJSON_IsNumber(item) && bytes_eq(text, BYTES("-0")))
        text = BYTES("0");
    return num_parse_int(text, out);
}

bool json_double(const cJSON *item, double *out)
{
    if (!cJSON_IsNumber(item) && !cJSON_IsString(item))
        return false;
    return num_parse_double(json_string(item), out) && (cJSON_IsString(item) || isfinite(*out));
}

bool json_bool(const cJSON *item, bool *out)
{
    *out = cJSON_IsTrue(item);
    return cJSON_IsBool(item);
}
