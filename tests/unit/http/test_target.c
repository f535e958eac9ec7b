#include "http/target.h"

#include "http/upgrade.h"
#include "tests/unit/suites.h"

static struct arena arena;

static void set_up(void)
{
    arena_init(&arena);
}

static void tear_down(void)
{
    arena_release(&arena);
}

static struct bytes decoded(struct bytes raw)
{
    struct bytes out;
    ck_assert(target_decode(&arena, raw, &out));
    return out;
}

START_TEST(segments_are_cut_before_they_are_decoded)
{
    struct target t;
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("/v1/keys/a%2Fb%00+?x=1")), TARGET_OK);
    ck_assert_uint_eq(t.nsegments, 3);
    ck_assert(bytes_eq(t.path, BYTES("/v1/keys/a%2Fb%00+")));
    ck_assert(bytes_eq(decoded(t.segments[2]), BYTES("a/b\0+")));
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("/v1/keys/")), TARGET_OK);
    ck_assert_uint_eq(t.nsegments, 3);
    ck_assert_uint_eq(t.segments[2].n, 0);
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("HTTP://h:1/v1?")), TARGET_OK);
    ck_assert(bytes_eq(t.path, BYTES("/v1")));
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("http://h")), TARGET_OK);
    ck_assert(bytes_eq(t.path, BYTES("/")));
}
END_TEST

START_TEST(wrong_targets_are_refused)
{
    struct target t;
    struct bytes out;
    static const struct bytes wrong[] = {BYTES("%"), BYTES("a%2"), BYTES("%g0"), BYTES("%%41")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert(!target_decode(&arena, wrong[i], &out));
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("")), TARGET_NO_PATH);
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("*")), TARGET_NO_PATH);
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("?a=1")), TARGET_NO_PATH);
    ck_assert(target_parse(&t, &arena, BYTES("/1/2/3/4/5/6/7/8/9")) == TARGET_OK && t.longer);
    ck_assert(target_parse(&t, &arena, BYTES("/1/2/3/4/5/6/7/8")) == TARGET_OK && !t.longer);
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("/?a=%4")), TARGET_BAD_ENCODING);
}
END_TEST

START_TEST(the_query_is_names_and_values)
{
    struct target t;
    ck_assert_int_eq(target_parse(&t, &arena, BYTES("/a?x=1&&y&z=a%26b=c+d&=e")), TARGET_OK);
    ck_assert_uint_eq(t.nquery, 4);
    ck_assert(bytes_eq(t.query[1].name, BYTES("y")) && t.query[1].value.n == 0);
    ck_assert(bytes_eq(t.query[2].value, BYTES("a&b=c+d")));
    ck_assert(t.query[3].name.n == 0 && bytes_eq(t.query[3].value, BYTES("e")));
}
END_TEST

START_TEST(joining_and_decoding_are_inverse)
{
    for (int round = 0; round < 2000; round++) {
        char data[64];
        struct bytes in = bytes_of(data, rng_below(sizeof data));
        for (size_t i = 0; i < in.n; i++)
            data[i] = (char)rng_u64();
        const char *joined = target_join(&arena, "/p/", in);
        ck_assert_ptr_null(strchr(joined + 3, '/'));
        ck_assert(bytes_eq(decoded(bytes_str(joined + 3)), in));
        arena_clear(&arena);
    }
}
END_TEST

START_TEST(upgrades_are_seen_in_the_head)
{
    static const char head[] =
        "GET /v1/ws HTTP/1.1\r\nHost: x\r\nconnection: keep-alive, Upgrade\r\n"
        "UPGRADE:  WebSocket \r\n\r\n";
    size_t n = sizeof head - 1;
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(upgrade_look(bytes_of(head, i)), UPGRADE_UNKNOWN);
    ck_assert_int_eq(upgrade_look(bytes_of(head, n)), UPGRADE_WEBSOCKET);
    ck_assert_int_eq(upgrade_look(BYTES("GET / HTTP/1.1\n\n")), UPGRADE_NONE);
    ck_assert_int_eq(upgrade_look(BYTES("POST")), UPGRADE_NONE);
    ck_assert_int_eq(upgrade_look(BYTES("G")), UPGRADE_UNKNOWN);
    ck_assert_int_eq(upgrade_look(BYTES("GX")), UPGRADE_NONE);
    ck_assert_int_eq(
        upgrade_look(BYTES("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n")),
        UPGRADE_NONE);
    ck_assert_int_eq(upgrade_look(BYTES("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")),
                     UPGRADE_NONE);
}
END_TEST

Suite *suite_target(void)
{
    Suite *s = suite_create("http/target");
    TCase *t = tcase_create("target");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, segments_are_cut_before_they_are_decoded);
    tcase_add_test(t, wrong_targets_are_refused);
    tcase_add_test(t, the_query_is_names_and_values);
    tcase_add_test(t, joining_and_decoding_are_inverse);
    tcase_add_test(t, upgrades_are_seen_in_the_head);
    suite_add_tcase(s, t);
    return s;
}
