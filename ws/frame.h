/* Frames that go out, ready to be written: heads, pushes. RFC 6455, 5.2; a server does not mask.
 *
 * A frame is made once: of a message for all who get it, in the format that their connection and subscription ask for. */
#ifndef ATRIUM_WS_FRAME_H
#define ATRIUM_WS_FRAME_H

#include "engine/engine.h"

enum ws_opcode { WS_TEXT = 1, WS_BINARY = 2 };

/* The frame of a server's whole message around the payload that stands at b->p + WS_HEAD_MAX ..
 * b->n: moved to the front of `b`, its head before it. */
#define WS_HEAD_MAX 10
#define WS_RSV1     0x40 /* of the first byte: it is compressed */
void ws_frame(struct buf *b, enum ws_opcode opcode);

/* Appends a close frame. The reason has at most 123 bytes. */
void ws_add_close(uint16_t code, const char *reason, struct buf *out);

/* Appends the gap's push, a whole frame. */
struct ws_gap;
void ws_add_gap(const struct ws_gap *g, struct buf *out);

/* MESSAGE_WS_JSON: a text message; and the same compressed. */
message_encode_fn ws_encode_message;
message_encode_fn ws_encode_message_deflated;

/* MESSAGE_WS_BINARY, of what was published: a binary message. The layout of binary messages, both ways: four bytes, big
 * endian: the length of a JSON object; the object, as in a text message but without `data`; the data, up to the end. */
message_encode_fn ws_encode_binary;
message_encode_fn ws_encode_binary_deflated;

/* Parts a client's binary message; false: it ends too early. */
#define WS_BINARY_HEAD 4
bool ws_part_binary(struct bytes message, struct bytes *text, struct bytes *data);

#endif
