/* The calls that list what the kernel shows: GET /ports, /squatters and /conflicts. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_daemon.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api_ports, .init = set_up, .fini = tear_down);

static void call(const char *target) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, ANN, target, NULL);
}

/* The numbers that the members of an array have under `key`: "8000 8001 ". */
static void expect_numbers(const char *target, const char *array, const char *key, const char *expected) {
    char numbers[256] = "";
    const cJSON *item;
    call(target);
    cr_assert_eq(reply.status, 200, "%s: %s", target, reply.text);
    cJSON_ArrayForEach(item, fake_reply_get(&reply, array)) {
        const size_t length = strlen(numbers);
        snprintf(numbers + length, sizeof(numbers) - length, "%.0f ", cJSON_GetObjectItem(item, key)->valuedouble);
    }
    cr_expect_str_eq(numbers, expected, "%s: %s", target, numbers);
}

static void fill(void) {
    fake_probe_listen(&it.probe, 8001, BOB, 13);
    fake_probe_listen(&it.probe, 80, 0, 11);
    fake_probe_listen_on(&it.probe, "::1", 8001, ANN, 12);
    fake_probe_listen(&it.probe, 65535, ANN, 14)->listener.state = LISTENER_BOUND;
}

/* ---- GET /ports ---- */

Test(api_ports, an_empty_table_is_an_answer) {
    call("/ports");
    cr_expect_eq(reply.status, 200);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "ports")), 0);
    cr_expect_eq(fake_reply_number(&reply, "generation"), 2);
    cr_expect_str_eq(fake_reply_text(&reply, "read_at"), "2026-09-21T14:15:01.500Z");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "complete")));
    cr_expect_eq(it.probe.n_reads, 2, "one for the walk, and one of this very moment");
}

Test(api_ports, every_listener_is_there_by_port) {
    fill();
    expect_numbers("/ports", "ports", "inode", "11 13 12 14 ");
    cr_expect_str_eq(fake_reply_text(&reply, "ports.0.user"), "root");
    cr_expect_str_eq(fake_reply_text(&reply, "ports.1.family"), "ipv4");
    cr_expect_str_eq(fake_reply_text(&reply, "ports.2.family"), "ipv6");
    cr_expect_str_eq(fake_reply_text(&reply, "ports.2.address"), "::1");
    cr_expect_str_eq(fake_reply_text(&reply, "ports.2.since"), "2026-09-21T14:15:00.500Z");
    cr_expect_str_eq(fake_reply_text(&reply, "ports.3.state"), "bound");
}

Test(api_ports, filters_leave_out_the_others) {
    fill();
    expect_numbers("/ports?range=8000-8001", "ports", "inode", "13 12 ");
    expect_numbers("/ports?range=80-80", "ports", "inode", "11 ");
    expect_numbers("/ports?range=1-65535", "ports", "inode", "11 13 12 14 ");
    expect_numbers("/ports?range=81-8000", "ports", "inode", "");
    expect_numbers("/ports?uid=54321", "ports", "inode", "12 14 ");
    expect_numbers("/ports?uid=0", "ports", "inode", "11 ");
    expect_numbers("/ports?state=listen", "ports", "inode", "11 13 12 ");
    expect_numbers("/ports?state=bound", "ports", "inode", "14 ");
    expect_numbers("/ports?state=listen&uid=54321&range=8000-9000", "ports", "inode", "12 ");
}

Test(api_ports, filters_that_are_none_are_refused) {
    static const char *const targets[] = {
        "/ports?range=",           "/ports?range=8000",   "/ports?range=8000-",
        "/ports?range=-8000",      "/ports?range=0-80",   "/ports?range=80-65536",
        "/ports?range=9000-8000",  "/ports?range=1-2-3",  "/ports?range=a-b",
        "/ports?range=8000-8001x", "/ports?uid=",         "/ports?uid=-1",
        "/ports?uid=4294967295",   "/ports?uid=ann",      "/ports?state=",
        "/ports?state=connected",  "/ports?state=LISTEN", "/ports?range=00000000000000000000001-2",
    };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        call(targets[i]);
        cr_expect_eq(reply.status, 400, "%s", targets[i]);
        cr_expect_str_eq(reply.type, "bad-request", "%s: %s", targets[i], reply.type);
    }
    call("/ports?port=8000");
    cr_expect_str_eq(reply.type, "unknown-parameter");
    cr_expect_eq(it.probe.n_reads, 0);
}

/* ---- GET /squatters, GET /conflicts ---- */

static void find_all(void) {
    const struct grant_request request = fake_daemon_ask("my-api");
    const struct lease *lease = fake_daemon_grant(&it, &request);
    fill();
    fake_probe_listen(&it.probe, 8000, BOB, 15);
    fake_probe_find(&it.probe, FINDING_TAKEN, 8000, lease->id, 15);
    fake_probe_find(&it.probe, FINDING_UNLEASED, 8001, 0, 12);
    fake_probe_find(&it.probe, FINDING_SPLIT, 8002, 0, 1);
    fake_probe_find(&it.probe, FINDING_SHARED, 8003, 0, 1);
    fake_probe_find(&it.probe, FINDING_INACTIVE, 8004, 0, 1);
}

Test(api_ports, squatters_are_all_findings_and_conflicts_those_on_leased_ports) {
    find_all();
    expect_numbers("/squatters", "squatters", "port", "8000 8001 8002 8003 8004 ");
    expect_numbers("/conflicts", "conflicts", "port", "8000 8002 8003 ");
    cr_expect_eq(it.probe.n_reads, 2);
}

Test(api_ports, a_finding_has_its_keys) {
    static const char *const keys[] = {"kind",    "port",    "since", "since_start",
                                       "ignored", "verdict", "lease", "listeners"};
    const cJSON *member;
    size_t n_members = 0;
    find_all();
    it.probe.findings.items[0].since_start = true;
    call("/squatters");
    cJSON_ArrayForEach(member, fake_reply_get(&reply, "squatters.0")) {
        cr_expect_str_eq(member->string, keys[n_members]);
        n_members++;
    }
    cr_expect_eq(n_members, 8);
    cr_expect_str_eq(fake_reply_text(&reply, "squatters.0.kind"), "taken");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "squatters.0.since_start")));
    cr_expect_str_eq(fake_reply_text(&reply, "squatters.0.lease.service_name"), "my-api");
    cr_expect_eq(fake_reply_number(&reply, "squatters.0.listeners.0.inode"), 15);
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "squatters.1.lease")));
}

/* Between a finding and its end there may be a reading in which its socket is gone. */
Test(api_ports, a_squatter_whose_socket_has_closed_is_named_as_it_was) {
    fake_probe_find(&it.probe, FINDING_UNLEASED, 8001, 0, 99);
    fake_probe_find(&it.probe, FINDING_INACTIVE, 8002, 0, 99)->pid = 0;
    call("/squatters");
    cr_expect_str_eq(fake_reply_text(&reply, "squatters.0.verdict"),
                     "gone (pid 77) listens on port 8001 without a lease.");
    cr_expect_str_eq(fake_reply_text(&reply, "squatters.1.verdict"),
                     "A process of uid 54322 has bound port 8002 without a lease, and does not listen on it.");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "squatters.0.listeners")), 0);
}

Test(api_ports, no_findings_are_an_empty_array) {
    call("/conflicts");
    cr_expect_str_eq(reply.text, "{\"conflicts\":[]}");
    call("/squatters");
    cr_expect_str_eq(reply.text, "{\"squatters\":[]}");
}
