/* Screens. See screen.h. */
#include "tests/support/screen.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/process.h"
#include "src/base/text.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/tcp.h"
#include "tests/support/terminal.h"
#include "tests/support/wait.h"

#define TEXT_MAX    65536
#define SERVER_PORT 8001

static const struct screen_table *const tables[] = {&screens_leases,  &screens_ports,       &screens_project,
                                                    &screens_running, &screens_help_leases, &screens_help_ports};

const struct screen_table *const *screen_tables(size_t *ret_n) {
    *ret_n = sizeof(tables) / sizeof(tables[0]);
    return tables;
}

void screen_enter(void) {
    static const char project[] = "{\"services\": {\"web\": {\"prefer\": 8006, \"tags\": [\"shop\"]},\n"
                                  "              \"db\": {\"variables\": [\"PGPORT\"]}},\n"
                                  " \"env_file\": \".env\"}\n";

    sandbox_enter();
    if (mkdir(SCREEN_PROJECT, 0755) < 0)
        fail_test(SCREEN_PROJECT " cannot be made.");
    file_write_text(SCREEN_PROJECT "/portmanager.json", project);
    setenv("BROWSER", "true", 1);
}

/* ---- Marks */

struct mark {
    const char *name;
    char value[64];
};

enum { MARK_THEN, MARK_URL, MARK_PID, MARK_START, MARK_INODE, N_MARKS };

struct marks {
    struct mark items[N_MARKS];
};

static void marks_init(struct marks *marks) {
    *marks = (struct marks){{{"<then>", ""}, {"<url>", ""}, {"<pid>", ""}, {"<start>", ""}, {"<inode>", ""}}};
    text_format_time(((int64_t)time(NULL) - 250) * 1000, marks->items[MARK_THEN].value);
}

/* Puts `to` wherever `from` stands in the text, but not inside of a longer number. */
static char *replace(char *text, const char *from, const char *to) {
    char *made = calloc(1, TEXT_MAX);
    size_t used = 0;

    for (const char *at = text; made != NULL && *at != '\0' && used + strlen(to) + 1 < TEXT_MAX;) {
        const size_t length = strlen(from);
        const bool inside = isdigit((unsigned char)from[0]) &&
                            ((at > text && isdigit((unsigned char)at[-1])) || isdigit((unsigned char)at[length]));
        if (strncmp(at, from, length) != 0 || (at > text && inside)) {
            made[used++] = *at++;
            continue;
        }
        used += (size_t)snprintf(made + used, TEXT_MAX - used, "%s", to);
        at += length;
    }
    free(text);
    return made;
}

/* With their values; the caller's to free. */
static char *marks_fill(const struct marks *marks, const char *text) {
    char *made = strdup(text);

    for (size_t i = 0; i < N_MARKS; i++)
        made = replace(made, marks->items[i].name, marks->items[i].value);
    return made;
}

/* Back again. An inode may be any number that stands there, and nobody shows it. */
static char *marks_restore(const struct marks *marks, char *text) {
    for (size_t i = MARK_THEN; i <= MARK_PID; i++)
        if (marks->items[i].value[0] != '\0')
            text = replace(text, marks->items[i].value, marks->items[i].name);
    return text;
}

static bool is_among(const char *const *words, const char *text, size_t length) {
    for (; *words != NULL; words++)
        if (strlen(*words) == length && strncmp(*words, text, length) == 0)
            return true;
    return false;
}

/* portd is told pids that nobody can know beforehand, but for those that are among the words. */
static char *hide_pids(char *text, const char *const *words) {
    static const char *const keys[] = {"\"pid\":", "\"asker_pid\":"};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        for (char *at = text; (at = strstr(at, keys[i])) != NULL;) {
            at += strlen(keys[i]);
            const size_t n_digits = strspn(at, "0123456789");
            if (is_among(words, at, n_digits))
                continue;
            if (n_digits > 1)
                memmove(at + 1, at + n_digits, strlen(at + n_digits) + 1);
            if (n_digits > 0)
                *at = 'N';
        }
    }
    return text;
}

/* ---- Who is there */

static int serve(void *context) {
    volatile uint32_t *inode = context;

    *inode = tcp_inode_of(tcp_listen("127.0.0.1", SERVER_PORT));
    while (pause() < 0)
        continue;
    return 0;
}

static pid_t start_server(struct marks *marks) {
    volatile uint32_t *inode = child_share(sizeof(*inode));
    const pid_t pid = child_start(0, serve, (void *)inode);
    const struct wait wait = wait_for("a server to listen");
    struct process_id id;

    while (*inode == 0)
        wait_more(&wait);
    if (process_pin(pid, NULL, &id, NULL) != 0)
        fail_test("The server has gone.");
    snprintf(marks->items[MARK_PID].value, sizeof(marks->items[0].value), "%d", (int)pid);
    snprintf(marks->items[MARK_INODE].value, sizeof(marks->items[0].value), "%u", *inode);
    snprintf(marks->items[MARK_START].value, sizeof(marks->items[0].value), "%llu", (unsigned long long)id.start_time);
    return pid;
}

/* A portd by its socket, and one by TCP where a word asks for it. It is a child, which has its own copy of the answers. */
static size_t start_portds(const struct screen_case *screen, const char *const *words, struct marks *marks,
                           struct fake_portd *ret_portds) {
    const struct fake_answer *answers = screen->portd != NULL ? screen->portd : screens_world;
    struct fake_portd_setup *setup = calloc(1, sizeof(*setup));
    size_t n_portds = 1;

    for (size_t i = 0; answers[i].request != NULL; i++) {
        if (i + 1 == FAKE_PORTD_ANSWERS_MAX)
            fail_test("portd has too many answers.");
        setup->answers[i] = answers[i];
        if (answers[i].body != NULL)
            setup->answers[i].body = marks_fill(marks, answers[i].body);
    }
    for (; *words != NULL; words++) {
        if (strstr(*words, "<url>") == NULL)
            continue;
        ret_portds[n_portds++] = fake_portd_start(setup);
        snprintf(marks->items[MARK_URL].value, sizeof(marks->items[0].value), "http://127.0.0.1:%u",
                 ret_portds[1].port);
    }
    setup->socket = SCREEN_SOCKET;
    ret_portds[0] = fake_portd_start(setup);
    for (size_t i = 0; answers[i].request != NULL; i++)
        free((char *)setup->answers[i].body);
    free(setup);
    return n_portds;
}

/* ---- Running */

static void run_on_terminal(const struct screen_case *screen, const struct terminal_setup *words, unsigned columns,
                            const char *socket, struct screen_result *result) {
    struct terminal_setup setup = *words;

    setup.socket = socket;
    setup.columns = columns;
    setup.directory = screen->directory;
    setup.prompt = screen->until != NULL ? screen->until : screen->typed != NULL ? "[y/N] " : NULL;
    setup.typed = screen->until != NULL ? "\003" : screen->typed;
    const struct terminal_result ended = terminal_run(&setup);
    result->exit_code = ended.exit_code;
    result->text = ended.text;
    result->errors = strdup("");
}

static void wait_until_said(const struct cli *cli, const char *text) {
    const struct wait wait = wait_for(text);

    for (bool said = false; !said;) {
        CLEANUP(file_free_text_at) char *output = cli_output(cli);
        CLEANUP(file_free_text_at) char *errors = cli_errors(cli);
        said = strstr(output, text) != NULL || strstr(errors, text) != NULL;
        wait_more(&wait);
    }
}

static void run_in_pipe(const struct screen_case *screen, const struct terminal_setup *words, const char *socket,
                        struct screen_result *result) {
    char variable[128];
    struct cli_setup setup = {.environment = {variable, "TZ=UTC"}, .directory = screen->directory};

    snprintf(variable, sizeof(variable), "PM_SOCKET=%s", socket);
    memcpy(setup.words, words->words, sizeof(setup.words));
    const struct cli cli = cli_start(&setup);
    if (screen->until != NULL) {
        wait_until_said(&cli, screen->until_in_pipe != NULL ? screen->until_in_pipe : screen->until);
        kill(cli.pid, SIGINT);
    }
    const struct cli_result ended = cli_finish(&cli);
    result->exit_code = ended.exit_code;
    result->text = ended.output;
    result->errors = ended.errors;
}

/* The words with their marks filled, and those of `more` behind the first. */
static void make_words(const struct screen_case *screen, const char *const *more, const char **ret_words) {
    size_t n_words = 0;

    for (size_t i = 0; i < CLI_WORDS_MAX && screen->words[i] != NULL; i++) {
        ret_words[n_words++] = screen->words[i];
        for (size_t j = 0; i == 0 && more != NULL && more[j] != NULL; j++)
            ret_words[n_words++] = more[j];
    }
}

static bool has_word(const char *const *words, const char *beginning) {
    for (; *words != NULL; words++)
        if (strncmp(*words, beginning, strlen(beginning)) == 0)
            return true;
    return false;
}

static char *read_requests(void) {
    if (!file_exists(SANDBOX_DIR "/requests"))
        return strdup("");
    return fake_portd_requests();
}

struct screen_result screen_run(const struct screen_case *screen, unsigned columns, const char *const *more) {
    struct screen_result result = {0};
    struct terminal_setup setup = {0};
    struct fake_portd portds[2];
    struct marks marks;
    pid_t server = 0;

    make_words(screen, more, setup.words);
    /* Who says where portd is must be believed, and not the environment. */
    const char *socket =
        has_word(setup.words, "--socket") || has_word(setup.words, "--url") ? "/nowhere" : SCREEN_SOCKET;
    marks_init(&marks);
    if (screen->with_server)
        server = start_server(&marks);
    unlink(SANDBOX_DIR "/requests");
    unlink(SCREEN_PROJECT "/.env");
    const size_t n_portds = start_portds(screen, setup.words, &marks, portds);
    for (size_t i = 0; i < CLI_WORDS_MAX && setup.words[i] != NULL; i++)
        setup.words[i] = marks_fill(&marks, setup.words[i]);
    if (columns > 0)
        run_on_terminal(screen, &setup, columns, socket, &result);
    else
        run_in_pipe(screen, &setup, socket, &result);
    for (size_t i = 0; i < CLI_WORDS_MAX && setup.words[i] != NULL; i++)
        free((char *)setup.words[i]);
    for (size_t i = 0; i < n_portds; i++)
        fake_portd_stop(&portds[i]);
    if (server > 0)
        child_kill(server);
    result.text = marks_restore(&marks, result.text);
    result.errors = marks_restore(&marks, result.errors);
    result.requests = hide_pids(marks_restore(&marks, read_requests()), screen->words);
    return result;
}

void screen_result_deinit(struct screen_result *result) {
    free(result->text);
    free(result->errors);
    free(result->requests);
    *result = (struct screen_result){0};
}

/* ---- Comparing */

const char *screen_format_words(const struct screen_case *screen) {
    static char text[512];
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < CLI_WORDS_MAX && screen->words[i] != NULL && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i > 0 ? " " : "", screen->words[i]);
    return text;
}

static void assert_text(const struct screen_case *screen, const char *where, const char *text, const char *expected) {
    cr_assert_str_eq(text, expected, "portctl %s, %s:\n%s\ninstead of:\n%s", screen_format_words(screen), where, text,
                     expected);
}

static void assert_result(const struct screen_case *screen, unsigned columns, const char *text, const char *errors) {
    CLEANUP(screen_result_deinit) struct screen_result result = screen_run(screen, columns, NULL);

    assert_text(screen, columns > 0 ? "on a terminal" : "in a pipe", result.text, text);
    assert_text(screen, "its standard error", result.errors, errors);
    cr_assert_eq(result.exit_code, screen->exit_code, "portctl %s: %d", screen_format_words(screen), result.exit_code);
    if (screen->requests != NULL)
        assert_text(screen, "what it asked", result.requests, screen->requests);
}

void screen_assert(const struct screen_case *screen) {
    cr_assert(screen->screen != NULL || screen->output != NULL, "portctl %s has no screen at all",
              screen_format_words(screen));
    if (screen->screen != NULL)
        assert_result(screen, SCREEN_COLUMNS, screen->screen, "");
    if (screen->output != NULL)
        assert_result(screen, 0, screen->output, screen->errors != NULL ? screen->errors : "");
}
