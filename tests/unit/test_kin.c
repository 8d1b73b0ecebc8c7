/* The holders' kin, with real processes: who is pinned, by whom the index finds them, and who is not taken for one. */
#include "src/lease/kin.h"

#include <criterion/criterion.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"

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

TestSuite(kin, .init = set_up, .fini = tear_down, .timeout = 60);

static struct lease *grant(const char *name, const struct actor *holder, pid_t asker) {
    struct grant_request request = fake_daemon_ask(name);
    request.key.uid = me;
    request.holder = holder ? actor_pid(holder) : 0;
    request.asker = asker;
    return fake_daemon_grant(&it, &request);
}

static bool is_kin(const struct lease *lease, const struct actor *actor) {
    for (size_t i = 0; i < lease->n_kin; i++)
        if (lease->kin[i].id.pid == actor_pid(actor))
            return true;
    return false;
}

static void follow(void) {
    kin_follow(it.registry, true);
}

Test(kin, children_and_grandchildren_of_a_holder_are_pinned_and_nobody_else) {
    struct actor *const holder = actor_start(me);
    struct actor *const stranger = actor_start(me);
    struct lease *lease = grant("web", holder, 0);
    struct actor *const child = actor_fork(holder);
    struct actor *const grandchild = actor_fork(child);
    struct actor *const strangers_child = actor_fork(stranger);
    follow();
    cr_expect(is_kin(lease, child) && is_kin(lease, grandchild));
    cr_expect_not(is_kin(lease, stranger) || is_kin(lease, strangers_child) || is_kin(lease, holder));
    cr_expect_eq(lease->n_kin, 2);
    follow();
    cr_expect_eq(lease->n_kin, 2, "nobody twice");
}

Test(kin, children_that_a_holder_had_before_the_grant_are_found) {
    struct actor *const first = actor_start(me);
    grant("first", first, 0);
    struct actor *const holder = actor_start(me);
    struct actor *const child = actor_fork(holder);
    follow(); /* both are known now, and nobody's */
    struct lease *lease = grant("web", holder, 0);
    follow();
    cr_expect(is_kin(lease, child));
}

Test(kin, what_a_process_of_two_leases_brings_is_both_ones) {
    struct actor *const holder = actor_start(me);
    struct lease *a = grant("a", holder, 0);
    struct lease *b = grant("b", holder, 0);
    struct actor *const child = actor_fork(holder);
    follow();
    cr_expect(is_kin(a, child) && is_kin(b, child));
}

Test(kin, without_a_holder_nobody_is_looked_for) {
    struct actor *const asker = actor_start(me);
    const struct lease *lease = grant("web", NULL, actor_pid(asker));
    actor_fork(asker);
    follow();
    cr_expect_eq(lease->n_kin, 0);
    cr_expect_eq(it.registry->kin.family.n_items, 0, "not even listed");
}

Test(kin, an_orphan_stays_kin_and_so_do_its_children) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, 0);
    struct actor *const child = actor_fork(holder);
    follow();
    actor_end(holder);
    registry_hear_holders(it.registry);
    cr_expect_eq(lease->holder_pidfd, -1);
    struct actor *const grandchild = actor_fork(child);
    follow();
    cr_expect(is_kin(lease, child) && is_kin(lease, grandchild));
    actor_end(child);
    registry_hear_holders(it.registry);
    cr_expect(!is_kin(lease, child) && is_kin(lease, grandchild));
}

/* The holder forks and ends at once, and is heard before anybody has looked: portctl run is a subreaper. */
Test(kin, the_asker_of_a_run_adopts_also_when_its_holder_has_ended) {
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    me = geteuid(); /* the asker is this process */
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, getpid());
    cr_assert(lease->asker_is_parent);
    struct actor *const server = actor_fork(holder);
    actor_end(holder);
    registry_hear_holders(it.registry);
    cr_expect_not(registry_release_idle(it.registry, lease));
    cr_expect(is_kin(lease, server));
}

/* It is found now or never: the asker may be gone in a moment. */
Test(kin, whom_a_holder_leaves_behind_is_looked_for_whatever_that_costs) {
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    me = geteuid();
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, getpid());
    struct actor *const child = actor_fork(holder);
    budget_spend(&it.registry->kin.budget, UINT64_C(3600000000000), it.clock.now.monotonic_ms);
    kin_follow(it.registry, false);
    cr_expect_not(is_kin(lease, child), "while it lives there is time");
    actor_end(holder);
    kin_follow(it.registry, false);
    cr_expect(is_kin(lease, child));
}

Test(kin, an_asker_that_is_not_the_parent_adopts_nobody) {
    struct actor *const asker = actor_start(me);
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, actor_pid(asker));
    cr_expect_not(lease->asker_is_parent);
    actor_fork(asker);
    follow();
    cr_expect_eq(lease->n_kin, 0);
}

Test(kin, an_asker_that_has_ended_adopts_nobody) {
    struct actor *const asker = actor_start(me);
    struct actor *const holder = actor_fork(asker);
    struct lease *lease = grant("web", holder, actor_pid(asker));
    cr_expect(lease->asker_is_parent);
    struct actor *const child = actor_fork(asker);
    lease->asker.start_time++; /* another one has its pid */
    follow();
    cr_expect_not(is_kin(lease, child));
}

Test(kin, that_the_asker_is_the_parent_is_known_after_a_restart) {
    struct actor *const asker = actor_start(me);
    struct actor *const holder = actor_fork(asker);
    grant("web", holder, actor_pid(asker));
    struct actor *const stranger = actor_start(me);
    grant("db", holder, actor_pid(stranger));
    fake_daemon_restart(&it);
    cr_expect(registry_find_id(it.registry, 1)->asker_is_parent);
    cr_expect_not(registry_find_id(it.registry, 2)->asker_is_parent);
}

Test(kin, after_a_restart_the_holders_children_are_found_again) {
    struct actor *const holder = actor_start(me);
    grant("web", holder, 0);
    struct actor *const child = actor_fork(holder);
    follow();
    fake_daemon_restart(&it);
    follow();
    cr_expect(is_kin(registry_find_id(it.registry, 1), child));
}

/* ---- the index ---- */

Test(kin, the_index_finds_every_member_by_its_pid) {
    enum { N = 20 };
    struct actor *holders[N];
    const struct kin_member *members = NULL;
    it.rules.max = 8099;
    for (size_t i = 0; i < N; i++) {
        holders[i] = actor_start(me);
        grant("web", holders[i], 0);
        grant("web", holders[i], 0);
    }
    for (size_t i = 0; i < N; i++) {
        cr_assert_eq(kin_find(it.registry, actor_pid(holders[i]), &members), 2);
        for (size_t j = 0; j < 2; j++) {
            cr_expect_eq(members[j].pid, actor_pid(holders[i]));
            cr_expect_eq(members[j].lease->holder.pid, actor_pid(holders[i]));
            cr_expect_eq(members[j].start_time, members[j].lease->holder.start_time);
            cr_expect(members[j].is_holder);
        }
    }
    cr_expect_eq(kin_find(it.registry, getpid(), &members), 0);
    cr_expect_eq(kin_find(it.registry, 0, &members), 0);
}

Test(kin, the_index_forgets_a_lease_that_ends_and_a_process_that_does) {
    struct actor *const holder = actor_start(me);
    struct actor *const child = actor_fork(holder);
    const struct kin_member *members = NULL;
    struct lease *a = grant("a", holder, 0);
    grant("b", holder, 0);
    follow();
    cr_expect_eq(kin_find(it.registry, actor_pid(child), &members), 2);
    cr_expect_not(members[0].is_holder);
    registry_release(it.registry, a);
    cr_expect_eq(kin_find(it.registry, actor_pid(child), &members), 1);
    cr_expect_eq(kin_find(it.registry, actor_pid(holder), &members), 1);
    actor_end(child);
    actor_end(holder);
    registry_hear_holders(it.registry);
    cr_expect_eq(kin_find(it.registry, actor_pid(child), &members), 0);
    cr_expect_eq(kin_find(it.registry, actor_pid(holder), &members), 0);
}

Test(kin, a_process_that_has_ended_or_is_another_is_not_added) {
    struct actor *const holder = actor_start(me);
    struct actor *const other = actor_start(me);
    struct lease *lease = grant("web", holder, 0);
    struct process_id id;
    const uint64_t revision = registry_revision(it.registry);
    cr_assert_eq(process_pin(actor_pid(other), NULL, &id, NULL), 0);
    id.start_time++;
    kin_add(it.registry, lease, &id);
    id.start_time--;
    cr_expect_eq(lease->n_kin, 0);
    cr_expect_eq(registry_revision(it.registry), revision);
    kin_add(it.registry, lease, &lease->holder);
    cr_expect_eq(lease->n_kin, 0);
    kin_add(it.registry, lease, &id);
    kin_add(it.registry, lease, &id);
    cr_expect_eq(lease->n_kin, 1);
    cr_expect_gt(registry_revision(it.registry), revision);
}
