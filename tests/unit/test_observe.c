/* What the kernel shows, laid beside the leases: their sights, where holders listen elsewhere, and what is remembered of it. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "src/lease/evidence.h"
#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_store.h"

#define PORT FAKE_DAEMON_MIN

static struct fake_daemon it;
static uid_t me;

static void set_up(void) {
    me = geteuid() == 0 ? ANN : geteuid();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(observe, .init = set_up, .fini = tear_down, .timeout = 60);

static struct lease *grant(const char *name, const struct actor *holder) {
    struct grant_request request = fake_daemon_ask(name);
    request.key.uid = me;
    request.holder = holder ? actor_pid(holder) : 0;
    return fake_daemon_grant(&it, &request);
}

static void listen_by(uint16_t port, const struct actor *actor) {
    fake_kernel_listen(&it.kernel, port, me);
    if (!actor)
        return;
    struct process_info *info = actor_read(actor);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
}

static enum lease_state observe(const struct lease *lease) {
    registry_observe(it.registry, 0, NULL);
    return lease_state(lease);
}

/* ---- elsewhere ---- */

Test(observe, a_holder_that_listens_on_another_port_is_elsewhere) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    cr_expect_eq(observe(lease), LEASE_PENDING);
    listen_by(5173, holder);
    cr_expect_eq(observe(lease), LEASE_ELSEWHERE);
    cr_expect_eq(lease->sight.elsewhere, 5173);
    listen_by(PORT, holder);
    cr_expect_eq(observe(lease), LEASE_BOUND);
    cr_expect_eq(lease->sight.elsewhere, 0, "a second port is its own business");
}

Test(observe, so_is_one_whose_child_does) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    struct actor *const child = actor_fork(holder);
    kin_follow(it.registry, true);
    listen_by(5174, child);
    listen_by(5173, child);
    cr_expect_eq(observe(lease), LEASE_ELSEWHERE);
    cr_expect_eq(lease->sight.elsewhere, 5173, "the lowest");
}

/* run --count 2: PORT and HMR_PORT. */
Test(observe, a_second_lease_of_the_holders_is_not_elsewhere) {
    struct actor *const holder = actor_start(me);
    struct lease *first = grant("web", holder);
    struct lease *second = grant("web", holder);
    listen_by(second->port, holder);
    cr_expect_eq(observe(first), LEASE_PENDING);
    cr_expect_eq(observe(second), LEASE_BOUND);
}

Test(observe, a_port_that_is_somebody_elses_lease_is_elsewhere) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    struct lease *others = grant("db", NULL);
    listen_by(others->port, holder);
    cr_expect_eq(observe(lease), LEASE_ELSEWHERE);
    cr_expect_eq(lease_state(others), LEASE_CONFLICT);
    cr_expect_eq(others->sight.elsewhere, 0);
}

Test(observe, a_stranger_elsewhere_is_nobodys_business) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    struct process_info *info = actor_read(holder);
    listen_by(5173, actor_start(me));
    cr_expect_eq(observe(lease), LEASE_PENDING);
    info->id.start_time++; /* another one with the holder's pid */
    fake_kernel_listen(&it.kernel, 5174, me);
    fake_kernel_own(&it.kernel, info);
    cr_expect_eq(observe(lease), LEASE_PENDING);
    process_info_unref(info);
}

Test(observe, a_socket_that_does_not_listen_is_not_seen) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    listen_by(5173, holder);
    listen_by(PORT, holder);
    registry_observe(it.registry, 0, NULL);
    it.kernel.asleep = true;
    for (size_t i = 0; i < it.kernel.snapshot.n_items; i++)
        it.kernel.snapshot.items[i].listener.state = LISTENER_BOUND;
    it.kernel.snapshot.revision++;
    registry_look(it.registry);
    cr_expect_eq(lease_state(lease), LEASE_SILENT);
}

/* ---- when to look ---- */

Test(observe, a_look_without_a_change_costs_nothing_and_one_after_a_change_sees_it) {
    struct lease *lease = grant("web", NULL);
    listen_by(PORT, NULL);
    cr_expect_eq(observe(lease), LEASE_BOUND);
    lease->sight.own = false;
    registry_look(it.registry);
    cr_expect_not(lease->sight.own, "it is not looked at again");
    it.kernel.snapshot.revision++;
    registry_look(it.registry);
    cr_expect(lease->sight.own, "another snapshot");
    lease->sight.own = false;
    grant("db", NULL);
    registry_look(it.registry);
    cr_expect(lease->sight.own, "another lease");
}

Test(observe, the_end_of_a_holder_is_a_change) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    struct lease *other = grant("db", NULL);
    listen_by(other->port, holder);
    cr_expect_eq(observe(other), LEASE_CONFLICT);
    actor_end(holder);
    registry_look(it.registry);
    cr_expect_eq(lease_state(other), LEASE_BOUND, "by its uid, as nothing better is known now");
    cr_expect_eq(lease->holder_pidfd, -1);
}

/* A worker in the holder's session has become kin, and so is its child, which comes before it in the list. */
Test(observe, what_is_found_out_changes_what_was_seen_before) {
    struct actor *const holder = actor_start(me);
    actor_begin_session(holder);
    struct lease *lease = grant("web", holder);
    struct actor *const middle = actor_fork(holder);
    struct actor *const worker = actor_fork(middle);
    actor_end(middle);
    struct actor *const child = actor_fork(worker);
    actor_begin_session(child);
    listen_by(PORT, child);
    listen_by(PORT, worker);
    registry_observe(it.registry, 0, NULL);
    cr_expect_eq(lease->n_judgements, 2);
    cr_expect_eq(lease->n_kin, 2);
}

/* ---- what is remembered ---- */

Test(observe, whom_it_confirms_it_remembers_and_stores) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    struct actor *const server = actor_fork(holder);
    listen_by(PORT, server);
    registry_turn(it.registry);
    cr_assert_eq(lease->n_judgements, 1);
    cr_expect_eq(lease->judgements[0].kind, JUDGED_RECOGNISED);
    cr_expect_eq(lease->judgements[0].inode, it.kernel.last_inode);
    cr_expect_eq(lease->judgements[0].process.pid, actor_pid(server));
    cr_expect_eq(lease->n_kin, 1);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM judgement WHERE kind = 'recognised'"), 1);
    cr_expect_eq(fake_store_query(&it.home, "SELECT was_bound FROM lease"), 1);
}

Test(observe, whom_it_only_believes_it_does_not_remember) {
    struct lease *lease = grant("web", NULL);
    listen_by(PORT, actor_start(me));
    registry_turn(it.registry);
    cr_expect(lease->sight.own && !lease->sight.confirmed);
    cr_expect_eq(lease->n_judgements, 0);
    cr_expect_eq(lease->n_kin, 0);
}

Test(observe, what_a_person_said_is_not_overwritten) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    listen_by(PORT, holder);
    const struct judgement said = {.kind = JUDGED_CLAIMED, .inode = it.kernel.last_inode};
    cr_assert_eq(lease_judge(lease, &said), 0);
    registry_turn(it.registry);
    cr_expect_eq(lease->n_judgements, 1);
    cr_expect_eq(lease->judgements[0].kind, JUDGED_CLAIMED);
}

Test(observe, what_is_known_of_a_process_is_not_said_again_of_its_socket) {
    static const enum judgement_kind kinds[] = {JUDGED_CLAIMED, JUDGED_RECOGNISED};
    struct actor *const server = actor_start(me);
    struct lease *lease = grant("web", NULL);
    struct judgement said = {0};
    cr_assert_eq(process_pin(actor_pid(server), NULL, &said.process, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        said.kind = kinds[i];
        lease_clear_judgements(lease);
        cr_assert_eq(lease_judge(lease, &said), 0);
        listen_by(PORT, server);
        cr_expect_eq(observe(lease), LEASE_BOUND);
        cr_expect_eq(lease->n_judgements, 1);
        fake_kernel_close(&it.kernel, PORT);
    }
}

/* A database that is written at every reading would keep the disk from its sleep. */
Test(observe, what_was_remembered_is_not_stored_again) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    listen_by(PORT, holder);
    registry_turn(it.registry);
    cr_expect_not(lease->judgements_unsaved);
    it.kernel.snapshot.revision++;
    registry_look(it.registry);
    cr_expect_not(lease->judgements_unsaved);
}

Test(observe, a_holders_listener_that_was_disowned_is_not_elsewhere) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    const struct judgement said = {.kind = JUDGED_DISOWNED, .process = lease->holder};
    cr_assert_eq(lease_judge(lease, &said), 0);
    listen_by(PORT, holder);
    cr_expect_eq(observe(lease), LEASE_CONFLICT);
    cr_expect_eq(lease->sight.elsewhere, 0);
}

Test(observe, both_the_leases_own_and_a_stranger_are_seen) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder);
    listen_by(PORT, holder);
    fake_kernel_listen(&it.kernel, PORT, BOB);
    cr_expect_eq(observe(lease), LEASE_CONFLICT);
    cr_expect(lease->sight.own && lease->sight.confirmed && lease->sight.foreign && lease->sight.shared);
    it.kernel.listeners.n_items = 1;
    cr_expect_eq(observe(lease), LEASE_BOUND);
    cr_expect_not(lease->sight.foreign || lease->sight.shared);
}
