#include "base/bytes.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/num.h"

int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c)
        return c;
    return (a.n > b.n) - (a.n < b.n);
}

bool bytes_is(struct bytes a, const char *word)
{
    for (size_t i = 0; i < a.n; i++) {
        if (!word[i] || tolower((unsigned char)a.p[i]) != tolower((unsigned char)word[i]))
            return false;
    }
    return word[a.n] == '\0';
}

bool bytes_eq_secret(struct bytes a, struct bytes b)
{
    unsigned diff = a.n != b.n;
    for (size_t i = 0; i < a.n; i++) {
        unsigned char other = b.n ? (unsigned char)b.p[i % b.n] : 0xff;
        diff |= (unsigned)((unsigned char)a.p[i] ^ other);
    }
    return diff == 0;
}

/* ---- glob ---------------------------------------------------------------------------------- */

#define GLOB_STEPS_MAX 1000000

static unsigned char fold(unsigned char c, bool nocase)
{
    return nocase ? (unsigned char)tolower(c) : c;
}

/* Matches one [...] class whose '[' is at pat.p[i]; returns the index past it. A class that is not
 * closed ends with the pattern, as in Redis. */
static size_t glob_class(struct bytes pat, size_t i, unsigned char c, bool nocase, bool *hit)
{
    bool negate = false, found = false;
    i++;
    if (i < pat.n && pat.p[i] == '^') {
        negate = true;
        i++;
    }
    c = fold(c, nocase);
    while (i < pat.n && pat.p[i] != ']') {
        if (pat.p[i] == '\\' && i + 1 < pat.n) {
            i++;
            found |= (unsigned char)pat.p[i] == c || fold((unsigned char)pat.p[i], nocase) == c;
            i++;
        } else if (i + 2 < pat.n && pat.p[i + 1] == '-') {
            unsigned char lo = fold((unsigned char)pat.p[i], nocase);
            unsigned char hi = fold((unsigned char)pat.p[i + 2], nocase);
            if (lo > hi) {
                unsigned char t = lo;
                lo = hi;
                hi = t;
            }
            found |= c >= lo && c <= hi;
            i += 3;
        } else {
            found |= fold((unsigned char)pat.p[i], nocase) == c;
            i++;
        }
    }
    *hit = found != negate;
    return i < pat.n ? i + 1 : i;
}

/* One step of the pattern at `*pi` that is not '*', against the byte c. */
static bool glob_one(struct bytes pat, size_t *pi, unsigned char c, bool nocase)
{
    size_t i = *pi;
    bool hit;
    if (pat.p[i] == '?') {
        *pi = i + 1;
        return true;
    }
    if (pat.p[i] == '[') {
        *pi = glob_class(pat, i, c, nocase, &hit);
        return hit;
    }
    if (pat.p[i] == '\\' && i + 1 < pat.n)
        i++;
    *pi = i + 1;
    return fold((unsigned char)pat.p[i], nocase) == fold(c, nocase);
}

/* As in Redis the empty text is matched by the empty pattern alone, not by "*". Only the last '*' need ever be retried, so the work is O(pattern * text) and no recursion. */
bool bytes_glob(struct bytes pat, struct bytes s, bool nocase)
{
    size_t pi = 0, si = 0, star_pi = (size_t)-1, star_si = 0;
    if (s.n == 0)
        return pat.n == 0;
    for (long steps = 0; si < s.n; steps++) {
        if (steps > GLOB_STEPS_MAX)
            return false;
        if (pi < pat.n && pat.p[pi] == '*') {
            while (pi < pat.n && pat.p[pi] == '*')
                pi++;
            if (pi == pat.n)
                return true;
            star_pi = pi;
            star_si = si;
        } else if (pi < pat.n && glob_one(pat, &pi, (unsigned char)s.p[si], nocase)) {
            si++;
        } else if (star_pi != (size_t)-1) {
            pi = star_pi;
            si = ++star_si;
        } else {
            return false;
        }
    }
    while (pi < pat.n && pat.p[pi] == '*')
        pi++;
    return pi == pat.n;
}

/* ---- UTF-8 --------------------------------------------------------------------------------- */

static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    size_t len;
    uint32_t cp, min;
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c <= 0xdf) {
        len = 2;
        cp = c & 0x1fu;
        min = 0x80;
    } else if ((c & 0xf0) == 0xe0) {
        len = 3;
        cp = c & 0x0fu;
        min = 0x800;
    } else if (c >= 0xf0 && c <= 0xf4) {
        len = 4;
        cp = c & 0x07u;
        min = 0x10000;
    } else {
        return 0;
    }
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | (p[i] & 0x3fu);
    }
    if (cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    return len;
}

size_t bytes_utf8_check(struct bytes s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        size_t len = utf8_sequence(p + i, s.n - i);
        if (!len)
            return i;
        i += len;
    }
    return s.n;
}

static bool utf8_fits(struct bytes s, unsigned char rest)
{
    unsigned char whole[4];
    memset(whole, rest, sizeof whole);
    memcpy(whole, s.p, s.n);
    return utf8_sequence(whole, sizeof whole) > s.n;
}

/* Which second bytes a first one allows is a range that begins or ends with the range of all. */
bool bytes_utf8_begins(struct bytes s)
{
    return s.n > 0 && s.n < 4 && (utf8_fits(s, 0x80) || utf8_fits(s, 0xbf));
}

/* ---- buf ----------------------------------------------------------------------------------- */

#define BUF_MIN   64
#define BUF_LARGE 65536
#define BUF_REST  1024
#define BUF_STEP  ((size_t)1 << 20)

void buf_release(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){0};
}

char *buf_reserve_slow(struct buf *b, size_t more)
{
    size_t need = b->n + more;
    if (need < b->n)
        mem_exhausted(more);
    size_t cap = b->cap ? b->cap : BUF_MIN, before = cap;
    while (cap < need)
        cap += cap < BUF_STEP ? cap : (cap / 2 > BUF_STEP ? cap / 2 : BUF_STEP);
    size_t exact = (need / BUF_MIN + 1) * BUF_MIN + BUF_REST;
    if (need >= BUF_LARGE && need / 2 >= before && exact < cap) /* it may well be nearly all */
        cap = exact;
    b->p = mem_realloc(b->p, cap);
    b->cap = cap;
    return b->p + b->n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n > 0) {
        char *to = buf_reserve(b, (size_t)n + 1);
        vsnprintf(to, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_add_int(struct buf *b, int64_t v)
{
    char *to = buf_reserve(b, NUM_INT_MAX);
    b->n += num_format_int(to, v);
}

void buf_consume(struct buf *b, size_t n)
{
    b->n -= n;
    if (b->n && n)
        memmove(b->p, b->p + n, b->n);
}
