/* Memory: the allocator as the engine sees it, and how much of it is in use.
 *
 * The program links jemalloc, whose own per-thread counters (thread.allocated, thread.deallocated) give
 * the total in use without any work in alloc or free; sanitizer builds use the C library's
 * allocator and ask the sanitizer. Fixed-size engine allocations abort with a message when memory
 * is out; client-sized ones are checked against a limit first, then use mem_try_alloc.
 *
 * Thread rule: all functions may be called from any thread. */
#ifndef ATRIUM_BASE_MEM_H
#define ATRIUM_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Never NULL: aborts with a message. n may be 0. */
void *mem_alloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *mem_calloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *mem_realloc(void *p, size_t n) __attribute__((alloc_size(2)));
/* NULL when memory is out. */
void *mem_try_alloc(size_t n) __attribute__((malloc, alloc_size(1)));
/* Aligned to `align`, a power of two; free with mem_free. */
void *mem_alloc_aligned(size_t align, size_t n) __attribute__((malloc, alloc_size(2)));
void mem_free(void *p);
/* Zeroed and aligned to a cache line, for the arrays of tables: from MEM_PAGES_MIN on straight from the system, since
 * the allocator would add a page to each. Free with mem_free_pages and the same n. */
#define MEM_PAGES_MIN (16 * 1024)
void *mem_alloc_pages(size_t n) __attribute__((malloc, alloc_size(1)));
void mem_free_pages(void *p, size_t n);
/* Grows such an array from n to `more` bytes, the new ones zero: from MEM_PAGES_MIN on by a new mapping, without a copy. p may
 * be NULL where n is 0. */
void *mem_grow_pages(void *p, size_t n, size_t more);
/* Asks the system for huge pages where the array is long enough for some: for those that are jumped about in. */
void mem_huge_pages(void *p, size_t n);
/* What the allocator really set aside for p. */
size_t mem_usable(const void *p);

void mem_exhausted(size_t n) __attribute__((noreturn));

/* Registers the calling thread's counters; every thread of the program calls it once, early. What an
 * unregistered thread allocates is not counted. At a thread's end its totals are kept. */
void mem_thread_register(void);

/* Bytes in use by the program's threads, as the allocator counts them. O(threads). */
size_t mem_used_bytes(void);
/* What the calling thread has taken, less what it has given back: cheap, and of use for differences. INT64_MAX where the
 * allocator does not tell. */
int64_t mem_thread_bytes(void);
/* The highest mem_used_bytes seen by any call of it. */
size_t mem_peak_bytes(void);
/* Resident set, from /proc/self/statm. */
size_t mem_resident_bytes(void);
/* "jemalloc-5.3.0" or "libc". */
const char *mem_allocator_name(void);
/* The allocator's view: bytes given out, in pages that hold some, and held from the system. All are
 * mem_used_bytes where it does not tell. */
struct mem_figures {
    size_t allocated, active, resident;
};
struct mem_figures mem_figures(void);
/* Adds the allocator's own report to out; false where it has none. */
struct buf;
bool mem_describe(struct buf *out);
/* Gives unused pages back to the system (MEMORY PURGE). */
void mem_purge(void);

#endif
