/*
 * Forwarders told from what only calls itself so.
 */
#include "probe/forwarder.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

struct program {
    struct process_info info;
    const char *runtime; /* NULL: it is no forwarder */
};

static void assert_recognised(const struct program *programs, size_t n_programs) {
    for (size_t i = 0; i < n_programs; i++) {
        const struct process_info *info = &programs[i].info;
        struct forwarder forwarder = {.host_port = 77};
        const bool recognised = forwarder_recognise(info, &forwarder);
        cr_assert_eq(recognised, programs[i].runtime != NULL, "%s, %s", info->name,
                     info->executable ? info->executable : "-");
        if (recognised)
            cr_assert_str_eq(forwarder.runtime, programs[i].runtime);
        else
            cr_assert_eq(forwarder.host_port, 77, "untouched");
    }
}

Test(forwarder, docker_proxy_tells_its_ports) {
    const struct process_info info = {
        .uid = 0,
        .name = "docker-proxy",
        .executable = "/usr/bin/docker-proxy",
        .command = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.17.0.2 "
                   "-container-port 80 -use-listen-fd"};
    struct forwarder forwarder;
    cr_assert(forwarder_recognise(&info, &forwarder));
    cr_assert_str_eq(forwarder.runtime, "docker");
    cr_assert_eq(forwarder.host_port, 8080);
    cr_assert_str_eq(forwarder.container, "172.17.0.2:80");
}

Test(forwarder, a_container_with_ipv6_is_in_brackets) {
    const struct process_info info = {.uid = 0,
                                      .name = "docker-proxy",
                                      .executable = NULL,
                                      .command = "docker-proxy -proto tcp -host-ip :: -host-port 65535 -container-ip "
                                                 "fd00:aaaa:bbbb:cccc:dddd:eeee:ffff:1234 -container-port 65535"};
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
        "docker-proxy -container-port 80 -container-ip 11111111111111111111111111111111111111111111111111111111",
    };
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        const struct process_info info = {.uid = 0, .name = "docker-proxy", .executable = NULL, .command = commands[i]};
        struct forwarder forwarder;
        cr_assert(forwarder_recognise(&info, &forwarder));
        cr_assert_eq(forwarder.host_port, 0, "%s", commands[i]);
        cr_assert_str_eq(forwarder.container, "", "%s", commands[i]);
    }
}

Test(forwarder, each_kind_is_recognised) {
    const struct program programs[] = {
        {{.uid = 1000, .name = "rootlesskit", .executable = "/usr/bin/rootlesskit", .command = ""}, "docker"},
        {{.uid = 1000, .name = "rootlessport", .executable = "/usr/libexec/podman/rootlessport", .command = ""},
         "podman"},
        {{.uid = 1000, .name = "rootlessport-ch", .executable = "/usr/libexec/podman/rootlessport", .command = ""},
         "podman"},
        {{.uid = 1000,
          .name = "exe",
          .executable = "/usr/libexec/podman/rootlessport",
          .command = "rootlessport-child"},
         "podman"},
        {{.uid = 1000, .name = "slirp4netns", .executable = "/usr/bin/slirp4netns", .command = ""}, "podman"},
        {{.uid = 1000, .name = "pasta", .executable = "/usr/bin/pasta", .command = ""}, "podman"},
        {{.uid = 1000, .name = "pasta.avx2", .executable = "/usr/bin/pasta.avx2", .command = ""}, "podman"},
        {{.uid = 1000, .name = "pasta.avx2", .executable = "/usr/bin/pasta.avx2 (deleted)", .command = ""}, "podman"},
        {{.uid = 1000, .name = "pasta", .executable = NULL, .command = ""}, "podman"},
    };
    assert_recognised(programs, sizeof(programs) / sizeof(programs[0]));
}

/* On Debian pasta is a link to passt, which also serves virtual machines. */
Test(forwarder, passt_is_one_only_as_pasta) {
    const struct program programs[] = {
        {{.uid = 1000,
          .name = "passt.avx2",
          .executable = "/usr/bin/passt.avx2",
          .command = "/usr/bin/pasta --config-net"},
         "podman"},
        {{.uid = 1000, .name = "pasta.avx2", .executable = "/usr/bin/passt.avx2", .command = "pasta --config-net"},
         "podman"},
        {{.uid = 1000,
          .name = "passt.avx2",
          .executable = "/usr/bin/passt.avx2",
          .command = "/usr/bin/passt --socket /pasta"},
         NULL},
        {{.uid = 1000, .name = "passt", .executable = "/usr/bin/passt", .command = ""}, NULL},
    };
    assert_recognised(programs, sizeof(programs) / sizeof(programs[0]));
}

Test(forwarder, a_name_alone_makes_none_but_of_root) {
    const struct program programs[] = {
        {{.uid = 1000, .name = "docker-proxy", .executable = "/usr/bin/python3.11", .command = ""}, NULL},
        {{.uid = 1000, .name = "python3", .executable = "/home/a/docker-proxy", .command = ""}, NULL},
        {{.uid = 1000, .name = "pasta", .executable = "/usr/bin/pasta-sauce", .command = ""}, NULL},
        {{.uid = 1000, .name = "pasta", .executable = "/pasta/cook", .command = ""}, NULL},
        {{.uid = 0, .name = "docker-proxy", .executable = "/memfd:runc", .command = ""}, "docker"},
        {{.uid = 0, .name = "docker-proxy-x", .executable = "/usr/bin/x", .command = ""}, NULL},
        {{.uid = 0, .name = "exe", .executable = "/usr/bin/x", .command = ""}, NULL},
        {{.uid = 0, .name = "", .executable = NULL, .command = ""}, NULL},
    };
    assert_recognised(programs, sizeof(programs) / sizeof(programs[0]));
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
