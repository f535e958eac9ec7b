#include "net/memcached_parser.h"

#include <limits.h>

#include "base/base64.h"
#include "base/mem.h"

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
    p->noreply = has_noreply(p);
    return memcached_uint(p->words[1], &p->number) ? MEMCACHED_REQUEST : fail(p, BAD_FORMAT);
}

static enum memcached_result parse_cache_memlimit(struct memcached_parser *p)
{
    uint64_t ignored;
    p->noreply = has_noreply(p);
    if (!memcached_uint(p->words[1], &p->number))
        return fail(p, "ERROR");
    return p->nwords == 2 || p->noreply || memcached_uint(p->words[2], &ignored) ? MEMCACHED_REQUEST
                                                                                 : fail(p, "ERROR");
}

static enum memcached_result parse_shutdown(struct memcached_parser *p)
{
    p->says = "ERROR: shutdown not enabled";
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_refresh_certs(struct memcached_parser *p)
{
    p->says = "Error TLS not enabled";
    return MEMCACHED_REQUEST;
}

static enum memcached_result parse_bare(struct memcached_parser *p)
{
    (void)p;
    return MEMCACHED_REQUEST;
}

/* ---- meta commands --------------------------------------------------------------------------- */

/* The key at word 1, decoded where the flags say so. */
static bool decode_key(struct memcached_parser *p)
{
    struct bytes key = p->words[1];
    if (!p->meta.base64)
        return true;
    if (!base64_decode(key, p->key_room, &p->decoded) || p->decoded.n == 0)
        return false;
    p->keys = &p->decoded;
    return true;
}

/* md and ma do not tell most mistakes apart. */
static enum memcached_result parse_meta(struct memcached_parser *p, enum memcached_meta verb,
                                        size_t first, const char *vague)
{
    const char *error = memcached_flags_parse(&p->meta, verb, p->words + first, p->nwords - first);
    if (!error && !decode_key(p))
        error = "CLIENT_ERROR error decoding key";
    if (error && vague && !strstr(error, "invalid mode") && !strstr(error, "opaque"))
        error = vague;
    return error ? fail(p, error) : MEMCACHED_REQUEST;
}

static enum memcached_result parse_mg(struct memcached_parser *p)
{
    if (!take_key(p, 1))
        return fail(p, BAD_FORMAT);
    if (p->nwords > MEMCACHED_META_WORDS_MAX)
        return fail(p, "CLIENT_ERROR options flags are too long");
    return parse_meta(p, MEMCACHED_META_GET, 2, NULL);
}

#define TOO_MANY  "CLIENT_ERROR options flags too long"
#define BAD_FLAGS "CLIENT_ERROR invalid or duplicate flag"

static enum memcached_result parse_md(struct memcached_parser *p)
{
    if (!take_key(p, 1))
        return fail(p, BAD_FORMAT);
    if (p->nwords > MEMCACHED_META_WORDS_MAX)
        return fail(p, TOO_MANY);
    return parse_meta(p, MEMCACHED_META_DELETE, 2, BAD_FLAGS);
}

static enum memcached_result parse_ma(struct memcached_parser *p)
{
    if (!take_key(p, 1))
        return fail(p, BAD_FORMAT);
    if (p->nwords > MEMCACHED_META_WORDS_MAX)
        return fail(p, TOO_MANY);
    return parse_meta(p, MEMCACHED_META_COUNT, 2, BAD_FLAGS);
}

/* ms key length [flag ...]; once the length is known, a mistake passes over the data. */
static enum memcached_result parse_ms(struct memcached_parser *p)
{
    int64_t length;
    if (!take_key(p, 1) || p->nwords < 3)
        return fail(p, BAD_FORMAT);
    if (p->nwords > MEMCACHED_META_WORDS_MAX)
        return fail(p, TOO_MANY);
    if (!memcached_int(p->words[2], &length) || length < 0 || length > INT_MAX - 2)
        return fail(p, BAD_FORMAT);
    p->value.n = (size_t)length;
    enum memcached_result r = parse_meta(p, MEMCACHED_META_SET, 3, NULL);
    if (r == MEMCACHED_ERROR)
        p->swallow = p->value.n + 2;
    return r;
}

static enum memcached_result parse_me(struct memcached_parser *p)
{
    if (p->nwords < 2 || !take_key(p, 1))
        return fail(p, BAD_FORMAT);
    p->meta = (struct memcached_flags){.base64 = p->nwords > 2 && p->words[2].p[0] == 'b'};
    return decode_key(p) ? MEMCACHED_REQUEST : fail(p, BAD_FORMAT);
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct verb {
    const char *word;
    enum memcached_verb verb;
    size_t least, most; /* words; most 0: any number */
    enum memcached_result (*parse)(struct memcached_parser *p);
};

/* By length, up to the longest; each list ends with an empty verb. */
static const struct verb verbs_2[] = {
    {"mg", MEMCACHED_MG, 2, 0, parse_mg},
    {"ms", MEMCACHED_MS, 2, 0, parse_ms},
    {"md", MEMCACHED_MD, 2, 0, parse_md},
    {"ma", MEMCACHED_MA, 2, 0, parse_ma},
    {"mn", MEMCACHED_MN, 1, 0, parse_bare},
    {"me", MEMCACHED_ME, 1, 0, parse_me},
    {0},
};
static const struct verb verbs_3[] = {
    {"get", MEMCACHED_GET, 2, 0, parse_get},   {"set", MEMCACHED_SET, 5, 6, parse_store},
    {"add", MEMCACHED_ADD, 5, 6, parse_store}, {"cas", MEMCACHED_CAS, 6, 7, parse_store},
    {"gat", MEMCACHED_GAT, 2, 0, parse_gat},   {0},
};
static const struct verb verbs_4[] = {
    {"gets", MEMCACHED_GETS, 2, 0, parse_get},   {"incr", MEMCACHED_INCR, 3, 4, parse_count},
    {"decr", MEMCACHED_DECR, 3, 4, parse_count}, {"gats", MEMCACHED_GATS, 2, 0, parse_gat},
    {"quit", MEMCACHED_QUIT, 1, 0, parse_bare},  {0},
};
static const struct verb verbs_5[] = {
    {"touch", MEMCACHED_TOUCH, 3, 4, parse_touch},
    {"stats", MEMCACHED_STATS, 1, 0, parse_bare},
    {0},
};
static const struct verb verbs_6[] = {
    {"delete", MEMCACHED_DELETE, 2, 4, parse_delete},
    {"append", MEMCACHED_APPEND, 5, 6, parse_store},
    {0},
};
static const struct verb verbs_7[] = {
    {"replace", MEMCACHED_REPLACE, 5, 6, parse_store},
    {"prepend", MEMCACHED_PREPEND, 5, 6, parse_store},
    {"version", MEMCACHED_VERSION, 1, 0, parse_bare},
    {0},
};
static const struct verb verbs_8[] = {
    {"shutdown", MEMCACHED_SAYS, 1, 0, parse_shutdown},
    {0},
};
static const struct verb verbs_9[] = {
    {"flush_all", MEMCACHED_FLUSH_ALL, 1, 3, parse_flush_all},
    {"verbosity", MEMCACHED_VERBOSITY, 2, 3, parse_verbosity},
    {0},
};
static const struct verb verbs_13[] = {
    {"refresh_certs", MEMCACHED_SAYS, 1, 0, parse_refresh_certs},
    {0},
};
static const struct verb verbs_14[] = {
    {"cache_memlimit", MEMCACHED_CACHE_MEMLIMIT, 2, 3, parse_cache_memlimit},
    {0},
};
static const struct verb *const verbs[] = {
    [2] = verbs_2, [3] = verbs_3, [4] = verbs_4, [5] = verbs_5,   [6] = verbs_6,
    [7] = verbs_7, [8] = verbs_8, [9] = verbs_9, [13] = verbs_13, [14] = verbs_14,
};

static const struct verb *find_verb(struct bytes word)
{
    const struct verb *v = word.n < sizeof verbs / sizeof *verbs ? verbs[word.n] : NULL;
    for (; v && v->word; v++) {
        if (memcmp(v->word, word.p, word.n) == 0)
            return v;
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
    return (p->verb >= MEMCACHED_SET && p->verb <= MEMCACHED_CAS) || p->verb == MEMCACHED_MS;
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
