/* The RESP request parser: multi-bulk arrays and inline commands, one request at a time, resumable at any
 * byte, and free of I/O, so that it can be tested and fuzzed alone.
 *
 * It keeps offsets, not pointers, into the caller's input buffer, which may move and grow between calls but
 * may not be cut before the request is complete. Work is linear in the bytes: nothing is parsed twice.
 * Error texts are Redis's. */
#ifndef ATRIUM_NET_RESP_PARSER_H
#define ATRIUM_NET_RESP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct resp_limits {
    int64_t max_bulk_bytes, max_arguments;
    bool authenticated; /* before it, only small requests are taken */
};

struct resp_parser {
    size_t pos;         /* bytes of this request looked at */
    int64_t left;       /* arguments that are still to come; -1: the head is not there yet */
    int64_t bulk_len;   /* of the argument at hand; -1: its head is not there yet */
    struct bytes *argv; /* p holds an offset + 1 until the request is complete */
    int argc, cap;
    struct buf inline_text; /* unquoted words of an inline command */
};

enum resp_result {
    RESP_INCOMPLETE, /* more bytes are needed */
    RESP_COMPLETE,   /* argv[0..argc) is a request that took `pos` bytes; argc may be 0: skip it */
    RESP_ERROR,      /* *error is what to answer; then close */
};

void resp_parser_init(struct resp_parser *p);
void resp_parser_release(struct resp_parser *p);
/* Parses on in `in`, which begins at the request's first byte. */
enum resp_result resp_parse(struct resp_parser *p, struct bytes in,
                            const struct resp_limits *limits, char *error, size_t error_room);
/* After RESP_COMPLETE and the request was used: ready for the next one. */
void resp_parser_next(struct resp_parser *p);
/* The first arguments (behind the names) of the whole multi-bulk requests that `in` begins with, at most `max` of them;
 * *requests is how many requests that are, those without arguments too. Stops at the first that is unusual. */
unsigned resp_look_ahead(struct bytes in, struct bytes *first, unsigned max, unsigned *requests);
/* How many bytes the argument at hand still needs, 0 where unknown: a hint for reading. */
size_t resp_parser_wants(const struct resp_parser *p, size_t have);

#endif
