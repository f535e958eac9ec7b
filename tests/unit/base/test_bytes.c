#include "base/bytes.h"
#include "base/mem.h"

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

static size_t encode_character(uint32_t c, unsigned char to[4])
{
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 0; c >>= 6)
        to[i] = (unsigned char)(i ? 0x80 | (c & 0x3f) : lead[n] | c);
    return n;
}

static uint32_t number_of(const unsigned char *p, size_t n)
{
    uint32_t number = 0;
    for (size_t i = 0; i < n; i++)
        number = number << 8 | p[i];
    return number;
}

/* Every sequence of up to three bytes, against the beginnings of all characters. */
START_TEST(utf8_beginnings_are_those_of_characters)
{
    unsigned char *begins = mem_calloc(3u << 24), c[4];
    for (uint32_t code = 0x80; code <= 0x10ffff; code++) {
        size_t n = code >= 0xd800 && code <= 0xdfff ? 0 : encode_character(code, c);
        for (size_t i = 1; i < n; i++)
            begins[((i - 1) << 24) + number_of(c, i)] = 1;
    }
    uint32_t wrong = 0;
    for (size_t n = 1; n <= 3; n++) {
        for (uint32_t number = 0; number < 1u << (8 * n); number += n < 3 ? 1 : 7) {
            for (size_t i = 0; i < n; i++)
                c[i] = (unsigned char)(number >> (8 * (n - 1 - i)));
            wrong += bytes_utf8_begins(bytes_of(c, n)) != begins[((n - 1) << 24) + number];
        }
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert(!bytes_utf8_begins(BYTES("")));
    ck_assert(!bytes_utf8_begins(BYTES("\xf0\x90\x80\x80")));
    mem_free(begins);
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
    tcase_add_test(t, utf8_beginnings_are_those_of_characters);
    suite_add_tcase(s, t);
    return s;
}
