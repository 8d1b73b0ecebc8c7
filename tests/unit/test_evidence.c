/* Whose listener is it? Each rule and the order of the rules, with real processes wherever a pid matters. */
#include "src/lease/evidence.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/child.h"
#include "tests/support/fake_daemon.h"

#define PORT FAKE_DAEMON_MIN

static struct fake_daemon it;
static uid_t me; /* whose the actors are */

static void set_up(void) {
    me = geteuid() == 0 ? ANN : geteuid();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(evidence, .init = set_up, .fini = tear_down, .timeout = 60);

/* The next free port for a service of mine; NULL: none. */
static struct lease *grant(const char *name, const struct actor *holder, const struct actor *asker) {
    struct grant_request request = fake_daemon_ask(name);
    request.key.uid = me;
    request.holder = holder ? actor_pid(holder) : 0;
    request.asker = asker ? actor_pid(asker) : 0;
    return fake_daemon_grant(&it, &request);
}

static void own(const struct actor *actor) {
    struct process_info *info = actor_read(actor);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
}

/* A listener of the actor's on the lease's port; NULL: its owner is hidden. */
static void listen_by(const struct lease *lease, const struct actor *actor, uid_t uid) {
    fake_kernel_listen(&it.kernel, lease->port, uid);
    if (actor)
        own(actor);
}

static struct sighting *sighting_on(uint16_t port) {
    for (size_t i = 0; i < it.kernel.snapshot.n_items; i++)
        if (it.kernel.snapshot.items[i].listener.port == port)
            return &it.kernel.snapshot.items[i];
    cr_assert(false, "nobody listens on port %u", port);
    return NULL;
}

/* Reads the kernel, and weighs the first listener on the lease's port; nothing is remembered. */
static struct evidence weigh(const struct lease *lease) {
    const struct snapshot_source source = fake_kernel_source(&it.kernel);
    cr_assert_eq(source.read(source.context), 0);
    registry_hear_holders(it.registry);
    return evidence_weigh(it.registry, lease, sighting_on(lease->port));
}

static void follow(void) {
    kin_follow(it.registry, true);
}

#define EXPECT(weighed, level_, by_)                                                                                   \
    do {                                                                                                               \
        const struct evidence found = (weighed);                                                                       \
        cr_expect_eq(found.by, by_, "%s and not %s", evidence_by_name(found.by), evidence_by_name(by_));               \
        cr_expect_eq(found.level, level_, "%s", evidence_level_name(found.level));                                     \
    } while (0)

static void judge(struct lease *lease, enum judgement_kind kind, const struct actor *actor, uint32_t inode) {
    struct judgement judgement = {.kind = kind, .inode = inode};
    if (actor)
        cr_assert_eq(process_pin(actor_pid(actor), NULL, &judgement.process, NULL), 0);
    cr_assert_eq(lease_judge(lease, &judgement), 0);
}

/* ---- holders and what descends from them ---- */

Test(evidence, the_holder_itself) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    listen_by(lease, holder, me);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_HOLDER);
    cr_expect_eq(weigh(lease).pid, actor_pid(holder));
    registry_look(it.registry);
    cr_expect(lease->sight.own && lease->sight.confirmed && !lease->sight.foreign);
}

Test(evidence, the_holder_as_another_user) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    listen_by(lease, holder, BOB);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_HOLDER);
}

Test(evidence, a_grandchild_of_the_holder_by_its_parents_alone) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct actor *const grandchild = actor_fork(actor_fork(holder));
    listen_by(lease, grandchild, me);
    cr_expect_eq(lease->n_kin, 0, "nobody has followed");
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_DESCENDANT);
    cr_expect_eq(weigh(lease).pid, actor_pid(grandchild));
}

/* fork, setsid, fork, and the middle ones end: the classic daemon. */
Test(evidence, a_daemon_that_was_seen_below_its_holder) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct actor *const middle = actor_fork(holder);
    actor_begin_session(middle);
    struct actor *const server = actor_fork(middle);
    follow();
    actor_end(middle);
    actor_end(holder);
    listen_by(lease, server, me);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_DESCENDANT);
}

Test(evidence, a_daemon_that_was_never_seen_below_its_holder_is_plausible_only) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct actor *const server = actor_fork(holder);
    actor_end(holder);
    listen_by(lease, server, me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
}

/* portctl run: the asker is the holder's parent, and a subreaper. */
Test(evidence, what_the_asker_of_a_run_adopts_is_the_holders) {
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    cr_assert_eq(process_pin(getpid(), NULL, &lease->asker, NULL), 0);
    lease->asker_is_parent = true;
    struct actor *const server = actor_fork(holder);
    actor_end(holder);
    follow(); /* seen for the first time when it is ours */
    cr_expect_eq(lease->n_kin, 1);
    listen_by(lease, server, me);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_DESCENDANT);
}

Test(evidence, any_owner_of_several_will_do) {
    struct actor *const stranger = actor_start(me);
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    listen_by(lease, stranger, me);
    own(holder);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_HOLDER);
    cr_expect_eq(weigh(lease).pid, actor_pid(holder));
}

/* The same pid at another time: as the walk may tell it of a process that got the holder's pid. */
Test(evidence, the_holders_pid_is_not_enough) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct process_info *info = actor_read(holder);
    info->id.start_time++;
    info->n_parents = 0;
    fake_kernel_listen(&it.kernel, lease->port, me);
    fake_kernel_own(&it.kernel, info);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
    info->parents[0] = (struct process_parent){.pid = info->id.pid, .start_time = info->id.start_time};
    info->n_parents = 1;
    info->id.pid = getpid();
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
    process_info_unref(info);
}

/* ---- what was recognised ---- */

Test(evidence, what_was_confirmed_once_stays_so_when_the_holder_has_gone) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct actor *const server = actor_fork(holder);
    listen_by(lease, server, me);
    registry_observe(it.registry, 0, NULL);
    cr_assert_eq(lease->n_judgements, 1);
    actor_end(holder);
    lease_clear_kin(lease);
    registry_touch(it.registry);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_RECOGNISED);
    cr_expect_eq(weigh(lease).pid, actor_pid(server));
}

Test(evidence, what_was_recognised_is_so_after_a_restart_and_with_a_new_socket) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct actor *const server = actor_fork(holder);
    listen_by(lease, server, me);
    fake_daemon_pass(&it, 1000);
    fake_daemon_close(&it);
    actor_end(holder);
    cr_assert_eq(fake_daemon_open(&it), 0);
    lease = registry_find_port(it.registry, PORT);
    cr_expect_eq(lease->n_kin, 1, "pinned again");
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_DESCENDANT);
    lease_clear_kin(lease);
    registry_touch(it.registry);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_RECOGNISED);
    fake_kernel_close(&it.kernel, PORT);
    listen_by(lease, server, me);
    lease_clear_kin(lease);
    registry_touch(it.registry);
    cr_expect_eq(evidence_weigh(it.registry, lease, (registry_observe(it.registry, 0, NULL), sighting_on(PORT))).level,
                 EVIDENCE_CONFIRMED);
}

Test(evidence, what_is_recognised_by_its_socket_may_have_a_new_owner) {
    struct actor *const first = actor_start(me);
    struct actor *const second = actor_start(me);
    struct lease *lease = grant("web", NULL, NULL);
    listen_by(lease, second, BOB);
    judge(lease, JUDGED_RECOGNISED, first, it.kernel.last_inode);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_RECOGNISED);
    lease->n_judgements = 0;
    judge(lease, JUDGED_RECOGNISED, first, it.kernel.last_inode + 1);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    judge(lease, JUDGED_RECOGNISED, second, 0);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_RECOGNISED);
}

/* ---- what a person said ---- */

Test(evidence, what_a_person_has_said_comes_before_everything) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    listen_by(lease, holder, me);
    judge(lease, JUDGED_DISOWNED, holder, 0);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_DISOWNED);
    judge(lease, JUDGED_CLAIMED, holder, it.kernel.last_inode);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_CLAIM);
    cr_expect(evidence_is_holders(it.registry, lease, sighting_on(lease->port)));
}

Test(evidence, a_person_can_claim_another_users_listener_and_one_that_nobody_has_looked_up) {
    struct lease *lease = grant("web", NULL, NULL);
    listen_by(lease, NULL, BOB);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    sighting_on(PORT)->state = SIGHTING_UNRESOLVED;
    cr_expect_not(evidence_weigh(it.registry, lease, sighting_on(PORT)).resolved);
    judge(lease, JUDGED_CLAIMED, NULL, it.kernel.last_inode);
    const struct evidence evidence = evidence_weigh(it.registry, lease, sighting_on(PORT));
    EXPECT(evidence, EVIDENCE_CONFIRMED, BY_CLAIM);
    cr_expect(evidence.resolved, "nothing that may be found out changes it");
}

/* ---- other leases ---- */

Test(evidence, another_leases_holder_and_its_children_are_foreign) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", NULL, NULL);
    const struct lease *other = grant("db", holder, NULL);
    listen_by(lease, holder, me);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_LEASE);
    cr_expect_eq(weigh(lease).other_lease_id, other->id);
    registry_look(it.registry);
    cr_expect(lease->sight.foreign && !lease->sight.own);
    fake_kernel_close(&it.kernel, lease->port);
    listen_by(lease, actor_fork(holder), me);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_LEASE);
}

/* run a -- run b -- server */
Test(evidence, one_that_belongs_to_two_leases_is_this_ones) {
    struct actor *const outer = actor_start(me);
    struct actor *const inner = actor_fork(outer);
    struct lease *a = grant("a", outer, NULL);
    struct lease *b = grant("b", inner, NULL);
    follow();
    struct actor *const server = actor_fork(inner);
    listen_by(a, server, me);
    listen_by(b, server, me);
    EXPECT(weigh(a), EVIDENCE_CONFIRMED, BY_DESCENDANT);
    EXPECT(weigh(b), EVIDENCE_CONFIRMED, BY_DESCENDANT);
}

/* run dev -- sh -c 'PORT=$(portctl alloc hmr) server' */
Test(evidence, a_script_that_runs_with_a_lease_may_ask_for_a_second_one) {
    struct actor *const script = actor_start(me);
    grant("dev", script, NULL);
    struct lease *hmr = grant("hmr", NULL, script);
    struct actor *const server = actor_fork(script);
    follow();
    listen_by(hmr, server, me);
    EXPECT(weigh(hmr), EVIDENCE_CONFIRMED, BY_ASKER);
}

/* run dev -- sh -c 'vite & PORT=$(portctl alloc hmr) server': vite is the first one's. */
Test(evidence, what_does_not_descend_from_the_script_that_asked_is_another_leases) {
    struct actor *const holder = actor_start(me);
    struct actor *const script = actor_fork(holder);
    struct actor *const vite = actor_fork(holder);
    grant("dev", holder, NULL);
    struct lease *hmr = grant("hmr", NULL, script);
    follow();
    listen_by(hmr, vite, me);
    EXPECT(weigh(hmr), EVIDENCE_FOREIGN, BY_OTHER_LEASE);
}

/* In one shell: run a -- server, and alloc b. The server is no child of the one that asked for b alone. */
Test(evidence, a_lease_of_the_same_shell_s_is_another_one) {
    struct actor *const shell = actor_start(me);
    struct actor *const server = actor_fork(shell);
    grant("a", server, NULL);
    struct lease *b = grant("b", NULL, shell);
    listen_by(b, server, me);
    EXPECT(weigh(b), EVIDENCE_FOREIGN, BY_OTHER_LEASE);
}

/* ---- older ---- */

Test(evidence, what_was_there_before_the_grant_is_foreign) {
    struct actor *const asker = actor_start(me);
    struct lease *lease = grant("web", NULL, asker);
    listen_by(lease, asker, me);
    registry_observe(it.registry, 0, NULL);
    lease->n_judgements = 0;
    struct sighting *sighting = sighting_on(PORT);
    cr_expect_gt(lease->granted_generation, 0);
    sighting->since_generation = lease->granted_generation + 1;
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_CONFIRMED, BY_ASKER);
    sighting->since_generation = lease->granted_generation;
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_FOREIGN, BY_OLDER);
    sighting->since_start = true;
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_CONFIRMED, BY_ASKER);
    sighting->since_start = false;
    lease->granted_generation = 0;
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_CONFIRMED, BY_ASKER);
}

/* ---- sessions ---- */

Test(evidence, the_session_that_the_holder_leads) {
    struct actor *const holder = actor_start(me);
    actor_begin_session(holder);
    struct lease *lease = grant("web", holder, NULL);
    struct actor *const middle = actor_fork(holder);
    struct actor *const server = actor_fork(middle);
    actor_end(middle);
    listen_by(lease, server, BOB);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_SESSION);
}

Test(evidence, a_session_that_both_are_in_and_neither_leads_is_no_evidence) {
    struct actor *const shell = actor_start(me);
    actor_begin_session(shell);
    struct actor *const holder = actor_fork(shell);
    struct actor *const stranger = actor_fork(shell);
    struct lease *lease = grant("web", holder, NULL);
    listen_by(lease, stranger, me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
}

Test(evidence, the_session_of_another_leases_holder_is_no_evidence) {
    struct actor *const other = actor_start(me);
    actor_begin_session(other);
    grant("db", other, NULL);
    struct lease *lease = grant("web", NULL, NULL);
    struct actor *const middle = actor_fork(other);
    struct actor *const server = actor_fork(middle);
    actor_end(middle);
    listen_by(lease, server, me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
}

Test(evidence, another_terminal_of_the_same_user_is_plausible_only) {
    struct actor *const first = actor_start(me);
    struct actor *const second = actor_start(me);
    actor_begin_session(first);
    actor_begin_session(second);
    struct lease *lease = grant("web", actor_fork(first), NULL);
    listen_by(lease, actor_fork(second), me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
}

Test(evidence, a_session_that_is_older_than_its_leader_is_another_one) {
    struct actor *const holder = actor_start(me);
    actor_begin_session(holder);
    struct lease *lease = grant("web", holder, NULL);
    struct process_info *info = actor_read(actor_start(me));
    info->session = actor_pid(holder);
    info->n_parents = 0;
    fake_kernel_listen(&it.kernel, PORT, me);
    fake_kernel_own(&it.kernel, info);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_SESSION);
    info->id.start_time = 1;
    EXPECT(evidence_weigh(it.registry, lease, sighting_on(PORT)), EVIDENCE_PLAUSIBLE, BY_UID);
    process_info_unref(info);
}

/* ---- cgroups ---- */

static void set_cgroup(char **cgroup, const char *path) {
    free(*cgroup);
    *cgroup = path ? strdup(path) : NULL;
}

Test(evidence, the_holders_service) {
    struct actor *const holder = actor_start(me);
    struct actor *const worker = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct process_info *info = actor_read(worker);
    set_cgroup(&info->cgroup, "/system.slice/web.service");
    fake_kernel_listen(&it.kernel, PORT, BOB);
    fake_kernel_own(&it.kernel, info);
    set_cgroup(&lease->holder_cgroup, NULL);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    set_cgroup(&lease->holder_cgroup, "/system.slice/web.service/sub");
    EXPECT(evidence_weigh(it.registry, lease, sighting_on(PORT)), EVIDENCE_FOREIGN, BY_OTHER_UID);
    set_cgroup(&lease->holder_cgroup, "/system.slice/web.service");
    EXPECT(evidence_weigh(it.registry, lease, sighting_on(PORT)), EVIDENCE_CONFIRMED, BY_CGROUP);
    actor_end(holder);
    registry_look(it.registry);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    process_info_unref(info);
}

Test(evidence, the_holders_service_tells_a_hidden_one_too) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    listen_by(lease, NULL, BOB);
    registry_observe(it.registry, 0, NULL);
    set_cgroup(&lease->holder_cgroup, "/system.slice/web.service");
    set_cgroup(&sighting_on(PORT)->cgroup, "/system.slice/web.service");
    const struct evidence evidence = evidence_weigh(it.registry, lease, sighting_on(PORT));
    EXPECT(evidence, EVIDENCE_CONFIRMED, BY_CGROUP);
    cr_expect_eq(evidence.pid, 0);
    own(actor_start(me)); /* it has an owner now, in another cgroup */
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    set_cgroup(&sighting_on(PORT)->cgroup, "/system.slice/other.service");
    EXPECT(evidence_weigh(it.registry, lease, sighting_on(PORT)), EVIDENCE_FOREIGN, BY_OTHER_UID);
}

/* ---- askers ---- */

Test(evidence, what_descends_from_the_asker_and_the_asker_itself) {
    struct actor *const asker = actor_start(me);
    struct lease *lease = grant("web", NULL, asker);
    cr_assert_eq(lease->asker.pid, actor_pid(asker));
    cr_expect_not(lease->asker_is_parent);
    listen_by(lease, actor_fork(actor_fork(asker)), me);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_ASKER);
    lease->n_judgements = 0;
    fake_kernel_close(&it.kernel, PORT);
    listen_by(lease, asker, me);
    EXPECT(weigh(lease), EVIDENCE_CONFIRMED, BY_ASKER);
}

Test(evidence, an_asker_that_has_ended_is_believed_of_nobody_new) {
    struct actor *const asker = actor_start(me);
    struct lease *lease = grant("web", NULL, asker);
    struct actor *const server = actor_fork(asker);
    listen_by(lease, server, BOB);
    actor_end(asker);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
}

Test(evidence, a_parent_with_the_askers_pid_is_not_the_asker) {
    struct actor *const asker = actor_start(me);
    struct lease *lease = grant("web", NULL, asker);
    struct process_info *info = actor_read(actor_fork(asker));
    info->parents[0].start_time--;
    fake_kernel_listen(&it.kernel, lease->port, me);
    fake_kernel_own(&it.kernel, info);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
    process_info_unref(info);
}

Test(evidence, another_users_process_is_no_asker) {
    if (geteuid() != 0)
        cr_skip("needs root, to be two users");
    struct actor *const asker = actor_start(BOB);
    cr_expect_eq(grant("web", NULL, asker)->asker.pid, 0);
}

Test(evidence, a_holder_that_asks_for_itself_is_not_its_own_parent) {
    struct actor *const shell = actor_start(me);
    struct actor *const loop = actor_fork(shell);
    struct lease *lease = grant("db", loop, loop);
    cr_expect_not(lease->asker_is_parent);
    struct actor *const stranger = actor_fork(shell);
    follow();
    cr_expect_eq(lease->n_kin, 0);
    listen_by(lease, stranger, me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
}

/* ---- forwarders, marks, users ---- */

static struct process_info *read_docker_proxy(const char *port) {
    char command[128];
    struct process_info *info = actor_read(actor_start(me));
    snprintf(
        command, sizeof(command),
        "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port %s -container-ip 172.17.0.2 -container-port 80",
        port);
    snprintf(info->name, sizeof(info->name), "docker-proxy");
    free(info->command);
    info->command = strdup(command);
    free(info->executable);
    info->executable = strdup("/usr/bin/docker-proxy");
    return info;
}

Test(evidence, a_containers_forwarder_is_plausible_if_it_is_for_this_port) {
    static const char *const ports[] = {"8000", "8001"};
    struct lease *lease = grant("web", NULL, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct process_info *info = read_docker_proxy(ports[i]);
        fake_kernel_listen(&it.kernel, PORT, 0);
        fake_kernel_own(&it.kernel, info);
        const struct evidence evidence = weigh(lease);
        if (i == 0)
            EXPECT(evidence, EVIDENCE_PLAUSIBLE, BY_FORWARDER);
        else
            EXPECT(evidence, EVIDENCE_FOREIGN, BY_OTHER_UID);
        fake_kernel_close(&it.kernel, PORT);
        process_info_unref(info);
    }
}

Test(evidence, a_hidden_one_in_docker_service_is_a_forwarder_if_it_is_roots) {
    struct lease *lease = grant("web", NULL, NULL);
    listen_by(lease, NULL, 0);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    struct sighting *sighting = sighting_on(PORT);
    set_cgroup(&sighting->cgroup, "/system.slice/docker.service");
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_PLAUSIBLE, BY_FORWARDER);
    sighting->listener.uid = BOB;
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_FOREIGN, BY_OTHER_UID);
    sighting->listener.uid = 0;
    sighting->since_generation = lease->granted_generation;
    EXPECT(evidence_weigh(it.registry, lease, sighting), EVIDENCE_FOREIGN, BY_OLDER);
}

Test(evidence, the_mark_in_the_environment_is_a_hint) {
    struct lease *lease = grant("web", NULL, NULL);
    struct process_info *info = actor_read(actor_start(me));
    fake_kernel_listen(&it.kernel, PORT, me);
    fake_kernel_own(&it.kernel, info);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
    snprintf(info->variable, sizeof(info->variable), "%d", 1);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_ENVIRONMENT);
    snprintf(info->variable, sizeof(info->variable), "%d", 11);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
    snprintf(info->variable, sizeof(info->variable), "%d", 1);
    sighting_on(PORT)->listener.uid = BOB;
    EXPECT(evidence_weigh(it.registry, lease, sighting_on(PORT)), EVIDENCE_FOREIGN, BY_OTHER_UID);
    process_info_unref(info);
}

Test(evidence, a_hidden_one_of_a_user_of_the_holders_family) {
    if (geteuid() != 0)
        cr_skip("needs root, to be two users");
    struct actor *const holder = actor_start(me);
    struct actor *const sudo = actor_start(BOB);
    struct actor *const late = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    struct process_id id;
    listen_by(lease, NULL, BOB);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    cr_assert_eq(process_pin(actor_pid(late), NULL, &id, NULL), 0);
    kin_add(it.registry, lease, &id);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
    cr_assert_eq(process_pin(actor_pid(sudo), NULL, &id, NULL), 0);
    kin_add(it.registry, lease, &id);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_HOLDERS_UID);
    cr_expect_eq(weigh(lease).pid, actor_pid(sudo));
    own(late); /* no longer hidden */
    lease_clear_kin(lease);
    registry_touch(it.registry);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
}

Test(evidence, the_holders_own_user_if_it_has_changed) {
    struct actor *const holder = actor_start(me);
    struct lease *lease = grant("web", holder, NULL);
    lease->uid = BOB; /* as if it were another's now */
    listen_by(lease, NULL, me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_HOLDERS_UID);
    actor_end(holder);
    EXPECT(weigh(lease), EVIDENCE_FOREIGN, BY_OTHER_UID);
}

Test(evidence, a_process_of_the_same_user_beside_a_living_holder_is_plausible) {
    struct lease *lease = grant("web", actor_start(me), NULL);
    listen_by(lease, actor_start(me), me);
    EXPECT(weigh(lease), EVIDENCE_PLAUSIBLE, BY_UID);
    registry_look(it.registry);
    cr_expect(lease->sight.own && !lease->sight.confirmed);
    cr_expect_eq(lease->n_judgements, 0, "what is not confirmed is not remembered");
}

/* ---- a pid that is used again ---- */

/* In a pid namespace of its own. Returns 0 if nothing was taken for what it is not. */
static int recycle(void) {
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
        return 2;
    struct fake_daemon *const daemon = &it;
    unsigned n_fooled = 0;
    fake_daemon_start(daemon); /* the test's own is the parent's */
    fake_daemon_pass(daemon, 40000);
    for (unsigned i = 0; i < 20; i++) {
        struct actor *const holder = actor_start(0);
        struct grant_request request = fake_daemon_ask("web");
        request.key.uid = 0;
        request.holder = actor_pid(holder);
        struct lease *lease = fake_daemon_grant(daemon, &request);
        registry_follow(daemon->registry);
        struct actor *const next = actor_replace(holder);
        struct actor *const child = actor_fork(next);
        follow();
        n_fooled += lease->n_kin > 0;
        listen_by(lease, i % 2 == 0 ? next : child, 0);
        n_fooled += weigh(lease).level == EVIDENCE_CONFIRMED;
        actor_end(child);
        actor_end(next);
        fake_kernel_close(&daemon->kernel, lease->port);
        registry_release(daemon->registry, lease);
    }
    fake_daemon_stop(daemon);
    return n_fooled == 0 ? 0 : 1;
}

Test(evidence, a_pid_that_is_used_again_inherits_nothing) {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        cr_skip("needs a pid namespace");
    const pid_t child = fork();
    if (child == 0)
        _exit(recycle());
    cr_expect_eq(child_wait(child), 0);
}

/* ---- words ---- */

Test(evidence, every_rule_and_every_level_has_its_words) {
    for (enum evidence_by i = 0; i < N_EVIDENCE_BY; i++) {
        cr_expect_gt(strlen(evidence_by_name(i)), 0);
        cr_expect_gt(strlen(evidence_by_words(i)), 10);
        for (enum evidence_by j = 0; j < i; j++)
            cr_expect_str_neq(evidence_by_name(i), evidence_by_name(j));
    }
    cr_expect_str_eq(evidence_by_name(BY_OTHER_LEASE), "other-lease");
    cr_expect_str_eq(evidence_by_name(BY_HOLDERS_UID), "holders-uid");
    cr_expect_str_eq(evidence_level_name(EVIDENCE_CONFIRMED), "confirmed");
    cr_expect_str_eq(evidence_level_name(EVIDENCE_PLAUSIBLE), "plausible");
    cr_expect_str_eq(evidence_level_name(EVIDENCE_FOREIGN), "foreign");
}
