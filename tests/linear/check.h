/* Is a history linearisable: is there an order of its operations, each at one instant between its
 * question and its answer, in which the sequential model gives the same answers?
 *
 * The search is Wing and Gong's (1993) with Lowe's memoisation (2017): a configuration, which is
 * the set of operations done and the state they led to, is looked at once. Worst case exponential
 * in the operations that overlap, which are as many as there are clients. Configurations are told
 * apart by 128-bit hashes. */
#ifndef ATRIUM_TESTS_LINEAR_CHECK_H
#define ATRIUM_TESTS_LINEAR_CHECK_H

#include "tests/linear/model.h"

enum verdict { LINEARISABLE, NOT_LINEARISABLE, UNDECIDED };

struct finding {
    enum verdict verdict;
    size_t done;   /* operations in the longest order that was found */
    uint64_t seen; /* configurations looked at */
};

/* The operations in any order. `configurations_max` bounds the search. */
struct finding linear_check(const struct operation *ops, size_t n, uint64_t configurations_max);
/* The same key by key, for histories in which every operation has one key and none is a
 * transaction: the first bad finding, or the last one. */
struct finding history_check_keys(const struct operation *ops, size_t n,
                                  uint64_t configurations_max);

#endif
