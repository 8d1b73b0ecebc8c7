/* Which ports may be granted: the kernel's settings, and the objections of the user, the administrator and browsers. */
#include "src/lease/rules.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/fake_home.h"

static void write_setting(const struct fake_home *home, const char *name, const char *text) {
    fake_home_write(home, name, text, strlen(text));
}

/* ---- the kernel's settings ---- */

Test(rules, what_cannot_be_read_gets_the_kernels_default) {
    struct port_settings settings;
    memset(&settings, 0xFF, sizeof(settings));
    port_settings_read("/nonexistent", &settings);
    const struct port_set empty = {0};
    cr_expect_eq(memcmp(&settings.reserved, &empty, sizeof(empty)), 0);
    cr_expect_eq(settings.unprivileged_start, 1024);
    cr_expect_eq(settings.ephemeral_min, 32768);
    cr_expect_eq(settings.ephemeral_max, 60999);
}

Test(rules, the_settings_are_read_as_the_kernel_prints_them) {
    CLEANUP(fake_home_remove) struct fake_home home;
    struct port_settings settings;
    fake_home_make(&home);
    write_setting(&home, "ip_local_reserved_ports", "8080,8100-8110\n");
    write_setting(&home, "ip_unprivileged_port_start", "80\n");
    write_setting(&home, "ip_local_port_range", "20000\t30000\n");
    port_settings_read(home.path, &settings);
    cr_expect(port_set_has(&settings.reserved, 8080));
    cr_expect(port_set_covers(&settings.reserved, 8100, 8110));
    cr_expect_not(port_set_has(&settings.reserved, 8111));
    cr_expect_eq(settings.unprivileged_start, 80);
    cr_expect_eq(settings.ephemeral_min, 20000);
    cr_expect_eq(settings.ephemeral_max, 30000);
}

Test(rules, the_bounds_of_the_settings_are_taken_as_they_are) {
    CLEANUP(fake_home_remove) struct fake_home home;
    struct port_settings settings;
    fake_home_make(&home);
    write_setting(&home, "ip_local_reserved_ports", "\n");
    write_setting(&home, "ip_unprivileged_port_start", "0\n");
    write_setting(&home, "ip_local_port_range", "1\t65535\n");
    port_settings_read(home.path, &settings);
    cr_expect_eq(settings.unprivileged_start, 0);
    cr_expect_eq(settings.ephemeral_min, 1);
    cr_expect_eq(settings.ephemeral_max, 65535);
    write_setting(&home, "ip_unprivileged_port_start", "65535\n");
    write_setting(&home, "ip_local_port_range", "40000\t40000\n");
    port_settings_read(home.path, &settings);
    cr_expect_eq(settings.unprivileged_start, 65535);
    cr_expect_eq(settings.ephemeral_min, 40000);
    cr_expect_eq(settings.ephemeral_max, 40000);
}

Test(rules, nonsense_gets_the_default) {
    CLEANUP(fake_home_remove) struct fake_home home;
    fake_home_make(&home);
    static const char *const starts[] = {"", "abc\n", "65536\n", "-1\n", "99999999999\n"};
    static const char *const ranges[] = {"", "abc\n", "1024\n", "1 65536\n", "-5 10\n"};
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct port_settings settings;
        write_setting(&home, "ip_unprivileged_port_start", starts[i]);
        port_settings_read(home.path, &settings);
        cr_expect_eq(settings.unprivileged_start, 1024, "\"%s\"", starts[i]);
    }
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        struct port_settings settings;
        write_setting(&home, "ip_local_port_range", ranges[i]);
        port_settings_read(home.path, &settings);
        cr_expect_eq(settings.ephemeral_min, 32768, "\"%s\"", ranges[i]);
        cr_expect_eq(settings.ephemeral_max, 60999, "\"%s\"", ranges[i]);
    }
}

Test(rules, a_long_list_of_reserved_ports_is_read_to_its_end) {
    CLEANUP(fake_home_remove) struct fake_home home;
    char list[4096] = "";
    size_t length = 0;
    fake_home_make(&home);
    for (unsigned port = 10000; port < 10650; port++)
        length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%u", port > 10000 ? "," : "", port);
    cr_assert_lt(length, sizeof(list) - 1);
    fake_home_write(&home, "ip_local_reserved_ports", list, length);
    struct port_settings settings;
    port_settings_read(home.path, &settings);
    cr_expect(port_set_covers(&settings.reserved, 10000, 10649));
    cr_expect_not(port_set_has(&settings.reserved, 10650));
}

/* What is cut off in the middle of a number must not become another port. */
Test(rules, no_port_is_reserved_that_the_kernel_did_not_name) {
    CLEANUP(fake_home_remove) struct fake_home home;
    static char list[262144];
    size_t length = 0;
    fake_home_make(&home);
    for (unsigned port = 10001; port < 60000; port += 2)
        length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%u", port > 10001 ? "," : "", port);
    fake_home_write(&home, "ip_local_reserved_ports", list, length);
    struct port_settings settings;
    port_settings_read(home.path, &settings);
    for (unsigned port = 1; port <= 65535; port++)
        if (port < 10001 || port > 59999 || port % 2 == 0)
            cr_expect_not(port_set_has(&settings.reserved, (uint16_t)port), "%u", port);
}

Test(rules, this_machines_settings_can_be_read) {
    struct port_settings settings;
    unsigned start = 0;
    port_settings_read(RULES_SYSCTL_DIR, &settings);
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    if (!file)
        cr_skip_test("this kernel or container has no ip_unprivileged_port_start");
    cr_assert_eq(fscanf(file, "%u", &start), 1);
    fclose(file);
    cr_expect_eq(settings.unprivileged_start, start);
    cr_expect_lt(settings.ephemeral_min, settings.ephemeral_max);
}

/* ---- objections ---- */

static const struct port_rules managed = {.min = 8000, .max = 9000, .api_port = 3030};

Test(rules, an_ordinary_port_meets_no_objection) {
    static const struct port_settings settings;
    cr_expect_eq(port_rules_object(&managed, &settings, 8000), PORT_NO_OBJECTION);
    cr_expect_eq(port_rules_object(&managed, &settings, 8500), PORT_NO_OBJECTION);
    cr_expect_eq(port_rules_object(&managed, &settings, 3030), PORT_NO_OBJECTION, "portd's own is the allocator's");
    cr_expect_eq(port_rules_object(&managed, &settings, 65535), PORT_NO_OBJECTION);
}

Test(rules, an_excluded_port_is_excluded_whatever_else_it_is) {
    static struct port_rules rules;
    static struct port_settings settings;
    rules = managed;
    port_set_add(&rules.excluded, 6000);
    port_set_add(&rules.excluded, 8001);
    port_set_add(&settings.reserved, 8001);
    cr_expect_eq(port_rules_object(&rules, &settings, 6000), PORT_EXCLUDED);
    cr_expect_eq(port_rules_object(&rules, &settings, 8001), PORT_EXCLUDED);
    cr_expect_eq(port_rules_object(&rules, &settings, 8002), PORT_NO_OBJECTION);
}

Test(rules, a_reserved_port_is_an_objection_unless_the_whole_range_is_reserved) {
    static struct port_settings settings;
    port_set_add_range(&settings.reserved, 8000, 8999);
    cr_expect_eq(port_rules_object(&managed, &settings, 8000), PORT_RESERVED);
    cr_expect_eq(port_rules_object(&managed, &settings, 8999), PORT_RESERVED);
    cr_expect_eq(port_rules_object(&managed, &settings, 9000), PORT_NO_OBJECTION);
    port_set_add(&settings.reserved, 6000);
    cr_expect_eq(port_rules_object(&managed, &settings, 6000), PORT_RESERVED, "before blocked");
    port_set_add(&settings.reserved, 9000);
    cr_expect_eq(port_rules_object(&managed, &settings, 8000), PORT_NO_OBJECTION, "the administrator's remedy");
    cr_expect_eq(port_rules_object(&managed, &settings, 9000), PORT_NO_OBJECTION);
    cr_expect_eq(port_rules_object(&managed, &settings, 6000), PORT_BLOCKED);
}

/* The Fetch standard's table of bad ports, copied by hand a second time. */
static const char bad_ports[] =
    "1,7,9,11,13,15,17,19,20,21,22,23,25,37,42,43,53,69,77,79,87,95,101,102,103,104,109,110,111,113,115,117,119,123,"
    "135,137,139,143,161,179,389,427,465,512,513,514,515,526,530,531,532,540,548,554,556,563,587,601,636,989,990,993,"
    "995,1719,1720,1723,2049,3659,4045,4190,5060,5061,6000,6566,6665-6669,6679,6697,10080";

Test(rules, the_ports_that_browsers_block_are_those_of_the_fetch_standard) {
    static const struct port_settings settings;
    static struct port_set bad;
    cr_assert_eq(port_set_parse(&bad, bad_ports, NULL), 0);
    for (unsigned port = 1; port <= 65535; port++) {
        const enum port_objection objection = port_rules_object(&managed, &settings, (uint16_t)port);
        cr_expect_eq(objection, port_set_has(&bad, (uint16_t)port) ? PORT_BLOCKED : PORT_NO_OBJECTION, "%u", port);
    }
}
