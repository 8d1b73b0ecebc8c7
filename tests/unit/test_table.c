/* The leases that live, found by port, by id and by key, while others come and go. */
#include "src/lease/table.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>

#include "probe/fd.h"

static struct lease *make_lease(uint64_t id, uint16_t port, const char *name, unsigned slot) {
    struct lease *lease = lease_new();
    cr_assert_not_null(lease);
    cr_assert_eq(lease_set_key(lease, &(struct lease_key){.uid = 1000, .service_name = name, .project = ""}), 0);
    lease->id = id;
    lease->port = port;
    lease->slot = slot;
    return lease;
}

static struct lease_table make_table(void) {
    struct lease_table table;
    cr_assert_eq(lease_table_init(&table), 0);
    return table;
}

static struct lease *insert(struct lease_table *table, uint64_t id, uint16_t port, const char *name, unsigned slot) {
    struct lease *lease = make_lease(id, port, name, slot);
    cr_assert_eq(lease_table_reserve(table, 1), 0);
    lease_table_insert(table, lease);
    return lease;
}

Test(table, an_empty_one_finds_nothing) {
    CLEANUP(lease_table_deinit) struct lease_table table = make_table();
    cr_expect_null(lease_table_find_port(&table, 0));
    cr_expect_null(lease_table_find_port(&table, 65535));
    cr_expect_null(lease_table_find_id(&table, 0));
    cr_expect_null(lease_table_find_id(&table, 1));
    cr_expect_eq(table.n_items, 0);
}

Test(table, a_lease_is_found_by_port_and_by_id) {
    CLEANUP(lease_table_deinit) struct lease_table table = make_table();
    struct lease *first = insert(&table, 3, 65535, "a", 0);
    struct lease *second = insert(&table, 10, 1, "b", 0);
    struct lease *third = insert(&table, UINT64_MAX, 8000, "c", 0);
    cr_expect_eq(lease_table_find_port(&table, 65535), first);
    cr_expect_eq(lease_table_find_port(&table, 1), second);
    cr_expect_eq(lease_table_find_port(&table, 8000), third);
    cr_expect_null(lease_table_find_port(&table, 8001));
    cr_expect_eq(lease_table_find_id(&table, 3), first);
    cr_expect_eq(lease_table_find_id(&table, 10), second);
    cr_expect_eq(lease_table_find_id(&table, UINT64_MAX), third);
    static const uint64_t missing[] = {0, 2, 4, 9, 11, UINT64_MAX - 1};
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        cr_expect_null(lease_table_find_id(&table, missing[i]), "%llu", (unsigned long long)missing[i]);
    cr_expect(table.items[0] == first && table.items[1] == second && table.items[2] == third, "lowest id first");
}

Test(table, what_is_removed_is_the_callers_again) {
    CLEANUP(lease_table_deinit) struct lease_table table = make_table();
    struct lease *leases[5];
    for (unsigned i = 0; i < 5; i++)
        leases[i] = insert(&table, i + 1, (uint16_t)(8000 + i), "web", i);
    static const unsigned order[] = {2, 0, 4, 3, 1};
    for (unsigned n_removed = 0; n_removed < 5; n_removed++) {
        struct lease *gone = leases[order[n_removed]];
        lease_table_remove(&table, gone);
        cr_expect_eq(table.n_items, 4 - n_removed);
        cr_expect_null(lease_table_find_port(&table, gone->port));
        cr_expect_null(lease_table_find_id(&table, gone->id));
        for (unsigned i = n_removed + 1; i < 5; i++) {
            cr_expect_eq(lease_table_find_port(&table, leases[order[i]]->port), leases[order[i]]);
            cr_expect_eq(lease_table_find_id(&table, leases[order[i]]->id), leases[order[i]]);
        }
        lease_free(gone);
    }
    insert(&table, 6, 8000, "web", 0); /* the port can be leased anew */
}

Test(table, room_for_many_is_reserved_at_once) {
    CLEANUP(lease_table_deinit) struct lease_table table = make_table();
    cr_assert_eq(lease_table_reserve(&table, 0), 0);
    cr_assert_eq(lease_table_reserve(&table, 1000), 0);
    struct lease **const items = table.items;
    for (unsigned i = 0; i < 1000; i++)
        lease_table_insert(&table, make_lease(i + 1, (uint16_t)(i + 1), "web", i));
    cr_expect_eq(table.items, items, "nothing was moved");
    cr_assert_eq(lease_table_reserve(&table, 64535), 0);
    for (unsigned i = 1000; i < 65535; i++)
        lease_table_insert(&table, make_lease(i + 1, (uint16_t)(i + 1), "web", i));
    cr_expect_eq(table.n_items, 65535);
    cr_expect_eq(lease_table_find_id(&table, 65535)->port, 65535);
}

Test(table, two_leases_of_one_port_are_a_fault, .signal = SIGABRT) {
    struct lease_table table = make_table();
    insert(&table, 1, 8000, "a", 0);
    insert(&table, 2, 8000, "b", 0);
}

Test(table, an_id_that_is_not_higher_is_a_fault, .signal = SIGABRT) {
    struct lease_table table = make_table();
    insert(&table, 5, 8000, "a", 0);
    insert(&table, 5, 8001, "b", 0);
}

Test(table, an_insert_without_room_is_a_fault, .signal = SIGABRT) {
    struct lease_table table = make_table();
    lease_table_insert(&table, make_lease(1, 8000, "a", 0));
}

Test(table, removing_what_is_not_there_is_a_fault, .signal = SIGABRT) {
    struct lease_table table = make_table();
    insert(&table, 1, 8000, "a", 0);
    lease_table_remove(&table, make_lease(1, 8000, "a", 0));
}

/* Beside an array that is searched from end to end. */
Test(table, thousands_of_changes_keep_it_sound) {
    enum { N_PORTS = 50 };
    CLEANUP(lease_table_deinit) struct lease_table table = make_table();
    struct lease *by_port[N_PORTS] = {0};
    uint64_t id = 0;
    srand(7);
    for (int step = 0; step < 5000; step++) {
        const unsigned at = (unsigned)rand() % N_PORTS;
        if (by_port[at]) {
            lease_table_remove(&table, by_port[at]);
            by_port[at] = lease_free(by_port[at]);
        } else {
            id += 1 + (unsigned)rand() % 3;
            by_port[at] = insert(&table, id, (uint16_t)(8000 + at), "web", at);
        }
        size_t n_leases = 0;
        bool sound = true;
        for (unsigned i = 0; i < N_PORTS; i++) {
            n_leases += by_port[i] != NULL;
            sound = sound && lease_table_find_port(&table, (uint16_t)(8000 + i)) == by_port[i];
            sound = sound && (!by_port[i] || lease_table_find_id(&table, by_port[i]->id) == by_port[i]);
        }
        for (size_t i = 1; i < table.n_items; i++)
            sound = sound && table.items[i - 1]->id < table.items[i]->id;
        if (!sound || n_leases != table.n_items)
            cr_assert(false, "step %d", step);
    }
}
