#include "tools/check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "persist/disk.h"
#include "persist/manifest.h"
#include "persist/mapped.h"
#include "tools/tools.h"

#define SHOWN_BYTES_MAX 64
#define MANIFEST_SUFFIX ".manifest"

void check_show(struct buf *out, struct bytes s)
{
    size_t n = s.n < SHOWN_BYTES_MAX ? s.n : SHOWN_BYTES_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c >= 127 || c == '\\' || c == '"')
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_char(out, s.p[i]);
    }
    if (n < s.n)
        buf_add_str(out, "...");
}

/* ---- one file -------------------------------------------------------------------------------- */

static int cannot_read(const char *path, int failed)
{
    fprintf(stderr, "atrium check: %s: %s\n", path, strerror(failed));
    return TOOL_NOT_BEGUN;
}

static bool is_rdb(const struct mapped *m)
{
    return m->n >= 6 && (memcmp(m->p, "REDIS", 5) == 0 || memcmp(m->p, "VALKEY", 6) == 0);
}

static bool is_log(const struct mapped *m)
{
    return m->n > 0 && (*(const char *)m->p == '*' || *(const char *)m->p == '#');
}

/* as_log: what is no RDB file is one; else it has to look like one. */
static int check_file(const char *path, bool as_log, bool last)
{
    struct mapped m;
    int failed = mapped_open(&m, path);
    if (failed)
        return cannot_read(path, failed);
    printf("%s\n", path);
    const void *p = m.p ? m.p : "";
    size_t used = m.n;
    bool whole;
    if (is_rdb(&m) || !(as_log || is_log(&m)))
        whole = check_rdb(p, m.n, &used) && (used == m.n || check_log(p, m.n, used, last));
    else
        whole = check_log(p, m.n, 0, last);
    puts(whole ? "  ok" : "  NOT OK");
    mapped_close(&m);
    return whole ? TOOL_WELL : TOOL_NOT_WELL;
}

/* ---- a manifest, and the files that it names ------------------------------------------------- */

static int worse(int a, int b)
{
    return a > b ? a : b;
}

static int check_named(const struct manifest *m, const char *folder)
{
    struct buf path;
    int status = TOOL_WELL;
    buf_init(&path);
    for (size_t i = 0; i < m->n; i++) {
        const struct manifest_file *f = &m->files[i];
        const char *name = disk_path(&path, folder, f->name);
        bool last = f == manifest_last_incr(m);
        if (f->type == 'h')
            continue;
        int one = check_file(name, true, last);
        status = worse(status, one == TOOL_NOT_BEGUN ? TOOL_NOT_WELL : one);
    }
    buf_release(&path);
    return status;
}

static int check_manifest(const char *folder, const char *prefix)
{
    struct manifest m;
    struct buf error;
    int status = TOOL_NOT_WELL;
    buf_init(&error);
    manifest_init(&m);
    printf("%s/%s%s\n", folder, prefix, MANIFEST_SUFFIX);
    switch (manifest_load(&m, folder, prefix, &error)) {
    case MANIFEST_LOADED:
        printf("  manifest of %zu files\n  ok\n", m.n);
        status = check_named(&m, folder);
        break;
    case MANIFEST_MISSING:
        status = cannot_read(prefix, ENOENT);
        break;
    default:
        printf("  DAMAGED: %.*s\n  NOT OK\n", (int)error.n, error.p);
    }
    manifest_release(&m);
    buf_release(&error);
    return status;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && strcmp(name + n - k, suffix) == 0;
}

/* `path` names the manifest. */
static int check_manifest_path(const char *path)
{
    char *copy = strdup(path);
    char *slash = copy ? strrchr(copy, '/') : NULL;
    const char *folder = slash == copy ? "/" : slash ? copy : ".";
    char *name = slash ? slash + 1 : copy;
    if (!copy)
        return cannot_read(path, ENOMEM);
    if (slash)
        *slash = '\0';
    name[strlen(name) - strlen(MANIFEST_SUFFIX)] = '\0';
    int status = check_manifest(folder, name);
    free(copy);
    return status;
}

/* A log's folder: by each manifest in it. */
static int check_folder(const char *path)
{
    DIR *d = opendir(path);
    int status = TOOL_NOT_BEGUN;
    struct buf name;
    if (!d)
        return cannot_read(path, errno);
    buf_init(&name);
    for (const struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (!has_suffix(e->d_name, MANIFEST_SUFFIX))
            continue;
        int one = check_manifest_path(disk_path(&name, path, e->d_name));
        status = status == TOOL_NOT_BEGUN ? one : worse(status, one);
    }
    if (status == TOOL_NOT_BEGUN)
        fprintf(stderr, "atrium check: %s: there is no manifest in it\n", path);
    buf_release(&name);
    closedir(d);
    return status;
}

/* ---- the tool -------------------------------------------------------------------------------- */

static int check_path(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return cannot_read(path, errno);
    return S_ISDIR(st.st_mode)                 ? check_folder(path)
           : has_suffix(path, MANIFEST_SUFFIX) ? check_manifest_path(path)
                                               : check_file(path, false, true);
}

int tool_check(int argc, char **argv)
{
    int status = TOOL_WELL;
    if (argc < 2 || argv[1][0] == '-') {
        fputs("Usage: atrium check FILE ...\n\n"
              "FILE is an RDB file, a log file, a manifest, or a log's folder.\n"
              "Exit status: 0 all are whole, 1 one is damaged, 2 one cannot be read.\n",
              argc < 2 ? stderr : stdout);
        return argc >= 2 && strcmp(argv[1], "--help") == 0 ? TOOL_WELL : TOOL_NOT_BEGUN;
    }
    for (int i = 1; i < argc; i++)
        status = worse(status, check_path(argv[i]));
    fflush(stdout);
    return status;
}
