/* Where the kernel and the leases disagree: what is found, and that each finding is told when it begins and when it ends. */
#include "src/conflict/findings.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "probe/sock_diag.h"
#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"

#define PORT FAKE_DAEMON_MIN

static struct fake_daemon it;
static struct findings findings;
static uid_t me;

/* What was told by the last update: "+taken 8000 " for a squatter, "+!taken 8000 " for a conflict. */
static char told[1024];
static char reason[256]; /* the last one's */

static void tell(void *context, const struct event_fact *fact) {
    static const char *const signs[N_EVENT_KINDS] = {
        [EVENT_SQUATTER_APPEARED] = "+",
        [EVENT_SQUATTER_LEFT] = "-",
        [EVENT_CONFLICT_APPEARED] = "+!",
        [EVENT_CONFLICT_LEFT] = "-!",
    };
    char line[64];
    (void)context;
    cr_assert_not_null(signs[fact->kind]);
    snprintf(line, sizeof(line), "%s%s %u ", signs[fact->kind], fact->finding, fact->port);
    strncat(told, line, sizeof(told) - strlen(told) - 1);
    snprintf(reason, sizeof(reason), "%s", fact->reason);
}

static const struct event_sink sink = {.tell = tell};

static void set_up(void) {
    me = geteuid() == 0 ? ANN : geteuid();
    fake_daemon_start(&it);
    fake_daemon_pass(&it, 40000);
}

static void tear_down(void) {
    findings_deinit(&findings);
    fake_daemon_stop(&it);
}

TestSuite(findings, .init = set_up, .fini = tear_down, .timeout = 60);

/* With the snapshot as it is. Returns what was told. */
static const char *look(void) {
    const struct snapshot *snapshot = &it.kernel.snapshot;
    told[0] = '\0';
    registry_look(it.registry);
    cr_assert_eq(findings_update(&findings, snapshot, it.registry, &it.rules, it.clock.now, &sink), 0);
    return told;
}

/* Reads the kernel first. */
static const char *update(void) {
    registry_observe(it.registry, 0, NULL);
    return look();
}

static struct lease *grant(const char *name) {
    struct grant_request request = fake_daemon_ask(name);
    request.key.uid = me;
    return fake_daemon_grant(&it, &request);
}

static void own(const struct actor *actor) {
    struct process_info *info = actor_read(actor);
    fake_kernel_own(&it.kernel, info);
    process_info_unref(info);
}

static void listen_as(uint16_t port, uid_t uid) {
    fake_kernel_listen(&it.kernel, port, uid);
}

static struct sighting *sighting_of(uint32_t inode) {
    for (size_t i = 0; i < it.kernel.snapshot.n_items; i++)
        if (it.kernel.snapshot.items[i].listener.inode == inode)
            return &it.kernel.snapshot.items[i];
    return NULL;
}

/* As a reading would have found the last socket. */
static struct sighting *make_bound(unsigned n_seen) {
    struct sighting *sighting = sighting_of(it.kernel.last_inode);
    sighting->listener.state = LISTENER_BOUND;
    sighting->n_seen = n_seen;
    it.kernel.snapshot.revision++;
    return sighting;
}

/* ---- unleased ---- */

Test(findings, who_listens_in_the_range_without_a_lease) {
    listen_as(PORT, me);
    listen_as(FAKE_DAEMON_MAX, me);
    listen_as(PORT - 1, me);
    listen_as(FAKE_DAEMON_MAX + 1, me);
    cr_expect_str_eq(update(), "+unleased 8000 +unleased 8009 ");
    cr_expect_str_eq(update(), "");
    cr_expect_eq(findings.n_items, 2);
    cr_expect_eq(findings.items[0].uid, me);
    cr_expect_eq(findings.items[0].lease_id, 0);
    cr_expect_eq(findings.items[0].pid, 0);
    fake_kernel_close(&it.kernel, PORT);
    cr_expect_str_eq(update(), "-unleased 8000 ");
    cr_expect_str_eq(update(), "");
    cr_expect_eq(findings.n_items, 1);
}

Test(findings, all_listeners_of_a_port_without_a_lease_are_one_finding) {
    for (unsigned i = 0; i < FINDING_SOCKETS_MAX + 3; i++)
        listen_as(PORT, me);
    cr_expect_str_eq(update(), "+unleased 8000 ");
    cr_expect_eq(findings.items[0].n_inodes, FINDING_SOCKETS_MAX);
}

Test(findings, a_lease_ends_it) {
    listen_as(PORT, me);
    update();
    bool created;
    struct lease *lease;
    const struct lease_key key = {.uid = me, .service_name = "web", .project = ""};
    cr_assert_eq(registry_claim(it.registry, PORT, &key, &created, &lease), 0);
    cr_expect_str_eq(look(), "-unleased 8000 ");
    cr_expect_eq(findings.n_items, 0);
}

Test(findings, portds_own_sockets_are_none) {
    struct process_info *portd = NULL;
    cr_assert_eq(process_info_read(getpid(), NULL, &portd), 0);
    it.rules.api_port = PORT;
    for (uint16_t port = PORT; port < PORT + 2; port++) {
        listen_as(port, me);
        fake_kernel_own(&it.kernel, portd);
    }
    listen_as(PORT + 2, me);
    registry_observe(it.registry, 0, NULL);
    sighting_of(1)->state = SIGHTING_UNRESOLVED;
    sighting_of(1)->n_owners = 0; /* the test's reference is the kernel's, too */
    cr_expect_str_eq(look(), "+unleased 8002 ");
    sighting_of(1)->state = SIGHTING_RESOLVED;
    it.kernel.snapshot.revision++;
    cr_expect_str_eq(look(), "+unleased 8000 ", "another one has portd's port");
    process_info_unref(portd);
}

/* ---- taken ---- */

Test(findings, a_stranger_on_a_leased_port) {
    struct actor *const stranger = actor_start(me);
    const struct lease *lease = grant("web");
    listen_as(PORT, BOB);
    own(stranger);
    cr_expect_str_eq(update(), "+taken 8000 +!taken 8000 ");
    cr_expect_not_null(strstr(reason, " listens on a port that is leased to web"), "%s", reason);
    cr_expect_eq(findings.items[0].lease_id, lease->id);
    cr_expect_eq(findings.items[0].pid, actor_pid(stranger));
    cr_expect_gt(strlen(findings.items[0].process), 0);
    cr_expect_eq(findings.items[0].uid, BOB);
    fake_kernel_close(&it.kernel, PORT);
    cr_expect_str_eq(update(), "-taken 8000 -!taken 8000 ");
}

Test(findings, a_leases_own_listener_is_none) {
    grant("web");
    listen_as(PORT, me);
    cr_expect_str_eq(update(), "");
    cr_expect_eq(findings.n_items, 0);
}

Test(findings, outside_the_range_a_leased_port_counts_too) {
    struct grant_request request = fake_daemon_ask("web");
    request.key.uid = me;
    request.exact = 5173;
    fake_daemon_grant(&it, &request);
    listen_as(5173, BOB);
    cr_expect_str_eq(update(), "+taken 5173 +!taken 5173 ");
}

Test(findings, a_lease_that_is_released_under_a_stranger) {
    struct lease *lease = grant("web");
    listen_as(PORT, BOB);
    update();
    registry_release(it.registry, lease);
    cr_expect_str_eq(update(), "-taken 8000 -!taken 8000 +unleased 8000 ");
    cr_expect_eq(findings.n_items, 1);
}

Test(findings, a_lease_that_is_released_under_its_own_listener) {
    struct lease *lease = grant("web");
    listen_as(PORT, me);
    cr_expect_str_eq(update(), "");
    registry_release(it.registry, lease);
    cr_expect_str_eq(update(), "+unleased 8000 ");
}

Test(findings, the_words_of_an_end_whose_lease_has_ended) {
    struct lease *lease = grant("web");
    listen_as(PORT, BOB);
    update();
    fake_kernel_close(&it.kernel, PORT);
    registry_release(it.registry, lease);
    cr_expect_str_eq(update(), "-taken 8000 -!taken 8000 ");
    cr_expect_str_eq(reason,
                     "a process of uid 54322 listens on a port that is leased to a service whose lease has ended");
}

Test(findings, a_squatter_that_is_replaced_by_another_is_a_new_one) {
    listen_as(PORT, BOB);
    update();
    const int64_t since = findings.items[0].since_unix_ms;
    fake_kernel_close(&it.kernel, PORT);
    fake_clock_advance(&it.clock, 1000);
    listen_as(PORT, BOB);
    cr_expect_str_eq(update(), "-unleased 8000 +unleased 8000 ");
    cr_expect_eq(findings.items[0].since_unix_ms, since + 1000);
}

/* ---- since when ---- */

Test(findings, since_when_is_kept) {
    listen_as(PORT, BOB);
    update();
    const int64_t since = it.clock.now.unix_ms;
    const uint64_t revision = findings.revision;
    cr_expect_eq(findings.items[0].since_unix_ms, since);
    cr_expect_not(findings.items[0].since_start);
    fake_clock_advance(&it.clock, 5000);
    listen_as(PORT + 1, BOB);
    update();
    cr_expect_gt(findings.revision, revision);
    cr_expect_eq(findings.items[0].since_unix_ms, since);
    cr_expect_eq(findings.items[1].since_unix_ms, since + 5000);
    const uint64_t before = findings.revision;
    listen_as(PORT, BOB); /* a second socket of the same finding */
    update();
    cr_expect_gt(findings.revision, before);
    cr_expect_eq(findings.items[0].n_inodes, 2);
    cr_expect_eq(findings.items[0].since_unix_ms, since);
}

Test(findings, what_was_there_at_the_start_may_be_older) {
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    sighting_of(1)->since_start = true;
    sighting_of(1)->since_unix_ms = 12345;
    look();
    cr_expect(findings.items[0].since_start);
    cr_expect_eq(findings.items[0].since_unix_ms, 12345);
}

Test(findings, what_may_be_older_stays_so_when_the_first_of_its_sockets_closes) {
    listen_as(PORT, BOB);
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    sighting_of(1)->since_start = true;
    look();
    it.kernel.listeners.items[0] = it.kernel.listeners.items[--it.kernel.listeners.n_items];
    cr_expect_str_eq(update(), "");
    cr_expect_eq(findings.items[0].n_inodes, 1);
    cr_expect(findings.items[0].since_start);
}

Test(findings, where_nothing_has_changed_nothing_is_made_anew) {
    listen_as(PORT, BOB);
    grant("web");
    update();
    const struct finding *const items = findings.items;
    look();
    cr_expect_eq(findings.items, items);
    grant("db");
    look();
    cr_expect_neq(findings.items, items);
}

Test(findings, another_lease_on_the_same_port_is_another_finding) {
    struct lease *lease = grant("web");
    listen_as(PORT, BOB);
    update();
    registry_release(it.registry, lease);
    it.kernel.listeners.n_items = 0; /* not for the grant's own check */
    struct grant_request request = fake_daemon_ask("db");
    request.exact = PORT;
    lease = fake_daemon_grant(&it, &request);
    it.kernel.listeners.n_items = 1;
    cr_expect_str_eq(look(), "-taken 8000 -!taken 8000 +taken 8000 +!taken 8000 ");
    cr_expect_eq(findings.items[0].lease_id, lease->id);
}

Test(findings, portd_on_a_leased_port_has_not_taken_it) {
    struct process_info *portd = NULL;
    cr_assert_eq(process_info_read(getpid(), NULL, &portd), 0);
    grant("web");
    listen_as(PORT, BOB);
    fake_kernel_own(&it.kernel, portd);
    cr_expect_str_eq(update(), "");
    process_info_unref(portd);
}

Test(findings, all_sockets_of_a_shared_port_are_named) {
    struct actor *const server = actor_start(me);
    grant("web");
    for (uid_t i = 0; i < 3; i++) {
        listen_as(PORT, me);
        own(i == 0 ? server : actor_start(me));
    }
    cr_expect_str_eq(update(), "+!shared 8000 ");
    cr_expect_eq(findings.items[0].n_inodes, 3);
}

Test(findings, the_revision_is_raised_by_changes_alone) {
    listen_as(PORT, BOB);
    update();
    const uint64_t revision = findings.revision;
    it.kernel.snapshot.revision++;
    look();
    cr_expect_eq(findings.revision, revision);
    own(actor_start(me));
    update();
    cr_expect_gt(findings.revision, revision, "its owner has become known");
    const uint64_t known = findings.revision;
    fake_kernel_close(&it.kernel, PORT);
    update();
    cr_expect_gt(findings.revision, known, "it has left");
}

/* ---- what is not known yet ---- */

Test(findings, one_is_told_once_its_owners_have_been_looked_for) {
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    sighting_of(1)->state = SIGHTING_UNRESOLVED;
    cr_expect_str_eq(look(), "");
    cr_expect_eq(findings.n_items, 1);
    cr_expect_not(findings.items[0].told);
    fake_clock_advance(&it.clock, 1499);
    cr_expect_str_eq(look(), "");
    sighting_of(1)->state = SIGHTING_RESOLVED;
    cr_expect_str_eq(look(), "+unleased 8000 ", "though no revision has changed");
    cr_expect_str_eq(look(), "");
}

Test(findings, one_is_told_all_the_same_if_the_search_takes_long) {
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    sighting_of(1)->state = SIGHTING_UNRESOLVED;
    look();
    fake_clock_advance(&it.clock, 1500);
    cr_expect_str_eq(look(), "+unleased 8000 ");
}

Test(findings, one_that_was_never_told_leaves_without_a_word) {
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    sighting_of(1)->state = SIGHTING_UNRESOLVED;
    look();
    fake_kernel_close(&it.kernel, PORT);
    cr_expect_str_eq(update(), "");
    cr_expect_eq(findings.n_items, 0);
}

Test(findings, an_incomplete_snapshot_ends_nothing) {
    grant("web");
    listen_as(PORT, BOB);
    listen_as(PORT + 1, BOB);
    cr_expect_str_eq(update(), "+taken 8000 +!taken 8000 +unleased 8001 ");
    fake_kernel_close(&it.kernel, PORT);
    fake_kernel_close(&it.kernel, PORT + 1);
    it.kernel.read_answer = SOCK_DIAG_E_INTERRUPTED;
    cr_expect_str_eq(update(), "");
    listen_as(PORT + 2, BOB);
    cr_expect_str_eq(update(), "+unleased 8002 ", "but what it shows is there");
    it.kernel.read_answer = 0;
    cr_expect_str_eq(update(), "-taken 8000 -!taken 8000 -unleased 8001 ");
}

/* ---- split and shared ---- */

static void disown(struct lease *lease, const struct actor *actor) {
    struct judgement judgement = {.kind = JUDGED_DISOWNED};
    cr_assert_eq(process_pin(actor_pid(actor), NULL, &judgement.process, NULL), 0);
    cr_assert_eq(lease_judge(lease, &judgement), 0);
    registry_touch(it.registry);
}

Test(findings, two_parties_on_one_port) {
    struct actor *const server = actor_start(me);
    struct actor *const stranger = actor_start(me);
    struct lease *lease = grant("web");
    disown(lease, stranger);
    listen_as(PORT, me);
    own(stranger);
    listen_as(PORT, me);
    own(server);
    cr_expect_str_eq(update(), "+!shared 8000 ", "a conflict and, as the port is not taken, no squatter's event");
    cr_expect_eq(findings.n_items, 1);
    cr_expect_eq(findings.items[0].inodes[0], 1, "the squatter's first");
    cr_expect_eq(findings.items[0].n_inodes, 2);
    cr_expect_eq(findings.items[0].pid, actor_pid(stranger));
    cr_expect(lease->sight.shared);
    cr_expect_eq(finding_sighting(&findings.items[0], 1, &it.kernel.snapshot)->listener.inode, 2);

    struct sighting *sighting = sighting_of(2);
    sighting->listener.family = AF_INET6;
    sighting->listener.address = in6addr_loopback;
    it.kernel.snapshot.revision++;
    cr_expect_str_eq(look(), "-!shared 8000 +!split 8000 ");
    cr_expect_eq(findings.items[0].kind, FINDING_SPLIT);
}

Test(findings, if_the_leases_own_leaves_the_other_has_taken_the_port) {
    struct actor *const server = actor_start(me);
    struct actor *const stranger = actor_start(me);
    struct lease *lease = grant("web");
    disown(lease, stranger);
    listen_as(PORT, me);
    own(server);
    listen_as(PORT, me);
    own(stranger);
    cr_expect_str_eq(update(), "+!shared 8000 ");
    it.kernel.listeners.items[0] = it.kernel.listeners.items[--it.kernel.listeners.n_items];
    cr_expect_str_eq(update(), "-!shared 8000 +taken 8000 +!taken 8000 ");
}

/* ---- inactive ---- */

Test(findings, who_has_bound_a_port_and_does_not_listen) {
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    make_bound(1);
    cr_expect_str_eq(look(), "", "it may be a server on its way to listen()");
    make_bound(2);
    cr_expect_str_eq(look(), "+inactive 8000 ");
    cr_expect_eq(findings.items[0].kind, FINDING_INACTIVE);
    sighting_of(1)->listener.state = LISTENER_LISTEN;
    it.kernel.snapshot.revision++;
    cr_expect_str_eq(look(), "-inactive 8000 +unleased 8000 ");
}

Test(findings, beside_a_listener_an_inactive_socket_says_nothing_new) {
    listen_as(PORT, BOB);
    listen_as(PORT, BOB);
    registry_observe(it.registry, 0, NULL);
    make_bound(5);
    cr_expect_str_eq(look(), "+unleased 8000 ");
    cr_expect_eq(findings.items[0].n_inodes, 1);
}

Test(findings, on_a_leased_port_a_strangers_inactive_socket_is_one_and_the_leases_own_is_not) {
    const struct lease *lease = grant("web");
    listen_as(PORT, me);
    registry_observe(it.registry, 0, NULL);
    make_bound(2);
    cr_expect_str_eq(look(), "");
    sighting_of(1)->listener.uid = BOB;
    it.kernel.snapshot.revision++;
    cr_expect_str_eq(look(), "+inactive 8000 ");
    cr_expect_eq(findings.items[0].lease_id, lease->id);
}

Test(findings, portds_own_inactive_socket_is_none) {
    struct process_info *portd = NULL;
    cr_assert_eq(process_info_read(getpid(), NULL, &portd), 0);
    listen_as(PORT, me);
    fake_kernel_own(&it.kernel, portd);
    registry_observe(it.registry, 0, NULL);
    make_bound(2);
    cr_expect_str_eq(look(), "");
    grant("web"); /* PORT is in the kernel's list, so the lease is the next one's */
    cr_expect_str_eq(look(), "");
    process_info_unref(portd);
}

/* ---- many, and words ---- */

Test(findings, many_come_and_go) {
    it.rules.max = 8199;
    for (uint16_t i = 0; i < 200; i++)
        listen_as(PORT + i, BOB);
    update();
    cr_expect_eq(findings.n_items, 200);
    for (uint16_t i = 0; i < 200; i += 2)
        fake_kernel_close(&it.kernel, PORT + i);
    update();
    cr_expect_eq(findings.n_items, 100);
    for (size_t i = 0; i < 100; i++)
        cr_expect(findings.items[i].port == PORT + 2 * i + 1 && findings.items[i].told);
    cr_expect_null(finding_sighting(&(struct finding){.port = PORT, .inodes = {1}}, 0, &it.kernel.snapshot));
}

Test(findings, every_kind_has_its_name_and_three_are_conflicts) {
    static const char *const names[] = {"unleased", "taken", "split", "shared", "inactive"};
    for (enum finding_kind i = 0; i < N_FINDING_KINDS; i++) {
        cr_expect_str_eq(finding_kind_name(i), names[i]);
        cr_expect_eq(finding_is_conflict(i), i == FINDING_TAKEN || i == FINDING_SPLIT || i == FINDING_SHARED);
    }
}
