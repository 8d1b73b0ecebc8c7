/* The screens of tests/support/screens_ports.c, each on a terminal and in a pipe. */
#include <criterion/criterion.h>

#include "tests/support/screen.h"

TestSuite(cli_screens_ports, .init = screen_enter);

Test(cli_screens_ports, each_is_as_it_is_written) {
    for (size_t i = 0; i < screens_ports.n_cases; i++)
        screen_assert(&screens_ports.cases[i]);
}
