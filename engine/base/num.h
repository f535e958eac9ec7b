/* Numbers as text, both ways, by Redis's rules: strict integers, doubles with shortest round trip.
 * Pure functions. */
#ifndef ATRIUM_BASE_NUM_H
#define ATRIUM_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define NUM_INT_MAX    24 /* room that num_format_int needs */
#define NUM_DOUBLE_MAX 40 /* room that num_format_double needs */

/* Strict decimal: an optional '-', no '+', no blanks, no leading zeros, in range of int64. */
bool num_parse_int(struct bytes s, int64_t *out);
/* The same for uint64. */
bool num_parse_uint(struct bytes s, uint64_t *out);
/* A double as strtod takes it (also inf, infinity, hex), the whole slice, no leading blank, not NaN.
 * Out of range is refused. */
bool num_parse_double(struct bytes s, double *out);
/* The same in long double, for the *BYFLOAT commands. */
bool num_parse_long_double(struct bytes s, long double *out);

/* Writes v in decimal, without NUL; returns the length. */
unsigned num_format_int(char *to, int64_t v);
unsigned num_format_uint(char *to, uint64_t v);
/* The shortest text that reads back as v: integers without exponent up to 2^53, "inf", "-inf",
 * "nan". */
unsigned num_format_double(char *to, double v);
/* As INCRBYFLOAT answers: 17 digits after the point, trailing zeros cut. Room: 5 KiB
 * (NUM_LONG_DOUBLE_MAX). Returns 0 where it does not fit. */
#define NUM_LONG_DOUBLE_MAX 5120
unsigned num_format_long_double(char *to, long double v);

#endif
