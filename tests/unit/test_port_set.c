/* A set of ports: a bit each, and lists of them as people and the kernel write them. */
#include "src/base/port_set.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#define UNTOUCHED 7777

static struct port_set set;

static unsigned count(void) {
    unsigned n_ports = 0;
    for (unsigned port = 0; port <= 65535; port++)
        n_ports += port_set_has(&set, (uint16_t)port);
    return n_ports;
}

Test(port_set, each_port_is_a_bit_of_its_own) {
    for (unsigned port = 0; port <= 65535; port++) {
        port_set_add(&set, (uint16_t)port);
        cr_assert(port_set_has(&set, (uint16_t)port), "%u", port);
        if (port < 65535)
            cr_assert_not(port_set_has(&set, (uint16_t)(port + 1)), "%u", port + 1);
    }
    port_set_clear(&set);
    cr_assert_eq(count(), 0);
    port_set_add(&set, 8064);
    cr_assert_eq(count(), 1);
}

Test(port_set, a_range_has_both_its_ends) {
    port_set_add_range(&set, 8000, 8002);
    cr_expect_eq(count(), 3);
    cr_expect(port_set_has(&set, 8000));
    cr_expect(port_set_has(&set, 8002));
    port_set_add_range(&set, 8002, 8002);
    cr_expect_eq(count(), 3);
    port_set_add_range(&set, 9000, 8999);
    cr_expect_eq(count(), 3, "a range that ends before it starts is empty");
    port_set_add_range(&set, 1, 65535);
    cr_expect_eq(count(), 65535);
    cr_expect_not(port_set_has(&set, 0));
    port_set_add_range(&set, 0, 65535);
    cr_expect_eq(count(), 65536);
}

Test(port_set, covering_is_having_every_port) {
    port_set_add_range(&set, 8000, 9000);
    cr_expect(port_set_covers(&set, 8000, 9000));
    cr_expect(port_set_covers(&set, 8500, 8500));
    cr_expect_not(port_set_covers(&set, 7999, 9000));
    cr_expect_not(port_set_covers(&set, 8000, 9001));
    set.bits[8500 / 64] &= ~(UINT64_C(1) << 8500 % 64);
    cr_expect_not(port_set_covers(&set, 8000, 9000), "a hole");
    port_set_add_range(&set, 1, 65535);
    cr_expect(port_set_covers(&set, 1, 65535));
}

static void assert_list(const char *list, unsigned n_ports) {
    size_t offset = UNTOUCHED;
    port_set_clear(&set);
    cr_expect_eq(port_set_parse(&set, list, &offset), 0, "\"%s\" at %zu", list, offset);
    cr_expect_eq(count(), n_ports, "\"%s\": %u", list, count());
}

Test(port_set, a_list_is_ports_and_ranges) {
    assert_list("", 0);
    assert_list("\n", 0);
    assert_list("  \t\n", 0);
    assert_list("8080", 1);
    cr_expect(port_set_has(&set, 8080));
    assert_list("8080,8100-8110", 12);
    cr_expect(port_set_has(&set, 8080) && port_set_covers(&set, 8100, 8110));
    assert_list(" 8080 , 8100-8110 \n", 12);
    assert_list("1,65535\n", 2);
    cr_expect(port_set_has(&set, 1) && port_set_has(&set, 65535));
    assert_list("1-65535", 65535);
    assert_list("8000-8000", 1);
    assert_list("8000-8010,8005-8015,8001", 16);
    assert_list("00080", 1);
}

static void assert_no_list(const char *list, size_t expected_offset) {
    size_t offset = UNTOUCHED;
    port_set_clear(&set);
    cr_expect_eq(port_set_parse(&set, list, &offset), -EINVAL, "\"%s\"", list);
    cr_expect_eq(offset, expected_offset, "\"%s\": %zu", list, offset);
    cr_expect_eq(port_set_parse(&set, list, NULL), -EINVAL, "the offset may be NULL");
}

Test(port_set, a_list_that_cannot_be_read_says_where) {
    assert_no_list("x", 0);
    assert_no_list("0", 0);
    assert_no_list("65536", 0);
    assert_no_list("99999", 0);
    assert_no_list("123456", 0);
    assert_no_list("4294967297", 0);
    assert_no_list("-1", 0);
    assert_no_list(",8080", 0);
    assert_no_list("  x", 2);
    assert_no_list("8080,x", 5);
    assert_no_list("8080, 0", 6);
    assert_no_list("8080,,8081", 5);
    assert_no_list("8080 8081", 5);
    assert_no_list("8080;8081", 4);
    assert_no_list("8080-", 5);
    assert_no_list("8080-x", 5);
    assert_no_list("8080-65536", 5);
    assert_no_list("8080-8090-8100", 9);
    assert_no_list("8080.5", 4);
    assert_no_list("0x50", 0);
    assert_no_list("0-10", 0);
}

Test(port_set, a_range_that_ends_before_it_starts_is_an_error) {
    size_t offset = UNTOUCHED;
    cr_expect_eq(port_set_parse(&set, "8080,9000-8999", &offset), -EINVAL);
    cr_expect(offset >= 5 && offset <= 10, "%zu", offset);
    cr_expect_not(port_set_has(&set, 9000));
    cr_expect_not(port_set_has(&set, 8999));
}

Test(port_set, a_list_adds_to_what_is_there_and_an_error_takes_nothing_away) {
    port_set_add(&set, 7000);
    cr_expect_eq(port_set_parse(&set, "8080", NULL), 0);
    cr_expect_eq(count(), 2);
    cr_expect_eq(port_set_parse(&set, "nonsense", NULL), -EINVAL);
    cr_expect(port_set_has(&set, 7000) && port_set_has(&set, 8080));
    cr_expect_eq(count(), 2);
}
