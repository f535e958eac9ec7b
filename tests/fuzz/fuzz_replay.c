/* The replay of a log of writes whose records are drawn from the input: nothing crashes, a log is either loaded or refused
 * with one line that says why, and every value in the keyspace passes its type's check afterwards. What a command of the
 * log allocates is what it would allocate from a client: its arguments' size, or proto-max-bulk-len where it names an
 * offset.
 *
 * Input: records. Each is a byte: a command along its own grammar, a word of transactions, SELECT, a note; the last byte
 * says where the file is cut and which of its bytes is flipped. */
#include <unistd.h>

#include "internal.h"
#include "persist/aof_record.h"
#include "tests/fuzz/drawn.h"
#include "tests/fuzz/served.h"

#define RECORDS_MAX 60

static struct session *session;
static const struct command **commands;
static struct argument **grammars;
static uint32_t ncommands;
static char folder[] = "/tmp/atrium-fuzz-XXXXXX";
static struct buf path;

static void remove_files(void)
{
    unlink(path.p);
    rmdir(folder);
}

static void open_journal(struct journal *j)
{
    MUST(mkdtemp(folder));
    j->folder = folder;
    j->prefix = (char[]){"log"};
    manifest_init(&j->manifest);
    const struct manifest_file *f = manifest_add_incr(&j->manifest, "log");
    buf_printf(&path, "%s/%s", folder, f->name);
    buf_add_char(&path, '\0');
    atexit(remove_files);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    session = served_session(DOOR_RESP);
    open_journal(&session->engine->journal);
    commands = mem_calloc(command_count() * sizeof(struct command *));
    grammars = mem_calloc(command_count() * sizeof(struct argument *));
    for (uint32_t i = 0; i < command_count(); i++) {
        const struct command *c = command_at(i);
        if (!c->row->handler || !(c->flags & CMD_WRITE))
            continue;
        commands[ncommands] = c;
        grammars[ncommands++] = grammar_parse(c->row->args);
    }
    return 0;
}

static void add_words(struct buf *log, const char *one, const char *two)
{
    struct bytes argv[] = {bytes_str(one), bytes_str(two)};
    aof_encode(log, argv, two[0] ? 2 : 1);
}

static void add_record(struct buf *log, struct input *in)
{
    static const char *const dbs[] = {"0", "1", "15", "16", "-1"};
    uint8_t what = input_byte(in);
    if (what < 16) {
        add_words(log, what % 2 ? "EXEC" : "MULTI", "");
    } else if (what < 20) {
        add_words(log, "SELECT", dbs[input_byte(in) % 5]);
    } else if (what < 28) {
        buf_printf(log, "#atrium-%s %u\r\n", what % 2 ? "flags" : "time", input_u16(in));
    } else if (what < 32) { /* no command of a log */
        add_words(log, what % 2 ? "GET" : "SHUTDOWN", what % 2 ? "a" : "");
    } else {
        uint32_t which = input_u16(in) % ncommands;
        struct call c = {.argc = 0};
        draw_name(&c, commands[which]);
        draw(&c, grammars[which], in);
        aof_encode(log, c.argv, c.argc);
    }
}

static void damage(struct buf *log, uint32_t how)
{
    if (how % 4 == 1)
        log->n -= log->n ? how / 4 % log->n : 0;
    if (how % 4 == 2 && log->n)
        log->p[how / 4 % log->n] ^= (char)(1 << how / 4 % 8);
}

static void write_file(struct bytes log)
{
    FILE *f = fopen(path.p, "wb");
    MUST(f && fwrite(log.p, 1, log.n, f) == log.n);
    MUST(fclose(f) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t how = size > 1 ? data[size - 1] * 256u + data[size - 2] : 0;
    struct input in = {data, size};
    struct buf log, error, out;
    input_seed(data, size);
    buf_init(&log);
    buf_init(&error);
    buf_init(&out);
    for (int i = 0; i < RECORDS_MAX && in.n > 0; i++)
        add_record(&log, &in);
    damage(&log, how);
    write_file(buf_bytes(&log));
    if (!journal_replay(session->engine, &error))
        MUST(error.n > 0 && !memchr(error.p, '\n', error.n));
    served_check();
    served_clear(session, &out);
    buf_release(&log);
    buf_release(&error);
    buf_release(&out);
    return 0;
}
