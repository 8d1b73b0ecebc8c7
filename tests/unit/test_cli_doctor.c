/*
 * doctor's checks of portd and of what it grants: its range, its leases, its version, how it is started again. Each alone on a machine
 * that is made up.
 */
#include <criterion/criterion.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "tests/support/doctor_scene.h"

static struct doctor_scene scene;

static void enter(void) {
    doctor_scene_enter(&scene);
}

static void leave(void) {
    doctor_scene_leave(&scene);
}

TestSuite(cli_doctor, .init = enter, .fini = leave);

static void put_kernel(const char *range, const char *reserved) {
    doctor_scene_put(&scene, "proc/sys/net/ipv4/ip_local_port_range", range);
    doctor_scene_put(&scene, "proc/sys/net/ipv4/ip_local_reserved_ports", reserved);
}

/* ---- the range ---- */

static void assert_range(uint16_t min, uint16_t max, enum finding_state state, const char *words, const char *remedy) {
    scene.doctor.portd.range_min = min;
    scene.doctor.portd.range_max = max;
    doctor_check_range(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

#define RESERVE "#sysctl -w net.ipv4.ip_local_reserved_ports="

Test(cli_doctor, a_range_among_the_ports_of_outgoing_connections_is_to_be_reserved) {
    put_kernel("32768\t60999\n", "\n");
    assert_range(8000, 9000, FINDING_OK, "is apart from the ports of outgoing connections, 32768-60999", NULL);
    assert_range(32000, 32767, FINDING_OK, "apart", NULL);
    assert_range(61000, 62000, FINDING_OK, "apart", NULL);
    assert_range(32000, 32768, FINDING_WARNING, "the range 32000-32768 is among them", RESERVE "32000-32768");
    assert_range(60999, 61000, FINDING_WARNING, "among", RESERVE "60999-61000");
    assert_range(40000, 40000, FINDING_WARNING, "among", RESERVE "40000");
    put_kernel("32768\t60999\n", "1024-1026,40000-40099,65535\n");
    assert_range(40000, 40099, FINDING_OK, "reserved from them", NULL);
    assert_range(40000, 40100, FINDING_WARNING, "among", RESERVE "1024-1026,40000-40100,65535");
    put_kernel("1024\t65535\n", "8000-9000\n");
    assert_range(8000, 9000, FINDING_OK, "reserved from them", NULL);
}

/* Only what overlaps has to be. */
Test(cli_doctor, a_range_that_overlaps_is_well_if_what_overlaps_is_reserved) {
    put_kernel("32768\t60999\n", "32768-32800\n");
    assert_range(32000, 32800, FINDING_OK, "reserved from them", NULL);
    assert_range(32000, 32801, FINDING_WARNING, "among", RESERVE "32000-32801");
}

Test(cli_doctor, what_cannot_be_read_is_the_kernels_default) {
    static const char *const garbage[] = {"", "x y", "60999 32768", "99999 100000", "0 0"};
    assert_range(8000, 9000, FINDING_OK, "32768-60999", NULL);
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        put_kernel(garbage[i], "rubbish");
        assert_range(32768, 32768, FINDING_WARNING, "32768-60999", RESERVE "32768");
    }
}

Test(cli_doctor, without_portd_nothing_is_said_of_its_range) {
    put_kernel("1024\t65535\n", "8001\n");
    scene.doctor.portd.answers = false;
    doctor_check_range(&scene.doctor);
    doctor_check_reserved(&scene.doctor);
    doctor_check_room(&scene.doctor);
    doctor_check_version(&scene.doctor);
    doctor_check_conflicts(&scene.doctor);
    doctor_check_owners(&scene.doctor);
    cr_assert_eq(scene.doctor.n_findings, 0);
}

static void assert_reserved(const char *reserved, const char *excluded, enum finding_state state, const char *words,
                            const char *remedy) {
    put_kernel("32768\t60999\n", reserved);
    scene.doctor.portd.excluded = strdup(excluded);
    doctor_check_reserved(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

Test(cli_doctor, reserved_ports_are_passed_over_unless_all_are) {
    assert_reserved("", "", FINDING_OK, "none of the range 8000-9000 is reserved", NULL);
    assert_reserved("7999,9001", "", FINDING_OK, "none", NULL);
    assert_reserved("8000-9000", "", FINDING_OK, "all of the range 8000-9000 is reserved for it", NULL);
    assert_reserved("7000-9999", "", FINDING_OK, "all", NULL);
    assert_reserved("8000", "", FINDING_WARNING, "1 of the 1001 ports of the range", RESERVE "8000-9000");
    assert_reserved("53,8000-8999", "", FINDING_WARNING, "1000 of the 1001", RESERVE "53,8000-9000");
    /* Whoever has said so to portd, too, knows. */
    assert_reserved("8080,8090", "8000-8100", FINDING_OK, "none", NULL);
    assert_reserved("8080,8101", "8000-8100", FINDING_WARNING, "1 of the 1001", RESERVE "8000-9000");
}

/* ---- room ---- */

static void assert_room(unsigned n_leased, const char *excluded, enum finding_state state, const char *words,
                        const char *remedy) {
    scene.doctor.portd.n_leased_in_range = n_leased;
    scene.doctor.portd.range_max = 8099;
    scene.doctor.portd.excluded = strdup(excluded);
    scene.doctor.portd.command = strdup("portd --range 8000-8099");
    scene.doctor.portd.pid = 4711;
    doctor_check_room(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy);
}

#define RESTART(more) "kill 4711; timeout 10 tail --pid=4711 -f /dev/null; portd" more " &"

Test(cli_doctor, a_range_that_is_full_is_to_be_made_wider) {
    put_kernel("32768\t60999\n", "\n");
    assert_room(0, "", FINDING_OK, "0 of the 100 ports that portd grants are leased", NULL);
    assert_room(89, "", FINDING_OK, "89 of the 100", NULL);
    assert_room(90, "", FINDING_WARNING, "soon nobody gets another one", RESTART(" --range 8000-8199"));
    assert_room(99, "", FINDING_WARNING, "soon", RESTART(" --range 8000-8199"));
    assert_room(100, "", FINDING_ERROR, "100 of the 100 ports that portd grants are leased: nobody gets another one",
                RESTART(" --range 8000-8199"));
    assert_room(50, "8050-8099", FINDING_ERROR, "50 of the 50", RESTART(" --exclude 8050-8099 --range 8000-8199"));
    assert_room(60, "8050-8099", FINDING_ERROR, "60 of the 50", RESTART(" --exclude 8050-8099 --range 8000-8199"));
    /* What is reserved is not granted, unless all is. */
    put_kernel("32768\t60999\n", "8000-8009\n");
    assert_room(90, "", FINDING_ERROR, "90 of the 90", RESTART(" --range 8000-8199"));
    put_kernel("32768\t60999\n", "8000-8099\n");
    assert_room(80, "", FINDING_OK, "80 of the 100", NULL);
}

/* It has what it had, and more: behind it, else before it, else at the kernel's other side. */
Test(cli_doctor, a_wider_range_is_not_the_kernels) {
    put_kernel("8100\t9999\n", "\n");
    assert_room(100, "", FINDING_ERROR, "This makes the range 8000-8099 wider: 7900-8099",
                RESTART(" --range 7900-8099"));
    put_kernel("8150\t9999\n", "\n");
    assert_room(100, "", FINDING_ERROR, "nobody", RESTART(" --range 7950-8149"));
    put_kernel("1100\t7999\n", "\n");
    assert_room(100, "", FINDING_ERROR, "nobody", RESTART(" --range 8000-8199"));
    put_kernel("8100\t65535\n", "1024-7999\n");
    assert_room(100, "", FINDING_ERROR,
                "The range 8000-8099 cannot grow: this puts 1024-8099 in its place. Leases in it",
                RESTART(" --range 1024-8099"));
}

static void assert_other_room(uint16_t min, uint16_t max, const char *words, const char *remedy) {
    scene.doctor.portd.range_min = min;
    scene.doctor.portd.range_max = max;
    scene.doctor.portd.n_leased_in_range = max - min + 1U;
    doctor_check_room(&scene.doctor);
    doctor_scene_assert_found(&scene, FINDING_ERROR, words, doctor_scene_fill(&scene, remedy));
}

Test(cli_doctor, a_range_of_the_kernels_grows_where_it_is) {
    put_kernel("32768\t60999\n", "\n");
    assert_other_room(40000, 40001, "wider: 40000-40101", "portd --range 40000-40101 &");
    assert_other_room(65000, 65535, "wider: 64464-65535", "portd --range 64464-65535 &");
    assert_other_room(1024, 32767, "nobody gets another one", "portctl list");
    assert_other_room(61000, 65535, "this puts 1024-32767 in its place", "portd --range 1024-32767 &");
    /* What is reserved is granted only where all of the range is. */
    put_kernel("32768\t60999\n", "40000-40001\n");
    assert_other_room(40000, 40001, "wider: 40000-40101", RESERVE "40000-40101 && portd --range 40000-40101 &");
}

/* Followed one behind the other, they mend both: what is reserved first is the range as it will be. */
Test(cli_doctor, a_range_that_is_to_grow_is_reserved_as_it_will_be) {
    put_kernel("32768\t60999\n", "\n");
    scene.doctor.portd.n_leased_in_range = 2;
    assert_range(40000, 40001, FINDING_WARNING, "the range 40000-40001 is among them", RESERVE "40000-40101");
}

/* ---- how portd is started again ---- */

static void assert_restart(const struct doctor_restart *restart, const char *expected) {
    char command[DOCTOR_COMMAND_MAX];
    doctor_restart_command(&scene.doctor, restart, command, sizeof(command));
    cr_assert_str_eq(command, doctor_scene_fill(&scene, expected));
    doctor_scene_clear(&scene);
}

Test(cli_doctor, where_none_runs_one_is_started_as_it_was_asked_for) {
    scene.doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){0}, "portd &");
    scene.doctor.portd.answers = false;
    scene.options.socket = "/tmp/my socket";
    assert_restart(&(struct doctor_restart){0}, "portd --socket '/tmp/my socket' &");
    scene.options.socket = NULL;
    scene.options.url = "http://localhost:3999/";
    scene.doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){0}, "portd --port 3999 &");
    scene.options.url = NULL;
    setenv("PM_URL", "http://[::1]:3998", 1);
    scene.doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){0}, "portd --port 3998 &");
    unsetenv("PM_URL");
    scene.doctor.portd.answers = false;
    scene.doctor.original_pid = 12;
    assert_restart(&(struct doctor_restart){0}, "kill 12; timeout 10 tail --pid=12 -f /dev/null; portd &");
    scene.doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){.between = "cp a b", .more = " --db b"}, "cp a b && portd --db b &");
}

Test(cli_doctor, one_that_runs_is_started_again_as_it_was) {
    scene.doctor.portd.pid = 12;
    assert_restart(&(struct doctor_restart){0}, "kill 12; timeout 10 tail --pid=12 -f /dev/null; portd &");
    /* What a new one would have by itself is not said; what its environment has told it is. */
    scene.doctor.portd.socket = strdup(doctor_scene_fill(&scene, "@/.portmanager/portd.sock"));
    scene.doctor.portd.database = strdup(doctor_scene_fill(&scene, "@/.portmanager/leases.db"));
    assert_restart(&(struct doctor_restart){0}, "portd &");
    scene.doctor.portd.socket = strdup("/run/x.sock");
    scene.doctor.portd.database = strdup("/var/a b.db");
    scene.doctor.portd.port = 0;
    scene.doctor.portd.range_min = 7000;
    scene.doctor.portd.excluded = strdup("8080");
    assert_restart(&(struct doctor_restart){0},
                   "portd --socket /run/x.sock --db '/var/a b.db' --port 0 --range 7000-9000 --exclude 8080 &");
    setenv("PM_DB", "/var/a b.db", 1);
    setenv("PM_PORT_MIN", "7000", 1);
    scene.doctor.portd.database = strdup("/var/a b.db");
    scene.doctor.portd.range_min = 7000;
    assert_restart(&(struct doctor_restart){0}, "portd &");
    unsetenv("PM_DB");
    unsetenv("PM_PORT_MIN");
    /* What its command says is not said twice. */
    scene.doctor.portd.database = strdup("/x.db");
    scene.doctor.portd.command = strdup("/opt/portd --db /x.db --log-level debug");
    assert_restart(&(struct doctor_restart){.more = " --range 1-2"},
                   "/opt/portd --db /x.db --log-level debug --range 1-2 &");
}

/* portd takes each once: what it is to have stands in place of what it had, however that was written. */
Test(cli_doctor, an_option_is_said_once) {
    scene.doctor.portd.command = strdup("portd --range 1-2 --db '/a b'\\''c --range d' --ran=3-4 --port 5");
    assert_restart(&(struct doctor_restart){.more = " --range 6-7"},
                   "portd --db '/a b'\\''c --range d' --port 5 --range 6-7 &");
    scene.doctor.portd.command = strdup("portd --db=/x.db --range 1-2");
    assert_restart(&(struct doctor_restart){.more = " --db '/a b'"}, "portd --range 1-2 --db '/a b' &");
    scene.doctor.portd.database = strdup("/elsewhere.db");
    assert_restart(&(struct doctor_restart){.more = " --db /x.db"}, "portd --db /x.db &");
    scene.doctor.portd.answers = false;
    scene.options.socket = "/a";
    assert_restart(&(struct doctor_restart){.more = " --socket /b"}, "portd --socket /b &");
    scene.options.socket = NULL;
    scene.doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){.before = "unset X; ", .between = "a", .more = " --port 0"},
                   "unset X; a && portd --port 0 &");
}

Test(cli_doctor, another_users_portd_is_started_as_that_user) {
    scene.doctor.portd.uid = geteuid() + 5;
    scene.doctor.portd.pid = 12;
    char expected[256];
    snprintf(expected, sizeof(expected),
             "sudo -u '%s%u' kill 12; timeout 10 tail --pid=12 -f /dev/null; sudo -u '%s%u' portd &", "\x01",
             geteuid() + 5, "\x01", geteuid() + 5);
    for (char *at = expected; *at != '\0'; at++)
        if (*at == '\x01')
            *at = '#';
    char command[DOCTOR_COMMAND_MAX];
    doctor_restart_command(&scene.doctor, &(struct doctor_restart){0}, command, sizeof(command));
    cr_assert_str_eq(command, expected);
}

/* ---- the order ---- */

static void say(const char *text, const struct doctor_restart *restart) {
    doctor_say(&scene.doctor, "x", FINDING_ERROR, "%s", text);
    if (restart != NULL)
        doctor_advise_restart(&scene.doctor, restart);
    else
        doctor_advise(&scene.doctor, "mend %s", text);
}

static void assert_finding(size_t i, const char *text, const char *remedy) {
    const struct finding *finding = &scene.doctor.findings[i];
    cr_assert_str_eq(finding->text, text);
    if (remedy == NULL)
        cr_assert_null(finding->remedy, "%s", finding->remedy);
    else
        cr_assert_str_eq(finding->remedy, remedy);
}

Test(cli_doctor, portd_is_started_last_and_once_with_what_all_want) {
    scene.doctor.portd.pid = 12;
    say("a", &(struct doctor_restart){.before = "unset A; "});
    say("b", NULL);
    say("c", &(struct doctor_restart){.between = "mkdir c", .more = " --db /c.db"});
    say("d", NULL);
    say("e", &(struct doctor_restart){.between = "mkdir e", .more = " --range 1-2"});
    say("f", &(struct doctor_restart){.more = " --db /f.db"});
    doctor_put_restart_last(&scene.doctor);
    cr_assert_eq(scene.doctor.n_findings, 6);
    assert_finding(0, "b", "mend b");
    assert_finding(1, "d", "mend d");
    assert_finding(2, "a", NULL);
    assert_finding(3, "c", NULL);
    assert_finding(4, "e", NULL);
    assert_finding(5, "f",
                   "unset A; kill 12; timeout 10 tail --pid=12 -f /dev/null; mkdir c && mkdir e && portd --db /c.db "
                   "--range 1-2 &");
}

Test(cli_doctor, where_portd_is_not_to_be_started_the_order_stays) {
    say("a", NULL);
    say("b", NULL);
    doctor_put_restart_last(&scene.doctor);
    assert_finding(0, "a", "mend a");
    assert_finding(1, "b", "mend b");
}

/* ---- a unit of systemd ---- */

/* portd is process 12, and 7 is its parent. */
static void put_portd(const char *cgroup, const char *parent, const char *environment, size_t length) {
    doctor_scene_put(&scene, "proc/12/cgroup", cgroup);
    doctor_scene_put(&scene, "proc/12/stat", "12 (portd) S 7 12 12 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 100 1 1\n");
    doctor_scene_put(&scene, "proc/7/comm", parent);
    doctor_scene_put_bytes(&scene, "proc/12/environ", environment, length);
    scene.doctor.portd.pid = 12;
    scene.doctor.portd.command = strdup("/opt/a b/portd --db /x%y");
    doctor_find_unit(&scene.doctor, 12);
}

#define ENVIRONMENT "A=b\0SYSTEMD_EXEC_PID=12"
#define SYSTEMS     "0::/system.slice/port\\x2dmanager.service\n"
#define USERS       "0::/user.slice/user-%u.slice/user@%u.service/app.slice/portd.service\n"

static void put_unit(const char *cgroup) {
    put_portd(cgroup, "systemd\n", ENVIRONMENT, sizeof(ENVIRONMENT));
}

static void put_unit_of(uid_t uid) {
    char cgroup[256];
    snprintf(cgroup, sizeof(cgroup), USERS, uid, uid);
    put_unit(cgroup);
}

Test(cli_doctor, a_unit_is_restarted_by_its_manager) {
    put_unit(SYSTEMS);
    assert_restart(&(struct doctor_restart){0}, "#systemctl restart port-manager.service");
    put_unit(SYSTEMS);
    assert_restart(&(struct doctor_restart){.between = "cp a b"},
                   "#systemctl stop port-manager.service; cp a b && #systemctl restart port-manager.service");
    put_unit_of(geteuid());
    assert_restart(&(struct doctor_restart){0}, "systemctl --user restart portd.service");
    put_unit_of(geteuid());
    scene.doctor.portd.answers = false;
    scene.doctor.broken_pid = 12;
    assert_restart(&(struct doctor_restart){0},
                   "systemctl --user kill -s KILL portd.service; systemctl --user restart portd.service");
}

#define CHANGE(sudo, folder, user, command)                                                                            \
    sudo "mkdir -p " folder " && printf '%s\\n' '[Service]' " user "ExecStart= " command " | " sudo "tee " folder      \
         "/doctor.conf > /dev/null && " sudo

Test(cli_doctor, a_units_command_is_changed_beside_its_file) {
    put_unit(SYSTEMS);
    assert_restart(&(struct doctor_restart){.more = " --range 1-2"},
                   CHANGE("#", "/etc/systemd/system/port-manager.service.d", "",
                          "'ExecStart=/opt/a b/portd --db /x%%y --range 1-2'") "systemctl daemon-reload && "
                                                                               "#systemctl restart "
                                                                               "port-manager.service");
    put_unit(SYSTEMS);
    assert_restart(&(struct doctor_restart){.as_root = true},
                   CHANGE("#", "/etc/systemd/system/port-manager.service.d", "User=root ",
                          "'ExecStart=/opt/a b/portd --db /x%%y'") "systemctl daemon-reload && #systemctl restart "
                                                                   "port-manager.service");
    put_unit_of(geteuid());
    assert_restart(&(struct doctor_restart){.other_program = true},
                   CHANGE("", "@/.config/systemd/user/portd.service.d", "",
                          "'ExecStart=/opt/a b/portd --db /x%%y'") "systemctl --user daemon-reload && systemctl --user "
                                                                   "restart portd.service");
    /* A person's own manager cannot make it root's. */
    put_unit_of(geteuid());
    assert_restart(&(struct doctor_restart){.as_root = true},
                   "systemctl --user disable --now portd.service; #/opt/a b/portd --db /x%y &");
}

/* Our own manager does not know it, or has another one of that name. */
Test(cli_doctor, another_users_unit_is_restarted_by_that_users_manager) {
    const uid_t nobody = 4000000000;
    char manager[128];
    char expected[PATH_MAX + 128];
    char home[PATH_MAX] = "/root";
    snprintf(manager, sizeof(manager), "sudo -u '%s%u' env XDG_RUNTIME_DIR=/run/user/%u systemctl --user", "#", nobody,
             nobody);
    char command[DOCTOR_COMMAND_MAX];
    put_unit_of(nobody);
    doctor_restart_command(&scene.doctor, &(struct doctor_restart){0}, command, sizeof(command));
    snprintf(expected, sizeof(expected), "%s restart portd.service", manager);
    cr_assert_str_eq(command, expected);
    doctor_restart_command(&scene.doctor, &(struct doctor_restart){.as_root = true}, command, sizeof(command));
    snprintf(expected, sizeof(expected), "%s disable --now portd.service; %s/opt/a b/portd --db /x%%y &", manager,
             doctor_as_root());
    cr_assert_str_eq(command, expected);
    /* Where its home is nobody knows. */
    doctor_restart_command(&scene.doctor, &(struct doctor_restart){.more = " --range 1-2"}, command, sizeof(command));
    cr_assert_str_eq(command, "ps -o user,args -p 12");
    doctor_scene_clear(&scene);
    if (geteuid() == 0)
        return;
    put_unit_of(0);
    doctor_restart_command(&scene.doctor, &(struct doctor_restart){.more = " --range 1-2"}, command, sizeof(command));
    const struct passwd *root = getpwuid(0);
    snprintf(home, sizeof(home), "%s", root->pw_dir);
    snprintf(expected, sizeof(expected), "sudo mkdir -p %s/.config/systemd/user/portd.service.d && ", home);
    cr_assert_eq(strncmp(command, expected, strlen(expected)), 0, "%s", command);
    cr_assert_not_null(strstr(command, " && sudo env XDG_RUNTIME_DIR=/run/user/0 systemctl --user daemon-reload && "),
                       "%s", command);
}

Test(cli_doctor, what_is_only_in_a_units_cgroup_is_no_unit) {
    static const char *const cgroups[] = {"0::/user.slice/user-1.slice/session-3.scope\n",
                                          "0::/user.slice/user-1.slice/user@1.service/init.scope\n", "0::/\n",
                                          "0::/system.slice/docker-0123456789abcdef0123456789abcdef.scope\n"};
    static const char other[] = "SYSTEMD_EXEC_PID=11";

    for (size_t i = 0; i < sizeof(cgroups) / sizeof(cgroups[0]); i++) {
        put_unit(cgroups[i]);
        cr_assert_null(scene.doctor.portd.unit, "%s", cgroups[i]);
        doctor_scene_clear(&scene);
    }
    put_portd(SYSTEMS, "bash\n", ENVIRONMENT, sizeof(ENVIRONMENT));
    cr_assert_null(scene.doctor.portd.unit);
    doctor_scene_clear(&scene);
    put_portd(SYSTEMS, "systemd\n", other, sizeof(other));
    cr_assert_null(scene.doctor.portd.unit);
    doctor_scene_clear(&scene);
    /* A systemd that says nothing of it is an old one. */
    put_portd(SYSTEMS, "systemd\n", "", 0);
    cr_assert_str_eq(scene.doctor.portd.unit, "port-manager.service");
}

/* ---- what a paste would do ---- */

#define ENVIRON(text) text, sizeof(text)

/* portd is process 12, hangs, and was started in the folder "d d". The arguments have a NUL behind each. */
static void put_words(const char *arguments, size_t n_arguments, const char *environment, size_t n_environment) {
    doctor_scene_put(&scene, "d d/there", "");
    if (access(doctor_scene_fill(&scene, "@/proc/12/cwd"), F_OK) < 0)
        doctor_scene_put_link(&scene, "proc/12/cwd", doctor_scene_fill(&scene, "@/d d"));
    doctor_scene_put(&scene, "proc/12/stat", "12 (portd) S 7 12 12 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 100 1 1\n");
    doctor_scene_put_bytes(&scene, "proc/12/cmdline", arguments, n_arguments);
    doctor_scene_put_bytes(&scene, "proc/12/environ", environment, n_environment);
    scene.doctor.portd.answers = false;
    scene.doctor.broken_pid = 12;
    cr_assert(doctor_read_command(&scene.doctor, 12));
}

#define HUNG "kill -KILL 12; timeout 10 tail --pid=12 -f /dev/null; "
#define LOOK "ps -o user,args -p 12"

Test(cli_doctor, a_path_is_seen_from_the_folder_that_portd_was_started_in) {
    put_words(ENVIRON("portd\0--socket\0rel.sock\0--db=rel.db\0--port\0"
                      "0"),
              ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, HUNG "portd --socket '@/d d/rel.sock' '--db=@/d d/rel.db' --port 0 &");
    put_words(ENVIRON("./portd\0--so\0/x.sock\0--d\0../--db"), ENVIRON("PM_SOCKET=s\0PM_DB=/y.db\0PM_LOG_LEVEL=debug"));
    assert_restart(&(struct doctor_restart){0},
                   HUNG "PM_SOCKET='@/d d/s' PM_DB=/y.db PM_LOG_LEVEL=debug '@/d d/./portd' --so /x.sock --d '@/d "
                        "d/../--db' &");
    /* What is an option's value is no option. */
    put_words(ENVIRON("portd\0--exclude\0--db\0--db\0a b"), ENVIRON("PM_DB="));
    assert_restart(&(struct doctor_restart){0}, HUNG "PM_DB='' portd --exclude --db --db '@/d d/a b' &");
    /* Ours says the same word of another folder. */
    setenv("PM_DB", "rel.db", 1);
    put_words(ENVIRON("portd"), ENVIRON("PM_DB=rel.db"));
    assert_restart(&(struct doctor_restart){0}, HUNG "PM_DB='@/d d/rel.db' portd &");
    unsetenv("PM_DB");
}

static void lose_folder(const char *now) {
    char link[PATH_MAX];
    snprintf(link, sizeof(link), "%s", doctor_scene_fill(&scene, "@/proc/12/cwd"));
    put_words(ENVIRON("portd"), ENVIRON(""));
    doctor_scene_clear(&scene);
    cr_assert_eq(unlink(link), 0);
    cr_assert_eq(symlink(doctor_scene_fill(&scene, now), link), 0);
}

Test(cli_doctor, without_that_folder_there_is_no_command_unless_all_paths_are_whole) {
    lose_folder("@/d d (deleted)");
    scene.doctor.portd.answers = false;
    scene.doctor.broken_pid = 12;
    doctor_scene_put_bytes(&scene, "proc/12/cmdline", ENVIRON("portd\0--db\0/a.db"));
    cr_assert(doctor_read_command(&scene.doctor, 12));
    assert_restart(&(struct doctor_restart){0}, HUNG "portd --db /a.db &");
    scene.doctor.portd.answers = false;
    scene.doctor.broken_pid = 12;
    doctor_scene_put_bytes(&scene, "proc/12/cmdline", ENVIRON("portd\0--db\0a.db"));
    cr_assert(doctor_read_command(&scene.doctor, 12));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    scene.doctor.portd.answers = false;
    scene.doctor.broken_pid = 12;
    doctor_scene_put_bytes(&scene, "proc/12/cmdline", ENVIRON("portd"));
    doctor_scene_put_bytes(&scene, "proc/12/environ", ENVIRON("PM_SOCKET=a.sock"));
    cr_assert(doctor_read_command(&scene.doctor, 12));
    assert_restart(&(struct doctor_restart){0}, LOOK);
}

Test(cli_doctor, what_a_terminal_does_not_show_is_not_to_be_pasted) {
    put_words(ENVIRON("portd\0--socket\0/tmp/a\033[31mb c.sock"), ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    put_words(ENVIRON("portd\0--db\0/tmp/\xff"), ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    /* NOLINTBEGIN(misc-misleading-bidirectional): it is what is tested */
    put_words(ENVIRON("portd\0--db\0/tmp/\xe2\x80\xae.db"), ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    /* NOLINTEND(misc-misleading-bidirectional) */
    put_words(ENVIRON("portd\0--db\0/tmp/a\nb"), ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    put_words(ENVIRON("portd"), ENVIRON("PM_EXCLUDE=1\0PM_DB=/tmp/\033]0;x"));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    put_words(ENVIRON("portd\0--db\0/tmp/\xc3\xa4$(reboot)"), ENVIRON("PM_EXCLUDE=;reboot"));
    assert_restart(&(struct doctor_restart){0}, HUNG "PM_EXCLUDE=';reboot' portd --db '/tmp/\xc3\xa4$(reboot)' &");
}

/* The name of a variable is not quoted, and the first word decides what is run. */
Test(cli_doctor, a_paste_runs_portd_and_nothing_else) {
    put_words(ENVIRON("portd"), ENVIRON("PM_$(reboot)=x\0PM_;reboot;A=y\0PM_API_PORT=0"));
    assert_restart(&(struct doctor_restart){0}, HUNG "PM_API_PORT=0 portd &");
    put_words(ENVIRON("PATH=/x/portd\0reboot"), ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, LOOK);
    put_words(ENVIRON("reboot"), ENVIRON(""));
    assert_restart(&(struct doctor_restart){0}, LOOK);
}

/* Its manager needs no command of it. */
Test(cli_doctor, a_unit_is_restarted_though_its_command_cannot_be_pasted) {
    put_unit(SYSTEMS);
    scene.doctor.portd.command_hidden = true;
    assert_restart(&(struct doctor_restart){0}, "#systemctl restart port-manager.service");
    put_unit(SYSTEMS);
    scene.doctor.portd.command_hidden = true;
    assert_restart(&(struct doctor_restart){.more = " --range 1-2"}, LOOK);
}

/* ---- of one that answers ---- */

static void settle(const char *command, const char *database) {
    put_words(ENVIRON("portd"), ENVIRON(""));
    doctor_scene_clear(&scene);
    cr_assert_eq(unlink(doctor_scene_fill(&scene, "@/proc/12/stat")), 0);
    scene.doctor.portd.pid = 12;
    scene.doctor.portd.command = strdup(command);
    scene.doctor.portd.database = database != NULL ? strdup(database) : NULL;
    doctor_settle_command(&scene.doctor);
}

#define RUNNING "kill 12; timeout 10 tail --pid=12 -f /dev/null; "

Test(cli_doctor, what_a_portd_that_answers_tells_means_the_same_here) {
    settle("portd --db 'it'\\''s.db' --exclude ''", "it's.db");
    cr_assert_str_eq(scene.doctor.portd.database, doctor_scene_fill(&scene, "@/d d/it's.db"));
    assert_restart(&(struct doctor_restart){0}, RUNNING "portd --db '@/d d/it'\\''s.db' --exclude '' &");
    settle("portd", "a.db");
    assert_restart(&(struct doctor_restart){0}, RUNNING "portd --db '@/d d/a.db' &");
    settle("portd --db '/a?b.db'", NULL);
    assert_restart(&(struct doctor_restart){0}, LOOK);
    settle("portd", "/a?b.db");
    cr_assert_null(scene.doctor.portd.database);
    assert_restart(&(struct doctor_restart){0}, LOOK);
    /* Of the process it is known without doubt. */
    put_words(ENVIRON("portd\0--db\0/a?b.db"), ENVIRON(""));
    doctor_scene_clear(&scene);
    scene.doctor.portd.pid = 12;
    scene.doctor.portd.command = strdup("portd --db '/a?b.db'");
    doctor_settle_command(&scene.doctor);
    assert_restart(&(struct doctor_restart){0}, RUNNING "portd --db '/a?b.db' &");
    /* Of another pid namespace's nothing is. */
    scene.doctor.portd.command = strdup("portd --db a.db");
    doctor_settle_command(&scene.doctor);
    assert_restart(&(struct doctor_restart){0}, "ps -o user,args -C portd");
}

/* ---- portctl's own lines ---- */

static void assert_portctl(bool as_root, const char *expected) {
    char words[DOCTOR_PORTCTL_MAX];
    cr_assert_str_eq(doctor_portctl(&scene.doctor, as_root, words, sizeof(words)), doctor_scene_fill(&scene, expected));
}

Test(cli_doctor, what_portctl_is_to_do_it_does_at_the_portd_that_was_asked) {
    assert_portctl(false, "portctl");
    assert_portctl(true, "#portctl");
    /* The shell has it, and hands it on; sudo does not. */
    setenv("PM_SOCKET", "/a b", 1);
    assert_portctl(false, "portctl");
    assert_portctl(true, geteuid() == 0 ? "portctl" : "#portctl --socket '/a b'");
    scene.options.url = "http://localhost:3999";
    assert_portctl(false, "portctl --url http://localhost:3999");
    scene.options.url = NULL;
    scene.options.socket = "/c d";
    assert_portctl(true, "#portctl --socket '/c d'");
    unsetenv("PM_SOCKET");
}

/* ---- its version ---- */

static void assert_version(const char *version, enum finding_state state, const char *words, bool has_remedy) {
    free(scene.doctor.portd.version);
    scene.doctor.portd.version = strdup(version);
    doctor_check_version(&scene.doctor);
    cr_assert_eq(scene.doctor.n_findings, 1);
    cr_assert_eq(scene.doctor.findings[0].state, state, "%s", scene.doctor.findings[0].text);
    cr_assert_not_null(strstr(scene.doctor.findings[0].text, words), "%s", scene.doctor.findings[0].text);
    cr_assert_eq(scene.doctor.findings[0].remedy != NULL, has_remedy);
    doctor_scene_clear(&scene);
}

Test(cli_doctor, an_older_portd_is_a_warning_and_a_newer_one_is_not_unless_its_portctl_is_there) {
    assert_version(PM_VERSION, FINDING_OK, "both", false);
    assert_version("0.0.9", FINDING_WARNING, "older than portctl's " PM_VERSION, true);
    assert_version("99.0.0", FINDING_OK, "newer than portctl's " PM_VERSION, false);
    assert_version("0.0.10", FINDING_WARNING, "older", true);
}

/* ---- the snapshot ---- */

static void take_snapshot(const char *text) {
    struct json_error error;
    cJSON_Delete(scene.doctor.snapshot);
    scene.doctor.snapshot = NULL;
    cr_assert_eq(json_parse(text, strlen(text), &scene.doctor.snapshot, &error), 0, "%s", error.reason);
}

#define LISTENER(port, rest) "{\"port\":" port ",\"address\":\"127.0.0.1\"," rest "}"
#define HIDDEN(reason)       "\"hidden\":{\"reason\":\"" reason "\",\"why\":\"it is so\",\"remedy\":\"do that\"}"

static void assert_conflicts(const char *findings, enum finding_state state, const char *words, const char *remedy) {
    char text[2048];
    snprintf(text, sizeof(text), "{\"conflicts\":%s}", findings);
    take_snapshot(text);
    doctor_check_conflicts(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy);
}

Test(cli_doctor, a_conflict_is_an_error_unless_it_is_ignored) {
    assert_conflicts("[]", FINDING_OK, "nobody else is on a leased port", NULL);
    assert_conflicts("null", FINDING_OK, "no conflicts", NULL);
    assert_conflicts("[{\"port\":8001,\"ignored\":true}]", FINDING_OK, "no conflicts", NULL);
    assert_conflicts("[{\"port\":8001,\"verdict\":\"It is squatted.\",\"listeners\":[" LISTENER(
                         "8001", "\"pid\":77,\"process\":\"python3\"") "]}]",
                     FINDING_ERROR, "It is squatted", "portctl stop 8001 --pid 77 --yes");
    assert_conflicts("[{\"port\":8001,\"listeners\":[]}]", FINDING_ERROR, "port 8001 has two parties",
                     "portctl ignore 8001");
    assert_conflicts("[{\"port\":70000},{\"port\":8001,\"listeners\":[" LISTENER("8001", HIDDEN("other-user")) "]}]",
                     FINDING_ERROR, "port 8001 has two parties", "portctl ignore 8001");
}

static void assert_owners(const char *listeners, enum finding_state state, const char *words, const char *remedy) {
    char text[4096];
    snprintf(text, sizeof(text), "{\"squatters\":[{\"port\":8009,\"ignored\":true}],\"listeners\":%s}", listeners);
    take_snapshot(text);
    scene.doctor.portd.uid = geteuid() == 0 ? 0 : geteuid();
    doctor_check_owners(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy);
}

Test(cli_doctor, hidden_processes_count_where_portd_grants) {
    assert_owners("[]", FINDING_OK, "portd sees the process of every listener", NULL);
    assert_owners("[" LISTENER("8001", "\"hidden\":null") "]", FINDING_OK, "every listener", NULL);
    assert_owners("[" LISTENER("22", HIDDEN("other-user")) "]", FINDING_OK, "1 on other ports is hidden", NULL);
    assert_owners("[" LISTENER("8001", HIDDEN("not-yet")) "]", FINDING_OK, "every listener", NULL);
    assert_owners("[" LISTENER("8009", HIDDEN("elsewhere")) "]", FINDING_OK, "every listener", NULL);
    assert_owners("[" LISTENER("8001", HIDDEN("other-user") ",\"container\":{\"runtime\":\"docker\"}") "]", FINDING_OK,
                  "1 on other ports", NULL);
    assert_owners("[" LISTENER("8001", HIDDEN("other-user") ",\"evidence\":{\"level\":\"confirmed\"}") "]", FINDING_OK,
                  "1 on other ports", NULL);
    assert_owners("[" LISTENER("8001", HIDDEN("elsewhere")) "," LISTENER("8002", HIDDEN("elsewhere")) "]",
                  FINDING_WARNING, "those who listen on ports 8001, 8002 are hidden from portd: it is so; do that",
                  "portctl ignore 8001");
    assert_owners("[" LISTENER("22", HIDDEN("elsewhere") ",\"service_name\":\"ssh\"") "]", FINDING_WARNING,
                  "who listens on port 22 is hidden", "portctl ignore 22");
}

Test(cli_doctor, root_sees_what_another_user_may_not) {
    static const char *const reasons[] = {"other-user", "hidepid", "not-dumpable"};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "{\"listeners\":[{\"port\":8001,\"address\":\"::\",\"hidden\":{\"reason\":\"%s\"}}]}", reasons[i]);
        take_snapshot(text);
        scene.doctor.portd.uid = 54321;
        scene.doctor.portd.pid = 12;
        scene.doctor.portd.database = strdup("/home/ann/l.db");
        doctor_check_owners(&scene.doctor);
        cr_assert_eq(scene.doctor.n_findings, 1);
        cr_assert_not_null(strstr(scene.doctor.findings[0].remedy,
                                  geteuid() == 0 ? "; portd --db /home/ann/l.db" : "; sudo portd --db /home/ann/l.db"),
                           "%s", scene.doctor.findings[0].remedy);
        doctor_scene_clear(&scene);
    }
}

static void assert_clock(const char *heartbeat, unsigned uid, enum finding_state state, const char *words,
                         const char *remedy) {
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"leases\":[{\"port\":8001,\"service_name\":\"web\",\"id\":7,\"uid\":%u,\"last_heartbeat\":\"%s\"}]}",
             uid, heartbeat);
    take_snapshot(text);
    doctor_check_clock(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy);
}

Test(cli_doctor, a_lease_that_was_heard_of_in_the_future_tells_of_a_clock_that_was_set_back) {
    assert_clock("2026-01-02T03:04:05Z", geteuid(), FINDING_OK, "clock", NULL);
    assert_clock("rubbish", geteuid(), FINDING_OK, "clock", NULL);
    assert_clock("2199-01-02T03:04:05Z", geteuid(), FINDING_WARNING, "the clock was set back: web was last heard of ",
                 "portctl renew 8001");
    /* Two programs do not read the clock at once. */
    const struct clock clock = clock_system();
    char soon[TEXT_TIME_MAX];
    text_format_time(clock_read(&clock).unix_ms + 2000, soon);
    assert_clock(soon, geteuid(), FINDING_OK, "clock", NULL);
    text_format_time(clock_read(&clock).unix_ms, soon);
    assert_clock(soon, geteuid(), FINDING_OK, "clock", NULL);
    text_format_time(clock_read(&clock).unix_ms + 600000, soon);
    assert_clock(soon, geteuid(), FINDING_WARNING, "set back", "portctl renew 8001");
    if (geteuid() != 0)
        assert_clock("2199-01-02T03:04:05Z", geteuid() + 1, FINDING_OK, "other users' leases", NULL);
    doctor_check_clock(&scene.doctor);
    doctor_scene_assert_found(&scene, FINDING_OK, "clock", NULL);
}

/* ---- all of them ---- */

Test(cli_doctor, the_worst_finding_is_the_whole_answer) {
    cr_assert_eq(doctor_worst(&scene.doctor), FINDING_OK);
    for (unsigned i = 0; i < 100; i++)
        doctor_say(&scene.doctor, "x", FINDING_OK, "%u", i);
    cr_assert_eq(doctor_worst(&scene.doctor), FINDING_OK);
    doctor_say(&scene.doctor, "x", FINDING_WARNING, "w");
    doctor_advise(&scene.doctor, "one");
    doctor_advise(&scene.doctor, "two");
    cr_assert_eq(doctor_worst(&scene.doctor), FINDING_WARNING);
    cr_assert_str_eq(scene.doctor.findings[100].remedy, "two");
    doctor_say(&scene.doctor, "x", FINDING_ERROR, "e");
    doctor_say(&scene.doctor, "x", FINDING_OK, "o");
    cr_assert_eq(doctor_worst(&scene.doctor), FINDING_ERROR);
    cr_assert_eq(scene.doctor.n_findings, 103);
    cr_assert_not(scene.doctor.short_of_memory);
}
