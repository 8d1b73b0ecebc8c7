/*
 * doctor's checks of the machine around portd: completions, namespaces, folders, the kernel. Each alone on one that is made up.
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

TestSuite(cli_doctor_machine, .init = enter, .fini = leave);

/* ---- completions ---- */

static void assert_completion(const char *shell, enum finding_state state, const char *words, const char *remedy) {
    setenv("SHELL", shell, 1);
    doctor_check_completion(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

#define BASH "@/.local/share/bash-completion/completions"
#define ZSH  "@/.local/share/zsh/site-functions"
#define FISH "@/.config/fish/completions"

Test(cli_doctor_machine, completions_are_missing_for_the_persons_own_shell) {
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

Test(cli_doctor_machine, completions_that_are_there_are_well) {
    doctor_scene_put(&scene, ".local/share/bash-completion/completions/portctl", "");
    assert_completion("bash", FINDING_WARNING, "does not",
                      "mkdir -p " BASH " && portctl completion bash > " BASH "/portctl");
    doctor_scene_put(&scene, ".local/share/bash-completion/completions/portctl", "complete");
    assert_completion("bash", FINDING_OK, "bash completes", NULL);
    doctor_scene_put(&scene, "root/usr/share/fish/vendor_completions.d/portctl.fish", "complete");
    assert_completion("fish", FINDING_OK, "fish completes", NULL);
    doctor_scene_put(&scene, ".local/share/zsh/site-functions/_portctl", "#compdef");
    doctor_scene_put(&scene, ".zshrc", "autoload -Uz compinit\n");
    assert_completion("zsh", FINDING_WARNING, "does not",
                      "mkdir -p " ZSH " && portctl completion zsh > " ZSH "/_portctl && echo 'fpath=(" ZSH
                      " $fpath); autoload -Uz compinit; compinit' >> @/.zshrc");
    doctor_scene_put(&scene, ".zshrc", "fpath=(~/.local/share/zsh/site-functions $fpath)\n");
    assert_completion("zsh", FINDING_OK, "zsh completes", NULL);
    unlink(doctor_scene_fill(&scene, "@/.zshrc"));
    unlink(doctor_scene_fill(&scene, ZSH "/_portctl"));
    doctor_scene_put(&scene, "root/usr/share/zsh/vendor-completions/_portctl", "#compdef");
    assert_completion("zsh", FINDING_OK, "zsh completes", NULL);
}

Test(cli_doctor_machine, completions_that_a_start_up_file_sources_are_well) {
    doctor_scene_put(&scene, ".bashrc", "source <(portctl completion bash)\n");
    doctor_scene_put(&scene, ".zshrc", "source <(portctl completion zsh)\n");
    doctor_scene_put(&scene, ".config/fish/config.fish", "portctl completion fish | source\n");
    assert_completion("bash", FINDING_OK, "bash completes", NULL);
    assert_completion("zsh", FINDING_OK, "zsh completes", NULL);
    assert_completion("fish", FINDING_OK, "fish completes", NULL);
}

Test(cli_doctor_machine, completions_go_where_the_person_has_such_things) {
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
    scene.doctor.portd.port = 0;
    doctor_check_namespaces(&scene.doctor);
    doctor_scene_assert_found(&scene, state, words, remedy != NULL ? doctor_scene_fill(&scene, remedy) : NULL);
}

Test(cli_doctor_machine, other_networks_are_counted_once_and_are_well_while_nobody_listens_there) {
    doctor_scene_put_link(&scene, "proc/self/ns/net", "net:[100]");
    doctor_scene_put_link(&scene, "proc/1/ns/net", "net:[100]");
    assert_spaces(FINDING_OK, "no other network namespace", NULL);
    doctor_scene_put_link(&scene, "proc/20/ns/net", "net:[200]");
    doctor_scene_put_link(&scene, "proc/21/ns/net", "net:[200]");
    doctor_scene_put_link(&scene, "proc/30/ns/net", "net:[300]");
    /* Either of the two may stand for the namespace. */
    doctor_scene_put(&scene, "proc/20/net/tcp", TCP_HEADER LISTENS("1388") CONNECTED("1F41") "rubbish\n: : :\n");
    doctor_scene_put(&scene, "proc/21/net/tcp", TCP_HEADER LISTENS("1388") CONNECTED("1F41") "rubbish\n: : :\n");
    doctor_scene_put(&scene, "proc/30/cgroup",
                     "0::/system.slice/docker-"
                     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope\n");
    assert_spaces(FINDING_OK, "2 other network namespaces (1 of containers)", NULL);
}

Test(cli_doctor_machine, who_listens_in_another_network_on_a_port_of_the_range_is_told) {
    doctor_scene_put_link(&scene, "proc/self/ns/net", "net:[100]");
    doctor_scene_put_link(&scene, "proc/20/ns/net", "net:[200]");
    doctor_scene_put(&scene, "proc/20/net/tcp", TCP_HEADER LISTENS("1F41"));
    doctor_scene_put(&scene, "proc/20/net/tcp6",
                     TCP_HEADER
                     "   0: 00000000000000000000000000000000:1F42 00000000000000000000000000000000:0000 0A 0\n");
    assert_spaces(FINDING_WARNING, "somebody listens on 8001, 8002: portd may grant them",
                  "portd --port 0 --exclude 8001,8002 &");
    scene.doctor.portd.excluded = strdup("8001");
    assert_spaces(FINDING_WARNING, "somebody listens on 8002: portd may grant it",
                  "portd --port 0 --exclude 8001,8002 &");
    scene.doctor.portd.excluded = strdup("8000-8002");
    assert_spaces(FINDING_OK, "nobody in there listens on a port that it grants", NULL);
}

Test(cli_doctor_machine, a_portd_in_another_network_is_an_error) {
    doctor_scene_put_link(&scene, "proc/self/ns/net", "net:[100]");
    doctor_scene_put_link(&scene, "proc/50/ns/net", "net:[100]");
    scene.doctor.portd.pid = 50;
    assert_spaces(FINDING_OK, "no other", NULL);
    doctor_scene_put_link(&scene, "proc/51/ns/net", "net:[500]");
    scene.doctor.portd.pid = 51;
    assert_spaces(FINDING_ERROR, "portd lives in another network namespace",
                  "export PM_SOCKET=@/.portmanager/net-100.sock; portd --db @/.portmanager/net-100.db &");
    scene.doctor.has_stranger = true;
    scene.doctor.portd.pid = 51;
    assert_spaces(FINDING_ERROR, "another",
                  "export PM_SOCKET=@/.portmanager/net-100.sock; portd --db @/.portmanager/net-100.db --port 0 &");
}

/* ---- the folder ---- */

static void assert_folder(mode_t mode, gid_t gid, enum finding_state state, const char *words, bool mends) {
    char path[PATH_MAX];
    char socket[PATH_MAX];
    char remedy[PATH_MAX + 32];
    doctor_scene_put(&scene, "f/g/x", "");
    fake_home_path(&scene.home, "f", path);
    fake_home_path(&scene.home, "f/g/p.sock", socket);
    cr_assert_eq(chown(path, (uid_t)-1, gid), 0);
    cr_assert_eq(chmod(path, mode), 0);
    snprintf(remedy, sizeof(remedy), "chmod go-w %s", path);
    doctor_check_folder(&scene.doctor, socket);
    doctor_scene_assert_found(&scene, state, words, mends ? remedy : NULL);
}

Test(cli_doctor_machine, a_folder_that_others_may_write_in_lets_them_replace_the_socket) {
    assert_folder(0755, getgid(), FINDING_OK, "only its owner can replace the socket", false);
    assert_folder(0757, getgid(), FINDING_WARNING, "other users may write in", true);
    assert_folder(01777, getgid(), FINDING_OK, "only its owner", false);
    if (geteuid() == getgid())
        assert_folder(0775, getgid(), FINDING_OK, "only its owner", false);
    if (geteuid() == 0)
        assert_folder(0775, 4321, FINDING_WARNING, "other users may write in", true);
    doctor_check_folder(&scene.doctor, "127.0.0.1:3030");
    cr_assert_eq(scene.doctor.n_findings, 0);
}

/* ---- this machine ---- */

Test(cli_doctor_machine, the_kernel_is_told_of) {
    doctor_check_kernel(&scene.doctor);
    cr_assert_eq(scene.doctor.n_findings, 2);
    cr_assert_str_eq(scene.doctor.findings[0].check, "kernel");
    cr_assert_eq(scene.doctor.findings[0].state, FINDING_OK);
    cr_assert_str_eq(scene.doctor.findings[1].check, "remap");
    cr_assert_eq(doctor_worst(&scene.doctor), FINDING_OK);
    /* The filter that was tried is not on this process. */
    char *status = NULL;
    scene.doctor.proc = "/proc";
    status = doctor_read_proc(&scene.doctor, "self/status");
    cr_assert_not_null(strstr(status, "Seccomp:\t0"), "%s", status);
    free(status);
}
