/* The unit tests: one suite a structure or module, in a file that mirrors the tree. A new suite is one
 * function here and one line in main.c. */
#ifndef ATRIUM_TESTS_SUITES_H
#define ATRIUM_TESTS_SUITES_H

#include <check.h>

Suite *suite_bytes(void);
Suite *suite_hub(void);
Suite *suite_json(void);
Suite *suite_listpack(void);
Suite *suite_ratelimit(void);
Suite *suite_handle_table(void);
Suite *suite_hash(void);

#endif
