/*
 * Which port: the order of choice, every skip, and the words that go with it. The kernel is a fake one, the settings are files
 * of the test's own, and the cursor, the leases and the memory of ports are laid out by hand.
 */
#include "src/lease/allocator.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/fake_home.h"
#include "tests/support/fake_kernel.h"

#define MIN 8000
#define MAX 8009
#define NOW UINT64_C(1000000)
#define OWN 8005 /* where portd itself answers, in the tests that say so */

static const struct lease_key web = {.uid = 1000, .service_name = "web", .project = ""};
static const struct lease_key db = {.uid = 1000, .service_name = "db", .project = ""};

static struct fake_home home;
static struct fake_kernel kernel;
static struct lease_table leases;
static struct sticky_table sticky;
static struct port_rules rules;
static struct choice choice;
static uint64_t last_id;

static void write_setting(const char *name, const char *text) {
    fake_home_write(&home, name, text, strlen(text));
}

static void set_up(void) {
    fake_home_make(&home);
    fake_kernel_init(&kernel);
    cr_assert_eq(lease_table_init(&leases), 0);
    cr_assert_eq(sticky_table_init(&sticky), 0);
    rules = (struct port_rules){.min = MIN, .max = MAX, .sysctl_dir = home.path};
}

static void tear_down(void) {
    choice_deinit(&choice);
    sticky_table_deinit(&sticky);
    lease_table_deinit(&leases);
    fake_kernel_deinit(&kernel);
    fake_home_remove(&home);
}

TestSuite(allocator, .init = set_up, .fini = tear_down);

/* The port is leased to the key and was granted to it, as the registry would have done. */
static void lease_port(const struct lease_key *key, uint16_t port, unsigned slot) {
    struct lease *lease = lease_new();
    cr_assert_not_null(lease);
    cr_assert_eq(lease_set_key(lease, key), 0);
    lease->id = ++last_id;
    lease->port = port;
    lease->slot = slot;
    cr_assert_eq(lease_table_reserve(&leases, 1), 0);
    lease_table_insert(&leases, lease);
    cr_assert_eq(sticky_table_put(&sticky, key, slot, port), 0);
}

static struct choice_request ask(unsigned count) {
    return (struct choice_request){.key = web, .count = count, .now_ms = NOW};
}

static int choose(const struct choice_request *request) {
    const struct allocator allocator = {
        .leases = &leases, .sticky = &sticky, .rules = &rules, .prober = fake_kernel_prober(&kernel)};
    choice_deinit(&choice);
    choice = (struct choice){0};
    fake_kernel_forget(&kernel);
    return allocator_choose(&allocator, request, &choice);
}

/* Chooses one port for web, with the cursor at `cursor`, and returns it; 0: refused. */
static uint16_t choose_from(uint16_t cursor) {
    struct choice_request request = ask(1);
    request.cursor = cursor;
    const int r = choose(&request);
    cr_assert(r == 0 || r == ALLOC_E_RANGE_FULL, "%d", r);
    return r == 0 ? choice.ports[0] : 0;
}

static bool has_note(enum choice_note_kind kind, uint16_t port) {
    for (size_t i = 0; i < choice.n_notes; i++)
        if (choice.notes[i].kind == kind && choice.notes[i].port == port)
            return true;
    return false;
}

/* ---- an exact port ---- */

static int choose_exact(uint16_t port) {
    struct choice_request request = ask(1);
    request.exact = port;
    request.cursor = 8003;
    return choose(&request);
}

Test(allocator, an_exact_port_is_granted_wherever_it_is) {
    static const uint16_t ports[] = {8000, 8009, 3000, 1024, 65535};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        cr_assert_eq(choose_exact(ports[i]), 0, "%u", ports[i]);
        cr_expect_eq(choice.n_ports, 1);
        cr_expect_eq(choice.ports[0], ports[i]);
        cr_expect_eq(choice.slots[0], 0);
        cr_expect_eq(choice.cursor, 8003, "rotation has not moved");
        cr_expect_eq(choice.n_notes, 0);
        cr_expect_eq(kernel.n_checks, 1);
        cr_expect_eq(kernel.n_thorough, 1);
    }
}

Test(allocator, an_exact_port_that_is_leased_is_refused_and_the_kernel_is_not_asked) {
    lease_port(&db, 8001, 0);
    cr_expect_eq(choose_exact(8001), ALLOC_E_LEASED);
    cr_expect_eq(kernel.n_checks, 0, "a bind test could disturb the server");
    cr_expect_eq(choice.n_ports, 0);
    lease_port(&web, 8002, 0);
    cr_expect_eq(choose_exact(8002), ALLOC_E_LEASED, "by the same name, too");
}

Test(allocator, an_exact_port_in_use_is_refused_with_the_evidence) {
    fake_kernel_listen(&kernel, 8001, 77);
    fake_kernel_listen(&kernel, 8002, 78);
    cr_expect_eq(choose_exact(8001), ALLOC_E_TAKEN);
    cr_assert_eq(choice.evidence.n_items, 1);
    cr_expect_eq(choice.evidence.items[0].port, 8001);
    cr_expect_eq(choice.evidence.items[0].uid, 77);
    cr_expect_eq(choice.n_ports, 0);
    cr_expect_eq(kernel.n_checks, 1, "no other is tried");
    port_set_add(&kernel.remains, 8003);
    cr_expect_eq(choose_exact(8003), 0, "a server could bind over TIME_WAIT");
}

Test(allocator, portds_own_port_is_never_granted) {
    rules.api_port = OWN;
    cr_expect_eq(choose_exact(OWN), ALLOC_E_OWN);
    cr_expect_eq(kernel.n_checks, 0);
    cr_expect_eq(choose_exact(OWN + 1), 0);
}

Test(allocator, a_privileged_port_is_for_those_who_may_bind_it) {
    struct choice_request request = ask(1);
    request.exact = 1023;
    cr_expect_eq(choose(&request), ALLOC_E_PRIVILEGED);
    cr_expect_eq(kernel.n_checks, 0);
    request.privileged = true;
    cr_expect_eq(choose(&request), 0);
    request.privileged = false;
    request.exact = 1024;
    cr_expect_eq(choose(&request), 0);
    write_setting("ip_unprivileged_port_start", "80\n");
    request.exact = 81;
    cr_expect_eq(choose(&request), 0);
    request.exact = 80;
    cr_expect_eq(choose(&request), 0);
    request.exact = 79;
    cr_expect_eq(choose(&request), ALLOC_E_PRIVILEGED);
    write_setting("ip_unprivileged_port_start", "9000\n");
    request.exact = 8000;
    cr_expect_eq(choose(&request), ALLOC_E_PRIVILEGED, "the setting is read for each grant");
}

Test(allocator, a_port_that_portd_may_not_bind_cannot_be_verified) {
    port_set_add(&kernel.not_permitted, 8001);
    cr_expect_eq(choose_exact(8001), ALLOC_E_UNVERIFIABLE);
    cr_expect_eq(choice.n_ports, 0);
    fake_kernel_listen(&kernel, 8001, 77);
    cr_expect_eq(choose_exact(8001), ALLOC_E_TAKEN);
}

Test(allocator, a_kernel_that_cannot_be_asked_is_an_error) {
    kernel.check_error = -EMFILE;
    cr_expect_eq(choose_exact(8001), -EMFILE);
    struct choice_request request = ask(1);
    cr_expect_eq(choose(&request), -EMFILE);
    cr_expect_eq(kernel.n_checks, 1, "and not asked a thousand times");
    request.prefer[0] = 8001;
    cr_expect_eq(choose(&request), -EMFILE);
    request.prefer[0] = 0;
    sticky_table_put(&sticky, &web, 0, 8001);
    cr_expect_eq(choose(&request), -EMFILE);
    cr_expect_eq(kernel.n_checks, 1);
}

Test(allocator, a_named_port_is_granted_in_spite_of_objections_and_the_reply_says_so) {
    port_set_add(&rules.excluded, 8001);
    write_setting("ip_local_reserved_ports", "8002\n");
    cr_expect_eq(choose_exact(8001), 0);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_EXCLUDED, 8001));
    cr_expect_eq(choose_exact(8002), 0);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_RESERVED, 8002));
    cr_expect_eq(choose_exact(6000), 0);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_BLOCKED, 6000));
    struct choice_request request = ask(1);
    request.prefer[0] = 6000;
    cr_expect_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 6000);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_BLOCKED, 6000));
}

Test(allocator, a_named_port_that_cools_for_others_is_granted_with_a_note_and_to_its_own_name_without) {
    sticky_table_put(&sticky, &db, 0, 8001);
    sticky_table_note_release(&sticky, 8001, NOW - 14999);
    cr_expect_eq(choose_exact(8001), 0);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_COOLING, 8001));
    port_set_add(&rules.excluded, 8001);
    cr_expect_eq(choose_exact(8001), 0);
    cr_expect(choice.n_notes == 2 && has_note(NOTE_COOLING, 8001) && has_note(NOTE_EXCLUDED, 8001));
    sticky_table_put(&sticky, &db, 0, 8002);
    sticky_table_note_release(&sticky, 8002, NOW - 15000);
    cr_expect_eq(choose_exact(8002), 0);
    cr_expect_eq(choice.n_notes, 0, "fifteen seconds are over");
    sticky_table_put(&sticky, &web, 0, 8003);
    sticky_table_note_release(&sticky, 8003, NOW);
    cr_expect_eq(choose_exact(8003), 0);
    cr_expect_eq(choice.n_notes, 0);
}

/* ---- a preferred port ---- */

static int choose_preferred(uint16_t port, unsigned count) {
    struct choice_request request = ask(count);
    request.prefer[0] = port;
    return choose(&request);
}

Test(allocator, a_preferred_port_is_granted_if_it_can_be_had) {
    cr_expect_eq(choose_preferred(8007, 1), 0);
    cr_expect_eq(choice.ports[0], 8007);
    cr_expect_eq(choice.cursor, 0, "rotation has not moved");
    cr_expect_eq(kernel.n_thorough, 1);
    cr_expect_eq(choose_preferred(3000, 1), 0);
    cr_expect_eq(choice.ports[0], 3000, "outside the range, too");
    cr_expect_eq(choice.n_notes, 0);
    port_set_add(&kernel.remains, 8007);
    cr_expect_eq(choose_preferred(8007, 1), 0);
    cr_expect_eq(choice.ports[0], 8007, "a server could bind over TIME_WAIT");
}

Test(allocator, a_preferred_port_that_cannot_be_had_is_noted_and_another_is_granted) {
    rules.api_port = OWN;
    lease_port(&db, 8001, 0);
    fake_kernel_listen(&kernel, 8002, 0);
    port_set_add(&kernel.not_permitted, 8003);
    static const struct {
        uint16_t port;
        enum choice_note_kind note;
    } rows[] = {
        {8001, NOTE_PREFERRED_LEASED},   {8002, NOTE_PREFERRED_TAKEN},      {OWN, NOTE_PREFERRED_OWN},
        {80, NOTE_PREFERRED_PRIVILEGED}, {8003, NOTE_PREFERRED_PRIVILEGED},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert_eq(choose_preferred(rows[i].port, 1), 0);
        cr_expect(choice.n_notes == 1 && has_note(rows[i].note, rows[i].port), "%u", rows[i].port);
        cr_expect_eq(choice.ports[0], 8000, "%u", choice.ports[0]);
        cr_expect_eq(choice.evidence.n_items, 0);
    }
}

Test(allocator, of_several_ports_the_first_is_the_preferred_one) {
    cr_expect_eq(choose_preferred(8001, 4), 0);
    cr_assert_eq(choice.n_ports, 4);
    static const uint16_t expected[] = {8001, 8000, 8002, 8003};
    cr_expect_eq(memcmp(choice.ports, expected, sizeof(expected)), 0);
    for (unsigned i = 0; i < 4; i++)
        cr_expect_eq(choice.slots[i], i);
}

Test(allocator, a_preferred_port_comes_before_the_sticky_one) {
    sticky_table_put(&sticky, &web, 0, 8004);
    cr_expect_eq(choose_preferred(8007, 1), 0);
    cr_expect_eq(choice.ports[0], 8007);
    lease_port(&db, 8007, 0);
    cr_expect_eq(choose_preferred(8007, 1), 0);
    cr_expect_eq(choice.ports[0], 8004, "and the sticky one before rotation");
}

/* ---- the port that the name had last ---- */

Test(allocator, a_name_gets_its_old_port_again_at_once) {
    sticky_table_put(&sticky, &web, 0, 8004);
    sticky_table_note_release(&sticky, 8004, NOW);
    cr_expect_eq(choose_from(8006), 8004);
    cr_expect_eq(choice.cursor, 8006, "rotation has not moved");
    cr_expect_eq(choice.n_notes, 0);
    cr_expect_eq(kernel.n_thorough, 1);
    sticky_table_put(&sticky, &web, 0, 3000);
    cr_expect_eq(choose_from(8006), 3000, "outside the range, too");
    port_set_add(&kernel.remains, 3000);
    cr_expect_eq(choose_from(8006), 3000, "and over TIME_WAIT");
}

Test(allocator, another_uid_project_or_name_does_not_get_it) {
    const struct lease_key strangers[] = {
        {.uid = 1001, .service_name = "web", .project = ""},
        {.uid = 1000, .service_name = "web", .project = "/shop"},
        {.uid = 1000, .service_name = "Web", .project = ""},
    };
    sticky_table_put(&sticky, &web, 0, 8004);
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        struct choice_request request = ask(1);
        request.key = strangers[i];
        cr_assert_eq(choose(&request), 0);
        cr_expect_eq(choice.ports[0], 8000);
    }
}

Test(allocator, each_lease_of_a_name_has_a_slot_and_a_port_of_its_own) {
    for (unsigned slot = 0; slot < 3; slot++)
        sticky_table_put(&sticky, &web, slot, (uint16_t)(8007 - slot));
    struct choice_request request = ask(3);
    cr_assert_eq(choose(&request), 0);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(choice.ports[i], 8007 - i, "%u", choice.ports[i]);
        cr_expect_eq(choice.slots[i], i);
    }
    request.count = 5;
    cr_assert_eq(choose(&request), 0);
    static const uint16_t expected[] = {8007, 8006, 8005, 8000, 8001};
    cr_expect_eq(memcmp(choice.ports, expected, sizeof(expected)), 0);
}

Test(allocator, a_slot_that_lives_is_passed_over_and_the_lowest_free_one_is_taken) {
    sticky_table_put(&sticky, &web, 0, 8007);
    sticky_table_put(&sticky, &web, 2, 8006);
    lease_port(&web, 8009, 1);
    struct choice_request request = ask(3);
    cr_assert_eq(choose(&request), 0);
    static const uint16_t ports[] = {8007, 8006, 8000};
    static const unsigned slots[] = {0, 2, 3};
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(choice.ports[i], ports[i], "%u", choice.ports[i]);
        cr_expect_eq(choice.slots[i], slots[i], "%u", choice.slots[i]);
    }
    lease_port(&web, 8007, 0);
    cr_expect_eq(choose_from(0), 8006);
    cr_expect_eq(choice.slots[0], 2);
}

Test(allocator, an_old_port_in_use_is_noted_and_another_is_granted) {
    sticky_table_put(&sticky, &web, 0, 8004);
    port_set_add(&kernel.busy, 8004);
    cr_expect_eq(choose_from(0), 8000);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_STICKY_TAKEN, 8004));
    cr_expect_eq(choice.slots[0], 0);
}

Test(allocator, an_old_port_that_may_no_longer_be_chosen_is_passed_over_without_asking_the_kernel) {
    sticky_table_put(&sticky, &web, 0, 8004);
    port_set_add(&rules.excluded, 8004);
    cr_expect_eq(choose_from(0), 8000);
    cr_expect_not(port_set_has(&kernel.asked, 8004));
    port_set_clear(&rules.excluded);
    write_setting("ip_local_reserved_ports", "8004\n");
    cr_expect_eq(choose_from(0), 8000);
    write_setting("ip_local_reserved_ports", "\n");
    rules.api_port = 8004;
    cr_expect_eq(choose_from(0), 8000);
    rules.api_port = 0;
    sticky_table_put(&sticky, &web, 0, 6000);
    cr_expect_eq(choose_from(0), 8000);
    sticky_table_put(&sticky, &web, 0, 443);
    cr_expect_eq(choose_from(0), 8000);
    cr_expect_not(port_set_has(&kernel.asked, 443));
    sticky_table_put(&sticky, &web, 0, 8004);
    cr_expect_eq(choose_from(0), 8004);
}

/* ---- rotation ---- */

Test(allocator, rotation_goes_on_after_the_last_port_granted_and_wraps_round) {
    static const uint16_t cursors[] = {0, 8000, 8004, 8008, 8009, 7999, 8010, 1, 65535};
    static const uint16_t expected[] = {8000, 8001, 8005, 8009, 8000, 8000, 8000, 8000, 8000};
    for (size_t i = 0; i < sizeof(cursors) / sizeof(cursors[0]); i++) {
        cr_expect_eq(choose_from(cursors[i]), expected[i], "after %u: %u", cursors[i], choice.ports[0]);
        cr_expect_eq(choice.cursor, expected[i]);
        cr_expect_eq(kernel.n_checks, 1);
        cr_expect_eq(kernel.n_thorough, 0, "quick is enough to go on to the next port");
    }
}

Test(allocator, rotation_tries_every_port_once) {
    port_set_add_range(&kernel.busy, MIN, MAX);
    for (uint16_t cursor = MIN - 1; cursor <= MAX + 1; cursor++) {
        cr_expect_eq(choose_from(cursor), 0);
        cr_expect_eq(kernel.n_checks, MAX - MIN + 1);
        cr_expect(port_set_covers(&kernel.asked, MIN, MAX));
    }
    kernel.busy.bits[8004 / 64] &= ~(UINT64_C(1) << 8004 % 64);
    for (uint16_t cursor = MIN - 1; cursor <= MAX + 1; cursor++)
        cr_expect_eq(choose_from(cursor), 8004, "after %u", cursor);
}

Test(allocator, rotation_passes_over_what_may_not_be_granted) {
    rules.api_port = 8000;
    lease_port(&db, 8001, 0);
    port_set_add(&kernel.busy, 8002);
    port_set_add(&rules.excluded, 8003);
    write_setting("ip_local_reserved_ports", "8004\n");
    sticky_table_note_release(&sticky, 8005, NOW - 1);
    port_set_add(&kernel.remains, 8006);
    port_set_add(&kernel.not_permitted, 8007);
    cr_expect_eq(choose_from(0), 8008);
    cr_expect_eq(choice.n_notes, 0);
    static struct port_set expected;
    port_set_add(&expected, 8002);
    port_set_add_range(&expected, 8006, 8008);
    cr_expect_eq(memcmp(&expected, &kernel.asked, sizeof(expected)), 0, "the kernel is asked last");
}

Test(allocator, a_range_that_is_reserved_as_a_whole_is_no_obstacle) {
    write_setting("ip_local_reserved_ports", "8000-8009\n");
    cr_expect_eq(choose_from(0), 8000);
    write_setting("ip_local_reserved_ports", "8000-8008\n");
    cr_expect_eq(choose_from(0), 8009);
}

Test(allocator, blocked_and_privileged_ports_are_passed_over) {
    rules.min = 6664;
    rules.max = 6670;
    cr_expect_eq(choose_from(6664), 6670);
    rules.min = 1020;
    rules.max = 1030;
    cr_expect_eq(choose_from(0), 1024);
    struct choice_request request = ask(1);
    request.privileged = true;
    cr_expect_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 1020);
}

Test(allocator, ports_that_were_anothers_come_last) {
    for (uint16_t port = MIN; port <= MAX; port++)
        if (port != 8003 && port != 8006)
            sticky_table_put(&sticky, &db, port, port);
    cr_expect_eq(choose_from(0), 8003);
    cr_expect_eq(choose_from(8003), 8006);
    cr_expect_eq(choose_from(8006), 8003, "round again before another's is taken");
    lease_port(&web, 8003, 0);
    lease_port(&web, 8006, 1);
    cr_expect_eq(choose_from(8006), 8007, "now another's, the next after the last");
    cr_expect_eq(choice.cursor, 8007);
    cr_expect_eq(choose_from(8009), 8000);
}

Test(allocator, a_released_port_cools_for_others_and_not_for_its_own_name) {
    rules.max = rules.min;
    sticky_table_put(&sticky, &db, 0, MIN);
    sticky_table_note_release(&sticky, MIN, NOW - 14999);
    cr_expect_eq(choose_from(0), 0);
    cr_expect_eq(choice.counts.n_cooling, 1);
    cr_expect_eq(choice.counts.cooling_ms, 1);
    struct choice_request request = ask(1);
    request.key = db;
    cr_expect_eq(choose(&request), 0);
    request.key = web;
    request.now_ms = NOW + 1;
    cr_expect_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], MIN);
}

Test(allocator, a_second_lease_may_have_the_port_that_its_own_name_has_just_released) {
    rules.max = rules.min;
    sticky_table_put(&sticky, &web, 5, MIN);
    sticky_table_note_release(&sticky, MIN, NOW);
    cr_expect_eq(choose_from(0), MIN);
    cr_expect_eq(choice.slots[0], 0);
}

Test(allocator, a_range_of_one_port) {
    rules.min = rules.max = 8004;
    cr_expect_eq(choose_from(0), 8004);
    cr_expect_eq(choose_from(8004), 8004, "after itself comes itself");
    cr_expect_eq(choose_from(8003), 8004);
    struct choice_request request = ask(2);
    cr_expect_eq(choose(&request), ALLOC_E_RANGE_FULL);
    rules.min = rules.max = 65535;
    cr_expect_eq(choose_from(65535), 65535);
}

Test(allocator, the_range_of_all_ports) {
    rules.min = 1;
    rules.max = 65535;
    write_setting("ip_unprivileged_port_start", "0\n");
    cr_expect_eq(choose_from(65535), 2, "1 is blocked by browsers");
    cr_expect_eq(choose_from(65534), 65535);
    cr_expect_eq(choose_from(0), 2);
    port_set_add_range(&kernel.busy, 1, 65535);
    cr_expect_eq(choose_from(30000), 0);
    cr_expect_eq(choice.counts.n_busy + choice.counts.n_blocked, 65535);
    write_setting("ip_unprivileged_port_start", "1024\n");
    port_set_clear(&kernel.busy);
    cr_expect_eq(choose_from(65535), 1024);
}

Test(allocator, as_many_ports_as_a_grant_can_have) {
    rules.max = MIN + LEASE_COUNT_MAX - 1;
    struct choice_request request = ask(LEASE_COUNT_MAX);
    request.cursor = 8010;
    cr_assert_eq(choose(&request), 0);
    cr_assert_eq(choice.n_ports, LEASE_COUNT_MAX);
    for (unsigned i = 0; i < LEASE_COUNT_MAX; i++) {
        cr_expect_eq(choice.ports[i], MIN + (11 + i) % LEASE_COUNT_MAX);
        cr_expect_eq(choice.slots[i], i);
    }
    cr_expect_eq(choice.cursor, 8010);
    lease_port(&db, 8000, 0);
    cr_expect_eq(choose(&request), ALLOC_E_RANGE_FULL, "one too few");
}

Test(allocator, a_note_for_every_port_of_the_largest_grant_has_room) {
    rules.max = MIN + 200;
    for (unsigned slot = 0; slot < LEASE_COUNT_MAX; slot++) {
        sticky_table_put(&sticky, &web, slot, (uint16_t)(9000 + slot));
        port_set_add(&kernel.busy, (uint16_t)(9000 + slot));
    }
    cr_assert_eq(choose_preferred(9000, LEASE_COUNT_MAX), 0);
    cr_expect_eq(choice.n_notes, LEASE_COUNT_MAX + 1);
    sticky_table_note_release(&sticky, 6000, NOW);
    sticky_table_put(&sticky, &db, 0, 6000);
    cr_assert_eq(choose_preferred(6000, LEASE_COUNT_MAX), 0);
    cr_expect_eq(choice.n_notes, LEASE_COUNT_MAX + 1);
    cr_expect(has_note(NOTE_BLOCKED, 6000) && has_note(NOTE_COOLING, 6000));
}

/* ---- nothing free ---- */

Test(allocator, a_full_range_is_counted_by_its_reasons) {
    rules.min = 5999;
    rules.max = 6009;
    rules.api_port = 6001;
    port_set_add(&rules.excluded, 6002);
    write_setting("ip_local_reserved_ports", "6003\n");
    lease_port(&db, 6004, 0);
    lease_port(&web, 6005, 0);
    sticky_table_note_release(&sticky, 6006, NOW - 10000);
    sticky_table_note_release(&sticky, 6007, NOW - 12000);
    sticky_table_note_release(&sticky, 6008, NOW - 11000);
    sticky_table_put(&sticky, &db, 1, 6008);
    port_set_add(&kernel.busy, 5999);
    fake_kernel_listen(&kernel, 6009, 0);
    cr_expect_eq(choose_from(6004), 0);
    const struct choice_counts *counts = &choice.counts;
    cr_expect_eq(counts->n_leased, 2);
    cr_expect_eq(counts->n_busy, 2);
    cr_expect_eq(counts->n_excluded, 1);
    cr_expect_eq(counts->n_reserved, 1);
    cr_expect_eq(counts->n_blocked, 1);
    cr_expect_eq(counts->n_cooling, 3);
    cr_expect_eq(counts->n_other, 1);
    cr_expect_eq(counts->cooling_ms, 3000, "until the first is free");
    cr_expect_eq(choice.evidence.n_items, 0);
}

Test(allocator, counts_do_not_add_up_over_several_ports) {
    port_set_add_range(&kernel.busy, 8002, 8009);
    struct choice_request request = ask(3);
    request.cursor = 8001; /* every one of the three looks at the busy ones first */
    cr_expect_eq(choose(&request), ALLOC_E_RANGE_FULL);
    cr_expect_eq(choice.counts.n_busy, 8);
    cr_expect_eq(choice.counts.n_leased, 0);
}

/* ---- what a choice costs ---- */

/* Every port but the last was another's and is busy now. Whoever asks for many must not have the kernel asked about all of
 * them again for each. */
Test(allocator, the_kernel_is_asked_once_about_a_busy_port_however_many_are_wanted) {
    for (uint16_t port = MIN; port < MIN + 5; port++)
        cr_assert_eq(sticky_table_put(&sticky, &db, port, port), 0);
    for (uint16_t port = MIN + 5; port <= MAX; port++)
        port_set_add(&kernel.busy, port);
    struct choice_request request = ask(6);
    cr_expect_eq(choose(&request), ALLOC_E_RANGE_FULL);
    cr_expect_eq(choice.counts.n_busy, 5);
    cr_expect_leq(kernel.n_checks, 10, "%u", kernel.n_checks);
}
