/*
 * doctor's checks, each alone on a machine that is made up: files in place of /proc, and a portd that has said what a test wants.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"
#include "tests/support/fake_home.h"

static struct fake_home home;
static struct options options;
static struct doctor doctor;
static char proc[PATH_MAX];
static char root[PATH_MAX];

static void make_folders(const char *name) {
    char path[PATH_MAX];
    fake_home_path(&home, name, path);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
}

static void put(const char *name, const char *text) {
    make_folders(name);
    fake_home_write(&home, name, text, strlen(text));
}

static void put_link(const char *name, const char *target) {
    char path[PATH_MAX];
    make_folders(name);
    fake_home_path(&home, name, path);
    cr_assert_eq(symlink(target, path), 0);
}

static void clear(void) {
    const struct doctor_portd portd = {.answers = true,
                                       .version = strdup(PM_VERSION),
                                       .uid = geteuid(),
                                       .shares_pids = true,
                                       .sees_bound = true,
                                       .port = DOCTOR_PORT,
                                       .has_ipv4 = true,
                                       .range_min = 8000,
                                       .range_max = 9000};
    doctor_deinit(&doctor);
    doctor_init(&doctor, &options);
    doctor.proc = proc;
    doctor.root = root;
    doctor.portd = portd;
}

static void enter(void) {
    static const char *const variables[] = {"PM_SOCKET",      "PM_URL",        "PM_DB",           "PM_API_PORT",
                                            "PM_PORT_MIN",    "PM_PORT_MAX",   "PM_EXCLUDE",      "XDG_RUNTIME_DIR",
                                            "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"};
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    fake_home_make(&home);
    fake_home_path(&home, "proc", proc);
    fake_home_path(&home, "root", root);
    setenv("HOME", home.path, 1);
    setenv("PATH", home.path, 1);
    put("portd", "");
    char program[PATH_MAX];
    fake_home_path(&home, "portd", program);
    cr_assert_eq(chmod(program, 0755), 0);
    clear();
}

static void leave(void) {
    doctor_deinit(&doctor);
    fake_home_remove(&home);
}

TestSuite(cli_doctor, .init = enter, .fini = leave);

/* The one finding of the check just made; NULL for `words`: it has none. What is told twice fails. */
static void assert_found(enum finding_state state, const char *words, const char *remedy) {
    cr_assert_eq(doctor.n_findings, 1, "%zu findings", doctor.n_findings);
    const struct finding *finding = &doctor.findings[0];
    cr_assert_eq(finding->state, state, "%s: %s", finding_state_name(finding->state), finding->text);
    cr_assert_not_null(strstr(finding->text, words), "\"%s\" is not in: %s", words, finding->text);
    if (remedy == NULL)
        cr_assert_null(finding->remedy, "%s", finding->remedy);
    else
        cr_assert_str_eq(finding->remedy, remedy);
    cr_assert_eq(finding->remedy != NULL, state != FINDING_OK);
    clear();
}

/* A remedy in which the made-up home stands as @, and what another user than root puts before it as #. */
static const char *filled(const char *pattern) {
    static char text[8192];
    size_t used = 0;
    for (; *pattern != '\0'; pattern++) {
        char letter[2] = {*pattern, '\0'};
        const char *piece = *pattern == '@' ? home.path : *pattern == '#' ? doctor_as_root() : letter;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", piece);
    }
    return text;
}

static void put_kernel(const char *range, const char *reserved) {
    put("proc/sys/net/ipv4/ip_local_port_range", range);
    put("proc/sys/net/ipv4/ip_local_reserved_ports", reserved);
}

/* ---- the range ---- */

static void assert_range(uint16_t min, uint16_t max, enum finding_state state, const char *words, const char *remedy) {
    doctor.portd.range_min = min;
    doctor.portd.range_max = max;
    doctor_check_range(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
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
    doctor.portd.answers = false;
    doctor_check_range(&doctor);
    doctor_check_reserved(&doctor);
    doctor_check_room(&doctor);
    doctor_check_version(&doctor);
    doctor_check_conflicts(&doctor);
    doctor_check_owners(&doctor);
    cr_assert_eq(doctor.n_findings, 0);
}

static void assert_reserved(const char *reserved, const char *excluded, enum finding_state state, const char *words,
                            const char *remedy) {
    put_kernel("32768\t60999\n", reserved);
    doctor.portd.excluded = strdup(excluded);
    doctor_check_reserved(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
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
    doctor.portd.n_leased_in_range = n_leased;
    doctor.portd.range_max = 8099;
    doctor.portd.excluded = strdup(excluded);
    doctor.portd.command = strdup("portd --range 8000-8099");
    doctor.portd.pid = 4711;
    doctor_check_room(&doctor);
    assert_found(state, words, remedy);
}

#define RESTART(more) "kill 4711; tail --pid=4711 -f /dev/null; portd --range 8000-8099" more " &"

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

Test(cli_doctor, a_wider_range_is_not_the_kernels) {
    put_kernel("8100\t9999\n", "\n");
    assert_room(100, "", FINDING_ERROR, "nobody", RESTART(" --range 10000-10199"));
    put_kernel("8100\t11000\n", "\n");
    assert_room(100, "", FINDING_ERROR, "nobody", RESTART(" --range 15000-15199"));
    put_kernel("8100\t65535\n", "\n");
    assert_room(100, "", FINDING_ERROR, "nobody", RESTART(" --range 1024-8099"));
}

/* ---- how portd is started again ---- */

static void assert_restart(const struct doctor_restart *restart, const char *expected) {
    char command[DOCTOR_COMMAND_MAX];
    doctor_restart_command(&doctor, restart, command, sizeof(command));
    cr_assert_str_eq(command, filled(expected));
    clear();
}

Test(cli_doctor, where_none_runs_one_is_started_as_it_was_asked_for) {
    doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){0}, "portd &");
    doctor.portd.answers = false;
    options.socket = "/tmp/my socket";
    assert_restart(&(struct doctor_restart){0}, "portd --socket '/tmp/my socket' &");
    options.socket = NULL;
    options.url = "http://localhost:3999/";
    doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){0}, "portd --port 3999 &");
    options.url = NULL;
    setenv("PM_URL", "http://[::1]:3998", 1);
    doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){0}, "portd --port 3998 &");
    unsetenv("PM_URL");
    doctor.portd.answers = false;
    doctor.original_pid = 12;
    assert_restart(&(struct doctor_restart){0}, "kill 12; tail --pid=12 -f /dev/null; portd &");
    doctor.portd.answers = false;
    assert_restart(&(struct doctor_restart){.between = "cp a b", .more = " --db b"}, "cp a b && portd --db b &");
}

Test(cli_doctor, one_that_runs_is_started_again_as_it_was) {
    doctor.portd.pid = 12;
    assert_restart(&(struct doctor_restart){0}, "kill 12; tail --pid=12 -f /dev/null; portd &");
    /* What a new one would have by itself is not said; what its environment has told it is. */
    doctor.portd.socket = strdup(filled("@/.portmanager/portd.sock"));
    doctor.portd.database = strdup(filled("@/.portmanager/leases.db"));
    assert_restart(&(struct doctor_restart){0}, "portd &");
    doctor.portd.socket = strdup("/run/x.sock");
    doctor.portd.database = strdup("/var/a b.db");
    doctor.portd.port = 0;
    doctor.portd.range_min = 7000;
    doctor.portd.excluded = strdup("8080");
    assert_restart(&(struct doctor_restart){0},
                   "portd --socket /run/x.sock --db '/var/a b.db' --port 0 --range 7000-9000 --exclude 8080 &");
    setenv("PM_DB", "/var/a b.db", 1);
    setenv("PM_PORT_MIN", "7000", 1);
    doctor.portd.database = strdup("/var/a b.db");
    doctor.portd.range_min = 7000;
    assert_restart(&(struct doctor_restart){0}, "portd &");
    unsetenv("PM_DB");
    unsetenv("PM_PORT_MIN");
    /* What its command says is not said twice. */
    doctor.portd.database = strdup("/x.db");
    doctor.portd.command = strdup("/opt/portd --db /x.db --log-level debug");
    assert_restart(&(struct doctor_restart){.more = " --range 1-2"},
                   "/opt/portd --db /x.db --log-level debug --range 1-2 &");
}

Test(cli_doctor, another_users_portd_is_started_as_that_user) {
    doctor.portd.uid = geteuid() + 5;
    doctor.portd.pid = 12;
    char expected[256];
    snprintf(expected, sizeof(expected), "sudo -u '%s%u' kill 12; tail --pid=12 -f /dev/null; sudo -u '%s%u' portd &",
             "\x01", geteuid() + 5, "\x01", geteuid() + 5);
    for (char *at = expected; *at != '\0'; at++)
        if (*at == '\x01')
            *at = '#';
    char command[DOCTOR_COMMAND_MAX];
    doctor_restart_command(&doctor, &(struct doctor_restart){0}, command, sizeof(command));
    cr_assert_str_eq(command, expected);
}

/* ---- its version ---- */

static void assert_version(const char *version, enum finding_state state, const char *words, bool has_remedy) {
    free(doctor.portd.version);
    doctor.portd.version = strdup(version);
    doctor_check_version(&doctor);
    cr_assert_eq(doctor.n_findings, 1);
    cr_assert_eq(doctor.findings[0].state, state, "%s", doctor.findings[0].text);
    cr_assert_not_null(strstr(doctor.findings[0].text, words), "%s", doctor.findings[0].text);
    cr_assert_eq(doctor.findings[0].remedy != NULL, has_remedy);
    clear();
}

Test(cli_doctor, an_older_portd_is_a_warning_and_a_newer_one_is_not_unless_its_portctl_is_there) {
    assert_version(PM_VERSION, FINDING_OK, "both", false);
    assert_version("0.0.9", FINDING_WARNING, "older than portctl's " PM_VERSION, true);
    assert_version("99.0.0", FINDING_OK, "newer than portctl's " PM_VERSION, false);
    assert_version("0.0.10", FINDING_WARNING, "older", true);
}

/* ---- the disk ---- */

#define MOUNT(point, type) "1 1 0:1 / " point " rw,relatime shared:1 - " type " source rw\n"

static void assert_disk(const char *database, const char *mounts, enum finding_state state, const char *words,
                        const char *remedy) {
    put("proc/self/mountinfo", mounts);
    doctor.portd.database = strdup(database);
    doctor.portd.pid = 12;
    doctor_check_disk(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
}

#define MOVE(from)                                                                                                     \
    "kill 12; tail --pid=12 -f /dev/null; mkdir -p @/.local/state/portmanager && portd --db " from                     \
    " --db @/.local/state/portmanager/leases.db &"

/* What is on a network is not touched: these folders are not even there. */
Test(cli_doctor, a_network_file_system_is_known_by_its_mount) {
    assert_disk("/net/home/l.db", MOUNT("/", "ext4") MOUNT("/net", "nfs4"), FINDING_WARNING,
                "is on a network file system (nfs4)", MOVE("/net/home/l.db"));
    assert_disk("/net/home/l.db", MOUNT("/", "ext4") MOUNT("/net/home", "fuse.sshfs"), FINDING_WARNING, "fuse.sshfs",
                MOVE("/net/home/l.db"));
    /* The deeper one counts, and of two at one place the later, whatever the order of the others. */
    assert_disk("/net/home/l.db", MOUNT("/net/home", "9p") MOUNT("/net", "ext4") MOUNT("/", "ext4"), FINDING_WARNING,
                "(9p)", MOVE("/net/home/l.db"));
    assert_disk("/net/home/l.db", MOUNT("/net", "ext4") MOUNT("/net", "ceph"), FINDING_WARNING, "(ceph)",
                MOVE("/net/home/l.db"));
    assert_disk("/my net/l.db", MOUNT("/", "ext4") MOUNT("/my\\040net", "cifs"), FINDING_WARNING, "cifs",
                MOVE("'/my net/l.db'"));
}

Test(cli_doctor, a_mount_beside_it_or_under_another_is_not_its_disk) {
    char path[PATH_MAX];
    fake_home_path(&home, "l.db", path);
    assert_disk(path, MOUNT("/", "nfs") MOUNT("/tmp", "tmpfs"), FINDING_OK, " MB left", NULL);
    assert_disk(path, MOUNT("/tm", "nfs") MOUNT("/tmp/x", "nfs"), FINDING_OK, " MB left", NULL);
    assert_disk(path, "", FINDING_OK, " MB left", NULL);
    assert_disk(path, "rubbish\n\n1 2 3\n", FINDING_OK, " MB left", NULL);
}

Test(cli_doctor, who_is_not_told_where_the_database_is_is_told_so) {
    doctor_check_disk(&doctor);
    assert_found(FINDING_OK, "portd tells its own user and root", NULL);
    doctor_check_damaged(&doctor);
    cr_assert_eq(doctor.n_findings, 0);
}

/* ---- damaged databases ---- */

static void assert_damaged(enum finding_state state, const char *words, const char *remedy) {
    doctor.portd.database = strdup(filled("@/d/leases.db"));
    doctor_check_damaged(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
}

#define KEEP "mkdir -p @/d/damaged && mv @/d/leases.db.corrupt-* @/d/damaged/"

Test(cli_doctor, a_database_that_was_put_aside_is_counted_once) {
    assert_damaged(FINDING_OK, "no damaged database", NULL);
    put("d/leases.db", "");
    put("d/other.db.corrupt-1", "");
    put("d/leases.db.corrupt", "");
    assert_damaged(FINDING_OK, "no damaged database", NULL);
    put("d/leases.db.corrupt-17", "");
    put("d/leases.db.corrupt-17-wal", "");
    put("d/leases.db.corrupt-17-shm", "");
    assert_damaged(FINDING_WARNING, "1 damaged database was put aside", KEEP);
    put("d/leases.db.corrupt-18", "");
    assert_damaged(FINDING_WARNING, "2 damaged databases were put aside", KEEP);
}

/* ---- an original ---- */

#define ORIGINAL ".portmanager/leases.db"

static void put_header(unsigned char version) {
    char header[100] = "SQLite format 3";
    header[63] = (char)version;
    make_folders(ORIGINAL);
    fake_home_write(&home, ORIGINAL, header, sizeof(header));
}

static void assert_original(bool runs, enum finding_state state, const char *words, const char *remedy) {
    doctor.portd.database = strdup("/elsewhere.db");
    doctor.portd.answers = runs;
    doctor_check_original(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
}

Test(cli_doctor, an_originals_database_has_no_version_and_no_lock_beside_it) {
    assert_original(true, FINDING_OK, "no original PortManager runs", NULL);
    put_header(0);
    assert_original(true, FINDING_WARNING, "are not imported, for portd uses another database",
                    "portd --db /elsewhere.db --db @/.portmanager/leases.db &");
    assert_original(false, FINDING_WARNING, "are not imported: portd does that when it starts",
                    "portd --db @/.portmanager/leases.db &");
    put_header(3);
    assert_original(false, FINDING_OK, "no original", NULL);
    put_header(0);
    put(ORIGINAL ".lock", "");
    assert_original(false, FINDING_OK, "no original", NULL);
    put(ORIGINAL, "SQLite");
    assert_original(false, FINDING_OK, "no original", NULL);
}

static void assert_runs(pid_t expected) {
    doctor_find_original(&doctor);
    cr_assert_eq(doctor.original_pid, expected, "%d", doctor.original_pid);
}

Test(cli_doctor, who_has_the_database_open_and_no_lock_is_an_original) {
    put_header(0);
    put_link("proc/10/fd/3", filled("@/other"));
    put_link("proc/11/fd/3", filled("@/" ORIGINAL));
    put_link("proc/11/fd/4", filled("@/" ORIGINAL ".lock"));
    put("proc/notapid/fd/3", "");
    assert_runs(0);
    put_link("proc/12/fd/7", filled("@/" ORIGINAL));
    put("proc/12/comm", "pm-old\n");
    assert_runs(12);
    doctor.portd.answers = false;
    doctor_check_original(&doctor);
    cr_assert_eq(doctor.n_findings, 1);
    cr_assert_not_null(strstr(doctor.findings[0].text, "pm-old (pid 12) has"), "%s", doctor.findings[0].text);
    cr_assert_str_eq(doctor.findings[0].remedy, "kill 12; tail --pid=12 -f /dev/null; portd &");
}

/* ---- completions ---- */

static void assert_completion(const char *shell, enum finding_state state, const char *words, const char *remedy) {
    setenv("SHELL", shell, 1);
    doctor_check_completion(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
}

#define BASH "@/.local/share/bash-completion/completions"
#define ZSH  "@/.local/share/zsh/site-functions"
#define FISH "@/.config/fish/completions"

Test(cli_doctor, completions_are_missing_for_the_persons_own_shell) {
    assert_completion("/bin/bash", FINDING_WARNING, "bash does not complete",
                      "mkdir -p " BASH " && portctl completion bash > " BASH "/portctl");
    assert_completion("/usr/bin/fish", FINDING_WARNING, "fish does not complete",
                      "mkdir -p " FISH " && portctl completion fish > " FISH "/portctl.fish");
    assert_completion("zsh", FINDING_WARNING, "zsh does not complete",
                      "mkdir -p " ZSH " && portctl completion zsh > " ZSH "/_portctl && echo 'fpath=(" ZSH
                      " $fpath); autoload -Uz compinit; compinit' >> @/.zshrc");
    assert_completion("/bin/dash", FINDING_OK, "there are no completions for /bin/dash", NULL);
    assert_completion("", FINDING_OK, "a shell that SHELL does not name", NULL);
}

Test(cli_doctor, completions_that_are_there_are_well) {
    put(".local/share/bash-completion/completions/portctl", "");
    assert_completion("bash", FINDING_WARNING, "does not",
                      "mkdir -p " BASH " && portctl completion bash > " BASH "/portctl");
    put(".local/share/bash-completion/completions/portctl", "complete");
    assert_completion("bash", FINDING_OK, "bash completes", NULL);
    put("root/usr/share/fish/vendor_completions.d/portctl.fish", "complete");
    assert_completion("fish", FINDING_OK, "fish completes", NULL);
    put(".local/share/zsh/site-functions/_portctl", "#compdef");
    put(".zshrc", "autoload -Uz compinit\n");
    assert_completion("zsh", FINDING_WARNING, "does not",
                      "mkdir -p " ZSH " && portctl completion zsh > " ZSH "/_portctl && echo 'fpath=(" ZSH
                      " $fpath); autoload -Uz compinit; compinit' >> @/.zshrc");
    put(".zshrc", "fpath=(~/.local/share/zsh/site-functions $fpath)\n");
    assert_completion("zsh", FINDING_OK, "zsh completes", NULL);
    unlink(filled("@/.zshrc"));
    unlink(filled(ZSH "/_portctl"));
    put("root/usr/share/zsh/vendor-completions/_portctl", "#compdef");
    assert_completion("zsh", FINDING_OK, "zsh completes", NULL);
}

Test(cli_doctor, completions_go_where_the_person_has_such_things) {
    setenv("XDG_DATA_HOME", "/my data", 1);
    assert_completion("bash", FINDING_WARNING, "does not",
                      "mkdir -p '/my data/bash-completion/completions' && portctl completion bash > "
                      "'/my data/bash-completion/completions/portctl'");
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_completion("bash", FINDING_WARNING, "does not",
                      "mkdir -p " BASH " && portctl completion bash > " BASH "/portctl");
}

/* ---- namespaces ---- */

#define TCP_HEADER     "  sl  local_address rem_address   st tx_queue rx_queue\n"
#define LISTENS(hex)   "   0: 0100007F:" hex " 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n"
#define CONNECTED(hex) "   1: 0100007F:" hex " 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0\n"

static void assert_spaces(enum finding_state state, const char *words, const char *remedy) {
    doctor.portd.port = 0;
    doctor_check_namespaces(&doctor);
    assert_found(state, words, remedy != NULL ? filled(remedy) : NULL);
}

Test(cli_doctor, other_networks_are_counted_once_and_are_well_while_nobody_listens_there) {
    put_link("proc/self/ns/net", "net:[100]");
    put_link("proc/1/ns/net", "net:[100]");
    assert_spaces(FINDING_OK, "no other network namespace", NULL);
    put_link("proc/20/ns/net", "net:[200]");
    put_link("proc/21/ns/net", "net:[200]");
    put_link("proc/30/ns/net", "net:[300]");
    /* Either of the two may stand for the namespace. */
    put("proc/20/net/tcp", TCP_HEADER LISTENS("1388") CONNECTED("1F41") "rubbish\n: : :\n");
    put("proc/21/net/tcp", TCP_HEADER LISTENS("1388") CONNECTED("1F41") "rubbish\n: : :\n");
    put("proc/30/cgroup", "0::/system.slice/docker-"
                          "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope\n");
    assert_spaces(FINDING_OK, "2 other network namespaces (1 of containers)", NULL);
}

Test(cli_doctor, who_listens_in_another_network_on_a_port_of_the_range_is_told) {
    put_link("proc/self/ns/net", "net:[100]");
    put_link("proc/20/ns/net", "net:[200]");
    put("proc/20/net/tcp", TCP_HEADER LISTENS("1F41"));
    put("proc/20/net/tcp6",
        TCP_HEADER "   0: 00000000000000000000000000000000:1F42 00000000000000000000000000000000:0000 0A 0\n");
    assert_spaces(FINDING_WARNING, "somebody listens on 8001, 8002: portd may grant them",
                  "portd --port 0 --exclude 8001,8002 &");
    doctor.portd.excluded = strdup("8001");
    assert_spaces(FINDING_WARNING, "somebody listens on 8002: portd may grant it",
                  "portd --port 0 --exclude 8001 --exclude 8001,8002 &");
    doctor.portd.excluded = strdup("8000-8002");
    assert_spaces(FINDING_OK, "nobody in there listens on a port that it grants", NULL);
}

Test(cli_doctor, a_portd_in_another_network_is_an_error) {
    put_link("proc/self/ns/net", "net:[100]");
    put_link("proc/50/ns/net", "net:[100]");
    doctor.portd.pid = 50;
    assert_spaces(FINDING_OK, "no other", NULL);
    put_link("proc/51/ns/net", "net:[500]");
    doctor.portd.pid = 51;
    assert_spaces(FINDING_ERROR, "portd lives in another network namespace",
                  "export PM_SOCKET=@/.portmanager/net-100.sock; portd --db @/.portmanager/net-100.db &");
    doctor.has_stranger = true;
    doctor.portd.pid = 51;
    assert_spaces(FINDING_ERROR, "another",
                  "export PM_SOCKET=@/.portmanager/net-100.sock; portd --db @/.portmanager/net-100.db --port 0 &");
}

/* ---- the snapshot ---- */

static void take_snapshot(const char *text) {
    struct json_error error;
    cJSON_Delete(doctor.snapshot);
    doctor.snapshot = NULL;
    cr_assert_eq(json_parse(text, strlen(text), &doctor.snapshot, &error), 0, "%s", error.reason);
}

#define LISTENER(port, rest) "{\"port\":" port ",\"address\":\"127.0.0.1\"," rest "}"
#define HIDDEN(reason)       "\"hidden\":{\"reason\":\"" reason "\",\"why\":\"it is so\",\"remedy\":\"do that\"}"

static void assert_conflicts(const char *findings, enum finding_state state, const char *words, const char *remedy) {
    char text[2048];
    snprintf(text, sizeof(text), "{\"conflicts\":%s}", findings);
    take_snapshot(text);
    doctor_check_conflicts(&doctor);
    assert_found(state, words, remedy);
}

Test(cli_doctor, a_conflict_is_an_error_unless_it_is_ignored) {
    assert_conflicts("[]", FINDING_OK, "no leased port has two parties", NULL);
    assert_conflicts("null", FINDING_OK, "no leased port", NULL);
    assert_conflicts("[{\"port\":8001,\"ignored\":true}]", FINDING_OK, "no leased port", NULL);
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
    doctor.portd.uid = geteuid() == 0 ? 0 : geteuid();
    doctor_check_owners(&doctor);
    assert_found(state, words, remedy);
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
        doctor.portd.uid = 54321;
        doctor.portd.pid = 12;
        doctor.portd.database = strdup("/home/ann/l.db");
        doctor_check_owners(&doctor);
        cr_assert_eq(doctor.n_findings, 1);
        cr_assert_not_null(strstr(doctor.findings[0].remedy,
                                  geteuid() == 0 ? "; portd --db /home/ann/l.db" : "; sudo portd --db /home/ann/l.db"),
                           "%s", doctor.findings[0].remedy);
        clear();
    }
}

static void assert_clock(const char *heartbeat, unsigned uid, enum finding_state state, const char *words,
                         const char *remedy) {
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"leases\":[{\"port\":8001,\"service_name\":\"web\",\"id\":7,\"uid\":%u,\"last_heartbeat\":\"%s\"}]}",
             uid, heartbeat);
    take_snapshot(text);
    doctor_check_clock(&doctor);
    assert_found(state, words, remedy);
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
    doctor_check_clock(&doctor);
    assert_found(FINDING_OK, "clock", NULL);
}

/* ---- the folder ---- */

static void assert_folder(mode_t mode, gid_t gid, enum finding_state state, const char *words, bool mends) {
    char path[PATH_MAX];
    char socket[PATH_MAX];
    char remedy[PATH_MAX + 32];
    put("f/g/x", "");
    fake_home_path(&home, "f", path);
    fake_home_path(&home, "f/g/p.sock", socket);
    cr_assert_eq(chown(path, (uid_t)-1, gid), 0);
    cr_assert_eq(chmod(path, mode), 0);
    snprintf(remedy, sizeof(remedy), "chmod go-w %s", path);
    doctor_check_folder(&doctor, socket);
    assert_found(state, words, mends ? remedy : NULL);
}

Test(cli_doctor, a_folder_that_others_may_write_in_lets_them_replace_the_socket) {
    assert_folder(0755, getgid(), FINDING_OK, "only its owner can replace the socket", false);
    assert_folder(0757, getgid(), FINDING_WARNING, "other users may write in", true);
    assert_folder(01777, getgid(), FINDING_OK, "only its owner", false);
    if (geteuid() == getgid())
        assert_folder(0775, getgid(), FINDING_OK, "only its owner", false);
    if (geteuid() == 0)
        assert_folder(0775, 4321, FINDING_WARNING, "other users may write in", true);
    doctor_check_folder(&doctor, "127.0.0.1:3030");
    cr_assert_eq(doctor.n_findings, 0);
}

/* ---- this machine ---- */

Test(cli_doctor, the_kernel_is_told_of) {
    doctor_check_kernel(&doctor);
    cr_assert_eq(doctor.n_findings, 2);
    cr_assert_str_eq(doctor.findings[0].check, "kernel");
    cr_assert_eq(doctor.findings[0].state, FINDING_OK);
    cr_assert_str_eq(doctor.findings[1].check, "remap");
    cr_assert_eq(doctor_worst(&doctor), FINDING_OK);
    /* The filter that was tried is not on this process. */
    char *status = NULL;
    doctor.proc = "/proc";
    status = doctor_read_proc(&doctor, "self/status");
    cr_assert_not_null(strstr(status, "Seccomp:\t0"), "%s", status);
    free(status);
}

Test(cli_doctor, the_worst_finding_is_the_whole_answer) {
    cr_assert_eq(doctor_worst(&doctor), FINDING_OK);
    for (unsigned i = 0; i < 100; i++)
        doctor_say(&doctor, "x", FINDING_OK, "%u", i);
    cr_assert_eq(doctor_worst(&doctor), FINDING_OK);
    doctor_say(&doctor, "x", FINDING_WARNING, "w");
    doctor_advise(&doctor, "one");
    doctor_advise(&doctor, "two");
    cr_assert_eq(doctor_worst(&doctor), FINDING_WARNING);
    cr_assert_str_eq(doctor.findings[100].remedy, "two");
    doctor_say(&doctor, "x", FINDING_ERROR, "e");
    doctor_say(&doctor, "x", FINDING_OK, "o");
    cr_assert_eq(doctor_worst(&doctor), FINDING_ERROR);
    cr_assert_eq(doctor.n_findings, 103);
    cr_assert_not(doctor.short_of_memory);
}
