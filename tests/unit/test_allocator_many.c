/*
 * Several ports, and several requests, at once: what one of them names is not taken by rotation for another, in whatever order they stand. The kernel
 * is a fake one, and the leases and the memory of ports are laid out by hand.
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

static const struct lease_key web = {.uid = 1000, .service_name = "web", .project = ""};
static const struct lease_key db = {.uid = 1000, .service_name = "db", .project = ""};

static struct fake_home home;
static struct fake_kernel kernel;
static struct lease_table leases;
static struct sticky_table sticky;
static struct port_rules rules;
static struct choice choice;
static uint64_t last_id;

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

TestSuite(allocator_many, .init = set_up, .fini = tear_down);

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

static bool has_note(enum choice_note_kind kind, uint16_t port) {
    for (size_t i = 0; i < choice.n_notes; i++)
        if (choice.notes[i].kind == kind && choice.notes[i].port == port)
            return true;
    return false;
}

/* ---- a preferred port for each ---- */

Test(allocator_many, each_port_can_have_a_preferred_one) {
    struct choice_request request = ask(4);
    request.prefer[1] = 8000; /* rotation would take it for the first */
    request.prefer[3] = 3000;
    cr_assert_eq(choose(&request), 0);
    static const uint16_t expected[] = {8001, 8000, 8002, 3000};
    cr_expect_eq(memcmp(choice.ports, expected, sizeof(expected)), 0);
    for (unsigned i = 0; i < 4; i++)
        cr_expect_eq(choice.slots[i], i);
    cr_expect_eq(choice.n_notes, 0);
    cr_expect_eq(choice.cursor, 8002);
}

Test(allocator_many, two_that_prefer_one_port_get_two) {
    struct choice_request request = ask(2);
    request.prefer[0] = request.prefer[1] = 8007;
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8007);
    cr_expect_eq(choice.ports[1], 8000);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_PREFERRED_LEASED, 8007));
}

/* The first one's old port is what the second one names: a wish goes before a memory. */
Test(allocator_many, a_preferred_port_comes_before_the_sticky_one_of_another_slot) {
    sticky_table_put(&sticky, &web, 0, 8004);
    struct choice_request request = ask(2);
    request.prefer[1] = 8004;
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8000);
    cr_expect_eq(choice.ports[1], 8004);
}

Test(allocator_many, rotation_does_not_take_what_a_later_slot_had_last) {
    sticky_table_put(&sticky, &web, 1, 8000);
    struct choice_request request = ask(2);
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8001);
    cr_expect_eq(choice.ports[1], 8000);
}

Test(allocator_many, the_sticky_port_can_come_first) {
    sticky_table_put(&sticky, &web, 0, 8004);
    struct choice_request request = ask(2);
    request.sticky_first = true;
    request.prefer[0] = 8007;
    request.prefer[1] = 8008;
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8004);
    cr_expect_eq(choice.ports[1], 8008, "it had none there");
    lease_port(&db, 8004, 0);
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8007, "nor has any more");
    cr_expect_eq(choice.n_notes, 0);
    sticky_table_put(&sticky, &web, 0, 8005);
    port_set_add(&kernel.busy, 8005);
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8007);
    cr_expect(choice.n_notes == 1 && has_note(NOTE_STICKY_TAKEN, 8005));
}

/* Who is down for a moment must not lose his port to a newcomer that has it for a default. */
Test(allocator_many, a_default_that_another_key_had_last_is_left_to_it) {
    sticky_table_put(&sticky, &db, 0, 8004);
    sticky_table_put(&sticky, &web, 1, 8007);
    struct choice_request request = ask(2);
    request.prefer[0] = 8004;
    request.prefer[1] = 8007;
    request.sticky_first = true;
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8000);
    cr_expect_eq(choice.ports[1], 8007, "its own is no obstacle");
    cr_expect(choice.n_notes == 1 && has_note(NOTE_PREFERRED_OTHERS, 8004));
    request.prefer[0] = 8007;
    request.prefer[1] = 0;
    sticky_table_put(&sticky, &web, 1, 8008);
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8007, "nor is one that nobody had");
    request.prefer[0] = 8004;
    request.sticky_first = false;
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.ports[0], 8004, "a wish is one");
    cr_expect_eq(choice.n_notes, 0);
}

Test(allocator_many, three_notes_for_every_port_have_room) {
    struct choice_request request = ask(LEASE_COUNT_MAX);
    request.sticky_first = true;
    for (unsigned slot = 0; slot < LEASE_COUNT_MAX; slot++) {
        request.prefer[slot] = (uint16_t)(4000 + slot);
        port_set_add(&rules.excluded, request.prefer[slot]);
        sticky_table_note_release(&sticky, request.prefer[slot], NOW);
        cr_assert_eq(sticky_table_put(&sticky, &web, slot, (uint16_t)(9000 + slot)), 0);
        port_set_add(&kernel.busy, (uint16_t)(9000 + slot));
    }
    cr_assert_eq(choose(&request), 0);
    cr_expect_eq(choice.n_notes, 3 * LEASE_COUNT_MAX);
}

/* ---- several requests ---- */

#define N_MANY 3
static struct choice_request many[N_MANY];
static struct choice chosen[N_MANY];
static size_t refused_at;

static void ask_many(void) {
    static const char *const names[N_MANY] = {"web", "db", "queue"};
    for (size_t i = 0; i < N_MANY; i++) {
        many[i] = ask(1);
        many[i].key.service_name = names[i];
    }
}

static int choose_many(void) {
    const struct allocator allocator = {
        .leases = &leases, .sticky = &sticky, .rules = &rules, .prober = fake_kernel_prober(&kernel)};
    struct choice *choices[N_MANY];
    for (size_t i = 0; i < N_MANY; i++) {
        choice_deinit(&chosen[i]);
        chosen[i] = (struct choice){0};
        choices[i] = &chosen[i];
    }
    fake_kernel_forget(&kernel);
    refused_at = N_MANY;
    return allocator_choose_all(&allocator, many, N_MANY, choices, &refused_at);
}

static void expect_ports(uint16_t first, uint16_t second, uint16_t third) {
    const uint16_t expected[N_MANY] = {first, second, third};
    for (size_t i = 0; i < N_MANY; i++) {
        cr_expect_eq(chosen[i].n_ports, 1);
        cr_expect_eq(chosen[i].ports[0], expected[i], "%zu: %u", i, chosen[i].ports[0]);
        cr_expect_eq(chosen[i].slots[0], 0);
        choice_deinit(&chosen[i]);
    }
}

Test(allocator_many, several_requests_get_a_port_each_and_rotation_goes_on) {
    ask_many();
    many[0].cursor = 8008;
    cr_assert_eq(choose_many(), 0);
    cr_expect_eq(chosen[2].cursor, 8001);
    expect_ports(8009, 8000, 8001);
}

Test(allocator_many, what_a_later_request_names_is_not_taken_by_an_earlier_one) {
    ask_many();
    many[1].prefer[0] = 8000;
    many[2].exact = 8001;
    cr_assert_eq(choose_many(), 0);
    expect_ports(8002, 8000, 8001);
    many[1].prefer[0] = 0;
    sticky_table_put(&sticky, &db, 0, 8000);
    cr_assert_eq(choose_many(), 0);
    expect_ports(8002, 8000, 8001);
}

Test(allocator_many, an_exact_port_comes_before_what_others_prefer) {
    ask_many();
    many[0].prefer[0] = 8005;
    many[1].exact = 8005;
    cr_assert_eq(choose_many(), 0);
    cr_expect(chosen[0].n_notes == 1 && chosen[0].notes[0].kind == NOTE_PREFERRED_LEASED);
    expect_ports(8000, 8005, 8001);
}

Test(allocator_many, a_request_for_nothing_changes_nothing) {
    ask_many();
    many[1].count = 0;
    many[2].count = 0;
    many[2].exact = 8001;
    many[0].cursor = 8003;
    cr_assert_eq(choose_many(), 0);
    cr_expect_eq(chosen[0].ports[0], 8004);
    cr_expect_eq(chosen[1].n_ports + chosen[2].n_ports, 0);
    cr_expect_eq(chosen[2].cursor, 8004);
}

Test(allocator_many, the_request_that_is_refused_is_told) {
    ask_many();
    fake_kernel_listen(&kernel, 8001, 0);
    many[2].exact = 8001;
    cr_expect_eq(choose_many(), ALLOC_E_TAKEN);
    cr_expect_eq(refused_at, 2);
    cr_expect_eq(chosen[2].evidence.n_items, 1);
    cr_expect_eq(chosen[0].n_ports, 0);
    many[2].exact = 0;
    rules.max = MIN + 1; /* two ports, of which one is in use */
    cr_expect_eq(choose_many(), ALLOC_E_RANGE_FULL);
    cr_expect_eq(refused_at, 1);
    cr_expect_eq(chosen[1].counts.n_busy, 1);
    for (size_t i = 0; i < N_MANY; i++)
        choice_deinit(&chosen[i]);
}
