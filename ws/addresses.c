#include "ws/addresses.h"

#include <netinet/in.h>
#include <pthread.h>

#define BUCKETS       4096
#define NETWORK_BYTES 8 /* of an IPv6 address */
#define KEY_MAX       8

struct ws_address {
    struct ws_address *next;
    size_t open;
    size_t key_n;
    char key[KEY_MAX];
};

struct ws_addresses {
    pthread_mutex_t lock;
    size_t n;
    struct ws_address *bucket[BUCKETS];
};

struct ws_addresses *ws_addresses_new(void)
{
    struct ws_addresses *a = mem_calloc(sizeof *a);
    pthread_mutex_init(&a->lock, NULL);
    return a;
}

void ws_addresses_free(struct ws_addresses *a)
{
    pthread_mutex_destroy(&a->lock);
    mem_free(a);
}

/* The bytes that count; none where it is no address of the internet. */
static struct bytes key_of(const struct sockaddr_storage *peer)
{
    if (peer->ss_family == AF_INET)
        return bytes_of(&((const struct sockaddr_in *)peer)->sin_addr, sizeof(struct in_addr));
    if (peer->ss_family != AF_INET6)
        return (struct bytes){0};
    const struct in6_addr *six = &((const struct sockaddr_in6 *)peer)->sin6_addr;
    size_t skip = sizeof *six - sizeof(struct in_addr);
    if (IN6_IS_ADDR_V4MAPPED(six))
        return bytes_of((const char *)six + skip, sizeof(struct in_addr));
    return bytes_of(six, NETWORK_BYTES);
}

static struct ws_address **bucket_of(struct ws_addresses *a, struct bytes key)
{
    return &a->bucket[hash_bytes(key) % BUCKETS];
}

/* The address, made where it is not there. */
static struct ws_address *get(struct ws_addresses *a, struct bytes key)
{
    struct ws_address **bucket = bucket_of(a, key), *found = *bucket;
    while (found && !bytes_eq(bytes_of(found->key, found->key_n), key))
        found = found->next;
    if (found)
        return found;
    found = mem_calloc(sizeof *found);
    if (key.n)
        memcpy(found->key, key.p, key.n);
    found->key_n = key.n;
    found->next = *bucket;
    *bucket = found;
    a->n++;
    return found;
}

static void forget(struct ws_addresses *a, struct ws_address *address)
{
    struct ws_address **at = bucket_of(a, bytes_of(address->key, address->key_n));
    while (*at != address)
        at = &(*at)->next;
    *at = address->next;
    mem_free(address);
    a->n--;
}

struct ws_address *ws_addresses_enter(struct ws_addresses *a, const struct sockaddr_storage *peer,
                                      size_t most)
{
    pthread_mutex_lock(&a->lock);
    struct ws_address *address = get(a, key_of(peer));
    bool fits = most == 0 || address->open < most;
    address->open += fits;
    pthread_mutex_unlock(&a->lock);
    return fits ? address : NULL;
}

void ws_addresses_leave(struct ws_addresses *a, struct ws_address *address)
{
    pthread_mutex_lock(&a->lock);
    if (--address->open == 0)
        forget(a, address);
    pthread_mutex_unlock(&a->lock);
}

size_t ws_addresses_count(struct ws_addresses *a)
{
    pthread_mutex_lock(&a->lock);
    size_t n = a->n;
    pthread_mutex_unlock(&a->lock);
    return n;
}
