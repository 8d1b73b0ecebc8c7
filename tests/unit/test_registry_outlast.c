/*
 * Leases that were there before their holder: when it ends they have none again and live on their TTL, whatever came in between, a restart
 * of portd or of the machine included.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/lease/registry.h"
#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

#define ANN_OR_ME (geteuid() == 0 ? ANN : geteuid())

#define TTL_SECONDS 60
#define TTL_MS      (TTL_SECONDS * UINT64_C(1000))

static struct fake_daemon it;
static uid_t uid; /* whose the holders are */

/* What was told last. */
static unsigned n_told;
static enum event_kind last_told;
static char last_reason[128];

static void tell(void *context, const struct event_fact *fact) {
    (void)context;
    n_told++;
    last_told = fact->kind;
    snprintf(last_reason, sizeof(last_reason), "%s", fact->reason ? fact->reason : "");
}

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000);
    registry_set_sink(it.registry, (struct event_sink){.tell = tell});
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(registry_outlast, .init = set_up, .fini = tear_down);

/* The lease of "web", a minute of TTL; holder 0: without one. It is the one that lives, if there is one. */
static struct lease *ask(pid_t holder) {
    static const uint64_t ttl_seconds = TTL_SECONDS;
    struct grant_request request = fake_daemon_ask("web");
    request.ttl_seconds = &ttl_seconds;
    request.key.uid = uid;
    request.reuse = true;
    request.holder = holder;
    return fake_daemon_grant(&it, &request);
}

static struct lease *find(void) {
    return registry_find_id(it.registry, 1);
}

/* First without a holder, and then with one, which has it after half of the TTL. */
static pid_t lend(void) {
    const pid_t holder = fake_daemon_start_process(&uid);
    ask(0);
    fake_daemon_pass(&it, TTL_MS / 2);
    cr_assert_eq(ask(holder)->id, 1);
    return holder;
}

/* It has no holder, and a whole TTL from now. */
static void expect_whole_ttl(void) {
    const struct lease *lease = find();
    cr_assert_not_null(lease, "it has ended");
    cr_expect_eq(lease->holder.pid, 0);
    cr_expect_eq(lease->holder_pidfd, -1);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_TTL);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + TTL_MS);
}

static void expect_end_by_ttl(void) {
    fake_daemon_pass(&it, TTL_MS - 1000);
    cr_assert_not_null(find(), "it has ended before its time");
    fake_daemon_pass(&it, 1000);
    cr_expect_null(find(), "it has not ended");
}

Test(registry_outlast, when_its_holder_ends_the_ttl_counts_from_then) {
    const pid_t holder = lend();
    fake_daemon_pass(&it, 3 * TTL_MS);
    cr_assert_eq(lease_keeper(find()), LEASE_KEPT_BY_HOLDER);
    n_told = 0;
    fake_daemon_end_process(holder, true);
    registry_turn(it.registry);
    expect_whole_ttl();
    cr_expect_eq(find()->last_heartbeat, it.clock.now.unix_ms);
    cr_expect_eq(n_told, 1);
    cr_expect_eq(last_told, EVENT_LEASE_RENEWED);
    cr_expect_not_null(strstr(last_reason, "process has ended"), "%s", last_reason);
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), 0);
    cr_expect_eq(fake_store_query(&it.home, "SELECT deadline FROM lease"), (long long)find()->deadline);
    expect_end_by_ttl();
    cr_expect_eq(last_told, EVENT_LEASE_EXPIRED);
}

/* Whoever looks before the turn must not see a lease that is long past its time. */
Test(registry_outlast, it_counts_as_soon_as_the_end_is_heard) {
    const pid_t holder = lend();
    fake_daemon_pass(&it, 3 * TTL_MS);
    fake_daemon_end_process(holder, true);
    registry_look(it.registry);
    expect_whole_ttl();
}

Test(registry_outlast, one_holder_after_the_other_can_have_it) {
    const pid_t first = lend();
    fake_daemon_end_process(first, false);
    const pid_t second = fake_daemon_start_process(&uid);
    cr_assert_eq(ask(second)->id, 1);
    cr_assert_eq(ask(second)->id, 1, "the same one again");
    fake_daemon_end_process(second, false);
    registry_turn(it.registry);
    expect_whole_ttl();
    ask(0);
    const pid_t third = fake_daemon_start_process(&uid);
    cr_assert_eq(ask(third)->id, 1);
    fake_daemon_end_process(third, false);
    registry_turn(it.registry);
    expect_whole_ttl();
}

/* Its first holder has ended, and a listener keeps it: a second holder does not make it one that was there before. */
Test(registry_outlast, what_was_granted_with_a_holder_ends_with_the_last_one) {
    const pid_t first = fake_daemon_start_process(&uid);
    const struct lease *lease = ask(first);
    fake_kernel_listen(&it.kernel, lease->port, uid);
    fake_daemon_pass(&it, 1000);
    fake_daemon_end_process(first, false);
    fake_daemon_pass(&it, 1000);
    const pid_t second = fake_daemon_start_process(&uid);
    cr_assert_eq(ask(second)->id, 1);
    fake_kernel_close(&it.kernel, lease->port);
    fake_daemon_end_process(second, false);
    registry_turn(it.registry);
    cr_expect_null(find());
}

Test(registry_outlast, one_that_was_granted_again_without_a_holder_is_there_before_the_next) {
    const pid_t first = fake_daemon_start_process(&uid);
    ask(first);
    fake_daemon_end_process(first, false);
    ask(0);
    const pid_t second = fake_daemon_start_process(&uid);
    ask(second);
    fake_daemon_end_process(second, false);
    registry_turn(it.registry);
    expect_whole_ttl();
}

Test(registry_outlast, each_lease_of_a_name_goes_its_own_way) {
    const pid_t holder = lend();
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = uid;
    request.reuse = true;
    request.count = 2;
    request.holder = holder;
    struct grant grant = {0};
    cr_assert_eq(registry_grant(it.registry, &request, &grant), 0);
    cr_assert_eq(grant.n_reused, 1);
    grant_deinit(&grant);
    fake_daemon_end_process(holder, false);
    registry_turn(it.registry);
    cr_expect_not_null(find());
    cr_expect_null(registry_find_id(it.registry, 2), "it came with the holder");
}

/* ---- what its holder leaves behind ---- */

Test(registry_outlast, a_listener_that_its_holder_left_keeps_it_and_then_its_ttl) {
    const pid_t holder = lend();
    fake_kernel_listen(&it.kernel, find()->port, uid);
    fake_daemon_pass(&it, 1000);
    fake_daemon_end_process(holder, false);
    fake_daemon_pass(&it, 3 * TTL_MS);
    cr_assert_not_null(find());
    cr_expect_eq(lease_keeper(find()), LEASE_KEPT_BY_LISTENER);
    fake_kernel_close(&it.kernel, find()->port);
    registry_turn(it.registry);
    cr_assert_not_null(find(), "it ended with the listener");
    expect_end_by_ttl();
}

Test(registry_outlast, kin_stays_kin) {
    struct actor *const holder = actor_start(ANN_OR_ME);
    uid = ANN_OR_ME;
    ask(0);
    struct lease *lease = ask(actor_pid(holder));
    struct actor *const daemon = actor_fork(holder);
    registry_turn(it.registry);
    cr_assert_eq(lease->n_kin, 1);
    actor_end(holder);
    registry_turn(it.registry);
    cr_assert_eq(lease->holder.pid, 0);
    cr_expect_eq(lease->n_kin, 1);
    cr_expect_eq(lease->kin[0].id.pid, actor_pid(daemon));
    expect_whole_ttl();
}

Test(registry_outlast, an_asker_that_has_ended_too_is_looked_for_no_more) {
    struct actor *const asker = actor_start(ANN_OR_ME);
    struct actor *const holder = actor_fork(asker);
    uid = ANN_OR_ME;
    struct lease *lease = ask(0);
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = uid;
    request.reuse = true;
    request.holder = actor_pid(holder);
    request.asker = actor_pid(asker);
    cr_assert_eq(fake_daemon_grant(&it, &request), lease);
    cr_assert(lease->asker_is_parent);
    actor_end(holder);
    registry_turn(it.registry);
    cr_expect(lease->asker_is_parent, "it can still adopt");
    actor_end(asker);
    registry_turn(it.registry);
    cr_expect_not(lease->asker_is_parent);
    cr_expect_not_null(find());
}

/* ---- release if idle ---- */

Test(registry_outlast, a_release_if_idle_leaves_it_and_a_release_does_not) {
    const pid_t holder = lend();
    fake_daemon_end_process(holder, true);
    cr_expect_not(registry_release_idle(it.registry, find()), "its holder has ended this moment");
    expect_whole_ttl();
    fake_daemon_pass(&it, 1000);
    cr_expect_not(registry_release_idle(it.registry, find()), "nor later");
    cr_assert_not_null(find());
    registry_release(it.registry, find());
    cr_expect_null(find());
}

Test(registry_outlast, one_that_never_had_a_holder_is_released_if_idle) {
    uid = ANN;
    cr_expect(registry_release_idle(it.registry, ask(0)));
    cr_expect_null(find());
}

/* ---- restarts ---- */

Test(registry_outlast, a_restart_knows_that_it_was_there_before) {
    const pid_t holder = lend();
    fake_daemon_restart(&it);
    fake_daemon_pass(&it, 3 * TTL_MS);
    cr_assert_eq(lease_keeper(find()), LEASE_KEPT_BY_HOLDER);
    fake_daemon_end_process(holder, false);
    registry_turn(it.registry);
    expect_whole_ttl();
    expect_end_by_ttl();
}

Test(registry_outlast, a_holder_that_ends_while_portd_is_away_leaves_it_a_ttl_from_the_start) {
    const pid_t holder = lend();
    fake_daemon_close(&it);
    fake_daemon_end_process(holder, false);
    fake_clock_advance(&it.clock, 3 * TTL_MS);
    cr_assert_eq(fake_daemon_open(&it), 0);
    expect_whole_ttl();
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), 0);
    cr_expect_eq(fake_store_query(&it.home, "SELECT deadline FROM lease"), (long long)find()->deadline);
    expect_end_by_ttl();
}

Test(registry_outlast, after_a_reboot_it_has_no_holder_and_a_ttl) {
    const pid_t holder = lend();
    fake_daemon_close(&it);
    fake_daemon_reboot(&it);
    cr_assert_eq(fake_daemon_open(&it), 0);
    expect_whole_ttl();
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), 0);
    fake_daemon_end_process(holder, false);
    fake_daemon_restart(&it);
    cr_expect_not_null(find());
}

Test(registry_outlast, an_end_that_cannot_be_stored_is_stored_when_there_is_room) {
    const pid_t holder = lend();
    fake_disk_fail(1, SQLITE_FULL, true);
    fake_daemon_end_process(holder, false);
    registry_turn(it.registry);
    expect_whole_ttl();
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), holder);
    fake_disk_fail(0, 0, false);
    registry_turn(it.registry);
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), 0);
}

/* ---- what is handed out while it is held ---- */

static struct grant reuse_held(unsigned count) {
    static const uint64_t day = 86400;
    static const char *const tags[] = {"shop"};
    struct grant_request request = fake_daemon_ask("web");
    struct grant grant = {0};
    request.key.uid = uid;
    request.reuse = true;
    request.reuse_held = true;
    request.count = count;
    request.ttl_seconds = &day;
    request.tags = tags;
    request.n_tags = 1;
    request.asker = getpid();
    cr_assert_eq(registry_grant(it.registry, &request, &grant), 0);
    grant_deinit(&grant);
    return grant;
}

Test(registry_outlast, a_held_one_can_be_handed_out_and_outlasts_its_holder_from_then_on) {
    const pid_t holder = fake_daemon_start_process(&uid);
    struct lease *lease = ask(holder);
    fake_kernel_listen(&it.kernel, lease->port, BOB); /* no obstacle: nothing is to be started there */
    const int pidfd = lease->holder_pidfd;
    const pid_t asker = lease->asker.pid;
    n_told = 0;
    const struct grant grant = reuse_held(1);
    cr_assert_eq(grant.leases[0], lease);
    cr_expect_eq(grant.n_reused, 1);
    cr_expect_eq(n_told, 1);
    cr_expect_eq(last_told, EVENT_LEASE_RENEWED);
    cr_expect_eq(lease->holder.pid, holder);
    cr_expect_eq(lease->holder_pidfd, pidfd);
    cr_expect_eq(lease->asker.pid, asker);
    cr_expect_eq(lease_keeper(lease), LEASE_KEPT_BY_HOLDER);
    cr_expect_eq(lease->ttl_seconds, 86400);
    cr_expect_eq(lease->n_tags, 1);
    cr_expect_eq(fake_store_query(&it.home, "SELECT holder_pid FROM lease"), holder);
    cr_expect_eq(fake_store_query(&it.home, "SELECT outlasts_holder FROM lease"), 1);
    fake_kernel_close(&it.kernel, lease->port);
    fake_daemon_pass(&it, 2 * UINT64_C(86400000));
    cr_assert_eq(find(), lease, "it is kept by its holder");
    fake_daemon_end_process(holder, true);
    registry_turn(it.registry);
    cr_assert_eq(find(), lease, "it has ended");
    cr_expect_eq(lease->holder.pid, 0);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + UINT64_C(86400000));
}

Test(registry_outlast, its_end_is_heard_after_a_restart_too) {
    const pid_t holder = fake_daemon_start_process(&uid);
    ask(holder);
    reuse_held(1);
    fake_daemon_restart(&it);
    cr_assert_eq(find()->holder.pid, holder);
    fake_daemon_end_process(holder, true);
    registry_turn(it.registry);
    cr_assert_not_null(find());
    cr_expect_eq(find()->holder.pid, 0);
    cr_expect_eq(find()->deadline, it.clock.now.monotonic_ms + UINT64_C(86400000));
}

Test(registry_outlast, what_is_missing_beside_a_held_one_is_new_and_has_no_holder) {
    const pid_t holder = fake_daemon_start_process(&uid);
    ask(holder);
    const struct grant grant = reuse_held(2);
    cr_expect_eq(grant.n_reused, 1);
    cr_expect(!grant.is_new[0] && grant.is_new[1]);
    cr_expect_eq(grant.leases[1]->slot, 1);
    cr_expect_eq(grant.leases[1]->holder.pid, 0);
    fake_daemon_end_process(holder, true);
    registry_turn(it.registry);
    cr_expect_not_null(registry_find_id(it.registry, 1));
    cr_expect_not_null(registry_find_id(it.registry, 2));
}

Test(registry_outlast, if_it_cannot_be_stored_a_held_one_is_as_it_was) {
    const pid_t holder = fake_daemon_start_process(&uid);
    struct lease *lease = ask(holder);
    struct grant_request request = fake_daemon_ask("web");
    struct grant grant = {0};
    request.key.uid = uid;
    request.reuse = true;
    request.reuse_held = true;
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(registry_grant(it.registry, &request, &grant), GRANT_E_NOT_STORED);
    grant_deinit(&grant);
    fake_disk_fail(0, 0, false);
    cr_expect_not(lease->outlasts_holder);
    fake_daemon_end_process(holder, true);
    registry_turn(it.registry);
    cr_expect_null(find());
}

Test(registry_outlast, where_the_holder_has_just_ended_it_has_none) {
    const pid_t holder = fake_daemon_start_process(&uid);
    ask(holder);
    fake_daemon_end_process(holder, true);
    reuse_held(1);
    registry_turn(it.registry);
    cr_assert_not_null(find());
    cr_expect_eq(find()->holder.pid, 0);
    cr_expect_eq(find()->asker.pid, 0, "an asker of another uid is none");
}
