/* What ports remember: whose each one last was, in which slot, and when it was released. */
#include "src/lease/sticky.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "probe/fd.h"

static const struct lease_key web = {.uid = 1000, .service_name = "web", .project = ""};
static const struct lease_key db = {.uid = 1000, .service_name = "db", .project = ""};

static struct sticky_table make_table(void) {
    struct sticky_table table;
    cr_assert_eq(sticky_table_init(&table), 0);
    return table;
}

static unsigned count(const struct sticky_table *table) {
    unsigned n_entries = 0;
    for (unsigned port = 0; port <= 65535; port++)
        n_entries += table->by_port[port] != NULL;
    return n_entries;
}

Test(sticky, an_empty_one_remembers_nothing) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    cr_expect_eq(sticky_table_find(&table, &web, 0), 0);
    cr_expect_not(sticky_table_is_others(&table, &web, 8000));
    cr_expect_eq(sticky_table_cooling(&table, 8000, 5000), 0);
    cr_expect_eq(sticky_table_cooling(&table, 8000, 20000), 0);
}

Test(sticky, a_name_finds_its_port_by_slot) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    cr_assert_eq(sticky_table_put(&table, &web, 0, 1), 0);
    cr_assert_eq(sticky_table_put(&table, &web, 1, 65535), 0);
    cr_assert_eq(sticky_table_put(&table, &db, 0, 8000), 0);
    cr_expect_eq(sticky_table_find(&table, &web, 0), 1);
    cr_expect_eq(sticky_table_find(&table, &web, 1), 65535);
    cr_expect_eq(sticky_table_find(&table, &web, 2), 0);
    cr_expect_eq(sticky_table_find(&table, &db, 0), 8000);
    cr_expect_eq(sticky_table_find(&table, &db, 1), 0);
}

Test(sticky, the_key_is_uid_project_and_name) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    const struct lease_key in_project = {.uid = 1000, .service_name = "web", .project = "/shop"};
    const struct lease_key stranger = {.uid = 1001, .service_name = "web", .project = ""};
    sticky_table_put(&table, &web, 0, 8000);
    cr_expect_eq(sticky_table_find(&table, &in_project, 0), 0);
    cr_expect_eq(sticky_table_find(&table, &stranger, 0), 0);
    cr_expect(sticky_table_is_others(&table, &in_project, 8000));
    cr_expect(sticky_table_is_others(&table, &stranger, 8000));
    cr_expect(sticky_table_is_others(&table, &db, 8000));
    cr_expect_not(sticky_table_is_others(&table, &web, 8000));
    cr_expect_not(sticky_table_is_others(&table, &db, 8001), "nobody's is not another's");
}

Test(sticky, a_new_port_in_a_slot_forgets_the_one_before) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    sticky_table_put(&table, &web, 0, 8000);
    sticky_table_put(&table, &web, 0, 8001);
    cr_expect_eq(sticky_table_find(&table, &web, 0), 8001);
    cr_expect_not(sticky_table_is_others(&table, &db, 8000));
    cr_expect_eq(count(&table), 1);
    sticky_table_put(&table, &web, 0, 8001);
    cr_expect_eq(sticky_table_find(&table, &web, 0), 8001);
    cr_expect_eq(count(&table), 1);
}

Test(sticky, a_port_is_sticky_for_the_last_that_had_it) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    sticky_table_put(&table, &web, 0, 8000);
    sticky_table_put(&table, &db, 0, 8000);
    cr_expect_eq(sticky_table_find(&table, &web, 0), 0);
    cr_expect_eq(sticky_table_find(&table, &db, 0), 8000);
    cr_expect(sticky_table_is_others(&table, &web, 8000));
    cr_expect_eq(count(&table), 1);
}

Test(sticky, a_port_can_move_to_another_slot_of_its_name) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    sticky_table_put(&table, &web, 0, 8000);
    sticky_table_put(&table, &web, 1, 8001);
    sticky_table_put(&table, &web, 1, 8000);
    cr_expect_eq(sticky_table_find(&table, &web, 1), 8000);
    cr_expect_eq(sticky_table_find(&table, &web, 0), 0);
    cr_expect_null(table.by_port[8001]);
    cr_expect_not(sticky_table_is_others(&table, &web, 8000));
}

Test(sticky, the_key_is_copied) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    char name[] = "web";
    char project[] = "/shop";
    sticky_table_put(&table, &(struct lease_key){.uid = 1, .service_name = name, .project = project}, 0, 8000);
    name[0] = 'X';
    project[1] = 'X';
    cr_expect_eq(sticky_table_find(&table, &(struct lease_key){.uid = 1, .service_name = "web", .project = "/shop"}, 0),
                 8000);
}

Test(sticky, a_cool_down_lasts_fifteen_seconds_from_the_last_release) {
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    sticky_table_note_release(&table, 8000, 1000);
    cr_expect_eq(sticky_table_cooling(&table, 8000, 1000), 15000);
    cr_expect_eq(sticky_table_cooling(&table, 8000, 1001), 14999);
    cr_expect_eq(sticky_table_cooling(&table, 8000, 15999), 1);
    cr_expect_eq(sticky_table_cooling(&table, 8000, 16000), 0);
    cr_expect_eq(sticky_table_cooling(&table, 8000, UINT64_MAX / 2), 0);
    cr_expect_eq(sticky_table_cooling(&table, 8001, 1000), 0);
    sticky_table_note_release(&table, 8000, 10000);
    cr_expect_eq(sticky_table_cooling(&table, 8000, 16000), 9000);
    sticky_table_note_release(&table, 65535, 10000);
    cr_expect_eq(sticky_table_cooling(&table, 65535, 10000), 15000);
}

/* Beside a list that is read from its end: the last entry of a port is whose it is, the last of a slot is where it is. */
Test(sticky, thousands_of_changes_keep_one_key_a_port_and_one_port_a_slot) {
    enum { N_KEYS = 6, N_SLOTS = 3, N_PORTS = 12 };
    CLEANUP(sticky_table_deinit) struct sticky_table table = make_table();
    struct lease_key keys[N_KEYS];
    char names[N_KEYS][8];
    unsigned owner[N_PORTS];
    for (unsigned i = 0; i < N_KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "n%u", i / 2);
        keys[i] = (struct lease_key){.uid = 1000 + i % 2, .service_name = names[i], .project = ""};
    }
    for (unsigned i = 0; i < N_PORTS; i++)
        owner[i] = UINT_MAX;
    srand(11);
    for (int step = 0; step < 3000; step++) {
        const unsigned at = (unsigned)rand() % N_PORTS;
        const unsigned key = (unsigned)rand() % N_KEYS;
        const unsigned slot = (unsigned)rand() % N_SLOTS;
        cr_assert_eq(sticky_table_put(&table, &keys[key], slot, (uint16_t)(8000 + at)), 0);
        for (unsigned i = 0; i < N_PORTS; i++)
            if (owner[i] == key * N_SLOTS + slot)
                owner[i] = UINT_MAX;
        owner[at] = key * N_SLOTS + slot;
        for (unsigned i = 0; i < N_KEYS * N_SLOTS; i++) {
            uint16_t expected = 0;
            for (unsigned j = 0; j < N_PORTS; j++)
                if (owner[j] == i)
                    expected = (uint16_t)(8000 + j);
            if (sticky_table_find(&table, &keys[i / N_SLOTS], i % N_SLOTS) != expected)
                cr_assert(false, "step %d", step);
        }
    }
}
