/*
 * The shells themselves are asked what portctl's words are: bash, zsh and fish, each on a terminal, with the real portd and
 * names that no shell takes as they are. A name is completed and looked up: only one that was quoted rightly is found.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/daemon.h"
#include "tests/support/file.h"
#include "tests/support/job_terminal.h"
#include "tests/support/sandbox.h"

TestSuite(completion, .timeout = 240);

#define BAD SANDBOX_DIR "/BAD" /* what a name would make, if it were executed */

/* Of each service the name, how one begins to type it, and its port: 8101 and so on. */
static const struct {
    const char *name;
    const char *typed;
} services[] = {
    {"my-db", "my-d"},
    {"two words", "tw"},
    {"it's", "it"},
    {"say \"hi\"", "sa"},
    {"$(touch " BAD ")", "\\$"},
    {"`touch " BAD "`", "\\`"},
    {"x:y", "x:"},
    {"web@fix-ui", "web@"},
    {"pr\xc3\xbc"
     "fung",
     "pr"},
    {"bang!d", "ban"},
    {"{a,b}", "\\{"},
    {"~root", "\\~"},
    {"st*r", "st"},
    {"q;r&s|t<u>v(w)", "q"},
    {"slash\\back", "sl"},
    {"#x", "\\#"},
    {"=eq", "\\="},
    {"-dash", "-- -"},
    {"kept 'quote", "'ke"},
    {"got \"double $x", "\"go"},
    {"my-api", "my-a"},
};
#define N_SERVICES (sizeof services / sizeof services[0])

static void lease_all(void) {
    for (size_t i = 0; i < N_SERVICES; i++) {
        char port[8];
        char printed[16];
        snprintf(port, sizeof port, "%zu", 8101 + i);
        snprintf(printed, sizeof printed, "%s\n", port);
        cli_assert(&(const struct cli_setup){.words = {"alloc", "--ttl", "1d", "--port", port, "--", services[i].name}},
                   EXIT_YES, printed, "");
    }
}

/* The test's own environment is that of the shells: a person's, at his home, with portctl in PATH. */
static void enter(void) {
    char path[4096];

    sandbox_enter();
    snprintf(path, sizeof path, SANDBOX_BIN ":%s", getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("PM_SOCKET");
    unsetenv("PM_URL");
    unsetenv("XDG_RUNTIME_DIR");
}

/* ---- On a terminal */

static void start_shell(struct job_terminal *terminal, const char *const *words, const char *setup) {
    *terminal = (struct job_terminal){0};
    job_terminal_start(terminal, words, NULL);
    job_terminal_type(terminal, setup);
    job_terminal_type(terminal, "\necho re''ady\n");
    job_terminal_wait_for_next(terminal, "ready\r\n");
}

static void end_shell(struct job_terminal *terminal) {
    job_terminal_type(terminal, "exit\n");
    job_terminal_end(terminal);
}

/* Types it, and waits for a line that the command prints. */
static void assert_line(struct job_terminal *terminal, const char *keys, const char *line) {
    char printed[64];

    snprintf(printed, sizeof printed, "%s\r\n", line); /* what stands before it is the shell's */
    job_terminal_type(terminal, keys);
    job_terminal_wait_for_next(terminal, printed);
}

static void assert_each_is_found(struct job_terminal *terminal) {
    for (size_t i = 0; i < N_SERVICES; i++) {
        char keys[128];
        char port[8];
        snprintf(keys, sizeof keys, "portctl lookup %s\t\n", services[i].typed);
        snprintf(port, sizeof port, "%zu", 8101 + i);
        assert_line(terminal, keys, port);
    }
    cr_assert_not(file_exists(BAD), "a name was executed");
}

static const char *const bash[] = {"/usr/bin/env", "bash", "--norc", "-i", NULL};
static const char *const zsh[] = {"/usr/bin/env", "zsh", "-f", "-i", NULL};
static const char *const fish[] = {"/usr/bin/env", "fish", "--no-config", "-i", NULL};

#define BASH_SETUP "source <(portctl completion bash)"
#define ZSH_SETUP  "autoload -U compinit; compinit -D -u; source <(portctl completion zsh); unsetopt beep"
#define FISH_SETUP "portctl completion fish | source"

Test(completion, bash_completes_names_that_it_would_not_take_as_they_are) {
    struct job_terminal terminal;
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    start_shell(&terminal, bash, BASH_SETUP);
    assert_each_is_found(&terminal);
    end_shell(&terminal);
}

Test(completion, zsh_does) {
    struct job_terminal terminal;
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    start_shell(&terminal, zsh, ZSH_SETUP);
    assert_each_is_found(&terminal);
    end_shell(&terminal);
}

Test(completion, fish_does) {
    struct job_terminal terminal;
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    start_shell(&terminal, fish, FISH_SETUP);
    assert_each_is_found(&terminal);
    end_shell(&terminal);
}

/* `portctl run NAME` makes room for a command line of its own: that of portctl again, here. */
Test(completion, each_shell_completes_the_program_of_run) {
    static const char keys[] = "portctl run it-runs -- portctl look\tmy-db\n";
    static const char tight[] = "portctl run it-runs portctl look\tmy-d\t\n";
    struct job_terminal terminal;
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    start_shell(&terminal, bash, "source /usr/share/bash-completion/bash_completion; " BASH_SETUP);
    assert_line(&terminal, keys, "8101");
    assert_line(&terminal, tight, "8101");
    end_shell(&terminal);
    start_shell(&terminal, zsh, ZSH_SETUP);
    assert_line(&terminal, keys, "8101");
    assert_line(&terminal, tight, "8101");
    end_shell(&terminal);
    start_shell(&terminal, fish, FISH_SETUP);
    assert_line(&terminal, keys, "8101");
    assert_line(&terminal, tight, "8101");
    end_shell(&terminal);
}

/* Nothing but bash: the program's name, and files behind it. */
Test(completion, bash_alone_completes_the_programs_name) {
    struct job_terminal terminal;
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    file_write_text(SANDBOX_HOME "/a file", "so it is\n");
    start_shell(&terminal, bash, BASH_SETUP "; cd");
    assert_line(&terminal, "portctl run it-runs -- portct\t--version\n", "portctl " PM_VERSION);
    assert_line(&terminal, "portctl run it-runs -- cat a\t\n", "so it is");
    end_shell(&terminal);
}

Test(completion, tabs_show_what_there_is_and_what_it_is) {
    struct job_terminal terminal;
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    start_shell(&terminal, bash, BASH_SETUP);
    job_terminal_type(&terminal, "portctl lookup my-\t\t");
    job_terminal_wait_for_next(&terminal, "my-api  (port 8121, waiting)");
    assert_line(&terminal, "db\n", "8101");
    end_shell(&terminal);
    start_shell(&terminal, zsh, ZSH_SETUP);
    job_terminal_type(&terminal, "portctl lookup my-\t");
    job_terminal_wait_for_next(&terminal, "my-api  -- port 8121, waiting");
    assert_line(&terminal, "db\n", "8101");
    end_shell(&terminal);
    start_shell(&terminal, fish, FISH_SETUP);
    job_terminal_type(&terminal, "portctl lookup my-\t");
    job_terminal_wait_for_next(&terminal, "port 8121, waiting");
    assert_line(&terminal, "db\n", "8101");
    end_shell(&terminal);
}

/* ---- Without one */

struct script {
    const char *shell;
    const char *text;
    const char *file; /* of all that it says */
};

static int run_script(void *context) {
    const struct script *script = context;
    const int out = open(script->file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    closefrom(STDERR_FILENO + 1);
    execlp(script->shell, script->shell, "-c", script->text, (char *)NULL);
    return 127;
}

static void assert_script(const char *shell, const char *text, const char *expected) {
    CLEANUP(file_free_text_at) char *said = NULL;
    struct script script = {shell, text, SANDBOX_DIR "/said"};

    cr_assert_eq(child_wait(child_start(0, run_script, &script)), 0, "%s", text);
    said = file_read(script.file, NULL);
    cr_assert_str_eq(said, expected);
}

/* bash's words as readline makes them, which breaks at : and = and @. */
#define ASK                                                                                                            \
    "source <(portctl completion bash)\n"                                                                              \
    "ask() { COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_WORDS=($3) COMP_CWORD=$((${#COMP_WORDS[@]} - 1));\n"       \
    "        _portctl portctl \"$2\" ''; printf '[%s]' \"${COMPREPLY[@]}\"; echo; }\n"

Test(completion, bash_called_with_its_variables) {
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    assert_script("bash",
                  ASK "ask 'portctl lookup my-d' my-d 'portctl lookup my-d'\n"
                      "ask 'portctl lookup x:' '' 'portctl lookup x :'\n"
                      "ask 'portctl --color=al' al 'portctl --color = al'\n"
                      "ask 'portctl who 810' 810 'portctl who 810'\n"
                      "ask 'portctl lookup tw' tw 'portctl lookup tw'\n"
                      "ask 'portctl help ex' ex 'portctl help ex'\n"
                      "ask 'portctl run x portc' portc 'portctl run x portc'\n",
                  "[my-db]\n[y]\n[always]\n[8101][8102][8103][8104][8105][8106][8107][8108][8109]\n[two\\ words]\n"
                  "[exit-codes]\n[portctl]\n");
}

Test(completion, without_portd_there_are_no_names_and_there_is_no_noise) {
    enter();
    assert_script("bash", ASK "ask 'portctl lookup ' '' 'portctl lookup'\nask 'portctl help ex' ex 'portctl help ex'\n",
                  "[]\n[exit-codes]\n");
    assert_script("fish",
                  "portctl completion fish | source\ncomplete -C 'portctl lookup '\ncomplete -C 'portctl help ex'\n",
                  "exit-codes\n");
}

Test(completion, fish_asked_by_a_script) {
    enter();
    CLEANUP(daemon_stop_at) struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    lease_all();
    assert_script("fish",
                  "portctl completion fish | source\n"
                  "complete -C 'portctl lookup my-d'\n"
                  "complete -C 'portctl stop 8101 --sig'\n"
                  "complete -C 'portctl --color=a'\n"
                  "complete -C 'portctl --socket=" SANDBOX_HOME "/.portm'\n"
                  "complete -C 'portctl alloc --project " SANDBOX_HOME "/.portm'\n",
                  "my-db\tport 8101, waiting\n"
                  "--signal\twhat is sent: TERM, INT, HUP, QUIT, KILL, USR1, USR2, STOP or CONT (TERM)\n"
                  "--color=auto\n--color=always\n"
                  "--socket=" SANDBOX_HOME "/.portmanager/\n" SANDBOX_HOME "/.portmanager/\tDirectory\n");
}

Test(completion, the_scripts_are_sound) {
    enter();
    assert_script("bash", "portctl completion bash | bash -n", "");
    assert_script("bash", "portctl completion zsh | zsh -n", "");
    assert_script("bash", "portctl completion fish | fish -n", "");
    cli_assert(&(const struct cli_setup){.words = {"completion", "bsh"}}, EXIT_USAGE, "",
               "portctl: completion knows no 'bsh'\n  hint: did you mean portctl completion bash?\n");
    cli_assert(&(const struct cli_setup){.words = {"completion", "powershell"}}, EXIT_USAGE, "",
               "portctl: completion knows no 'powershell'\n  hint: bash, zsh or fish\n");
    cli_assert(&(const struct cli_setup){.words = {"completion"}}, EXIT_USAGE, "",
               "portctl: completion wants a word\n  hint: portctl completion bash|zsh|fish [options]\n");
}
