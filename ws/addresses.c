#include "ws/addresses.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "pubsub/namemap.h"

#define NETWORK_BYTES 8 /* of an IPv6 address */

struct ws_addresses {
    pthread_mutex_t lock;
    struct namemap map; /* address -> how many, in place of a pointer */
};

struct ws_addresses *ws_addresses_new(void)
{
    struct ws_addresses *a = mem_calloc(sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void ws_addresses_free(struct ws_addresses *a)
{
    namemap_release(&a->map);
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

/* The bytes of the peer's address that count; none where it has no address. */
static struct bytes address_of(int fd, struct sockaddr_storage *peer)
{
    socklen_t n = sizeof *peer;
    if (getpeername(fd, (struct sockaddr *)peer, &n) != 0)
        return (struct bytes){0};
    if (peer->ss_family == AF_INET)
        return bytes_of(&((struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));
    if (peer->ss_family != AF_INET6)
        return (struct bytes){0};
    const struct in6_addr *six = &((struct sockaddr_in6 *)peer)->sin6_addr;
    size_t skip = sizeof *six - sizeof(struct in_addr);
    if (IN6_IS_ADDR_V4MAPPED(six))
        return bytes_of((const char *)six + skip, sizeof(struct in_addr));
    return bytes_of(six, NETWORK_BYTES);
}

struct name_node *ws_addresses_enter(struct ws_addresses *a, int fd, size_t most)
{
    struct sockaddr_storage peer = {0};
    struct bytes address = address_of(fd, &peer);
    pthread_mutex_lock(&a->lock);
    struct name_node *node = namemap_get(&a->map, address);
    size_t open = (uintptr_t)node->value;
    bool fits = most == 0 || open < most;
    if (fits)
        node->value = (void *)(uintptr_t)(open + 1);
    pthread_mutex_unlock(&a->lock);
    return fits ? node : NULL;
}

void ws_addresses_leave(struct ws_addresses *a, struct name_node *node)
{
    pthread_mutex_lock(&a->lock);
    node->value = (void *)((uintptr_t)node->value - 1);
    if (!node->value)
        namemap_remove(&a->map, node);
    pthread_mutex_unlock(&a->lock);
}
