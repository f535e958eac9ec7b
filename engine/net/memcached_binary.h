/* memcached's binary protocol: requests from unread input, responses onto the output.
 *
 *     magic 0x80 | opcode | key length 2 | extras length 1 | type 1 | reserved 2 | body length 4
 *     opaque 4 | cas 8 | extras | key | value                      numbers are big-endian
 *
 * A response is the same with magic 0x81 and a status in the place of what is reserved. What is said
 * about a request whose lengths do not go with its opcode, and where the connection ends, is as in
 * memcached 1.6. Nothing is kept but how many bytes of a value or of an unknown request are still to
 * be passed over.
 *
 * Thread rule: one owner. */
#ifndef ATRIUM_NET_MEMCACHED_BINARY_H
#define ATRIUM_NET_MEMCACHED_BINARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define MEMCACHED_BINARY_MAGIC 0x80

enum memcached_opcode {
    BINARY_GET = 0x00,
    BINARY_SET = 0x01,
    BINARY_ADD = 0x02,
    BINARY_REPLACE = 0x03,
    BINARY_DELETE = 0x04,
    BINARY_INCREMENT = 0x05,
    BINARY_DECREMENT = 0x06,
    BINARY_QUIT = 0x07,
    BINARY_FLUSH = 0x08,
    BINARY_GETQ = 0x09,
    BINARY_NOOP = 0x0a,
    BINARY_VERSION = 0x0b,
    BINARY_GETK = 0x0c,
    BINARY_GETKQ = 0x0d,
    BINARY_APPEND = 0x0e,
    BINARY_PREPEND = 0x0f,
    BINARY_STAT = 0x10,
    BINARY_SETQ = 0x11,
    BINARY_ADDQ = 0x12,
    BINARY_REPLACEQ = 0x13,
    BINARY_DELETEQ = 0x14,
    BINARY_INCREMENTQ = 0x15,
    BINARY_DECREMENTQ = 0x16,
    BINARY_QUITQ = 0x17,
    BINARY_FLUSHQ = 0x18,
    BINARY_APPENDQ = 0x19,
    BINARY_PREPENDQ = 0x1a,
    BINARY_TOUCH = 0x1c,
    BINARY_GAT = 0x1d,
    BINARY_GATQ = 0x1e,
    BINARY_SASL_LIST = 0x20,
    BINARY_SASL_AUTH = 0x21,
    BINARY_SASL_STEP = 0x22,
    BINARY_GATK = 0x23,
    BINARY_GATKQ = 0x24,
};

enum memcached_status {
    BINARY_OK = 0x00,
    BINARY_NOT_FOUND = 0x01,
    BINARY_EXISTS = 0x02,
    BINARY_TOO_LARGE = 0x03,
    BINARY_INVALID = 0x04,
    BINARY_NOT_STORED = 0x05,
    BINARY_NOT_A_NUMBER = 0x06,
    BINARY_AUTH_ERROR = 0x20,
    BINARY_AUTH_CONTINUE = 0x21,
    BINARY_UNKNOWN_COMMAND = 0x81,
    BINARY_OUT_OF_MEMORY = 0x82,
    BINARY_TEMPORARY_FAILURE = 0x86,
};

/* One request. Slices point into the input. */
struct memcached_frame {
    uint8_t asked;  /* the opcode as it came: responses repeat it */
    uint8_t opcode; /* the same without quiet: GETKQ is GETK */
    bool quiet;
    uint32_t opaque; /* as it came, in whatever order */
    uint64_t cas;
    struct bytes extras, key, value;
};

enum memcached_binary_result {
    BINARY_INCOMPLETE,
    BINARY_REQUEST,
    BINARY_MISTAKE,  /* `status` is the answer */
    BINARY_HOPELESS, /* no answer: close */
};

struct memcached_binary {
    struct memcached_frame frame;
    enum memcached_status status; /* of a MISTAKE */
    bool closes;                  /* the connection ends with the answer */
    size_t used;                  /* bytes of the input that the result stands for */
    size_t wants;     /* INCOMPLETE: bytes that the whole request has, where known; else 0 */
    uint64_t swallow; /* bytes still to pass over */
    bool sasl_begun;  /* the door's, see memcached_sasl.h */
};

/* Looks at unread input. The caller drops `used` bytes before the next call, after any result. */
enum memcached_binary_result memcached_binary_parse(struct memcached_binary *b, struct bytes in,
                                                    size_t max_value_bytes);

/* One response to the frame. */
struct memcached_response {
    enum memcached_status status;
    uint64_t cas;
    struct bytes extras, key, value;
};
void memcached_binary_respond(struct buf *out, const struct memcached_frame *to,
                              const struct memcached_response *r);
/* A response that is nothing but a status: memcached's words for it are the value. */
void memcached_binary_status(struct buf *out, const struct memcached_frame *to,
                             enum memcached_status status);

/* Numbers of the extras; `at` is within them. */
uint32_t memcached_binary_u32(struct bytes extras, size_t at);
uint64_t memcached_binary_u64(struct bytes extras, size_t at);

#endif
