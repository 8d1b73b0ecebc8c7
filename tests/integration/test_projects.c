/*
 * Projects, with real git: two linked worktrees and a clone of one project never share a port, and each gets its own again, whatever happened in between.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/shell.h"

#define WORK  SANDBOX_DIR "/work"
#define MAIN  WORK "/shop"
#define FIX   WORK "/shop-fix"
#define OTHER WORK "/shop-other"
#define CLONE WORK "/clone"

#define FILE_TEXT                                                                                                      \
    "{\"env_file\": \".env\", \"services\": {\n"                                                                       \
    "  \"web\": {\"variables\": [\"WEB_PORT\", \"HMR_PORT\"], \"prefer\": [3000, null], \"tags\": [\"dev\"]},\n"       \
    "  \"db\": {\"prefer\": 5432, \"ttl\": \"2h\"},\n"                                                                 \
    "  \"api\": {}}}\n"

static struct daemon portd;

static void enter(void) {
    sandbox_enter();
    portd = daemon_start(&(struct daemon_setup){0});
    shell_do(NULL,
             "mkdir -p " MAIN " && cd " MAIN " && git init -q -b main . && cat > portmanager.json <<'END'\n" FILE_TEXT
             "END\necho .env > .gitignore && git add -A && git commit -qm begin");
}

static void leave(void) {
    daemon_stop_at(&portd);
}

TestSuite(projects, .init = enter, .fini = leave, .timeout = 180);

static void add_worktrees(void) {
    shell_do(MAIN, "git worktree add -q " FIX " -b fix/the-ui && git worktree add -q " OTHER
                   " -b other && git clone -q . " CLONE);
}

/* What up has written, sorted, as one text; the caller's to free. */
static char *up(const char *folder) {
    shell_do(folder, "portctl up > up.out");
    return shell_ask(folder, "sort .env");
}

static void assert_no_port_twice(unsigned n_ports) {
    CLEANUP(file_free_text_at)
    char *count = shell_ask(WORK, "cat */.env | cut -d= -f2 | sort -u | wc -l");

    cr_assert_eq((unsigned)atoi(count), n_ports, "%s", count);
}

static const char *const folders[] = {MAIN, FIX, OTHER, CLONE};
#define N_FOLDERS 4

struct ports {
    char *of[N_FOLDERS];
};

static void ports_deinit(struct ports *ports) {
    for (size_t i = 0; i < N_FOLDERS; i++)
        free(ports->of[i]);
}

static struct ports up_in_all(void) {
    struct ports ports;

    for (size_t i = 0; i < N_FOLDERS; i++)
        ports.of[i] = up(folders[i]);
    return ports;
}

/* In the opposite order, so that nobody gets his own by being as early as before. */
static void assert_same_again(const struct ports *ports) {
    for (size_t i = N_FOLDERS; i > 0; i--) {
        CLEANUP(file_free_text_at) char *again = up(folders[i - 1]);
        cr_assert_str_eq(again, ports->of[i - 1], "%s", folders[i - 1]);
    }
}

Test(projects, worktrees_and_clones_never_share_a_port) {
    add_worktrees();
    CLEANUP(ports_deinit) struct ports ports = up_in_all();

    assert_no_port_twice(4 * 4);
    cr_assert_not_null(strstr(ports.of[0], "WEB_PORT=3000"));
    cr_assert_not_null(strstr(ports.of[0], "DB_PORT=5432"));
    assert_same_again(&ports);
}

Test(projects, each_gets_its_own_again_after_a_release) {
    add_worktrees();
    CLEANUP(ports_deinit) struct ports ports = up_in_all();
    CLEANUP(file_free_text_at) char *left = NULL;

    shell_do(WORK, "portctl release --all --yes");
    left = shell_ask(WORK, "portctl list -q");
    cr_assert_str_eq(left, "");
    shell_do(WORK, "rm */.env");
    assert_same_again(&ports);
}

Test(projects, a_newcomer_does_not_take_what_another_one_had) {
    CLEANUP(file_free_text_at) char *notes = NULL;
    CLEANUP(file_free_text_at) char *first = NULL;
    CLEANUP(file_free_text_at) char *again = NULL;

    add_worktrees();
    first = up(MAIN);
    cr_assert_not_null(strstr(first, "DB_PORT=5432"));
    shell_do(MAIN, "portctl release web db api --all");
    notes = shell_ask(CLONE, "portctl up db 2>&1 >up.out; cat .env");
    cr_assert_not_null(strstr(notes, "port 5432 was preferred, but db of project shop had it last"), "%s", notes);
    cr_assert_null(strstr(notes, "DB_PORT=5432"), "%s", notes);
    again = up(MAIN);
    cr_assert_str_eq(again, first);
    shell_do(MAIN, "portctl release db");
    shell_do(CLONE, "portctl release db && portctl alloc db --prefer 5432 >alloc.out && grep -x 5432 alloc.out");
}

Test(projects, a_note_says_who_has_the_preferred_port_now) {
    CLEANUP(file_free_text_at) char *notes = NULL;
    CLEANUP(file_free_text_at) char *again = NULL;

    add_worktrees();
    shell_do(MAIN, "portctl up -q >/dev/null");
    notes = shell_ask(CLONE, "portctl up db 2>&1 >up.out");
    cr_assert_str_eq(notes, "portctl: note: port 5432 was preferred, but is leased to db of project shop");
    again = shell_ask(FIX, "portctl up db 2>&1 >up.out");
    cr_assert_str_eq(again, notes);
}

Test(projects, each_gets_its_own_again_after_a_restart_of_portd) {
    add_worktrees();
    CLEANUP(ports_deinit) struct ports ports = up_in_all();

    shell_do(WORK, "portctl release --all --yes");
    cr_assert_eq(daemon_stop(&portd), 0);
    portd = daemon_start(&(struct daemon_setup){0});
    assert_same_again(&ports);
    daemon_kill(&portd);
    portd = daemon_start(&(struct daemon_setup){0});
    assert_same_again(&ports);
}

Test(projects, a_worktree_that_is_made_anew_elsewhere_gets_its_own_again) {
    add_worktrees();
    CLEANUP(ports_deinit) struct ports ports = up_in_all();
    CLEANUP(file_free_text_at) char *again = NULL;

    shell_do(FIX, "portctl release web db api --all");
    shell_do(MAIN, "git worktree remove --force " FIX " && git worktree add -q " WORK "/elsewhere fix/the-ui");
    again = up(WORK "/elsewhere");
    cr_assert_str_eq(again, ports.of[1]);
    /* Its folder was taken away behind git's back. */
    shell_do(MAIN, "rm -rf " WORK "/elsewhere && git worktree add -q -f " FIX " fix/the-ui");
    free(again);
    again = up(FIX);
    cr_assert_str_eq(again, ports.of[1]);
}

Test(projects, names_carry_the_branch_and_global_switches_that_off) {
    CLEANUP(file_free_text_at) char *names = NULL;
    CLEANUP(file_free_text_at) char *own = NULL;
    CLEANUP(file_free_text_at) char *global = NULL;
    CLEANUP(file_free_text_at) char *again = NULL;

    add_worktrees();
    shell_do(FIX, "portctl up >/dev/null");
    names = shell_ask(FIX, "portctl list | cut -f2 | sort -u | tr '\\n' ' '");
    cr_assert_str_eq(names, "api@fix/the-ui db@fix/the-ui web@fix/the-ui ");
    own = shell_ask(FIX, "portctl lookup api");
    global = shell_ask(FIX, "portctl alloc api --global");
    cr_assert_str_neq(own, global);
    again = shell_ask(OTHER, "portctl lookup api");
    cr_assert_str_eq(again, global, "a worktree without one has the global one");
    free(again);
    again = shell_ask(FIX, "portctl lookup api");
    cr_assert_str_eq(again, own);
    free(again);
    again = shell_ask(WORK, "portctl lookup api@fix/the-ui");
    cr_assert_str_eq(again, own);
}

Test(projects, another_worktrees_lease_is_never_meant) {
    CLEANUP(shell_result_deinit) struct shell_result lookup = {0};
    CLEANUP(shell_result_deinit) struct shell_result release = {0};

    add_worktrees();
    shell_do(MAIN, "portctl up >/dev/null");
    lookup = shell_run(FIX, "portctl lookup web");
    cr_assert_eq(lookup.exit_code, 1, "%s", lookup.output);
    cr_assert_not_null(strstr(lookup.output, "the main worktree has one: portctl lookup web --project " MAIN "\n"),
                       "%s", lookup.output);
    shell_do(FIX, "portctl lookup web --project " MAIN);
    release = shell_run(CLONE, "portctl release web --all");
    cr_assert_eq(release.exit_code, 1, "%s", release.output);
    shell_do(MAIN, "portctl lookup web");
}

static void assert_branch(const char *branch, const char *suffix_begins) {
    CLEANUP(file_free_text_at) char *name = NULL;

    shell_do(MAIN, "git worktree add -q " FIX " -b '%s'", branch);
    shell_do(FIX, "portctl alloc api >/dev/null");
    name = shell_ask(FIX, "portctl list | cut -f2");
    cr_assert_eq(strncmp(name, suffix_begins, strlen(suffix_begins)), 0, "%s", name);
    shell_do(FIX, "portctl release api");
}

Test(projects, a_branch_of_200_characters_is_shortened) {
    char branch[201];

    memset(branch, 'b', 200);
    branch[200] = '\0';
    assert_branch(branch, "api@bbbbbbbbbb");
}

Test(projects, a_branch_may_have_any_characters_that_git_takes) {
    assert_branch("fix/\xc3\xbc/a\"$(x)b;c&d|e`f`#", "api@fix/\xc3\xbc/a\"$(x)b;c&d|e`f`#");
}

Test(projects, a_detached_worktree_has_a_name_of_its_own_and_a_rebase_does_not_change_it) {
    CLEANUP(file_free_text_at) char *before = NULL;
    CLEANUP(file_free_text_at) char *within = NULL;
    CLEANUP(file_free_text_at) char *detached = NULL;

    add_worktrees();
    shell_do(FIX, "echo 1 > x && git add x && git commit -qm 1");
    shell_do(OTHER, "echo 2 > x && git add x && git commit -qm 2");
    before = shell_ask(FIX, "portctl alloc api");
    shell_do(FIX, "! git rebase -q other >/dev/null 2>&1 && ! git symbolic-ref -q HEAD");
    within = shell_ask(FIX, "portctl lookup api");
    cr_assert_str_eq(within, before);
    shell_do(FIX, "git rebase --abort && git checkout -q --detach");
    shell_do(FIX, "portctl alloc api >/dev/null");
    detached = shell_ask(FIX, "portctl list | cut -f2 | grep -c '^api@~shop-fix$'");
    cr_assert_str_eq(detached, "1");
}

Test(projects, two_worktrees_of_one_branch_do_not_share) {
    CLEANUP(file_free_text_at) char *one = NULL;
    CLEANUP(file_free_text_at) char *other = NULL;

    add_worktrees();
    shell_do(MAIN, "git worktree add -q -f " WORK "/zwin fix/the-ui");
    one = up(FIX);
    other = up(WORK "/zwin");
    cr_assert_str_neq(one, other);
    assert_no_port_twice(2 * 4);
}

static int up_in_child(void *context) {
    char folder[64];

    snprintf(folder, sizeof folder, WORK "/w%d", *(int *)context);
    if (chdir(folder) < 0 || setenv("HOME", SANDBOX_HOME, 1) < 0)
        return 1;
    execl("/bin/sh", "sh", "-c", SANDBOX_BIN "/portctl up -q >up.out 2>&1", (char *)NULL);
    return 127;
}

Test(projects, twelve_worktrees_at_once) {
    int numbers[12];
    pid_t pids[12];

    for (int i = 0; i < 12; i++)
        shell_do(MAIN, "git worktree add -q " WORK "/w%d -b w%d", i, i);
    for (int i = 0; i < 12; i++) {
        numbers[i] = i;
        pids[i] = child_start(0, up_in_child, &numbers[i]);
    }
    for (int i = 0; i < 12; i++)
        cr_assert_eq(child_wait(pids[i]), 0);
    assert_no_port_twice(12 * 4);
}

Test(projects, up_is_all_or_none) {
    CLEANUP(shell_result_deinit) struct shell_result result = {0};
    CLEANUP(file_free_text_at) char *left = NULL;

    cr_assert_eq(daemon_stop(&portd), 0);
    portd = daemon_start(&(struct daemon_setup){.arguments = {"--range", "8000-8000"}});
    shell_do(MAIN, "sed -i 's/3000/null/; s/5432/null/' portmanager.json");
    result = shell_run(MAIN, "portctl up");
    cr_assert_eq(result.exit_code, 4, "%s", result.output);
    left = shell_ask(MAIN, "portctl list -q; ls .env 2>/dev/null || :");
    cr_assert_str_eq(left, "");
}

Test(projects, an_env_file_that_cannot_be_written_leases_nothing) {
    CLEANUP(shell_result_deinit) struct shell_result result = {0};
    CLEANUP(file_free_text_at) char *left = NULL;

    shell_do(MAIN, "echo A=1 > .env && chmod 444 .env");
    result = shell_run(MAIN, "portctl up");
    cr_assert_eq(result.exit_code, 1);
    cr_assert_str_eq(result.output,
                     "portctl: " MAIN "/.env cannot be written: Permission denied\n  hint: chmod u+w " MAIN "/.env\n");
    left = shell_ask(MAIN, "portctl list -q; cat .env");
    cr_assert_str_eq(left, "A=1");
}

Test(projects, only_the_env_files_own_lines_are_changed) {
    CLEANUP(file_free_text_at) char *text = NULL;

    shell_do(MAIN,
             "printf '# mine\\nSECRET=\"a\\nWEB_PORT=1\"\\nexport WEB_PORT=9 # the web\\n' > .env && portctl up -q");
    text = shell_ask(MAIN, "grep -v '^HMR_PORT\\|^API_PORT' .env");
    cr_assert_str_eq(text, "# mine\nSECRET=\"a\nWEB_PORT=1\"\nexport WEB_PORT=3000 # the web\nDB_PORT=5432");
}

Test(projects, settings_are_those_of_the_file) {
    CLEANUP(file_free_text_at) char *leases = NULL;

    shell_do(MAIN, "portctl up >/dev/null");
    leases = shell_ask(MAIN, "portctl list --json | python3 -c '"
                             "import json, sys\n"
                             "for l in json.load(sys.stdin)[\"leases\"]:\n"
                             "  print(l[\"service_name\"], l[\"ttl_seconds\"], l[\"tags\"], l[\"project\"])' | sort");
    cr_assert_str_eq(leases,
                     "api 86400 [] " MAIN "\ndb 7200 [] " MAIN "\nweb 86400 ['dev'] " MAIN "\nweb 86400 ['dev'] " MAIN);
}

Test(projects, the_project_is_found_from_below) {
    CLEANUP(file_free_text_at) char *ports = NULL;

    shell_do(MAIN, "mkdir -p a/b");
    ports = shell_ask(MAIN "/a/b", "portctl up web -q && ls ../../.env");
    cr_assert_str_eq(ports, "3000\n8000\n../../.env");
}

/* ---- What was taken out of the file */

#define WITHOUT_API "sed -i 's/\"2h\"},/\"2h\"}}}/; /\"api\"/d' portmanager.json"

Test(projects, what_was_taken_out_of_the_file_is_told_with_the_command_that_ends_it) {
    CLEANUP(file_free_text_at) char *port = NULL;
    CLEANUP(file_free_text_at) char *notes = NULL;
    CLEANUP(file_free_text_at) char *again = NULL;
    char expected[256];

    shell_do(MAIN, "portctl up -q >/dev/null && " WITHOUT_API);
    port = shell_ask(MAIN, "portctl lookup api");
    notes = shell_ask(MAIN, "portctl up 2>&1 >up.out");
    snprintf(
        expected, sizeof expected,
        "portctl: note: api is not in portmanager.json, but this project has it leased: portctl release api ends that; "
        ".env still has API_PORT=%s",
        port);
    cr_assert_str_eq(notes, expected);
    shell_do(MAIN, "grep -qx API_PORT=%s .env", port);
    again = shell_ask(
        MAIN,
        "sh -c \"$(portctl up 2>&1 >up.out | sed 's/.*: \\(portctl release [^;]*\\) ends.*/\\1/')\" >up.out 2>&1; "
        "portctl up 2>&1 >up.out; portctl up web 2>&1 >up.out; portctl lookup api -q 2>/dev/null || :");
    cr_assert_str_eq(again, "");
}

Test(projects, a_variable_that_was_taken_out_is_told_by_its_port) {
    CLEANUP(file_free_text_at) char *port = NULL;
    CLEANUP(file_free_text_at) char *notes = NULL;
    CLEANUP(file_free_text_at) char *again = NULL;
    char expected[256];

    shell_do(MAIN, "portctl up -q >/dev/null && sed -i 's/, \"HMR_PORT\"//; s/, null//' portmanager.json");
    port = shell_ask(MAIN, "sed -n 's/HMR_PORT=//p' .env");
    notes = shell_ask(MAIN, "portctl up 2>&1 >up.out");
    snprintf(
        expected, sizeof expected,
        "portctl: note: web has no variable in portmanager.json for its port %s: portctl release %s ends that lease; "
        ".env still has HMR_PORT=%s",
        port, port, port);
    cr_assert_str_eq(notes, expected);
    again = shell_ask(MAIN, "portctl release %s >up.out 2>&1; portctl up 2>&1 >up.out", port);
    cr_assert_str_eq(again, "");
}

/* Of one project, all of them: each worktree has its own file, and what it does not name is not this one's. */
Test(projects, other_worktrees_and_clones_leases_are_no_orphans_nor_what_a_program_holds) {
    CLEANUP(file_free_text_at) char *notes = NULL;
    CLEANUP(file_free_text_at) char *global = NULL;
    CLEANUP(file_free_text_at) char *fixes = NULL;

    add_worktrees();
    CLEANUP(ports_deinit) struct ports ports = up_in_all();
    shell_do(MAIN, WITHOUT_API " && portctl release api 2>/dev/null && portctl alloc other --global >up.out");
    notes = shell_ask(MAIN, "portctl up 2>&1 >up.out");
    cr_assert_str_eq(notes, "");
    global = shell_ask(MAIN, "portctl up --global 2>&1 >up.out | grep -v preferred || :");
    cr_assert_str_eq(global, "");
    shell_do(FIX, WITHOUT_API);
    fixes = shell_ask(FIX, "portctl up 2>&1 >up.out | grep -c 'note: api is not .* portctl release api ends'");
    cr_assert_str_eq(fixes, "1");
    free(fixes);
    fixes = shell_ask(FIX, "portctl release api >up.out 2>&1; portctl run api -- sh -c 'portctl up 2>&1 >up.out'");
    cr_assert_null(strstr(fixes, "note: api"), "%s", fixes);
}

/* ---- No project around */

Test(projects, in_a_plain_folder_a_name_is_the_global_one) {
    CLEANUP(file_free_text_at) char *own = NULL;
    CLEANUP(file_free_text_at) char *global = NULL;

    shell_do(MAIN, "portctl up web >/dev/null");
    own = shell_ask(WORK, "portctl lookup web 2>/dev/null");
    cr_assert_str_eq(own, "3000", "where there is no global one");
    global = shell_ask(WORK, "portctl alloc web");
    shell_do(WORK, "test \"$(portctl lookup web)\" = %s", global);
    shell_do(WORK, "test \"$(portctl url web)\" = http://localhost:%s", global);
    shell_do(MAIN, "test \"$(portctl lookup web --global)\" = %s", global);
    shell_do(WORK, "portctl release web");
    shell_do(MAIN, "portctl lookup web");
}

/* The first thing that one does in a plain folder, where some project has a service of that name. */
Test(projects, in_a_plain_folder_nothing_is_done_to_a_projects_lease) {
    CLEANUP(shell_result_deinit) struct shell_result release = {0};
    CLEANUP(shell_result_deinit) struct shell_result renew = {0};
    CLEANUP(shell_result_deinit) struct shell_result wait = {0};
    CLEANUP(file_free_text_at) char *shown = NULL;

    shell_do(MAIN, "portctl up db >/dev/null");
    release = shell_run(WORK, "portctl release db");
    cr_assert_eq(release.exit_code, 1, "%s", release.output);
    cr_assert_str_eq(release.output, "portctl: no global lease has the name db\n"
                                     "  hint: another project has one: portctl release db --project " MAIN "\n");
    renew = shell_run(WORK, "portctl renew db");
    cr_assert_eq(renew.exit_code, 1, "%s", renew.output);
    wait = shell_run(WORK, "portctl wait db --timeout 1s");
    cr_assert_eq(wait.exit_code, 124, "%s", wait.output);
    cr_assert_not_null(strstr(wait.output, "portctl: waiting: no global lease has the name db yet\n"
                                           "  hint: another project has one: portctl wait db --project " MAIN "\n"),
                       "%s", wait.output);
    shown = shell_ask(WORK, "portctl lookup db 2>&1 && portctl lookup db -q 2>&1");
    cr_assert_str_eq(shown, "portctl: note: you have no global db; this is the one of project " MAIN "\n5432\n5432");
    shell_do(WORK, "portctl release db --project " MAIN);
}

Test(projects, wait_url_and_lookup_mean_one_port_of_several) {
    CLEANUP(file_free_text_at) char *ports = NULL;

    static const char serve[] = "python3 -c 'import os, socket, time\n"
                                "s = socket.create_server((\"127.0.0.1\", int(os.environ[\"WEB_PORT\"])))\n"
                                "time.sleep(1000)'";

    ports =
        shell_ask(MAIN,
                  "portctl run web -- %s >/dev/null 2>&1 & pid=$!\n"
                  "portctl wait web 2>/dev/null\n"
                  "portctl lookup web\n"
                  "portctl url web\n"
                  "test \"$(portctl lookup web:HMR_PORT)\" = \"$(portctl lookup web --all | tail -1)\" && echo same\n"
                  "test \"$(portctl url web:HMR_PORT 2>/dev/null)\" = http://localhost:$(portctl lookup web:HMR_PORT) "
                  "&& echo same\n"
                  "portctl wait web --all --timeout 1s >/dev/null 2>&1 || echo $?\n"
                  "kill $pid; wait",
                  serve);
    cr_assert_str_eq(ports, "3000\n3000\nhttp://localhost:3000\nsame\nsame\n124");
}

/* What listens there already is global, and by the name of a service that is only about to start. */
Test(projects, a_wait_beside_a_run_is_for_the_one_that_runs) {
    CLEANUP(file_free_text_at) char *waited = NULL;

    static const char serve[] = "python3 -c 'import os, socket, time\n"
                                "s = socket.create_server((\"127.0.0.1\", int(os.environ[\"PORT\"])))\n"
                                "time.sleep(1000)'";

    waited = shell_ask(MAIN,
                       "portctl run api --global -- %s >/dev/null 2>&1 & other=$!\n"
                       "portctl wait api --global 2>/dev/null >other\n"
                       "(sleep 1; exec portctl run api -- %s) >/dev/null 2>&1 & own=$!\n"
                       "portctl wait api 2>/dev/null >own\n"
                       "portctl lookup api >expected\n"
                       "kill $own $other; wait\n"
                       "cmp -s own expected && ! cmp -s own other && echo good",
                       serve, serve);
    cr_assert_str_eq(waited, "good");
}

/* ---- A worktree within the main one */

Test(projects, up_in_a_worktree_within_the_main_one_leaves_the_main_ones_env_file_alone) {
    CLEANUP(shell_result_deinit) struct shell_result result = {0};

    shell_do(MAIN,
             "git rm -q --cached portmanager.json && git commit -qm 'no file' && portctl up -q && cp .env before");
    shell_do(MAIN, "git worktree add -q .wt/fix -b fix");
    result = shell_run(MAIN "/.wt/fix", "portctl up");
    cr_assert_eq(result.exit_code, 1, "%s", result.output);
    shell_do(MAIN, "cmp .env before && test \"$(portctl list -q | wc -l)\" = 4");
    shell_do(MAIN "/.wt/fix", "portctl alloc api >/dev/null && portctl list | grep -q api@fix");
    shell_do(MAIN "/.wt/fix",
             "cp ../../portmanager.json . && portctl up -q && test -f .env && ! cmp -s .env ../../before");
    shell_do(MAIN, "cmp .env before");
}

/* ---- Whose word counts */

Test(projects, a_strangers_repository_above_does_not_choose_the_project) {
    CLEANUP(file_free_text_at) char *project = NULL;

    if (geteuid() != 0)
        cr_skip_test("only root can give files away");
    shell_do(WORK, "mkdir -p tmp/mine && chmod 1777 tmp && git init -q tmp && chown -R 1234:1234 tmp/.git");
    shell_do(WORK "/tmp/mine", "portctl alloc api >/dev/null");
    project = shell_ask(WORK, "portctl list --json | python3 -c '"
                              "import json, sys; print(json.load(sys.stdin)[\"leases\"][0][\"project\"])'");
    cr_assert_str_eq(project, "None");
}

/* ---- Paths and names of any kind */

Test(projects, a_path_that_is_no_text_has_its_ports) {
    CLEANUP(file_free_text_at) char *project = NULL;

    shell_do(WORK, "d=$(printf 'l\\351on\\nx'); mkdir \"$d\" && git init -q \"$d\" && cd \"$d\" && "
                   "test \"$(portctl alloc web)\" = \"$(portctl lookup web)\" && portctl env db >/dev/null && "
                   "portctl run api -- true && cp " MAIN "/portmanager.json . && portctl up -q && test -f .env");
    project = shell_ask(WORK, "portctl list --json | python3 -c '"
                              "import json, sys; print(json.load(sys.stdin)[\"leases\"][0][\"project\"])'");
    cr_assert_str_eq(project, WORK "/l\\xe9on\\x0ax");
}

Test(projects, release_all_knows_names_whose_branch_was_shortened) {
    char branch[61];
    char name[101];

    memset(branch, 'b', 60);
    branch[60] = '\0';
    memset(name, 'n', 100);
    name[100] = '\0';
    shell_do(MAIN, "git worktree add -q " FIX " -b %s && portctl alloc web >/dev/null", branch);
    shell_do(FIX, "portctl alloc %s >/dev/null && portctl alloc web >/dev/null", name);
    shell_do(FIX, "test \"$(portctl release --all --yes -q | wc -l)\" = 2");
    shell_do(MAIN, "test \"$(portctl list -q | wc -l)\" = 1 && portctl lookup web");
}

/* ---- Submodules */

Test(projects, a_worktree_of_a_submodule_is_of_the_submodules_project) {
    CLEANUP(file_free_text_at) char *of_worktree = NULL;
    CLEANUP(file_free_text_at) char *found = NULL;

    shell_do(WORK,
             "git init -q -b main super && cd super && git -c protocol.file.allow=always submodule --quiet add " MAIN
             " sub && git -C sub worktree add -q " FIX " -b fix");
    of_worktree = shell_ask(FIX, "portctl alloc api");
    found = shell_ask(WORK "/super/sub", "portctl lookup api@fix");
    cr_assert_str_eq(found, of_worktree);
    shell_do(WORK "/super/sub", "git sparse-checkout set --cone . && git config --worktree core.worktree");
    free(found);
    found = shell_ask(FIX, "portctl lookup api");
    cr_assert_str_eq(found, of_worktree);
}
