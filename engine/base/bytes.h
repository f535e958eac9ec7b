/* Byte strings: a borrowed slice (struct bytes) and an owned, growing buffer (struct buf).
 *
 * Every value in atrium is (pointer, length) and may hold any byte; nothing here looks for a NUL.
 * A slice never owns what it points at. A buf owns its memory: buf_init .. buf_release.
 * Thread rule: none of these has a lock; one owner at a time. */
#ifndef ATRIUM_BASE_BYTES_H
#define ATRIUM_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const char *p;
    size_t n;
};

/* A string literal as a slice, without its NUL. */
#define BYTES(lit) ((struct bytes){(lit), sizeof(lit) - 1})

static inline struct bytes bytes_of(const void *p, size_t n)
{
    return (struct bytes){(const char *)p, n};
}

static inline struct bytes bytes_str(const char *s)
{
    return (struct bytes){s, strlen(s)};
}

static inline bool bytes_eq(struct bytes a, struct bytes b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Order by bytes as unsigned, a prefix first: <0, 0, >0. */
int bytes_cmp(struct bytes a, struct bytes b);

/* Equal without regard to ASCII case. `word` is a C string in any case. O(n). */
bool bytes_is(struct bytes a, const char *word);

/* Equal, in time that depends on the lengths only: for secrets. */
bool bytes_eq_secret(struct bytes a, struct bytes b);

/* Does `s` match the glob `pattern` (* ? [a-z] [^a] and \ as in Redis)? Work is bounded by a step
 * limit, so that no pattern takes exponential time; beyond the limit the answer is false. */
bool bytes_glob(struct bytes pattern, struct bytes s, bool nocase);

/* Is `s` well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates)? Returns the offset of the
 * first wrong byte, or s.n where all is well. */
size_t bytes_utf8_check(struct bytes s);
/* Are these, at most three, the first bytes of a longer sequence? */
bool bytes_utf8_begins(struct bytes s);

/* An owned buffer. `p` may be NULL while cap is 0. Growth doubles up to 1 MiB, then adds 1 MiB..50%; a large piece
 * that is longer than that gets its own length;
 * out of memory aborts (callers check client-sized lengths against a limit first). */
struct buf {
    char *p;
    size_t n;
    size_t cap;
};

static inline void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_release(struct buf *b);

/* Makes room for `more` bytes past n and returns the place to write them (n is not moved). */
char *buf_reserve_slow(struct buf *b, size_t more);

static inline char *buf_reserve(struct buf *b, size_t more)
{
    return b->cap - b->n >= more ? b->p + b->n : buf_reserve_slow(b, more);
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    if (n == 0)
        return;
    memcpy(buf_reserve(b, n), p, n);
    b->n += n;
}

static inline void buf_add_bytes(struct buf *b, struct bytes s)
{
    buf_add(b, s.p, s.n);
}

static inline void buf_add_char(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->n++;
}

static inline void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

/* printf onto the end. */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds a signed integer in decimal. */
void buf_add_int(struct buf *b, int64_t v);

/* Drops the first n bytes (memmove). */
void buf_consume(struct buf *b, size_t n);

static inline void buf_clear(struct buf *b)
{
    b->n = 0;
}

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){b->p, b->n};
}

#endif
