/*
 * Screens of a terminal of 20 columns, a phone's or a corner's: no line is wider, and what a person must know is there. A sentence is broken between its
 * words; a word that is to be copied stays whole, and the terminal breaks it.
 */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "probe/fd.h"
#include "tests/support/file.h"
#include "tests/support/screen.h"
#include "tests/support/terminal.h"

#define COLUMNS 20

TestSuite(cli_screens_narrow, .init = screen_enter);

static struct screen_result run_narrow(const struct screen_case *screen) {
    return screen_run(screen, COLUMNS, NULL);
}

static void assert_narrow(const char *word, const char *more, const char *directory, const char *expected) {
    const struct screen_case screen = {.words = {word, more}, .directory = directory};
    CLEANUP(screen_result_deinit) struct screen_result result = run_narrow(&screen);

    cr_assert_str_eq(result.text, expected, "%s", result.text);
    cr_assert_leq(terminal_widest_line(result.text), COLUMNS, "%s", result.text);
}
Test(cli_screens_narrow, a_lease_keeps_its_name_and_the_sign_of_its_state) {
    assert_narrow("list", NULL, NULL,
                  "PORT  NAME\n"
                  "8001  my-api  ●\n"
                  "8002  web     ○\n"
                  "8003  db      ✕\n"
                  "8004  blog    ●\n"
                  "8005  docs    ↷\n"
                  "8006  web     ●\n");
    assert_narrow("list", "web", SCREEN_PROJECT,
                  "PORT  NAME  STATE\n"
                  "8006  web   ● in use\n");
}

Test(cli_screens_narrow, a_squatter_keeps_its_sign_and_its_process) {
    assert_narrow("squatters", NULL, NULL,
                  "PORT     PROCESS\n"
                  "8003  ✕  python3\n"
                  "8009  !  -\n"
                  "portctl who PORT\n"
                  "  explains one of\n"
                  "  them.\n"
                  "1 ignored: portctl\n"
                  "  squatters --all\n");
    assert_narrow("conflicts", NULL, NULL,
                  "PORT     PROCESS\n"
                  "8003  ✕  python3\n"
                  "portctl who PORT\n"
                  "  explains one of\n"
                  "  them.\n"
                  "1 ignored: portctl\n"
                  "  conflicts --all\n");
}

Test(cli_screens_narrow, who_tells_the_whole_story) {
    assert_narrow("who", NULL, NULL,
                  "PORT  PROCESS\n"
                  "8001  node\n"
                  "8003  python3\n"
                  "8010  ruby\n");
    assert_narrow("who", "8003", NULL,
                  "8003 ✕ SQUATTED:\n"
                  "    leased to db\n"
                  "    (root), but\n"
                  "    python3 (pid\n"
                  "    48213) listens\n"
                  "    on it\n"
                  "  lease db, root,\n"
                  "    granted 4m ago;\n"
                  "    its holder (pid\n"
                  "    47001) lives but\n"
                  "    does not listen\n"
                  "  bound python3 -m\n"
                  "    http.server\n"
                  "    8003, bob, in\n"
                  "    ~/demo, on\n"
                  "    127.0.0.1:8003\n"
                  "    since 4m ago\n"
                  "  whose not the\n"
                  "    lease's: it was\n"
                  "    there before the\n"
                  "    lease\n"
                  "  why systemd(1) >\n"
                  "    bash(48101) >\n"
                  "    python3(48213)\n"
                  "  next portctl alloc\n"
                  "    db --prefer 8004\n"
                  "      another port\n"
                  "      for db\n"
                  "    portctl stop\n"
                  "    8003\n"
                  "      stops python3\n");
}

Test(cli_screens_narrow, status_tells_every_fact) {
    assert_narrow("status", NULL, NULL,
                  "portd is running\n"
                  "  version 0.1.0\n"
                  "  pid 4711\n"
                  "  uid 0\n"
                  "  up 1h02m\n"
                  "  addresses\n"
                  "    127.0.0.1:3030,\n"
                  "    [::1]:3030\n"
                  "  socket\n"
                  "    /run/portmanager\n"
                  "    /portd.sock\n"
                  "  database\n"
                  "    /var/lib/portman\n"
                  "    ager/portd.db\n"
                  "  range 8000-9000, 6\n"
                  "    of 1001 ports\n"
                  "    leased\n"
                  "  excluded 8080,\n"
                  "    8443\n"
                  "  leases 6\n"
                  "  kernel does not\n"
                  "    show sockets\n"
                  "    that are bound\n"
                  "    and do not\n"
                  "    listen (Linux\n"
                  "    6.8 does)\n"
                  "portctl: note: the\n"
                  "  disk is nearly\n"
                  "  full\n");
}

Test(cli_screens_narrow, an_event_is_told_whole) {
    assert_narrow("history", NULL, NULL,
                  "2026-01-02 03:04:05\n"
                  "  ○ granted 8001\n"
                  "  my-api: to root\n"
                  "2026-01-02 03:04:05\n"
                  "  ● opened 8001\n"
                  "  my-api: node (pid\n"
                  "  47100) of root on\n"
                  "  ::1\n"
                  "2026-01-02 03:04:05\n"
                  "  ✕ squatted 8003\n"
                  "  db: python3 (pid\n"
                  "  48213) of bob\n"
                  "  listens on it,\n"
                  "  which does not\n"
                  "  belong to the\n"
                  "  lease.\n");
}

Test(cli_screens_narrow, up_and_free_tell_every_port) {
    assert_narrow("up", NULL, SCREEN_PROJECT,
                  "PORT  NAME  VARIABLE\n"
                  "8006  web   WEB_PORT\n"
                  "8007  db    PGPORT\n"
                  "Wrote .env\n");
    assert_narrow("free", NULL, NULL,
                  "8000\n"
                  "8007-8009\n"
                  "8011-8014\n"
                  "8017-8020\n"
                  "A hint, not a\n"
                  "  promise: portctl\n"
                  "  alloc NAME takes\n"
                  "  one.\n");
}

/* ---- help */

/* Without spaces, line ends and the backslashes between them: what is left are the words. */
static void keep_words(char *text) {
    char *to = text;

    for (const char *from = text; *from != '\0'; from++)
        if (!isspace((unsigned char)*from) && !(from[0] == '\\' && from[1] == '\n'))
            *to++ = *from;
    *to = '\0';
}

/* A wider line is one word of a command, and nothing else that could stand on a line of its own. */
static void expect_no_wide_line(const char *command, const char *text) {
    while (*text != '\0') {
        const size_t length = strcspn(text, "\n");
        CLEANUP(file_free_text_at) char *line = strndup(text, length);
        const char *word = line + strspn(line, " ");
        const char *quoted = strchr(word, '"');
        const char *space = strchr(word, ' ');
        const bool is_one_word = space == NULL || strcmp(space, " \\") == 0 || (quoted != NULL && quoted < space);

        cr_expect(terminal_widest_line(line) <= COLUMNS || is_one_word, "portctl %s --help: %s", command, line);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

Test(cli_screens_narrow, help_is_the_same_words_for_every_command) {
    size_t n;
    const struct command *const *all = commands(&n);

    for (size_t i = 0; i < n; i++) {
        const struct screen_case screen = {.words = {all[i]->name, "--help"}};
        CLEANUP(screen_result_deinit) struct screen_result narrow = run_narrow(&screen);
        CLEANUP(screen_result_deinit) struct screen_result wide = screen_run(&screen, 80, NULL);

        expect_no_wide_line(all[i]->name, narrow.text);
        keep_words(narrow.text);
        keep_words(wide.text);
        cr_expect_str_eq(narrow.text, wide.text, "portctl %s --help: %s", all[i]->name, narrow.text);
        cr_expect_gt(strlen(wide.text), 200);
    }
}

Test(cli_screens_narrow, the_list_of_commands_fits_too) {
    const struct screen_case screen = {.words = {"help"}};
    CLEANUP(screen_result_deinit) struct screen_result result = run_narrow(&screen);

    cr_assert_leq(terminal_widest_line(result.text), COLUMNS, "%s", result.text);
    cr_assert_not_null(strstr(result.text, "\n  squatters\n    show who listens\n    where he has no\n    lease\n"));
}
