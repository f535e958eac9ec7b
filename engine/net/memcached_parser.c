#include "net/memcached_parser.h"

#include <limits.h>

#include "base/mem.h"
#include "commands/memcached.h"

/* A line longer than this that has not ended is one of many keys, or nothing that will end well. */
#define LINE_MAX_BYTES  2048
#define LINE_BLANKS_MAX 100

#define BAD_FORMAT "CLIENT_ERROR bad command line format"

void memcached_parser_init(struct memcached_parser *p)
{
    *p = (struct memcached_parser){0};
}

void memcached_parser_release(struct memcached_parser *p)
{
    mem_free(p->words);
}

static enum memcached_result fail(struct memcached_parser *p, const char *error)
{
    p->error = error;
    return MEMCACHED_ERROR;
}

static bool has_noreply(const struct memcached_parser *p)
{
    return bytes_eq(p->words[p->nwords - 1], BYTES("noreply"));
}

/* The key at word i; false where it is too long. */
static bool take_key(struct memcached_parser *p, size_t i)
{
    p->keys = &p->words[i];
    p->nkeys = 1;
    return p->words[i].n <= MEMCACHED_KEY_MAX;
}

/* ---- one function for each form of a line, once its words have been counted ----------------- */

static enum memcached_result parse_keys(struct memcached_parser *p, size_t first)
{
    p->keys = &p->words[first];
    p->nkeys = p->nwords - first;
    for (size_t i = 0; i < p->nkeys; i++) {
        if (p->keys[i].n > MEMCACHED_KEY_MAX)
            return fail(p, BAD_FORMAT);
    }
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_get(struct memcached_parser *p)
{
    return parse_keys(p, 1);
}

static enum memcached_result parse_gat(struct memcached_parser *p)
{
    if (!memcached_int(p->words[1], &p->exptime))
        return fail(p, "CLIENT_ERROR invalid exptime argument");
    return parse_keys(p, 2);
}

/* word key flags exptime bytes [unique] [noreply]; leaves the length in value.n. */
static enum memcached_result parse_store(struct memcached_parser *p)
{
    uint64_t flags;
    int64_t length;
    p->noreply = has_noreply(p);
    if (!take_key(p, 1) || !memcached_uint(p->words[2], &flags) || flags > UINT32_MAX ||
        !memcached_int(p->words[3], &p->exptime) || !memcached_int(p->words[4], &length))
        return fail(p, BAD_FORMAT);
    if (p->verb == MEMCACHED_CAS && !memcached_uint(p->words[5], &p->number))
        return fail(p, BAD_FORMAT);
    if (length < 0 || length > INT_MAX - 2)
        return fail(p, BAD_FORMAT);
    p->flags = (uint32_t)flags;
    p->value.n = (size_t)length;
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_count(struct memcached_parser *p)
{
    p->noreply = has_noreply(p);
    if (!take_key(p, 1))
        return fail(p, BAD_FORMAT);
    if (!memcached_uint(p->words[2], &p->number))
        return fail(p, "CLIENT_ERROR invalid numeric delta argument");
    return MEMCACHED_REQUEST;
}

/* delete key [0] [noreply]: the 0 is what is left of a time that memcached once took there. */
static enum memcached_result parse_delete(struct memcached_parser *p)
{
    if (p->nwords > 2) {
        bool zero = bytes_eq(p->words[2], BYTES("0"));
        p->noreply = has_noreply(p);
        if (!(p->nwords == 3 ? zero || p->noreply : zero && p->noreply))
            return fail(p, BAD_FORMAT ".  Usage: delete <key> [noreply]");
    }
    return take_key(p, 1) ? MEMCACHED_REQUEST : fail(p, BAD_FORMAT);
}

static enum memcached_result parse_touch(struct memcached_parser *p)
{
    p->noreply = has_noreply(p);
    if (!take_key(p, 1))
        return fail(p, BAD_FORMAT);
    if (!memcached_int(p->words[2], &p->exptime))
        return fail(p, "CLIENT_ERROR invalid exptime argument");
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_flush_all(struct memcached_parser *p)
{
    p->noreply = has_noreply(p);
    p->exptime = 0;
    if (p->nwords > (p->noreply ? 2u : 1u) && !memcached_int(p->words[1], &p->exptime))
        return fail(p, "CLIENT_ERROR invalid exptime argument");
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_verbosity(struct memcached_parser *p)
{
    uint64_t level;
    p->noreply = has_noreply(p);
    return memcached_uint(p->words[1], &level) ? MEMCACHED_REQUEST : fail(p, BAD_FORMAT);
}

static enum memcached_result parse_stats(struct memcached_parser *p)
{
    p->what = p->nwords > 1 ? p->words[1] : (struct bytes){0};
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_bare(struct memcached_parser *p)
{
    (void)p;
    return MEMCACHED_REQUEST;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const struct verb {
    const char *word;
    enum memcached_verb verb;
    size_t least, most; /* words; most 0: any number */
    enum memcached_result (*parse)(struct memcached_parser *p);
} verbs[] = {
    {"get", MEMCACHED_GET, 2, 0, parse_get},
    {"set", MEMCACHED_SET, 5, 6, parse_store},
    {"gets", MEMCACHED_GETS, 2, 0, parse_get},
    {"gat", MEMCACHED_GAT, 2, 0, parse_gat},
    {"gats", MEMCACHED_GATS, 2, 0, parse_gat},
    {"add", MEMCACHED_ADD, 5, 6, parse_store},
    {"replace", MEMCACHED_REPLACE, 5, 6, parse_store},
    {"append", MEMCACHED_APPEND, 5, 6, parse_store},
    {"prepend", MEMCACHED_PREPEND, 5, 6, parse_store},
    {"cas", MEMCACHED_CAS, 6, 7, parse_store},
    {"incr", MEMCACHED_INCR, 3, 4, parse_count},
    {"decr", MEMCACHED_DECR, 3, 4, parse_count},
    {"delete", MEMCACHED_DELETE, 2, 4, parse_delete},
    {"touch", MEMCACHED_TOUCH, 3, 4, parse_touch},
    {"flush_all", MEMCACHED_FLUSH_ALL, 1, 3, parse_flush_all},
    {"stats", MEMCACHED_STATS, 1, 0, parse_stats},
    {"version", MEMCACHED_VERSION, 1, 0, parse_bare},
    {"verbosity", MEMCACHED_VERBOSITY, 2, 3, parse_verbosity},
    {"quit", MEMCACHED_QUIT, 1, 0, parse_bare},
};

static const struct verb *find_verb(struct bytes word)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (bytes_eq(word, bytes_str(verbs[i].word)))
            return &verbs[i];
    }
    return NULL;
}

static void add_word(struct memcached_parser *p, const char *from, const char *to)
{
    if (p->nwords == p->words_cap) {
        p->words_cap = p->words_cap ? p->words_cap * 2 : 16;
        p->words = mem_realloc(p->words, p->words_cap * sizeof *p->words);
    }
    p->words[p->nwords++] = bytes_of(from, (size_t)(to - from));
}

static void split(struct memcached_parser *p, struct bytes line)
{
    const char *at = line.p, *end = line.p + line.n;
    p->nwords = 0;
    while (at < end) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        blank = blank ? blank : end;
        if (blank > at)
            add_word(p, at, blank);
        at = blank + 1;
    }
}

static enum memcached_result parse_line(struct memcached_parser *p, struct bytes line)
{
    p->noreply = false;
    p->keys = NULL;
    p->nkeys = 0;
    split(p, line);
    const struct verb *v = p->nwords ? find_verb(p->words[0]) : NULL;
    if (!v || p->nwords < v->least || (v->most && p->nwords > v->most))
        return fail(p, "ERROR");
    if (memchr(line.p, '\0', line.n))
        return fail(p, BAD_FORMAT);
    p->verb = v->verb;
    p->name = v->word;
    return v->parse(p);
}

/* Is a long line that has not ended worth waiting for? Only one of many keys is. */
static bool hopeful(struct bytes in)
{
    size_t i = 0;
    while (i < in.n && in.p[i] == ' ')
        i++;
    struct bytes rest = bytes_of(in.p + i, in.n - i);
    return i <= LINE_BLANKS_MAX && rest.n > 5 &&
           (memcmp(rest.p, "get ", 4) == 0 || memcmp(rest.p, "gets ", 5) == 0);
}

/* ---- data ----------------------------------------------------------------------------------- */

static enum memcached_result swallow(struct memcached_parser *p, size_t available)
{
    size_t n = p->swallow < available ? p->swallow : available;
    p->swallow -= n;
    p->used = n;
    return MEMCACHED_INCOMPLETE;
}

/* The data after a storing line; p->used is the line's length and value.n the data's. */
static enum memcached_result parse_data(struct memcached_parser *p, struct bytes in,
                                        size_t max_value_bytes)
{
    size_t n = p->value.n, whole = p->used + n + 2;
    if (n > max_value_bytes) {
        p->swallow = n + 2;
        p->error = "SERVER_ERROR object too large for cache";
        return MEMCACHED_TOO_LARGE;
    }
    if (in.n < whole) {
        p->wants = whole;
        p->used = 0;
        return MEMCACHED_INCOMPLETE;
    }
    p->value.p = in.p + p->used;
    p->used = whole;
    if (memcmp(p->value.p + n, "\r\n", 2) != 0)
        return fail(p, "CLIENT_ERROR bad data chunk");
    return MEMCACHED_REQUEST;
}

static bool stores(const struct memcached_parser *p)
{
    return p->verb >= MEMCACHED_SET && p->verb <= MEMCACHED_CAS;
}

enum memcached_result memcached_parse(struct memcached_parser *p, struct bytes in,
                                      size_t max_value_bytes)
{
    p->used = p->wants = 0;
    if (p->swallow)
        return swallow(p, in.n);
    const char *from = in.p + p->scanned;
    const char *end = in.n > p->scanned ? memchr(from, '\n', in.n - p->scanned) : NULL;
    if (!end) {
        p->scanned = in.n;
        return in.n > LINE_MAX_BYTES && !hopeful(in) ? MEMCACHED_HOPELESS : MEMCACHED_INCOMPLETE;
    }
    size_t n = (size_t)(end - in.p);
    p->scanned = 0;
    p->used = n + 1;
    if (n > 1 && in.p[n - 1] == '\r')
        n--;
    enum memcached_result r = parse_line(p, bytes_of(in.p, n));
    return r == MEMCACHED_REQUEST && stores(p) ? parse_data(p, in, max_value_bytes) : r;
}
