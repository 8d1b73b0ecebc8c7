/* Two parties on a leased port. What real processes make of it is in integration/squatters; here is what many sockets cost. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "src/lease/parties.h"
#include "tests/support/fake_daemon.h"

#define MANY 20000

static struct fake_daemon it;
static struct lease *lease;

static void set_up(void) {
    fake_daemon_start(&it);
    const struct grant_request request = fake_daemon_ask("web");
    lease = fake_daemon_grant(&it, &request);
}

static void tear_down(void) {
    fake_daemon_stop(&it);
}

TestSuite(parties_many, .init = set_up, .fini = tear_down, .timeout = 30);

static struct process_info process_of(pid_t pid) {
    return (struct process_info){.n_references = 1, .id = {.pid = pid, .start_time = 7}, .pidfd = -1, .uid = ANN};
}

/* On 127.x.y.z, or on the address of IPv6 that ends alike. */
static struct sighting sighting_of(unsigned number, int family, struct process_info **owner) {
    struct sighting sighting = {
        .listener =
            {.family = (uint8_t)family, .port = lease->port, .state = LISTENER_LISTEN, .uid = ANN, .inode = number},
        .since_start = true,
        .n_seen = 2,
        .state = SIGHTING_RESOLVED,
        .owners = owner,
        .n_owners = 1,
    };
    if (family == AF_INET)
        listener_map_ipv4((struct in_addr){htonl((127U << 24) + number)}, &sighting.listener.address);
    else
        sighting.listener.address.s6_addr32[3] = htonl(number);
    return sighting;
}

Test(parties_many, two_programs_for_two_families_are_split) {
    struct process_info one = process_of(4000001);
    struct process_info other = process_of(4000002);
    struct process_info *owners[] = {&one, &other};
    const struct sighting sightings[] = {sighting_of(1, AF_INET, &owners[0]), sighting_of(2, AF_INET6, &owners[1])};
    size_t i_own = 9;
    size_t i_other = 9;
    cr_assert_eq(parties_find_trouble(it.registry, lease, sightings, 2, &i_own, &i_other), PARTIES_SPLIT);
    cr_assert_neq(i_own, i_other);
    cr_assert_leq(i_own + i_other, 1);
}

/* Anybody can open as many; compared each with each they would take minutes, which the suite's timeout does not give. */
Test(parties_many, twenty_thousand_listeners_of_two_programs_do_not_hold_the_loop_up) {
    struct process_info one = process_of(4000001);
    struct process_info other = process_of(4000002);
    struct process_info *owners[] = {&one, &other};
    struct sighting *sightings = calloc(MANY, sizeof(*sightings));
    cr_assert_not_null(sightings);
    for (unsigned i = 0; i < MANY; i++)
        sightings[i] = sighting_of(i + 1, AF_INET, &owners[i % 2]);
    size_t i_own;
    size_t i_other;
    cr_assert_eq(parties_find_trouble(it.registry, lease, sightings, MANY, &i_own, &i_other), PARTIES_FINE);
    free(sightings);
}
