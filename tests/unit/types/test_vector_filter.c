/* Filters: a table of expressions, and random ones against an evaluator that works on a tree. */
#include "types/vector_filter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "tests/unit/suites.h"

static const char json[] =
    "{\"n\": 12, \"zero\":0, \"neg\" : -2.5e1, \"s\":\"abc\", \"esc\":\"a\\u00e9\\n\\\"b\","
    " \"t\":true,\"f\":false,\"nil\":null,\"tags\":[1,\"two\",true,null],"
    "\"deep\":{\"n\":1,\"x\":[{}]},\"k\\u0065y\":7, \"digits\":\"42\", \"empty\":\"\"}";

static bool match(const char *expression, const char *attributes)
{
    struct bytes near;
    struct vector_filter *f = vector_filter_compile(bytes_str(expression), &near);
    ck_assert_msg(f != NULL, "%s: wrong from %.*s on", expression, (int)near.n, near.p);
    bool is = vector_filter_match(f, bytes_str(attributes));
    vector_filter_free(f);
    return is;
}

START_TEST(expressions)
{
    static const struct {
        const char *expression;
        bool is;
    } table[] = {
        {".n == 12", true},
        {".n != 12", false},
        {".n>11 and .n<13", true},
        {".n>=12&&.n<=12", true},
        {".zero or .zero", false},
        {".zero || .n", true},
        {"not .zero", true},
        {"!.n", false},
        {"! ( .n == 1 )", true},
        {".neg == -25", true},
        {".neg+25==0", true},
        {".n - 2 * 3 == 6", true},
        {"(.n - 2) * 3 == 30", true},
        {"2 ** 3 ** 2 == 512", true},
        {"-2 ** 2 == 4", true},
        {".n % 5 == 2", true},
        {".n / 0 > 1000000", true},
        {".s == \"abc\"", true},
        {".s == 'abc'", true},
        {".s == 'a\\bc'", true},
        {".esc == \"aé\n\\\"b\"", true},
        {"'é' in .esc", true},
        {"'bc' in .s", true},
        {"'cb' in .s", false},
        {"'' in .s", true},
        {".n in [1, 12, 'x']", true},
        {".n in []", false},
        {"'two' in .tags", true},
        {"1 in .tags", true},
        {"null in .tags", true},
        {"3 in .tags", false},
        {".t == 1 and .f == 0", true},
        {".t and not .f", true},
        {".nil == null", true},
        {".n == null", false},
        {".missing", false},
        {".missing == 1 or .n == 12", false},
        {"not .missing", false},
        {".deep == 1", false},
        {".key == 7", true},
        {".digits == 42", true},
        {".digits + 1 == 43", true},
        {".s + 1 == 1", true},
        {".empty", false},
        {".tags == .tags", false},
        {"true", true},
        {"false", false},
        {"null", false},
        {".5 < 1", true},
        {"1e3 == 1000", true},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        ck_assert_msg(match(table[i].expression, json) == table[i].is, "%s", table[i].expression);
}
END_TEST

START_TEST(broken_attributes)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[]",
                                        "x",
                                        "{\"n\"",
                                        "{\"n\":",
                                        "{\"n\":}",
                                        "{\"n\":[1",
                                        "{\"n\":\"1",
                                        "{\"n\":1x}",
                                        "{\"n\":{\"n\":1}}",
                                        "{\"\\",
                                        "{\"a\":{,\"n\":1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!match(".n or 1", wrong[i]), "%s", wrong[i]);
    ck_assert(match(".n", "{\"n\":1"));
}
END_TEST

START_TEST(wrong_expressions)
{
    static const struct {
        const char *expression, *near;
    } table[] = {{"", ""},
                 {"1 +", "+"},
                 {"(1", "1"},
                 {"1)", ")"},
                 {".a >> 1", "> 1"},
                 {".a 1", "1"},
                 {"'open", "'open"},
                 {"[1,", "[1,"},
                 {"[1 2]", "[1 2]"},
                 {". == 1", ". == 1"},
                 {"1 and or 2", "or 2"},
                 {"in [1]", "in [1]"},
                 {"notx", "notx"},
                 {"1e", "1e"},
                 {"@", "@"},
                 {"1 not 2", "not 2"},
                 {"[[1]]", "[[1]]"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct bytes near;
        ck_assert_ptr_null(vector_filter_compile(bytes_str(table[i].expression), &near));
        ck_assert_msg(bytes_eq(near, bytes_str(table[i].near)), "%s: %.*s", table[i].expression,
                      (int)near.n, near.p);
    }
}
END_TEST

/* The stack has an end: what needs more is refused, whatever way it nests. */
START_TEST(depth_is_bounded)
{
    static char text[FILTER_BYTES_MAX + 2];
    struct bytes near;
    size_t n = 0;
    for (int i = 0; i < FILTER_DEPTH_MAX - 1; i++)
        n += (size_t)sprintf(text + n, "1**");
    n += (size_t)sprintf(text + n, "1");
    struct vector_filter *f = vector_filter_compile(bytes_of(text, n), &near);
    ck_assert_ptr_nonnull(f);
    ck_assert(vector_filter_match(f, BYTES("{}")));
    vector_filter_free(f);
    n += (size_t)sprintf(text + n, "**1");
    ck_assert_ptr_null(vector_filter_compile(bytes_of(text, n), &near));
    memset(text, '(', sizeof text);
    ck_assert_ptr_null(vector_filter_compile(bytes_of(text, FILTER_BYTES_MAX), &near));
    memset(text, '!', sizeof text);
    text[FILTER_BYTES_MAX - 1] = '1';
    f = vector_filter_compile(bytes_of(text, FILTER_BYTES_MAX), &near);
    ck_assert_ptr_nonnull(f);
    vector_filter_free(f);
    ck_assert_ptr_null(vector_filter_compile(bytes_of(text, FILTER_BYTES_MAX + 1), &near));
}
END_TEST

/* ---- random expressions ---------------------------------------------------------------------- */

struct out {
    char text[4096];
    size_t n;
};

static void put(struct out *o, const char *s)
{
    o->n += (size_t)sprintf(o->text + o->n, "%s", s);
}

/* Writes a random expression, in brackets throughout, and returns its value with a = 3, b = 0.5. */
static double random_expression(struct out *o, int depth)
{
    static const char *const ops[] = {"+",  "-",  "*",  "<",   "<=", ">",
                                      ">=", "==", "!=", "and", "||", "%"};
    if (depth == 0 || rng_below(4) == 0) {
        static const struct {
            const char *text;
            double value;
        } leaves[] = {{".a", 3}, {".b", 0.5}, {"2", 2}, {"-7", -7}, {"true", 1}, {"0", 0}};
        size_t i = rng_below(6);
        put(o, leaves[i].text);
        return leaves[i].value;
    }
    if (rng_below(6) == 0) {
        put(o, "!(");
        double v = random_expression(o, depth - 1);
        put(o, ")");
        return v == 0;
    }
    size_t op = rng_below(12);
    put(o, "(");
    double x = random_expression(o, depth - 1);
    put(o, " ");
    put(o, ops[op]);
    put(o, " ");
    double y = random_expression(o, depth - 1);
    put(o, ")");
    double values[] = {x + y,  x - y,  x * y,  x<y, x <= y, x> y, x >= y, x == y,
                       x != y, x && y, x || y, fmod(x, y)};
    return values[op];
}

START_TEST(as_the_tree)
{
    rng_seed(9);
    for (size_t i = 0; i < UNIT_STEPS(20000); i++) {
        static struct out o;
        o.n = 0;
        double v = random_expression(&o, 5);
        ck_assert_msg(match(o.text, "{\"a\":3,\"b\":0.5}") == (v != 0), "%s", o.text);
    }
}
END_TEST

Suite *suite_vector_filter(void)
{
    Suite *s = suite_create("types/vector_filter");
    TCase *t = tcase_create("filter");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, expressions);
    tcase_add_test(t, broken_attributes);
    tcase_add_test(t, wrong_expressions);
    tcase_add_test(t, depth_is_bounded);
    tcase_add_test(t, as_the_tree);
    suite_add_tcase(s, t);
    return s;
}
