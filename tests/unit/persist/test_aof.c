/* Records of the log and its writer: what is written is read, damage is told from a torn end, order and positions under
 * several threads, rotation. */
#include "persist/aof.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/rng.h"
#include "persist/aof_record.h"
#include "tests/unit/suites.h"

/* ---- records ----------------------------------------------------------------------------------- */

static void add(struct buf *out, const char *a, const char *b)
{
    struct bytes argv[] = {bytes_str(a), bytes_str(b)};
    aof_encode(out, argv, 2);
}

/* Reads all; the last item that is no command or note. */
static enum aof_item read_all(struct bytes s, unsigned *commands, size_t *at)
{
    struct aof_reader r;
    enum aof_item item;
    *commands = 0;
    aof_reader_init(&r, s.p, s.n);
    while ((item = aof_read(&r)) == AOF_COMMAND || item == AOF_NOTE)
        *commands += item == AOF_COMMAND;
    *at = r.at;
    aof_reader_release(&r);
    return item;
}

START_TEST(round_trip)
{
    char binary[3] = {'\0', '\r', '\n'};
    struct bytes argv[12];
    struct aof_reader r;
    struct buf out;
    buf_init(&out);
    for (int i = 0; i < 12; i++)
        argv[i] = bytes_of(binary, (size_t)i % 4);
    aof_encode(&out, argv, 12);
    ck_assert(bytes_eq(bytes_of(out.p, 14), BYTES("*12\r\n$0\r\n\r\n$1\r")));
    aof_encode_select(&out, 15);
    aof_encode_sum(&out, out.p, out.n);
    buf_add_str(&out, "#atrium-time 12\r\n");
    aof_reader_init(&r, out.p, out.n);
    ck_assert_int_eq(aof_read(&r), AOF_COMMAND);
    ck_assert_int_eq(r.argc, 12);
    for (int i = 0; i < 12; i++)
        ck_assert(bytes_eq(r.argv[i], argv[i]));
    ck_assert_int_eq(aof_read(&r), AOF_COMMAND);
    ck_assert(bytes_eq(r.argv[1], BYTES("15")));
    ck_assert_int_eq(aof_read(&r), AOF_NOTE);
    ck_assert(bytes_eq(r.note, BYTES("atrium-time 12")));
    ck_assert_int_eq(aof_read(&r), AOF_END);
    aof_reader_release(&r);
    buf_release(&out);
}
END_TEST

START_TEST(every_cut_is_torn)
{
    struct buf out;
    unsigned commands;
    size_t at;
    buf_init(&out);
    add(&out, "SET", "a long value with *1\r\n in it");
    size_t second = out.n;
    add(&out, "SET", "b");
    for (size_t n = 0; n <= out.n; n++) {
        enum aof_item item = read_all(bytes_of(out.p, n), &commands, &at);
        bool whole = n == 0 || n == second || n == out.n;
        ck_assert_int_eq(item, whole ? AOF_END : AOF_TORN);
        ck_assert_uint_eq(at, n < second ? whole ? n : 0 : n < out.n ? second : n);
    }
    buf_release(&out);
}
END_TEST

/* Any changed bit before the last record is found: by its form, or by the sum. */
START_TEST(every_flip_is_found)
{
    struct buf out;
    unsigned commands;
    size_t at;
    buf_init(&out);
    for (int i = 0; i < 5; i++)
        add(&out, "SET", "some value");
    aof_encode_sum(&out, out.p, out.n);
    size_t summed = out.n;
    add(&out, "SET", "another");
    for (size_t i = 0; i < summed; i++) {
        for (int bit = 0; bit < 8; bit++) {
            out.p[i] ^= (char)(1 << bit);
            enum aof_item item = read_all(buf_bytes(&out), &commands, &at);
            /* The sum's own line may become a note that means nothing. */
            ck_assert(item == AOF_CORRUPT || (item == AOF_END && i > summed - 40));
            out.p[i] ^= (char)(1 << bit);
        }
    }
    buf_release(&out);
}
END_TEST

START_TEST(any_bytes)
{
    char noise[64];
    unsigned commands;
    size_t at;
    for (int step = 0; step < UNIT_STEPS(20000); step++) {
        static const char letters[] = "*$#\r\n0123459";
        size_t n = rng_below(sizeof noise);
        for (size_t i = 0; i < n; i++)
            noise[i] = letters[rng_below(sizeof letters)];
        read_all(bytes_of(noise, n), &commands, &at);
    }
}
END_TEST

/* ---- the writer -------------------------------------------------------------------------------- */

#define THREADS 4
#define EACH    2000

static void ignore(void *ctx)
{
    (void)ctx;
}

static int make_file(char *path)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    return open(path, O_WRONLY | O_APPEND);
}

static struct bytes read_file(const char *path, struct buf *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY);
    fstat(fd, &st);
    buf_init(out);
    size_t n = (size_t)st.st_size;
    ck_assert_int_eq(read(fd, buf_reserve(out, n + 1), n), (ssize_t)n);
    out->n = n;
    close(fd);
    return buf_bytes(out);
}

struct producer {
    struct aof *a;
    unsigned id;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    uint64_t last = 0;
    for (unsigned i = 0; i < EACH; i++) {
        char id[NUM_INT_MAX], nth[NUM_INT_MAX];
        struct bytes argv[] = {bytes_of(id, num_format_uint(id, p->id)),
                               bytes_of(nth, num_format_uint(nth, i))};
        uint64_t position = aof_append(p->a, p->id % 3, (struct bytes){0}, argv, 2);
        ck_assert(position > last);
        last = position;
        if (i % 500 == 499)
            ck_assert(aof_wait(p->a, position, 0));
    }
    return NULL;
}

/* Each thread's records stand in its order, and after the SELECT of its database. */
static void check_order(struct bytes s, unsigned next[THREADS])
{
    struct aof_reader r;
    enum aof_item item;
    uint64_t db = 99;
    aof_reader_init(&r, s.p, s.n);
    while ((item = aof_read(&r)) == AOF_COMMAND) {
        uint64_t id, nth;
        ck_assert_int_eq(r.argc, 2);
        ck_assert(num_parse_uint(r.argv[1], &nth));
        if (bytes_eq(r.argv[0], BYTES("SELECT"))) {
            db = nth;
            continue;
        }
        ck_assert(num_parse_uint(r.argv[0], &id));
        ck_assert(id < THREADS && db == id % 3 && nth == next[id]++);
    }
    ck_assert_int_eq(item, AOF_END);
    aof_reader_release(&r);
}

START_TEST(many_threads_always)
{
    char paths[2][32] = {"/tmp/atrium-aof-XXXXXX", "/tmp/atrium-aof-XXXXXX"};
    pthread_t threads[THREADS];
    struct producer producers[THREADS];
    unsigned next[THREADS] = {0};
    struct buf text;
    struct aof *a = aof_new(ignore, NULL);
    aof_set_policy(a, AOF_ALWAYS);
    aof_rotate(a, make_file(paths[0]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        producers[i] = (struct producer){a, i};
        pthread_create(&threads[i], NULL, produce, &producers[i]);
        if (i == 1)
            aof_rotate(a, make_file(paths[1]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(!aof_failing(a));
    aof_free(a);
    for (int i = 0; i < 2; i++) {
        check_order(read_file(paths[i], &text), next);
        buf_release(&text);
        unlink(paths[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        ck_assert_uint_eq(next[i], EACH);
}
END_TEST

START_TEST(a_disk_that_fails)
{
    char path[] = "/tmp/atrium-aof-XXXXXX";
    struct bytes argv[] = {BYTES("SET")};
    struct buf text;
    unsigned commands;
    size_t at;
    struct aof *a = aof_new(ignore, NULL);
    aof_set_policy(a, AOF_ALWAYS);
    aof_rotate(a, open("/dev/full", O_WRONLY), 0);
    uint64_t position = aof_append(a, 0, (struct bytes){0}, argv, 1);
    ck_assert(!aof_wait(a, position, 0));
    ck_assert_int_ne(aof_failing(a), 0);
    ck_assert_uint_lt(aof_synced(a), position);
    aof_free(a);

    a = aof_new(ignore, NULL);
    aof_set_policy(a, AOF_ALWAYS);
    aof_rotate(a, make_file(path), 0);
    position = aof_append(a, 0, (struct bytes){0}, argv, 1);
    ck_assert(aof_wait(a, position, 0));
    ck_assert_int_eq(read_all(read_file(path, &text), &commands, &at), AOF_END);
    ck_assert_uint_eq(commands, 2);
    buf_release(&text);
    aof_close(a);
    aof_append(a, 0, (struct bytes){0}, argv, 1);
    aof_free(a);
    ck_assert_int_eq(read_all(read_file(path, &text), &commands, &at), AOF_END);
    ck_assert_uint_eq(commands, 2);
    buf_release(&text);
    unlink(path);
}
END_TEST

Suite *suite_aof(void)
{
    Suite *s = suite_create("aof");
    TCase *t = tcase_create("aof");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, round_trip);
    tcase_add_test(t, every_cut_is_torn);
    tcase_add_test(t, every_flip_is_found);
    tcase_add_test(t, any_bytes);
    tcase_add_test(t, many_threads_always);
    tcase_add_test(t, a_disk_that_fails);
    suite_add_tcase(s, t);
    return s;
}
