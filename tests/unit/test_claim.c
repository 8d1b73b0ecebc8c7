/* What a person says about a listener: claim and disown, what is stored of it, and what is not true if it cannot be. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/sock_diag.h"
#include "src/lease/evidence.h"
#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

#define PORT FAKE_DAEMON_MIN

static struct fake_daemon it;
static uid_t me;

static void set_up(void) {
    me = geteuid() == 0 ? ANN : geteuid();
    fake_disk_install();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(claim, .init = set_up, .fini = tear_down, .timeout = 60);

static int claim(uint16_t port, const char *name, bool *ret_created, struct lease **ret_lease) {
    const struct lease_key key = {.uid = me, .service_name = name, .project = ""};
    return registry_claim(it.registry, port, 0, &key, ret_created, ret_lease);
}

/* It must succeed. */
static struct lease *claimed(uint16_t port, const char *name, bool created) {
    bool was_created = !created;
    struct lease *lease = NULL;
    cr_assert_eq(claim(port, name, &was_created, &lease), 0);
    cr_expect_eq(was_created, created);
    cr_assert_eq(lease, registry_find_port(it.registry, port));
    return lease;
}

static struct lease *grant(const char *name, const struct actor *holder) {
    struct grant_request request = fake_daemon_ask(name);
    request.key.uid = me;
    request.holder = holder ? actor_pid(holder) : 0;
    return fake_daemon_grant(&it, &request);
}

static void listen_by(uint16_t port, const struct actor *actor, uid_t uid) {
    fake_kernel_listen(&it.kernel, port, uid);
    if (!actor)
        return;
    struct process_info *info = actor_read(actor);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
}

static long long count(const char *table) {
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
    return fake_store_query(&it.home, sql);
}

/* ---- a new lease ---- */

Test(claim, what_listens_without_a_lease_gets_one) {
    struct actor *const server = actor_start(me);
    grant("other", NULL);
    listen_by(5173, server, me);
    const struct lease *lease = claimed(5173, "web", true);
    cr_expect_eq(lease->id, 2);
    cr_expect_eq(lease->port, 5173);
    cr_expect_eq(lease->uid, me);
    cr_expect_str_eq(lease->service_name, "web");
    cr_expect_eq(lease->slot, 0);
    cr_expect_eq(lease->ttl_seconds, LEASE_TTL_DEFAULT);
    cr_expect_eq(lease->deadline, it.clock.now.monotonic_ms + LEASE_TTL_DEFAULT * 1000);
    cr_expect_eq(lease->allocated_at, it.clock.now.unix_ms);
    cr_expect_eq(lease->last_heartbeat, it.clock.now.unix_ms);
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    cr_expect(lease->sight.confirmed);
    cr_expect_eq(lease->n_judgements, 1);
    cr_expect_eq(lease->judgements[0].kind, JUDGED_CLAIMED);
    cr_expect_eq(lease->judgements[0].process.pid, actor_pid(server));
    cr_expect_eq(grant("next", NULL)->id, 3);
}

Test(claim, a_claimed_lease_is_stored_and_survives_a_restart) {
    struct actor *const server = actor_start(me);
    listen_by(PORT, server, BOB);
    claimed(PORT, "web", true);
    cr_expect_eq(count("lease"), 1);
    cr_expect_eq(count("judgement"), 1);
    cr_expect_eq(count("sticky WHERE port = 8000 AND service_name = 'web'"), 1);
    cr_expect_eq(count("lease WHERE was_bound = 1"), 1);
    fake_daemon_restart(&it);
    registry_turn(it.registry);
    const struct lease *lease = registry_find_port(it.registry, PORT);
    cr_assert_not_null(lease);
    cr_expect(lease->sight.own && lease->sight.confirmed && !lease->sight.foreign);
    fake_daemon_pass(&it, 400000);
    cr_expect_not_null(registry_find_port(it.registry, PORT), "its listener keeps it");
    fake_kernel_close(&it.kernel, PORT);
    fake_daemon_pass(&it, 300000);
    cr_expect_null(registry_find_port(it.registry, PORT));
    cr_expect_eq(count("judgement"), 0);
}

Test(claim, a_name_keeps_a_claimed_port_as_one_that_was_granted) {
    listen_by(8005, NULL, me);
    registry_release(it.registry, claimed(8005, "web", true));
    fake_kernel_close(&it.kernel, 8005);
    cr_expect_eq(grant("web", NULL)->port, 8005);
}

Test(claim, a_second_lease_of_a_name_has_the_lowest_free_slot) {
    struct lease *first = grant("web", NULL);
    grant("web", NULL);
    listen_by(8005, NULL, me);
    listen_by(8006, NULL, me);
    cr_expect_eq(claimed(8005, "web", true)->slot, 2);
    registry_release(it.registry, first);
    cr_expect_eq(claimed(8006, "web", true)->slot, 0);
    cr_expect_eq(count("sticky WHERE slot = 0 AND port = 8006"), 1);
}

Test(claim, another_users_lease_of_that_name_has_slots_of_its_own) {
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = BOB;
    fake_daemon_grant(&it, &request);
    listen_by(8005, NULL, me);
    cr_expect_eq(claimed(8005, "web", true)->slot, 0);
}

Test(claim, all_listeners_of_the_port_are_claimed_with_all_their_owners) {
    struct actor *const server = actor_start(me);
    struct actor *const worker = actor_start(me);
    listen_by(PORT, server, BOB);
    struct process_info *info = actor_read(worker);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
    listen_by(PORT, NULL, BOB);
    struct lease *lease = claimed(PORT, "web", true);
    cr_expect_eq(lease->n_judgements, 3);
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    fake_kernel_close(&it.kernel, PORT);
    listen_by(PORT, worker, BOB);
    registry_observe(it.registry, 0, NULL);
    cr_expect_eq(lease_state(lease), LEASE_BOUND, "what the process opens next is the lease's, too");
}

Test(claim, nobody_listens) {
    bool created = true;
    struct lease *lease = NULL;
    cr_expect_eq(claim(PORT, "web", &created, &lease), CLAIM_E_NOT_LISTENING);
    struct lease *granted = grant("web", NULL);
    listen_by(PORT + 1, NULL, me);
    cr_expect_eq(claim(PORT, "web", &created, &lease), CLAIM_E_NOT_LISTENING);
    cr_expect_eq(registry_disown(it.registry, granted, 0), CLAIM_E_NOT_LISTENING);
    listen_by(PORT, NULL, me);
    registry_observe(it.registry, 0, NULL);
    fake_kernel_close(&it.kernel, PORT);
    cr_expect_eq(claim(PORT, "web", &created, &lease), CLAIM_E_NOT_LISTENING, "as of this very moment");
    cr_expect(created && lease == NULL);
    cr_expect_eq(granted->n_judgements, 0);
}

/* Who may claim what was checked by the caller: whoever has come since is not meant. */
Test(claim, what_the_last_reading_has_not_shown_is_not_claimed) {
    bool created;
    struct lease *lease = NULL;
    listen_by(PORT, NULL, me);
    cr_assert_eq(registry_observe(it.registry, 0, NULL), 0);
    it.kernel.asleep = true;
    listen_by(PORT, NULL, BOB);
    const unsigned n_reads = it.kernel.n_reads;
    cr_expect_eq(claim(PORT, "web", &created, &lease), 0);
    cr_expect_eq(lease->n_judgements, 1);
    cr_expect_eq(registry_disown(it.registry, lease, 0), 0);
    cr_expect_eq(lease->n_judgements, 1);
    cr_expect_eq(it.kernel.n_reads, n_reads);
}

/* ---- a lease that is there ---- */

Test(claim, a_foreign_listener_on_a_leased_port_is_confirmed) {
    struct actor *const server = actor_start(me);
    struct lease *lease = grant("web", NULL);
    listen_by(PORT, server, BOB);
    registry_observe(it.registry, 0, NULL);
    cr_expect_eq(lease_state(lease), LEASE_CONFLICT);
    const uint64_t revision = registry_revision(it.registry);
    cr_expect_eq(claimed(PORT, "another name", false), lease);
    cr_expect_str_eq(lease->service_name, "web");
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    cr_expect_gt(registry_revision(it.registry), revision);
    cr_expect_eq(count("judgement WHERE kind = 'claimed'"), 1);
    cr_expect_eq(count("sticky"), 1);
}

Test(claim, disowned_and_claimed_again) {
    struct actor *const server = actor_start(me);
    struct lease *lease = grant("web", NULL);
    listen_by(PORT, server, me);
    cr_expect_eq(registry_disown(it.registry, lease, 0), 0);
    cr_expect_eq(lease_state(lease), LEASE_CONFLICT);
    fake_daemon_restart(&it);
    registry_turn(it.registry);
    lease = registry_find_port(it.registry, PORT);
    cr_expect_eq(lease_state(lease), LEASE_CONFLICT, "also after a restart");
    claimed(PORT, "web", false);
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    cr_expect_eq(lease->n_judgements, 1, "the one takes the place of the other");
    cr_expect_eq(count("judgement"), 1);
}

/* Two parties on one port, which nothing tells apart but what a person says of one. */
Test(claim, one_of_two_parties_is_meant_by_its_pid) {
    struct actor *const server = actor_start(me);
    struct actor *const other = actor_start(me);
    const struct lease_key key = {.uid = me, .service_name = "web", .project = ""};
    struct lease *lease = grant("web", NULL);
    struct lease *claimed_lease = NULL;
    bool created = true;
    listen_by(PORT, server, me);
    listen_by(PORT, other, me);
    registry_observe(it.registry, 0, NULL);
    cr_expect(lease->sight.shared);
    cr_expect_eq(registry_claim(it.registry, PORT, getpid(), &key, &created, &claimed_lease), CLAIM_E_NOT_LISTENING);
    cr_expect_eq(registry_disown(it.registry, lease, getpid()), CLAIM_E_NOT_LISTENING);
    cr_expect_eq(lease->n_judgements, 0);
    cr_expect_eq(registry_claim(it.registry, PORT, actor_pid(server), &key, &created, &claimed_lease), 0);
    cr_expect_eq(lease->n_judgements, 1);
    cr_expect_eq(lease->judgements[0].process.pid, actor_pid(server));
    cr_expect_eq(registry_disown(it.registry, lease, actor_pid(other)), 0);
    cr_expect_eq(count("judgement WHERE kind = 'disowned'"), 1);
    cr_expect_eq(count("judgement WHERE kind = 'claimed'"), 1);
    cr_expect(lease->sight.own && lease->sight.confirmed && lease->sight.foreign);
}

Test(claim, a_disowned_listener_keeps_no_lease) {
    grant("web", NULL);
    listen_by(PORT, NULL, me);
    fake_daemon_pass(&it, 1000);
    cr_expect_eq(registry_disown(it.registry, registry_find_port(it.registry, PORT), 0), 0);
    fake_daemon_pass(&it, 300000);
    cr_expect_null(registry_find_port(it.registry, PORT));
}

Test(claim, what_is_the_holders_cannot_be_disowned) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    listen_by(PORT, actor_fork(holder), me);
    cr_expect_eq(registry_disown(it.registry, lease, 0), CLAIM_E_HOLDER);
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    cr_expect_eq(count("judgement WHERE kind = 'disowned'"), 0);
    claimed(PORT, "web", false);
    cr_expect_eq(registry_disown(it.registry, lease, 0), CLAIM_E_HOLDER, "nor if it was claimed before");
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
}

Test(claim, beside_the_holders_own_a_strangers_is_disowned) {
    struct actor *const holder = actor_start(me);
    struct actor *const stranger = actor_start(me);
    struct lease *lease = grant("web", holder);
    listen_by(PORT, holder, me);
    listen_by(PORT, stranger, me);
    cr_expect_eq(registry_disown(it.registry, lease, 0), 0);
    cr_expect(lease->sight.own && lease->sight.foreign);
    cr_expect_eq(count("judgement WHERE kind = 'disowned'"), 1);
}

Test(claim, sockets_that_do_not_listen_are_not_judged) {
    bool created;
    struct lease *lease = grant("web", NULL);
    listen_by(PORT, NULL, me);
    listen_by(PORT, NULL, BOB);
    registry_observe(it.registry, 0, NULL);
    it.kernel.listeners.items[1].state = LISTENER_BOUND;
    it.kernel.snapshot.items[1].listener.state = LISTENER_BOUND;
    cr_expect_eq(registry_disown(it.registry, lease, 0), 0);
    cr_expect_eq(lease->n_judgements, 1);
    it.kernel.listeners.items[0].state = LISTENER_BOUND;
    it.kernel.snapshot.items[0].listener.state = LISTENER_BOUND;
    cr_expect_eq(claim(PORT, "web", &created, &lease), CLAIM_E_NOT_LISTENING);
}

/* ---- a disk that is full ---- */

Test(claim, a_full_disk_makes_no_lease) {
    bool created = true;
    struct lease *lease = NULL;
    listen_by(PORT, NULL, me);
    for (unsigned n = 1;; n++) {
        cr_assert_lt(n, 100);
        fake_disk_fail(n, SQLITE_FULL, true);
        const int r = claim(PORT, "web", &created, &lease);
        fake_disk_fail(0, 0, false);
        if (r == 0) {
            cr_expect_gt(n, 1);
            break;
        }
        cr_assert_eq(r, GRANT_E_NOT_STORED);
        cr_assert(created && lease == NULL, "untouched");
        cr_assert_null(registry_find_port(it.registry, PORT));
        cr_assert_eq(count("lease") + count("judgement") + count("sticky"), 0);
    }
    cr_expect_eq(lease->id, 1, "no id was lost");
    cr_expect_eq(count("lease") + count("judgement") + count("sticky"), 3);
}

Test(claim, a_full_disk_leaves_a_lease_as_it_was) {
    struct actor *const server = actor_start(me);
    struct lease *lease = grant("web", NULL);
    listen_by(PORT, server, me);
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(registry_disown(it.registry, lease, 0), GRANT_E_NOT_STORED);
    fake_disk_fail(0, 0, false);
    cr_expect_eq(lease->n_judgements, 0);
    claimed(PORT, "web", false);
    fake_disk_fail(1, SQLITE_FULL, true);
    cr_expect_eq(registry_disown(it.registry, lease, 0), GRANT_E_NOT_STORED);
    fake_disk_fail(0, 0, false);
    cr_expect_eq(lease->n_judgements, 1);
    cr_expect_eq(lease->judgements[0].kind, JUDGED_CLAIMED);
    cr_expect_eq(lease_state(lease), LEASE_BOUND);
    cr_expect_eq(count("judgement WHERE kind = 'claimed'"), 1);
    cr_expect_eq(registry_disown(it.registry, lease, 0), 0);
    cr_expect_eq(count("judgement WHERE kind = 'disowned'"), 1);
}

/* ---- many judgements ---- */

Test(claim, what_a_person_said_outlives_what_was_recognised) {
    struct lease *lease = grant("web", NULL);
    struct judgement judgement = {.kind = JUDGED_DISOWNED, .inode = 1};
    cr_assert_eq(lease_judge(lease, &judgement), 0);
    judgement.kind = JUDGED_RECOGNISED;
    for (judgement.inode = 2; judgement.inode < 200; judgement.inode++)
        cr_assert_eq(lease_judge(lease, &judgement), 0);
    cr_expect_eq(lease->n_judgements, LEASE_JUDGEMENTS_MAX);
    cr_assert_not_null(lease_find_judgement(lease, 1, NULL));
    cr_expect_null(lease_find_judgement(lease, 199 - LEASE_JUDGEMENTS_MAX + 1, NULL), "the oldest");
    cr_expect_not_null(lease_find_judgement(lease, 199 - LEASE_JUDGEMENTS_MAX + 2, NULL));
    cr_expect_not_null(lease_find_judgement(lease, 199, NULL));
    judgement.kind = JUDGED_CLAIMED;
    for (judgement.inode = 200; judgement.inode < 300; judgement.inode++)
        cr_assert_eq(lease_judge(lease, &judgement), 0);
    cr_expect_null(lease_find_judgement(lease, 1, NULL), "and if there are too many of these, the oldest of them");
    cr_expect_not_null(lease_find_judgement(lease, 299, NULL));
}

Test(claim, a_process_that_has_the_pid_of_another_one_is_another) {
    struct lease *lease = grant("web", NULL);
    const struct judgement said[] = {{JUDGED_CLAIMED, 0, {7, 7, 0}}, {JUDGED_DISOWNED, 0, {7, 8, 0}}};
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(lease_judge(lease, &said[i]), 0);
    cr_expect_eq(lease->n_judgements, 2);
    cr_expect_eq(lease_find_judgement(lease, 0, &said[0].process)->kind, JUDGED_CLAIMED);
    cr_expect_eq(lease_find_judgement(lease, 0, &said[1].process)->kind, JUDGED_DISOWNED);
}

Test(claim, what_was_said_last_about_a_process_counts) {
    struct lease *lease = grant("web", NULL);
    const struct process_id process = {7, 7, 7};
    const struct judgement said[] = {
        {JUDGED_CLAIMED, 1, process}, {JUDGED_DISOWNED, 2, process}, {JUDGED_CLAIMED, 1, process}};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(lease_judge(lease, &said[i]), 0);
    cr_expect_eq(lease->n_judgements, 2);
    cr_expect_eq(lease_find_judgement(lease, 0, &process)->kind, JUDGED_CLAIMED);
    cr_expect_eq(lease_find_judgement(lease, 2, NULL)->kind, JUDGED_DISOWNED);
    cr_expect_null(lease_find_judgement(lease, 0, &(struct process_id){7, 7, 8}));
    cr_expect_null(lease_find_judgement(lease, 0, NULL));
    cr_expect_null(lease_find_judgement(lease, 0, &(struct process_id){0}));
}
