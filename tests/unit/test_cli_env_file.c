/*
 * .env files: which bytes change, and that no others do.
 */
#include "cli/env_file.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define PATH SANDBOX_DIR "/.env"

static void enter(void) {
    sandbox_enter();
}

TestSuite(cli_env_file, .init = enter);

/* Takes libc's place: this is called when the new file is written, and not yet in the old one's place. */
static unsigned n_to_interfere;

int fsync(int fd) {
    FILE *file;

    (void)fd;
    if (n_to_interfere == 0)
        return 0;
    n_to_interfere--;
    file = fopen(PATH, "a");
    fputs("MINE=1\n", file);
    return fclose(file);
}

static const struct env_pair pairs[] = {{"WEB_PORT", 3000}, {"DB_PORT", 8001}};

static void assert_edit(const char *text, const char *expected) {
    char *edited = NULL;
    size_t length = 0;

    cr_assert_eq(env_file_edit(text, strlen(text), pairs, 2, &edited, &length), 0);
    cr_assert_eq(length, strlen(expected), "%.*s", (int)length, edited);
    cr_assert_arr_eq(edited, expected, length, "%.*s", (int)length, edited);
    free(edited);
}

Test(cli_env_file, what_is_missing_is_added_at_the_end) {
    assert_edit("", "WEB_PORT=3000\nDB_PORT=8001\n");
    assert_edit("A=1\n", "A=1\nWEB_PORT=3000\nDB_PORT=8001\n");
    assert_edit("A=1", "A=1\nWEB_PORT=3000\nDB_PORT=8001\n");
    assert_edit("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nWEB_PORT=3000\r\nDB_PORT=8001\r\n");
    assert_edit("A=1\r\nB=2", "A=1\r\nB=2\r\nWEB_PORT=3000\r\nDB_PORT=8001\r\n");
}

Test(cli_env_file, a_line_that_is_there_gets_its_value_and_keeps_the_rest) {
    assert_edit("DB_PORT=1\nWEB_PORT=2\n", "DB_PORT=8001\nWEB_PORT=3000\n");
    assert_edit("DB_PORT=\nWEB_PORT=", "DB_PORT=8001\nWEB_PORT=3000");
    assert_edit("  export\tDB_PORT = 1 # the db\nWEB_PORT='2' # x\n",
                "  export\tDB_PORT =8001 # the db\nWEB_PORT=3000 # x\n");
    assert_edit("DB_PORT=\"1\"\r\nWEB_PORT=2\r\n", "DB_PORT=8001\r\nWEB_PORT=3000\r\n");
    assert_edit("DB_PORT=1#2\nWEB_PORT=#3\n", "DB_PORT=8001\nWEB_PORT=3000\n");
    assert_edit("DB_PORT= # none\nWEB_PORT=\"1\"2\n", "DB_PORT=8001 # none\nWEB_PORT=3000\n");
    assert_edit("DB_PORT=1\nDB_PORT=2\nWEB_PORT=1\n", "DB_PORT=8001\nDB_PORT=8001\nWEB_PORT=3000\n");
}

Test(cli_env_file, what_only_looks_like_it_is_left) {
    const char *text =
        "#DB_PORT=1\n# WEB_PORT=2\nMY_DB_PORT=1\nDB_PORT_2=1\nexportDB_PORT=1\nDB_PORT\n=1\nA=DB_PORT=1\n";
    char expected[256];

    snprintf(expected, sizeof expected, "%sWEB_PORT=3000\nDB_PORT=8001\n", text);
    assert_edit(text, expected);
}

Test(cli_env_file, lines_within_a_quoted_value_are_no_variables) {
    assert_edit("KEY=\"begin\nDB_PORT=1\n\\\"WEB_PORT=2\nend\" # x\nDB_PORT=3\nWEB_PORT=4\n",
                "KEY=\"begin\nDB_PORT=1\n\\\"WEB_PORT=2\nend\" # x\nDB_PORT=8001\nWEB_PORT=3000\n");
    assert_edit("KEY='\nDB_PORT=1'\nDB_PORT=`3\n4`\nWEB_PORT=4\n", "KEY='\nDB_PORT=1'\nDB_PORT=8001\nWEB_PORT=3000\n");
    /* A quote that is never closed is one of its line. */
    assert_edit("KEY=\"x\nDB_PORT=it's\nWEB_PORT='4\n", "KEY=\"x\nDB_PORT=8001\nWEB_PORT=3000\n");
}

/* Compose passes over the mark; to sh, Node and python-dotenv it is a part of the first name. A line at the end is the last one, which counts, for all. */
Test(cli_env_file, what_a_byte_order_mark_hides_is_said_again_at_the_end) {
    assert_edit("\xef\xbb\xbfWEB_PORT=1\nDB_PORT=2\n", "\xef\xbb\xbfWEB_PORT=1\nDB_PORT=8001\nWEB_PORT=3000\n");
    assert_edit("\xef\xbb\xbf", "\xef\xbb\xbf\nWEB_PORT=3000\nDB_PORT=8001\n");
}

Test(cli_env_file, a_nul_is_no_quote) {
    static const char text[] = "DB_PORT=\0 1\nA=1\nB=\0\nWEB_PORT=2\n";
    static const char expected[] = "DB_PORT=8001\nA=1\nB=\0\nWEB_PORT=3000\n";
    char *edited = NULL;
    size_t length = 0;

    cr_assert_eq(env_file_edit(text, sizeof text - 1, pairs, 2, &edited, &length), 0);
    cr_assert_eq(length, sizeof expected - 1);
    cr_assert_arr_eq(edited, expected, length);
    free(edited);
}

Test(cli_env_file, bytes_of_all_kinds_stay) {
    static const char text[] = "\xff\0\x01=\n\n\0DB_PORT=1\nDB_PORT=2\n";
    static const char expected[] = "\xff\0\x01=\n\n\0DB_PORT=1\nDB_PORT=8001\nWEB_PORT=3000\n";
    char *edited = NULL;
    size_t length = 0;

    cr_assert_eq(env_file_edit(text, sizeof text - 1, pairs, 2, &edited, &length), 0);
    cr_assert_eq(length, sizeof expected - 1);
    cr_assert_arr_eq(edited, expected, length);
    free(edited);
}

/* Whatever is in the file, a second time changes nothing, and what is no line of ours is there as before. */
Test(cli_env_file, made_up_files_are_edited_once_and_for_all) {
    static const char *const parts[] = {"DB_PORT", "WEB_PORT", "=", "\n", "\r\n", " ",  "#", "export ",
                                        "\"",      "'",        "`", "\\", "1",    "A=", "\t"};
    unsigned seed = 4711;

    for (int round = 0; round < 20000; round++) {
        char text[512] = "";
        char *once = NULL;
        char *twice = NULL;
        size_t length_once = 0;
        size_t length_twice = 0;

        for (int i = 0; i < 24; i++) {
            seed = seed * 1103515245 + 12345;
            strcat(text, parts[(seed >> 16) % (sizeof parts / sizeof parts[0])]);
        }
        cr_assert_eq(env_file_edit(text, strlen(text), pairs, 2, &once, &length_once), 0);
        cr_assert_eq(env_file_edit(once, length_once, pairs, 2, &twice, &length_twice), 0);
        cr_assert(length_once == length_twice && memcmp(once, twice, length_once) == 0, "%s", text);
        free(once);
        free(twice);
    }
}

static int write_env(bool *ret_changed, struct problem *problem) {
    int r = env_file_check(SANDBOX_DIR, ".env", problem);

    return r != 0 ? r : env_file_write(SANDBOX_DIR, ".env", pairs, 2, ret_changed, problem);
}

static void assert_written(const char *expected, bool changed) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(file_free_text_at) char *text = NULL;
    bool has_changed = !changed;

    cr_assert_eq(write_env(&has_changed, &problem), 0, "%s", problem.detail);
    cr_assert_eq(has_changed, changed);
    text = file_read(PATH, NULL);
    cr_assert_str_eq(text, expected);
    cr_assert_null(file_find(SANDBOX_DIR, ".env."));
}

Test(cli_env_file, a_new_file_is_made_and_the_same_again_is_not_written) {
    struct stat before;
    struct stat after;

    assert_written("WEB_PORT=3000\nDB_PORT=8001\n", true);
    cr_assert_eq(stat(PATH, &before), 0);
    assert_written("WEB_PORT=3000\nDB_PORT=8001\n", false);
    cr_assert_eq(stat(PATH, &after), 0);
    cr_assert_eq(before.st_ino, after.st_ino);
}

Test(cli_env_file, rights_and_links_stay) {
    struct stat status;

    file_write_text(SANDBOX_DIR "/real", "SECRET=1\n");
    cr_assert_eq(chmod(SANDBOX_DIR "/real", 0600), 0);
    cr_assert_eq(symlink("real", PATH), 0);
    assert_written("SECRET=1\nWEB_PORT=3000\nDB_PORT=8001\n", true);
    cr_assert_eq(lstat(PATH, &status), 0);
    cr_assert(S_ISLNK(status.st_mode));
    cr_assert_eq(stat(SANDBOX_DIR "/real", &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    /* Those that the umask would take from a new file are the old one's all the same. */
    umask(077);
    cr_assert_eq(chmod(SANDBOX_DIR "/real", 0664), 0);
    file_write_text(SANDBOX_DIR "/real", "SECRET=2\n");
    assert_written("SECRET=2\nWEB_PORT=3000\nDB_PORT=8001\n", true);
    cr_assert_eq(stat(SANDBOX_DIR "/real", &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0664);
}

Test(cli_env_file, a_read_only_file_is_refused_also_for_root) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(file_free_text_at) char *text = NULL;
    bool changed;

    file_write_text(PATH, "A=1\n");
    cr_assert_eq(chmod(PATH, 0444), 0);
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_eq(problem.exit_code, EXIT_NO);
    cr_assert_str_eq(problem.detail, PATH " cannot be written: Permission denied");
    cr_assert_str_eq(problem.hint, "chmod u+w " PATH);
    file_write_text(SANDBOX_DIR "/a b", "");
    cr_assert_eq(chmod(SANDBOX_DIR "/a b", 0444), 0);
    cr_assert_eq(env_file_check(SANDBOX_DIR, "a b", &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.hint, "chmod u+w '" SANDBOX_DIR "/a b'");
    text = file_read(PATH, NULL);
    cr_assert_str_eq(text, "A=1\n");
}

Test(cli_env_file, on_a_read_only_disk_no_rights_are_the_remedy) {
    CLEANUP(problem_deinit) struct problem problem = {0};

    file_write_text(PATH, "");
    cr_assert_eq(mount(PATH, PATH, NULL, MS_BIND, NULL), 0);
    cr_assert_eq(mount(NULL, PATH, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    cr_assert_eq(env_file_check(SANDBOX_DIR, ".env", &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, PATH " cannot be written: Read-only file system");
    cr_assert_str_eq(problem.hint, "");
}

Test(cli_env_file, what_is_no_file_is_refused) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    bool changed;

    cr_assert_eq(mkdir(PATH, 0755), 0);
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_eq(rmdir(PATH), 0);
    cr_assert_eq(mkfifo(PATH, 0600), 0);
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, PATH " is no regular file");
}

Test(cli_env_file, what_would_be_unreadable_afterwards_is_refused) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    bool changed;

    file_write_text(PATH, "\xff\xfe"
                          "A");
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, PATH " is written in UTF-16");
    cr_assert_eq(unlink(PATH), 0);
    file_write_text(SANDBOX_DIR "/portmanager.json", "{}\n");
    cr_assert_eq(symlink("portmanager.json", PATH), 0);
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, SANDBOX_DIR "/portmanager.json is a project file, and none of variables");
}

/* Numbers of processes come again. */
Test(cli_env_file, what_one_that_was_killed_has_left_is_in_nobodys_way) {
    char path[64];

    snprintf(path, sizeof path, PATH ".%d.tmp", (int)getpid());
    file_write_text(path, "half");
    assert_written("WEB_PORT=3000\nDB_PORT=8001\n", true);
}

Test(cli_env_file, what_an_editor_writes_at_the_same_moment_is_not_lost) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    bool changed;

    file_write_text(PATH, "A=1\n");
    n_to_interfere = 2;
    assert_written("A=1\nMINE=1\nMINE=1\nWEB_PORT=3000\nDB_PORT=8001\n", true);
    /* It was not there when it was read. */
    cr_assert_eq(unlink(PATH), 0);
    n_to_interfere = 1;
    assert_written("MINE=1\nWEB_PORT=3000\nDB_PORT=8001\n", true);
    cr_assert_eq(unlink(PATH), 0);
    n_to_interfere = 1000000;
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, PATH " is changed again and again by another program");
    cr_assert_null(file_find(SANDBOX_DIR, ".env."));
}

/* SIGXFSZ stands for every signal: it comes in the middle of the writing, each time. */
Test(cli_env_file, a_signal_leaves_nothing_half_behind) {
    const struct rlimit limit = {4, 4};
    pid_t pid;
    int status;

    file_write_text(PATH, "A=1\n");
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        struct problem problem = {0};
        bool changed;

        setrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_DFL);
        env_file_write(SANDBOX_DIR, ".env", pairs, 2, &changed, &problem);
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    cr_assert_null(file_find(SANDBOX_DIR, ".env."));
}

Test(cli_env_file, a_huge_file_is_refused) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    bool changed;

    file_write_text(PATH, "");
    cr_assert_eq(truncate(PATH, ENV_FILE_MAX + 1), 0);
    cr_assert_eq(write_env(&changed, &problem), PROBLEM_E_SET);
    cr_assert_not_null(strstr(problem.detail, "File too large"), "%s", problem.detail);
}

Test(cli_env_file, a_link_does_not_lead_out_of_the_project) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    CLEANUP(file_free_text_at) char *text = NULL;
    bool changed;

    cr_assert_eq(mkdir(SANDBOX_DIR "/project", 0755), 0);
    file_write_text(SANDBOX_DIR "/bashrc", "mine\n");
    cr_assert_eq(symlink("../bashrc", SANDBOX_DIR "/project/.env"), 0);
    cr_assert_eq(env_file_check(SANDBOX_DIR "/project", ".env", &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail,
                     SANDBOX_DIR "/project/.env leads out of the project's folder, to " SANDBOX_DIR "/bashrc");
    cr_assert_eq(env_file_write(SANDBOX_DIR "/project", ".env", pairs, 2, &changed, &problem), PROBLEM_E_SET);
    text = file_read(SANDBOX_DIR "/bashrc", NULL);
    cr_assert_str_eq(text, "mine\n");
    /* It leads nowhere: it is not replaced. */
    cr_assert_eq(unlink(SANDBOX_DIR "/bashrc"), 0);
    cr_assert_eq(env_file_check(SANDBOX_DIR "/project", ".env", &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, SANDBOX_DIR "/project/.env leads nowhere: No such file or directory");
    /* A folder on the way, where the file is not there yet. */
    cr_assert_eq(symlink("..", SANDBOX_DIR "/project/sub"), 0);
    cr_assert_eq(env_file_check(SANDBOX_DIR "/project", "sub/new", &problem), PROBLEM_E_SET);
    cr_assert_not(file_exists(SANDBOX_DIR "/new"));
}

Test(cli_env_file, the_file_stays_its_owners) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct stat status;
    bool changed;

    sandbox_enter_as_root();
    cr_assert_eq(mkdir(SANDBOX_DIR "/project", 0755), 0);
    cr_assert_eq(chown(SANDBOX_DIR "/project", SANDBOX_OTHER_UID, SANDBOX_OTHER_UID), 0);
    cr_assert_eq(env_file_write(SANDBOX_DIR "/project", ".env", pairs, 1, &changed, &problem), 0);
    cr_assert_eq(stat(SANDBOX_DIR "/project/.env", &status), 0);
    cr_assert_eq(status.st_uid, SANDBOX_OTHER_UID, "one that root makes is its folder's owner's");
    cr_assert_eq(chown(SANDBOX_DIR "/project", 0, 0), 0);
    cr_assert_eq(chmod(SANDBOX_DIR "/project/.env", 0640), 0);
    cr_assert_eq(env_file_write(SANDBOX_DIR "/project", ".env", pairs, 2, &changed, &problem), 0);
    cr_assert(changed);
    cr_assert_eq(stat(SANDBOX_DIR "/project/.env", &status), 0);
    cr_assert_eq(status.st_uid, SANDBOX_OTHER_UID);
    cr_assert_eq(status.st_mode & 0777, 0640);
}

static int check_as_other(void *context) {
    struct problem problem = {0};

    (void)context;
    return env_file_check(SANDBOX_DIR "/project", ".env", &problem) == PROBLEM_E_SET &&
                   strcmp(problem.detail, SANDBOX_DIR "/project/.env belongs to somebody else") == 0
               ? 0
               : 1;
}

/* Before anything is leased: the new one could not be given to its owner. */
Test(cli_env_file, one_of_somebody_elses_is_refused_though_it_may_be_written) {
    sandbox_enter_as_root();
    cr_assert_eq(mkdir(SANDBOX_DIR "/project", 0777), 0);
    cr_assert_eq(chmod(SANDBOX_DIR "/project", 0777), 0);
    file_write_text(SANDBOX_DIR "/project/.env", "A=1\n");
    cr_assert_eq(chmod(SANDBOX_DIR "/project/.env", 0666), 0);
    cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID, check_as_other, NULL)), 0);
}

#define N_WRITERS 8

static int write_one(void *context) {
    const int number = *(int *)context;
    char name[16];
    const struct env_pair pair = {name, (uint16_t)(9000 + number)};
    struct problem problem = {0};
    bool changed;

    snprintf(name, sizeof name, "V%d", number);
    return env_file_write(SANDBOX_DIR, ".env", &pair, 1, &changed, &problem);
}

Test(cli_env_file, of_several_writers_none_loses_anothers_lines) {
    int numbers[N_WRITERS];
    pid_t pids[N_WRITERS];

    for (int round = 0; round < 10; round++) {
        CLEANUP(file_free_text_at) char *text = NULL;

        for (int i = 0; i < N_WRITERS; i++) {
            numbers[i] = i;
            pids[i] = child_start(0, write_one, &numbers[i]);
        }
        for (int i = 0; i < N_WRITERS; i++)
            cr_assert_eq(child_wait(pids[i]), 0);
        text = file_read(PATH, NULL);
        for (int i = 0; i < N_WRITERS; i++) {
            char line[32];
            snprintf(line, sizeof line, "V%d=%d\n", i, 9000 + i);
            cr_assert_not_null(strstr(text, line), "%s is not in: %s", line, text);
        }
        cr_assert_eq(unlink(PATH), 0);
    }
}

/* ---- Which variable has a port */

static void assert_found(const char *text, const char *expected) {
    char name[16] = "";

    cr_assert_eq(env_file_find(text, strlen(text), 8001, name, sizeof name), expected != NULL, "%s", text);
    cr_assert_str_eq(name, expected != NULL ? expected : "", "%s", text);
}

Test(cli_env_file, the_variable_of_a_port_is_found) {
    assert_found("A=1\nB=8001\nC=8001\n", "B");
    assert_found("export API_PORT= 8001 # the api\r\n", "API_PORT");
    assert_found("A=8001", "A");
    assert_found("A=80010\nB=18001\nC=\"8001\"\nD=x8001\n#E=8001\n8001\n=8001\n", NULL);
    assert_found("A=\"\nB=8001\n\"\nC=2\n", NULL);
    assert_found("A=\"\nB=8001\n\"\nC=8001\n", "C");
    assert_found("A_NAME_THAT_DOES_NOT_FIT=8001\n", NULL);
    assert_found("", NULL);
}
