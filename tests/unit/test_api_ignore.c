/* POST /ignore: a squatter that somebody puts up with, and how everybody else sees it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/fake_daemon.h"
#include "tests/support/fake_disk.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_disk_install();
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api_ignore, .init = set_up, .fini = tear_down, .timeout = 60);

static void call(uid_t uid, const char *target, const char *body) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, target, body);
}

static void expect(int status, const char *type) {
    cr_expect_eq(reply.status, status, "%s", reply.text);
    cr_expect_str_eq(reply.type, type, "%s", reply.text);
}

static void add_squatter(enum finding_kind kind, uint16_t port, const char *process) {
    const uint32_t inode = port;
    fake_probe_own(fake_probe_listen(&it.probe, port, BOB, inode), 4711, process);
    struct finding *finding = fake_probe_find(&it.probe, kind, port, 0, inode);
    finding->uid = BOB;
    finding->pid = 4711;
    snprintf(finding->process, sizeof(finding->process), "%s", process);
}

/* What the first finding says to `uid`, in /squatters, in /conflicts and in /who alike. */
static bool is_ignored(uid_t uid) {
    static const char *const rows[][2] = {{"/squatters", "squatters.0.ignored"},
                                          {"/conflicts", "conflicts.0.ignored"},
                                          {"/who?port=8001", "findings.0.ignored"}};
    bool ignored[3];
    for (size_t i = 0; i < 3; i++) {
        call(uid, rows[i][0], NULL);
        const cJSON *flag = fake_reply_get(&reply, rows[i][1]);
        cr_assert(cJSON_IsBool(flag), "%s: %s", rows[i][0], reply.text);
        ignored[i] = cJSON_IsTrue(flag);
    }
    cr_assert(ignored[0] == ignored[1] && ignored[1] == ignored[2]);
    return ignored[0];
}

Test(api_ignore, it_is_ignored_for_its_caller_alone_until_that_is_undone) {
    add_squatter(FINDING_TAKEN, 8001, "node");
    cr_expect_not(is_ignored(ANN));
    call(ANN, "/ignore", "{\"port\":8001}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(fake_reply_number(&reply, "port"), 8001);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "ignored")));
    cr_expect_eq(fake_reply_number(&reply, "findings.0.port"), 8001);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "findings.0.ignored")));
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "findings")), 1);
    cr_expect_eq(cJSON_GetArraySize(reply.json), 3);
    cr_expect(is_ignored(ANN));
    cr_expect_not(is_ignored(BOB));
    cr_expect_not(is_ignored(0));
    fake_daemon_restart(&it);
    cr_expect(is_ignored(ANN));
    call(ANN, "/ignore", "{\"port\":8001,\"ignored\":false}");
    cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "ignored")));
    cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "findings.0.ignored")));
    cr_expect_not(is_ignored(ANN));
}

Test(api_ignore, everything_on_the_port_is_meant_and_nothing_beside_it) {
    add_squatter(FINDING_UNLEASED, 8000, "node");
    add_squatter(FINDING_TAKEN, 8001, "node");
    add_squatter(FINDING_INACTIVE, 8001, "python3");
    add_squatter(FINDING_UNLEASED, 8002, "node");
    call(ANN, "/ignore", "{\"port\":8001,\"ignored\":true}");
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "findings")), 2);
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "findings.1.ignored")));
    call(ANN, "/squatters", NULL);
    for (int i = 0; i < 4; i++) {
        char path[32];
        snprintf(path, sizeof(path), "squatters.%d.ignored", i);
        cr_expect_eq(cJSON_IsTrue(fake_reply_get(&reply, path)), i == 1 || i == 2, "%s", path);
    }
}

Test(api_ignore, where_no_squatter_is_there_is_nothing_to_ignore) {
    fake_daemon_listen(&it, 8001, ANN, 5);
    call(ANN, "/ignore", "{\"port\":8001}");
    expect(404, "not-squatted");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), "8001"));
    call(ANN, "/ignore", "{\"port\":8001,\"ignored\":false}");
    expect(404, "not-squatted");
}

/* It is known by its name, so the answer waits for that. */
static void name_it(struct fake_daemon *daemon) {
    struct finding *finding = &daemon->probe.findings.items[0];
    if (finding->pid != 0)
        return;
    finding->pid = 4711;
    strcpy(finding->process, "node");
    daemon->probe.n_walks++;
}

Test(api_ignore, it_waits_for_the_name) {
    add_squatter(FINDING_TAKEN, 8001, "node");
    it.probe.findings.items[0].pid = 0;
    it.probe.walk = it.probe.n_walks + 1;
    it.while_waiting = name_it;
    call(ANN, "/ignore", "{\"port\":8001}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(it.n_waits, 1);
    cr_expect_eq(it.probe.asked, 8001);
    it.probe.walk = 0;
    cr_expect(is_ignored(ANN));
    it.probe.findings.items[0].pid = 0;
    cr_expect_not(is_ignored(ANN), "not the nameless one");
}

Test(api_ignore, wrong_bodies_change_nothing) {
    static const char *const bodies[][2] = {
        {"{}", "missing-key"},
        {"{\"port\":0}", "invalid-value"},
        {"{\"port\":65536}", "invalid-value"},
        {"{\"port\":\"8001\"}", "invalid-value"},
        {"{\"port\":8001,\"ignored\":1}", "invalid-value"},
        {"{\"port\":8001,\"ignored\":\"true\"}", "invalid-value"},
        {"{\"port\":8001,\"ignore\":true}", "unknown-key"},
        {"[8001]", "invalid-value"},
    };
    add_squatter(FINDING_TAKEN, 8001, "node");
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        call(ANN, "/ignore", bodies[i][0]);
        expect(422, bodies[i][1]);
    }
    cr_expect_not(is_ignored(ANN));
    call(ANN, "/ignore", "{\"port\":8001,\"ignored\":null}");
    expect(200, "");
    cr_expect(is_ignored(ANN), "null is absent");
}

Test(api_ignore, on_a_full_disk_it_is_refused_and_nothing_has_changed) {
    add_squatter(FINDING_TAKEN, 8001, "node");
    fake_disk_fail(1, SQLITE_FULL, true);
    call(ANN, "/ignore", "{\"port\":8001}");
    expect(507, "not-stored");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "detail"), "full"), "%s", reply.text);
    cr_expect_not(is_ignored(ANN));
    fake_disk_fail(0, 0, false);
    call(ANN, "/ignore", "{\"port\":8001}");
    expect(200, "");
    cr_expect(is_ignored(ANN));
}
