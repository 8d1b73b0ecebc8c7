/*
 * Versions of ports: whatever is shown of a port cannot become another thing without a new version. What is shown is taken as it is sent, as JSON, and
 * everything that it is made from is changed at random.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/api/port_view.h"
#include "src/base/digest.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/port_fold.h"

#define N_PORTS 3

/* Leased and listened on; leased; neither, but listened on. */
static const uint16_t ports[N_PORTS] = {8000, 8001, 8005};

static struct fake_daemon it;

static void tear_down(void) {
    fake_daemon_stop(&it);
}

static void set_up(void) {
    fake_daemon_start(&it);
}

TestSuite(port_versions, .init = set_up, .fini = tear_down, .timeout = 120);

static unsigned pick(unsigned n) {
    static uint64_t state = 88172645463325252U;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state >> 33) % n;
}

/* ---- what is shown ---- */

/* The port as root and ANN are shown it; the caller's to free. */
static char *show(uint16_t port) {
    static const struct api_caller callers[] = {{.known = true, .uid = 0}, {.known = true, .uid = ANN}};
    const struct port_view view = port_view_find(&it.api, port);
    cJSON *both = cJSON_CreateArray();
    for (size_t i = 0; i < 2; i++) {
        cJSON *json = cJSON_CreateObject();
        port_view_add_to(json, &it.api, &callers[i], &view);
        port_fold_strip(json);
        cJSON_AddItemToArray(both, json);
    }
    char *text = cJSON_PrintUnformatted(both);
    cr_assert_not_null(text);
    cJSON_Delete(both);
    return text;
}

/* The ports that have changed since `after`, as a bit for each index of ports[]. */
static unsigned changed_since(uint64_t after) {
    unsigned bits = 0;
    uint64_t version = after;
    for (uint16_t port; (port = port_versions_next(&it.api, version, &version));)
        for (unsigned i = 0; i < N_PORTS; i++)
            bits |= (unsigned)(ports[i] == port) << i;
    return bits;
}

static unsigned compare(void) {
    const uint64_t before = it.api.versions.newest;
    cr_assert_eq(port_versions_compare(&it.api), 0);
    return changed_since(before);
}

/* ---- changes ---- */

static struct lease *any_lease(void) {
    return registry_find_port(it.registry, ports[pick(2)]);
}

static struct sighting *any_sighting(void) {
    return &it.probe.snapshot.items[pick((unsigned)it.probe.snapshot.n_items)];
}

/* NULL: the listener that was picked has none. */
static struct process_info *any_owner(void) {
    struct sighting *sighting = any_sighting();
    return sighting->n_owners > 0 ? sighting->owners[pick((unsigned)sighting->n_owners)] : NULL;
}

static struct finding *any_finding(void) {
    return &it.probe.findings.items[pick((unsigned)it.probe.findings.n_items)];
}

static void replace(char **text) {
    static const char container[] = "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const texts[] = {"",
                                        "a",
                                        "b",
                                        "/system.slice/web.service",
                                        "/system.slice/db.service",
                                        container,
                                        "docker-proxy -container-ip 172.17.0.2 -host-port 8000 -proto tcp",
                                        "docker-proxy -container-ip 172.17.0.3 -host-port 8000 -proto tcp"};
    free(*text);
    *text = strdup(texts[pick(8)]);
}

static void replace_name(char *name, size_t size) {
    static const char *const names[] = {"node", "nodf", "python3", "docker-proxy"};
    snprintf(name, size, "%s", names[pick(4)]);
}

static uid_t any_uid(void) {
    static const uid_t uids[] = {0, ANN, BOB};
    return uids[pick(3)];
}

static void change_name(void) {
    static const char *const names[] = {"web", "wec", "a-longer-name"};
    struct lease *lease = any_lease();
    const struct lease_key key = {.uid = any_uid(), .service_name = names[pick(3)], .project = pick(2) ? "/p" : ""};
    lease->uid = key.uid;
    cr_assert_eq(lease_set_key(lease, &key), 0);
}

static void change_tags(void) {
    static const char *const tags[] = {"a", "b", "ab"};
    cr_assert_eq(lease_set_tags(any_lease(), tags + pick(2), pick(2)), 0);
}

static void change_times(void) {
    struct lease *lease = any_lease();
    switch (pick(4)) {
    case 0:
        lease->allocated_at++;
        return;
    case 1:
        lease->last_heartbeat++;
        return;
    case 2:
        lease->ttl_seconds++;
        return;
    default:
        lease->deadline += 500;
        return;
    }
}

/* It lives as long as it has a descriptor. */
static void change_holder(void) {
    struct lease *lease = any_lease();
    if (lease->holder_pidfd >= 0)
        close(lease->holder_pidfd);
    lease->holder.pid = (pid_t)pick(3);
    lease->holder_pidfd = lease->holder.pid != 0 && pick(2) ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
}

static void change_sight(void) {
    static const uint16_t elsewhere[] = {0, 8002, 8003};
    struct lease *lease = any_lease();
    lease->sight = (struct lease_sight){.own = pick(2),
                                        .confirmed = pick(2),
                                        .foreign = pick(4) == 0,
                                        .shared = pick(4) == 0,
                                        .split = pick(2),
                                        .elsewhere = elsewhere[pick(3)]};
    lease->was_bound = pick(2);
}

static void change_judgement(void) {
    const struct sighting *sighting = any_sighting();
    const struct judgement judgement = {.kind = pick(3), .inode = sighting->listener.inode};
    cr_assert_eq(lease_judge(any_lease(), &judgement), 0);
}

static void change_socket(void) {
    struct listener *listener = &any_sighting()->listener;
    switch (pick(7)) {
    case 0:
        listener->address.s6_addr[pick(16)]++;
        return;
    case 6:
        listener->inode++;
        return;
    case 1:
        listener->state = listener->state == LISTENER_LISTEN ? LISTENER_BOUND : LISTENER_LISTEN;
        return;
    case 2:
        listener->v6only = !listener->v6only;
        return;
    case 3:
        listener->uid = any_uid();
        return;
    case 4:
        listener->cgroup_id++;
        return;
    default:
        listener->family = listener->family == AF_INET ? AF_INET6 : AF_INET;
        return;
    }
}

static void change_since(void) {
    struct sighting *sighting = any_sighting();
    sighting->since_unix_ms += pick(2);
    sighting->since_start = pick(2);
    sighting->since_generation = pick(2) ? UINT64_MAX : 0;
}

static void change_hidden(void) {
    struct sighting *sighting = any_sighting();
    sighting->state = pick(2);
    sighting->hidden = pick(5);
    replace(&sighting->cgroup);
}

static void change_forwarder(void) {
    static struct process_info forwarders[2] = {
        {.name = "docker-proxy", .command = "docker-proxy -container-ip 172.17.0.2 -host-port 8000 -proto tcp"},
        {.name = "docker-proxy", .command = "docker-proxy -container-ip 172.17.0.3 -host-port 8000 -proto tcp"},
    };
    any_sighting()->forwarder = pick(2) ? &forwarders[pick(2)] : NULL;
}

static void add_owner(void) {
    struct sighting *sighting = any_sighting();
    if (sighting->n_owners < 3)
        fake_probe_own(sighting, 400 + (pid_t)pick(3), "server");
}

static void drop_owner(void) {
    struct sighting *sighting = any_sighting();
    if (sighting->n_owners == 0)
        return;
    struct process_info *owner = sighting->owners[--sighting->n_owners];
    free(owner->command);
    free(owner->executable);
    free(owner->directory);
    free(owner->cgroup);
    free(owner);
}

static void change_owner(void) {
    struct process_info *owner = any_owner();
    if (!owner)
        return;
    switch (pick(7)) {
    case 0:
        owner->id = (struct process_id){.pid = 300 + (pid_t)pick(3), .start_time = pick(3), .pidfd_inode = pick(3)};
        return;
    case 1:
        owner->uid = any_uid();
        return;
    case 2:
        owner->started_unix_ms++;
        return;
    case 3:
        owner->session = (pid_t)pick(3);
        return;
    case 4:
        replace_name(owner->name, sizeof(owner->name));
        return;
    case 5:
        owner->n_parents = pick(3);
        return;
    default:
        owner->n_parents = 2;
        return;
    }
}

static void change_parents(void) {
    struct process_info *owner = any_owner();
    if (!owner)
        return;
    owner->n_parents = 2;
    if (pick(2))
        owner->parents[pick(2)].pid = (pid_t)pick(3);
    else
        replace_name(owner->parents[0].name, sizeof(owner->parents[0].name));
}

static void change_texts(void) {
    struct process_info *owner = any_owner();
    if (!owner)
        return;
    char **const texts[] = {&owner->command, &owner->executable, &owner->directory, &owner->cgroup};
    replace(texts[pick(4)]);
}

static void change_finding(void) {
    struct finding *finding = any_finding();
    switch (pick(8)) {
    case 0:
        finding->kind = pick(N_FINDING_KINDS);
        return;
    case 1:
        finding->since_unix_ms++;
        return;
    case 2:
        finding->since_start = !finding->since_start;
        return;
    case 3:
        finding->lease_id = finding->lease_id || !registry_find_port(it.registry, finding->port)
                                ? 0
                                : registry_find_port(it.registry, finding->port)->id;
        return;
    case 4:
        finding->inodes[0] = any_sighting()->listener.inode;
        finding->inodes[1] = any_sighting()->listener.inode;
        finding->n_inodes = 1 + pick(2);
        return;
    case 5:
        finding->uid = any_uid();
        return;
    case 6:
        finding->pid = (pid_t)pick(3);
        return;
    default:
        replace_name(finding->process, sizeof(finding->process));
        return;
    }
}

/* One of two users ignores the squatter, or counts it again. */
static void ignore_finding(void) {
    cr_assert_eq(ignores_set(it.ignores, pick(2) ? ANN : BOB, any_finding(), 1, pick(2)), 0);
}

/* Somebody is given a login name, or loses it. */
static void rename_user(void) {
    static const char *const names[] = {"", "ann", "bob"};
    const uid_t uid = any_uid();
    const size_t at = uid % USERS_MAX;
    it.api.users.entries[at].uid = uid;
    it.api.users.entries[at].read_at_ms = it.clock.now.monotonic_ms;
    snprintf(it.api.users.entries[at].name, USER_NAME_MAX, "%s", names[pick(3)]);
}

static void set_the_clock(void) {
    it.clock.now.unix_ms += 5000;
}

static void let_time_pass(void) {
    fake_clock_advance(&it.clock, pick(2000));
}

static const struct {
    const char *name;
    void (*change)(void);
} changes[] = {
    {"name", change_name},           {"tags", change_tags},       {"times", change_times},
    {"holder", change_holder},       {"sight", change_sight},     {"judgement", change_judgement},
    {"socket", change_socket},       {"since", change_since},     {"hidden", change_hidden},
    {"forwarder", change_forwarder}, {"add owner", add_owner},    {"drop owner", drop_owner},
    {"owner", change_owner},         {"parents", change_parents}, {"texts", change_texts},
    {"finding", change_finding},     {"user", rename_user},       {"set the clock", set_the_clock},
    {"time", let_time_pass},         {"ignore", ignore_finding},
};
#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

static void fill(void) {
    struct grant_request request = fake_daemon_ask("web");
    request.count = 2;
    fake_daemon_grant(&it, &request);
    fake_probe_own(fake_probe_listen(&it.probe, 8000, ANN, 10), 100, "python3");
    fake_probe_listen_on(&it.probe, "::1", 8000, BOB, 11);
    fake_probe_own(fake_probe_listen(&it.probe, 8005, ANN, 12), 100, "python3");
    fake_probe_find(&it.probe, FINDING_TAKEN, 8000, registry_find_port(it.registry, 8000)->id, 11);
    fake_probe_find(&it.probe, FINDING_UNLEASED, 8005, 0, 12);
}

Test(port_versions, nothing_that_is_shown_changes_without_a_version) {
    unsigned n_shown[N_CHANGES] = {0};
    fill();
    compare();
    for (unsigned round = 0; round < 4000; round++) {
        const unsigned which = pick(N_CHANGES);
        char *before[N_PORTS];
        for (unsigned i = 0; i < N_PORTS; i++)
            before[i] = show(ports[i]);
        changes[which].change();
        const unsigned changed = compare();
        for (unsigned i = 0; i < N_PORTS; i++) {
            char *after = show(ports[i]);
            const bool differs = strcmp(before[i], after) != 0;
            n_shown[which] += differs;
            cr_assert(!differs || (changed & 1U << i), "round %u, %s: port %u was %s and is %s", round,
                      changes[which].name, ports[i], before[i], after);
            free(before[i]);
            free(after);
        }
        if (changes[which].change == let_time_pass)
            cr_assert_eq(changed, 0, "only time has passed");
    }
    for (unsigned i = 0; i < N_CHANGES; i++)
        cr_expect(changes[i].change == let_time_pass || n_shown[i] > 10, "%s changed what is shown only %u times",
                  changes[i].name, n_shown[i]);
    cr_assert_eq(compare(), 0);
}

/* ---- life ---- */

Test(port_versions, a_listener_that_renews_its_lease_every_second_makes_a_version_only_with_the_event) {
    const uint64_t ttl_seconds = 60;
    struct grant_request request = fake_daemon_ask("web");
    request.ttl_seconds = &ttl_seconds;
    struct lease *lease = fake_daemon_grant(&it, &request);
    fake_daemon_listen(&it, lease->port, ANN, 10);
    fake_daemon_pass(&it, 1000);
    compare();
    fake_daemon_pass(&it, 58000);
    cr_expect_eq(compare(), 0, "it was renewed 58 times");
    const uint64_t last = journal_last_id(it.journal);
    fake_daemon_pass(&it, 2000);
    cr_expect_eq(journal_last_id(it.journal), last + 1);
    cr_expect_eq(compare(), 1);
    registry_renew(it.registry, lease);
    fake_clock_advance(&it.clock, 10);
    registry_renew(it.registry, lease);
    cr_expect_eq(compare(), 1, "a heartbeat is told");
    fake_kernel_close(&it.kernel, lease->port);
    fake_daemon_pass(&it, 1000);
    cr_expect_eq(compare(), 1, "its time begins to count");
    fake_daemon_pass(&it, 10000);
    cr_expect_eq(compare(), 0);
}

Test(port_versions, a_port_that_comes_and_goes_is_told_in_the_order_of_its_last_change) {
    cr_expect_eq(compare(), 0);
    cr_expect_eq(it.api.versions.newest, 0);
    fill();
    cr_expect_eq(compare(), 7);
    cr_expect_eq(it.api.versions.newest, 3);
    cr_expect_eq(compare(), 0);
    registry_release(it.registry, registry_find_port(it.registry, 8001));
    cr_expect_eq(compare(), 2);
    registry_renew(it.registry, registry_find_port(it.registry, 8000));
    fake_clock_advance(&it.clock, 5);
    registry_renew(it.registry, registry_find_port(it.registry, 8000));
    cr_expect_eq(compare(), 1);
    uint64_t version = 0;
    cr_expect_eq(port_versions_next(&it.api, 0, &version), 8005);
    cr_expect_eq(version, 3);
    cr_expect_eq(port_versions_next(&it.api, 3, &version), 8001, "though nothing is left of it");
    cr_expect_eq(version, 4);
    cr_expect_eq(port_versions_next(&it.api, 4, &version), 8000);
    cr_expect_eq(version, 5);
    cr_expect_eq(port_versions_next(&it.api, 5, &version), 0);
    cr_expect_eq(port_versions_next(&it.api, 500, &version), 0);
}

Test(port_versions, a_lease_that_is_given_back_and_granted_again_in_one_moment_is_another) {
    struct grant_request request = fake_daemon_ask("web");
    struct lease *lease = fake_daemon_grant(&it, &request);
    const uint16_t port = lease->port;
    cr_expect_eq(compare(), 1);
    registry_release(it.registry, lease);
    cr_expect_eq(fake_daemon_grant(&it, &request)->port, port);
    cr_expect_eq(compare(), 1);
}

/* Else a reader would be told what it was a moment later, and never what it became again. */
Test(port_versions, a_port_that_has_changed_since_the_comparison_gets_its_version_when_it_is_taken) {
    fill();
    compare();
    const uint64_t before = it.api.versions.newest;
    struct lease *lease = registry_find_port(it.registry, 8000);
    lease->ttl_seconds++;
    compare();
    lease->ttl_seconds++;
    uint64_t version = 0;
    cr_expect_eq(port_versions_next(&it.api, before, &version), 8000);
    cr_expect_eq(version, before + 2);
    lease->ttl_seconds--;
    cr_expect_eq(compare(), 1);
}

/* Of every port, again and again: what does not count any more is taken out, and nothing is lost by it. */
Test(port_versions, a_hundred_thousand_changes_take_no_more_room_than_the_ports) {
    struct grant_request request = fake_daemon_ask("many");
    it.rules.min = 1024;
    it.rules.max = 10000;
    request.count = LEASE_COUNT_MAX;
    for (unsigned i = 0; i < 30; i++)
        fake_daemon_grant(&it, &request);
    size_t n_leases;
    struct lease *const *leases = registry_leases(it.registry, &n_leases);
    cr_assert_eq(n_leases, 30 * LEASE_COUNT_MAX);
    for (unsigned round = 0; round < 50; round++) {
        for (size_t i = 0; i < n_leases; i++)
            leases[i]->ttl_seconds += round % 7 != 0 || i % 3 == 0;
        cr_assert_eq(port_versions_compare(&it.api), 0);
    }
    cr_expect_geq(it.api.versions.newest, 40000);
    cr_expect_lt(it.api.versions.capacity, 3 * n_leases, "%zu", it.api.versions.capacity);
    uint64_t version = 0;
    uint64_t last = 0;
    size_t n_told = 0;
    for (; port_versions_next(&it.api, version, &version) != 0; n_told++, last = version)
        cr_assert_gt(version, last);
    cr_expect_eq(n_told, n_leases, "each once: %zu", n_told);
    cr_expect_eq(last, it.api.versions.newest);
}

Test(port_versions, who_ignores_a_squatter_changes_its_port_at_the_next_comparison) {
    fill();
    compare();
    const uint64_t before = it.api.versions.newest;
    cr_assert_eq(ignores_set(it.ignores, ANN, &it.probe.findings.items[0], 1, true), 0);
    port_versions_note(&it.api.versions);
    fake_clock_advance(&it.clock, 100);
    cr_expect_eq(port_versions_refresh(&it.api), UINT64_MAX);
    cr_expect_eq(changed_since(before), 1);
    cr_expect_eq(it.api.versions.newest, before + 1);
}

/* ---- when ---- */

Test(port_versions, they_are_compared_at_most_ten_times_a_second_and_only_if_something_may_have_changed) {
    fill();
    port_versions_note(&it.api.versions);
    cr_expect_eq(port_versions_refresh(&it.api), UINT64_MAX);
    cr_expect_eq(it.api.versions.newest, 3);
    registry_renew(it.registry, registry_find_port(it.registry, 8001));
    fake_clock_advance(&it.clock, 1);
    registry_renew(it.registry, registry_find_port(it.registry, 8001));
    cr_expect_eq(port_versions_refresh(&it.api), UINT64_MAX, "nobody has said so");
    cr_expect_eq(it.api.versions.newest, 3);
    port_versions_note(&it.api.versions);
    const uint64_t due_ms = it.clock.now.monotonic_ms + 99;
    cr_expect_eq(port_versions_refresh(&it.api), due_ms);
    fake_clock_advance(&it.clock, 98);
    cr_expect_eq(port_versions_refresh(&it.api), due_ms);
    cr_expect_eq(it.api.versions.newest, 3);
    fake_clock_advance(&it.clock, 1);
    cr_expect_eq(port_versions_refresh(&it.api), UINT64_MAX);
    cr_expect_eq(it.api.versions.newest, 4);
}

Test(port_versions, what_changes_without_any_mark_is_found_within_a_second) {
    fill();
    compare();
    registry_find_port(it.registry, 8001)->ttl_seconds++;
    port_versions_note(&it.api.versions);
    const uint64_t due_ms = it.clock.now.monotonic_ms + 1000;
    cr_expect_eq(port_versions_refresh(&it.api), due_ms);
    fake_clock_advance(&it.clock, 999);
    cr_expect_eq(port_versions_refresh(&it.api), due_ms);
    cr_expect_eq(it.api.versions.newest, 3);
    fake_clock_advance(&it.clock, 1);
    cr_expect_eq(port_versions_refresh(&it.api), UINT64_MAX);
    cr_expect_eq(it.api.versions.newest, 4);
}

Test(port_versions, a_dear_comparison_is_paid_for_by_a_long_pause) {
    cr_expect_eq(port_versions_pause_ms(0), 100);
    cr_expect_eq(port_versions_pause_ms(4999999), 100);
    cr_expect_eq(port_versions_pause_ms(20000000), 400);
    cr_expect_eq(port_versions_pause_ms(UINT64_C(3000000000)), 5000);
    fill();
    compare();
    port_versions_charge(&it.api.versions, 100000000);
    registry_release(it.registry, registry_find_port(it.registry, 8001));
    port_versions_note(&it.api.versions);
    cr_expect_geq(port_versions_refresh(&it.api), it.clock.now.monotonic_ms + 2000);
}

/* ---- digests ---- */

static uint64_t digest_of(const char *first, const char *second, uint64_t number) {
    struct digest digest = digest_begin(7);
    digest_text(&digest, first);
    digest_text(&digest, second);
    digest_number(&digest, number);
    return digest_end(&digest);
}

Test(port_versions, digests_tell_texts_and_their_order_apart) {
    const uint64_t one = digest_of("ab", "c", 1);
    cr_expect_eq(digest_of("ab", "c", 1), one);
    cr_expect_neq(digest_of("a", "bc", 1), one);
    cr_expect_neq(digest_of("c", "ab", 1), one);
    cr_expect_neq(digest_of("ab", "c", 2), one);
    cr_expect_neq(digest_of("ab", NULL, 1), digest_of("ab", "", 1));
    cr_expect_neq(digest_of("12345678", "", 1), digest_of("1234567", "", 1));
    cr_expect_neq(digest_of("123456789", "", 1), digest_of("123456780", "", 1));
    struct digest other = digest_begin(8);
    struct digest same = digest_begin(7);
    cr_expect_neq(digest_end(&other), digest_end(&same));
}
