/*
 * Where leases change: grants that are stored before they are true, reuse, releases and renewals, and what the kernel shows
 * beside them. The clock and the kernel are fake, the database and the holders' processes are real.
 */
#include "src/lease/registry.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/sock_diag.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

static struct fake_daemon it;

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(registry, .init = set_up, .fini = tear_down);

static size_t count_leases(void) {
    size_t n_leases;
    registry_leases(it.registry, &n_leases);
    return n_leases;
}

static void assert_stored(long long n_leases) {
    const long long n_stored = fake_store_query(&it.home, "SELECT count(*) FROM lease");
    cr_expect_eq(n_stored, n_leases, "%lld are stored", n_stored);
}

static long long stored_number(const char *column, uint64_t id) {
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT %s FROM lease WHERE id = %llu", column, (unsigned long long)id);
    return fake_store_query(&it.home, sql);
}

/* ---- grants ---- */

Test(registry, a_grant_is_a_lease_with_all_that_was_asked_for) {
    const char *const tags[] = {"blue", "green"};
    const uint64_t ttl = 90;
    struct grant_request request = fake_daemon_ask("web");
    request.key.project = "/shop";
    request.tags = tags;
    request.n_tags = 2;
    request.ttl_seconds = &ttl;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    cr_expect_eq(lease->id, 1);
    cr_expect_eq(lease->port, FAKE_DAEMON_MIN);
    cr_expect_str_eq(lease->service_name, "web");
    cr_expect_str_eq(lease->project, "/shop");
    cr_expect_eq(lease->uid, ANN);
    cr_expect_eq(lease->slot, 0);
    cr_assert_eq(lease->n_tags, 2);
    cr_expect_str_eq(lease->tags[1], "green");
    cr_expect_eq(lease->ttl_seconds, 90);
    cr_expect_eq(lease->allocated_at, it.clock.now.unix_ms);
    cr_expect_eq(lease->last_heartbeat, it.clock.now.unix_ms);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + 90000);
    cr_expect_eq(lease_state(lease), LEASE_PENDING);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_TTL);
    cr_expect_eq(registry_find_port(it.registry, FAKE_DAEMON_MIN), lease);
    cr_expect_eq(registry_find_id(it.registry, 1), lease);
    cr_expect_eq(stored_number("deadline", 1), (long long)lease->deadline, "and is stored");
}

Test(registry, a_grant_has_a_ttl_of_five_minutes_and_no_tags_if_none_are_asked_for) {
    const struct grant_request request = fake_daemon_ask("web");
    const struct lease *lease = fake_daemon_grant(&it, &request);
    cr_expect_eq(lease->ttl_seconds, 300);
    cr_expect_eq(lease->n_tags, 0);
    cr_expect_eq(lease->holder.pid, 0);
}

Test(registry, ids_grow_and_ports_go_round) {
    struct grant_request request = fake_daemon_ask("web");
    for (unsigned i = 0; i < 5; i++) {
        const struct lease *lease = fake_daemon_grant(&it, &request);
        cr_expect_eq(lease->id, i + 1);
        cr_expect_eq(lease->port, FAKE_DAEMON_MIN + i);
        cr_expect_eq(lease->slot, i);
    }
    registry_release(it.registry, registry_find_id(it.registry, 5));
    request = fake_daemon_ask("db");
    const struct lease *lease = fake_daemon_grant(&it, &request);
    cr_expect_eq(lease->id, 6, "the id of a released lease is not used again");
    cr_expect_eq(lease->port, FAKE_DAEMON_MIN + 5, "neither is its port, at once");
}

Test(registry, several_ports_are_granted_as_one) {
    struct grant_request request = fake_daemon_ask("web");
    struct grant grant = {0};
    request.count = 4;
    cr_assert_eq(registry_grant(it.registry, &request, &grant), 0);
    cr_expect_eq(grant.n_leases, 4);
    cr_expect_eq(grant.n_reused, 0);
    for (unsigned i = 0; i < 4; i++) {
        cr_expect_eq(grant.leases[i]->id, i + 1);
        cr_expect_eq(grant.leases[i]->slot, i);
        cr_expect_eq(grant.leases[i]->port, FAKE_DAEMON_MIN + i);
    }
    grant_deinit(&grant);
    assert_stored(4);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM sticky"), 4);
    cr_expect_eq(fake_store_query(&it.home, "SELECT value FROM mark WHERE name = 'cursor'"), FAKE_DAEMON_MIN + 3);
}

Test(registry, several_ports_are_granted_all_or_none) {
    struct grant_request request = fake_daemon_ask("web");
    struct grant grant = {0};
    request.count = 11;
    cr_expect_eq(registry_grant(it.registry, &request, &grant), ALLOC_E_RANGE_FULL);
    grant_deinit(&grant);
    cr_expect_eq(count_leases(), 0);
    assert_stored(0);
    request.count = 10;
    cr_expect_eq(fake_daemon_grant(&it, &request)->id, 1);
    cr_expect_eq(count_leases(), 10);
}

Test(registry, a_refusal_names_the_lease_that_is_in_the_way_or_the_evidence) {
    struct grant_request request = fake_daemon_ask("web");
    const struct lease *first = fake_daemon_grant(&it, &request);
    struct grant grant = {0};
    request = fake_daemon_ask("db");
    request.exact = first->port;
    cr_expect_eq(registry_grant(it.registry, &request, &grant), ALLOC_E_LEASED);
    cr_expect_eq(grant.in_way, first);
    cr_expect_eq(grant.n_leases, 0);
    grant_deinit(&grant);
    grant = (struct grant){0};
    fake_kernel_listen(&it.kernel, 8005, BOB);
    request.exact = 8005;
    cr_expect_eq(registry_grant(it.registry, &request, &grant), ALLOC_E_TAKEN);
    cr_expect_eq(grant.choice.evidence.n_items, 1);
    grant_deinit(&grant);
    assert_stored(1);
}

Test(registry, a_grant_that_cannot_be_stored_was_never_made) {
    struct grant_request request = fake_daemon_ask("web");
    fake_daemon_grant(&it, &request);
    request.count = 3;
    for (unsigned n = 1; n < 1000; n++) {
        fake_disk_fail(n, SQLITE_FULL, true);
        const int r = fake_daemon_try(&it, &request);
        fake_disk.fail_at = 0;
        if (r == 0) {
            cr_expect_gt(n, 1);
            cr_expect_eq(count_leases(), 4);
            assert_stored(4);
            cr_expect_eq(registry_find_port(it.registry, 8001)->id, 2);
            return;
        }
        cr_assert_eq(r, GRANT_E_NOT_STORED, "fault %u: %d", n, r);
        cr_expect_gt(strlen(registry_reason(it.registry)), 0);
        cr_expect_eq(count_leases(), 1);
        cr_expect_null(registry_find_port(it.registry, 8001));
        assert_stored(1);
    }
    cr_assert(false, "it never came through");
}

/* A full disk ends a transaction by itself. What does not, must not leave it open for the next grant. */
Test(registry, a_grant_that_is_refused_by_the_database_leaves_nothing_open) {
    struct grant_request request = fake_daemon_ask("web");
    request.count = 2;
    fake_store_execute(&it.home,
                       "CREATE TRIGGER spoil BEFORE INSERT ON sticky BEGIN SELECT RAISE(FAIL, 'spoilt'); END");
    cr_expect_eq(fake_daemon_try(&it, &request), GRANT_E_NOT_STORED);
    cr_expect_str_eq(registry_reason(it.registry), "spoilt");
    fake_store_execute(&it.home, "DROP TRIGGER spoil");
    assert_stored(0);
    cr_expect_eq(fake_daemon_try(&it, &request), 0);
    assert_stored(2);
}

Test(registry, a_released_port_goes_to_its_own_name_at_once_and_to_others_after_fifteen_seconds) {
    it.rules.max = FAKE_DAEMON_MIN;
    struct grant_request web = fake_daemon_ask("web");
    struct grant_request db = fake_daemon_ask("db");
    registry_release(it.registry, fake_daemon_grant(&it, &web));
    assert_stored(0);
    cr_expect_eq(fake_daemon_try(&it, &db), ALLOC_E_RANGE_FULL);
    registry_release(it.registry, fake_daemon_grant(&it, &web));
    fake_clock_advance(&it.clock, 14999);
    cr_expect_eq(fake_daemon_try(&it, &db), ALLOC_E_RANGE_FULL);
    fake_clock_advance(&it.clock, 1);
    cr_expect_eq(fake_daemon_try(&it, &db), 0);
}

/* ---- changes while the disk is full ---- */

Test(registry, a_renewal_counts_at_once_and_is_stored_when_there_is_room) {
    const struct grant_request request = fake_daemon_ask("web");
    struct lease *lease = fake_daemon_grant(&it, &request);
    const long long before = (long long)lease->deadline;
    fake_clock_advance(&it.clock, 1000);
    fake_disk_fail(1, SQLITE_FULL, true);
    registry_renew(it.registry, lease);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + 300000);
    cr_expect_eq(lease->last_heartbeat, it.clock.now.unix_ms);
    registry_turn(it.registry);
    cr_expect_eq(stored_number("deadline", 1), before);
    fake_disk_fail(0, 0, false);
    registry_turn(it.registry);
    cr_expect_eq(stored_number("deadline", 1), (long long)lease->deadline);
    fake_disk_fail(0, 0, false);
    registry_turn(it.registry);
    cr_expect_eq(fake_disk.n_calls, 0, "and then not again and again");
}

Test(registry, a_release_counts_at_once_and_is_stored_when_there_is_room) {
    struct grant_request request = fake_daemon_ask("web");
    request.count = 3;
    fake_daemon_grant(&it, &request);
    fake_disk_fail(1, SQLITE_FULL, true);
    registry_release(it.registry, registry_find_id(it.registry, 1));
    registry_release(it.registry, registry_find_id(it.registry, 3));
    cr_expect_eq(count_leases(), 1);
    cr_expect_null(registry_find_port(it.registry, FAKE_DAEMON_MIN));
    registry_turn(it.registry);
    assert_stored(3);
    fake_disk_fail(0, 0, false);
    registry_turn(it.registry);
    assert_stored(1);
    cr_expect_eq(stored_number("id", 2), 2);
}

Test(registry, hundreds_of_releases_wait_for_room) {
    it.rules.max = 8999;
    struct grant_request request = fake_daemon_ask("web");
    request.count = LEASE_COUNT_MAX;
    for (int i = 0; i < 3; i++)
        fake_daemon_grant(&it, &request);
    fake_disk_fail(1, SQLITE_FULL, true);
    while (count_leases() > 0)
        registry_release(it.registry, *registry_leases(it.registry, &(size_t){0}));
    fake_disk_fail(0, 0, false);
    registry_turn(it.registry);
    assert_stored(0);
}

Test(registry, a_port_whose_release_waits_can_be_granted_anew) {
    struct grant_request request = fake_daemon_ask("web");
    registry_find_id(it.registry, fake_daemon_grant(&it, &request)->id);
    fake_disk_fail(1, SQLITE_FULL, true);
    registry_release(it.registry, registry_find_id(it.registry, 1));
    fake_disk_fail(0, 0, false);
    cr_expect_eq(fake_daemon_grant(&it, &request)->id, 2);
    registry_turn(it.registry);
    assert_stored(1);
    cr_expect_eq(stored_number("port", 2), FAKE_DAEMON_MIN);
}

/* ---- holders ---- */

static struct grant_request ask_for(pid_t holder, uid_t uid) {
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = uid;
    request.holder = holder;
    return request;
}

static bool is_readable(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

Test(registry, a_holder_is_pinned_and_keeps_the_lease) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    const struct grant_request request = ask_for(child, uid);
    const struct lease *lease = fake_daemon_grant(&it, &request);
    cr_expect_eq(lease->holder.pid, child);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_HOLDER);
    cr_expect_eq(stored_number("holder_pid", 1), child);
    cr_expect_gt(stored_number("holder_start_time", 1), 0);
    cr_expect_not(is_readable(registry_holders_fd(it.registry)));
    fake_daemon_end_process(child, true);
    cr_expect(is_readable(registry_holders_fd(it.registry)), "its end is an event");
    cr_expect_eq(count_leases(), 1);
    registry_turn(it.registry);
    cr_expect_eq(count_leases(), 0);
    assert_stored(0);
    cr_expect_not(is_readable(registry_holders_fd(it.registry)), "which is over");
}

Test(registry, a_process_that_has_ended_holds_nothing) {
    uid_t uid;
    pid_t child = fake_daemon_start_process(&uid);
    fake_daemon_end_process(child, true);
    struct grant_request request = ask_for(child, uid);
    cr_expect_eq(fake_daemon_try(&it, &request), GRANT_E_HOLDER, "a zombie");
    fake_daemon_end_process(child, false);
    cr_expect_eq(fake_daemon_try(&it, &request), GRANT_E_HOLDER, "nobody");
    request.holder = 4194304;
    cr_expect_eq(fake_daemon_try(&it, &request), GRANT_E_HOLDER, "past the last pid");
    cr_expect_eq(count_leases(), 0);
    assert_stored(0);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM sticky"), 0);
}

Test(registry, a_process_of_another_uid_holds_nothing) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask_for(child, uid + 1);
    cr_expect_eq(fake_daemon_try(&it, &request), GRANT_E_HOLDER_UID);
    request.count = 3;
    cr_expect_eq(fake_daemon_try(&it, &request), GRANT_E_HOLDER_UID);
    cr_expect_eq(count_leases(), 0);
    assert_stored(0);
    fake_daemon_end_process(child, false);
}

/* As on a machine whose /proc is mounted with hidepid=. */
static int ask_for_a_hidden_process(void *context) {
    const struct grant_request request = ask_for(*(const pid_t *)context, 0);
    fake_daemon_close(&it);
    if (fake_daemon_open(&it) != 0)
        return 98;
    return fake_daemon_try(&it, &request) & 0xFF;
}

Test(registry, a_process_that_proc_hides_is_none_that_portd_can_see) {
    pid_t self = getpid();
    if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, "hidepid=2") < 0)
        cr_skip_test("only root can mount a /proc that hides processes");
    fake_daemon_close(&it);
    cr_assert_eq(chown(it.home.path, BOB, BOB), 0);
    cr_assert_eq(unlink(it.db_path), 0);
    char lock[PATH_MAX];
    fake_home_path(&it.home, FAKE_STORE_FILE ".lock", lock);
    cr_assert_eq(unlink(lock), 0);
    const int r = fake_home_run_as(BOB, ask_for_a_hidden_process, &self);
    cr_expect_eq(r, GRANT_E_HOLDER, "%d", r);
}

Test(registry, each_lease_pins_its_holder_by_itself) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask_for(child, uid);
    request.count = 3;
    fake_daemon_grant(&it, &request);
    registry_release(it.registry, registry_find_id(it.registry, 2));
    cr_expect_eq(lease_keeper(registry_find_id(it.registry, 1)), LEASE_KEPT_BY_HOLDER);
    cr_expect_eq(lease_keeper(registry_find_id(it.registry, 3)), LEASE_KEPT_BY_HOLDER);
    fake_daemon_end_process(child, false);
    registry_turn(it.registry);
    cr_expect_eq(count_leases(), 0);
}

Test(registry, a_process_that_holds_hundreds_ends_them_all_at_once) {
    uid_t uid;
    it.rules.max = 8999;
    const pid_t child = fake_daemon_start_process(&uid);
    struct grant_request request = ask_for(child, uid);
    request.count = LEASE_COUNT_MAX;
    for (int i = 0; i < 3; i++)
        fake_daemon_grant(&it, &request);
    fake_daemon_end_process(child, false);
    registry_turn(it.registry);
    cr_expect_eq(count_leases(), 0);
}

/* ---- what the kernel shows ---- */

static enum lease_state see(const struct lease *lease) {
    cr_assert_eq(registry_observe(it.registry, 0, NULL), 0);
    return lease_state(lease);
}

Test(registry, a_listener_of_the_leases_uid_is_its_own_and_any_other_foreign) {
    const struct grant_request request = fake_daemon_ask("web");
    const struct lease *lease = fake_daemon_grant(&it, &request);
    cr_expect_eq(see(lease), LEASE_PENDING);
    fake_kernel_listen(&it.kernel, 8001, ANN);
    cr_expect_eq(see(lease), LEASE_PENDING, "on another port");
    fake_kernel_listen(&it.kernel, 8000, ANN);
    cr_expect_eq(see(lease), LEASE_BOUND);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_LISTENER);
    fake_kernel_listen(&it.kernel, 8000, BOB);
    cr_expect_eq(see(lease), LEASE_CONFLICT, "shared");
    fake_kernel_close(&it.kernel, 8000);
    cr_expect_eq(see(lease), LEASE_SILENT);
    fake_kernel_listen(&it.kernel, 8000, BOB);
    cr_expect_eq(see(lease), LEASE_CONFLICT, "squatted");
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_TTL);
    fake_kernel_close(&it.kernel, 8000);
    fake_kernel_listen(&it.kernel, 8000, 0);
    cr_expect_eq(see(lease), LEASE_CONFLICT, "root's, and nothing ties it to the lease");
}

Test(registry, a_squatter_alone_never_makes_it_bound) {
    const struct grant_request request = fake_daemon_ask("web");
    const struct lease *lease = fake_daemon_grant(&it, &request);
    fake_kernel_listen(&it.kernel, 8000, BOB);
    cr_expect_eq(see(lease), LEASE_CONFLICT);
    fake_kernel_close(&it.kernel, 8000);
    cr_expect_eq(see(lease), LEASE_PENDING);
}

Test(registry, observing_hands_out_the_listeners_of_one_port_or_of_all) {
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    fake_kernel_listen(&it.kernel, 8000, ANN);
    fake_kernel_listen(&it.kernel, 8001, ANN);
    fake_kernel_listen(&it.kernel, 8001, BOB);
    cr_assert_eq(registry_observe(it.registry, 8001, &list), 0);
    cr_assert_eq(list.n_items, 2);
    cr_expect_eq(list.items[0].port, 8001);
    cr_assert_eq(registry_observe(it.registry, 8002, &list), 0);
    cr_expect_eq(list.n_items, 2, "it gains");
    cr_assert_eq(registry_observe(it.registry, 0, &list), 0);
    cr_expect_eq(list.n_items, 5);
}

Test(registry, an_interrupted_reading_proves_presence_and_never_absence) {
    struct grant_request request = fake_daemon_ask("web");
    request.count = 2;
    const struct lease *seen = fake_daemon_grant(&it, &request);
    const struct lease *new = registry_find_id(it.registry, 2);
    fake_kernel_listen(&it.kernel, seen->port, ANN);
    cr_expect_eq(see(seen), LEASE_BOUND);
    fake_kernel_close(&it.kernel, seen->port);
    fake_kernel_listen(&it.kernel, new->port, ANN);
    it.kernel.read_answer = SOCK_DIAG_E_INTERRUPTED;
    cr_expect_eq(registry_observe(it.registry, 0, NULL), SOCK_DIAG_E_INTERRUPTED);
    cr_expect_eq(lease_state(seen), LEASE_BOUND, "still");
    cr_expect_eq(lease_state(new), LEASE_BOUND, "now");
    it.kernel.read_answer = -ENOBUFS;
    cr_expect_eq(registry_observe(it.registry, 0, NULL), -ENOBUFS);
    cr_expect_eq(lease_state(seen), LEASE_BOUND);
    it.kernel.read_answer = 0;
    cr_expect_eq(see(seen), LEASE_SILENT);
}

Test(registry, observing_ends_nothing) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    const struct grant_request held = ask_for(child, uid);
    const struct grant_request plain = fake_daemon_ask("db");
    fake_daemon_grant(&it, &held);
    fake_daemon_grant(&it, &plain);
    fake_daemon_end_process(child, false);
    fake_clock_advance(&it.clock, 86400000);
    cr_expect_eq(registry_observe(it.registry, 0, NULL), 0);
    cr_expect_eq(count_leases(), 2);
}

Test(registry, freeing_nothing_is_allowed) {
    cr_expect_null(registry_free(NULL));
}
