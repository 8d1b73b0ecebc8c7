/* Several requests as one grant: all of them are granted, stored and told, or nothing is. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "src/lease/registry.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_store.h"

#define N_MAX GRANT_REQUESTS_MAX

static struct fake_daemon it;
static struct grant_request requests[N_MAX];
static struct grant grants[N_MAX];
static size_t refused_at;

/* What was told since the last call. */
static unsigned n_told;
static enum event_kind last_told;

static void tell(void *context, const struct event_fact *fact) {
    (void)context;
    n_told++;
    last_told = fact->kind;
}

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
    registry_set_sink(it.registry, (struct event_sink){.tell = tell});
}

static void tear_down(void) {
    for (size_t i = 0; i < N_MAX; i++)
        grant_deinit(&grants[i]);
    fake_daemon_stop(&it);
}

TestSuite(registry_grant_all, .init = set_up, .fini = tear_down);

static int grant_all(size_t n_requests) {
    for (size_t i = 0; i < N_MAX; i++)
        grant_deinit(&grants[i]);
    memset(grants, 0, sizeof(grants));
    n_told = 0;
    refused_at = 99;
    return registry_grant_all(it.registry, requests, n_requests, grants, &refused_at);
}

static size_t count_leases(void) {
    size_t n_leases;
    registry_leases(it.registry, &n_leases);
    return n_leases;
}

static void ask_for_three(void) {
    static const char *const names[] = {"web", "db", "queue"};
    for (size_t i = 0; i < 3; i++)
        requests[i] = fake_daemon_ask(names[i]);
}

/* Nothing has come, and nothing of the grants looks as if it had. */
static void expect_nothing(size_t n_leases) {
    cr_expect_eq(count_leases(), n_leases);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), (long long)n_leases);
    cr_expect_eq(n_told, 0);
    for (size_t i = 0; i < N_MAX; i++)
        cr_expect_eq(grants[i].n_leases + grants[i].n_reused, 0, "%zu", i);
}

Test(registry_grant_all, each_gets_what_it_asks_for) {
    const uint64_t hour = 3600;
    ask_for_three();
    requests[0].count = 2;
    requests[1].exact = 8000;
    requests[2].ttl_seconds = &hour;
    requests[2].key.uid = BOB;
    cr_assert_eq(grant_all(3), 0);
    cr_assert_eq(grants[0].n_leases, 2);
    cr_assert_eq(grants[1].n_leases + grants[2].n_leases, 2);
    static const uint16_t ports[] = {8001, 8002, 8000, 8003};
    const struct lease *leases[] = {grants[0].leases[0], grants[0].leases[1], grants[1].leases[0], grants[2].leases[0]};
    for (size_t i = 0; i < 4; i++) {
        cr_expect_eq(leases[i]->port, ports[i], "%u", leases[i]->port);
        cr_expect_eq(leases[i]->id, i + 1);
        cr_expect_eq(leases[i], registry_find_port(it.registry, ports[i]));
    }
    cr_expect_str_eq(leases[2]->service_name, "db");
    cr_expect_eq(leases[3]->ttl_seconds, 3600);
    cr_expect_eq(leases[3]->uid, BOB);
    cr_expect_eq(n_told, 4);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), 4);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM sticky WHERE uid = 54322 AND port = 8003"), 1);
    const struct grant_request next = fake_daemon_ask("next");
    const struct lease *lease = fake_daemon_grant(&it, &next);
    cr_expect_eq(lease->id, 5);
    cr_expect_eq(lease->port, 8004, "rotation goes on");
}

Test(registry_grant_all, the_largest_there_is) {
    it.rules.max = 8999;
    static char names[N_MAX][8];
    for (size_t i = 0; i < N_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "s%zu", i);
        requests[i] = fake_daemon_ask(names[i]);
        requests[i].count = GRANT_PORTS_MAX / N_MAX;
    }
    cr_assert_eq(grant_all(N_MAX), 0);
    cr_expect_eq(count_leases(), GRANT_PORTS_MAX);
    cr_expect_eq(fake_store_query(&it.home, "SELECT count(*) FROM lease"), GRANT_PORTS_MAX);
    for (size_t i = 0; i < N_MAX; i++)
        requests[i].reuse = true;
    cr_assert_eq(grant_all(N_MAX), 0);
    cr_expect_eq(count_leases(), GRANT_PORTS_MAX);
    cr_expect_eq(n_told, GRANT_PORTS_MAX);
    cr_expect_eq(last_told, EVENT_LEASE_RENEWED);
    for (size_t i = 0; i < N_MAX; i++)
        cr_expect_eq(grants[i].n_reused, GRANT_PORTS_MAX / N_MAX);
}

Test(registry_grant_all, what_lives_is_reused_and_the_rest_is_new) {
    ask_for_three();
    const struct lease *db = fake_daemon_grant(&it, &requests[1]);
    for (size_t i = 0; i < 3; i++)
        requests[i].reuse = true;
    requests[1].count = 2;
    requests[1].prefer[0] = 8008; /* of the reused one */
    requests[1].prefer[1] = 8009;
    const unsigned n_reads = it.kernel.n_reads;
    cr_assert_eq(grant_all(3), 0);
    cr_expect_eq(grants[1].n_reused, 1);
    cr_expect_eq(grants[1].leases[0], db);
    cr_expect_eq(grants[1].leases[1]->port, 8009);
    cr_expect_eq(grants[1].leases[1]->slot, 1);
    cr_expect_eq(grants[0].n_reused + grants[2].n_reused, 0);
    cr_expect_eq(n_told, 4);
    cr_assert_eq(grant_all(3), 0);
    cr_expect_eq(count_leases(), 4);
    cr_expect_eq(it.kernel.n_reads, n_reads + 2, "one reading each time, however many leases are looked at");
}

Test(registry_grant_all, the_first_that_is_refused_refuses_them_all) {
    ask_for_three();
    fake_kernel_listen(&it.kernel, 8005, BOB);
    requests[2].exact = 8005;
    cr_expect_eq(grant_all(3), ALLOC_E_TAKEN);
    cr_expect_eq(refused_at, 2);
    cr_expect_eq(grants[2].choice.evidence.n_items, 1);
    expect_nothing(0);
    requests[2].exact = 0;
    requests[1].count = 9;
    cr_expect_eq(grant_all(3), ALLOC_E_RANGE_FULL);
    cr_expect_eq(refused_at, 1);
    expect_nothing(0);
    requests[1].count = 1;
    requests[2].holder = 4194304;
    cr_expect_eq(grant_all(3), GRANT_E_HOLDER);
    cr_expect_eq(refused_at, 2);
    expect_nothing(0);
    const struct grant_request other = fake_daemon_ask("other");
    const struct lease *lease = fake_daemon_grant(&it, &other);
    requests[2].holder = 0;
    requests[0].exact = lease->port;
    cr_expect_eq(grant_all(3), ALLOC_E_LEASED);
    cr_expect_eq(refused_at, 0);
    cr_expect_eq(grants[0].in_way, lease);
    expect_nothing(1);
    cr_expect_eq(lease->id, 1, "no number was used up");
}

Test(registry_grant_all, one_held_lease_refuses_them_all_and_renews_none) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    ask_for_three();
    for (size_t i = 0; i < 3; i++)
        requests[i].key.uid = uid;
    const struct lease *web = fake_daemon_grant(&it, &requests[0]);
    requests[2].holder = child;
    const struct lease *queue = fake_daemon_grant(&it, &requests[2]);
    const uint64_t before = web->deadline;
    fake_clock_advance(&it.clock, 1000);
    requests[2].holder = 0;
    for (size_t i = 0; i < 3; i++)
        requests[i].reuse = true;
    cr_expect_eq(grant_all(3), GRANT_E_HELD);
    cr_expect_eq(refused_at, 2);
    cr_expect_eq(grants[2].in_way, queue);
    cr_expect_eq(web->deadline, before);
    expect_nothing(2);
    fake_daemon_end_process(child, false);
}

static unsigned count_descriptors(void) {
    unsigned n_open = 0;
    DIR *folder = opendir("/proc/self/fd");
    cr_assert_not_null(folder);
    while (readdir(folder))
        n_open++;
    closedir(folder);
    return n_open;
}

/* Every write, one after the other, fails once: whichever it is, nothing was granted, renewed or told, and no holder stays pinned. */
Test(registry_grant_all, a_write_that_fails_leaves_nothing) {
    uid_t uid;
    const pid_t child = fake_daemon_start_process(&uid);
    ask_for_three();
    for (size_t i = 0; i < 3; i++)
        requests[i].key.uid = uid;
    const struct lease *web = fake_daemon_grant(&it, &requests[0]);
    const uint64_t before = web->deadline;
    n_told = 0;
    expect_nothing(1); /* the test's own look at the database leaves a descriptor, the first time */
    const unsigned n_descriptors = count_descriptors();
    fake_clock_advance(&it.clock, 1000);
    requests[0].reuse = true;
    requests[1].holder = child;
    requests[2].count = 3;
    unsigned n = 1;
    for (;; n++) {
        fake_disk_fail(n, SQLITE_FULL, true);
        const int r = grant_all(3);
        const unsigned n_failed = fake_disk.n_failed;
        fake_disk_fail(0, 0, false);
        if (r == 0 && n_failed == 0)
            break;
        cr_assert_eq(r, GRANT_E_NOT_STORED, "%u: %d", n, r);
        cr_expect_eq(refused_at, 3, "no particular one");
        cr_expect_eq(web->deadline, before);
        expect_nothing(1);
        cr_expect_eq(count_descriptors(), n_descriptors, "%u", n);
    }
    cr_expect_gt(n, 1, "nothing was written");
    cr_expect_eq(count_leases(), 5);
    cr_expect_eq(n_told, 5);
    fake_daemon_restart(&it);
    cr_expect_eq(count_leases(), 5);
    fake_daemon_end_process(child, false);
}
