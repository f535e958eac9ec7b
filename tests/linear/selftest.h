/* Does the checker see what it is for? Histories that a wrong server would leave behind must be
 * refused, their right twins taken. */
#ifndef ATRIUM_TESTS_LINEAR_SELFTEST_H
#define ATRIUM_TESTS_LINEAR_SELFTEST_H

#include "tests/linear/scenario.h"

/* Histories written by hand: how many were judged wrongly; each is named on stdout. */
unsigned selftest_written(unsigned *checked);
/* A recorded history that is linearisable is falsified in ways that no order can explain: true
 * where each is found out. */
bool selftest_falsified(const struct operation *ops, size_t n, bool key_by_key, uint64_t seed);

#endif
