/*
 * doctor's remedies around portd: its database, what it sees, the machine. See tests/support/remedy.h.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/netns.h"
#include "tests/support/puppet.h"
#include "tests/support/remedy.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(doctor_machine, .timeout = 300);

#define FOLDER SANDBOX_HOME "/.portmanager"
#define DB     FOLDER "/leases.db"

static const struct person me = {0};

/* ---- the database ---- */

SITUATION(doctor_machine, a_full_disk) {
    sandbox_mount_tmpfs(SANDBOX_DIR "/disk", 4096);
    daemon_start(&(struct daemon_setup){.environment = {"PM_DB=" SANDBOX_DIR "/disk/leases.db"}});
    if (remedy_run_script(&me, "portctl alloc web > /dev/null") != 0)
        fail_test("Nothing is granted.");
    remedy_run_script(&me, "head -c 8000000 /dev/zero > " SANDBOX_DIR "/disk/filling");
    remedy_assert_mends(&me, "disk", "error", "(" SANDBOX_DIR "/disk) has ");
    if (remedy_run_script(&me, "portctl lookup web > /dev/null && portctl alloc more > /dev/null") != 0)
        fail_test("The leases are lost, or nothing is granted.");
    return 0;
}

ROOTS_SITUATION(doctor_machine, a_disk_that_is_read_only) {
    sandbox_mount_tmpfs(FOLDER, 32768);
    if (mount(NULL, FOLDER, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
        fail_test("No remount: %s.", strerror(errno));
    remedy_assert_mends(&me, "disk", "error", "(" FOLDER ") is read-only");
    daemon_start(&(struct daemon_setup){0});
    return 0;
}

SITUATION(doctor_machine, a_damaged_database) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    file_write_text(DB, "This was a database once, and is so no more; nobody knows what became of it.");
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&me, "database", "warning", "1 damaged database was put aside");
    CLEANUP(file_free_text_at) char *kept = file_find(FOLDER "/damaged", "leases.db.corrupt-");
    if (kept == NULL)
        fail_test("It is lost.");
    return 0;
}

static void execute_sql(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    char *message = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_test("%s: %s", sql, message != NULL ? message : "no database");
    sqlite3_close(db);
}

static void make_original(void) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    execute_sql(DB,
                "CREATE TABLE leases (port INTEGER PRIMARY KEY, service_name TEXT NOT NULL, allocated_at TEXT NOT NULL,"
                " last_heartbeat TEXT NOT NULL, ttl_seconds INTEGER NOT NULL, tags TEXT NOT NULL);"
                "INSERT INTO leases VALUES (8042, 'old', '2026-01-02T03:04:05Z', '2026-01-02T03:05:05Z', 300, '[]');");
}

SITUATION(doctor_machine, an_originals_leases) {
    make_original();
    daemon_start(&(struct daemon_setup){.arguments = {"--db", SANDBOX_DIR "/other.db"}});
    remedy_assert_mends(&me, "original", "warning", "are not imported, for portd uses another database");
    if (remedy_run_script(&me, "test $(portctl lookup old) = 8042") != 0)
        fail_test("It is not imported.");
    return 0;
}

static int be_original(void *context) {
    (void)context;
    prctl(PR_SET_NAME, "the-original");
    const int fd = open(DB, O_RDWR);
    if (fd < 0)
        fail_test(DB ": %s.", strerror(errno));
    remedy_turn_away(tcp_listen("127.0.0.1", DAEMON_PORT));
}

SITUATION(doctor_machine, an_original_that_runs) {
    make_original();
    child_start(0, be_original, NULL);
    remedy_assert_mends(&me, "original", "error", "the-original (pid ");
    if (remedy_run_script(&me, "test $(portctl lookup old) = 8042 && portctl --url http://localhost:3030 status -q") !=
        0)
        fail_test("It is not imported, or portd has not its port.");
    return 0;
}

static int look_at_database(void *context) {
    (void)context;
    if (open(DB, O_RDONLY) < 0 || open(DB, O_RDWR) < 0)
        fail_test(DB ": %s.", strerror(errno));
    file_write_text(SANDBOX_DIR "/looks", "");
    for (;;)
        pause();
    return 0;
}

/* As a backup does, or a person with sqlite3: nobody is told to end it. */
SITUATION(doctor_machine, somebody_who_looks_at_portds_database) {
    daemon_start(&(struct daemon_setup){0});
    child_start(0, look_at_database, NULL);
    const struct wait wait = wait_for("somebody who looks");
    while (!file_exists(SANDBOX_DIR "/looks"))
        wait_more(&wait);
    int exit_code;
    CLEANUP(file_free_text_at) char *output = remedy_run_doctor(&me, &exit_code);
    if (exit_code != 0 || strstr(output, "original\tok\t") == NULL)
        fail_test("%d: %s", exit_code, output);
    return 0;
}

/* ---- what portd sees ---- */

ROOTS_SITUATION(doctor_machine, a_listener_whose_process_is_hidden) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID});
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 8005);
    remedy_assert_mends(&ann, "owners", "warning", "who listens on port 8005 is hidden from portd");
    return 0;
}

ROOTS_SITUATION(doctor_machine, a_conflict) {
    daemon_start(&(struct daemon_setup){0});
    if (remedy_run_script(&me, "portctl alloc web --port 8001 > /dev/null") != 0)
        fail_test("Nothing is granted.");
    puppet_start(&(struct puppet_setup){.name = "squatter", .uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 8001 pause");
    remedy_assert_mends(&me, "conflicts", "error", "squatter");
    return 0;
}

static int hold_network(void *context) {
    const uint16_t *port = context;
    netns_enter();
    if (*port != 0)
        tcp_listen("127.0.0.1", *port);
    file_write_text(SANDBOX_DIR "/network", "");
    for (;;)
        pause();
    return 0;
}

static pid_t start_network(uint16_t port) {
    static uint16_t its_port;
    its_port = port;
    const pid_t pid = child_start(0, hold_network, &its_port);
    const struct wait wait = wait_for("a network");
    while (!file_exists(SANDBOX_DIR "/network"))
        wait_more(&wait);
    return pid;
}

ROOTS_SITUATION(doctor_machine, a_portd_in_another_network) {
    const struct person person = {.in_network_of = start_network(0)};
    daemon_start(&(struct daemon_setup){0});
    if (remedy_run_script(&person, "portctl doctor | grep -q 'at port 3030 of its own network namespace, not at'") != 0)
        fail_test("It is told to be where it is not.");
    remedy_assert_mends(&person, "namespaces", "error", "portd lives in another network namespace than you");
    return 0;
}

ROOTS_SITUATION(doctor_machine, a_listener_in_another_network) {
    daemon_start(&(struct daemon_setup){.arguments = {"--exclude", "8100"}});
    start_network(8006);
    remedy_assert_mends(&me, "namespaces", "warning", "somebody listens on 8006");
    if (remedy_run_script(&me, "test \"$(portctl status | grep excluded)\" = \"$(printf 'excluded\\t8100,8006')\"") !=
        0)
        fail_test("What was excluded before is lost.");
    return 0;
}

/* ---- the machine ---- */

SITUATION(doctor_machine, a_clock_that_was_set_back) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    if (remedy_run_script(&me, "portctl alloc web --ttl 1d > /dev/null && portctl alloc api --ttl 1d > /dev/null") != 0)
        fail_test("Nothing is granted.");
    daemon_stop(&daemon);
    execute_sql(DB, "UPDATE lease SET last_heartbeat = last_heartbeat + 7200000");
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&me, "clock", "warning", "was last heard of");
    return 0;
}

static void assert_completions(const char *shell, const char *path) {
    char settings[64];
    snprintf(settings, sizeof(settings), "export SHELL=/bin/%s", shell);
    const struct person person = {.settings = settings};
    remedy_assert_mends(&person, "completion", "warning", "does not complete portctl's commands");
    CLEANUP(file_free_text_at) char *written = file_read(path, NULL);
    if (strstr(written, "portctl") == NULL)
        fail_test("%s: %s", path, written);
}

static int be_without_completions(void) {
    assert_completions("bash", SANDBOX_HOME "/.local/share/bash-completion/completions/portctl");
    assert_completions("zsh", SANDBOX_HOME "/.local/share/zsh/site-functions/_portctl");
    assert_completions("fish", SANDBOX_HOME "/.config/fish/completions/portctl.fish");
    return 0;
}

Test(doctor_machine, no_completions) {
    if (command_find("completion") == NULL)
        cr_skip_test("this portctl has no completions yet");
    sandbox_enter();
    remedy_run_inside(be_without_completions);
}
