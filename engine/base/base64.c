#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct bytes s, struct buf *out)
{
    size_t full = s.n / 3, rest = s.n % 3;
    const unsigned char *p = (const unsigned char *)s.p;
    char *to = buf_reserve(out, (full + 1) * 4), *start = to;
    for (size_t i = 0; i < full; i++, p += 3) {
        *to++ = alphabet[p[0] >> 2];
        *to++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *to++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *to++ = alphabet[p[2] & 63];
    }
    if (rest) {
        unsigned second = rest == 2 ? p[1] : 0;
        *to++ = alphabet[p[0] >> 2];
        *to++ = alphabet[(p[0] & 3) << 4 | second >> 4];
        *to++ = rest == 2 ? alphabet[(second & 15) << 2] : '=';
        *to++ = '=';
    }
    out->n += (size_t)(to - start);
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct bytes text, char *to, struct bytes *out)
{
    char *start = to;
    if (text.n % 4)
        return false;
    size_t padding = 0;
    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    unsigned bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool pad = i >= text.n - padding;
        int v = pad ? 0 : value_of(text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (unsigned)v;
        if (i % 4 == 3) {
            *to++ = (char)(bits >> 16);
            *to++ = (char)(bits >> 8);
            *to++ = (char)bits;
            if (i == text.n - 1 && bits & ((1u << 8 * padding) - 1))
                return false;
            bits = 0;
        }
    }
    *out = bytes_of(start, (size_t)(to - start) - padding);
    return true;
}
