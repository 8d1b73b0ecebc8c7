/* What the database keeps of who asked for a lease and whose its listeners are. */
#include <criterion/criterion.h>
#include <sqlite3.h>

#include "probe/fd.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

static struct fake_home home;

static void set_up(void) {
    fake_disk_install();
    fake_home_make(&home);
}

static void tear_down(void) {
    fake_home_remove(&home);
}

TestSuite(store_judgements, .init = set_up, .fini = tear_down);

static const struct judgement said[] = {
    {JUDGED_RECOGNISED, UINT32_MAX, {5, UINT64_C(1) << 40, UINT64_C(1) << 50}},
    {JUDGED_CLAIMED, 0, {6, 7, 8}},
    {JUDGED_DISOWNED, 9, {0}},
};

static struct lease *make_judged(uint64_t id, uint16_t port) {
    struct lease *lease = fake_store_make_lease(id, port, "web", 0);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(lease_judge(lease, &said[i]), 0);
    return lease;
}

static void put(struct store *store, const struct lease *lease) {
    cr_assert_eq(store_begin(store), 0);
    cr_assert_eq(store_put_lease(store, lease), 0);
    cr_assert_eq(store_put_judgements(store, lease), 0);
    cr_assert_eq(store_commit(store), 0);
}

Test(store_judgements, judgements_and_the_asker_come_back_as_they_were_and_in_their_order) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = make_judged(1, 8000);
    struct lease *plain = fake_store_make_lease(2, 8001, "db", 0);
    struct lease *loaded[2];
    lease->asker = (struct process_id){11, UINT64_C(1) << 41, UINT64_C(1) << 51};
    put(store, lease);
    put(store, plain);
    cr_assert_eq(fake_store_load(store, loaded, 2), 2);
    cr_expect(process_id_equal(&loaded[0]->asker, &lease->asker));
    cr_assert_eq(loaded[0]->n_judgements, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(loaded[0]->judgements[i].kind, said[i].kind);
        cr_expect_eq(loaded[0]->judgements[i].inode, said[i].inode);
        cr_expect_eq(loaded[0]->judgements[i].process.pid, said[i].process.pid);
        cr_expect_eq(loaded[0]->judgements[i].process.start_time, said[i].process.start_time);
        cr_expect_eq(loaded[0]->judgements[i].process.pidfd_inode, said[i].process.pidfd_inode);
    }
    cr_expect_eq(loaded[1]->asker.pid, 0);
    cr_expect_eq(loaded[1]->n_judgements, 0);
    for (size_t i = 0; i < 2; i++)
        lease_free(loaded[i]);
    lease_free(lease);
    lease_free(plain);
}

Test(store_judgements, those_that_a_lease_has_take_the_place_of_those_that_it_had) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = make_judged(1, 8000);
    struct lease *other = make_judged(2, 8001);
    put(store, lease);
    put(store, other);
    lease_clear_judgements(lease);
    cr_assert_eq(lease_judge(lease, &said[1]), 0);
    put(store, lease);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement WHERE lease_id = 1"), 1);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement WHERE lease_id = 2"), 3);
    lease_free(lease);
    lease_free(other);
}

Test(store_judgements, they_go_with_their_lease) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = make_judged(1, 8000);
    struct lease *other = make_judged(2, 8001);
    put(store, lease);
    put(store, other);
    cr_assert_eq(store_delete_lease(store, 1), 0);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement WHERE lease_id = 1"), 0);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement WHERE lease_id = 2"), 3);
    lease_free(lease);
    lease_free(other);
}

Test(store_judgements, those_of_leases_that_are_gone_are_swept_away) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = make_judged(1, 8000);
    put(store, lease);
    fake_store_execute(&home,
                       "INSERT INTO judgement SELECT 77, kind, inode, pid, start_time, pidfd_inode FROM judgement");
    cr_assert_eq(store_sweep(store), 0);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement"), 3);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement WHERE lease_id = 1"), 3);
    lease_free(lease);
}

Test(store_judgements, a_kind_of_another_version_says_nothing) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = make_judged(1, 8000);
    struct lease *loaded[1];
    put(store, lease);
    fake_store_execute(&home, "UPDATE judgement SET kind = 'suspected' WHERE inode = 9");
    cr_assert_eq(fake_store_load(store, loaded, 1), 1);
    cr_expect_eq(loaded[0]->n_judgements, 2);
    lease_free(loaded[0]);
    lease_free(lease);
}

Test(store_judgements, a_disk_that_fails_is_told) {
    CLEANUP(fake_store_close_at) struct store *store = fake_store_open(&home);
    struct lease *lease = make_judged(1, 8000);
    put(store, lease);
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(store_put_judgements(store, lease), STORE_E_FAILED);
    cr_expect_eq(store_delete_lease(store, 1), STORE_E_FAILED);
    fake_disk_fail(0, 0, false);
    cr_expect_eq(fake_store_query(&home, "SELECT count(*) FROM judgement"), 3);
    lease_free(lease);
}
