/*
 * Ignored squatters, real ones, with the real portctl: for whom they are ignored, and what of them survives the squatter's end, and portd's.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/caller.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/json_check.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"

TestSuite(ignore, .timeout = 120);

#define PORT 8100

/* Somebody of this name on PORT; returned when portd has found him. */
static pid_t start_squatter(const struct caller *caller, const char *name) {
    const pid_t pid =
        puppet_start(&(struct puppet_setup){.name = name, .uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 %u pause", PORT);
    CLEANUP(http_reply_deinit) struct http_reply found = sees_squatter(caller, PORT, "unleased");
    return pid;
}

static void end_squatter(const struct caller *caller, pid_t pid) {
    child_kill(pid);
    sees_no_squatter(caller, PORT);
}

static bool is_ignored(const struct caller *caller) {
    CLEANUP(http_reply_deinit) struct http_reply squatters = sees_squatter(caller, PORT, "unleased");
    return json_bool_at(sees_find(&squatters, PORT), "ignored");
}

static void assert_portctl(const char *word, const char *second, const char *third, int exit_code, const char *output,
                           const char *errors) {
    cli_assert(&(const struct cli_setup){.words = {word, second, third}}, exit_code, output, errors);
}

Test(ignore, it_lives_longer_than_the_squatter_and_than_portd_and_is_ones_own) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const struct caller other = {.daemon = &daemon, .uid = SANDBOX_OTHER_UID, .channel = CHANNEL_IPV4};
    pid_t pid = start_squatter(&me, "squatty");
    assert_portctl("squatters", "-q", NULL, EXIT_YES, "8100\n", "");
    assert_portctl("ignore", "8100", NULL, EXIT_YES, "Ignored port: 8100 (squatty)\n", "");
    assert_portctl("squatters", NULL, NULL, EXIT_YES, "", "1 ignored: portctl squatters --all\n");
    assert_portctl("squatters", "-q", "--all", EXIT_YES, "8100\n", "");
    cr_assert(is_ignored(&me));
    cr_assert_not(is_ignored(&other));

    end_squatter(&me, pid);
    assert_portctl("ignore", "8100", NULL, EXIT_NO, "", "portctl: there is no squatter on port 8100\n");
    pid = start_squatter(&me, "squatty");
    cr_assert(is_ignored(&me), "it was started anew");
    daemon_kill(&daemon);
    daemon = daemon_start(&(struct daemon_setup){0});
    cr_assert(is_ignored(&me), "portd was");
    cr_assert_not(is_ignored(&other));

    end_squatter(&me, pid);
    pid = start_squatter(&me, "another");
    cr_assert_not(is_ignored(&me), "another program");
    end_squatter(&me, pid);
    pid = start_squatter(&me, "squatty");
    assert_portctl("ignore", "8100", "--undo", EXIT_YES, "No longer ignored port: 8100 (squatty)\n", "");
    cr_assert_not(is_ignored(&me));
    assert_portctl("squatters", "-q", NULL, EXIT_YES, "8100\n", "");
    end_squatter(&me, pid);
}

Test(ignore, an_ignored_conflict_is_a_yes_for_a_script) {
    sandbox_enter_as_root();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    const struct caller me = {.daemon = &daemon};
    const uint16_t port = caller_grant(&me, "{\"service_name\":\"web\"}");
    const pid_t pid = puppet_start(&(struct puppet_setup){.uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 %u pause", port);
    char word[8];
    char line[8];
    snprintf(word, sizeof(word), "%u", port);
    snprintf(line, sizeof(line), "%u\n", port);
    CLEANUP(http_reply_deinit) struct http_reply taken = sees_squatter(&me, port, "taken");
    assert_portctl("conflicts", "-q", NULL, EXIT_NO, line, "");
    assert_portctl("ignore", "-q", word, EXIT_YES, line, "");
    assert_portctl("conflicts", NULL, NULL, EXIT_YES, "", "1 ignored: portctl conflicts --all\n");
    assert_portctl("conflicts", "-q", "--all", EXIT_NO, line, "");
    child_kill(pid);
    sees_no_squatter(&me, port);
    assert_portctl("conflicts", NULL, NULL, EXIT_YES, "", "");
}
