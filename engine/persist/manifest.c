#include "persist/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "persist/disk.h"

#define MANIFEST_BYTES_MAX (1024 * 1024)

void manifest_init(struct manifest *m)
{
    *m = (struct manifest){0};
}

void manifest_release(struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++)
        mem_free(m->files[i].name);
    mem_free(m->files);
    manifest_init(m);
}

static char *text_of(struct bytes s)
{
    char *p = mem_alloc(s.n + 1);
    memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

static void insert(struct manifest *m, size_t at, struct bytes name, uint64_t seq, char type)
{
    m->files = mem_realloc(m->files, (m->n + 1) * sizeof *m->files);
    memmove(&m->files[at + 1], &m->files[at], (m->n - at) * sizeof *m->files);
    m->files[at] = (struct manifest_file){text_of(name), seq, type};
    m->n++;
}

struct manifest manifest_copy(const struct manifest *m)
{
    struct manifest copy = {0};
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_file *f = &m->files[i];
        insert(&copy, i, bytes_str(f->name), f->seq, f->type);
    }
    return copy;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Where a file of that type goes: base, incremental ones, history. */
static size_t place_of(const struct manifest *m, char type)
{
    size_t at = 0;
    while (at < m->n && type != 'h' &&
           (m->files[at].type == 'b' || (type == 'i' && m->files[at].type == 'i')))
        at++;
    return type == 'h' ? m->n : at;
}

/* The next word of a line; false at its end. A name may stand in quotes. */
static bool next_word(struct bytes *line, struct bytes *word)
{
    while (line->n && *line->p == ' ')
        *line = bytes_of(line->p + 1, line->n - 1);
    bool quoted = line->n && *line->p == '"';
    if (quoted)
        *line = bytes_of(line->p + 1, line->n - 1);
    size_t n = 0;
    while (n < line->n && line->p[n] != (quoted ? '"' : ' '))
        n++;
    *word = bytes_of(line->p, n);
    n += quoted && n < line->n;
    *line = bytes_of(line->p + n, line->n - n);
    return word->n > 0;
}

static bool plain_name(struct bytes name)
{
    return name.n && !memchr(name.p, '/', name.n) && !memchr(name.p, 0, name.n) &&
           !bytes_eq(name, BYTES(".")) && !bytes_eq(name, BYTES(".."));
}

/* What is wrong with the line; NULL: nothing. */
static const char *parse_line(struct manifest *m, struct bytes line)
{
    struct bytes key, value, name = {0};
    uint64_t seq = 0;
    char type = 0;
    while (next_word(&line, &key)) {
        if (!next_word(&line, &value))
            return "a word without a value";
        if (bytes_eq(key, BYTES("file")))
            name = value;
        else if (bytes_eq(key, BYTES("seq")) && !num_parse_uint(value, &seq))
            return "a bad number";
        else if (bytes_eq(key, BYTES("type")))
            type = value.n == 1 ? *value.p : 0;
    }
    if (!plain_name(name))
        return "a bad file name";
    if (seq == 0 || (type != 'b' && type != 'i' && type != 'h'))
        return "no number, or no type";
    if (type == 'b' && manifest_base(m))
        return "a second base";
    if (type == 'i' && manifest_last_incr(m) && manifest_last_incr(m)->seq >= seq)
        return "numbers out of order";
    if (m->n >= MANIFEST_FILES_MAX)
        return "too many files";
    insert(m, place_of(m, type), name, seq, type);
    return NULL;
}

bool manifest_parse(struct manifest *m, struct bytes text, struct buf *error)
{
    manifest_init(m);
    for (size_t number = 1; text.n; number++) {
        const char *end = memchr(text.p, '\n', text.n);
        size_t n = end ? (size_t)(end - text.p) : text.n, taken = n + (end != NULL);
        struct bytes line = bytes_of(text.p, n && text.p[n - 1] == '\r' ? n - 1 : n);
        const char *wrong = !end                            ? "cut off"
                            : line.n == 0 || *line.p == '#' ? NULL
                                                            : parse_line(m, line);
        if (wrong) {
            buf_printf(error, "line %zu: %s", number, wrong);
            manifest_release(m);
            return false;
        }
        text = bytes_of(text.p + taken, text.n - taken);
    }
    if (m->n)
        return true;
    buf_add_str(error, "it names no file");
    return false;
}

void manifest_format(const struct manifest *m, struct buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_file *f = &m->files[i];
        const char *quote = strchr(f->name, ' ') ? "\"" : "";
        buf_printf(out, "file %s%s%s seq %llu type %c\n", quote, f->name, quote,
                   (unsigned long long)f->seq, f->type);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

const struct manifest_file *manifest_base(const struct manifest *m)
{
    return m->n && m->files[0].type == 'b' ? &m->files[0] : NULL;
}

const struct manifest_file *manifest_last_incr(const struct manifest *m)
{
    const struct manifest_file *last = NULL;
    for (size_t i = 0; i < m->n; i++) {
        if (m->files[i].type == 'i')
            last = &m->files[i];
    }
    return last;
}

/* History counts too, so that no name is used again while its file may still be there. */
static uint64_t next_seq(const struct manifest *m, bool base)
{
    uint64_t last = 0;
    for (size_t i = 0; i < m->n; i++) {
        bool is_base = m->files[i].type == 'b' || strstr(m->files[i].name, ".base.");
        if (is_base == base && m->files[i].seq > last)
            last = m->files[i].seq;
    }
    return last + 1;
}

const struct manifest_file *manifest_add_incr(struct manifest *m, const char *prefix)
{
    struct buf name;
    uint64_t seq = next_seq(m, false);
    size_t at = place_of(m, 'i');
    buf_init(&name);
    buf_printf(&name, "%s.%llu.incr.aof", prefix, (unsigned long long)seq);
    insert(m, at, buf_bytes(&name), seq, 'i');
    buf_release(&name);
    return &m->files[at];
}

void manifest_next_base(const struct manifest *m, const char *prefix, bool rdb, struct buf *name)
{
    buf_clear(name);
    buf_printf(name, "%s.%llu.base.%s", prefix, (unsigned long long)next_seq(m, true),
               rdb ? "rdb" : "aof");
    buf_add_char(name, '\0');
}

void manifest_set_base(struct manifest *m, const char *name, bool keep_last)
{
    struct manifest fresh = {0};
    const struct manifest_file *last = keep_last ? manifest_last_incr(m) : NULL;
    insert(&fresh, 0, bytes_str(name), next_seq(m, true), 'b');
    if (last)
        insert(&fresh, 1, bytes_str(last->name), last->seq, 'i');
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_file *f = &m->files[i];
        if (f != last)
            insert(&fresh, fresh.n, bytes_str(f->name), f->seq, 'h');
    }
    manifest_release(m);
    *m = fresh;
}

void manifest_drop_history(struct manifest *m)
{
    while (m->n && m->files[m->n - 1].type == 'h')
        mem_free(m->files[--m->n].name);
}

/* ---- on disk --------------------------------------------------------------------------------- */

static int read_all(const char *path, struct buf *text)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = fstat(fd, &st) != 0 ? errno : 0;
    size_t left = failed ? 0 : (size_t)st.st_size;
    if (!failed && (!S_ISREG(st.st_mode) || st.st_size > MANIFEST_BYTES_MAX))
        failed = EFBIG;
    while (!failed && left) {
        ssize_t n = read(fd, buf_reserve(text, left), left);
        if (n > 0) {
            text->n += (size_t)n;
            left -= (size_t)n;
        } else if (n == 0) {
            left = 0;
        } else if (errno != EINTR) {
            failed = errno;
        }
    }
    close(fd);
    return failed;
}

static void manifest_name(struct buf *name, const char *prefix)
{
    buf_init(name);
    buf_printf(name, "%s.manifest", prefix);
    buf_add_char(name, '\0');
}

enum manifest_result manifest_load(struct manifest *m, const char *folder, const char *prefix,
                                   struct buf *error)
{
    struct buf name, path, text, why;
    enum manifest_result result = MANIFEST_LOADED;
    manifest_init(m);
    manifest_name(&name, prefix);
    buf_init(&path);
    buf_init(&text);
    buf_init(&why);
    int failed = read_all(disk_path(&path, folder, name.p), &text);
    if (failed == ENOENT) {
        result = MANIFEST_MISSING;
    } else if (failed) {
        buf_printf(error, "%s: %s", path.p, strerror(failed));
        result = MANIFEST_BAD;
    } else if (!manifest_parse(m, buf_bytes(&text), &why)) {
        buf_printf(error, "%s: %.*s", path.p, (int)why.n, why.p);
        result = MANIFEST_BAD;
    }
    buf_release(&name);
    buf_release(&path);
    buf_release(&text);
    buf_release(&why);
    return result;
}

int manifest_save(const struct manifest *m, const char *folder, const char *prefix)
{
    struct buf name, text;
    manifest_name(&name, prefix);
    buf_init(&text);
    manifest_format(m, &text);
    int failed = disk_replace(folder, name.p, buf_bytes(&text));
    buf_release(&name);
    buf_release(&text);
    return failed;
}

bool manifest_strays(const char *folder, const char *prefix, struct buf *name)
{
    DIR *d = opendir(folder);
    const struct dirent *at;
    size_t n = strlen(prefix);
    bool found = false;
    while (d && !found && (at = readdir(d))) {
        const char *rest = at->d_name + n;
        found = strncmp(at->d_name, prefix, n) == 0 && rest[0] == '.' && rest[1] >= '0' &&
                rest[1] <= '9' && (strstr(rest, ".base.") || strstr(rest, ".incr."));
        if (found)
            buf_add_str(name, at->d_name);
    }
    if (d)
        closedir(d);
    return found;
}
