#include "commands/cursor.h"

bool cursor_parse(struct bytes s, uint64_t *cursor)
{
    bool minus = s.n && s.p[0] == '-';
    size_t i = s.n && (minus || s.p[0] == '+');
    uint64_t v = 0;
    if (i && s.n == 1)
        return false;
    for (; i < s.n; i++) {
        unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return false;
    }
    *cursor = minus ? 0 - v : v;
    return true;
}
