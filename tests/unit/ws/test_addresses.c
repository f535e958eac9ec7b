#include "ws/addresses.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/rng.h"
#include "tests/unit/suites.h"

#define NETWORKS 24
#define MOST     5
#define OPEN_MAX (NETWORKS * MOST)

static struct sockaddr_storage peer_of(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in *four = (struct sockaddr_in *)&s;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s;
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
        s.ss_family = AF_INET;
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
        s.ss_family = AF_INET6;
    }
    return s;
}

/* May `second` come where `first` has come and one may? */
static bool are_apart(const char *first, const char *second)
{
    struct ws_addresses *a = ws_addresses_new();
    struct sockaddr_storage one = peer_of(first), two = peer_of(second);
    struct ws_address *x = ws_addresses_enter(a, &one, 1), *y = ws_addresses_enter(a, &two, 1);
    ck_assert_ptr_nonnull(x);
    bool apart = y != NULL;
    ws_addresses_leave(a, x);
    if (y)
        ws_addresses_leave(a, y);
    ck_assert_uint_eq(ws_addresses_count(a), 0);
    ws_addresses_free(a);
    return apart;
}

START_TEST(what_counts_as_one_address)
{
    ck_assert(!are_apart("10.0.0.1", "10.0.0.1"));
    ck_assert(are_apart("10.0.0.1", "10.0.0.2"));
    ck_assert(!are_apart("10.0.0.1", "::ffff:10.0.0.1"));
    ck_assert(are_apart("::ffff:10.0.0.1", "::ffff:10.0.0.2"));
    ck_assert(!are_apart("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
    ck_assert(are_apart("2001:db8:1:2::1", "2001:db8:1:3::1"));
    ck_assert(are_apart("::1", "127.0.0.1"));
}
END_TEST

/* Address i: of IPv4, or some host of an IPv6 network. */
static struct sockaddr_storage random_peer(unsigned i)
{
    char text[INET6_ADDRSTRLEN];
    if (i % 2)
        snprintf(text, sizeof text, "10.1.%u.7", i);
    else
        snprintf(text, sizeof text, "2001:db8:0:%x::%x", i, 1 + (unsigned)rng_below(1000));
    return peer_of(text);
}

START_TEST(counts_as_a_model_does)
{
    struct ws_addresses *a = ws_addresses_new();
    struct ws_address *open[OPEN_MAX];
    unsigned whose[OPEN_MAX], count[NETWORKS] = {0};
    size_t n = 0;
    for (unsigned step = 0; step < UNIT_STEPS(20000); step++) {
        if (n && rng_below(2)) {
            size_t i = rng_below(n--);
            ws_addresses_leave(a, open[i]);
            count[whose[i]]--;
            open[i] = open[n];
            whose[i] = whose[n];
        } else {
            unsigned i = (unsigned)rng_below(NETWORKS);
            struct sockaddr_storage peer = random_peer(i);
            struct ws_address *address = ws_addresses_enter(a, &peer, MOST);
            ck_assert_int_eq(address != NULL, count[i] < MOST);
            if (!address)
                continue;
            count[i]++;
            whose[n] = i;
            open[n++] = address;
        }
        size_t there = 0;
        for (unsigned i = 0; i < NETWORKS; i++)
            there += count[i] > 0;
        ck_assert_uint_eq(ws_addresses_count(a), there);
    }
    while (n)
        ws_addresses_leave(a, open[--n]);
    ck_assert_uint_eq(ws_addresses_count(a), 0);
    ws_addresses_free(a);
}
END_TEST

Suite *suite_addresses(void)
{
    Suite *s = suite_create("ws/addresses");
    TCase *t = tcase_create("addresses");
    tcase_add_test(t, what_counts_as_one_address);
    tcase_add_test(t, counts_as_a_model_does);
    suite_add_tcase(s, t);
    return s;
}
