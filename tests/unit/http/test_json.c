#include "http/json.h"

#include <math.h>

#include "tests/unit/suites.h"

static const struct json_limits limits = {.depth = 16, .values = 1000};

static struct arena arena;
static struct buf out;
static struct json_writer writer;

static void set_up(void)
{
    arena_init(&arena);
    buf_init(&out);
    json_writer_init(&writer, &out);
}

static void tear_down(void)
{
    arena_release(&arena);
    buf_release(&out);
}

static cJSON *read_text(struct bytes text)
{
    struct json_error error;
    cJSON *root = json_read(&arena, text, limits, &error);
    ck_assert_msg(root != NULL, "%.*s: %s at %zu", (int)text.n, text.p, error.reason, error.offset);
    return root;
}

static void expect_out(const char *text)
{
    buf_add_char(&out, 0);
    ck_assert_str_eq(out.p, text);
    buf_clear(&out);
    writer.comma = false;
}

START_TEST(wrong_texts_are_refused_with_their_offset)
{
    static const struct {
        struct bytes text;
        size_t offset;
    } wrong[] = {
        {BYTES(""), 0},
        {BYTES("  "), 2},
        {BYTES("{\"a\":1} x"), 8},
        {BYTES("[1,]"), 3},
        {BYTES("[1 2]"), 3},
        {BYTES("{\"a\" 1}"), 5},
        {BYTES("{a:1}"), 1},
        {BYTES("{\"a\":1,}"), 7},
        {BYTES("01"), 1},
        {BYTES("-"), 1},
        {BYTES("1."), 2},
        {BYTES("1e+"), 3},
        {BYTES("+1"), 0},
        {BYTES(".5"), 0},
        {BYTES("nul"), 3},
        {BYTES("NaN"), 0},
        {BYTES("\"ab"), 3},
        {BYTES("\"a\\"), 3},
        {BYTES("\"a\nb\""), 2},
        {BYTES("\"\\x\""), 2},
        {BYTES("\"\\u12g4\""), 5},
        {BYTES("\"\\ud800\""), 1},
        {BYTES("\"\\ud800\\u0041\""), 1},
        {BYTES("\"\\udc00\""), 1},
        {BYTES("\"\xff\""), 1},
        {BYTES("\"\xc3\""), 1},
        {BYTES("[\"a\", \"\xed\xa0\x80\"]"), 7},
        {BYTES("1\0"), 1},
        {BYTES("\xef\xbb\xbf{}"), 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct json_error error;
        ck_assert_ptr_null(json_read(&arena, wrong[i].text, limits, &error));
        ck_assert_ptr_nonnull(error.reason);
        ck_assert_msg(error.offset == wrong[i].offset, "%zu: %zu, %s", i, error.offset,
                      error.reason);
        ck_assert(!error.too_large);
    }
}
END_TEST

START_TEST(depth_and_values_are_bounded)
{
    struct json_error error;
    cJSON_Delete(read_text(BYTES("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]")));
    ck_assert_ptr_null(
        json_read(&arena, BYTES("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"), limits, &error));
    ck_assert(error.too_large);
    ck_assert_uint_eq(error.offset, 16);
    ck_assert_ptr_null(json_read(&arena, BYTES("[1,2,3]"), (struct json_limits){4, 3}, &error));
    ck_assert(error.too_large);
}
END_TEST

START_TEST(strings_keep_every_byte)
{
    cJSON *root = read_text(BYTES(" {\"a\\u0000b\" : \"x\\u0000\\u00e9\\ud83d\\ude00\\n\\/\" } "));
    ck_assert(bytes_eq(json_name(root->child), BYTES("a\0b")));
    ck_assert(bytes_eq(json_string(root->child), BYTES("x\0é😀\n/")));
    cJSON_Delete(root);
}
END_TEST

START_TEST(integers_are_exact)
{
    int64_t v;
    cJSON *root = read_text(BYTES("[9007199254740993,-9223372036854775808,\"9223372036854775807\","
                                  "9223372036854775808,1.0,1e3,\"1x\",-0,true]"));
    static const int64_t expected[] = {9007199254740993, INT64_MIN, INT64_MAX};
    for (int i = 0; i < 3; i++) {
        ck_assert(json_int(cJSON_GetArrayItem(root, i), &v));
        ck_assert_int_eq(v, expected[i]);
    }
    for (int i = 3; i < 7; i++)
        ck_assert(!json_int(cJSON_GetArrayItem(root, i), &v));
    ck_assert(json_int(cJSON_GetArrayItem(root, 7), &v) && v == 0);
    ck_assert(!json_int(cJSON_GetArrayItem(root, 8), &v));
    ck_assert(!json_int(NULL, &v));
    cJSON_Delete(root);
}
END_TEST

START_TEST(doubles_take_infinities_as_strings)
{
    double v;
    cJSON *root = read_text(BYTES("[0.1,\"-inf\",1e999,\"nan\",\"2.5\"]"));
    ck_assert(json_double(cJSON_GetArrayItem(root, 0), &v) && v == 0.1);
    ck_assert(json_double(cJSON_GetArrayItem(root, 1), &v) && isinf(v) && v < 0);
    ck_assert(!json_double(cJSON_GetArrayItem(root, 2), &v));
    ck_assert(!json_double(cJSON_GetArrayItem(root, 3), &v));
    ck_assert(json_double(cJSON_GetArrayItem(root, 4), &v) && v == 2.5);
    cJSON_Delete(root);
}
END_TEST

START_TEST(bytes_come_as_string_or_base64)
{
    struct bytes s;
    cJSON *root = read_text(BYTES("[\"é\",{\"b64\":\"/wA=\"},{\"b64\":\"/wA\"},{\"b64\":\"/wB=\"},"
                                  "{\"b64\":\"\",\"x\":1},17,{\"b64\":\"\"}]"));
    ck_assert(json_bytes(&arena, cJSON_GetArrayItem(root, 0), &s) && bytes_eq(s, BYTES("é")));
    for (int twice = 0; twice < 2; twice++)
        ck_assert(json_bytes(&arena, cJSON_GetArrayItem(root, 1), &s) &&
                  bytes_eq(s, BYTES("\xff\0")));
    for (int i = 2; i < 6; i++)
        ck_assert(!json_bytes(&arena, cJSON_GetArrayItem(root, i), &s));
    ck_assert(json_argument(&arena, cJSON_GetArrayItem(root, 5), &s) && bytes_eq(s, BYTES("17")));
    ck_assert(json_bytes(&arena, cJSON_GetArrayItem(root, 6), &s) && s.n == 0);
    cJSON_Delete(root);
}
END_TEST

START_TEST(random_bytes_survive_writing_and_reading)
{
    for (int round = 0; round < 3000; round++) {
        char data[40];
        size_t n = rng_below(sizeof data);
        bool ascii = rng_below(2);
        for (size_t i = 0; i < n; i++)
            data[i] = (char)(rng_u64() & (ascii ? 0x7f : 0xff));
        struct bytes in = bytes_of(data, n), back;
        writer.base64 = rng_below(4) == 0;
        writer.comma = false;
        buf_clear(&out);
        json_put_bytes(&writer, in);
        cJSON *root = read_text(buf_bytes(&out));
        ck_assert(json_bytes(&arena, root, &back) && bytes_eq(in, back));
        ck_assert(cJSON_IsObject(root) == (writer.base64 || bytes_utf8_check(in) != n));
        cJSON_Delete(root);
        arena_clear(&arena);
    }
}
END_TEST

START_TEST(random_texts_never_crash)
{
    static const char parts[] = "{}[]\",:\\u0aef19-+.e tnrl\xc3\xa9";
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t n = rng_below(sizeof text);
        for (size_t i = 0; i < n; i++)
            text[i] = parts[rng_below(sizeof parts - 1)];
        struct json_error error;
        cJSON *root = json_read(&arena, bytes_of(text, n), limits, &error);
        ck_assert(root || (error.reason && error.offset <= n));
        cJSON_Delete(root);
        arena_clear(&arena);
    }
}
END_TEST

START_TEST(numbers_are_written_safely)
{
    json_open_array(&writer);
    json_put_int(&writer, 9007199254740991);
    json_put_int(&writer, 9007199254740992);
    json_put_int(&writer, INT64_MIN);
    json_put_double(&writer, 0.1);
    json_put_double(&writer, -INFINITY);
    json_put_double(&writer, 1e300);
    json_put_count(&writer, 7);
    json_close_array(&writer);
    expect_out(
        "[9007199254740991,\"9007199254740992\",\"-9223372036854775808\",0.1,\"-inf\",1e+300,7]");
    writer.int64_strings = true;
    json_put_int(&writer, 5);
    expect_out("\"5\"");
}
END_TEST

START_TEST(replies_become_json)
{
    struct capture c;
    capture_init(&c);
    reply_array(&c.base, 5);
    reply_ok(&c.base);
    reply_map(&c.base, 2);
    reply_text(&c.base, "a\"\x01");
    reply_double(&c.base, 1.5);
    reply_text(&c.base, "n");
    reply_null(&c.base);
    reply_map(&c.base, 1);
    reply_int(&c.base, 1);
    reply_set(&c.base, 0);
    reply_error(&c.base, ERROR_WRONGTYPE);
    reply_bool(&c.base, true);
    json_put_reply(&writer, &c, 0);
    expect_out(
        "[\"OK\",{\"a\\\"\\u0001\":1.5,\"n\":null},[[1,[]]],{\"error\":{\"code\":\"wrong-type\","
        "\"message\":\"WRONGTYPE Operation against a key holding the wrong kind of "
        "value\"}},true]");
    capture_release(&c);
}
END_TEST

START_TEST(base64_has_the_vectors_of_rfc_4648)
{
    static const char *plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (int i = 0; i < 7; i++) {
        char to[16];
        struct bytes back;
        base64_encode(bytes_str(plain[i]), &out);
        ck_assert(base64_decode(buf_bytes(&out), to, &back));
        ck_assert(bytes_eq(back, bytes_str(plain[i])));
        expect_out(coded[i]);
    }
}
END_TEST

Suite *suite_json(void)
{
    Suite *s = suite_create("http/json");
    TCase *t = tcase_create("json");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, wrong_texts_are_refused_with_their_offset);
    tcase_add_test(t, depth_and_values_are_bounded);
    tcase_add_test(t, strings_keep_every_byte);
    tcase_add_test(t, integers_are_exact);
    tcase_add_test(t, doubles_take_infinities_as_strings);
    tcase_add_test(t, bytes_come_as_string_or_base64);
    tcase_add_test(t, random_bytes_survive_writing_and_reading);
    tcase_add_test(t, random_texts_never_crash);
    tcase_add_test(t, numbers_are_written_safely);
    tcase_add_test(t, replies_become_json);
    tcase_add_test(t, base64_has_the_vectors_of_rfc_4648);
    suite_add_tcase(s, t);
    return s;
}
