/* The background work: what keeps a lease, what ends it, and what must not, while the clock runs as the test wants it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe/sock_diag.h"
#include "src/lease/registry.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

/* Whose a process of a test can be. */
#define ANN_OR_ME (geteuid() == 0 ? ANN : geteuid())

#define TTL    UINT64_C(60)
#define TTL_MS (TTL * 1000)

static struct fake_daemon it;

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000); /* the grace of the start is over */
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(registry_turn, .init = set_up, .fini = tear_down);

/* A lease with a TTL of a minute; `holder` 0: none. */
static struct lease *grant_minute(const char *name, pid_t holder, uid_t uid) {
    static const uint64_t ttl = TTL;
    struct grant_request request = fake_daemon_ask(name);
    request.ttl_seconds = &ttl;
    request.holder = holder;
    request.key.uid = uid;
    return fake_daemon_grant(&it, &request);
}

static bool lives(uint64_t id) {
    return registry_find_id(it.registry, id) != NULL;
}

/* ---- the TTL ---- */

Test(registry_turn, a_lease_ends_when_its_ttl_has_run_out_and_not_before) {
    grant_minute("web", 0, ANN);
    fake_daemon_pass(&it, TTL_MS - 1);
    cr_expect(lives(1));
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 0);
    cr_expect_null(registry_find_port(it.registry, FAKE_DAEMON_MIN));
}

Test(registry_turn, a_renewal_at_the_last_moment_wins) {
    struct lease *lease = grant_minute("web", 0, ANN);
    fake_daemon_pass(&it, TTL_MS - 1);
    fake_clock_advance(&it.clock, 1); /* the deadline is now, and the loop serves requests first */
    registry_renew(it.registry, lease);
    registry_turn(it.registry);
    cr_expect(lives(1));
    fake_daemon_pass(&it, TTL_MS - 1);
    cr_expect(lives(1));
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
}

Test(registry_turn, an_expired_port_cools_as_a_released_one_does) {
    it.rules.max = FAKE_DAEMON_MIN;
    grant_minute("web", 0, ANN);
    fake_daemon_pass(&it, TTL_MS);
    const struct grant_request db = fake_daemon_ask("db");
    cr_expect_eq(fake_daemon_try(&it, &db), ALLOC_E_RANGE_FULL);
    fake_clock_advance(&it.clock, 15000);
    cr_expect_eq(fake_daemon_try(&it, &db), 0);
}

Test(registry_turn, each_lease_has_its_own_time) {
    for (unsigned i = 0; i < 6; i++) {
        grant_minute("web", 0, ANN);
        fake_daemon_pass(&it, 1000);
    }
    registry_renew(it.registry, registry_find_id(it.registry, 2));
    registry_renew(it.registry, registry_find_id(it.registry, 6));
    fake_daemon_pass(&it, TTL_MS - 3000);
    static const bool expected[] = {false, true, false, false, true, true};
    for (unsigned i = 0; i < 6; i++)
        cr_expect_eq(lives(i + 1), expected[i], "lease %u", i + 1);
}

Test(registry_turn, the_wall_clock_may_jump_as_it_likes) {
    grant_minute("web", 0, ANN);
    it.clock.now.unix_ms += INT64_C(10) * 365 * 86400 * 1000;
    fake_daemon_pass(&it, TTL_MS - 1);
    cr_expect(lives(1));
    it.clock.now.unix_ms = 0;
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
}

/* ---- listening is the heartbeat ---- */

Test(registry_turn, a_listener_keeps_its_lease_for_ever_and_the_ttl_counts_from_its_end) {
    const struct lease *lease = grant_minute("web", 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN);
    fake_daemon_pass(&it, 10 * TTL_MS);
    cr_assert(lives(1));
    cr_expect_eq(lease->last_heartbeat, it.clock.now.unix_ms);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + TTL_MS);
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    fake_daemon_pass(&it, TTL_MS - 1);
    cr_assert(lives(1));
    cr_expect_eq(lease_state(lease), LEASE_SILENT);
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
}

/* A database that is written every second would keep the disk from its sleep. */
Test(registry_turn, a_listener_is_a_write_now_and_then) {
    const uint64_t hour = 3600;
    struct grant_request request = fake_daemon_ask("web");
    request.ttl_seconds = &hour;
    const struct lease *lease = fake_daemon_grant(&it, &request);
    fake_kernel_listen(&it.kernel, lease->port, ANN);
    registry_turn(it.registry); /* it was seen: one write */
    fake_disk_fail(0, 0, false);
    fake_daemon_pass(&it, 500000);
    cr_expect_eq(fake_disk.n_calls, 0, "%u writes", fake_disk.n_calls);
    fake_daemon_restart(&it);
    fake_disk_fail(0, 0, false);
    fake_daemon_pass(&it, 10000);
    cr_expect_eq(fake_disk.n_calls, 0, "%u writes after a restart", fake_disk.n_calls);
    const uint64_t deadline = registry_find_id(it.registry, 1)->deadline;
    fake_daemon_pass(&it, 600000);
    const long long stored = fake_store_query(&it.home, "SELECT deadline FROM lease");
    cr_expect_geq(stored, (long long)deadline, "at most ten minutes behind");
}

Test(registry_turn, a_squatter_keeps_nothing) {
    grant_minute("web", 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, BOB);
    fake_daemon_pass(&it, TTL_MS);
    cr_expect_not(lives(1));
}

Test(registry_turn, a_port_that_is_shared_with_a_squatter_is_still_in_use) {
    grant_minute("web", 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, BOB);
    fake_daemon_pass(&it, 2 * TTL_MS);
    cr_expect(lives(1));
}

/* ---- holders ---- */

Test(registry_turn, a_holder_keeps_its_lease_beyond_the_ttl_and_ends_it_before) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant_minute("web", child, uid);
    fake_daemon_pass(&it, 3 * TTL_MS);
    cr_assert(lives(1));
    registry_renew(it.registry, registry_find_id(it.registry, 1));
    fake_daemon_end_process(child, true);
    registry_turn(it.registry);
    cr_expect_not(lives(1), "with a whole TTL left");
}

/* A server that daemonises itself: the process that was started ends, and what it left behind listens on. */
Test(registry_turn, the_last_listener_keeps_what_its_holder_left) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    const struct lease *lease = grant_minute("web", child, uid);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, uid);
    fake_daemon_pass(&it, 1000);
    fake_daemon_end_process(child, false);
    fake_daemon_pass(&it, 2 * TTL_MS);
    cr_assert(lives(1));
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_LISTENER);
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    registry_turn(it.registry);
    cr_expect_not(lives(1), "whatever its TTL");
}

/* ---- what a holder leaves behind ---- */

Test(registry_turn, living_kin_keeps_a_lease_for_ten_seconds_and_no_longer) {
    struct actor *const holder = actor_start(ANN_OR_ME);
    const struct lease *lease = grant_minute("web", actor_pid(holder), ANN_OR_ME);
    struct actor *const daemon = actor_fork(holder);
    registry_turn(it.registry);
    cr_assert_eq(lease->n_kin, 1);
    fake_clock_advance(&it.clock, 500);
    actor_end(holder);
    registry_turn(it.registry);
    fake_daemon_pass(&it, 9999);
    cr_assert(lives(1));
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_HOLDER);
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
    actor_end(daemon);
}

Test(registry_turn, kin_that_ends_keeps_nothing) {
    struct actor *const holder = actor_start(ANN_OR_ME);
    grant_minute("web", actor_pid(holder), ANN_OR_ME);
    struct actor *const daemon = actor_fork(holder);
    registry_turn(it.registry);
    actor_end(holder);
    fake_daemon_pass(&it, 1000);
    cr_assert(lives(1));
    actor_end(daemon);
    cr_expect(registry_hear_holders(it.registry), "a turn is due now");
    registry_turn(it.registry);
    cr_expect_not(lives(1));
}

Test(registry_turn, kin_that_listens_within_its_time_keeps_the_lease) {
    struct actor *const holder = actor_start(ANN_OR_ME);
    grant_minute("web", actor_pid(holder), ANN_OR_ME);
    struct actor *const daemon = actor_fork(holder);
    registry_turn(it.registry);
    actor_end(holder);
    fake_daemon_pass(&it, 9000);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, BOB);
    struct process_info *info = actor_read(daemon);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
    fake_daemon_pass(&it, 100000);
    cr_assert(lives(1));
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    registry_turn(it.registry);
    cr_expect_not(lives(1), "its time is over");
}

/* A program and its portctl killed at once: the socket is seen for a moment longer, and its end is no process's that is pinned. */
Test(registry_turn, a_listener_that_outlived_the_holder_calls_for_a_turn_when_it_has_gone) {
    struct actor *const holder = actor_start(ANN_OR_ME);
    grant_minute("web", actor_pid(holder), ANN_OR_ME);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN_OR_ME);
    registry_turn(it.registry);
    actor_end(holder);
    registry_turn(it.registry);
    cr_assert(lives(1));
    cr_expect_not(registry_hear_holders(it.registry));
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    registry_observe(it.registry, 0, NULL);
    cr_expect(registry_hear_holders(it.registry), "a turn is due now");
    registry_turn(it.registry);
    cr_expect_not(lives(1));
}

Test(registry_turn, the_end_of_kin_beside_a_living_holder_calls_for_no_turn) {
    struct actor *const holder = actor_start(ANN_OR_ME);
    const struct lease *lease = grant_minute("web", actor_pid(holder), ANN_OR_ME);
    struct actor *const child = actor_fork(holder);
    registry_turn(it.registry);
    actor_end(child);
    cr_expect_not(registry_hear_holders(it.registry));
    cr_expect_eq(lease->n_kin, 0);
    actor_end(holder);
    cr_expect(registry_hear_holders(it.registry));
    cr_expect(registry_hear_holders(it.registry), "until the turn has been");
    registry_turn(it.registry);
    cr_expect_not(registry_hear_holders(it.registry));
}

/* A lease with kin that has a holder again does not wait for the kin of the former one. */
Test(registry_turn, a_lease_that_is_asked_for_again_has_its_new_holder) {
    struct actor *const first = actor_start(ANN_OR_ME);
    struct actor *const second = actor_start(ANN_OR_ME);
    grant_minute("web", actor_pid(first), ANN_OR_ME);
    actor_fork(first);
    registry_turn(it.registry);
    actor_end(first);
    fake_daemon_pass(&it, 5000);
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = ANN_OR_ME;
    request.reuse = true;
    request.holder = actor_pid(second);
    registry_find_id(it.registry, 1)->asker_is_parent = true;
    free(registry_find_id(it.registry, 1)->holder_cgroup);
    registry_find_id(it.registry, 1)->holder_cgroup = strdup("/the-former.service");
    const struct lease *lease = fake_daemon_grant(&it, &request);
    cr_assert_eq(lease->id, 1);
    cr_expect_eq(lease->holder_ended_ms, 0);
    cr_expect_not(lease->asker_is_parent);
    cr_expect(!lease->holder_cgroup || strcmp(lease->holder_cgroup, "/the-former.service") != 0);
    fake_daemon_pass(&it, 20000);
    cr_assert(lives(1));
    actor_end(second);
    registry_turn(it.registry);
    fake_daemon_pass(&it, 9000);
    cr_expect(lives(1));
    fake_daemon_pass(&it, 1000);
    cr_expect_not(lives(1));
}

/* ---- a listener that nobody has looked up ---- */

Test(registry_turn, nothing_ends_while_it_is_not_known_whose_a_listener_is) {
    grant_minute("web", 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, BOB);
    fake_daemon_pass(&it, 1000);
    it.kernel.unresolved = true;
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, BOB);
    fake_daemon_pass(&it, 2 * TTL_MS);
    cr_expect(lives(1));
    cr_expect_not(registry_release_idle(it.registry, registry_find_id(it.registry, 1)));
    it.kernel.unresolved = false;
    registry_turn(it.registry);
    cr_expect_not(lives(1));
}

/* ---- what is told ---- */

static unsigned n_renewed;

static void count_renewed(void *context, const struct event_fact *fact) {
    (void)context;
    n_renewed += fact->kind == EVENT_LEASE_RENEWED;
}

static void grant_seconds(uint64_t seconds) {
    struct grant_request request = fake_daemon_ask("web");
    request.ttl_seconds = &seconds;
    fake_daemon_grant(&it, &request);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN);
    registry_set_sink(it.registry, (struct event_sink){.tell = count_renewed});
}

Test(registry_turn, that_a_listener_renews_its_lease_is_told_once_a_ttl) {
    grant_seconds(300);
    fake_daemon_pass(&it, 299999);
    cr_expect_eq(n_renewed, 0);
    fake_daemon_pass(&it, 1);
    cr_expect_eq(n_renewed, 1);
    fake_daemon_pass(&it, 299000);
    cr_expect_eq(n_renewed, 1);
    fake_daemon_pass(&it, 1000);
    cr_expect_eq(n_renewed, 2);
}

Test(registry_turn, and_at_most_once_a_minute) {
    grant_seconds(2);
    fake_daemon_pass(&it, 61000);
    cr_expect_eq(n_renewed, 1);
    fake_daemon_pass(&it, 60000);
    cr_expect_eq(n_renewed, 2);
    registry_renew(it.registry, registry_find_id(it.registry, 1));
    cr_expect_eq(n_renewed, 3, "a heartbeat is one, too");
}

/* ---- a kernel that does not tell all ---- */

Test(registry_turn, nothing_ends_on_an_interrupted_reading) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant_minute("held", child, uid);
    grant_minute("listened", 0, ANN);
    grant_minute("plain", 0, ANN);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN + 1, ANN);
    fake_daemon_pass(&it, 1000);
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN + 1);
    fake_daemon_end_process(child, false);
    static const int answers[] = {SOCK_DIAG_E_INTERRUPTED, -ENOBUFS, -EPERM};
    for (size_t i = 0; i < 3; i++) {
        it.kernel.read_answer = answers[i];
        fake_daemon_pass(&it, 2 * TTL_MS);
        cr_expect(lives(1) && lives(2) && lives(3), "answer %d", answers[i]);
    }
    it.kernel.read_answer = 0;
    registry_turn(it.registry);
    cr_expect_not(lives(1));
    cr_expect(lives(2), "its listener was seen until a moment ago");
    cr_expect_not(lives(3));
    fake_daemon_pass(&it, TTL_MS);
    cr_expect_not(lives(2));
}

Test(registry_turn, what_an_interrupted_reading_shows_is_there) {
    const struct lease *lease = grant_minute("web", 0, ANN);
    fake_daemon_pass(&it, TTL_MS - 1000);
    fake_kernel_listen(&it.kernel, FAKE_DAEMON_MIN, ANN);
    it.kernel.read_answer = SOCK_DIAG_E_INTERRUPTED;
    fake_daemon_pass(&it, 1000);
    it.kernel.read_answer = 0;
    fake_kernel_close(&it.kernel, FAKE_DAEMON_MIN);
    registry_turn(it.registry);
    cr_assert(lives(1));
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + TTL_MS);
}

/* ---- stalls ---- */

/* The loop stands still for so long, and takes its turn. */
static void stall(uint64_t milliseconds) {
    fake_clock_advance(&it.clock, milliseconds);
    registry_turn(it.registry);
}

Test(registry_turn, after_a_stall_nothing_runs_out_for_thirty_seconds) {
    grant_minute("web", 0, ANN);
    grant_minute("db", 0, ANN);
    stall(TTL_MS + 3600000);
    cr_assert(lives(1) && lives(2));
    fake_daemon_pass(&it, 29999);
    cr_assert(lives(1) && lives(2), "their clients have time to be heard");
    registry_renew(it.registry, registry_find_id(it.registry, 2));
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
    cr_expect(lives(2));
}

Test(registry_turn, five_seconds_are_no_stall_and_a_millisecond_more_is_one) {
    grant_minute("web", 0, ANN);
    fake_daemon_pass(&it, TTL_MS - 5000);
    stall(5000);
    cr_expect_not(lives(1));
    grant_minute("web", 0, ANN);
    fake_daemon_pass(&it, TTL_MS - 5001);
    stall(5001);
    cr_expect(lives(2));
}

Test(registry_turn, a_second_stall_gives_its_time_anew) {
    grant_minute("web", 0, ANN);
    stall(TTL_MS);
    fake_daemon_pass(&it, 20000);
    stall(6000);
    fake_daemon_pass(&it, 29999);
    cr_expect(lives(1));
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
}

Test(registry_turn, a_stall_does_not_lengthen_what_has_time_left) {
    grant_minute("web", 0, ANN);
    stall(6000);
    fake_daemon_pass(&it, TTL_MS - 6001);
    cr_expect(lives(1));
    fake_daemon_pass(&it, 1);
    cr_expect_not(lives(1));
}

Test(registry_turn, a_holders_end_is_known_after_a_stall_too) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    grant_minute("web", child, uid);
    fake_daemon_end_process(child, false);
    stall(10000);
    cr_expect_not(lives(1));
}

/* ---- many at once ---- */

Test(registry_turn, all_that_ended_are_gone_after_one_turn_and_all_others_are_there) {
    it.rules.max = 8999;
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    for (unsigned i = 1; i <= 200; i++) {
        grant_minute("web", i % 3 == 0 ? child : 0, uid);
        if (i % 3 == 1)
            fake_kernel_listen(&it.kernel, (uint16_t)(FAKE_DAEMON_MIN + i - 1), uid);
    }
    fake_daemon_pass(&it, TTL_MS);
    for (unsigned i = 1; i <= 200; i++)
        cr_expect_eq(lives(i), i % 3 != 2, "lease %u", i);
    fake_daemon_end_process(child, false);
    registry_turn(it.registry);
    for (unsigned i = 1; i <= 200; i++)
        cr_expect_eq(lives(i), i % 3 == 1, "lease %u", i);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 67);
}
