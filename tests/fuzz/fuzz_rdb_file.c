/* A whole RDB file: it is loaded, or refused with a line that names it. What was loaded holds the keyspace's invariants, and
 * memory stays within what snapshot.h promises for a file of that length.
 *
 * Input: the file, with a checksum or with zeros for one, which is not looked at. One of odd length may be followed by
 * something else. */
#include <stdatomic.h>

#include "persist/snapshot.h"
#include "tests/fuzz/input.h"
#include "types/registry.h"

#define NOW_MS 1000000u

/* ---- memory ----------------------------------------------------------------------------------- */

size_t __sanitizer_get_allocated_size(const volatile void *p);
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));

static _Atomic bool counts;
static _Atomic long long live, peak;

static void on_malloc(const volatile void *p, size_t n)
{
    (void)p;
    if (!atomic_load(&counts))
        return;
    long long now = atomic_fetch_add(&live, (long long)n) + (long long)n;
    if (now > atomic_load(&peak))
        atomic_store(&peak, now);
}

static void on_free(const volatile void *p)
{
    if (p && atomic_load(&counts))
        atomic_fetch_sub(&live, (long long)__sanitizer_get_allocated_size(p));
}

/* ---- the target ------------------------------------------------------------------------------- */

static void load(struct keyspace *ks, const char *block, size_t n)
{
    struct rdb_settings settings = {.now_ms = NOW_MS,
                                    .hash = {3, 64},
                                    .zset = {3, 64},
                                    .set = {3, 3, 64},
                                    .list_limit = -2,
                                    .string_max = SIZE_MAX,
                                    .unsummed = true};
    struct snapshot_progress progress = {0};
    struct buf error = {0};
    atomic_store(&live, 0);
    atomic_store(&peak, 0);
    atomic_store(&counts, true);
    size_t used = 0;
    enum snapshot_result result =
        n & 1 ? snapshot_load_head(ks, block, n, "a file", &settings, &progress, &error, &used)
              : snapshot_load_bytes(ks, block, n, "a file", &settings, &progress, &error);
    atomic_store(&counts, false);
    MUST(used <= n);
    MUST(atomic_load(&peak) <= (long long)(RDB_MEMORY_FACTOR * n + RDB_MEMORY_FIXED));
    MUST(result == SNAPSHOT_LOADED || result == SNAPSHOT_BAD);
    MUST((result == SNAPSHOT_BAD) == (error.n > 0));
    MUST(error.n == 0 || memcmp(error.p, "a file: ", 8) == 0);
    buf_release(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool hooked;
    if (!hooked) {
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
        types_register();
        hooked = true;
    }
    char *block = input_exact(data, size);
    struct keyspace *ks = keyspace_new();
    load(ks, block, size);
    keyspace_check(ks);
    keyspace_reclaim(ks);
    keyspace_free(ks);
    free(block);
    return 0;
}
