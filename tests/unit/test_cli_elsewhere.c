/*
 * Programs that ignore PORT: real processes with real listeners, and a clock that the test turns. Nobody waits for 3 s here: what is due is
 * asked for, and the time of the last look is known.
 */
#include "cli/elsewhere.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/patience.h"
#include "probe/fd.h"
#include "probe/owner_walk.h"
#include "probe/sock_diag.h"
#include "tests/support/child.h"
#include "tests/support/file.h"
#include "tests/support/netlink_faults.h"
#include "tests/support/puppet.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"

#define ERRORS SANDBOX_DIR "/errors"
#define LEASED 8003
#define NEVER  UINT64_MAX

#define PROMISED_MS 3000

static const uint16_t one_port[] = {LEASED};
static const uint16_t three_ports[] = {8003, 8004, 8007};
static char *const npm_run_dev[] = {(char[]){"npm"}, (char[]){"run"}, (char[]){"dev"}, NULL};
static const struct output output = {.width = 80};

static struct elsewhere *elsewhere;
static uint64_t now_ms; /* of the test's clock */

static void begin_with(const struct elsewhere_setup *setup) {
    cr_assert_eq(elsewhere_new(setup, &elsewhere), 0);
    now_ms = patience_now_ms();
}

static void begin(void) {
    const struct elsewhere_setup setup = {
        .service_name = "web", .ports = one_port, .n_ports = 1, .argv = npm_run_dev, .output = &output};
    begin_with(&setup);
}

static void enter(void) {
    sandbox_enter();
    file_write_text(ERRORS, "");
}

/* Those who do not die with the test. */
static pid_t orphans[8];
static size_t n_orphans;

static void leave(void) {
    elsewhere = elsewhere_free(elsewhere);
    while (n_orphans > 0)
        kill(orphans[--n_orphans], SIGKILL);
}

/* Whoever has the port is an orphan, or will be one. */
static void note_orphan_on(uint16_t port) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    CLEANUP(owner_result_deinit) struct owner_result result = {0};

    sees_in_kernel(port, true);
    cr_assert_eq(sock_diag_new(&diag), 0);
    cr_assert_eq(sock_diag_dump(diag, SOCK_DIAG_LISTEN, port, &list), 0);
    const struct owner_wanted wanted = {.inode = list.items[0].inode, .uid = list.items[0].uid};
    cr_assert_eq(owner_walk(&wanted, 1, NULL, 65536, &result), 0);
    cr_assert_eq(result.answers[0].n_owners, 1);
    orphans[n_orphans++] = result.answers[0].owners[0]->id.pid;
}

TestSuite(cli_elsewhere, .init = enter, .fini = leave);

/* One turn, whose words go to a file. */
static void turn(void) {
    CLEANUP(fd_close_at) int file = open(ERRORS, O_WRONLY | O_APPEND | O_CLOEXEC);
    CLEANUP(fd_close_at) int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

    fflush(stderr);
    cr_assert(file >= 0 && before >= 0 && dup2(file, STDERR_FILENO) >= 0);
    elsewhere_turn(elsewhere, now_ms);
    fflush(stderr);
    cr_assert_geq(dup2(before, STDERR_FILENO), 0);
}

/* Goes on by so much, with all turns that are due until then. */
static void go_on(uint64_t milliseconds) {
    const uint64_t end_ms = now_ms + milliseconds;

    while (elsewhere_due_ms(elsewhere) <= end_ms) {
        if (elsewhere_due_ms(elsewhere) > now_ms)
            now_ms = elsewhere_due_ms(elsewhere);
        turn();
        cr_assert_gt(elsewhere_due_ms(elsewhere), now_ms, "a turn that does not go on");
    }
    now_ms = end_ms;
}

static char *read_errors(void) {
    return file_read(ERRORS, NULL);
}

static void assert_silent(void) {
    CLEANUP(file_free_text_at) char *errors = read_errors();
    cr_assert_str_empty(errors);
}

static void assert_said(const char *expected) {
    CLEANUP(file_free_text_at) char *errors = read_errors();
    cr_assert_str_eq(errors, expected, "%s", errors);
}

#define SENTENCE(port) "portctl: web listens on " port ", not on its lease 8003\n"
#define UNKNOWN(port)                                                                                                  \
    SENTENCE(port)                                                                                                     \
    "  hint: give it {PORT} as an argument, or let run move it: portctl run web --remap " port " -- npm run dev\n"

/* A program of ours that has the port, from now on. */
static pid_t start_on(uint16_t port) {
    const struct puppet_setup setup = {.name = "server"};
    const pid_t pid = puppet_start(&setup, "listen 127.0.0.1 %u pause", port);
    sees_in_kernel(port, true);
    return pid;
}

/* One that is nobody's child. */
static void start_stranger_on(uint16_t port) {
    const struct puppet_setup setup = {.name = "stranger"};
    child_wait(puppet_start(&setup, "fork listen 127.0.0.1 %u pause", port));
    note_orphan_on(port);
}

static void start_family(const char *script) {
    const struct puppet_setup setup = {.name = "server"};
    puppet_start(&setup, "%s", script);
    note_orphan_on(5173);
}

/* ---- What is said */

Test(cli_elsewhere, it_is_said_once_within_3_s_with_what_to_do) {
    const struct puppet_setup vite = {.name = "vite", .arguments = {"dev"}};

    begin();
    go_on(10000);
    puppet_start(&vite, "listen 127.0.0.1 5173 listen ::1 5173 pause");
    sees_in_kernel(5173, true);
    go_on(PROMISED_MS);
    assert_said(SENTENCE("5173") "  hint: vite wants a flag: portctl run web -- npm run dev -- --port {PORT}\n");
    cr_assert_eq(elsewhere_due_ms(elsewhere), NEVER);
    start_on(5174);
    go_on(100000);
    turn();
    assert_said(SENTENCE("5173") "  hint: vite wants a flag: portctl run web -- npm run dev -- --port {PORT}\n");
}

Test(cli_elsewhere, the_leased_ports_are_all_named) {
    const struct elsewhere_setup setup = {
        .service_name = "web", .ports = three_ports, .n_ports = 3, .argv = npm_run_dev, .output = &output};

    begin_with(&setup);
    start_on(5173);
    go_on(PROMISED_MS);
    CLEANUP(file_free_text_at) char *errors = read_errors();
    cr_assert_not_null(strstr(errors, "web listens on 5173, not on its leases 8003, 8004, 8007\n"), "%s", errors);
}

Test(cli_elsewhere, of_many_leased_ports_the_first_are_named) {
    uint16_t many[100];
    for (uint16_t i = 0; i < 100; i++)
        many[i] = (uint16_t)(18000 + i);
    const struct elsewhere_setup setup = {
        .service_name = "web", .ports = many, .n_ports = 100, .argv = npm_run_dev, .output = &output};

    begin_with(&setup);
    start_on(5173);
    go_on(PROMISED_MS);
    CLEANUP(file_free_text_at) char *errors = read_errors();
    cr_assert_not_null(strstr(errors, "not on its leases 18000, 18001, "), "%s", errors);
    cr_assert_not_null(strstr(errors, ", ...\n"), "%s", errors);
    cr_assert_lt(strcspn(errors, "\n"), 130, "%s", errors);
}

Test(cli_elsewhere, what_a_command_line_holds_is_no_escape_sequence_here) {
    char *const argv[] = {(char[]){"\033]0;x\007"}, (char[]){"\033[31m"}, NULL};
    const struct elsewhere_setup setup = {
        .service_name = "web", .ports = one_port, .n_ports = 1, .argv = argv, .output = &output};
    const struct puppet_setup named = {.name = "\033[31mvite", .arguments = {"\033[2J"}};

    begin_with(&setup);
    puppet_start(&named, "listen 127.0.0.1 5173 pause");
    sees_in_kernel(5173, true);
    go_on(PROMISED_MS);
    assert_said(SENTENCE("5173") "  hint: give it {PORT} as an argument, or let run move it with --remap 5173\n");
}

/* ---- Who has taken his port */

Test(cli_elsewhere, who_listens_on_a_leased_port_is_left_in_peace_for_ever) {
    begin();
    start_on(LEASED);
    go_on(PROMISED_MS);
    cr_assert_eq(elsewhere_due_ms(elsewhere), NEVER);
    start_on(5173);
    go_on(100000);
    assert_silent();
}

Test(cli_elsewhere, a_port_of_its_own_before_the_leased_one_is_left_in_peace) {
    begin();
    start_on(5173);
    go_on(2100);
    assert_silent();
    start_on(LEASED);
    go_on(100000);
    assert_silent();
    cr_assert_eq(elsewhere_due_ms(elsewhere), NEVER);
}

Test(cli_elsewhere, any_of_several_leased_ports_will_do) {
    const struct elsewhere_setup setup = {
        .service_name = "web", .ports = three_ports, .n_ports = 3, .argv = npm_run_dev, .output = &output};

    begin_with(&setup);
    start_on(5173);
    start_on(8007);
    go_on(100000);
    assert_silent();
}

Test(cli_elsewhere, a_strangers_listener_on_the_leased_port_is_a_containers_proxy) {
    begin();
    start_on(5173);
    start_stranger_on(LEASED);
    go_on(100000);
    assert_silent();
    cr_assert_eq(elsewhere_due_ms(elsewhere), NEVER);
}

/* ---- Whose listeners count */

Test(cli_elsewhere, strangers_are_not_told_on) {
    begin();
    start_stranger_on(5173);
    CLEANUP(fd_close_at) int own = tcp_listen("127.0.0.1", 5174);
    go_on(100000);
    assert_silent();
    cr_assert_neq(elsewhere_due_ms(elsewhere), NEVER);
    start_on(5175);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5175"));
}

Test(cli_elsewhere, a_grandchild_is_the_program) {
    begin();
    start_family("spawn spawn listen 127.0.0.1 5173 pause");
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5173"));
}

Test(cli_elsewhere, what_has_gone_into_the_background_is_the_program) {
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    begin();
    start_family("fork setsid fork listen 127.0.0.1 5173 pause");
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5173"));
}

Test(cli_elsewhere, what_listened_before_is_not_told_on) {
    start_on(5173);
    begin();
    go_on(100000);
    assert_silent();
}

static void raise_descriptors(void) {
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(cli_elsewhere, a_thousand_strangers_hide_nobody) {
    raise_descriptors();
    begin();
    for (uint16_t i = 0; i < 1000; i++)
        tcp_listen("127.0.0.1", (uint16_t)(10000 + i));
    start_on(5173);
    for (uint16_t i = 0; i < 1000; i++)
        tcp_listen("127.0.0.1", (uint16_t)(11000 + i));
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5173"));
}

/* ---- What does not count */

Test(cli_elsewhere, a_port_that_nobody_chose_is_not_told) {
    begin();
    start_on(40000);
    go_on(100000);
    assert_silent();
}

Test(cli_elsewhere, the_ephemeral_range_is_the_kernels) {
    if (geteuid() != 0)
        cr_skip_test("only root can set the range");
    file_write_text("/proc/sys/net/ipv4/ip_local_port_range", "20000\t30000\n");
    begin();
    start_on(30000);
    go_on(100000);
    assert_silent();
    start_on(40000);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("40000"));
}

Test(cli_elsewhere, a_debuggers_port_is_not_told_and_the_programs_is) {
    const struct puppet_setup node = {.name = "node", .arguments = {"--inspect", "app.js"}};

    begin();
    const pid_t pid = puppet_start(&node, "listen 127.0.0.1 9229 pause listen 127.0.0.1 3000 pause");
    sees_in_kernel(9229, true);
    go_on(100000);
    assert_silent();
    puppet_go_on(pid);
    sees_in_kernel(3000, true);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("3000"));
}

Test(cli_elsewhere, what_was_gone_again_in_time_is_not_told) {
    begin();
    for (int i = 0; i < 3; i++) {
        const pid_t pid = start_on(5173);
        go_on(2000);
        child_kill(pid);
        sees_in_kernel(5173, false);
        go_on(1000);
    }
    go_on(100000);
    assert_silent();
    start_on(5173);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5173"));
}

/* It is in the socket table of the last look, and has no process any more at the next. */
Test(cli_elsewhere, what_ends_before_it_is_judged_is_not_told) {
    begin();
    const pid_t pid = start_on(5173);
    go_on(2600);
    child_kill(pid);
    sees_in_kernel(5173, false);
    go_on(100000);
    assert_silent();
}

/* ---- Which one is named */

Test(cli_elsewhere, of_several_the_first_seen_is_named) {
    begin();
    start_on(6000);
    go_on(600);
    start_on(5173);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("6000"));
}

/* However late the look is that sees both. */
Test(cli_elsewhere, of_several_the_first_seen_is_named_also_if_all_are_overdue) {
    const struct puppet_setup setup = {.name = "server"};

    begin();
    const pid_t lower = puppet_start(&setup, "pause listen 127.0.0.1 5173 pause");
    start_on(6000);
    go_on(600);
    puppet_go_on(lower);
    sees_in_kernel(5173, true);
    go_on(600);
    now_ms += 10000;
    turn();
    assert_said(UNKNOWN("6000"));
}

Test(cli_elsewhere, of_several_at_once_the_lowest_pids_is_named) {
    begin();
    const pid_t one = start_on(6000);
    const pid_t other = start_on(5173);
    go_on(PROMISED_MS);
    if (one < other)
        assert_said(UNKNOWN("6000"));
    else
        assert_said(UNKNOWN("5173"));
}

/* ---- Time */

/* portctl is stopped with its job (Ctrl-Z), and looks an hour later. */
Test(cli_elsewhere, after_a_long_pause_there_is_still_patience) {
    begin();
    now_ms += 3600000;
    start_on(5173);
    turn();
    assert_silent();
    go_on(1100);
    assert_silent();
    go_on(1500);
    assert_said(UNKNOWN("5173"));
}

Test(cli_elsewhere, a_turn_before_its_time_does_nothing) {
    begin();
    const uint64_t due_ms = elsewhere_due_ms(elsewhere);
    cr_assert_leq(due_ms, now_ms + ELSEWHERE_INTERVAL_MOST_MS);
    now_ms = due_ms - 1;
    const unsigned n_requests = netlink_faults.n_requests;
    turn();
    cr_assert_eq(netlink_faults.n_requests, n_requests);
    cr_assert_eq(elsewhere_due_ms(elsewhere), due_ms);
}

/* What a look costs is different in each test's machine, but a quiet network costs next to nothing. */
Test(cli_elsewhere, where_nothing_is_new_no_process_is_looked_at) {
    begin();
    go_on(5000);
    const unsigned n_requests = netlink_faults.n_requests;
    go_on(5000);
    cr_assert_leq(netlink_faults.n_requests - n_requests, 20, "two families, twice a second");
    cr_assert_geq(netlink_faults.n_requests - n_requests, 6);
}

/* Strangers that come all the time are judged together, and not each at its own time. */
Test(cli_elsewhere, many_strangers_one_after_the_other_cost_few_looks) {
    unsigned n_turns = 0;

    begin();
    for (uint16_t i = 0; i < 200; i++) {
        const uint64_t end_ms = now_ms + 50;
        tcp_listen("127.0.0.1", (uint16_t)(10000 + i));
        for (; elsewhere_due_ms(elsewhere) <= end_ms; n_turns++) {
            now_ms = elsewhere_due_ms(elsewhere);
            turn();
        }
        now_ms = end_ms;
    }
    cr_assert_leq(n_turns, 30, "%u turns in 10 s", n_turns);
    start_on(5173);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5173"));
}

/* ---- What fails */

Test(cli_elsewhere, a_look_that_fails_is_made_again) {
    begin();
    start_on(5173);
    netlink_faults.n_failing = 1;
    netlink_faults.failing_errno = ENOMEM;
    go_on(1000);
    cr_assert_eq(netlink_faults.n_failing, 0);
    go_on(PROMISED_MS);
    assert_said(UNKNOWN("5173"));
}

/* An incomplete table proves that somebody is there, and not that somebody is gone. */
static void drop(struct nlmsghdr *message) {
    if (message->nlmsg_type != NLMSG_DONE)
        message->nlmsg_type = NLMSG_NOOP;
}

Test(cli_elsewhere, an_interrupted_look_forgets_nobody) {
    begin();
    start_on(5173);
    go_on(1000);
    netlink_faults.n_interrupted = 1000;
    netlink_faults.spoil = drop;
    go_on(1000);
    cr_assert_lt(netlink_faults.n_interrupted, 1000);
    netlink_faults.n_interrupted = 0;
    netlink_faults.spoil = NULL;
    go_on(1000);
    assert_said(UNKNOWN("5173"));
}

Test(cli_elsewhere, an_interrupted_look_sees_the_leased_port) {
    begin();
    start_on(5173);
    go_on(1000);
    start_on(LEASED);
    netlink_faults.n_interrupted = 1000;
    go_on(1000);
    cr_assert_eq(elsewhere_due_ms(elsewhere), NEVER);
    assert_silent();
}

Test(cli_elsewhere, without_a_descriptor_to_read_with_it_is_said_later) {
    struct rlimit limit;
    struct rlimit none;

    begin();
    start_on(5173);
    go_on(2000);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    for (int i = 0; i < 5; i++) {
        now_ms += 1000;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        elsewhere_turn(elsewhere, now_ms);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    go_on(1500);
    assert_said(UNKNOWN("5173"));
}

Test(cli_elsewhere, without_the_kernels_table_there_is_nothing_to_begin_with) {
    const struct elsewhere_setup setup = {
        .service_name = "web", .ports = one_port, .n_ports = 1, .argv = npm_run_dev, .output = &output};
    struct elsewhere *none = NULL;

    netlink_faults.n_failing = 1000;
    netlink_faults.failing_errno = ENOMEM;
    cr_assert_eq(elsewhere_new(&setup, &none), -ENOMEM);
    cr_assert_null(none);
    cr_assert_null(elsewhere_free(NULL));
}

/* ---- As an ordinary user */

static int watch_what_is_hidden(void *context) {
    const struct puppet_setup setup = {.name = "server"};

    (void)context;
    prctl(PR_SET_DUMPABLE, 1);
    begin();
    puppet_start(&setup, "hide listen 127.0.0.1 5173 pause");
    sees_in_kernel(5173, true);
    go_on(10000);
    if (elsewhere_due_ms(elsewhere) == NEVER)
        return 1;
    start_on(5174);
    go_on(PROMISED_MS);
    elsewhere = elsewhere_free(elsewhere);
    return 0;
}

Test(cli_elsewhere, a_process_that_may_not_be_read_is_passed_over, .init = NULL) {
    sandbox_enter_as_root();
    file_write_text(ERRORS, "");
    puppet_install("server");
    cr_assert_eq(chmod(ERRORS, 0666), 0);
    cr_assert_eq(child_wait(child_start(SANDBOX_OTHER_UID, watch_what_is_hidden, NULL)), 0);
    assert_said(UNKNOWN("5174"));
}
