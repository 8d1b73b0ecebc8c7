/* Reuse: the live lease of a uid, project and name instead of a second one, unless somebody else lives in it. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/lease/registry.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

static struct fake_daemon it;
static struct grant grant;

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
}

static void tear_down(void) {
    grant_deinit(&grant);
    fake_daemon_stop(&it);
}

TestSuite(registry_reuse, .init = set_up, .fini = tear_down);

static struct grant_request ask(void) {
    struct grant_request request = fake_daemon_ask("web");
    request.reuse = true;
    return request;
}

/* The grant stays until the next one. */
static int reuse(const struct grant_request *request) {
    grant_deinit(&grant);
    grant = (struct grant){0};
    return registry_grant(it.registry, request, &grant);
}

static size_t count_leases(void) {
    size_t n_leases;
    registry_leases(it.registry, &n_leases);
    return n_leases;
}

Test(registry_reuse, where_there_is_none_a_new_lease_is_granted) {
    const struct grant_request request = ask();
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_leases, 1);
    cr_expect_eq(grant.n_reused, 0);
    cr_expect_eq(grant.leases[0]->id, 1);
}

Test(registry_reuse, the_live_lease_is_granted_again_and_renewed) {
    struct grant_request request = ask();
    const struct lease *lease = fake_daemon_grant(&it, &request);
    fake_clock_advance(&it.clock, 1000);
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_leases, 1);
    cr_expect_eq(grant.n_reused, 1);
    cr_expect_eq(grant.leases[0], lease);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + 300000);
    cr_expect_eq(lease->last_heartbeat, it.clock.now.unix_ms);
    cr_expect_eq(lease->allocated_at, it.clock.now.unix_ms - 1000);
    cr_expect_eq(count_leases(), 1);
    cr_expect_eq(fake_store_query(&it.home, "SELECT deadline FROM lease"), (long long)lease->deadline);
}

Test(registry_reuse, what_it_was_before_is_not_forgotten) {
    const struct grant_request request = ask();
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const int64_t allocated_at = lease->allocated_at;
    fake_kernel_listen(&it.kernel, lease->port, ANN);
    registry_turn(it.registry);
    fake_kernel_close(&it.kernel, lease->port);
    fake_clock_advance(&it.clock, 5000);
    cr_assert_eq(reuse(&request), 0);
    fake_daemon_restart(&it);
    registry_turn(it.registry);
    lease = registry_find_id(it.registry, 1);
    cr_expect_eq(lease->allocated_at, allocated_at);
    cr_expect_eq(lease_state(lease), LEASE_SILENT);
}

Test(registry_reuse, rotation_goes_on_where_it_was) {
    struct grant_request request = ask();
    port_set_add(&it.kernel.busy, FAKE_DAEMON_MIN);
    cr_assert_eq(fake_daemon_grant(&it, &request)->port, FAKE_DAEMON_MIN + 1);
    port_set_clear(&it.kernel.busy);
    cr_assert_eq(reuse(&request), 0);
    request = fake_daemon_ask("db");
    cr_expect_eq(fake_daemon_grant(&it, &request)->port, FAKE_DAEMON_MIN + 2);
}

Test(registry_reuse, a_renewal_that_waited_for_room_is_stored_with_it) {
    const struct grant_request request = ask();
    struct lease *lease = fake_daemon_grant(&it, &request);
    fake_disk_fail(1, SQLITE_FULL, true);
    registry_renew(it.registry, lease);
    fake_disk_fail(0, 0, false);
    cr_assert_eq(reuse(&request), 0);
    fake_disk_fail(0, 0, false);
    registry_turn(it.registry);
    cr_expect_eq(fake_disk.n_calls, 0, "nothing is left to be written");
}

Test(registry_reuse, ttl_and_tags_change_only_if_they_are_asked_for) {
    const char *const blue[] = {"blue"};
    const uint64_t hour = 3600;
    struct grant_request request = ask();
    request.tags = blue;
    request.n_tags = 1;
    request.ttl_seconds = &hour;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    request = ask();
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(lease->ttl_seconds, 3600);
    cr_expect_eq(lease->n_tags, 1);
    const uint64_t minute = 60;
    request.ttl_seconds = &minute;
    request.tags = blue;
    request.n_tags = 0;
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(lease->ttl_seconds, 60);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + 60000);
    cr_expect_eq(lease->n_tags, 0);
}

Test(registry_reuse, without_it_a_name_gets_a_second_lease) {
    struct grant_request request = ask();
    fake_daemon_grant(&it, &request);
    request.reuse = false;
    cr_expect_eq(fake_daemon_grant(&it, &request)->id, 2);
}

Test(registry_reuse, another_uid_project_or_name_gets_its_own) {
    struct grant_request request = ask();
    fake_daemon_grant(&it, &request);
    request.key.uid = BOB;
    cr_expect_eq(fake_daemon_grant(&it, &request)->id, 2);
    request = ask();
    request.key.project = "/shop";
    cr_expect_eq(fake_daemon_grant(&it, &request)->id, 3);
    request = ask();
    request.key.service_name = "Web";
    cr_expect_eq(fake_daemon_grant(&it, &request)->id, 4);
}

Test(registry_reuse, of_several_the_lowest_slots_come_first_and_what_lacks_is_new) {
    struct grant_request request = ask();
    request.count = 3;
    fake_daemon_grant(&it, &request);
    registry_release(it.registry, registry_find_id(it.registry, 1));
    request.reuse = false;
    request.count = 1;
    cr_assert_eq(fake_daemon_grant(&it, &request)->slot, 0); /* id 4, slot 0: behind the others in the table */
    request.reuse = true;
    request.count = 5;
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_reused, 3);
    cr_assert_eq(grant.n_leases, 5);
    static const uint64_t ids[] = {4, 2, 3, 5, 6};
    for (unsigned i = 0; i < 5; i++) {
        cr_expect_eq(grant.leases[i]->id, ids[i]);
        cr_expect_eq(grant.leases[i]->slot, i);
    }
    request.count = 2;
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_leases, 2);
    cr_expect_eq(grant.leases[0]->id, 4);
    cr_expect_eq(grant.leases[1]->id, 2);
}

Test(registry_reuse, more_leases_of_a_name_than_one_grant_can_have) {
    it.rules.max = 8999;
    struct grant_request request = fake_daemon_ask("web");
    request.count = LEASE_COUNT_MAX;
    fake_daemon_grant(&it, &request);
    request.count = 10;
    fake_daemon_grant(&it, &request);
    for (uint64_t id = 1; id <= 5; id++)
        registry_release(it.registry, registry_find_id(it.registry, id));
    request.count = 5;
    fake_daemon_grant(&it, &request);
    request.reuse = true;
    request.count = LEASE_COUNT_MAX;
    cr_assert_eq(reuse(&request), 0);
    cr_assert_eq(grant.n_reused, LEASE_COUNT_MAX);
    for (unsigned i = 0; i < LEASE_COUNT_MAX; i++)
        cr_expect_eq(grant.leases[i]->slot, i, "%u: slot %u", i, grant.leases[i]->slot);
}

Test(registry_reuse, if_what_lacks_cannot_be_had_nothing_is_renewed) {
    struct grant_request request = ask();
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const uint64_t before = lease->deadline;
    port_set_add_range(&it.kernel.busy, FAKE_DAEMON_MIN, FAKE_DAEMON_MAX);
    fake_clock_advance(&it.clock, 1000);
    request.count = 2;
    cr_expect_eq(reuse(&request), ALLOC_E_RANGE_FULL);
    cr_expect_eq(lease->deadline, before);
    cr_expect_eq(count_leases(), 1);
}

Test(registry_reuse, with_an_exact_port_only_that_one_counts) {
    struct grant_request request = ask();
    fake_daemon_grant(&it, &request);
    request.exact = 8005;
    const struct lease *second = fake_daemon_grant(&it, &request);
    cr_expect_eq(second->id, 2);
    cr_expect_eq(second->port, 8005);
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_reused, 1);
    cr_expect_eq(grant.leases[0], second);
    request = ask();
    request.key.service_name = "db";
    request.exact = 8005;
    cr_expect_eq(reuse(&request), ALLOC_E_LEASED);
    cr_expect_eq(grant.in_way, second);
}

/* ---- who else lives there ---- */

Test(registry_reuse, a_lease_with_another_living_holder_is_not_given_away) {
    uid_t uid;
    const pid_t one = fake_daemon_start_process(&uid);
    const pid_t other = fake_daemon_start_process(&uid);
    struct grant_request request = ask();
    request.key.uid = uid;
    request.holder = one;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const uint64_t before = lease->deadline;
    fake_clock_advance(&it.clock, 1000);
    request.holder = other;
    cr_expect_eq(reuse(&request), GRANT_E_HELD);
    cr_expect_eq(grant.in_way, lease);
    request.holder = 0;
    cr_expect_eq(reuse(&request), GRANT_E_HELD);
    cr_expect_eq(grant.in_way, lease);
    cr_expect_eq(lease->deadline, before);
    cr_expect_eq(lease->holder.pid, one);
    request.holder = one;
    cr_expect_eq(reuse(&request), 0, "the same holder may");
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_HOLDER);
    fake_daemon_end_process(one, false);
    request.holder = other;
    cr_expect_eq(reuse(&request), 0, "and another one when it has ended");
    cr_expect_eq(lease->holder.pid, other);
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), other);
    fake_daemon_end_process(other, false);
    registry_turn(it.registry);
    cr_expect_eq(count_leases(), 0);
}

static unsigned count_descriptors(void) {
    unsigned n_open = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert_not_null(folder);
    while (readdir(folder))
        n_open++;
    closedir(folder);
    return n_open;
}

Test(registry_reuse, a_holder_that_asks_again_and_again_is_pinned_once) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask();
    request.key.uid = uid;
    request.holder = child;
    request.count = 2;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const unsigned before = count_descriptors();
    for (int i = 0; i < 10; i++)
        cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(count_descriptors(), before);
    cr_expect_geq(fcntl(lease->holder_pidfd, F_GETFD), 0, "and it is open");
    fake_disk_fail(1, SQLITE_FULL, true);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(reuse(&request), GRANT_E_NOT_STORED);
    fake_disk_fail(0, 0, false);
    cr_expect_eq(count_descriptors(), before, "what was refused is unpinned");
    fake_daemon_end_process(child, false);
    registry_turn(it.registry);
    cr_expect_eq(count_leases(), 0);
    cr_expect_eq(count_descriptors(), before - 2);
}

Test(registry_reuse, one_held_lease_of_several_refuses_them_all) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask();
    request.key.uid = uid;
    const struct lease *free_one = fake_daemon_grant(&it, &request);
    const uint64_t before = free_one->deadline;
    request.reuse = false;
    request.holder = child;
    fake_daemon_grant(&it, &request);
    fake_clock_advance(&it.clock, 1000);
    request.reuse = true;
    request.holder = 0;
    request.count = 2;
    cr_expect_eq(reuse(&request), GRANT_E_HELD);
    cr_expect_eq(grant.in_way->id, 2);
    cr_expect_eq(free_one->deadline, before);
    fake_daemon_end_process(child, false);
}

/* Whoever is told that he has the lease for five minutes has it for five minutes. */
Test(registry_reuse, what_was_granted_again_after_its_holders_end_lives_on_its_ttl) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask();
    request.key.uid = uid;
    request.holder = child;
    fake_daemon_grant(&it, &request);
    fake_daemon_end_process(child, false);
    request.holder = 0;
    cr_assert_eq(reuse(&request), 0);
    const uint64_t id = grant.leases[0]->id;
    registry_turn(it.registry);
    const struct lease *lease = registry_find_id(it.registry, id);
    cr_assert_not_null(lease, "it was taken away at once");
    cr_expect_eq(lease->holder.pid, 0);
    fake_daemon_pass(&it, 299000);
    cr_expect_not_null(registry_find_id(it.registry, id));
    fake_daemon_pass(&it, 1000);
    cr_expect_null(registry_find_id(it.registry, id));
}

Test(registry_reuse, a_holder_that_is_gone_changes_nothing) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask();
    request.key.uid = uid;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const uint64_t before = lease->deadline;
    fake_daemon_end_process(child, false);
    fake_clock_advance(&it.clock, 1000);
    request.holder = child;
    cr_expect_eq(reuse(&request), GRANT_E_HOLDER);
    request.count = 3;
    cr_expect_eq(reuse(&request), GRANT_E_HOLDER);
    request.key.uid = uid + 1;
    request.holder = getpid();
    cr_expect_eq(reuse(&request), GRANT_E_HOLDER_UID);
    cr_expect_eq(lease->deadline, before);
    cr_expect_eq(count_leases(), 1);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 1);
}

Test(registry_reuse, a_port_that_another_uid_has_taken_is_refused_with_the_evidence) {
    struct grant_request request = ask();
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const uint64_t before = lease->deadline;
    fake_clock_advance(&it.clock, 1000);
    fake_kernel_listen(&it.kernel, lease->port, BOB);
    fake_kernel_listen(&it.kernel, 8009, BOB);
    cr_expect_eq(reuse(&request), ALLOC_E_TAKEN);
    cr_assert_eq(grant.choice.evidence.n_items, 1);
    cr_expect_eq(grant.choice.evidence.items[0].uid, BOB);
    cr_expect_eq(lease->deadline, before);
}

/* Bound and not listening: the list of listeners does not show it, and the lease's server could not start. */
Test(registry_reuse, a_port_that_another_uid_has_bound_without_listening_is_refused) {
    struct grant_request request = ask();
    const struct lease *lease = fake_daemon_grant(&it, &request);
    fake_kernel_listen(&it.kernel, lease->port, BOB);
    it.kernel.listeners.items[0].state = LISTENER_BOUND;
    cr_expect_eq(reuse(&request), ALLOC_E_TAKEN);
    cr_expect_eq(grant.in_way, lease);
    cr_assert_eq(grant.choice.evidence.n_items, 1);
    cr_expect_eq(grant.choice.evidence.items[0].state, LISTENER_BOUND);
    it.kernel.listeners.items[0].uid = ANN;
    cr_expect_eq(reuse(&request), 0, "its own server is about to listen");
    cr_expect_eq(grant.choice.evidence.n_items, 0);
}

Test(registry_reuse, its_own_listener_is_no_obstacle_and_no_evidence) {
    struct grant_request request = ask();
    const struct lease *lease = fake_daemon_grant(&it, &request);
    fake_kernel_listen(&it.kernel, lease->port, ANN);
    cr_expect_eq(reuse(&request), 0);
    cr_expect_eq(grant.choice.evidence.n_items, 0);
    cr_expect_eq(grant.leases[0], lease);
}

Test(registry_reuse, a_kernel_that_cannot_be_read_is_an_error) {
    struct grant_request request = ask();
    fake_daemon_grant(&it, &request);
    it.kernel.read_answer = -ENOBUFS;
    cr_expect_eq(reuse(&request), -ENOBUFS);
}

/* Acknowledged means stored: a lease that a restart would give back to a holder long gone was not granted. */
Test(registry_reuse, what_cannot_be_stored_was_not_granted_again) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask();
    request.key.uid = uid;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    const uint64_t before = lease->deadline;
    fake_clock_advance(&it.clock, 1000);
    request.holder = child;
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(reuse(&request), GRANT_E_NOT_STORED);
    fake_disk_fail(0, 0, false);
    cr_expect_eq(lease->deadline, before);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_TTL);
    fake_daemon_end_process(child, false);
}

/* ---- slots ---- */

Test(registry_reuse, each_port_of_several_has_its_slot_whichever_has_gone) {
    struct grant_request request = ask();
    request.count = 3;
    fake_daemon_grant(&it, &request);
    registry_release(it.registry, registry_find_id(it.registry, 2));
    registry_release(it.registry, registry_find_id(it.registry, 1));
    request.prefer[0] = 8009; /* each for its slot */
    request.prefer[1] = 8008;
    request.prefer[2] = 8007;
    cr_assert_eq(reuse(&request), 0);
    cr_assert_eq(grant.n_leases, 3);
    cr_expect_eq(grant.n_reused, 1);
    static const uint64_t ids[] = {4, 5, 3};
    static const uint16_t ports[] = {8009, 8008, 8002};
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(grant.leases[i]->id, ids[i]);
        cr_expect_eq(grant.leases[i]->slot, i);
        cr_expect_eq(grant.leases[i]->port, ports[i], "%u: %u", i, grant.leases[i]->port);
        cr_expect_eq(grant.is_new[i], i < 2);
    }
}

Test(registry_reuse, one_beside_them_is_not_taken_for_one_of_several) {
    struct grant_request request = ask();
    request.count = 3;
    fake_daemon_grant(&it, &request);
    registry_release(it.registry, registry_find_id(it.registry, 1));
    request.count = 2;
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_reused, 1);
    cr_expect_eq(grant.leases[0]->id, 4);
    cr_expect_eq(grant.leases[0]->slot, 0);
    cr_expect_eq(grant.leases[1]->id, 2);
}

Test(registry_reuse, one_port_is_the_lowest_slot_that_lives) {
    struct grant_request request = ask();
    request.count = 3;
    fake_daemon_grant(&it, &request);
    registry_release(it.registry, registry_find_id(it.registry, 1));
    request.count = 1;
    cr_assert_eq(reuse(&request), 0);
    cr_expect_eq(grant.n_reused, 1);
    cr_expect_eq(grant.leases[0]->id, 2);
    cr_expect_not(grant.is_new[0]);
}
