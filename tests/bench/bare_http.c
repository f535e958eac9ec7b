/* bare_http PORT: libmicrohttpd with one thread and one constant answer of 64 bytes, so that the
 * bench can tell the HTTP library's share of a REST request from ours. Ends by a signal. */
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum MHD_Result on_request(void *response, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *data, size_t *n, void **state)
{
    (void)url, (void)method, (void)version, (void)data, (void)n;
    if (!*state) { /* the head alone: the answer waits for the second call, as ours does */
        *state = response;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, response);
}

int main(int argc, char **argv)
{
    static char body[] = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO;
    if (argc != 2 || !MHD_start_daemon(flags, (uint16_t)atoi(argv[1]), NULL, NULL, on_request,
                                       response, MHD_OPTION_END))
        return 1;
    pause();
    return 0;
}
