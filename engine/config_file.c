/* The configuration's file and the program's arguments; CONFIG REWRITE. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config_internal.h"

/* ---- lines ------------------------------------------------------------------------------------------------ */

static void trim(struct bytes *s)
{
    while (s->n && isspace((unsigned char)s->p[0])) {
        s->p++;
        s->n--;
    }
    while (s->n && isspace((unsigned char)s->p[s->n - 1]))
        s->n--;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10 : -1;
}

/* The byte that the escape after a backslash at *i stands for; *i is left at its last character. */
static char escaped(struct bytes in, size_t *i)
{
    static const char from[] = "nrtab", to[] = "\n\r\t\a\b";
    char c = in.p[*i];
    if (c == 'x' && *i + 2 < in.n && hex_digit(in.p[*i + 1]) >= 0 && hex_digit(in.p[*i + 2]) >= 0) {
        *i += 2;
        return (char)(hex_digit(in.p[*i - 1]) * 16 + hex_digit(in.p[*i]));
    }
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : c;
}

/* A value, without its quotes where it has them; "..." knows the escapes that quote() writes. False: not closed. */
static bool unquote(struct bytes in, struct buf *out)
{
    char quote = in.n ? in.p[0] : '\0';
    if (quote != '"' && quote != '\'') {
        buf_add_bytes(out, in);
        return true;
    }
    for (size_t i = 1; i < in.n; i++) {
        if (in.p[i] == quote)
            return i + 1 == in.n;
        if (in.p[i] == '\\' && quote == '"' && i + 1 < in.n) {
            i++;
            buf_add_char(out, escaped(in, &i));
        } else {
            buf_add_char(out, in.p[i]);
        }
    }
    return false;
}

/* Splits "name value"; false for blank lines and comments. */
static bool split_line(struct bytes line, struct bytes *name, struct bytes *value)
{
    trim(&line);
    if (line.n == 0 || line.p[0] == '#')
        return false;
    size_t n = 0;
    while (n < line.n && !isspace((unsigned char)line.p[n]))
        n++;
    *name = bytes_of(line.p, n);
    *value = bytes_of(line.p + n, line.n - n);
    trim(value);
    return true;
}

static bool set_line(struct config *c, struct bytes line, struct buf *error)
{
    struct bytes name, value;
    struct buf plain;
    bool ok = false;
    if (!split_line(line, &name, &value))
        return true;
    buf_init(&plain);
    if (unquote(value, &plain))
        ok = config_set(c, name, buf_bytes(&plain), false, error);
    else
        buf_printf(error, "%.*s: quotes are not balanced", (int)name.n, name.p);
    buf_release(&plain);
    return ok;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static bool read_file(const char *path, struct buf *out, struct buf *error)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0;
    if (!f) {
        buf_printf(error, "cannot read the configuration file %s: %s", path, strerror(errno));
        return false;
    }
    do {
        char *to = buf_reserve(out, 4096);
        n = fread(to, 1, 4096, f);
        out->n += n;
    } while (n > 0);
    bool ok = !ferror(f);
    if (!ok)
        buf_printf(error, "cannot read the configuration file %s: %s", path, strerror(errno));
    fclose(f);
    return ok;
}

/* The next line of text at *at; false at the end. */
static bool next_line(struct bytes text, size_t *at, struct bytes *line)
{
    if (*at >= text.n)
        return false;
    const char *from = text.p + *at, *nl = memchr(from, '\n', text.n - *at);
    line->p = from;
    line->n = nl ? (size_t)(nl - from) : text.n - *at;
    *at += line->n + 1;
    return true;
}

bool config_load_file(struct config *c, const char *path, struct buf *error)
{
    struct buf text, why;
    struct bytes line;
    size_t at = 0;
    bool ok;
    buf_init(&text);
    buf_init(&why);
    ok = read_file(path, &text, error);
    for (int number = 1; ok && next_line(buf_bytes(&text), &at, &line); number++) {
        ok = set_line(c, line, &why);
        if (!ok)
            buf_printf(error, "%s:%d: %.*s", path, number, (int)why.n, why.p);
    }
    if (ok) {
        mem_free(c->file);
        c->file = realpath(path, NULL);
    }
    buf_release(&text);
    buf_release(&why);
    return ok;
}

/* The arguments of one flag: the first, and those up to the next flag. */
static int count_words(int argc, char **argv)
{
    int n = argc > 0;
    while (n > 0 && n < argc && strncmp(argv[n], "--", 2) != 0)
        n++;
    return n;
}

/* Several words are one value with blanks between, as in the file. */
static bool set_words(struct config *c, struct bytes name, const char *first, int more, char **rest,
                      struct buf *error)
{
    struct buf value;
    buf_init(&value);
    buf_add_str(&value, first);
    for (int i = 0; i < more; i++)
        buf_printf(&value, " %s", rest[i]);
    bool ok = config_set(c, name, buf_bytes(&value), false, error);
    buf_release(&value);
    return ok;
}

bool config_load_args(struct config *c, int argc, char **argv, struct buf *error)
{
    int i = 1;
    if (i < argc && argv[i][0] != '-' && !config_load_file(c, argv[i++], error))
        return false;
    while (i < argc) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) != 0 || !arg[2]) {
            buf_printf(error, "'%s': expected --directive value", arg);
            return false;
        }
        const char *equals = strchr(arg, '=');
        struct bytes name =
            equals ? bytes_of(arg + 2, (size_t)(equals - arg - 2)) : bytes_str(arg + 2);
        int words = equals ? 0 : count_words(argc - i - 1, argv + i + 1);
        if (!equals && words == 0) {
            buf_printf(error, "%s: a value is missing", arg);
            return false;
        }
        if (!set_words(c, name, equals ? equals + 1 : argv[i + 1], words - 1, argv + i + 2, error))
            return false;
        i += 1 + words;
    }
    return true;
}

/* ---- rewriting ---------------------------------------------------------------------------------------------- */

/* In quotes, on one line, whatever the value holds. */
static void quote(struct bytes value, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static void write_directive(const struct config *c, int id, struct buf *out)
{
    const struct directive *d = &directives[id];
    struct buf text;
    if (d->kind == KIND_LIMITS) {
        config_rewrite_limits(c, d, out);
        return;
    }
    buf_init(&text);
    config_text(c, id, &text);
    buf_printf(out, "%s ", d->name);
    if (d->kind == KIND_STRING || d->kind == KIND_EVENTS)
        quote(buf_bytes(&text), out);
    else if ((d->kind == KIND_SAVE || d->kind == KIND_NAMESPACES) && text.n == 0)
        buf_add_str(out, "\"\"");
    else if (d->kind == KIND_BYTES)
        config_write_size(config_int(c, (enum config_id)id), out);
    else
        buf_add_bytes(out, buf_bytes(&text));
    buf_add_char(out, '\n');
    buf_release(&text);
}

static void compose(const struct config *c, struct bytes old, struct buf *out)
{
    bool written[CONFIG_COUNT] = {false};
    struct bytes line, name, value;
    size_t at = 0;
    while (next_line(old, &at, &line)) {
        int id = split_line(line, &name, &value) ? config_lookup(name) : -1;
        if (id < 0) {
            buf_add_bytes(out, line);
            buf_add_char(out, '\n');
        } else if (!written[id]) {
            write_directive(c, id, out);
            written[id] = true;
        }
    }
    for (int id = 0; id < CONFIG_COUNT; id++) {
        if (!written[id] && atomic_load(&c->changed[id]))
            write_directive(c, id, out);
    }
}

/* Written beside, synced, and put in place by a rename: the old file or the new, never a part. The file may
 * hold the password, so it keeps the permissions that it had. */
static bool replace_file(const char *path, struct bytes text, struct buf *error)
{
    struct buf temp;
    struct stat old;
    buf_init(&temp);
    buf_printf(&temp, "%s.%ld.tmp", path, (long)getpid());
    buf_add_char(&temp, '\0');
    int fd = open(temp.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && stat(path, &old) == 0 && fchmod(fd, old.st_mode & 0777) == 0 &&
              write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (ok && rename(temp.p, path) != 0) {
        ok = false;
        saved = errno;
    }
    if (!ok) {
        buf_printf(error, "Rewriting config file: %s", strerror(saved));
        unlink(temp.p);
    }
    buf_release(&temp);
    return ok;
}

bool config_rewrite(struct config *c, struct buf *error)
{
    struct buf old, fresh;
    if (!c->file) {
        buf_add_str(error, "The server is running without a config file");
        return false;
    }
    buf_init(&old);
    buf_init(&fresh);
    bool ok = read_file(c->file, &old, error);
    if (ok) {
        compose(c, buf_bytes(&old), &fresh);
        ok = replace_file(c->file, buf_bytes(&fresh), error);
    }
    buf_release(&old);
    buf_release(&fresh);
    return ok;
}
