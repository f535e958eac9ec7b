#include "base/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool num_parse_uint(struct bytes s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0 || s.n > 20 || (s.p[0] == '0' && s.n > 1))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned char)s.p[i] - (unsigned)'0';
        if (d > 9 || v > (UINT64_MAX - d) / 10)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

bool num_parse_int(struct bytes s, int64_t *out)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t v;
    if (negative) {
        s.p++;
        s.n--;
    }
    if (!num_parse_uint(s, &v) || (negative && v == 0))
        return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* strtod and strtold want a NUL: numbers longer than this are refused. */
#define NUM_TEXT_MAX 5119

static bool copy_number(struct bytes s, char *to, size_t room)
{
    if (s.n == 0 || s.n >= room || (unsigned char)s.p[0] <= ' ')
        return false;
    memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return true;
}

bool num_parse_double(struct bytes s, double *out)
{
    char text[512], *end;
    if (!copy_number(s, text, sizeof text))
        return false;
    errno = 0;
    double v = strtod(text, &end);
    if (end != text + s.n || isnan(v))
        return false;
    if (errno == ERANGE && (v == HUGE_VAL || v == -HUGE_VAL || fpclassify(v) == FP_ZERO))
        return false;
    *out = v;
    return true;
}

bool num_parse_long_double(struct bytes s, long double *out)
{
    char text[NUM_TEXT_MAX + 1], *end;
    if (!copy_number(s, text, sizeof text))
        return false;
    errno = 0;
    long double v = strtold(text, &end);
    if (end != text + s.n || isnan(v))
        return false;
    if (errno == ERANGE && (isinf(v) || fpclassify(v) == FP_ZERO))
        return false;
    *out = v;
    return true;
}

unsigned num_format_uint(char *to, uint64_t v)
{
    static const char pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233"
        "34353637383940414243444546474849505152535455565758596061626364656667"
        "68697071727374757677787980818283848586878889909192939495969798"
        "99";
    char tmp[20];
    unsigned at = sizeof tmp;
    while (v >= 100) {
        unsigned d = (unsigned)(v % 100) * 2;
        v /= 100;
        at -= 2;
        memcpy(tmp + at, pairs + d, 2);
    }
    if (v >= 10) {
        at -= 2;
        memcpy(tmp + at, pairs + v * 2, 2);
    } else {
        tmp[--at] = (char)('0' + v);
    }
    memcpy(to, tmp + at, sizeof tmp - at);
    return (unsigned)sizeof tmp - at;
}

unsigned num_format_int(char *to, int64_t v)
{
    if (v >= 0)
        return num_format_uint(to, (uint64_t)v);
    *to = '-';
    return 1 + num_format_uint(to + 1, 0 - (uint64_t)v);
}

unsigned num_format_double(char *to, double v)
{
    if (isnan(v)) {
        memcpy(to, "nan", 3);
        return 3;
    }
    if (isinf(v)) {
        memcpy(to, v < 0 ? "-inf" : "inf", v < 0 ? 4 : 3);
        return v < 0 ? 4 : 3;
    }
    if (v >= -9007199254740992.0 && v <= 9007199254740992.0 && v == (double)(int64_t)v) {
        if (v == 0 && signbit(v)) {
            memcpy(to, "-0", 2);
            return 2;
        }
        return num_format_int(to, (int64_t)v);
    }
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(to, NUM_DOUBLE_MAX, "%.*g", digits, v);
        if (strtod(to, NULL) == v)
            break;
    }
    return (unsigned)n;
}

unsigned num_format_long_double(char *to, long double v)
{
    if (isinf(v)) {
        memcpy(to, v < 0 ? "-inf" : "inf", v < 0 ? 4 : 3);
        return v < 0 ? 4 : 3;
    }
    int n = snprintf(to, NUM_LONG_DOUBLE_MAX, "%.17Lf", v);
    if (n < 0 || n >= NUM_LONG_DOUBLE_MAX)
        return 0;
    unsigned len = (unsigned)n;
    while (to[len - 1] == '0')
        len--;
    if (to[len - 1] == '.')
        len--;
    if (len == 2 && to[0] == '-' && to[1] == '0') {
        to[0] = '0';
        len = 1;
    }
    return len;
}
