/* Manifests: text and back, what is refused, the life of a log's files. */
#include "persist/manifest.h"

#include <stdlib.h>
#include <unistd.h>

#include "persist/disk.h"
#include "tests/unit/suites.h"

static bool parses(struct manifest *m, const char *text, const char *why)
{
    struct buf error;
    buf_init(&error);
    bool ok = manifest_parse(m, bytes_str(text), &error);
    if (!ok && why)
        ck_assert_msg(bytes_eq(buf_bytes(&error), bytes_str(why)), "%.*s", (int)error.n, error.p);
    buf_release(&error);
    return ok;
}

static void expect(const struct manifest *m, const char *text)
{
    struct buf out;
    buf_init(&out);
    manifest_format(m, &out);
    ck_assert_msg(bytes_eq(buf_bytes(&out), bytes_str(text)), "%.*s", (int)out.n, out.p);
    buf_release(&out);
}

START_TEST(text_and_back)
{
    struct manifest m;
    ck_assert(
        parses(&m,
               "# made by hand\r\nfile a.2.incr.aof seq 2 type i\nfile a.1.base.rdb seq 1 type b\n"
               "file \"old one\" seq 1 type h\nfile a.3.incr.aof seq 3 type i startoffset 0\n",
               NULL));
    expect(&m, "file a.1.base.rdb seq 1 type b\nfile a.2.incr.aof seq 2 type i\n"
               "file a.3.incr.aof seq 3 type i\nfile \"old one\" seq 1 type h\n");
    ck_assert_str_eq(manifest_base(&m)->name, "a.1.base.rdb");
    ck_assert_str_eq(manifest_last_incr(&m)->name, "a.3.incr.aof");
    manifest_release(&m);
}
END_TEST

START_TEST(refused)
{
    struct manifest m;
    ck_assert(!parses(&m, "", "it names no file"));
    ck_assert(!parses(&m, "file a seq 1 type b", "line 1: cut off"));
    ck_assert(!parses(&m, "file a seq x type b\n", "line 1: a bad number"));
    ck_assert(!parses(&m, "file a seq 1 type\n", "line 1: a word without a value"));
    ck_assert(!parses(&m, "file a seq 1 type q\n", "line 1: no number, or no type"));
    ck_assert(!parses(&m, "file ../a seq 1 type b\n", "line 1: a bad file name"));
    ck_assert(!parses(&m, "seq 1 type b\n", "line 1: a bad file name"));
    ck_assert(!parses(&m, "file a seq 1 type b\nfile b seq 2 type b\n", "line 2: a second base"));
    ck_assert(
        !parses(&m, "file a seq 2 type i\nfile b seq 2 type i\n", "line 2: numbers out of order"));
    ck_assert_uint_eq(m.n, 0);
}
END_TEST

START_TEST(life)
{
    struct manifest m;
    struct buf base;
    buf_init(&base);
    manifest_init(&m);
    manifest_next_base(&m, "log", true, &base);
    ck_assert_str_eq(base.p, "log.1.base.rdb");
    manifest_add_incr(&m, "log");
    manifest_set_base(&m, base.p, true);
    expect(&m, "file log.1.base.rdb seq 1 type b\nfile log.1.incr.aof seq 1 type i\n");
    manifest_add_incr(&m, "log");
    manifest_next_base(&m, "log", false, &base);
    ck_assert_str_eq(base.p, "log.2.base.aof");
    expect(&m, "file log.1.base.rdb seq 1 type b\nfile log.1.incr.aof seq 1 type i\n"
               "file log.2.incr.aof seq 2 type i\n");
    manifest_set_base(&m, base.p, true);
    expect(&m, "file log.2.base.aof seq 2 type b\nfile log.2.incr.aof seq 2 type i\n"
               "file log.1.base.rdb seq 1 type h\nfile log.1.incr.aof seq 1 type h\n");
    manifest_drop_history(&m);
    struct manifest copy = manifest_copy(&m);
    manifest_set_base(&copy, "log.3.base.rdb", false);
    expect(&copy, "file log.3.base.rdb seq 3 type b\nfile log.2.base.aof seq 2 type h\n"
                  "file log.2.incr.aof seq 2 type h\n");
    manifest_release(&copy);
    expect(&m, "file log.2.base.aof seq 2 type b\nfile log.2.incr.aof seq 2 type i\n");
    buf_release(&base);
    manifest_release(&m);
}
END_TEST

START_TEST(on_disk)
{
    char folder[] = "/tmp/atrium-manifest-XXXXXX";
    struct manifest m, again;
    struct buf error, path;
    buf_init(&error);
    buf_init(&path);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(manifest_load(&m, folder, "log", &error), MANIFEST_MISSING);
    ck_assert(parses(&m, "file log.1.incr.aof seq 1 type i\n", NULL));
    ck_assert_int_eq(manifest_save(&m, folder, "log"), 0);
    ck_assert_int_eq(manifest_load(&again, folder, "log", &error), MANIFEST_LOADED);
    expect(&again, "file log.1.incr.aof seq 1 type i\n");
    manifest_release(&again);
    ck_assert(!manifest_strays(folder, "log", &error));
    ck_assert_int_eq(disk_replace(folder, "log.7.incr.aof", BYTES("")), 0);
    ck_assert(manifest_strays(folder, "log", &error));
    ck_assert(bytes_eq(buf_bytes(&error), BYTES("log.7.incr.aof")));
    ck_assert_int_eq(disk_replace(folder, "log.manifest", BYTES("file")), 0);
    ck_assert_int_eq(manifest_load(&again, folder, "log", &error), MANIFEST_BAD);
    ck_assert_int_ne(manifest_save(&m, "/nonexistent", "log"), 0);
    unlink(disk_path(&path, folder, "log.7.incr.aof"));
    unlink(disk_path(&path, folder, "log.manifest"));
    rmdir(folder);
    manifest_release(&m);
    buf_release(&error);
    buf_release(&path);
}
END_TEST

Suite *suite_manifest(void)
{
    Suite *s = suite_create("manifest");
    TCase *t = tcase_create("manifest");
    tcase_add_test(t, text_and_back);
    tcase_add_test(t, refused);
    tcase_add_test(t, life);
    tcase_add_test(t, on_disk);
    suite_add_tcase(s, t);
    return s;
}
