/*
 * doctor on the real thing: something is made wrong, doctor finds it, its remedy is run as it is printed, and doctor finds it no more. Each in
 * namespaces of its own, of pids, too: then it sees no process but the test's, and what a remedy has started ends with the test.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/cli.h"
#include "tests/support/daemon.h"
#include "tests/support/fail.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/netns.h"
#include "tests/support/pid_namespace.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

TestSuite(doctor, .timeout = 300);

#define FOLDER SANDBOX_HOME "/.portmanager"
#define SOCKET FOLDER "/portd.sock"
#define DB     FOLDER "/leases.db"
#define OUTPUT SANDBOX_DIR "/doctor.out"
#define SCRIPT SANDBOX_DIR "/script"

#define LINE_MAX_BYTES 16384

/* A person at a shell. */
struct person {
    uid_t uid;            /* 0: root */
    const char *settings; /* what he has typed before: "export PM_SOCKET=/x"; NULL: nothing */
    pid_t in_network_of;  /* 0: the test's own network */
};

/* ---- scripts ---- */

/* setns() into a network that a process holds. */
static void join_network(pid_t pid) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
    CLEANUP(fd_close_at) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        fail_test("The network of %d cannot be joined: %s.", pid, strerror(errno));
}

static void set_variables(void) {
    static const char *const removed[] = {"PM_SOCKET",       "PM_URL",        "PM_DB",
                                          "XDG_RUNTIME_DIR", "XDG_DATA_HOME", "XDG_STATE_HOME"};
    for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++)
        unsetenv(removed[i]);
    setenv("HOME", SANDBOX_HOME, 1);
    setenv("SHELL", "/bin/sh", 1);
    setenv("PATH", SANDBOX_BIN ":/usr/sbin:/usr/bin:/sbin:/bin", 1);
}

static int execute_script(void *context) {
    (void)context;
    set_variables();
    const int log = open(OUTPUT ".log", O_WRONLY | O_APPEND);
    const int null = open("/dev/null", O_RDONLY);
    if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
        fail_test("No streams for a script: %s.", strerror(errno));
    closefrom(STDERR_FILENO + 1);
    execlp("sh", "sh", SCRIPT, NULL);
    fail_test("sh cannot be executed.");
}

/* One more process, for a network is joined with root's rights, before its user is another. */
static int run_in_network(void *context) {
    const struct person *person = context;
    join_network(person->in_network_of);
    return child_wait(child_start(person->uid, execute_script, context));
}

/* Whatever ends meanwhile is reaped, as its shell or init would do: a portd that a remedy ends is not gone before. */
static int wait_for_script(pid_t script) {
    const struct wait wait = wait_for("a script to end");
    for (;;) {
        int status;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == script)
            return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        if (pid <= 0)
            wait_more(&wait);
    }
}

/* The last line's exit code. */
static int run_script(const struct person *person, const char *lines) {
    char text[2 * LINE_MAX_BYTES];
    snprintf(text, sizeof(text), "%s\n%s\n", person->settings != NULL ? person->settings : ":", lines);
    file_write_text(SCRIPT, text);
    file_write_text(OUTPUT ".log", "");
    if (chmod(OUTPUT ".log", 0666) < 0)
        fail_test("chmod: %s.", strerror(errno));
    if (person->in_network_of != 0)
        return wait_for_script(child_start(0, run_in_network, (void *)person));
    return wait_for_script(child_start(person->uid, execute_script, (void *)person));
}

/* ---- findings ---- */

struct found {
    char state[16];
    char text[LINE_MAX_BYTES];
    char remedy[LINE_MAX_BYTES];
};

static void clear_output(void) {
    file_write_text(OUTPUT, "");
    if (chmod(OUTPUT, 0666) < 0)
        fail_test("chmod: %s.", strerror(errno));
}

/* The first finding of the check whose text has the words, that is not well. */
static bool find(const char *output, const char *check, const char *words, struct found *ret_found) {
    for (const char *line = output; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char copy[2 * LINE_MAX_BYTES];
        snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
        char *rest = copy;
        const char *its_check = strsep(&rest, "\t");
        const char *state = strsep(&rest, "\t");
        const char *text = strsep(&rest, "\t");
        if (text == NULL || rest == NULL)
            fail_test("This is no finding: %.*s", (int)strcspn(line, "\n"), line);
        if (strcmp(its_check, check) != 0 || strcmp(state, "ok") == 0 || strstr(text, words) == NULL)
            continue;
        snprintf(ret_found->state, sizeof(ret_found->state), "%s", state);
        snprintf(ret_found->text, sizeof(ret_found->text), "%s", text);
        snprintf(ret_found->remedy, sizeof(ret_found->remedy), "%s", rest);
        return true;
    }
    return false;
}

/* portd sees some things a moment after they have happened. */
static struct found wait_for_finding(const struct person *person, const char *check, const char *words) {
    const struct wait wait = wait_at_most(30, words);
    for (;;) {
        struct found found;
        clear_output();
        const int exit_code = run_script(person, "portctl doctor > " OUTPUT);
        CLEANUP(file_free_text_at) char *output = file_read(OUTPUT, NULL);
        if (find(output, check, words, &found)) {
            if (exit_code != 1)
                fail_test("doctor has found something, and its exit code is %d.", exit_code);
            return found;
        }
        wait_more(&wait);
    }
}

/* A remedy that starts a portd goes on before that listens. A `sudo` is what root does himself here. */
#define SUDO  "sudo() { if [ \"$1\" = -u ]; then shift 2; fi; \"$@\"; }\n"
#define WAIT  "\nn=0\nuntil portctl status -q; do n=$((n+1)); [ $n -lt 600 ] || exit " NEVER "; sleep 0.05; done"
#define NEVER "99"

static void expect_start(const char *remedy, int exit_code) {
    if (exit_code != atoi(NEVER))
        return;
    CLEANUP(file_free_text_at) char *log = file_read(OUTPUT ".log", NULL);
    fail_test("\"%s\" starts no portd: %s", remedy, log);
}

static void run_remedy(const struct person *person, const char *remedy) {
    const size_t length = strlen(remedy);
    const bool starts = length > 0 && remedy[length - 1] == '&';
    const bool needs_root = strstr(remedy, "sudo ") != NULL;
    const struct person root = {.settings = person->settings, .in_network_of = person->in_network_of};
    char lines[2 * LINE_MAX_BYTES];

    snprintf(lines, sizeof(lines), SUDO "%s%s\n%s", remedy, starts ? WAIT : "",
             needs_root && person->uid != 0 ? "" : "portctl doctor > " OUTPUT);
    clear_output();
    expect_start(remedy, run_script(needs_root ? &root : person, lines));
    if (needs_root && person->uid != 0)
        run_script(person, "portctl doctor > " OUTPUT);
}

/* It is found as `state`, and what is printed mends it. */
static void assert_mended(const struct person *person, const char *check, const char *state, const char *words) {
    const struct found found = wait_for_finding(person, check, words);
    struct found again;

    if (strcmp(found.state, state) != 0)
        fail_test("It is no %s, but a %s: %s", state, found.state, found.text);
    if (found.remedy[0] == '\0' || strcmp(found.remedy, "-") == 0)
        fail_test("There is no remedy for: %s", found.text);
    run_remedy(person, found.remedy);
    CLEANUP(file_free_text_at) char *output = file_read(OUTPUT, NULL);
    CLEANUP(file_free_text_at) char *log = file_read(OUTPUT ".log", NULL);
    if (output[0] == '\0')
        fail_test("After \"%s\" doctor said nothing: %s", found.remedy, log);
    if (find(output, check, words, &again))
        fail_test("\"%s\" has not mended it: %s\n%s%s", found.remedy, again.text, output, log);
}

static const struct person me = {0};

/* ---- in the namespaces ---- */

static void run_inside(int (*situation)(void)) {
    const int r = pid_namespace_run(situation);
    if (r == PID_NAMESPACE_NOT_ALLOWED)
        cr_skip_test("there is no pid namespace to be had");
    cr_assert_eq(r, 0, "%d: what is wrong is told above", r);
}

#define SITUATION(name)                                                                                                \
    static int be_##name(void);                                                                                        \
    Test(doctor, name) {                                                                                               \
        sandbox_enter();                                                                                               \
        run_inside(be_##name);                                                                                         \
    }                                                                                                                  \
    static int be_##name(void)

/* One in which somebody is another user, or root's rights are needed. */
#define ROOTS_SITUATION(name)                                                                                          \
    static int be_##name(void);                                                                                        \
    Test(doctor, name) {                                                                                               \
        sandbox_enter_as_root();                                                                                       \
        run_inside(be_##name);                                                                                         \
    }                                                                                                                  \
    static int be_##name(void)

/* ---- portd and its socket ---- */

SITUATION(all_is_well) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    clear_output();
    const int exit_code = run_script(&me, "portctl doctor > " OUTPUT);
    CLEANUP(file_free_text_at) char *output = file_read(OUTPUT, NULL);
    if (exit_code != 0 || strstr(output, "\terror\t") != NULL || strstr(output, "\twarning\t") != NULL)
        fail_test("%d: %s", exit_code, output);
    if (strstr(output, "portd\tok\tportd ") == NULL || strstr(output, "range\tok\t") == NULL)
        fail_test("%s", output);
    /* Quiet says it by its exit code alone. */
    if (run_script(&me, "test -z \"$(portctl doctor -q)\" && portctl doctor -q") != 0)
        fail_test("doctor -q found something, or said something");
    daemon_stop(&daemon);
    if (run_script(&me, "test -z \"$(portctl doctor -q)\" && portctl doctor -q") != 1)
        fail_test("doctor -q found nothing, or said something");
    return 0;
}

SITUATION(no_portd) {
    assert_mended(&me, "portd", "error", "portd is not running");
    return 0;
}

SITUATION(a_socket_that_was_left_behind) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    daemon_kill(&daemon);
    assert_mended(&me, "socket", "error", "nobody listens on " SOCKET);
    return 0;
}

SITUATION(a_socket_that_was_left_behind_beside_a_portd) {
    const struct daemon_setup elsewhere = {.environment = {"XDG_RUNTIME_DIR=" SANDBOX_DIR "/run"}};
    const struct person person = {.settings = "export XDG_RUNTIME_DIR=" SANDBOX_DIR "/run"};
    if (mkdir(SANDBOX_DIR "/run", 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    struct daemon killed = daemon_start(&elsewhere);
    daemon_kill(&killed);
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SOCKET}});
    assert_mended(&person, "socket", "warning", "nobody listens on " SANDBOX_DIR "/run/portmanager.sock");
    return 0;
}

SITUATION(something_that_is_no_socket) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    file_write_text(SOCKET, "hello");
    assert_mended(&me, "socket", "error", SOCKET " is no socket");
    CLEANUP(file_free_text_at) char *kept = file_read(SOCKET ".old", NULL);
    if (strcmp(kept, "hello") != 0)
        fail_test("What was there is lost: %s", kept);
    return 0;
}

/* Of a TCP address nobody may know, or portctl would ask there. */
ROOTS_SITUATION(a_socket_that_lost_its_rights) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID, .arguments = {"--port", "0"}});
    if (chmod(SOCKET, 0) < 0)
        fail_test("chmod: %s.", strerror(errno));
    assert_mended(&ann, "socket", "error", "you may not write to your own socket");
    return 0;
}

ROOTS_SITUATION(a_folder_that_lost_its_rights) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID, .arguments = {"--port", "0"}});
    if (chmod(FOLDER, 0) < 0)
        fail_test("chmod: %s.", strerror(errno));
    assert_mended(&ann, "socket", "error", "you may not enter");
    return 0;
}

ROOTS_SITUATION(somebody_elses_socket) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID, .settings = "export PM_SOCKET=" SANDBOX_DIR "/roots.sock"};
    daemon_start(&(struct daemon_setup){
        .arguments = {"--socket", SANDBOX_DIR "/roots.sock", "--db", SANDBOX_DIR "/roots.db", "--port", "0"}});
    if (chown(SANDBOX_HOME, SANDBOX_OTHER_UID, SANDBOX_OTHER_UID) < 0)
        fail_test("chown: %s.", strerror(errno));
    assert_mended(&ann, "socket", "error", "you may not use the socket " SANDBOX_DIR "/roots.sock");
    return 0;
}

ROOTS_SITUATION(a_folder_that_others_may_write_in) {
    if (mkdir(SANDBOX_DIR "/open", 0777) < 0 || chmod(SANDBOX_DIR "/open", 0777) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    const struct person person = {.settings = "export PM_SOCKET=" SANDBOX_DIR "/open/p.sock"};
    daemon_start(&(struct daemon_setup){.arguments = {"--socket", SANDBOX_DIR "/open/p.sock"}});
    assert_mended(&person, "socket", "warning", "other users may write in " SANDBOX_DIR "/open");
    return 0;
}

SITUATION(a_variable_that_points_nowhere_beside_a_portd) {
    const struct person person = {.settings = "export PM_SOCKET=" SANDBOX_DIR "/nowhere.sock"};
    daemon_start(&(struct daemon_setup){0});
    assert_mended(&person, "portd", "error", "which PM_SOCKET names");
    return 0;
}

SITUATION(a_variable_that_points_nowhere) {
    const struct person person = {.settings = "export PM_URL=http://localhost:3999"};
    assert_mended(&person, "portd", "error", "which PM_URL names");
    return 0;
}

SITUATION(a_variable_that_is_no_address) {
    const struct person person = {.settings = "export PM_URL=https://example.org/"};
    daemon_start(&(struct daemon_setup){0});
    assert_mended(&person, "portd", "error", "PM_URL: https://example.org/ is no address of portd");
    return 0;
}

SITUATION(a_portd_that_hangs) {
    const struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    daemon_freeze(&daemon);
    assert_mended(&me, "portd", "error", "has not answered");
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

SITUATION(an_older_portd) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    child_start(0, be_older, NULL);
    const struct wait wait = wait_for("the older portd");
    while (!file_exists(SANDBOX_DIR "/older"))
        wait_more(&wait);
    assert_mended(&me, "version", "warning", "portd is of version 0.0.1, older than portctl's");
    return 0;
}

/* ---- the TCP port ---- */

/* Whoever asks anything hears that there is no such thing, and hangs up first: then nothing is left of the connection here. */
static _Noreturn void turn_away(int server) {
    static const char nothing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    for (;;) {
        CLEANUP(fd_close_at) int fd = accept(server, NULL, NULL);
        char bytes[4096];
        if (recv(fd, bytes, sizeof(bytes), 0) > 0 && send(fd, nothing, strlen(nothing), MSG_NOSIGNAL) > 0)
            while (recv(fd, bytes, sizeof(bytes), 0) > 0)
                continue;
    }
}

static int listen_at_3030(void *context) {
    turn_away(tcp_listen(context, DAEMON_PORT));
}

SITUATION(a_stranger_on_3030) {
    child_start(0, listen_at_3030, (void *)"127.0.0.1");
    assert_mended(&me, "tcp", "error", "port 3030, which portd would have, is taken by");
    return 0;
}

SITUATION(a_stranger_beside_portd_on_3030) {
    child_start(0, listen_at_3030, (void *)"::1");
    daemon_start(&(struct daemon_setup){0});
    assert_mended(&me, "tcp", "warning", "may reach it instead of portd");
    return 0;
}

/* ---- the range ---- */

ROOTS_SITUATION(a_range_of_the_kernels) {
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "40000-40999"}});
    if (run_script(&me, "sysctl -qw net.ipv4.ip_local_reserved_ports=9443,9500-9510") != 0)
        fail_test("Nothing can be reserved.");
    assert_mended(&me, "range", "warning", "the range 40000-40999 is among them");
    if (run_script(&me, "test $(cat /proc/sys/net/ipv4/ip_local_reserved_ports) = 9443,9500-9510,40000-40999") != 0)
        fail_test("What was reserved before is lost.");
    return 0;
}

ROOTS_SITUATION(ports_that_are_reserved) {
    daemon_start(&(struct daemon_setup){0});
    if (run_script(&me, "sysctl -qw net.ipv4.ip_local_reserved_ports=8080,8500-8599") != 0)
        fail_test("Nothing can be reserved.");
    assert_mended(&me, "reserved", "warning", "101 of the 1001 ports of the range 8000-9000 are reserved");
    return 0;
}

SITUATION(a_range_that_is_full) {
    daemon_start(&(struct daemon_setup){.arguments = {"--range", "8010-8013"}});
    if (run_script(&me, "portctl alloc web --count 4 > /dev/null") != 0)
        fail_test("Nothing is granted.");
    assert_mended(&me, "room", "error", "4 of the 4 ports that portd grants are leased");
    if (run_script(&me, "portctl alloc one-more > /dev/null && test $(portctl list -q | wc -l) = 5") != 0)
        fail_test("There is no room, or leases are lost.");
    return 0;
}

/* ---- the database ---- */

SITUATION(a_full_disk) {
    sandbox_mount_tmpfs(SANDBOX_DIR "/disk", 4096);
    daemon_start(&(struct daemon_setup){.environment = {"PM_DB=" SANDBOX_DIR "/disk/leases.db"}});
    if (run_script(&me, "portctl alloc web > /dev/null") != 0)
        fail_test("Nothing is granted.");
    run_script(&me, "head -c 8000000 /dev/zero > " SANDBOX_DIR "/disk/filling");
    assert_mended(&me, "disk", "error", "(" SANDBOX_DIR "/disk) has ");
    if (run_script(&me, "portctl lookup web > /dev/null && portctl alloc more > /dev/null") != 0)
        fail_test("The leases are lost, or nothing is granted.");
    return 0;
}

ROOTS_SITUATION(a_disk_that_is_read_only) {
    sandbox_mount_tmpfs(FOLDER, 32768);
    if (mount(NULL, FOLDER, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
        fail_test("No remount: %s.", strerror(errno));
    assert_mended(&me, "disk", "error", "(" FOLDER ") is read-only");
    daemon_start(&(struct daemon_setup){0});
    return 0;
}

SITUATION(a_damaged_database) {
    if (mkdir(FOLDER, 0700) < 0)
        fail_test("mkdir: %s.", strerror(errno));
    file_write_text(DB, "This was a database once, and is so no more; nobody knows what became of it.");
    daemon_start(&(struct daemon_setup){0});
    assert_mended(&me, "database", "warning", "1 damaged database was put aside");
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

SITUATION(an_originals_leases) {
    make_original();
    daemon_start(&(struct daemon_setup){.arguments = {"--db", SANDBOX_DIR "/other.db"}});
    assert_mended(&me, "original", "warning", "are not imported, for portd uses another database");
    if (run_script(&me, "test $(portctl lookup old) = 8042") != 0)
        fail_test("It is not imported.");
    return 0;
}

static int be_original(void *context) {
    (void)context;
    prctl(PR_SET_NAME, "the-original");
    const int fd = open(DB, O_RDWR);
    if (fd < 0)
        fail_test(DB ": %s.", strerror(errno));
    turn_away(tcp_listen("127.0.0.1", DAEMON_PORT));
}

SITUATION(an_original_that_runs) {
    make_original();
    child_start(0, be_original, NULL);
    assert_mended(&me, "original", "error", "the-original (pid ");
    if (run_script(&me, "test $(portctl lookup old) = 8042 && portctl --url http://localhost:3030 status -q") != 0)
        fail_test("It is not imported, or portd has not its port.");
    return 0;
}

/* ---- what portd sees ---- */

ROOTS_SITUATION(a_listener_whose_process_is_hidden) {
    const struct person ann = {.uid = SANDBOX_OTHER_UID};
    daemon_start(&(struct daemon_setup){.uid = SANDBOX_OTHER_UID});
    CLEANUP(fd_close_at) int fd = tcp_listen("127.0.0.1", 8005);
    assert_mended(&ann, "owners", "warning", "who listens on port 8005 is hidden from portd");
    return 0;
}

ROOTS_SITUATION(a_conflict) {
    daemon_start(&(struct daemon_setup){0});
    if (run_script(&me, "portctl alloc web --port 8001 > /dev/null") != 0)
        fail_test("Nothing is granted.");
    puppet_start(&(struct puppet_setup){.name = "squatter", .uid = SANDBOX_OTHER_UID}, "listen 127.0.0.1 8001 pause");
    assert_mended(&me, "conflicts", "error", "squatter");
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

ROOTS_SITUATION(a_portd_in_another_network) {
    const struct person person = {.in_network_of = start_network(0)};
    daemon_start(&(struct daemon_setup){0});
    assert_mended(&person, "namespaces", "error", "portd lives in another network namespace than you");
    return 0;
}

ROOTS_SITUATION(a_listener_in_another_network) {
    daemon_start(&(struct daemon_setup){.arguments = {"--exclude", "8100"}});
    start_network(8006);
    assert_mended(&me, "namespaces", "warning", "somebody listens on 8006");
    if (run_script(&me, "test \"$(portctl status | grep excluded)\" = \"$(printf 'excluded\\t8100,8006')\"") != 0)
        fail_test("What was excluded before is lost.");
    return 0;
}

/* ---- the machine ---- */

SITUATION(a_clock_that_was_set_back) {
    struct daemon daemon = daemon_start(&(struct daemon_setup){0});
    if (run_script(&me, "portctl alloc web --ttl 1d > /dev/null && portctl alloc api --ttl 1d > /dev/null") != 0)
        fail_test("Nothing is granted.");
    daemon_stop(&daemon);
    execute_sql(DB, "UPDATE lease SET last_heartbeat = last_heartbeat + 7200000");
    daemon_start(&(struct daemon_setup){0});
    assert_mended(&me, "clock", "warning", "was last heard of");
    return 0;
}

static void assert_completions(const char *shell, const char *path) {
    char settings[64];
    snprintf(settings, sizeof(settings), "export SHELL=/bin/%s", shell);
    const struct person person = {.settings = settings};
    assert_mended(&person, "completion", "warning", "does not complete portctl's commands");
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

Test(doctor, no_completions) {
    if (command_find("completion") == NULL)
        cr_skip_test("this portctl has no completions yet");
    sandbox_enter();
    run_inside(be_without_completions);
}
