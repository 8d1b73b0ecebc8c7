/*
 * The start: what the database remembers becomes true again, as far as it still is. In the same boot deadlines and holders
 * stand; after a reboot the holders are gone and the others begin anew.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/sock_diag.h"
#include "src/lease/registry.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

#define GRACE_MS UINT64_C(30000)

static struct fake_daemon it;

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(registry_restore, .init = set_up, .fini = tear_down);

static struct lease *grant(const char *name, uint64_t ttl_seconds, pid_t holder, uid_t uid) {
    struct grant_request request = fake_daemon_ask(name);
    request.ttl_seconds = &ttl_seconds;
    request.holder = holder;
    request.key.uid = uid;
    return fake_daemon_grant(&it, &request);
}

static struct lease *find(uint64_t id) {
    return registry_find_id(it.registry, id);
}

static size_t count_leases(void) {
    size_t n_leases;
    registry_leases(it.registry, &n_leases);
    return n_leases;
}

/* ---- the same boot ---- */

Test(registry_restore, in_the_same_boot_a_lease_comes_back_as_it_was) {
    const char *const tags[] = {"blue"};
    struct grant_request request = fake_daemon_ask("web");
    request.key.project = "/shop";
    request.tags = tags;
    request.n_tags = 1;
    request.count = 2;
    fake_daemon_grant(&it, &request);
    const struct lease before = *find(2);
    fake_clock_advance(&it.clock, 100000);
    fake_daemon_restart(&it);
    cr_expect_eq(count_leases(), 2);
    const struct lease *lease = find(2);
    cr_assert_not_null(lease);
    cr_expect_eq(lease->port, before.port);
    cr_expect_eq(lease->slot, 1);
    cr_expect_str_eq(lease->service_name, "web");
    cr_expect_str_eq(lease->project, "/shop");
    cr_expect_eq(lease->uid, ANN);
    cr_expect_eq(lease->n_tags, 1);
    cr_expect_eq(lease->allocated_at, before.allocated_at);
    cr_expect_eq(lease->last_heartbeat, before.last_heartbeat);
    cr_expect_eq(lease->ttl_seconds, 300);
    cr_expect_eq(lease->deadline, before.deadline);
    cr_expect_eq(registry_find_port(it.registry, before.port), lease);
}

Test(registry_restore, a_thousand_leases_come_back) {
    it.rules.max = 8999;
    struct grant_request request = fake_daemon_ask("web");
    for (unsigned i = 0; i < 20; i++) {
        request.count = 50;
        request.key.uid = ANN + i;
        fake_daemon_grant(&it, &request);
    }
    fake_daemon_restart(&it);
    cr_expect_eq(count_leases(), 1000);
    for (unsigned i = 0; i < 1000; i++) {
        const struct lease *lease = find(i + 1);
        if (!lease || lease->port != 8000 + i || lease->uid != ANN + i / 50 || lease->slot != i % 50)
            cr_assert(false, "lease %u", i + 1);
    }
}

Test(registry_restore, ids_cursor_and_sticky_ports_go_on_where_they_were) {
    port_set_add(&it.kernel.busy, FAKE_DAEMON_MIN); /* nobody's, and before the cursor */
    grant("web", 300, 0, ANN);
    grant("db", 300, 0, ANN);
    port_set_clear(&it.kernel.busy);
    registry_release(it.registry, find(1));
    registry_release(it.registry, find(2));
    fake_daemon_restart(&it);
    const struct lease *lease = grant("new", 300, 0, ANN);
    cr_expect_eq(lease->id, 3);
    cr_expect_eq(lease->port, FAKE_DAEMON_MIN + 3, "rotation goes on");
    cr_expect_eq(grant("db", 300, 0, ANN)->port, FAKE_DAEMON_MIN + 2, "a name keeps its port");
}

Test(registry_restore, a_deadline_that_is_ahead_stands) {
    grant("web", 60, 0, ANN);
    fake_clock_advance(&it.clock, 10000);
    fake_daemon_restart(&it);
    fake_daemon_pass(&it, 49999);
    cr_expect_not_null(find(1));
    fake_daemon_pass(&it, 1);
    cr_expect_null(find(1));
}

Test(registry_restore, a_deadline_that_has_passed_gets_thirty_seconds) {
    grant("late", 60, 0, ANN);
    grant("renewed", 60, 0, ANN);
    fake_clock_advance(&it.clock, 3600000);
    fake_daemon_restart(&it);
    registry_turn(it.registry);
    fake_daemon_pass(&it, GRACE_MS - 1);
    cr_assert(find(1) && find(2));
    registry_renew(it.registry, find(2));
    fake_daemon_pass(&it, 1);
    cr_expect_null(find(1));
    cr_expect_not_null(find(2));
}

Test(registry_restore, nothing_ends_on_an_interrupted_reading_at_the_start) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant("web", 60, child, uid);
    fake_daemon_close(&it);
    fake_daemon_end_process(child, false);
    cr_assert_eq(fake_daemon_open(&it), 0);
    it.kernel.read_answer = SOCK_DIAG_E_INTERRUPTED;
    fake_daemon_pass(&it, 2000);
    cr_expect_not_null(find(1), "its listener may be there");
    it.kernel.read_answer = 0;
    fake_daemon_pass(&it, 1000);
    cr_expect_null(find(1));
}

Test(registry_restore, a_living_holder_is_recognised) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant("web", 1, child, uid);
    fake_clock_advance(&it.clock, 3600000);
    fake_daemon_restart(&it);
    cr_expect_eq(lease_keeper(find(1)), LEASE_KEPT_BY_HOLDER);
    fake_daemon_pass(&it, 2 * GRACE_MS);
    cr_assert_not_null(find(1));
    fake_daemon_end_process(child, false);
    registry_turn(it.registry);
    cr_expect_null(find(1), "and its end is seen");
}

Test(registry_restore, a_holder_that_has_ended_meanwhile_ends_its_lease_unless_something_listens) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant("web", 3600, child, uid);
    grant("db", 3600, child, uid);
    fake_daemon_close(&it);
    fake_daemon_end_process(child, false);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN + 1, uid);
    cr_assert_eq(fake_daemon_open(&it), 0);
    registry_turn(it.registry);
    cr_expect_null(find(1), "at once: there is nobody who could be heard");
    cr_assert_not_null(find(2));
    cr_expect_eq(lease_keeper(find(2)), LEASE_KEPT_BY_LISTENER);
}

/* The same pid, and another process: it started at another time, or its pidfd has another inode. */
Test(registry_restore, another_process_with_the_holders_pid_is_not_taken_for_it) {
    static const char *const changes[] = {"holder_start_time = holder_start_time + 1",
                                          "holder_pidfd_inode = holder_pidfd_inode + 1"};
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    for (uint64_t i = 0; i < 2; i++) {
        char sql[128];
        grant("web", 3600, child, uid);
        fake_daemon_close(&it);
        snprintf(sql, sizeof(sql), "UPDATE lease SET %s", changes[i]);
        fake_store_execute(&it.home, sql);
        cr_assert_eq(fake_daemon_open(&it), 0);
        cr_expect_eq(lease_keeper(find(i + 1)), LEASE_KEPT_BY_TTL);
        registry_turn(it.registry);
        cr_expect_null(find(i + 1), "%s", changes[i]);
    }
    fake_daemon_end_process(child, false);
}

/* Listening is the heartbeat, so it must not be forgotten by a restart: the service may be restarted at the same time. */
Test(registry_restore, what_a_listener_kept_has_its_ttl_after_a_restart) {
    grant("web", 3600, 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN);
    fake_daemon_pass(&it, 2 * 3600000);
    cr_assert_not_null(find(1));
    const uint64_t deadline = find(1)->deadline;
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    fake_daemon_restart(&it);
    cr_expect_geq(find(1)->deadline + 600000, deadline, "%llu s are missing",
                  (unsigned long long)(deadline - find(1)->deadline) / 1000);
    fake_daemon_pass(&it, 2 * GRACE_MS);
    cr_expect_not_null(find(1), "an hour's lease that was in use a minute ago");
}

Test(registry_restore, a_service_that_was_seen_and_is_gone_is_silent_and_not_pending) {
    grant("web", 3600, 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN);
    fake_daemon_pass(&it, 5000);
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    fake_daemon_restart(&it);
    registry_turn(it.registry);
    cr_expect_eq(lease_state(find(1)), LEASE_SILENT, "%s", lease_state_name(lease_state(find(1))));
}

Test(registry_restore, a_release_that_was_never_stored_comes_back_and_runs_out) {
    grant("web", 60, 0, ANN);
    fake_disk_fail(1, SQLITE_FULL, true);
    registry_release(it.registry, find(1));
    fake_daemon_close(&it);
    fake_disk_fail(0, 0, false);
    cr_assert_eq(fake_daemon_open(&it), 0);
    cr_expect_not_null(find(1));
    fake_daemon_pass(&it, 60000);
    cr_expect_null(find(1));
}

Test(registry_restore, recognised_kin_of_a_holder_that_ended_meanwhile_has_ten_seconds) {
    const uid_t me = geteuid() == 0 ? ANN : geteuid();
    struct actor *const holder = actor_start(me);
    grant("web", 3600, actor_pid(holder), me);
    struct actor *const server = actor_fork(holder);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, me);
    struct process_info *info = actor_read(server);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
    fake_daemon_pass(&it, 1000);
    fake_daemon_close(&it);
    actor_end(holder);
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN); /* it is about to open another one */
    cr_assert_eq(fake_daemon_open(&it), 0);
    fake_daemon_pass(&it, 9999);
    cr_assert_not_null(find(1));
    cr_expect_eq(lease_keeper(find(1)), LEASE_KEPT_BY_HOLDER);
    fake_daemon_pass(&it, 1);
    cr_expect_null(find(1));
    actor_end(server);
}

Test(registry_restore, only_what_was_recognised_beside_a_holder_is_its_kin_again) {
    const uid_t me = geteuid() == 0 ? ANN : geteuid();
    struct actor *const holder = actor_start(me);
    struct actor *const others[] = {actor_start(me), actor_start(me)};
    struct lease *const leases[] = {grant("held", 3600, actor_pid(holder), me), grant("plain", 3600, 0, me)};
    for (size_t i = 0; i < 2; i++) {
        struct judgement judgement = {.kind = i == 0 ? JUDGED_CLAIMED : JUDGED_RECOGNISED};
        cr_assert_eq(process_pin(actor_pid(others[i]), NULL, &judgement.process, NULL), 0);
        cr_assert_eq(lease_judge(leases[i], &judgement), 0);
        leases[i]->judgements_unsaved = true;
    }
    registry_turn(it.registry);
    fake_daemon_restart(&it);
    for (uint64_t id = 1; id <= 2; id++) {
        cr_expect_eq(find(id)->n_judgements, 1);
        cr_expect_eq(find(id)->n_kin, 0);
    }
}

/* ---- another boot ---- */

/* Inodes, pids and start times begin anew: what was said about them would be about others. */
Test(registry_restore, after_a_reboot_nothing_is_known_of_askers_and_listeners) {
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = geteuid();
    request.asker = getpid();
    struct lease *lease = fake_daemon_grant(&it, &request);
    cr_assert_eq(lease->asker.pid, getpid());
    const struct judgement judgement = {.kind = JUDGED_CLAIMED, .inode = 7};
    cr_assert_eq(lease_judge(lease, &judgement), 0);
    lease->judgements_unsaved = true;
    registry_turn(it.registry);
    fake_daemon_restart(&it);
    cr_expect_eq(find(1)->n_judgements, 1, "in the same boot it is");
    cr_expect_eq(find(1)->asker.pid, getpid());
    fake_daemon_reboot(&it);
    cr_assert_eq(fake_daemon_open(&it), 0);
    cr_expect_eq(find(1)->n_judgements, 0);
    cr_expect_eq(find(1)->asker.pid, 0);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM judgement"), 0);
    cr_expect_eq(fake_store_query(&it.home, "SELECT asker_pid FROM lease"), 0);
}

Test(registry_restore, judgements_of_leases_that_are_gone_are_swept_away) {
    fake_daemon_close(&it);
    fake_store_execute(&it.home, "INSERT INTO judgement VALUES (77, 'claimed', 1, 2, 3, 4)");
    cr_assert_eq(fake_daemon_open(&it), 0);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM judgement"), 0);
}

Test(registry_restore, after_a_reboot_holders_are_gone_and_the_others_begin_anew) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant("held", 3600, child, uid);
    grant("plain", 60, 0, uid);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN + 1, uid);
    fake_daemon_pass(&it, 1000);
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN + 1);
    registry_renew(it.registry, find(2));
    fake_daemon_reboot(&it);
    cr_assert_eq(fake_daemon_open(&it), 0);
    cr_expect_null(find(1), "though a process with its pid is there");
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 1);
    const struct lease *lease = find(2);
    cr_assert_not_null(lease);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + 60000);
    cr_expect_eq(lease_state(lease), LEASE_PENDING, "nothing of this boot was seen");
    fake_daemon_pass(&it, 59999);
    cr_expect_not_null(find(2));
    fake_daemon_pass(&it, 1);
    cr_expect_null(find(2));
    fake_daemon_end_process(child, false);
}

Test(registry_restore, after_a_reboot_names_keep_their_ports) {
    grant("web", 60, 0, ANN);
    grant("db", 60, 0, ANN);
    registry_release(it.registry, find(1));
    fake_daemon_reboot(&it);
    cr_assert_eq(fake_daemon_open(&it), 0);
    cr_expect_eq(grant("new", 60, 0, ANN)->port, FAKE_DAEMON_MIN + 2);
    cr_expect_eq(grant("web", 60, 0, ANN)->port, FAKE_DAEMON_MIN);
}

Test(registry_restore, the_new_boots_deadlines_are_stored_with_its_id) {
    grant("web", 60, 0, ANN);
    fake_daemon_reboot(&it);
    cr_assert_eq(fake_daemon_open(&it), 0);
    const uint64_t deadline = find(1)->deadline;
    cr_expect_eq(fake_store_query(&it.home, "SELECT deadline FROM lease"), (long long)deadline);
    fake_clock_advance(&it.clock, 20000);
    fake_daemon_restart(&it);
    cr_expect_eq(find(1)->deadline, deadline, "the same boot");
}

Test(registry_restore, a_start_that_fails_can_be_tried_again) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant("held", 3600, child, uid);
    grant("plain", 60, 0, uid);
    fake_daemon_reboot(&it);
    for (unsigned n = 1; n < 1000; n++) {
        fake_disk_fail(n, SQLITE_FULL, true);
        const int r = fake_daemon_open(&it);
        fake_disk.fail_at = 0;
        if (r == 0) {
            cr_expect_gt(n, 3);
            cr_expect_null(find(1));
            cr_expect_not_null(find(2));
            fake_daemon_end_process(child, false);
            return;
        }
        cr_assert_eq(r, STORE_E_FAILED, "fault %u: %d", n, r);
        cr_assert_null(it.registry);
        cr_assert_gt(strlen(it.opening.reason), 0, "fault %u", n);
        cr_assert_str_eq(it.opening.quarantined, "");
        cr_assert_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 2, "fault %u", n);
    }
    cr_assert(false, "it never came through");
}

/* ---- what the original left ---- */

Test(registry_restore, imported_leases_get_their_whole_ttl) {
    fake_daemon_stop(&it);
    fake_daemon_start(&it);
    fake_daemon_close(&it);
    cr_assert_eq(remove(it.db_path), 0);
    fake_store_execute(
        &it.home, "CREATE TABLE leases (port INTEGER PRIMARY KEY, service_name TEXT NOT NULL, allocated_at TEXT NOT"
                  " NULL, last_heartbeat TEXT NOT NULL, ttl_seconds INTEGER NOT NULL, tags TEXT NOT NULL);"
                  "INSERT INTO leases VALUES (8001, 'web', '2020-01-01T00:00:00+00:00',"
                  " '2020-01-01T00:00:00+00:00', 60, '[\"dev\"]')");
    cr_assert_eq(fake_daemon_open(&it), 0);
    cr_expect_eq(it.opening.n_imported, 1);
    const struct lease *lease = registry_find_port(it.registry, 8001);
    cr_assert_not_null(lease);
    cr_expect_eq(lease->uid, FAKE_DAEMON_UID);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + 60000);
    cr_expect_eq(lease->last_heartbeat, it.clock.now.unix_ms);
    fake_daemon_pass(&it, 60000);
    cr_expect_null(registry_find_port(it.registry, 8001));
}

/* ---- rows that are no lease ---- */

Test(registry_restore, a_row_that_is_no_lease_does_not_keep_the_daemon_from_starting) {
    static const char *const changes[] = {"id = -5",           "ttl_seconds = -1", "ttl_seconds = 9223372036854775807",
                                          "service_name = ''", "slot = -1",        "uid = -1",
                                          "holder_pid = -1"};
    grant("sound", 60, 0, ANN);
    grant("spoilt", 60, 0, ANN);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char sql[128];
        fake_daemon_close(&it);
        fake_store_execute(&it.home,
                           "DELETE FROM lease WHERE port = 8001; INSERT INTO lease SELECT 2, 8001, 'spoilt', project,"
                           " uid, slot, tags, allocated_at, last_heartbeat, ttl_seconds, deadline, 0, 0, 0, 0,"
                           " 0, 0, 0, 0 FROM lease");
        snprintf(sql, sizeof(sql), "UPDATE lease SET %s WHERE port = 8001", changes[i]);
        fake_store_execute(&it.home, sql);
        cr_assert_eq(fake_daemon_open(&it), 0, "%s", changes[i]);
        cr_expect_not_null(find(1), "%s", changes[i]);
        cr_expect_eq(count_leases(), 1, "%s: %zu", changes[i], count_leases());
    }
}
