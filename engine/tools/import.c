#include "tools/import.h"

#include <endian.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "persist/crc64.h"
#include "tools/check.h"
#include "tools/rdb_settings.h"
#include "tools/tools.h"

#define SEND_BYTES    ((size_t)4 << 20)
#define SAVE_EVERY_US 1000000
#define NAMED_MAX     20 /* keys that fail and are named */
#define FOOTER_BYTES  10

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool import_interrupted(void)
{
    return interrupted != 0;
}

/* ---- to the target --------------------------------------------------------------------------- */

static bool target_failed(struct import *im)
{
    buf_add_bytes(&im->error, buf_bytes(&im->target.error));
    return false;
}

static bool select_db(struct import *im, struct resp_client *c, int64_t db)
{
    char digits[NUM_INT_MAX];
    struct bytes argv[2] = {BYTES("SELECT"), bytes_of(digits, num_format_int(digits, db))};
    struct resp_item item;
    resp_command(c, argv, 2);
    if (!resp_flush(c) || !resp_read(c, &item)) {
        buf_add_bytes(&im->error, buf_bytes(&c->error));
        return false;
    }
    if (item.kind == RESP_ERROR)
        buf_printf(&im->error, "%s: SELECT: %.*s", c->place, (int)item.text.n, item.text.p);
    return item.kind != RESP_ERROR;
}

bool import_select_source(struct import *im, int64_t db)
{
    return select_db(im, &im->source, db);
}

bool import_select_target(struct import *im, int64_t db)
{
    if (!im->out)
        return select_db(im, &im->target, im->to.db >= 0 ? im->to.db : db);
    rdb_sink_select(&im->sink, db);
    return true;
}

/* Valkey 9's hashes with deadlines, which nobody else knows, as Redis has them. */
static bool convert_hash(struct bytes payload, struct buf *out)
{
    struct rdb_settings settings = tool_rdb_settings();
    const uint8_t *p = (const uint8_t *)payload.p;
    struct rdb_reader r = {p + 1, p + payload.n - FOOTER_BYTES, 0};
    struct rdb_value v;
    if (!rdb_read_value(&r, RDB_HASH_VALKEY, &settings, &v) || !v.object)
        return false;
    struct entry *e = entry_new_object(BYTES(""), TYPE_HASH, v.object, 0);
    rdb_dump(out, e, 0);
    entry_free(e);
    return true;
}

/* A payload of a version that is Valkey's own, as one of Redis's that holds the same; false: it is none. */
static bool fit(struct bytes payload, struct buf *out)
{
    uint16_t version;
    if (payload.n <= FOOTER_BYTES)
        return false;
    memcpy(&version, payload.p + payload.n - FOOTER_BYTES, sizeof version);
    if (le16toh(version) <= RDB_VERSION_MAX)
        return false;
    if ((unsigned char)payload.p[0] == RDB_HASH_METADATA_RC)
        return convert_hash(payload, out);
    version = htole16(11);
    buf_add(out, payload.p, payload.n - FOOTER_BYTES);
    buf_add(out, &version, sizeof version);
    uint64_t sum = htole64(crc64(0, out->p, out->n));
    buf_add(out, &sum, sizeof sum);
    return true;
}

static bool put(struct import *im, struct bytes key, uint64_t ttl_ms, bool absolute,
                struct bytes payload)
{
    uint64_t from_ms = absolute || !ttl_ms ? 0 : clock_wall_ms();
    rdb_sink_put(&im->sink, key, from_ms + ttl_ms, payload);
    im->sent.copied++;
    if (im->sink.failed)
        buf_printf(&im->error, "%s: %s", im->out, strerror(im->sink.failed));
    return im->sink.failed == 0;
}

static bool restore(struct import *im, struct bytes key, uint64_t ttl_ms, bool absolute,
                    struct bytes payload)
{
    char digits[NUM_INT_MAX];
    struct bytes argv[6] = {BYTES("RESTORE"), key,
                            bytes_of(digits, num_format_uint(digits, ttl_ms))};
    int argc = 4;
    argv[3] = payload;
    if (absolute)
        argv[argc++] = BYTES("ABSTTL");
    if (im->replace)
        argv[argc++] = BYTES("REPLACE");
    resp_command(&im->target, argv, argc);
    check_show(&im->key_names, key);
    buf_add_char(&im->key_names, '\n');
    im->pending++;
    return im->target.out.n < SEND_BYTES || resp_flush(&im->target) || target_failed(im);
}

bool import_send(struct import *im, struct bytes key, uint64_t ttl_ms, bool absolute,
                 struct bytes payload)
{
    struct buf fitted;
    buf_init(&fitted);
    if (fit(payload, &fitted))
        payload = buf_bytes(&fitted);
    bool ok = im->out ? put(im, key, ttl_ms, absolute, payload)
                      : restore(im, key, ttl_ms, absolute, payload);
    buf_release(&fitted);
    return ok;
}

/* Errors that another key would meet too. */
static bool is_general(struct bytes error)
{
    static const char *const codes[] = {"OOM ",    "MISCONF ",  "LOADING ", "NOAUTH ",
                                        "NOPERM ", "READONLY ", "MOVED ",   "UNKNOWN "};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        size_t n = strlen(codes[i]);
        if (error.n > n && memcmp(error.p, codes[i], n) == 0)
            return true;
    }
    return false;
}

/* False: the run cannot go on. */
static bool take_reply(struct import *im, const struct resp_item *item, struct bytes name)
{
    if (item->kind != RESP_ERROR) {
        im->sent.copied++;
        return true;
    }
    if (item->text.n > 7 && memcmp(item->text.p, "BUSYKEY", 7) == 0) {
        im->sent.there++;
        return true;
    }
    if (is_general(item->text)) {
        buf_printf(&im->error, "%s: %.*s", im->target.place, (int)item->text.n, item->text.p);
        return false;
    }
    if (im->sent.failed++ < NAMED_MAX)
        fprintf(stderr, "%snot copied: %.*s: %.*s\n", im->progress.drawn ? "\n" : "", (int)name.n,
                name.p, (int)item->text.n, item->text.p);
    return true;
}

static uint64_t done(const struct import_place *at)
{
    return at->copied + at->there + at->gone + at->failed;
}

bool import_settle(struct import *im)
{
    struct resp_item item;
    const char *name = im->key_names.p;
    if (!im->out && !resp_flush(&im->target))
        return target_failed(im);
    for (; im->pending; im->pending--) {
        if (!resp_read(&im->target, &item))
            return target_failed(im);
        const char *end = strchr(name, '\n');
        if (!take_reply(im, &item, bytes_of(name, (size_t)(end - name))))
            return false;
        name = end + 1;
    }
    buf_clear(&im->key_names);
    im->at = im->sent;
    progress_tell(&im->progress, done(&im->at), im->total);
    uint64_t now_us = clock_mono_us();
    if (!im->out && now_us - im->saved_us > SAVE_EVERY_US) {
        im->saved_us = now_us;
        import_state_write(im);
    }
    return true;
}

/* ---- the run --------------------------------------------------------------------------------- */

static void print_end(const struct import *im)
{
    const struct import_place *at = &im->at;
    printf("%" PRIu64 " keys copied", at->copied);
    if (at->there)
        printf(", %" PRIu64 " were there already (--replace overwrites them)", at->there);
    if (at->gone)
        printf(", %" PRIu64 " expired or were deleted meanwhile", at->gone);
    if (at->failed)
        printf(", %" PRIu64 " could not be copied", at->failed);
    putchar('\n');
    fflush(stdout);
}

static int stop_early(struct import *im)
{
    fprintf(stderr, "atrium import: %.*s%s\n", (int)im->error.n, im->error.p,
            im->error.n ? "" : "interrupted");
    if (im->out)
        return TOOL_NOT_WELL;
    int failed = import_state_write(im);
    if (failed)
        fprintf(stderr, "%s: %s: another run begins anew\n", im->state, strerror(failed));
    else
        fprintf(stderr, "the same command goes on from here (%s)\n", im->state);
    return TOOL_NOT_WELL;
}

static bool open_client(struct resp_client *c, const struct redis_url *u)
{
    if (resp_open(c, u))
        return true;
    fprintf(stderr, "atrium import: %.*s\n", (int)c->error.n, c->error.p);
    return false;
}

/* The clients, or the file. */
static bool open_ends(struct import *im)
{
    if (!im->rdb && !open_client(&im->source, &im->from))
        return false;
    if (!im->out)
        return open_client(&im->target, &im->to);
    int failed = rdb_sink_open(&im->sink, im->out);
    if (failed)
        fprintf(stderr, "atrium import: %s: %s\n", im->out, strerror(failed));
    return failed == 0;
}

static bool close_file(struct import *im, bool ok)
{
    int failed = rdb_sink_close(&im->sink, ok);
    if (failed)
        buf_printf(&im->error, "%s: %s", im->out, strerror(failed));
    return ok && failed == 0;
}

static int run(struct import *im)
{
    if (!im->out && import_state_read(im))
        fprintf(stderr, "going on where an earlier run ended (%s): %" PRIu64 " keys are done\n",
                im->state, done(&im->at));
    im->sent = im->at;
    if (!open_ends(im))
        return TOOL_NOT_BEGUN;
    im->saved_us = clock_mono_us();
    progress_begin(&im->progress, done(&im->at));
    bool ok = im->rdb ? import_file(im) : import_server(im);
    progress_end(&im->progress, done(&im->at), im->total);
    if (im->out)
        ok = close_file(im, ok);
    print_end(im);
    if (!ok)
        return stop_early(im);
    if (!im->out)
        import_state_remove(im);
    return im->at.failed ? TOOL_NOT_WELL : TOOL_WELL;
}

/* ---- words ----------------------------------------------------------------------------------- */

static const char usage[] =
    "Usage: atrium import redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] [OPTION ...]\n"
    "       atrium import --rdb FILE [OPTION ...]\n\n"
    "Copies the keys of a running Redis or Valkey, or of an RDB file, to a running server.\n\n"
    "  --to URL         the server; redis://127.0.0.1:6379 where it is not said\n"
    "  --out FILE       instead of a server, an RDB file for one that is to be started\n"
    "  --match PATTERN  only keys that match the glob\n"
    "  --replace        overwrite keys that are there already\n"
    "  --state FILE     where to note how far it is, so that the same command goes on after an\n"
    "                   early end; atrium-import.state where it is not said\n\n"
    "Exit status: 0 all is copied, 1 some keys are not or it ended early, 2 it could not begin.\n";

static const char *c_string(struct buf *text)
{
    buf_add_char(text, '\0');
    return text->p;
}

static int wrong_words(const char *what, const char *word)
{
    fprintf(stderr, "atrium import: %s%s%s\n\n%s", what, word ? " " : "", word ? word : "", usage);
    return TOOL_NOT_BEGUN;
}

/* Fills the words; what is wrong with them, or NULL. */
static const char *read_words(struct import *im, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "--to") == 0      ? &im->to_text
                             : strcmp(argv[i], "--match") == 0 ? &im->match
                             : strcmp(argv[i], "--rdb") == 0   ? &im->rdb
                             : strcmp(argv[i], "--state") == 0 ? &im->state
                             : strcmp(argv[i], "--out") == 0   ? &im->out
                                                               : NULL;
        if (value && i + 1 == argc)
            return "a value is missing for the last option";
        if (value)
            *value = argv[++i];
        else if (strcmp(argv[i], "--replace") == 0)
            im->replace = true;
        else if (argv[i][0] == '-' || im->from_text)
            return "a word that is not known";
        else
            im->from_text = argv[i];
    }
    return !im->from_text == !im->rdb ? "either a URL or --rdb FILE is needed" : NULL;
}

static void catch_signals(void)
{
    struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

int tool_import(int argc, char **argv)
{
    struct import im = {.to_text = "redis://127.0.0.1:6379",
                        .state = "atrium-import.state",
                        .at.db = -1,
                        .from.db = -1,
                        .source.fd = -1,
                        .target.fd = -1};
    int status;
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return TOOL_WELL;
    }
    const char *wrong = read_words(&im, argc, argv);
    if (wrong)
        return wrong_words(wrong, NULL);
    if (im.from_text && !url_parse(&im.from, im.from_text, &im.error))
        status = wrong_words("the source:", c_string(&im.error));
    else if (!url_parse(&im.to, im.to_text, &im.error))
        status = wrong_words("--to:", c_string(&im.error));
    else {
        catch_signals();
        status = run(&im);
    }
    resp_close(&im.source);
    resp_close(&im.target);
    buf_release(&im.error);
    buf_release(&im.key_names);
    return status;
}
