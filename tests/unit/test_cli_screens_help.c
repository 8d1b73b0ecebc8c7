/* The screens of help, of every command (tests/support/screens_help_*.c), each on a terminal and in a pipe. */
#include <criterion/criterion.h>

#include "tests/support/screen.h"

TestSuite(cli_screens_help, .init = screen_enter);

static void assert_each(const struct screen_table *table) {
    for (size_t i = 0; i < table->n_cases; i++)
        screen_assert(&table->cases[i]);
}

Test(cli_screens_help, each_is_as_it_is_written) {
    assert_each(&screens_help_leases);
    assert_each(&screens_help_ports);
}
