/*
 * doctor's checks of the database, the disk that it is on, and an original PortManager. Each alone on a machine that is made up.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/doctor_scene.h"

static struct doctor_scene scene;

static void enter(void) {
    doctor_scene_enter(&scene);
}

static void leave(void) {
    doctor_scene_leave(&scene);
}

TestSuite(cli_doctor_database, .init = enter, .fini = leave);

/* ---- the disk ---- */

#define MOUNT(point, type) "1 1 0:1 / " point " rw,relatime shared:1 - " type " source rw\n"

static void assert_disk(const char *database, const char *mounts, enum finding_state state, const char *words,
                        const char *remedy) {
    doctor_scene_put(&scene, "proc/self/mountinfo", mounts);
    scene.doctor.portd.database = strdup(database);
    scene.doctor.portd.pid = 12;
    doctor_check_disk(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

#define MOVE(from)                                                                                                     \
    "kill 12; timeout 10 tail --pid=12 -f /dev/null; mkdir -m 700 -p @/.local/state/portmanager && portd"              \
    " --db @/.local/state/portmanager/leases.db &"

/* What is on a network is not touched: these folders are not even there. */
Test(cli_doctor_database, a_network_file_system_is_known_by_its_mount) {
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

Test(cli_doctor_database, a_mount_beside_it_or_under_another_is_not_its_disk) {
    char path[PATH_MAX];
    fake_home_path(&scene.home, "l.db", path);
    assert_disk(path, MOUNT("/", "nfs") MOUNT("/tmp", "tmpfs"), FINDING_OK, " MB left", NULL);
    assert_disk(path, MOUNT("/tm", "nfs") MOUNT("/tmp/x", "nfs"), FINDING_OK, " MB left", NULL);
    assert_disk(path, "", FINDING_OK, " MB left", NULL);
    assert_disk(path, "rubbish\n\n1 2 3\n", FINDING_OK, " MB left", NULL);
}

Test(cli_doctor_database, who_is_not_told_where_the_database_is_is_told_so) {
    doctor_check_disk(&scene.doctor);
    doctor_scene_assert_found(&scene, FINDING_OK, "portd tells its own user and root", NULL);
    doctor_check_damaged(&scene.doctor);
    cr_assert_eq(scene.doctor.n_findings, 0);
}

static void assert_no_home(const char *remedy) {
    scene.doctor.portd.answers = false;
    setenv("HOME", "/proc/nowhere", 1);
    doctor_check_disk(&scene.doctor);
    setenv("HOME", scene.home.path, 1);
    doctor_scene_assert_found(&scene, FINDING_ERROR, "/proc", doctor_scene_fill(&scene, remedy));
}

/* Neither the database nor the socket can be where they are by themselves. In /var/tmp a folder may be somebody else's trap. */
Test(cli_doctor_database, without_a_home_both_go_into_a_folder_of_ones_own) {
    char name[64];
    char path[PATH_MAX];
    char remedy[1024];
    doctor_scene_put(&scene, "proc/self/mountinfo", "");
    snprintf(name, sizeof(name), "root/var/tmp/portmanager-%u", geteuid());
    doctor_scene_put(&scene, "root/var/tmp/x", "");
    snprintf(remedy, sizeof(remedy),
             "export PM_SOCKET=@/%s/portd.sock; mkdir -m 700 -p @/%s && portd --db @/%s/leases.db &", name, name, name);
    assert_no_home(remedy);
    fake_home_path(&scene.home, name, path);
    cr_assert_eq(mkdir(path, 0700), 0);
    assert_no_home(remedy);
    cr_assert_eq(chmod(path, 0777), 0);
    assert_no_home("du -xah /proc | sort -h | tail");
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(symlink("/tmp", path), 0);
    assert_no_home("du -xah /proc | sort -h | tail");
}

/* ---- damaged databases ---- */

static void assert_damaged(enum finding_state state, const char *words, const char *remedy) {
    scene.doctor.portd.database = strdup(doctor_scene_fill(&scene, "@/d/leases.db"));
    doctor_check_damaged(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

#define KEEP "mkdir -p @/d/damaged && mv @/d/leases.db.corrupt-* @/d/damaged/"

Test(cli_doctor_database, a_database_that_was_put_aside_is_counted_once) {
    assert_damaged(FINDING_OK, "no damaged database", NULL);
    doctor_scene_put(&scene, "d/leases.db", "");
    doctor_scene_put(&scene, "d/other.db.corrupt-1", "");
    doctor_scene_put(&scene, "d/leases.db.corrupt", "");
    assert_damaged(FINDING_OK, "no damaged database", NULL);
    doctor_scene_put(&scene, "d/leases.db.corrupt-17", "");
    doctor_scene_put(&scene, "d/leases.db.corrupt-17-wal", "");
    doctor_scene_put(&scene, "d/leases.db.corrupt-17-shm", "");
    assert_damaged(FINDING_WARNING, "1 damaged database was put aside", KEEP);
    doctor_scene_put(&scene, "d/leases.db.corrupt-18", "");
    assert_damaged(FINDING_WARNING, "2 damaged databases were put aside", KEEP);
}

/* ---- an original ---- */

#define ORIGINAL ".portmanager/leases.db"

static void put_header(unsigned char version) {
    char header[100] = "SQLite format 3";
    header[63] = (char)version;
    doctor_scene_put_bytes(&scene, ORIGINAL, header, sizeof(header));
}

static void assert_original(bool runs, enum finding_state state, const char *words, const char *remedy) {
    scene.doctor.portd.database = strdup("/elsewhere.db");
    scene.doctor.portd.answers = runs;
    doctor_check_original(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

Test(cli_doctor_database, an_originals_database_has_no_version_and_no_lock_beside_it) {
    assert_original(true, FINDING_OK, "no original PortManager runs", NULL);
    put_header(0);
    assert_original(true, FINDING_WARNING, "are not imported, for portd uses another database",
                    "portd --db @/.portmanager/leases.db &");
    assert_original(false, FINDING_WARNING, "are not imported: portd does that when it starts",
                    "portd --db @/.portmanager/leases.db &");
    put_header(3);
    assert_original(false, FINDING_OK, "no original", NULL);
    put_header(0);
    doctor_scene_put(&scene, ORIGINAL ".lock", "");
    assert_original(false, FINDING_OK, "no original", NULL);
    doctor_scene_put(&scene, ORIGINAL, "SQLite");
    assert_original(false, FINDING_OK, "no original", NULL);
}

static void assert_runs(pid_t expected) {
    doctor_find_original(&scene.doctor);
    cr_assert_eq(scene.doctor.original_pid, expected, "%d", scene.doctor.original_pid);
}

Test(cli_doctor_database, who_has_an_originals_database_open_is_one) {
    put_header(0);
    doctor_scene_put_link(&scene, "proc/10/fd/3", doctor_scene_fill(&scene, "@/other"));
    doctor_scene_put(&scene, "proc/notapid/fd/3", "");
    assert_runs(0);
    doctor_scene_put_link(&scene, "proc/12/fd/7", doctor_scene_fill(&scene, "@/" ORIGINAL));
    doctor_scene_put(&scene, "proc/12/comm", "pm-old\n");
    assert_runs(12);
    scene.doctor.portd.answers = false;
    doctor_check_original(&scene.doctor);
    cr_assert_eq(scene.doctor.n_findings, 1);
    cr_assert_not_null(strstr(scene.doctor.findings[0].text, "pm-old (pid 12) has"), "%s",
                       scene.doctor.findings[0].text);
    cr_assert_str_eq(scene.doctor.findings[0].remedy, "kill 12; timeout 10 tail --pid=12 -f /dev/null; portd &");
}

static void put_open(const char *pid, const char *flags) {
    char name[64];
    snprintf(name, sizeof(name), "proc/%s/fd/3", pid);
    doctor_scene_put_link(&scene, name, doctor_scene_fill(&scene, "@/" ORIGINAL));
    snprintf(name, sizeof(name), "proc/%s/fdinfo/3", pid);
    doctor_scene_put(&scene, name, flags);
}

Test(cli_doctor_database, who_only_reads_an_originals_database_is_none) {
    put_header(0);
    put_open("21", "pos:\t4096\nflags:\t02100000\nmnt_id:\t30\n");
    assert_runs(0);
    put_open("22", "pos:\t0\nflags:\t02100002\nmnt_id:\t30\n");
    assert_runs(22);
}

/* Be it by what is in it, or by the lock beside it: whoever has it open is a backup, or a person who looks. */
Test(cli_doctor_database, who_has_portds_database_open_is_no_original) {
    put_open("23", "flags:\t02100002\n");
    put_header(0);
    assert_runs(23);
    put_header(3);
    assert_runs(0);
    put_header(0);
    doctor_scene_put(&scene, ORIGINAL ".lock", "");
    assert_runs(0);
}
