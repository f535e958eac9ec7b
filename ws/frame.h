/* Frames that go out, ready to be written: heads, pushes. RFC 6455, 5.2; a server does not mask.
 *
 * A frame is made once: of a message for all who get it, in the format that their connection and subscription ask for. */
#ifndef ATRIUM_WS_FRAME_H
#define ATRIUM_WS_FRAME_H

#include "engine/engine.h"

/* The frame of a server's text message around the payload that stands at b->p + WS_HEAD_MAX ..
 * b->n: moved to the front of `b`, its head before it. */
#define WS_HEAD_MAX 10
void ws_frame_text(struct buf *b);

/* Appends the gap's push, a whole frame. */
struct ws_gap;
void ws_add_gap(const struct ws_gap *g, struct buf *out);

/* MESSAGE_WS_JSON. */
message_encode_fn ws_encode_message;

#endif
