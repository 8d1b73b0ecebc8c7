/* Two parties on one port: which addresses they have in common, and which two listeners are one party's. */
#include "src/lease/parties.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "src/lease/registry_private.h"
#include "tests/support/actor.h"
#include "tests/support/fake_daemon.h"

static struct fake_daemon it;
static struct lease *lease;

/* Two processes that have nothing in common, and the sightings of two listeners. */
static struct process_info left;
static struct process_info right;
static struct process_info *owners[2] = {&left, &right};
static struct sighting sightings[2];

static void set_address(struct listener *listener, const char *address, bool v6only) {
    struct in_addr ipv4;
    listener->v6only = v6only;
    listener->family = strchr(address, ':') ? AF_INET6 : AF_INET;
    if (listener->family == AF_INET6) {
        cr_assert_eq(inet_pton(AF_INET6, address, &listener->address), 1);
        return;
    }
    cr_assert_eq(inet_pton(AF_INET, address, &ipv4), 1);
    listener_map_ipv4(ipv4, &listener->address);
}

static void set_up(void) {
    fake_daemon_start(&it);
    const struct grant_request request = fake_daemon_ask("web");
    lease = fake_daemon_grant(&it, &request);
    left = (struct process_info){.id = {1000, 10, 1}, .session = 900, .name = "node"};
    right = (struct process_info){.id = {2000, 20, 2}, .session = 901, .name = "python3"};
    for (size_t i = 0; i < 2; i++) {
        sightings[i] = (struct sighting){
            .listener = {.port = lease->port, .state = LISTENER_LISTEN, .uid = ANN, .inode = (uint32_t)i + 1},
            .state = SIGHTING_RESOLVED,
            .owners = &owners[i],
            .n_owners = 1,
            .since_generation = 100,
        };
        set_address(&sightings[i].listener, "127.0.0.1", false);
    }
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(parties, .init = set_up, .fini = tear_down, .timeout = 60);

static enum parties_trouble find(size_t *ret_own) {
    size_t other = 77;
    *ret_own = 77;
    const enum parties_trouble trouble = parties_find_trouble(it.registry, lease, sightings, 2, ret_own, &other);
    if (trouble != PARTIES_FINE)
        cr_expect_eq(*ret_own + other, 1);
    else
        cr_expect(*ret_own == 77 && other == 77, "untouched");
    return trouble;
}

static enum parties_trouble trouble(void) {
    size_t own;
    return find(&own);
}

static void judge(const struct process_info *process, enum judgement_kind kind) {
    cr_assert_eq(lease_judge(lease, &(struct judgement){.kind = kind, .process = process->id}), 0);
}

/* ---- addresses ---- */

Test(parties, which_addresses_meet) {
    static const struct {
        const char *left;
        const char *right;
        bool left_v6only;
        bool right_v6only;
        enum parties_trouble trouble;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", false, false, PARTIES_SHARED},
        {"127.0.0.1", "127.0.0.2", false, false, PARTIES_FINE},
        {"0.0.0.0", "127.0.0.1", false, false, PARTIES_SHARED},
        {"127.0.0.1", "0.0.0.0", false, false, PARTIES_SHARED},
        {"0.0.0.0", "::", false, true, PARTIES_SPLIT},
        {"0.0.0.0", "::", false, false, PARTIES_SHARED},
        {"127.0.0.1", "::", false, false, PARTIES_SHARED},
        {"127.0.0.1", "::", false, true, PARTIES_SPLIT},
        {"127.0.0.1", "::1", false, false, PARTIES_SPLIT},
        {"::1", "::1", false, false, PARTIES_SHARED},
        {"::1", "::", false, true, PARTIES_SHARED},
        {"::1", "fe80::1", false, false, PARTIES_FINE},
        {"::", "::", true, true, PARTIES_SHARED},
        {"::ffff:127.0.0.1", "127.0.0.1", false, false, PARTIES_SHARED},
        {"::ffff:0.0.0.0", "127.0.0.1", false, false, PARTIES_SHARED},
        {"::ffff:127.0.0.1", "::1", false, false, PARTIES_SPLIT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_address(&sightings[0].listener, cases[i].left, cases[i].left_v6only);
        set_address(&sightings[1].listener, cases[i].right, cases[i].right_v6only);
        cr_expect_eq(trouble(), cases[i].trouble, "%s and %s: %d", cases[i].left, cases[i].right, trouble());
    }
}

Test(parties, one_that_does_not_listen_or_is_not_looked_up_is_no_party) {
    sightings[1].listener.state = LISTENER_BOUND;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[1].listener.state = LISTENER_LISTEN;
    sightings[1].state = SIGHTING_UNRESOLVED;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[1].state = SIGHTING_RESOLVED;
    sightings[0].state = SIGHTING_UNRESOLVED;
    cr_expect_eq(trouble(), PARTIES_FINE);
}

/* ---- whose is whose ---- */

Test(parties, the_one_with_the_better_evidence_is_the_leases_own) {
    for (size_t i = 0; i < 2; i++) {
        size_t own;
        lease->n_judgements = 0;
        judge(owners[i], JUDGED_CLAIMED);
        cr_expect_eq(find(&own), PARTIES_SHARED);
        cr_expect_eq(own, i, "confirmed beside plausible");
        lease->n_judgements = 0;
        judge(owners[i], JUDGED_DISOWNED);
        cr_expect_eq(find(&own), PARTIES_SHARED);
        cr_expect_eq(own, 1 - i, "plausible beside foreign");
    }
}

Test(parties, whichever_of_them_has_every_address) {
    for (size_t i = 0; i < 2; i++) {
        set_address(&sightings[i].listener, "0.0.0.0", false);
        set_address(&sightings[1 - i].listener, "127.0.0.1", false);
        lease->n_judgements = 0;
        judge(&left, JUDGED_CLAIMED);
        cr_expect_eq(trouble(), PARTIES_SHARED);
    }
}

Test(parties, two_that_are_both_confirmed_know_what_they_do) {
    judge(&left, JUDGED_CLAIMED);
    judge(&right, JUDGED_RECOGNISED);
    cr_expect_eq(trouble(), PARTIES_FINE);
}

Test(parties, two_strangers_are_no_business_of_the_leases) {
    judge(&left, JUDGED_DISOWNED);
    judge(&right, JUDGED_DISOWNED);
    cr_expect_eq(trouble(), PARTIES_FINE);
}

/* ---- one party ---- */

Test(parties, the_same_process_is_one_party) {
    sightings[1].owners = owners;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[1].owners = &owners[1];
    right.id = left.id;
    right.id.start_time++;
    cr_expect_eq(trouble(), PARTIES_SHARED, "its pid alone is not it");
}

Test(parties, any_owner_of_several_is_enough) {
    sightings[0].n_owners = 2;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[0].n_owners = 1;
    sightings[1].owners = owners;
    sightings[1].n_owners = 2;
    cr_expect_eq(trouble(), PARTIES_FINE);
}

Test(parties, a_child_and_its_parent_are_one_party) {
    for (size_t i = 0; i < 2; i++) {
        struct process_info *child = owners[i];
        const struct process_info *parent = owners[1 - i];
        child->parents[1] = (struct process_parent){.pid = parent->id.pid, .start_time = parent->id.start_time};
        child->parents[0] = (struct process_parent){.pid = 5, .start_time = 5};
        child->n_parents = 2;
        cr_expect_eq(trouble(), PARTIES_FINE);
        child->parents[1].start_time++;
        cr_expect_eq(trouble(), PARTIES_SHARED, "a pid that was used again");
        child->n_parents = 0;
    }
}

static void make_siblings(void) {
    for (size_t i = 0; i < 2; i++) {
        owners[i]->n_parents = 1;
        owners[i]->parents[0] = (struct process_parent){.pid = 800, .start_time = 8};
        owners[i]->session = 700;
        memcpy(owners[i]->name, "nginx", 6);
    }
}

Test(parties, workers_of_one_master_are_one_party) {
    make_siblings();
    cr_expect_eq(trouble(), PARTIES_FINE);
    right.parents[0].start_time++;
    cr_expect_eq(trouble(), PARTIES_SHARED, "another master with its pid");
    make_siblings();
    right.parents[0].pid++;
    cr_expect_eq(trouble(), PARTIES_SHARED, "another master");
    make_siblings();
    right.session++;
    cr_expect_eq(trouble(), PARTIES_SHARED, "another session");
    make_siblings();
    memcpy(right.name, "httpd", 6);
    cr_expect_eq(trouble(), PARTIES_SHARED, "another program");
    make_siblings();
    left.session = right.session = 800;
    cr_expect_eq(trouble(), PARTIES_SHARED, "a shell has started both");
    make_siblings();
    left.parents[0].pid = right.parents[0].pid = 1;
    cr_expect_eq(trouble(), PARTIES_SHARED, "init is everybody's parent");
    make_siblings();
    left.n_parents = right.n_parents = 0;
    cr_expect_eq(trouble(), PARTIES_SHARED, "none is known");
}

Test(parties, of_hidden_ones_user_and_cgroup_tell) {
    sightings[0].n_owners = 0;
    judge(&right, JUDGED_CLAIMED);
    cr_expect_eq(trouble(), PARTIES_FINE, "nobody is accused by his uid");
    sightings[0].listener.cgroup_id = 5;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[1].listener.cgroup_id = 6;
    cr_expect_eq(trouble(), PARTIES_SHARED);
    sightings[0].listener.cgroup_id = 6;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[0].listener.cgroup_id = 0;
    cr_expect_eq(trouble(), PARTIES_FINE);
    sightings[0].listener.uid = BOB;
    cr_expect_eq(trouble(), PARTIES_SHARED);
}
