/* permessage-deflate (RFC 7692), for clients that offer it where `ws-deflate` is yes.
 *
 * libwebsockets agrees to it and hands on what comes as it is; this inflates it. Its own extension inflates too, but tells
 * nobody how much came in, and goes on inflating what is being closed.
 *
 * In: an inflater for each connection that sends something compressed (about 45 KiB); a client may refer to its earlier
 * messages. A message may become `ws-deflate-ratio` times as long as it came, and WS_INFLATE_FREE bytes.
 * Out: a message is compressed by itself, without the window of those before it (a server may do so unasked: 7.1.1.1), hence
 * once for all who get it, and no connection keeps a state for it. What does not shrink goes as it is.
 *
 * Thread rule: an inflater is its connection's; the state of the compressor is the calling thread's. */
#ifndef ATRIUM_WS_DEFLATE_H
#define ATRIUM_WS_DEFLATE_H

#include <libwebsockets.h>

#include "engine/engine.h"
#include "ws/frame.h"

#define WS_INFLATE_FREE      65536
#define WS_DEFLATE_MIN_BYTES 256 /* shorter ones are not worth it */

/* For a context: what is agreed to is in the user's LWS_CALLBACK_CONFIRM_EXTENSION_OKAY, which is asked. */
extern const struct lws_extension ws_extensions[];
/* Tells that a connection agreed; thread.c. */
void ws_agreed_to_deflate(struct lws *wsi);

struct ws_inflater;
enum ws_inflate_result { WS_INFLATED, WS_INFLATES_TOO_MUCH, WS_NOT_DEFLATED };

/* Appends what the next part of a message becomes to `out`, which grows to `most` bytes at most (and one). *i NULL: none was
 * needed so far. */
enum ws_inflate_result ws_inflate(struct ws_inflater **i, struct bytes part, bool last,
                                  struct buf *out, size_t most);
void ws_inflater_free(struct ws_inflater *i);

/* As ws_frame, compressed where that is shorter. */
void ws_frame_deflated(struct buf *b, enum ws_opcode opcode);

/* Lets go of the calling thread's compressor. */
void ws_deflate_thread_end(void);

#endif
