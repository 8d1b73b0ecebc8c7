/*
 * doctor's remedies for portd itself: its socket, its version, its TCP port, its range. See tests/support/remedy.h.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/daemon.h"
#include "tests/support/fail.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/remedy.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(doctor, .timeout = 300);

#define FOLDER SANDBOX_HOME "/.portmanager"
#define SOCKET FOLDER "/portd.sock"

static const struct person me = {0};

/* ---- portd and its socket ---- */

SITUATION(doctor, all_is_well) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    int exit_code;
    CLEANUP(file_free_text_at) char *output = remedy_run_doctor(&me, &exit_code);
    if (exit_code != 0 || strstr(output, "\terror\t") != NULL || strstr(output, "\twarning\t") != NULL)
        fail_test("%d: %s", exit_code, output);
    if (strstr(output, "portd\tok\tportd ") == NULL || strstr(output, "range\tok\t") == NULL)
        fail_test("%s", output);
    /* Quiet says it by its exit code alone. */
    if (remedy_run_script(&me, "test -z \"$(portctl doctor -q)\" && portctl doctor -q") != 0)
        fail_test("doctor -q found something, or said something");
    daemon_stop(&daemon);
    if (remedy_run_script(&me, "test -z \"$(portctl doctor -q)\" && portctl doctor -q") != 1)
        fail_test("doctor -q found nothing, or said something");
    return 0;
}

SITUATION(doctor, no_portd) {
    remedy_assert_mends(&me, "portd", "error", "portd is not running");
    return 0;
}

SITUATION(doctor, a_socket_that_was_left_behind) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    daemon_kill(&daemon);
    remedy_assert_mends(&me, "socket", "error", "nobody listens on " SOCKET);
    return 0;
}

SITUATION(doctor, a_socket_that_was_left_behind_beside_a_portd) {
    const struct daemon_setup elsewhere = {.environment = {"XDG_RUNTIME_DIR=" SANDBOX_DIR "/run"}};
    const struct person person = {.settings = "export XDG_RUNTIME_DIR=" SANDBOX_DIR "/run"};
    if (mkdir(SANDBOX_DIR "/run", 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    struct daemon killed = daemon_start(&elsewhere);
    daemon_kill(&killed);
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SOCKET}});
    remedy_assert_mends(&person, "socket", "warning", "nobody listens on " SANDBOX_DIR "/run/portmanager.sock");
    return 0;
}

SITUATION(doctor, something_that_is_no_socket) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    file_write_text(SOCKET, "hello");
    remedy_assert_mends(&me, "socket", "error", SOCKET " is no socket");
    CLEANUP(file_free_text_at) char *kept = file_read(SOCKET ".old", NULL);
    if (strcmp(kept, "hello") != 0)
        fail_test("What was there is lost: %s", kept);
    return 0;
}

/* Of a TCP address nobody may know, or portctl would ask there. */
ROOTS_SITUATION(doctor, a_socket_that_lost_its_rights) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID, .arguments = {"--port", "0"}});
    if (chmod(SOCKET, 0) < 0)
        fail_test("chmod: %s.", strerror(errno));
    remedy_assert_mends(&ann, "socket", "error", "you may not write to your own socket");
    return 0;
}

ROOTS_SITUATION(doctor, a_folder_that_lost_its_rights) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID, .arguments = {"--port", "0"}});
    if (chmod(FOLDER, 0) < 0)
        fail_test("chmod: %s.", strerror(errno));
    remedy_assert_mends(&ann, "socket", "error", "you may not enter");
    return 0;
}

ROOTS_SITUATION(doctor, somebody_elses_socket) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID, .settings = "export PM_SOCKET=" SANDBOX_DIR "/roots.sock"};
    daemon_start(&(struct daemon_setup){
        .arguments = {"--socket", SANDBOX_DIR "/roots.sock", "--db", SANDBOX_DIR "/roots.db", "--port", "0"}});
    if (chown(SANDBOX_HOME, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0)
        fail_test("chown: %s.", strerror(errno));
    remedy_assert_mends(&ann, "socket", "error", "you may not use the socket " SANDBOX_DIR "/roots.sock");
    return 0;
}

ROOTS_SITUATION(doctor, a_folder_that_others_may_write_in) {
    if (mkdir(SANDBOX_DIR "/open", 0777) < 0 || chmod(SANDBOX_DIR "/open", 0777) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    const struct person person = {.settings = "export PM_SOCKET=" SANDBOX_DIR "/open/p.sock"};
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR "/open/p.sock"}});
    remedy_assert_mends(&person, "socket", "warning", "other users may write in " SANDBOX_DIR "/open");
    return 0;
}

SITUATION(doctor, a_variable_that_points_nowhere_beside_a_portd) {
    const struct person person = {.settings = "export PM_SOCKET=" SANDBOX_DIR "/nowhere.sock"};
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&person, "portd", "error", "which PM_SOCKET names");
    return 0;
}

SITUATION(doctor, a_variable_that_points_nowhere) {
    const struct person person = {.settings = "export PM_URL=http://localhost:3999"};
    remedy_assert_mends(&person, "portd", "error", "which PM_URL names");
    return 0;
}

SITUATION(doctor, a_variable_that_is_no_address) {
    const struct person person = {.settings = "export PM_URL=https://example.org/"};
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&person, "portd", "error", "PM_URL: https://example.org/ is no address of portd");
    return 0;
}

SITUATION(doctor, a_portd_that_hangs) {
    const struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    daemon_freeze(&daemon);
    remedy_assert_mends(&me, "portd", "error", "has not answered");
    return 0;
}

/* ---- one that is asked for by an option ---- */

#define OTHER "/other.sock"

static const struct person who_asks_for_another = {.options = "--socket " SANDBOX_DIR OTHER};

static void assert_keeps_database(const char *script) {
    if (remedy_run_script(&who_asks_for_another, script) != 0)
        fail_test("It is not the database that it had.");
}

#define KEEPS "test $(portctl lookup web $options) = 8100"

/* Its database it knows from a variable, which whoever starts it again need not have. */
SITUATION(doctor, another_portd_that_hangs) {
    static const char socket[] = SANDBOX_DIR OTHER;
    const struct daemon daemon =
        daemon_start(&(struct daemon_setup){.environment = {"PM_DB=" SANDBOX_DIR "/other.db"},
                                            .arguments = {"--socket", socket, "--port", "0", "--range", "8100-8199"}});
    assert_keeps_database("portctl alloc web $options > /dev/null && " KEEPS);
    daemon_freeze(&daemon);
    remedy_assert_mends(&who_asks_for_another, "portd", "error", "has not answered");
    assert_keeps_database(KEEPS " && test $(portctl alloc api $options) = 8101");
    return 0;
}

SITUATION(doctor, another_portd_that_is_not_there) {
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&who_asks_for_another, "portd", "error", "but one answers without --socket");
    return 0;
}

SITUATION(doctor, another_portd_that_is_not_there_and_no_other) {
    remedy_assert_mends(&who_asks_for_another, "portd", "error", "name that");
    return 0;
}

SITUATION(doctor, another_portd_that_was_killed) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){
        .arguments = {"--socket", SANDBOX_DIR OTHER, "--db", SANDBOX_DIR "/other.db", "--port", "0"}});
    daemon_kill(&daemon);
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&who_asks_for_another, "portd", "error", "but one answers without --socket");
    return 0;
}

SITUATION(doctor, another_portds_range_that_is_full) {
    daemon_start(&(struct daemon_setup){0});
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR OTHER, "--db", SANDBOX_DIR "/other.db",
                                                      "--port", "0", "--range", "8010-8013"}});
    if (remedy_run_script(&who_asks_for_another, "portctl alloc web --count 4 $options > /dev/null") != 0)
        fail_test("Nothing is granted.");
    remedy_assert_mends(&who_asks_for_another, "room", "error", "4 of the 4 ports that portd grants are leased");
    return 0;
}

/* What is no portd is not ended. */
static int serve_other(void *context) {
    (void)context;
    fake_portd_start(&(struct fake_portd_setup){.answers = {{"GET /status ", 200, "\"hello\"", 0, NULL}},
                                                .socket = SANDBOX_DIR OTHER});
    file_write_text(SANDBOX_DIR "/serves", "");
    for (;;)
        pause();
    return 0;
}

SITUATION(doctor, a_server_that_is_no_portd) {
    const struct person person = {.settings = "export PM_SOCKET=" SANDBOX_DIR OTHER};
    const pid_t server = child_start(0, serve_other, NULL);
    const struct wait wait = wait_for("the server");
    while (!file_exists(SANDBOX_DIR "/serves"))
        wait_more(&wait);
    remedy_assert_mends(&person, "portd", "error", "is no portd");
    if (kill(server, 0) < 0)
        fail_test("It was ended: %s.", strerror(errno));
    return 0;
}

/* The kernel knows a socket's server as whoever has made it: that one says that it is an older portd. */
static int be_older(void *context) {
    static char answer[512];
    struct fake_portd_setup setup = {.answers = {{"GET /status ", 200, answer, 0, NULL}}, .socket = SOCKET};
    (void)context;
    snprintf(answer, sizeof(answer),
             "{\"version\":\"0.0.1\",\"pid\":%d,\"uid\":%u,\"range\":{\"min\":8000,\"max\":9000},\"addresses\":[],"
             "\"n_leased_in_range\":0}",
             getpid(), geteuid());
    fake_portd_start(&setup);
    file_write_text(SANDBOX_DIR "/older", "");
    for (;;)
        pause();
    return 0;
}

SITUATION(doctor, an_older_portd) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    child_start(0, be_older, NULL);
    const struct wait wait = wait_for("the older portd");
    while (!file_exists(SANDBOX_DIR "/older"))
        wait_more(&wait);
    remedy_assert_mends(&me, "version", "warning", "portd is of version 0.0.1, older than portctl's");
    return 0;
}

/* ---- the TCP port ---- */

static int listen_at_3030(void *context) {
    remedy_turn_away(tcp_listen(context, DAEMON_PORT));
}

SITUATION(doctor, a_stranger_on_3030) {
    child_start(0, listen_at_3030, (void *)"127.0.0.1");
    remedy_assert_mends(&me, "tcp", "error", "port 3030, which portd would have, is taken by");
    return 0;
}

SITUATION(doctor, a_stranger_beside_portd_on_3030) {
    child_start(0, listen_at_3030, (void *)"::1");
    daemon_start(&(struct daemon_setup){0});
    remedy_assert_mends(&me, "tcp", "warning", "may reach it instead of portd");
    return 0;
}

SITUATION(doctor, a_stranger_on_3030_and_one_start) {
    child_start(0, listen_at_3030, (void *)"127.0.0.1");
    const struct wait wait = wait_for("the stranger");
    while (remedy_run_script(&me, "portctl doctor | grep -q 'port 3030, which portd would have, is taken by'") != 0)
        wait_more(&wait);
    remedy_assert_list_mends(&me);
    return 0;
}

/* ---- followed from the top ---- */

ROOTS_SITUATION(doctor, a_folder_that_may_not_be_written_in) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    if (mkdir(FOLDER, 0700) < 0 || chown(FOLDER, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0 || chmod(FOLDER, 0500) < 0)
        fail_test(FOLDER ": %s.", strerror(errno));
    remedy_assert_list_mends(&ann);
    return 0;
}

SITUATION(doctor, a_disk_that_is_full_before_portd_runs) {
    sandbox_mount_tmpfs(FOLDER, 4096);
    remedy_run_script(&me, "head -c 8000000 /dev/zero > " FOLDER "/filling");
    remedy_assert_list_mends(&me);
    return 0;
}

/* The machine's own is not the test's to write in. */
static void mount_var_tmp(void) {
    sandbox_mount_tmpfs("/var/tmp", 65536);
    if (chmod("/var/tmp", 01777) < 0)
        fail_test("/var/tmp: %s.", strerror(errno));
}

ROOTS_SITUATION(doctor, a_home_that_cannot_be_made) {
    mount_var_tmp();
    const struct person ann = {.uid = SANDBOX_OTHER_UID, .settings = "export HOME=/nowhere/at/all"};
    remedy_assert_list_mends(&ann);
    if (remedy_run_script(&ann, "test $(stat -c %a /var/tmp/portmanager-$(id -u)) = 700") != 0)
        fail_test("Others may look into it.");
    return 0;
}

ROOTS_SITUATION(doctor, no_home) {
    mount_var_tmp();
    const struct person ann = {.uid = SANDBOX_OTHER_UID, .settings = "unset HOME; export SHELL=/bin/bash"};
    remedy_assert_list_mends(&ann);
    return 0;
}

SITUATION(doctor, a_link_to_nothing) {
    if (mkdir(FOLDER, 0700) < 0 || symlink(SANDBOX_DIR "/nothing", SOCKET) < 0)
        fail_test(SOCKET ": %s.", strerror(errno));
    remedy_assert_mends(&me, "socket", "error", SOCKET " is a link that leads to no socket");
    return 0;
}

SITUATION(doctor, a_link_to_nothing_from_the_top) {
    if (mkdir(FOLDER, 0700) < 0 || symlink(SANDBOX_DIR "/nothing", SOCKET) < 0)
        fail_test(SOCKET ": %s.", strerror(errno));
    remedy_assert_list_mends(&me);
    return 0;
}

SITUATION(doctor, a_socket_that_was_removed) {
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "8100-8199"}});
    if (remedy_run_script(&me, "portctl alloc web > /dev/null") != 0 || unlink(SOCKET) < 0)
        fail_test(SOCKET ": %s.", strerror(errno));
    remedy_assert_list_mends(&me);
    if (remedy_run_script(&me, "test $(portctl lookup web) = 8100 && test -S " SOCKET) != 0)
        fail_test("It is another portd.");
    return 0;
}

SITUATION(doctor, a_socket_that_was_removed_and_no_tcp) {
    daemon_start(&(struct daemon_setup){.arguments = {"--port", "0", "--range", "8100-8199"}});
    if (remedy_run_script(&me, "portctl alloc web > /dev/null") != 0 || unlink(SOCKET) < 0)
        fail_test(SOCKET ": %s.", strerror(errno));
    remedy_assert_mends(&me, "portd", "error", "and nobody can reach it");
    if (remedy_run_script(&me, "test $(portctl lookup web) = 8100") != 0)
        fail_test("It is another portd.");
    return 0;
}

/* ---- one that has the database ---- */

SITUATION(doctor, a_portd_at_another_socket) {
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR OTHER, "--port", "0"}});
    remedy_assert_mends(&me, "portd", "error", "it is at " SANDBOX_DIR OTHER);
    return 0;
}

SITUATION(doctor, a_portd_at_a_socket_that_a_variable_names) {
    daemon_start(&(struct daemon_setup){.environment = {"PM_SOCKET=" SANDBOX_DIR OTHER}, .arguments = {"--port=3999"}});
    remedy_assert_mends(&me, "portd", "error", "it is at " SANDBOX_DIR OTHER);
    return 0;
}

SITUATION(doctor, a_portd_at_another_port) {
    const struct person person = {.settings = "export PM_SOCKET=" SANDBOX_DIR "/nowhere.sock"};
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR OTHER, "--port", "3999"}});
    if (unlink(SANDBOX_DIR OTHER) < 0)
        fail_test(SANDBOX_DIR OTHER ": %s.", strerror(errno));
    const struct person again = {.settings = "unset PM_SOCKET; export PM_URL=http://localhost:3999"};
    int exit_code;
    CLEANUP(file_free_text_at) char *output = remedy_run_doctor(&person, &exit_code);
    if (strstr(output, "it is at http://localhost:3999\tunset PM_SOCKET; export PM_URL=http://localhost:3999\n") ==
        NULL)
        fail_test("%s", output);
    /* Its socket is mended next. */
    remedy_assert_list_mends(&again);
    return 0;
}

/* ---- one whose end nobody hears of ---- */

static int start_and_forget(void *context) {
    (void)context;
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "8010-8013"}});
    file_write_text(SANDBOX_DIR "/forgotten", "");
    for (;;)
        pause();
    return 0;
}

SITUATION(doctor, a_portd_that_nobody_reaps) {
    child_start(0, start_and_forget, NULL);
    const struct wait wait = wait_for("a portd");
    while (!file_exists(SANDBOX_DIR "/forgotten"))
        wait_more(&wait);
    if (remedy_run_script(&me, "portctl alloc web --count 4 > /dev/null") != 0)
        fail_test("Nothing is granted.");
    remedy_assert_mends(&me, "room", "error", "4 of the 4 ports that portd grants are leased");
    return 0;
}

/* ---- the range ---- */

ROOTS_SITUATION(doctor, a_range_of_the_kernels_that_is_full) {
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "40000-40001"}});
    if (remedy_run_script(&me, "portctl alloc web --count 2 > /dev/null") != 0)
        fail_test("Nothing is granted.");
    remedy_assert_list_mends(&me);
    if (remedy_run_script(&me, "portctl alloc one-more > /dev/null && test $(portctl list -q | wc -l) = 3") != 0)
        fail_test("There is no room, or leases are lost.");
    if (remedy_run_script(&me, "portctl status | grep -q '40000-40101' && test $(portctl lookup one-more) = 40002") !=
        0)
        fail_test("It is not the old range that has grown.");
    return 0;
}

ROOTS_SITUATION(doctor, a_range_of_the_kernels) {
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "40000-40999"}});
    if (remedy_run_script(&me, "sysctl -qw net.ipv4.ip_local_reserved_ports=9443,9500-9510") != 0)
        fail_test("Nothing can be reserved.");
    remedy_assert_mends(&me, "range", "warning", "the range 40000-40999 is among them");
    if (remedy_run_script(&me, "test $(cat /proc/sys/net/ipv4/ip_local_reserved_ports) = 9443,9500-9510,40000-40999") !=
        0)
        fail_test("What was reserved before is lost.");
    return 0;
}

ROOTS_SITUATION(doctor, ports_that_are_reserved) {
    daemon_start(&(struct daemon_setup){0});
    if (remedy_run_script(&me, "sysctl -qw net.ipv4.ip_local_reserved_ports=8080,8500-8599") != 0)
        fail_test("Nothing can be reserved.");
    remedy_assert_mends(&me, "reserved", "warning", "101 of the 1001 ports of the range 8000-9000 are reserved");
    return 0;
}

SITUATION(doctor, a_range_that_is_full) {
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "8010-8013"}});
    if (remedy_run_script(&me, "portctl alloc web --count 4 > /dev/null") != 0)
        fail_test("Nothing is granted.");
    remedy_assert_mends(&me, "room", "error", "4 of the 4 ports that portd grants are leased");
    if (remedy_run_script(&me, "portctl alloc one-more > /dev/null && test $(portctl list -q | wc -l) = 5") != 0)
        fail_test("There is no room, or leases are lost.");
    return 0;
}
