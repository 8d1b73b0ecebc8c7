/*
 * Forwarders told from what only calls itself so.
 */
#include "probe/forwarder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct process_info make(uid_t uid, const char *name, char *executable, char *command) {
    struct process_info info = {.uid = uid, .executable = executable, .command = command};
    snprintf(info.name, sizeof(info.name), "%s", name);
    return info;
}

static void assert_recognised(struct process_info info, const char *runtime) {
    struct forwarder forwarder = {.host_port = 77};
    const bool recognised = forwarder_recognise(&info, &forwarder);
    cr_assert_eq(recognised, runtime != NULL, "%s, %s", info.name, info.executable ? info.executable : "-");
    if (recognised)
        cr_assert_str_eq(forwarder.runtime, runtime);
    else
        cr_assert_eq(forwarder.host_port, 77, "untouched");
}

Test(forwarder, docker_proxy_tells_its_ports) {
    const struct process_info info =
        make(0, "docker-proxy", "/usr/bin/docker-proxy",
             "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 "
             "-container-port 80 -use-listen-fd");
    struct forwarder forwarder;
    cr_assert(forwarder_recognise(&info, &forwarder));
    cr_assert_str_eq(forwarder.runtime, "docker");
    cr_assert_eq(forwarder.host_port, 8080);
    cr_assert_str_eq(forwarder.container, "172.17.0.2:80");
}

Test(forwarder, a_container_with_ipv6_is_in_brackets) {
    const struct process_info info = make(0, "docker-proxy", NULL,
                                          "docker-proxy -proto tcp -host-ip :: -host-port 65535 -container-ip "
                                          "fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:1234 -container-port 65535");
    struct forwarder forwarder;
    cr_assert(forwarder_recognise(&info, &forwarder));
    cr_assert_eq(forwarder.host_port, 65535);
    cr_assert_str_eq(forwarder.container, "[fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:1234]:65535");
}

Test(forwarder, what_docker_proxy_does_not_say_is_empty) {
    char *commands[] = {
        "",
        "docker-proxy",
        "docker-proxy -host-port",
        "docker-proxy -host-port 65536 -container-ip 172.17.0.2 -container-port 0",
        "docker-proxy -host-port 99999999999999999999 -container-port 80",
        "docker-proxy -host-port 80x -container-ip 172.17.0.2",
        "docker-proxy -host-port -1 -container-port 80 -container-ip ",
        "docker-proxy -container-port 80 -container-ip "
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct process_info info = make(0, "docker-proxy", NULL, commands[i]);
        struct forwarder forwarder;
        cr_assert(forwarder_recognise(&info, &forwarder));
        cr_assert_eq(forwarder.host_port, 0, "%s", commands[i]);
        cr_assert_str_eq(forwarder.container, "", "%s", commands[i]);
    }
}

Test(forwarder, each_kind_is_recognised) {
    assert_recognised(make(1000, "rootlesskit", "/usr/bin/rootlesskit", ""), "docker");
    assert_recognised(make(1000, "rootlessport", "/usr/libexec/podman/rootlessport", ""), "podman");
    assert_recognised(make(1000, "rootlessport-ch", "/usr/libexec/podman/rootlessport", ""), "podman");
    assert_recognised(make(1000, "exe", "/usr/libexec/podman/rootlessport", "rootlessport-child"), "podman");
    assert_recognised(make(1000, "slirp4netns", "/usr/bin/slirp4netns", ""), "podman");
    assert_recognised(make(1000, "pasta", "/usr/bin/pasta", ""), "podman");
    assert_recognised(make(1000, "pasta.avx2", "/usr/bin/pasta.avx2", ""), "podman");
    assert_recognised(make(1000, "pasta.avx2", "/usr/bin/pasta.avx2 (deleted)", ""), "podman");
    assert_recognised(make(1000, "pasta", NULL, ""), "podman");
}

/* On Debian pasta is a link to passt, which also serves virtual machines. */
Test(forwarder, passt_is_one_only_as_pasta) {
    assert_recognised(make(1000, "passt.avx2", "/usr/bin/passt.avx2", "/usr/bin/pasta --config-net"), "podman");
    assert_recognised(make(1000, "pasta.avx2", "/usr/bin/passt.avx2", "pasta --config-net"), "podman");
    assert_recognised(make(1000, "passt.avx2", "/usr/bin/passt.avx2", "/usr/bin/passt --socket /pasta"), NULL);
    assert_recognised(make(1000, "passt", "/usr/bin/passt", ""), NULL);
}

Test(forwarder, a_name_alone_makes_none_but_of_root) {
    assert_recognised(make(1000, "docker-proxy", "/usr/bin/python3.11", ""), NULL);
    assert_recognised(make(1000, "python3", "/home/a/docker-proxy", ""), NULL);
    assert_recognised(make(1000, "pasta", "/usr/bin/pasta-sauce", ""), NULL);
    assert_recognised(make(1000, "pasta", "/pasta/cook", ""), NULL);
    assert_recognised(make(0, "docker-proxy", "/memfd:runc", ""), "docker");
    assert_recognised(make(0, "docker-proxy-x", "/usr/bin/x", ""), NULL);
    assert_recognised(make(0, "exe", "/usr/bin/x", ""), NULL);
    assert_recognised(make(0, "", NULL, ""), NULL);
}

Test(forwarder, the_unit_of_docker_runs_forwarders) {
    cr_assert(forwarder_is_cgroup("/system.slice/docker.service"));
    cr_assert(forwarder_is_cgroup("/user.slice/user-1000.slice/user@1000.service/app.slice/docker.service"));
    cr_assert(forwarder_is_cgroup("/system.slice/snap.docker.dockerd.service"));
    cr_assert_not(forwarder_is_cgroup("/system.slice/my-docker.service"));
    cr_assert_not(forwarder_is_cgroup("/system.slice/docker.socket"));
    cr_assert_not(forwarder_is_cgroup("/lxc.payload.box/system.slice/docker.service"));
    cr_assert_not(forwarder_is_cgroup("/"));
    cr_assert_not(forwarder_is_cgroup(NULL));
}
