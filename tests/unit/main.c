/* Runs every unit suite; ends by Check's own summary line. */
#include <stdlib.h>

#include "tests/unit/suites.h"

int main(void)
{
    SRunner *r = srunner_create(suite_bytes());
    srunner_add_suite(r, suite_hub());
    srunner_add_suite(r, suite_json());
    srunner_add_suite(r, suite_listpack());
    srunner_add_suite(r, suite_ratelimit());
    srunner_add_suite(r, suite_handle_table());
    srunner_add_suite(r, suite_hash());
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
