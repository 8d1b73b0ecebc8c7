/* GET /who: the verdict, the facts and what to do next, for each state that a port can be in. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
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

TestSuite(api_who, .init = set_up, .fini = tear_down);

static void who(uid_t uid, uint16_t port) {
    char target[32];
    fake_reply_deinit(&reply);
    snprintf(target, sizeof(target), "/who?port=%u", port);
    reply = fake_daemon_call(&it, uid, target, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
}

static void expect_text(const char *path, const char *expected) {
    cr_expect_str_eq(fake_reply_text(&reply, path), expected, "%s: %s", path, fake_reply_text(&reply, path));
}

static void expect_state(const char *state, const char *verdict) {
    expect_text("state", state);
    expect_text("verdict", verdict);
}

static bool is_null(const char *path) {
    const cJSON *item = fake_reply_get(&reply, path);
    cr_assert_not_null(item, "no %s: %s", path, reply.text);
    return cJSON_IsNull(item);
}

/* The commands of `next`, each ended by a newline. */
static void expect_next(const char *expected) {
    char commands[2048] = "";
    const cJSON *item;
    cJSON_ArrayForEach(item, fake_reply_get(&reply, "next")) {
        cr_expect_gt(strlen(cJSON_GetObjectItem(item, "why")->valuestring), 0);
        strcat(commands, cJSON_GetObjectItem(item, "command")->valuestring);
        strcat(commands, "\n");
    }
    cr_expect_str_eq(commands, expected, "%s", commands);
}

static struct lease *lease(const char *service_name) {
    const struct grant_request request = fake_daemon_ask(service_name);
    return fake_daemon_grant(&it, &request);
}

/* ---- no lease ---- */

Test(api_who, nobody_is_there) {
    who(ANN, 8001);
    expect_state("free", "Nobody listens on port 8001, and nobody has it leased.");
    cr_expect(is_null("lease"));
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners")), 0);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "findings")), 0);
    expect_next("portctl alloc NAME --port 8001\nportctl list\n");
    cr_expect_eq(it.n_waits, 0, "there is nobody to be looked for");
}

Test(api_who, portds_own_port_is_its_own) {
    fake_probe_own(fake_probe_listen(&it.probe, FAKE_DAEMON_API, FAKE_DAEMON_UID, 5), 400, "portd");
    who(ANN, FAKE_DAEMON_API);
    expect_state("portd", "Port 3030 is portd's own.");
    expect_next("portctl status\n");
}

Test(api_who, a_listener_in_the_range_without_a_lease) {
    fake_probe_own(fake_probe_listen(&it.probe, 8001, ANN, 5), 48213, "python3");
    fake_probe_find(&it.probe, FINDING_UNLEASED, 8001, 0, 5);
    who(ANN, 8001);
    expect_state("unleased", "python3 (pid 48213, uid 54321) listens on port 8001 without a lease.");
    expect_text("findings.0.kind", "unleased");
    expect_text("findings.0.verdict", "python3 (pid 48213, uid 54321) listens on port 8001 without a lease.");
    expect_next("portctl claim 8001 python3\nportctl stop 8001\n");
    who(BOB, 8001);
    expect_next("");
    who(0, 8001);
    expect_next("portctl claim 8001 python3\nportctl stop 8001\n");
}

Test(api_who, a_listener_outside_of_the_range) {
    fake_probe_own(fake_probe_listen(&it.probe, 5432, ANN, 5), 700, "postgres");
    who(ANN, 5432);
    expect_state(
        "unmanaged",
        "postgres (pid 700, uid 54321) listens on port 5432, which is outside of the managed range 8000-8009.");
}

Test(api_who, a_hidden_owner_is_told_by_its_user_and_unit) {
    fake_probe_hide(fake_probe_listen(&it.probe, 80, 0, 5), OWNER_OF_OTHER_USER, "/system.slice/docker.service");
    who(ANN, 80);
    expect_state("unmanaged",
                 "A process of root that portd may not look into (docker.service) listens on port 80, which is "
                 "outside of the managed range 8000-8009.");
    expect_text("listeners.0.hidden.reason", "other-user");
    cr_expect_gt(strlen(fake_reply_text(&reply, "listeners.0.hidden.why")), 0);
    cr_expect_gt(strlen(fake_reply_text(&reply, "listeners.0.hidden.remedy")), 0);
    expect_text("listeners.0.unit", "docker.service");
    cr_expect(is_null("listeners.0.pid"));
    expect_next("");
}

Test(api_who, an_owner_that_is_in_no_process_is_not_found) {
    fake_probe_hide(fake_probe_listen(&it.probe, 8001, ANN, 5), OWNER_ELSEWHERE, NULL);
    who(ANN, 8001);
    expect_text("verdict", "A process of uid 54321 that portd has not found listens on port 8001 without a lease.");
    expect_next("portctl claim 8001 NAME\n");
}

Test(api_who, who_has_bound_and_does_not_listen_is_not_said_to_listen) {
    struct sighting *sighting = fake_probe_listen(&it.probe, 8001, ANN, 5);
    sighting->listener.state = LISTENER_BOUND;
    fake_probe_own(sighting, 48213, "python3");
    who(ANN, 8001);
    expect_state("unleased",
                 "python3 (pid 48213, uid 54321) has bound port 8001 without a lease, and does not listen on it.");
    expect_next("");
}

/* ---- a lease ---- */

Test(api_who, nothing_listens_on_a_leased_port_yet) {
    lease("my-api");
    who(ANN, 8000);
    expect_state("pending", "Port 8000 is leased to my-api (uid 54321), and nothing listens on it yet.");
    expect_text("lease.service_name", "my-api");
    cr_expect(is_null("lease.evidence"));
    cr_expect(is_null("lease.elsewhere_port"));
    expect_next("portctl release 8000\n");
    who(BOB, 8000);
    expect_next("");
}

Test(api_who, nothing_listens_any_more) {
    lease("my-api")->was_bound = true;
    who(ANN, 8000);
    expect_state("silent", "Port 8000 is leased to my-api (uid 54321), and nothing listens on it any more.");
    expect_next("portctl release 8000\n");
}

Test(api_who, the_app_has_ignored_its_port) {
    lease("my-api")->sight.elsewhere = 5173;
    who(ANN, 8000);
    expect_state("elsewhere",
                 "Port 8000 is leased to my-api (uid 54321), and nothing listens on it: my-api's holder listens on "
                 "5173 instead.");
    cr_expect_eq(fake_reply_number(&reply, "lease.elsewhere_port"), 5173);
    expect_next("portctl who 5173\nportctl release 8000\n");
}

Test(api_who, a_listener_that_is_only_plausible_is_unconfirmed) {
    lease("my-api")->sight.own = true;
    fake_probe_own(fake_probe_listen(&it.probe, 8000, ANN, 5), 47001, "node")->id.start_time = 99;
    who(ANN, 8000);
    expect_text("state", "bound");
    expect_text("lease.evidence", "plausible");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "verdict"),
                              "Port 8000 is probably in use by my-api (uid 54321): node (pid 47001) listens, and "));
    expect_text("listeners.0.evidence.level", "plausible");
    expect_text("listeners.0.evidence.by", "uid");
    expect_text("listeners.0.service_name", "my-api");
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.lease_id"), 1);
    expect_next("portctl claim 8000\nportctl disown 8000\nportctl stop 8000\n");
}

/* A holder that is a process, for the evidence; its listener is only shown. */
static struct lease *lease_held(const char *service_name, pid_t *ret_holder) {
    struct grant_request request = fake_daemon_ask(service_name);
    *ret_holder = fake_daemon_start_process(&request.key.uid);
    request.holder = *ret_holder;
    struct lease *held = fake_daemon_grant(&it, &request);
    held->sight.own = true;
    held->sight.confirmed = true;
    return held;
}

static void own_by(struct sighting *sighting, const struct process_id *holder) {
    fake_probe_own(sighting, holder->pid, "node")->id = *holder;
}

Test(api_who, the_holder_itself_listens) {
    char verdict[128];
    pid_t holder;
    struct lease *held = lease_held("my-api", &holder);
    own_by(fake_probe_listen(&it.probe, 8000, held->uid, 5), &held->holder);
    who(held->uid, 8000);
    snprintf(verdict, sizeof(verdict), ": node (pid %d) listens, the lease's holder.", holder);
    expect_text("state", "bound");
    expect_text("lease.evidence", "confirmed");
    cr_expect_not_null(strstr(fake_reply_text(&reply, "verdict"), verdict), "%s", fake_reply_text(&reply, "verdict"));
    expect_next("portctl stop 8000\n");
    fake_daemon_end_process(holder, false);
}

Test(api_who, a_child_of_the_holder_listens) {
    pid_t holder;
    struct lease *held = lease_held("my-api", &holder);
    struct process_info *owner = fake_probe_own(fake_probe_listen(&it.probe, 8000, held->uid, 5), 47001, "node");
    owner->parents[0] = (struct process_parent){.pid = holder, .start_time = held->holder.start_time, .name = "sh"};
    owner->n_parents = 1;
    who(held->uid, 8000);
    cr_expect_not_null(
        strstr(fake_reply_text(&reply, "verdict"), ": node (pid 47001) listens, a child of the lease's holder."), "%s",
        fake_reply_text(&reply, "verdict"));
    /* A wrapper between the two. */
    owner->parents[1] = owner->parents[0];
    owner->parents[0] = (struct process_parent){.pid = 47000, .start_time = held->holder.start_time, .name = "npm"};
    owner->n_parents = 2;
    who(held->uid, 8000);
    cr_expect_not_null(strstr(fake_reply_text(&reply, "verdict"), "a descendant of the lease's holder."), "%s",
                       fake_reply_text(&reply, "verdict"));
    fake_daemon_end_process(holder, false);
}

/* ---- conflicts ---- */

Test(api_who, a_squatter_is_named_beside_the_lease_that_it_hurts) {
    lease("my-api")->sight.foreign = true;
    fake_probe_own(fake_probe_listen(&it.probe, 8000, BOB, 5), 48213, "python3");
    fake_probe_find(&it.probe, FINDING_TAKEN, 8000, 1, 5);
    fake_probe_listen(&it.probe, 8001, BOB, 6);
    who(ANN, 8000);
    expect_state("conflict",
                 "Port 8000 is squatted: it is leased to my-api (uid 54321), but python3 (pid 48213, uid 54322) "
                 "listens on it.");
    expect_text("listeners.0.evidence.level", "foreign");
    expect_text("findings.0.kind", "taken");
    cr_expect_eq(fake_reply_number(&reply, "findings.0.lease.id"), 1);
    expect_text("findings.0.since", "2026-09-21T14:15:00.500Z");
    expect_next("portctl alloc my-api --prefer 8002\n");
    who(BOB, 8000);
    expect_next("portctl stop 8000\n");
    who(0, 8000);
    expect_next("portctl stop 8000\nportctl claim 8000\n");
}

Test(api_who, a_squatter_is_named_also_before_it_is_a_finding) {
    lease("my-api")->sight.foreign = true;
    fake_probe_own(fake_probe_listen(&it.probe, 8000, BOB, 5), 48213, "python3");
    who(ANN, 8000);
    expect_state("conflict",
                 "Port 8000 is squatted: it is leased to my-api (uid 54321), but python3 (pid 48213, uid 54322) "
                 "listens on it.");
}

Test(api_who, two_parties_on_two_families_are_a_split) {
    lease("my-api")->sight = (struct lease_sight){.own = true, .shared = true};
    fake_probe_own(fake_probe_listen_on(&it.probe, "127.0.0.1", 8000, ANN, 5), 47001, "node");
    fake_probe_own(fake_probe_listen_on(&it.probe, "::1", 8000, ANN, 6), 48213, "python3");
    struct finding *finding = fake_probe_find(&it.probe, FINDING_SPLIT, 8000, 1, 6);
    finding->inodes[1] = 5;
    finding->n_inodes = 2;
    who(ANN, 8000);
    expect_state("conflict",
                 "Port 8000 is split: it is leased to my-api (uid 54321), but python3 (pid 48213) has it for IPv6 and "
                 "node (pid 47001) for IPv4, so that localhost reaches one or the other.");
    expect_text("findings.0.listeners.0.process", "python3");
    expect_text("findings.0.listeners.1.process", "node");
    expect_next("portctl alloc my-api --prefer 8001\nportctl stop 8000 --pid 48213\n");
}

Test(api_who, two_parties_on_one_address_share_it) {
    lease("my-api")->sight = (struct lease_sight){.own = true, .shared = true};
    fake_probe_own(fake_probe_listen(&it.probe, 8000, ANN, 5), 47001, "node");
    fake_probe_own(fake_probe_listen(&it.probe, 8000, ANN, 6), 48213, "python3");
    struct finding *finding = fake_probe_find(&it.probe, FINDING_SHARED, 8000, 1, 6);
    finding->inodes[1] = 5;
    finding->n_inodes = 2;
    who(ANN, 8000);
    expect_state("conflict",
                 "Port 8000 is shared: it is leased to my-api (uid 54321), but python3 (pid 48213) and node (pid "
                 "47001) both listen on 127.0.0.1:8000, so that connections go to either.");
    expect_next("portctl alloc my-api --prefer 8001\nportctl stop 8000 --pid 48213\n");
}

Test(api_who, a_leased_port_that_somebody_has_only_bound) {
    lease("my-api");
    struct sighting *sighting = fake_probe_listen(&it.probe, 8000, BOB, 5);
    sighting->listener.state = LISTENER_BOUND;
    fake_probe_own(sighting, 48213, "python3");
    fake_probe_find(&it.probe, FINDING_INACTIVE, 8000, 1, 5);
    who(ANN, 8000);
    expect_state("pending",
                 "Port 8000 is leased to my-api (uid 54321), but python3 (pid 48213, uid 54322) has bound it, and "
                 "does not listen on it.");
}

/* ---- what to do next, as a shell takes it ---- */

Test(api_who, of_two_parties_the_one_to_stop_is_named_by_its_pid) {
    fake_probe_own(fake_probe_listen_on(&it.probe, "127.0.0.1", 8001, ANN, 5), 48213, "python3");
    fake_probe_own(fake_probe_listen_on(&it.probe, "::1", 8001, ANN, 6), 48213, "python3");
    who(ANN, 8001);
    expect_next("portctl claim 8001 python3\nportctl stop 8001\n");
    fake_probe_own(fake_probe_listen_on(&it.probe, "127.0.0.2", 8001, ANN, 7), 47001, "node");
    who(ANN, 8001);
    expect_next("portctl claim 8001 python3\nportctl stop 8001 --pid 48213\n");
}

Test(api_who, a_name_is_one_word_for_a_shell) {
    static const struct {
        const char *name;
        const char *next;
    } rows[] = {
        {"my-api", "portctl alloc my-api --prefer 8001\n"},
        {"my api", "portctl alloc 'my api' --prefer 8001\n"},
        {"$(reboot)", "portctl alloc '$(reboot)' --prefer 8001\n"},
        {"it's", "portctl alloc 'it'\\''s' --prefer 8001\n"},
        {"-x", "portctl alloc --prefer 8001 -- -x\n"},
        {"~", "portctl alloc '~' --prefer 8001\n"},
        {"caf\xC3\xA9", "portctl alloc 'caf\xC3\xA9' --prefer 8001\n"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct grant_request request = fake_daemon_ask(rows[i].name);
        request.exact = 8000;
        struct lease *granted = fake_daemon_grant(&it, &request);
        granted->sight.foreign = true;
        who(ANN, 8000);
        expect_next(rows[i].next);
        registry_release(it.registry, granted);
    }
}

Test(api_who, the_longest_name_of_quotes_is_still_whole) {
    char name[LEASE_NAME_MAX + 1];
    memset(name, '\'', LEASE_NAME_MAX);
    name[LEASE_NAME_MAX] = '\0';
    lease(name)->sight.foreign = true;
    who(ANN, 8000);
    const char *command = fake_reply_text(&reply, "next.0.command");
    cr_expect_eq(strlen(command), strlen("portctl alloc '' --prefer 8001") + (size_t)LEASE_NAME_MAX * 4);
    cr_expect_not_null(strstr(command, "' --prefer 8001"));
}

/* ---- what is shown to whom ---- */

Test(api_who, executable_and_directory_are_for_the_owner_and_for_root) {
    fake_probe_own(fake_probe_listen(&it.probe, 8001, ANN, 5), 48213, "python3");
    who(ANN, 8001);
    expect_text("listeners.0.owners.0.executable", "/usr/bin/server");
    expect_text("listeners.0.owners.0.directory", "/home/ann/shop");
    who(0, 8001);
    expect_text("listeners.0.owners.0.executable", "/usr/bin/server");
    static const uid_t others[] = {BOB, FAKE_DAEMON_UID};
    for (size_t i = 0; i < 2; i++) {
        who(others[i], 8001);
        cr_expect(is_null("listeners.0.owners.0.executable"));
        cr_expect(is_null("listeners.0.owners.0.directory"));
        expect_text("listeners.0.owners.0.command", "server --port 8001");
        cr_expect_null(strstr(reply.text, "/home/ann"));
    }
}

Test(api_who, a_name_with_escape_sequences_is_harmless) {
    struct process_info *owner =
        fake_probe_own(fake_probe_listen(&it.probe, 8001, ANN, 5), 48213, "\x1b[31m\xff\xfe\r\n");
    char *command = calloc(1, 4096);
    memset(command, '\x1b', 4095);
    free(owner->command);
    owner->command = command;
    who(ANN, 8001);
    expect_text("listeners.0.process", "?[31m????");
    expect_text("listeners.0.owners.0.process", "?[31m????");
    cr_expect_eq(strspn(fake_reply_text(&reply, "listeners.0.owners.0.command"), "?"), 1023);
    for (const char *at = reply.text; *at != '\0'; at++)
        cr_assert((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f, "%s", reply.text);
    expect_next("portctl claim 8001 NAME\nportctl stop 8001\n");
}

Test(api_who, a_container_is_named_by_its_cgroup_or_by_its_forwarder) {
    struct process_info *owner = fake_probe_own(fake_probe_listen(&it.probe, 8001, ANN, 5), 700, "postgres");
    owner->cgroup =
        strdup("/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope");
    who(ANN, 8001);
    expect_text("listeners.0.container.runtime", "docker");
    cr_expect_eq(strncmp(fake_reply_text(&reply, "listeners.0.container.id"), "0123456789abcdef", 16), 0);
    cr_expect(is_null("listeners.0.container.address"));
    expect_text("listeners.0.owners.0.container.runtime", "docker");
}

Test(api_who, all_owners_are_named_with_their_parents) {
    struct sighting *sighting = fake_probe_listen(&it.probe, 8001, ANN, 5);
    struct process_info *owner = fake_probe_own(sighting, 700, "nginx");
    owner->parents[0] = (struct process_parent){.pid = 600, .name = "bash"};
    owner->parents[1] = (struct process_parent){.pid = 1, .name = "systemd"};
    owner->n_parents = 2;
    fake_probe_own(sighting, 701, "worker");
    who(ANN, 8001);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "listeners.0.owners")), 2);
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.pid"), 700);
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.owners.0.start_time"), 1700);
    expect_text("listeners.0.owners.0.parents.1.process", "systemd");
    cr_expect_eq(fake_reply_number(&reply, "listeners.0.owners.0.parents.0.pid"), 600);
    expect_text("listeners.0.owners.1.process", "worker");
    cr_expect(is_null("listeners.0.hidden"));
    cr_expect(is_null("listeners.0.evidence"), "the port is not leased");
}

/* ---- waiting for the owners ---- */

static void finish_walk(struct fake_daemon *daemon) {
    if (daemon->n_waits < 2)
        return;
    if (daemon->probe.n_walks < 7)
        fake_probe_own(&daemon->probe.snapshot.items[0], 48213, "python3");
    daemon->probe.n_walks = 7;
}

Test(api_who, the_answer_waits_for_the_walk_that_was_asked_for) {
    fake_probe_listen(&it.probe, 8001, ANN, 5);
    it.probe.n_walks = 6;
    it.probe.walk = 7;
    it.while_waiting = finish_walk;
    who(ANN, 8001);
    cr_expect_eq(it.probe.asked, 8001);
    cr_expect_eq(it.n_waits, 3);
    expect_text("listeners.0.process", "python3");
}

Test(api_who, the_answer_waits_a_second_at_most) {
    fake_probe_listen(&it.probe, 8001, ANN, 5);
    it.probe.walk = 7;
    who(ANN, 8001);
    cr_expect_eq(it.n_waits, 10);
    expect_text("verdict",
                "A process of uid 54321 that portd is still looking for listens on port 8001 without a lease.");
    expect_text("listeners.0.hidden.reason", "not-yet");
}

Test(api_who, a_caller_who_leaves_while_he_waits_leaves_nothing_behind) {
    static const struct api_header headers[] = {{"Host", "portd"}};
    const struct api_request request = {
        .transport = API_UNIX,
        .caller = {.known = true, .uid = ANN},
        .method = "GET",
        .target = "/who?port=8001",
        .version = "HTTP/1.1",
        .headers = headers,
        .n_headers = 1,
    };
    struct api_response response;
    it.probe.walk = 7;
    api_handle(&it.api, &request, &response);
    cr_assert_not_null(response.later);
    cr_expect_eq(response.later->until_ms, it.clock.now.monotonic_ms + 1000);
    cr_expect_null(response.body);
    api_response_deinit(&response);
    cr_expect_null(response.later);
}

/* ---- bad questions ---- */

Test(api_who, a_port_that_is_none_is_refused) {
    static const char *const ports[] = {"0",  "65536", "99999", "abc",   "",
                                        "-1", "80%20", "+80",   "8001x", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        char target[64];
        fake_reply_deinit(&reply);
        snprintf(target, sizeof(target), "/who?port=%s", ports[i]);
        reply = fake_daemon_call(&it, ANN, target, NULL);
        cr_expect_eq(reply.status, 400, "%s", ports[i]);
        cr_expect_str_eq(reply.type, "bad-request");
    }
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, ANN, "/who", NULL);
    cr_expect_str_eq(reply.type, "missing-parameter");
    cr_expect_eq(it.probe.n_reads, 0);
}
