/* Opened and closed listeners: each told once, in order, and with its owner if that becomes known in time. */
#include "src/conflict/openings.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_daemon.h"

static struct fake_daemon it;
static struct openings openings;
static struct process_info owner = {.id = {1234, 5, 6}, .name = "node"};
static struct process_info *owners[] = {&owner};

/* What was told: "+8000:7 node " */
static char told[1024];

static void tell(void *context, const struct event_fact *fact) {
    char line[128];
    (void)context;
    cr_expect(fact->kind == EVENT_LISTENER_OPENED || fact->kind == EVENT_LISTENER_CLOSED);
    cr_expect(fact->has_uid);
    cr_expect_eq(fact->uid, ANN);
    cr_expect_str_eq(fact->address, "127.0.0.1");
    cr_expect_eq(fact->process != NULL, fact->pid != 0);
    snprintf(line, sizeof(line), "%c%u:%u%s%s%s%s ", fact->kind == EVENT_LISTENER_OPENED ? '+' : '-', fact->port,
             fact->inode, fact->process ? "=" : "", fact->process ? fact->process : "", fact->service_name ? "@" : "",
             fact->service_name ? fact->service_name : "");
    strncat(told, line, sizeof(told) - strlen(told) - 1);
}

static const struct event_sink sink = {.tell = tell};

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    openings_deinit(&openings);
    fake_daemon_stop(&it);
}

TestSuite(openings, .init = set_up, .fini = tear_down, .timeout = 60);

static struct sighting make(uint16_t port, uint32_t inode, bool resolved) {
    struct sighting sighting = {
        .listener = {.family = AF_INET, .port = port, .inode = inode, .state = LISTENER_LISTEN, .uid = ANN},
        .state = resolved ? SIGHTING_RESOLVED : SIGHTING_UNRESOLVED,
        .owners = resolved ? owners : NULL,
        .n_owners = resolved ? 1 : 0,
    };
    listener_map_ipv4((struct in_addr){.s_addr = htonl(INADDR_LOOPBACK)}, &sighting.listener.address);
    return sighting;
}

/* The changes are about `changed`; the snapshot has `there` (NULL: nothing). Returns what was told by it. */
static const char *update(enum change_kind kind, struct sighting *changed, struct sighting *there, size_t n_there,
                          uint64_t now_ms) {
    struct change change = {.kind = kind};
    const struct change_list changes = {.items = &change, .n_items = changed ? 1 : 0};
    const struct snapshot snapshot = {.items = there, .n_items = n_there};
    if (changed)
        change.sighting = *changed;
    told[0] = '\0';
    openings_update(&openings, &changes, &snapshot, it.registry, now_ms, &sink);
    return told;
}

Test(openings, one_whose_owner_is_known_is_told_at_once_and_once) {
    struct sighting sighting = make(8000, 7, true);
    cr_expect_str_eq(update(CHANGE_OPENED, &sighting, &sighting, 1, 1000), "+8000:7=node ");
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 9000), "");
    cr_expect_str_eq(update(CHANGE_CLOSED, &sighting, NULL, 0, 9000), "-8000:7=node ");
}

Test(openings, one_whose_owner_is_looked_for_waits_for_that) {
    struct sighting sighting = make(8000, 7, false);
    cr_expect_str_eq(update(CHANGE_OPENED, &sighting, &sighting, 1, 1000), "");
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 1500), "");
    sighting = make(8000, 7, true);
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 1600), "+8000:7=node ");
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 9999), "");
}

Test(openings, a_search_that_takes_long_is_not_waited_for) {
    struct sighting sighting = make(8000, 7, false);
    update(CHANGE_OPENED, &sighting, &sighting, 1, 1000);
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 2499), "");
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 2500), "+8000:7 ");
    sighting = make(8000, 7, true);
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &sighting, 1, 2600), "");
}

Test(openings, one_that_closes_while_it_waits_has_opened_first) {
    struct sighting sighting = make(8000, 7, false);
    update(CHANGE_OPENED, &sighting, &sighting, 1, 1000);
    cr_expect_str_eq(update(CHANGE_CLOSED, &sighting, NULL, 0, 1100), "+8000:7 -8000:7 ");
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, NULL, 0, 9000), "");
}

Test(openings, each_waits_for_itself) {
    struct sighting there[] = {make(8000, 7, false), make(8000, 8, false), make(8001, 9, false)};
    for (size_t i = 0; i < 3; i++)
        cr_expect_str_eq(update(CHANGE_OPENED, &there[i], there, i + 1, 1000 + i * 100), "");
    there[1] = make(8000, 8, true);
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, there, 3, 1300), "+8000:8=node ");
    cr_expect_str_eq(update(CHANGE_CLOSED, &there[0], &there[1], 2, 1400), "+8000:7 -8000:7 ");
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &there[1], 2, 2700), "+8001:9 ");
    cr_expect_eq(openings.n_items, 0);
}

Test(openings, one_that_is_gone_without_a_word_is_not_told) {
    struct sighting sighting = make(8000, 7, false);
    struct sighting other = make(8000, 8, true);
    update(CHANGE_OPENED, &sighting, &sighting, 1, 1000);
    cr_expect_str_eq(update(CHANGE_OPENED, NULL, &other, 1, 1100), "");
    cr_expect_eq(openings.n_items, 0);
}

Test(openings, the_lease_on_the_port_is_named) {
    const struct grant_request request = fake_daemon_ask("web");
    fake_daemon_grant(&it, &request);
    struct sighting sighting = make(8000, 7, true);
    cr_expect_str_eq(update(CHANGE_OPENED, &sighting, &sighting, 1, 1000), "+8000:7=node@web ");
}

Test(openings, many_can_wait) {
    struct sighting there[100];
    for (size_t i = 0; i < 100; i++)
        there[i] = make((uint16_t)(8000 + i), (uint32_t)i + 1, false);
    for (size_t i = 0; i < 100; i++)
        cr_expect_str_eq(update(CHANGE_OPENED, &there[i], there, 100, 1000), "");
    cr_expect_eq(openings.n_items, 100);
    update(CHANGE_OPENED, NULL, there, 100, 2500);
    cr_expect_eq(openings.n_items, 0);
    cr_expect_eq(strlen(told), 892, "each of them is told");
}
