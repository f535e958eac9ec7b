#include "persist/aof_record.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"

/* ---- writing --------------------------------------------------------------------------------- */

#define HEAD_MAX (NUM_INT_MAX + 3)

static char *put_head(char *to, char mark, size_t n)
{
    *to++ = mark;
    if (n < 10) {
        *to++ = (char)('0' + n);
    } else if (n < 100) {
        *to++ = (char)('0' + n / 10);
        *to++ = (char)('0' + n % 10);
    } else {
        to += num_format_uint(to, n);
    }
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

void aof_encode(struct buf *out, const struct bytes *argv, int argc)
{
    size_t room = HEAD_MAX;
    for (int i = 0; i < argc; i++)
        room += argv[i].n + HEAD_MAX + 2;
    char *begin = buf_reserve(out, room), *to = put_head(begin, '*', (size_t)argc);
    for (int i = 0; i < argc; i++) {
        to = put_head(to, '$', argv[i].n);
        if (argv[i].n)
            memcpy(to, argv[i].p, argv[i].n);
        to += argv[i].n;
        *to++ = '\r';
        *to++ = '\n';
    }
    out->n += (size_t)(to - begin);
}

void aof_encode_select(struct buf *out, unsigned db)
{
    char text[NUM_INT_MAX];
    struct bytes argv[] = {BYTES("SELECT"), bytes_of(text, num_format_uint(text, db))};
    aof_encode(out, argv, 2);
}

void aof_encode_sum(struct buf *out, const void *p, size_t n)
{
    char hex[HASH_DIGEST_HEX + 1] = {0};
    hash_digest_hex(hash_digest(bytes_of(p, n)), hex);
    buf_printf(out, "#atrium-sum %zu %s\r\n", n, hex);
}

/* ---- reading --------------------------------------------------------------------------------- */

void aof_reader_init(struct aof_reader *r, const void *p, size_t n)
{
    *r = (struct aof_reader){.p = p, .n = n};
}

void aof_reader_release(struct aof_reader *r)
{
    mem_free(r->argv);
    r->argv = NULL;
}

enum step { STEP_OK, STEP_SHORT, STEP_WRONG };

/* A line "<mark>NUMBER\r\n" at *at, which moves behind it. */
static enum step read_head(const struct aof_reader *r, size_t *at, char mark, size_t *value)
{
    size_t i = *at;
    uint64_t v;
    if (i >= r->n)
        return STEP_SHORT;
    if (r->p[i++] != mark)
        return STEP_WRONG;
    size_t from = i;
    while (i < r->n && i - from < NUM_INT_MAX && r->p[i] >= '0' && r->p[i] <= '9')
        i++;
    if (i >= r->n)
        return STEP_SHORT;
    if (r->p[i] != '\r' || !num_parse_uint(bytes_of(r->p + from, i - from), &v))
        return STEP_WRONG;
    if (i + 1 >= r->n)
        return STEP_SHORT;
    if (r->p[i + 1] != '\n')
        return STEP_WRONG;
    *at = i + 2;
    *value = v;
    return STEP_OK;
}

static enum step read_bulk(const struct aof_reader *r, size_t *at, struct bytes *value)
{
    size_t n = 0;
    enum step s = read_head(r, at, '$', &n);
    if (s != STEP_OK)
        return s;
    if (n > r->n - *at || r->n - *at - n < 2)
        return STEP_SHORT;
    *value = bytes_of(r->p + *at, n);
    *at += n + 2;
    return r->p[*at - 2] == '\r' && r->p[*at - 1] == '\n' ? STEP_OK : STEP_WRONG;
}

static void add_arg(struct aof_reader *r, struct bytes value)
{
    if (r->argc == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 16;
        r->argv = mem_realloc(r->argv, (size_t)r->cap * sizeof *r->argv);
    }
    r->argv[r->argc++] = value;
}

static enum step read_command(struct aof_reader *r, size_t *at)
{
    size_t n = 0;
    r->argc = 0;
    enum step s = read_head(r, at, '*', &n);
    if (s == STEP_OK && (n == 0 || n > INT32_MAX))
        s = STEP_WRONG;
    for (size_t i = 0; i < n && s == STEP_OK; i++) {
        struct bytes value;
        s = read_bulk(r, at, &value);
        if (s == STEP_OK)
            add_arg(r, value);
    }
    return s;
}

/* The line at *at without '#' and its end. */
static enum step read_note(struct aof_reader *r, size_t *at)
{
    const char *from = r->p + *at + 1, *end = memchr(from, '\n', r->n - *at - 1);
    if (!end)
        return STEP_SHORT;
    size_t n = (size_t)(end - from);
    r->note = bytes_of(from, n && from[n - 1] == '\r' ? n - 1 : n);
    *at += n + 2;
    return STEP_OK;
}

/* Is it a sum? Then *matches says whether it is that of the bytes before it. */
static bool is_sum(const struct aof_reader *r, bool *matches)
{
    const struct bytes word = BYTES("atrium-sum ");
    char hex[HASH_DIGEST_HEX + 1] = {0};
    uint64_t n = 0;
    if (r->note.n < word.n || memcmp(r->note.p, word.p, word.n) != 0)
        return false;
    struct bytes rest = bytes_of(r->note.p + word.n, r->note.n - word.n);
    const char *blank = rest.n ? memchr(rest.p, ' ', rest.n) : NULL;
    *matches =
        blank && num_parse_uint(bytes_of(rest.p, (size_t)(blank - rest.p)), &n) && n <= r->at;
    if (!*matches)
        return true;
    hash_digest_hex(hash_digest(bytes_of(r->p + r->at - n, n)), hex);
    struct bytes told = bytes_of(blank + 1, rest.n - (size_t)(blank + 1 - rest.p));
    *matches = bytes_eq(told, bytes_str(hex));
    return true;
}

/* Does a whole command stand anywhere behind `from`? */
static bool commands_follow(const struct aof_reader *r, size_t from)
{
    struct aof_reader probe = {.p = r->p, .n = r->n};
    bool found = false;
    while (!found && from + 4 < r->n) {
        const char *mark = memchr(r->p + from, '*', r->n - from);
        if (!mark)
            break;
        size_t at = (size_t)(mark - r->p);
        from = at + 1;
        found =
            at >= 2 && mark[-1] == '\n' && mark[-2] == '\r' && read_command(&probe, &at) == STEP_OK;
    }
    aof_reader_release(&probe);
    return found;
}

static enum aof_item damaged(struct aof_reader *r, enum step s)
{
    bool torn = !commands_follow(r, r->at + 1);
    r->next = r->at;
    r->wrong = s == STEP_SHORT
                   ? "an item runs past the file's end, and more commands stand behind its head"
                   : "bad format";
    return torn ? AOF_TORN : AOF_CORRUPT;
}

enum aof_item aof_read(struct aof_reader *r)
{
    bool matches;
    for (;;) {
        size_t at = r->at = r->next;
        if (at == r->n)
            return AOF_END;
        bool note = r->p[at] == '#';
        enum step s = note ? read_note(r, &at) : read_command(r, &at);
        if (s != STEP_OK)
            return damaged(r, s);
        r->next = at;
        if (!note)
            return AOF_COMMAND;
        if (!is_sum(r, &matches))
            return AOF_NOTE;
        if (!matches) {
            r->wrong = "a wrong checksum of the commands before it";
            return AOF_CORRUPT;
        }
    }
}
