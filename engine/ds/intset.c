#include "ds/intset.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define HEAD 8

static uint32_t read_word(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static void write_word(uint8_t *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}

static size_t width_of(const uint8_t *is)
{
    return read_word(is);
}

size_t intset_length(const uint8_t *is)
{
    return read_word(is + 4);
}

size_t intset_bytes(const uint8_t *is)
{
    return HEAD + intset_length(is) * width_of(is);
}

/* ---- numbers -----------------------------------------------------------------------------------
 */

static size_t width_for(int64_t v)
{
    return v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;
}

static int64_t get(const uint8_t *is, size_t width, size_t i)
{
    const uint8_t *p = is + HEAD + i * width;
    uint16_t a;
    uint32_t b;
    uint64_t c;
    switch (width) {
    case 2:
        memcpy(&a, p, 2);
        return (int16_t)le16toh(a);
    case 4:
        memcpy(&b, p, 4);
        return (int32_t)le32toh(b);
    default:
        memcpy(&c, p, 8);
        return (int64_t)le64toh(c);
    }
}

static void set(uint8_t *is, size_t width, size_t i, int64_t v)
{
    uint8_t *p = is + HEAD + i * width;
    uint16_t a = htole16((uint16_t)v);
    uint32_t b = htole32((uint32_t)v);
    uint64_t c = htole64((uint64_t)v);
    switch (width) {
    case 2:
        memcpy(p, &a, 2);
        return;
    case 4:
        memcpy(p, &b, 4);
        return;
    default:
        memcpy(p, &c, 8);
        return;
    }
}

int64_t intset_get(const uint8_t *is, size_t i)
{
    return get(is, width_of(is), i);
}

bool intset_find(const uint8_t *is, int64_t v, size_t *at)
{
    size_t low = 0, high = intset_length(is), width = width_of(is);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (get(is, width, mid) < v)
            low = mid + 1;
        else
            high = mid;
    }
    *at = low;
    return low < intset_length(is) && get(is, width, low) == v;
}

size_t intset_seek(const uint8_t *is, size_t from, int64_t v)
{
    size_t n = intset_length(is), width = width_of(is), low = from, high = from, step = 1;
    while (high < n && get(is, width, high) < v) {
        low = high + 1;
        high += step;
        step *= 2;
    }
    if (high > n)
        high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (get(is, width, mid) < v)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* ---- lifetime ----------------------------------------------------------------------------------
 */

uint8_t *intset_new(void)
{
    uint8_t *is = mem_alloc(HEAD);
    write_word(is, 2);
    write_word(is + 4, 0);
    return is;
}

void intset_free(uint8_t *is)
{
    mem_free(is);
}

uint8_t *intset_dup(const uint8_t *is)
{
    return memcpy(mem_alloc(intset_bytes(is)), is, intset_bytes(is));
}

/* ---- edits -------------------------------------------------------------------------------------
 */

/* Makes room for one more number of that width; the wider ones are written from the end. */
static uint8_t *widen(uint8_t *is, size_t width)
{
    size_t n = intset_length(is), old = width_of(is), need = HEAD + (n + 1) * width;
    if (mem_usable(is) < need)
        is = mem_realloc(is, need + need / 8);
    if (width == old)
        return is;
    for (size_t i = n; i > 0; i--)
        set(is, width, i - 1, get(is, old, i - 1));
    write_word(is, (uint32_t)width);
    return is;
}

uint8_t *intset_add(uint8_t *is, int64_t v, bool *added)
{
    size_t at, width = width_of(is);
    *added = !intset_find(is, v, &at);
    if (!*added)
        return is;
    if (width_for(v) > width)
        width = width_for(v);
    is = widen(is, width);
    size_t n = intset_length(is);
    memmove(is + HEAD + (at + 1) * width, is + HEAD + at * width, (n - at) * width);
    set(is, width, at, v);
    write_word(is + 4, (uint32_t)n + 1);
    return is;
}

uint8_t *intset_remove(uint8_t *is, int64_t v, bool *removed)
{
    size_t at, width = width_of(is), n = intset_length(is);
    *removed = intset_find(is, v, &at);
    if (!*removed)
        return is;
    memmove(is + HEAD + at * width, is + HEAD + (at + 1) * width, (n - at - 1) * width);
    write_word(is + 4, (uint32_t)n - 1);
    size_t need = intset_bytes(is);
    return mem_usable(is) > 2 * need + 64 ? mem_realloc(is, need) : is;
}

/* ---- integrity ---------------------------------------------------------------------------------
 */

bool intset_validate(const uint8_t *is, size_t bytes)
{
    if (bytes < HEAD)
        return false;
    size_t width = width_of(is), n = intset_length(is);
    if ((width != 2 && width != 4 && width != 8) || bytes - HEAD != n * width)
        return false;
    for (size_t i = 1; i < n; i++) {
        if (get(is, width, i - 1) >= get(is, width, i))
            return false;
    }
    return true;
}

void intset_check(const uint8_t *is)
{
    if (!intset_validate(is, intset_bytes(is)))
        abort();
}
