#include "base/bytes.h"

#include "tests/unit/suites.h"

static bool glob(const char *p, const char *s)
{
    return bytes_glob(bytes_str(p), bytes_str(s), false);
}

START_TEST(glob_matches_like_redis)
{
    ck_assert(!glob("*", ""));
    ck_assert(glob("", ""));
    ck_assert(glob("a*", "a"));
    ck_assert(glob("h?llo", "hello"));
    ck_assert(!glob("h?llo", "hllo"));
    ck_assert(glob("h[a-e]llo", "hello"));
    ck_assert(!glob("h[^e]llo", "hello"));
    ck_assert(glob("h\\*llo", "h*llo"));
    ck_assert(glob("a*b*c", "aXXbYYc"));
    ck_assert(!glob("a*b*c", "aXXbYY"));
    ck_assert(glob("[a-", "a"));
}
END_TEST

START_TEST(utf8_is_strict)
{
    ck_assert_uint_eq(bytes_utf8_check(BYTES("aé€😀")), 10);
    ck_assert_uint_eq(bytes_utf8_check(BYTES("ab\xc0\x80")), 2);
    ck_assert_uint_eq(bytes_utf8_check(BYTES("\xed\xa0\x80")), 0);
    ck_assert_uint_eq(bytes_utf8_check(BYTES("x\xe2\x82")), 1);
}
END_TEST

Suite *suite_bytes(void)
{
    Suite *s = suite_create("base/bytes");
    TCase *t = tcase_create("bytes");
    tcase_add_test(t, glob_matches_like_redis);
    tcase_add_test(t, utf8_is_strict);
    suite_add_tcase(s, t);
    return s;
}
