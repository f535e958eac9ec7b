/* Members of JSON objects, read where they lie. What is not asked for is passed over without being checked in full. */
#include <ctype.h>

#include "base/num.h"
#include "types/vector_filter_internal.h"

struct scan {
    const char *at, *end;
};

static bool skip_to(struct scan *s, char c)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
    return s->at < s->end && *s->at == c;
}

/* A string's bytes between the quotes; s stands on the first one. */
static bool scan_text(struct scan *s, struct filter_value *v)
{
    const char *from = ++s->at;
    *v = (struct filter_value){.kind = FILTER_TEXT};
    for (; s->at < s->end && *s->at != '"'; s->at++) {
        if (*s->at == '\\') {
            v->escaped = true;
            if (++s->at == s->end)
                return false;
        }
    }
    if (s->at == s->end)
        return false;
    v->text = bytes_of(from, (size_t)(s->at - from));
    s->at++;
    return true;
}

/* Passes over an object or a list; is there none in it? */
static bool skip_nested(struct scan *s, bool *flat)
{
    struct filter_value ignored;
    size_t depth = 0;
    *flat = true;
    do {
        if (s->at == s->end)
            return false;
        if (*s->at == '"') {
            if (!scan_text(s, &ignored))
                return false;
            continue;
        }
        depth += *s->at == '{' || *s->at == '[';
        depth -= *s->at == '}' || *s->at == ']';
        *flat &= depth < 2;
        s->at++;
    } while (depth);
    return true;
}

static bool is_word(char c)
{
    return c != ',' && c != ']' && c != '}' && (unsigned char)c > ' ';
}

/* Numbers of up to 15 digits without an exponent: whole and divisor are exact in doubles, so one division rounds right
 * (Clinger, 1990). False: it is another one, or none; s has not moved. */
static bool scan_short_number(struct scan *s, double *number)
{
    static const double tens[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    const char *p = s->at, *point = NULL;
    bool negative = *p == '-';
    int64_t whole = 0;
    int digits = 0;
    for (p += negative; p < s->end && digits < 16; p++) {
        if (*p == '.' && !point && digits)
            point = p;
        else if (isdigit((unsigned char)*p))
            whole = whole * 10 + (*p - '0'), digits++;
        else
            break;
    }
    if (digits == 0 || digits > 15 || p[-1] == '.' || (p < s->end && is_word(*p)))
        return false;
    *number = (double)whole / tens[point ? p - point - 1 : 0];
    *number = negative ? -*number : *number;
    s->at = p;
    return true;
}

static bool scan_word(struct scan *s, struct filter_value *v)
{
    const char *from = s->at;
    *v = (struct filter_value){.kind = FILTER_NUMBER};
    if (scan_short_number(s, &v->number))
        return true;
    while (s->at < s->end && is_word(*s->at))
        s->at++;
    struct bytes word = bytes_of(from, (size_t)(s->at - from));
    if (bytes_eq(word, BYTES("null"))) {
        v->kind = FILTER_NULL;
        return true;
    }
    if (bytes_eq(word, BYTES("true")) || bytes_eq(word, BYTES("false"))) {
        v->number = *word.p == 't';
        return true;
    }
    return word.n && (isdigit((unsigned char)*word.p) || *word.p == '-') &&
           num_parse_double(word, &v->number);
}

static bool scan_value(struct scan *s, struct filter_value *v, bool *usable)
{
    *usable = true;
    if (s->at == s->end)
        return false;
    if (*s->at == '"')
        return scan_text(s, v);
    if (*s->at != '{' && *s->at != '[')
        return scan_word(s, v);
    const char *from = s->at + 1;
    bool list = *s->at == '[', flat;
    if (!skip_nested(s, &flat))
        return false;
    *usable = list && flat;
    *v = (struct filter_value){.kind = FILTER_JSON_LIST,
                               .text = bytes_of(from, (size_t)(s->at - from))};
    return true;
}

static bool same_name(const struct filter_value *v, struct bytes name)
{
    if (!v->escaped)
        return bytes_eq(v->text, name);
    struct filter_text t;
    filter_text_begin(&t, v);
    for (size_t i = 0; i < name.n; i++) {
        if (filter_text_next(&t) != (unsigned char)name.p[i])
            return false;
    }
    return filter_text_next(&t) < 0;
}

bool filter_json_member(struct bytes json, struct bytes name, struct filter_value *v)
{
    struct scan s = {json.p, json.p + json.n};
    struct filter_value key;
    if (!skip_to(&s, '{'))
        return false;
    do {
        bool usable;
        s.at++;
        if (!skip_to(&s, '"') || !scan_text(&s, &key) || !skip_to(&s, ':'))
            return false;
        s.at++;
        skip_to(&s, '\0');
        if (!scan_value(&s, v, &usable))
            return false;
        if (same_name(&key, name))
            return usable;
    } while (skip_to(&s, ','));
    return false;
}

bool filter_json_item(struct bytes *list, struct filter_value *v)
{
    struct scan s = {list->p, list->p + list->n};
    bool usable;
    skip_to(&s, '\0');
    if (!scan_value(&s, v, &usable) || v->kind == FILTER_JSON_LIST)
        return false;
    s.at += skip_to(&s, ',');
    *list = bytes_of(s.at, (size_t)(s.end - s.at));
    return true;
}

/* ---- texts ----------------------------------------------------------------------------------- */

void filter_text_begin(struct filter_text *t, const struct filter_value *v)
{
    *t = (struct filter_text){v->text.p, v->text.p + v->text.n, v->escaped, {0}, 0};
}

static unsigned hex4(struct filter_text *t)
{
    unsigned code = 0;
    for (int i = 0; i < 4 && t->p < t->end && isxdigit((unsigned char)*t->p); i++) {
        char c = *t->p++;
        code = code * 16 + (unsigned)(isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10);
    }
    return code;
}

/* Puts a code point's bytes into t->more, the last one first. */
static int utf8(struct filter_text *t, unsigned code)
{
    static const unsigned char heads[] = {0x00, 0xC0, 0xE0, 0xF0};
    unsigned tails = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    for (unsigned i = 0; i < tails; i++) {
        t->more[t->n++] = (unsigned char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    return heads[tails] | (int)code;
}

static int unicode(struct filter_text *t)
{
    unsigned code = hex4(t);
    if (code >= 0xD800 && code < 0xDC00 && t->end - t->p >= 6 && t->p[0] == '\\' &&
        t->p[1] == 'u') {
        t->p += 2;
        unsigned low = hex4(t);
        code = 0x10000 + ((code - 0xD800) << 10) + ((low - 0xDC00) & 0x3FF);
    }
    return utf8(t, code);
}

int filter_text_next(struct filter_text *t)
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    if (t->n)
        return t->more[--t->n];
    if (t->p == t->end)
        return -1;
    char c = *t->p++;
    if (!t->escaped || c != '\\' || t->p == t->end)
        return (unsigned char)c;
    c = *t->p++;
    if (c == 'u')
        return unicode(t);
    const char *known = strchr(from, c);
    return (unsigned char)(c && known ? to[known - from] : c);
}
