/* GET /snapshot: all that there is, as one answer; and the text that it is written as. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/json_text.h"
#include "tests/support/fake_daemon.h"
#include "tests/support/json_check.h"

static struct fake_daemon it;
static struct fake_reply reply;

static void set_up(void) {
    fake_daemon_start(&it);
}

static void tear_down(void) {
    fake_reply_deinit(&reply);
    fake_daemon_stop(&it);
}

TestSuite(api_snapshot, .init = set_up, .fini = tear_down, .timeout = 60);

static void call(uid_t uid, const char *target) {
    fake_reply_deinit(&reply);
    reply = fake_daemon_call(&it, uid, target, NULL);
}

static void fill(void) {
    struct grant_request request = fake_daemon_ask("web");
    request.count = 3;
    request.key.project = "/home/ann/shop";
    fake_daemon_grant(&it, &request);
    fake_probe_own(fake_probe_listen(&it.probe, 8001, BOB, 12), 100, "python3");
    fake_probe_listen(&it.probe, 70, 0, 11);
    fake_probe_listen(&it.probe, 8005, ANN, 13);
    fake_probe_find(&it.probe, FINDING_TAKEN, 8001, registry_find_port(it.registry, 8001)->id, 12);
    fake_probe_find(&it.probe, FINDING_UNLEASED, 8005, 0, 13);
}

/* The member that each item of the array has under `key`, as "8000 8001 ". */
static const char *numbers(const char *array, const char *key) {
    static char text[256];
    const cJSON *item;
    text[0] = '\0';
    cJSON_ArrayForEach(item, fake_reply_get(&reply, array)) {
        const size_t length = strlen(text);
        snprintf(text + length, sizeof(text) - length, "%.0f ", cJSON_GetObjectItem(item, key)->valuedouble);
    }
    return text;
}

Test(api_snapshot, an_empty_daemon_has_all_members) {
    call(ANN, "/snapshot");
    cr_assert_eq(reply.status, 200);
    cr_expect_str_eq(reply.content_type, "application/json");
    cr_expect(json_has_exactly(reply.json, "run version seq at complete range excluded caller portd warnings leases "
                                           "listeners squatters conflicts"));
    cr_expect_str_eq(fake_reply_text(&reply, "run"), FAKE_DAEMON_RUN);
    cr_expect_eq(fake_reply_number(&reply, "version"), 0);
    cr_expect_eq(fake_reply_number(&reply, "seq"), 0);
    cr_expect_str_eq(fake_reply_text(&reply, "at"), "2026-09-21T14:13:20.123Z");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "complete")));
    cr_expect_eq(fake_reply_number(&reply, "range.min"), FAKE_DAEMON_MIN);
    cr_expect_eq(fake_reply_number(&reply, "range.max"), FAKE_DAEMON_MAX);
    cr_expect_str_eq(fake_reply_text(&reply, "excluded"), "8003");
    cr_expect_str_eq(fake_reply_text(&reply, "warnings.0"), "something to be said");
    cr_expect_str_eq(fake_reply_text(&reply, "portd.command"), "portd --range 8000-8009");
    cr_expect_str_eq(fake_reply_text(&reply, "portd.version"), "9.8.7");
    cr_expect_eq(fake_reply_number(&reply, "portd.uid"), FAKE_DAEMON_UID);
    cr_expect_eq(cJSON_GetArraySize(fake_reply_get(&reply, "leases")), 0);
    cr_expect_eq(it.probe.n_reads, 1, "one reading");
}

/* It is copied into a shell: what is cut may end inside of a quote. */
Test(api_snapshot, a_long_command_is_not_cut) {
    char excluded[3001];
    char command[3101];
    for (size_t i = 0; i < 3000; i++)
        excluded[i] = "8003,"[i % 5];
    excluded[2999] = '\0';
    snprintf(command, sizeof(command), "portd --exclude %s --db '/home/ann/my caf\xC3\xA9'", excluded);
    it.info.command = command;
    it.info.excluded = excluded;
    call(ANN, "/snapshot");
    cr_expect_str_eq(fake_reply_text(&reply, "portd.command"), command);
    cr_expect_str_eq(fake_reply_text(&reply, "excluded"), excluded);
    call(ANN, "/status");
    cr_expect_str_eq(fake_reply_text(&reply, "excluded"), excluded);
    it.info.command = "portd --db '/\xFF\x07'";
    call(ANN, "/snapshot");
    cr_expect_str_eq(fake_reply_text(&reply, "portd.command"), "portd --db '/?\?'");
}

Test(api_snapshot, it_has_what_the_lists_have) {
    static const char *const lists[][3] = {{"/list", "", "leases"},
                                           {"/ports", "ports", "listeners"},
                                           {"/squatters", "squatters", "squatters"},
                                           {"/conflicts", "conflicts", "conflicts"}};
    fill();
    call(ANN, "/snapshot");
    cr_expect_str_eq(numbers("leases", "port"), "8000 8001 8002 ");
    cr_expect_str_eq(numbers("listeners", "port"), "70 8001 8005 ");
    cr_expect_str_eq(numbers("squatters", "port"), "8001 8005 ");
    cr_expect_str_eq(numbers("conflicts", "port"), "8001 ");
    cr_expect_eq(fake_reply_number(&reply, "seq"), 3);
    for (size_t i = 0; i < 4; i++) {
        struct fake_reply list = fake_daemon_call(&it, ANN, lists[i][0], NULL);
        char *listed = cJSON_PrintUnformatted(fake_reply_get(&list, lists[i][1]));
        char *shown = cJSON_PrintUnformatted(fake_reply_get(&reply, lists[i][2]));
        cr_expect_str_eq(shown, listed, "%s: %s and not %s", lists[i][0], shown, listed);
        free(listed);
        free(shown);
        fake_reply_deinit(&list);
    }
}

Test(api_snapshot, each_caller_is_told_who_he_is_and_shown_no_more_than_he_may_see) {
    fill();
    call(ANN, "/snapshot");
    cr_expect_eq(fake_reply_number(&reply, "caller.uid"), ANN);
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "caller.user")));
    cr_expect(cJSON_IsFalse(fake_reply_get(&reply, "caller.may_change_all")));
    cr_expect_str_eq(fake_reply_text(&reply, "leases.0.project"), "/home/ann/shop");
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "listeners.1.owners.0.executable")));
    call(BOB, "/snapshot");
    cr_expect(cJSON_IsNull(fake_reply_get(&reply, "leases.0.project")));
    cr_expect_str_eq(fake_reply_text(&reply, "listeners.1.owners.0.executable"), "/usr/bin/server");
    call(FAKE_DAEMON_UID, "/snapshot");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "caller.may_change_all")));
    call(0, "/snapshot");
    cr_expect(cJSON_IsTrue(fake_reply_get(&reply, "caller.may_change_all")));
    cr_expect_str_eq(fake_reply_text(&reply, "caller.user"), "root");
}

/* Whatever the pause between comparisons: else what is shown would be newer than its version, and a change back would never be told. */
Test(api_snapshot, its_version_is_always_that_of_what_it_shows) {
    fill();
    call(ANN, "/snapshot");
    const double version = fake_reply_number(&reply, "version");
    cr_expect_eq(version, 5);
    call(ANN, "/snapshot");
    cr_expect_eq(fake_reply_number(&reply, "version"), version);
    for (unsigned i = 1; i < 4; i++) {
        registry_find_port(it.registry, 8000)->ttl_seconds++;
        call(ANN, "/snapshot");
        cr_expect_eq(fake_reply_number(&reply, "version"), version + i);
    }
}

Test(api_snapshot, it_takes_no_parameters_and_only_a_caller_who_is_known) {
    call(ANN, "/snapshot?port=8000");
    cr_expect_str_eq(reply.type, "unknown-parameter");
    const struct api_header headers[] = {{"Host", "portd"}};
    const struct api_request request = {.method = "GET",
                                        .target = "/snapshot",
                                        .version = "HTTP/1.1",
                                        .transport = API_UNIX,
                                        .headers = headers,
                                        .n_headers = 1};
    fake_reply_deinit(&reply);
    reply = fake_daemon_handle(&it, &request);
    cr_expect_str_eq(reply.type, "unknown-caller");
}

/* Two clocks that are read one after the other, each cut to milliseconds. */
Test(api_snapshot, a_time_that_counts_on_the_monotonic_clock_does_not_flicker) {
    fill();
    call(ANN, "/snapshot");
    char before[64];
    snprintf(before, sizeof(before), "%s", fake_reply_text(&reply, "leases.0.expires_at"));
    it.clock.now.unix_ms += 1;
    call(ANN, "/snapshot");
    cr_expect_str_eq(fake_reply_text(&reply, "leases.0.expires_at"), before);
    const double version = fake_reply_number(&reply, "version");
    it.clock.now.unix_ms += 3600000;
    call(ANN, "/snapshot");
    cr_expect_str_neq(fake_reply_text(&reply, "leases.0.expires_at"), before, "the clock was set");
    cr_expect_eq(fake_reply_number(&reply, "version"), version + 3);
}

/* ---- text ---- */

static char *write_text(const char *json) {
    struct json_text text = {0};
    size_t length = 0;
    json_text_add(&text, cJSON_Parse(json));
    char *written = json_text_take(&text, &length);
    cr_assert(!written || strlen(written) == length);
    return written;
}

Test(api_snapshot, a_text_is_the_document_without_white_space) {
    static const char *const documents[] = {
        "{}",
        "[]",
        "{\"a\":[],\"b\":{},\"c\":null,\"d\":true,\"e\":false}",
        "[[[[1,2],[3]],{\"x\":[{\"y\":4}]}],5]",
        "[0,1,9,10,4294967295,9007199254740991,1793000000123]",
        "[-1,1.5,-0.25]",
        "\"\\u0001\\b\\f\\n\\r\\t\\\"\\\\ / \x7f \xc3\xa4 \xf0\x9f\x98\x80\"",
        "{\"a \\\" key\":\"\"}",
    };
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
        char *written = write_text(documents[i]);
        cr_expect_str_eq(written, documents[i], "%s", written);
        free(written);
    }
}

Test(api_snapshot, what_could_not_be_made_makes_no_text) {
    struct json_text text = {0};
    size_t length = 7;
    json_text_put(&text, "[");
    json_text_add(&text, NULL);
    json_text_put(&text, "]");
    cr_expect_null(json_text_take(&text, &length));
    cr_expect_eq(length, 7);
    char deep[128] = "";
    for (int i = 0; i < 40; i++)
        strcat(deep, "[");
    strcat(deep, "1");
    for (int i = 0; i < 40; i++)
        strcat(deep, "]");
    cr_expect_null(write_text(deep));
}

Test(api_snapshot, a_text_grows_to_any_length) {
    struct json_text text = {0};
    size_t length = 0;
    for (unsigned i = 0; i < 100000; i++)
        json_text_add(&text, cJSON_CreateNumber(i));
    char *written = json_text_take(&text, &length);
    cr_expect_eq(length, 488890);
    cr_expect_str_eq(written + length - 10, "9999899999");
    free(written);
}
