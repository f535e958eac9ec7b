#include "config_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suites.h"

static struct config *config;
static struct buf error;
static char folder[64], path[96];

static void set_up(void)
{
    config = config_new();
    buf_init(&error);
    snprintf(folder, sizeof folder, "/tmp/atrium-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/atrium.conf", folder);
}

static void tear_down(void)
{
    config_free(config);
    buf_release(&error);
    unlink(path);
    rmdir(folder);
}

/* ---- helpers
 * ------------------------------------------------------------------------------------------- */

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    ck_assert_int_eq(fclose(f), 0);
}

static void read_whole(const char *name, struct buf *out)
{
    FILE *f = fopen(name, "r");
    ck_assert_ptr_nonnull(f);
    out->n += fread(buf_reserve(out, 1 << 16), 1, 1 << 16, f);
    fclose(f);
}

static bool set(const char *name, const char *value)
{
    buf_clear(&error);
    return config_set(config, bytes_str(name), bytes_str(value), false, &error);
}

static void assert_error(const char *line)
{
    buf_add_char(&error, '\0');
    ck_assert_str_eq(error.p, line);
    buf_clear(&error);
}

static void refuse(const char *name, const char *value, const char *line)
{
    ck_assert_msg(!set(name, value), "%s %s was taken", name, value);
    assert_error(line);
}

static void assert_string(enum config_id id, const char *expected)
{
    struct buf got;
    buf_init(&got);
    config_string(config, id, &got);
    ck_assert(bytes_eq(buf_bytes(&got), bytes_str(expected)));
    buf_release(&got);
}

static bool load(const char *text)
{
    buf_clear(&error);
    write_file(text);
    return config_load_file(config, path, &error);
}

#define LOAD_ARGS(...)                                                                             \
    config_load_args(config, (int)(sizeof((char *[]){"atrium", __VA_ARGS__}) / sizeof(char *)),    \
                     (char *[]){"atrium", __VA_ARGS__}, &error)

/* ---- values
 * -------------------------------------------------------------------------------------------- */

START_TEST(limits_at_their_edges)
{
    ck_assert(set("port", "0"));
    ck_assert(set("PORT", "65535"));
    ck_assert_int_eq(config_int(config, CONFIG_PORT), 65535);
    refuse("port", "65536", "port: argument must be between 0 and 65535 inclusive");
    refuse("port", "-1", "port: argument must be between 0 and 65535 inclusive");
    refuse("port", "1x", "port: argument couldn't be parsed into an integer");
    refuse("port", "", "port: argument couldn't be parsed into an integer");
    refuse("port", "99999999999999999999", "port: argument couldn't be parsed into an integer");
    ck_assert(set("slowlog-log-slower-than", "-1"));
    ck_assert(set("slowlog-log-slower-than", "9223372036854775807"));
    ck_assert(!set("slowlog-log-slower-than", "-2"));
    ck_assert_int_eq(config_int(config, CONFIG_PORT), 65535);
}
END_TEST

START_TEST(sizes_take_units)
{
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {{"1048576", 1048576}, {"1mb", 1048576},    {"2MB", 2097152},
                 {"2m", 2000000},      {"1gb", 1 << 30},    {"1g", 1000000000},
                 {"2000k", 2000000},   {"1024Kb", 1048576}, {"1048576b", 1048576}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        ck_assert_msg(set("proto-max-bulk-len", sizes[i].text), "%s", sizes[i].text);
        ck_assert_int_eq(config_int(config, CONFIG_PROTO_MAX_BULK_LEN), sizes[i].bytes);
    }
    refuse("proto-max-bulk-len", "1tb", "proto-max-bulk-len: argument must be a memory value");
    refuse("proto-max-bulk-len", "mb", "proto-max-bulk-len: argument must be a memory value");
    refuse("proto-max-bulk-len", "9223372036854775807gb",
           "proto-max-bulk-len: argument must be a memory value");
    refuse(
        "proto-max-bulk-len", "1048575",
        "proto-max-bulk-len: argument must be between 1048576 and 9223372036854775807 inclusive");
}
END_TEST

static void assert_text(const char *name, const char *expected)
{
    struct buf got;
    buf_init(&got);
    config_text(config, config_lookup(bytes_str(name)), &got);
    buf_add_char(&got, '\0');
    ck_assert_str_eq(got.p, expected);
    buf_release(&got);
}

START_TEST(output_limits_a_class)
{
    static const char name[] = "client-output-buffer-limit";
    assert_text(name, "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60");
    ck_assert(set(name, "pubsub 1k 1kb 10"));
    ck_assert(set(name, "normal 1mb 2mb 5  REPLICA 1 2 3 "));
    assert_text(name, "normal 1048576 2097152 5 slave 1 2 3 pubsub 1000 1024 10");
    ck_assert_int_eq(config_output_limit(config, OUTPUT_PUBSUB).soft_bytes, 1024);
    ck_assert_int_eq(config_output_limit(config, OUTPUT_NORMAL).soft_seconds, 5);
    refuse(name, "normal 0 0",
           "client-output-buffer-limit: Wrong number of arguments in buffer limit configuration.");
    refuse(name, "normal 7 7 7 master 1 2 3",
           "client-output-buffer-limit: Invalid client class specified in buffer limit "
           "configuration.");
    static const char *const wrong[] = {"normal -1 0 0", "normal 1.5mb 0 0",
                                        "normal 0 0 -1", "normal 0 1tb 0",
                                        "normal 0 0 x",  "normal 0 0 2147483648"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuse(name, wrong[i],
               "client-output-buffer-limit: Error in hard, soft or soft_seconds setting in buffer "
               "limit configuration.");
    assert_text(name, "normal 1048576 2097152 5 slave 1 2 3 pubsub 1000 1024 10");
    ck_assert(set(name, ""));
}
END_TEST

START_TEST(event_classes_are_spelled_in_one_way)
{
    static const char *const spelled[][2] = {{"KEA", "AKE"},          {"KEg", "gKE"}, {"gA", "A"},
                                             {"g$lshzxeKEtd", "AKE"}, {"Kn", "nK"},   {"nm", "nm"},
                                             {"Exx", "xE"},           {"", ""}};
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++) {
        ck_assert(set("notify-keyspace-events", spelled[i][0]));
        assert_text("notify-keyspace-events", spelled[i][1]);
    }
    refuse("notify-keyspace-events", "AKEq",
           "notify-keyspace-events: Invalid event class character. Use 'Ag$lshzxeKEtmdnoc'.");
}
END_TEST

static void assert_save(const char *text)
{
    struct buf now;
    buf_init(&now);
    config_string(config, CONFIG_SAVE, &now);
    buf_add_char(&now, '\0');
    ck_assert_str_eq(now.p, text);
    buf_release(&now);
}

/* Lines of a file add up, CONFIG SET replaces. */
START_TEST(save_points)
{
    static const char *const wrong[] = {"abc", "900", "0 1", "900 -1", "900 1 ", "900 1 300"};
    struct bytes text = BYTES("900 1 60 10000");
    struct save_point p;
    ck_assert(set("save", "900 1"));
    ck_assert(set("save", "60 0"));
    assert_save("900 1 60 0");
    ck_assert(config_set(config, BYTES("save"), text, true, &error));
    assert_save("900 1 60 10000");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refuse("save", wrong[i], "save: Invalid save parameters");
    ck_assert(config_next_save_point(&text, &p) && p.seconds == 900 && p.changes == 1);
    ck_assert(config_next_save_point(&text, &p) && p.seconds == 60 && p.changes == 10000);
    ck_assert(!config_next_save_point(&text, &p));
    ck_assert(set("save", ""));
    assert_save("");
    refuse("dbfilename", "", "dbfilename: dbfilename can't be a path, just a filename");
}
END_TEST

START_TEST(words_octals_and_facts)
{
    ck_assert(set("log-format", "JSON"));
    ck_assert_int_eq(config_int(config, CONFIG_LOG_FORMAT), 1);
    ck_assert(set("log-format", "text"));
    refuse("log-format", "xml", "log-format: argument(s) must be one of the following: text json");
    ck_assert(set("unixsocketperm", "770"));
    ck_assert_int_eq(config_int(config, CONFIG_UNIXSOCKETPERM), 0770);
    refuse("unixsocketperm", "780",
           "unixsocketperm: argument couldn't be parsed as an octal number");
    refuse("unixsocketperm", "1000",
           "unixsocketperm: argument must be between 0 and 777 inclusive");
    ck_assert(set("save", ""));
    refuse("dbfilename", "a/b", "dbfilename: dbfilename can't be a path, just a filename");
    ck_assert(set("appendonly", "no"));
    ck_assert(set("appendonly", "yes"));
    ck_assert(set("databases", "16"));
    ck_assert(!set("databases", "17"));
    refuse("nonesuch", "1", "unknown directive 'nonesuch'");
}
END_TEST

START_TEST(some_may_not_change_while_it_runs)
{
    ck_assert(!config_set(config, BYTES("port"), BYTES("7000"), true, &error));
    assert_error("port: can't set immutable config");
    ck_assert(config_set(config, BYTES("timeout"), BYTES("7"), true, &error));
    ck_assert_int_eq(config_int(config, CONFIG_TIMEOUT), 7);
    ck_assert(config_check(config, BYTES("timeout"), BYTES("8"), true, &error));
    ck_assert_int_eq(config_int(config, CONFIG_TIMEOUT), 7);
    ck_assert(!config_set(config, BYTES("requirepass"), BYTES("a\0b"), true, &error));
    assert_error("requirepass: argument must not hold a zero byte");
}
END_TEST

/* ---- files and flags
 * ------------------------------------------------------------------------------------- */

START_TEST(files_are_read)
{
    ck_assert(load("# a comment\n\n  port   7000  \r\nrequirepass \"a \\\"b\\\" \\x41\\n\\t\\\\\"\n"
                   "bind 127.0.0.1 -::1\nunixsocket '/tmp/a b'"));
    ck_assert_int_eq(config_int(config, CONFIG_PORT), 7000);
    assert_string(CONFIG_REQUIREPASS, "a \"b\" A\n\t\\");
    assert_string(CONFIG_BIND, "127.0.0.1 -::1");
    assert_string(CONFIG_UNIXSOCKET, "/tmp/a b");
}
END_TEST

START_TEST(wrong_lines_are_named)
{
    char expected[256];
    ck_assert(!load("port 7000\n\nprot 7001\n"));
    snprintf(expected, sizeof expected, "%s:3: unknown directive 'prot'", path);
    assert_error(expected);
    ck_assert(!load("requirepass \"abc\n"));
    snprintf(expected, sizeof expected, "%s:1: requirepass: quotes are not balanced", path);
    assert_error(expected);
    ck_assert(!load("requirepass \"abc\" d\n"));
    ck_assert(!load("requirepass \"abc\\\""));
    ck_assert(!load("port\n"));
    buf_clear(&error);
    ck_assert(!config_load_file(config, "/nonesuch/atrium.conf", &error));
    assert_error(
        "cannot read the configuration file /nonesuch/atrium.conf: No such file or directory");
}
END_TEST

START_TEST(flags_win_over_the_file)
{
    write_file("port 7000\ntimeout 9\n");
    ck_assert(LOAD_ARGS(path, "--port", "7001", "--bind", "127.0.0.1", "-::1", "--threads=2"));
    ck_assert_int_eq(config_int(config, CONFIG_PORT), 7001);
    ck_assert_int_eq(config_int(config, CONFIG_TIMEOUT), 9);
    ck_assert_int_eq(config_int(config, CONFIG_THREADS), 2);
    assert_string(CONFIG_BIND, "127.0.0.1 -::1");
    ck_assert(!LOAD_ARGS("--port"));
    assert_error("--port: a value is missing");
    ck_assert(!LOAD_ARGS("--port=1", "stray"));
    assert_error("'stray': expected --directive value");
    ck_assert(!LOAD_ARGS("--prot", "1"));
    assert_error("unknown directive 'prot'");
    ck_assert(!LOAD_ARGS("-p", "1"));
    assert_error("'-p': expected --directive value");
}
END_TEST

START_TEST(an_open_bind_needs_a_password)
{
    static const char *const open[] = {"0.0.0.0", "127.0.0.1 10.0.0.1", "-::", "*"};
    ck_assert(config_validate(config, &error));
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        ck_assert(set("bind", open[i]));
        ck_assert_msg(!config_validate(config, &error), "%s", open[i]);
    }
    ck_assert(set("bind", "0.0.0.0"));
    ck_assert(!config_validate(config, &error));
    assert_error("bind 0.0.0.0 is open to other machines: set requirepass first");
    ck_assert(set("requirepass", "x"));
    ck_assert(config_validate(config, &error));
}
END_TEST

/* ---- rewriting
 * ------------------------------------------------------------------------------------------- */

static void assert_file(const char *expected)
{
    struct buf text;
    buf_init(&text);
    read_whole(path, &text);
    buf_add_char(&text, '\0');
    ck_assert_str_eq(text.p, expected);
    buf_release(&text);
}

START_TEST(rewriting_keeps_comments_order_and_permissions)
{
    struct stat st;
    ck_assert(load("# mine\ntimeout 5\n\n# theirs\nport 7000\ntimeout 6"));
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert(set("timeout", "8"));
    ck_assert(set("requirepass", "a\nport 1 \"\\"));
    ck_assert(config_rewrite(config, &error));
    assert_file(
        "# mine\ntimeout 8\n\n# theirs\nport 7000\nrequirepass \"a\\x0aport 1 \\\"\\\\\"\n");
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert(config_load_file(config, path, &error));
    assert_string(CONFIG_REQUIREPASS, "a\nport 1 \"\\");
    ck_assert_int_eq(config_int(config, CONFIG_PORT), 7000);
}
END_TEST

START_TEST(rewriting_has_a_line_for_each_class)
{
    ck_assert(load("client-output-buffer-limit pubsub 1mb 2mb 5\n# mine\n"
                   "client-output-buffer-limit replica 1gb 0 1 normal 0 0 0\n"));
    ck_assert(set("client-output-buffer-limit", "normal 1048577 5000kb 3"));
    ck_assert(set("notify-keyspace-events", "KEA"));
    ck_assert(set("proto-max-bulk-len", "3000k"));
    ck_assert(config_rewrite(config, &error));
    assert_file("client-output-buffer-limit normal 1048577 5000kb 3\n"
                "client-output-buffer-limit replica 1gb 0 1\n"
                "client-output-buffer-limit pubsub 1mb 2mb 5\n# mine\n"
                "proto-max-bulk-len 3000000\nnotify-keyspace-events \"AKE\"\n");
}
END_TEST

START_TEST(no_file_no_rewriting)
{
    ck_assert(!config_rewrite(config, &error));
    assert_error("The server is running without a config file");
}
END_TEST

/* Every string of bytes is read back as it was written. */
START_TEST(any_value_survives_rewriting)
{
    char value[256];
    for (int i = 1; i < 256; i++)
        value[i - 1] = (char)i;
    ck_assert(load("requirepass x\n"));
    ck_assert(config_set(config, BYTES("requirepass"), bytes_of(value, 255), true, &error));
    ck_assert(config_rewrite(config, &error));
    ck_assert(set("requirepass", ""));
    ck_assert(config_load_file(config, path, &error));
    value[255] = '\0';
    assert_string(CONFIG_REQUIREPASS, value);
}
END_TEST

/* ---- the example
 * ------------------------------------------------------------------------------------------- */

struct sought {
    const char *text;
    struct config *read;
};

static void find_in_example(const char *name, struct bytes value, void *ctx)
{
    struct sought *s = ctx;
    char line[128];
    snprintf(line, sizeof line, "\n# %s ", name);
    const char *at = strstr(s->text, line);
    ck_assert_msg(at != NULL, "atrium.conf does not show %s", name);
    ck_assert_msg(strstr(at + 1, line) == NULL, "atrium.conf shows %s twice", name);
    if (value.n == 0) /* shown by an example */
        return;
    at += strlen(line);
    struct bytes shown = bytes_of(at, strcspn(at, "\n"));
    ck_assert_msg(config_set(s->read, bytes_str(name), shown, false, &error), "%s", name);
}

static void same_value(const char *name, struct bytes value, void *ctx)
{
    struct config *defaults = config_new();
    (void)ctx;
    for (int id = 0; id < CONFIG_COUNT; id++) {
        if (strcmp(config_name((enum config_id)id), name) == 0 && value.n)
            ck_assert_msg(config_int(defaults, (enum config_id)id) ==
                              config_int(config, (enum config_id)id),
                          "atrium.conf's value of %s is not the default", name);
    }
    config_free(defaults);
}

START_TEST(the_example_shows_every_directive_and_its_default)
{
    struct buf text;
    struct config *defaults = config_new();
    buf_init(&text);
    read_whole("atrium.conf", &text);
    buf_add_char(&text, '\0');
    struct sought s = {text.p, config};
    config_each(defaults, BYTES("*"), find_in_example, &s);
    config_each(config, BYTES("*"), same_value, NULL);
    ck_assert(config_load_file(config, "atrium.conf", &error));
    config_free(defaults);
    buf_release(&text);
}
END_TEST

START_TEST(help_lists_every_directive)
{
    struct buf text;
    buf_init(&text);
    config_help(&text);
    buf_add_char(&text, '\0');
    for (int id = 0; id < CONFIG_COUNT; id++) {
        char flag[128];
        snprintf(flag, sizeof flag, "  --%s ", config_name((enum config_id)id));
        ck_assert_ptr_nonnull(strstr(text.p, flag));
    }
    buf_release(&text);
}
END_TEST

Suite *suite_config(void)
{
    Suite *suite = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, limits_at_their_edges);
    tcase_add_test(tc, sizes_take_units);
    tcase_add_test(tc, output_limits_a_class);
    tcase_add_test(tc, event_classes_are_spelled_in_one_way);
    tcase_add_test(tc, save_points);
    tcase_add_test(tc, words_octals_and_facts);
    tcase_add_test(tc, some_may_not_change_while_it_runs);
    tcase_add_test(tc, files_are_read);
    tcase_add_test(tc, wrong_lines_are_named);
    tcase_add_test(tc, flags_win_over_the_file);
    tcase_add_test(tc, an_open_bind_needs_a_password);
    tcase_add_test(tc, rewriting_keeps_comments_order_and_permissions);
    tcase_add_test(tc, rewriting_has_a_line_for_each_class);
    tcase_add_test(tc, no_file_no_rewriting);
    tcase_add_test(tc, any_value_survives_rewriting);
    tcase_add_test(tc, the_example_shows_every_directive_and_its_default);
    tcase_add_test(tc, help_lists_every_directive);
    suite_add_tcase(suite, tc);
    return suite;
}
