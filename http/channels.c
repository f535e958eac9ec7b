/* Channels: publishing. Subscribers of every door get the message. */
#include "http/call.h"
#include "http/resources.h"
#include "http/router.h"

static void publish(struct request *r)
{
    call_start(r, "PUBLISH");
    call_arg(r, r->params[0]);
    call_arg(r, buf_bytes(&r->body));
    const struct reply_node *node = call_run(r);
    if (!node)
        return;
    uint64_t receivers = (uint64_t)node->integer;
    struct json_writer *w = answer_json(r, 202);
    json_open_object(w);
    json_key(w, "channel");
    json_put_bytes(w, r->params[0]);
    json_key(w, "receivers");
    json_put_count(w, receivers);
    json_close_object(w);
}

const struct route channels_routes[] = {
    {METHOD_POST, "/v1/channels/{channel}/messages", publish, "publishMessage", 0},
    {0},
};
