#include "net/resp_parser.h"

#include <ctype.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"

#define INLINE_MAX      (64 * 1024)
#define UNAUTH_ARGS_MAX 10
#define UNAUTH_BULK_MAX 16384
#define ARGV_KEPT       1024 /* a larger argv is given back after the request */

void resp_parser_init(struct resp_parser *p)
{
    *p = (struct resp_parser){.left = -1, .bulk_len = -1};
}

void resp_parser_release(struct resp_parser *p)
{
    mem_free(p->argv);
    buf_release(&p->inline_text);
    resp_parser_init(p);
}

void resp_parser_next(struct resp_parser *p)
{
    p->pos = 0;
    p->left = p->bulk_len = -1;
    p->argc = 0;
    buf_clear(&p->inline_text);
    if (p->cap > ARGV_KEPT) {
        mem_free(p->argv);
        p->argv = NULL;
        p->cap = 0;
    }
}

size_t resp_parser_wants(const struct resp_parser *p, size_t have)
{
    if (p->bulk_len < 0)
        return 0;
    size_t need = p->pos + (size_t)p->bulk_len + 2;
    return need > have ? need - have : 0;
}

static enum resp_result fail(char *error, size_t room, const char *text)
{
    snprintf(error, room, "Protocol error: %s", text);
    return RESP_ERROR;
}

/* Adds an argument at an offset of the input. */
static void add_argument(struct resp_parser *p, size_t offset, size_t n)
{
    if (p->argc == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 8;
        p->argv = mem_realloc(p->argv, (size_t)p->cap * sizeof *p->argv);
    }
    p->argv[p->argc++] = (struct bytes){(const char *)(uintptr_t)offset, n};
}

static void resolve_arguments(struct resp_parser *p, const char *base)
{
    for (int i = 0; i < p->argc; i++)
        p->argv[i].p = base + (uintptr_t)p->argv[i].p;
}

/* The line from pos up to CRLF; *next is past it. RESP_INCOMPLETE where there is no CR yet. */
static enum resp_result read_line(const struct resp_parser *p, struct bytes in, struct bytes *line,
                                  size_t *next)
{
    const char *from = in.p + p->pos;
    const char *cr = memchr(from, '\r', in.n - p->pos);
    if (!cr || (size_t)(cr - in.p) + 1 >= in.n)
        return RESP_INCOMPLETE;
    *line = bytes_of(from, (size_t)(cr - from));
    *next = (size_t)(cr - in.p) + 2;
    return RESP_COMPLETE;
}

/* A length in a head: few digits, nothing else. */
static bool parse_length(struct bytes s, int64_t *v)
{
    if (s.n == 0 || s.n > 10 || s.p[0] == '-')
        return num_parse_int(s, v);
    int64_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - (unsigned)'0';
        if (d > 9)
            return false;
        n = n * 10 + d;
    }
    *v = n;
    return s.n == 1 || s.p[0] != '0';
}

/* ---- multi-bulk -------------------------------------------------------------------------------------- */

static enum resp_result parse_head(struct resp_parser *p, struct bytes in,
                                   const struct resp_limits *limits, char *error, size_t room)
{
    struct bytes line;
    size_t next;
    int64_t n;
    p->pos = 1;
    if (read_line(p, in, &line, &next) == RESP_INCOMPLETE) {
        p->pos = 0;
        return in.n > INLINE_MAX ? fail(error, room, "too big mbulk count string")
                                 : RESP_INCOMPLETE;
    }
    if (!parse_length(line, &n) || n > limits->max_arguments)
        return fail(error, room, "invalid multibulk length");
    if (n > UNAUTH_ARGS_MAX && !limits->authenticated)
        return fail(error, room, "unauthenticated multibulk length");
    p->pos = next;
    p->left = n > 0 ? n : 0;
    return RESP_COMPLETE;
}

static enum resp_result parse_bulk_head(struct resp_parser *p, struct bytes in,
                                        const struct resp_limits *limits, char *error, size_t room)
{
    struct bytes line;
    size_t next;
    int64_t n;
    if (read_line(p, in, &line, &next) == RESP_INCOMPLETE)
        return in.n - p->pos > INLINE_MAX ? fail(error, room, "too big bulk count string")
                                          : RESP_INCOMPLETE;
    if (in.p[p->pos] != '$') {
        snprintf(error, room, "Protocol error: expected '$', got '%c'", in.p[p->pos]);
        return RESP_ERROR;
    }
    line.p++;
    line.n--;
    if (!parse_length(line, &n) || n < 0 || n > limits->max_bulk_bytes)
        return fail(error, room, "invalid bulk length");
    if (n > UNAUTH_BULK_MAX && !limits->authenticated)
        return fail(error, room, "unauthenticated bulk length");
    p->pos = next;
    p->bulk_len = n;
    return RESP_COMPLETE;
}

static enum resp_result parse_arguments(struct resp_parser *p, struct bytes in,
                                        const struct resp_limits *limits, char *error, size_t room)
{
    while (p->left > 0) {
        if (p->bulk_len < 0) {
            if (p->pos >= in.n)
                return RESP_INCOMPLETE;
            enum resp_result r = parse_bulk_head(p, in, limits, error, room);
            if (r != RESP_COMPLETE)
                return r;
        }
        if (in.n - p->pos < (size_t)p->bulk_len + 2)
            return RESP_INCOMPLETE;
        add_argument(p, p->pos, (size_t)p->bulk_len);
        p->pos += (size_t)p->bulk_len + 2;
        p->bulk_len = -1;
        p->left--;
    }
    resolve_arguments(p, in.p);
    return RESP_COMPLETE;
}

/* ---- inline ------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape in a "..." word at line.p[i], just past the backslash; returns the index past it. */
static size_t unescape(struct bytes line, size_t i, struct buf *out)
{
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    const char *at;
    if (line.p[i] == 'x' && i + 2 < line.n && hex_digit(line.p[i + 1]) >= 0 &&
        hex_digit(line.p[i + 2]) >= 0) {
        buf_add_char(out, (char)(hex_digit(line.p[i + 1]) << 4 | hex_digit(line.p[i + 2])));
        return i + 3;
    }
    at = line.p[i] ? strchr(from, line.p[i]) : NULL;
    buf_add_char(out, at ? to[at - from] : line.p[i]);
    return i + 1;
}

/* A quoted part from its opening quote on; false where it is not closed or runs into the next word. */
static bool quoted(struct bytes line, size_t *pi, struct buf *out)
{
    char quote = line.p[*pi];
    size_t i = *pi + 1;
    while (i < line.n && line.p[i] != quote) {
        if (line.p[i] == '\\' && i + 1 < line.n && quote == '"') {
            i = unescape(line, i + 1, out);
        } else if (line.p[i] == '\\' && i + 1 < line.n && line.p[i + 1] == '\'') {
            buf_add_char(out, '\'');
            i += 2;
        } else {
            buf_add_char(out, line.p[i++]);
        }
    }
    *pi = i + 1;
    return i < line.n && (i + 1 == line.n || isspace((unsigned char)line.p[i + 1]));
}

static bool split_words(struct resp_parser *p, struct bytes line)
{
    size_t i = 0;
    for (;;) {
        while (i < line.n && isspace((unsigned char)line.p[i]))
            i++;
        if (i == line.n)
            break;
        size_t start = p->inline_text.n;
        while (i < line.n && !isspace((unsigned char)line.p[i])) {
            if (line.p[i] == '"' || line.p[i] == '\'') {
                if (!quoted(line, &i, &p->inline_text))
                    return false;
                break;
            }
            buf_add_char(&p->inline_text, line.p[i++]);
        }
        add_argument(p, start, p->inline_text.n - start);
    }
    buf_reserve(&p->inline_text, 1);
    resolve_arguments(p, p->inline_text.p);
    return true;
}

static enum resp_result parse_inline(struct resp_parser *p, struct bytes in, char *error,
                                     size_t room)
{
    const char *nl = memchr(in.p, '\n', in.n);
    if (!nl)
        return in.n > INLINE_MAX ? fail(error, room, "too big inline request") : RESP_INCOMPLETE;
    struct bytes line = bytes_of(in.p, (size_t)(nl - in.p));
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    p->pos = (size_t)(nl - in.p) + 1;
    if (!split_words(p, line))
        return fail(error, room, "unbalanced quotes in request");
    return RESP_COMPLETE;
}

enum resp_result resp_parse(struct resp_parser *p, struct bytes in,
                            const struct resp_limits *limits, char *error, size_t room)
{
    if (in.n == 0)
        return RESP_INCOMPLETE;
    if (in.p[0] != '*')
        return parse_inline(p, in, error, room);
    if (p->left < 0) {
        enum resp_result r = parse_head(p, in, limits, error, room);
        if (r != RESP_COMPLETE)
            return r;
    }
    return parse_arguments(p, in, limits, error, room);
}

/* ---- looking ahead --------------------------------------------------------------------------- */

#define AHEAD_ARGUMENTS_MAX 16
#define AHEAD_BULK_MAX      4096

/* `mark`, a small number and CRLF at *p, which is moved behind them; -1: something else. */
static int small_number(const char **p, const char *end, char mark)
{
    const char *at = *p;
    int v = 0;
    if (end - at < 4 || *at++ != mark)
        return -1;
    while (at < end && *at >= '0' && *at <= '9' && v <= AHEAD_BULK_MAX)
        v = v * 10 + (*at++ - '0');
    if (end - at < 2 || at[0] != '\r' || at[1] != '\n' || v > AHEAD_BULK_MAX)
        return -1;
    *p = at + 2;
    return v;
}

/* One request at *p; its first argument, p NULL where it has none. */
static bool skip_request(const char **p, const char *end, struct bytes *first)
{
    int argc = small_number(p, end, '*');
    if (argc < 1 || argc > AHEAD_ARGUMENTS_MAX)
        return false;
    *first = (struct bytes){0};
    for (int i = 0; i < argc; i++) {
        int n = small_number(p, end, '$');
        if (n < 0 || end - *p < n + 2)
            return false;
        if (i == 1)
            *first = bytes_of(*p, (size_t)n);
        *p += n + 2;
    }
    return true;
}

unsigned resp_look_ahead(struct bytes in, struct bytes *first, unsigned max, unsigned *requests)
{
    const char *p = in.p, *end = in.p + in.n;
    struct bytes key;
    unsigned n = 0;
    *requests = 0;
    while (n < max && skip_request(&p, end, &key)) {
        ++*requests;
        if (key.p)
            first[n++] = key;
    }
    return n;
}
