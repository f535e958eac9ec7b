/* A listpack: a list of short values in one allocation, byte for byte in Redis's format (the
 * antirez/listpack specification), so that snapshots carry it as it is.
 *
 *   +-------------+----------+---------+---------+- - - -+------+
 *   | total bytes | elements | element | element |       | 0xFF |
 *   | u32 LE      | u16 LE   |         |         |       |      |
 *   +-------------+----------+---------+---------+- - - -+------+
 *
 * elements is 65535 where there are that many or more: then counting walks. An element is its
 * encoding byte with the rest of the value, followed by the length of both (backlen: 7 bits a byte,
 * most significant first, bit 7 set in all but the first byte, so that it is read backwards):
 *
 *   0xxxxxxx                    integer 0..127
 *   10xxxxxx                    string of up to 63 bytes
 *   110xxxxx x*8                integer of 13 bits, signed
 *   1110xxxx x*8                string of up to 4095 bytes
 *   11110000 u32                string
 *   11110001 .. 11110100        integer of 16, 24, 32, 64 bits
 *
 * A value that is a canonical decimal int64 ("0", "-12", not "007") is stored as an integer and
 * reads back as the same text. Positions are pointers to an element and hold until the next edit.
 * Edits may move the listpack: they return its new address. Slices passed in must not point into
 * the listpack itself.
 *
 * Complexity: edits O(bytes after the place); search and seek O(elements). A listpack is below
 * LP_BYTES_MAX: callers ask lp_fits first for client-sized values. Thread rule: one owner. */
#ifndef ATRIUM_DS_LISTPACK_H
#define ATRIUM_DS_LISTPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/num.h"

#define LP_BYTES_MAX ((size_t)1 << 30)

/* An element's value: bytes, or an integer where p is NULL. */
struct lp_value {
    const char *p;
    size_t n;
    int64_t integer;
};

enum lp_where { LP_BEFORE, LP_AFTER };

/* An empty one with room for `bytes` (0: exact). */
uint8_t *lp_new(size_t bytes);
void lp_free(uint8_t *lp);
uint8_t *lp_dup(const uint8_t *lp);
/* Gives unused room back. */
uint8_t *lp_shrink(uint8_t *lp);

/* The serialised length, as it goes into a snapshot. */
size_t lp_bytes(const uint8_t *lp);
/* Elements. O(1) up to 65534, then O(elements). */
size_t lp_length(const uint8_t *lp);
/* May a value of n bytes be added? */
bool lp_fits(const uint8_t *lp, size_t n);
/* Bytes that an element of this value takes. */
size_t lp_entry_bytes(struct bytes s);

/* ---- positions: NULL where there is none ------------------------------------------------------
 */

uint8_t *lp_first(const uint8_t *lp);
uint8_t *lp_last(const uint8_t *lp);
uint8_t *lp_next(const uint8_t *lp, const uint8_t *at);
uint8_t *lp_prev(const uint8_t *lp, const uint8_t *at);
/* Element i from 0, or from -1 at the end backwards. */
uint8_t *lp_seek(const uint8_t *lp, int64_t i);
/* The first element equal to s at or after `at`; between two comparisons `skip` elements are passed
 * over (1: fields of field-value pairs). */
uint8_t *lp_find(const uint8_t *lp, const uint8_t *at, struct bytes s, unsigned skip);

/* ---- values -----------------------------------------------------------------------------------
 */

struct lp_value lp_get(const uint8_t *at);
/* The value as text; `scratch` (NUM_INT_MAX bytes) holds it where it is an integer. */
struct bytes lp_get_bytes(const uint8_t *at, char *scratch);
/* False where the value is no integer. */
bool lp_get_int(const uint8_t *at, int64_t *out);
bool lp_equal(const uint8_t *at, struct bytes s);

/* ---- edits: return the listpack's new address -------------------------------------------------
 */

uint8_t *lp_append(uint8_t *lp, struct bytes s);
uint8_t *lp_append_int(uint8_t *lp, int64_t v);
uint8_t *lp_prepend(uint8_t *lp, struct bytes s);
uint8_t *lp_prepend_int(uint8_t *lp, int64_t v);
/* Beside *at, which is then the new element's position. */
uint8_t *lp_insert(uint8_t *lp, uint8_t **at, enum lp_where where, struct bytes s);
uint8_t *lp_insert_int(uint8_t *lp, uint8_t **at, enum lp_where where, int64_t v);
/* *at is the new element's position. */
uint8_t *lp_replace(uint8_t *lp, uint8_t **at, struct bytes s);
uint8_t *lp_replace_int(uint8_t *lp, uint8_t **at, int64_t v);
/* *at is the following element's position then, NULL at the end. */
uint8_t *lp_delete(uint8_t *lp, uint8_t **at);
/* Up to `count` elements from *at on; *at as above. */
uint8_t *lp_delete_range_at(uint8_t *lp, uint8_t **at, size_t count);
/* Up to `count` elements from index i on (negative: from the end). */
uint8_t *lp_delete_range(uint8_t *lp, int64_t i, size_t count);
/* n distinct positions in ascending order, in one pass. */
uint8_t *lp_batch_delete(uint8_t *lp, uint8_t *const *at, size_t n);

/* ---- integrity --------------------------------------------------------------------------------
 */

/* Is this a well-formed listpack of exactly `bytes` bytes? For input from outside: reads nothing
 * beyond it. Where `each` is given it sees every element, well formed up to there, and may refuse
 * by false. O(bytes). */
typedef bool lp_visit(const uint8_t *at, void *ctx);
bool lp_validate(const uint8_t *lp, size_t bytes, lp_visit *each, void *ctx);
/* Aborts where it is not well formed (tests). */
void lp_check(const uint8_t *lp);

#endif
