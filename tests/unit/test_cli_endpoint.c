/*
 * Where portd is looked for.
 */
#include "cli/endpoint.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "probe/fd.h"

static void clear_environment(void) {
    unsetenv("PM_SOCKET");
    unsetenv("PM_URL");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    setenv("HOME", "/home/ann", 1);
}

static void assert_found(const struct options *options, bool are_explicit, const char *const *expected) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct endpoints endpoints;
    size_t n = 0;

    cr_assert_eq(endpoints_find(options, &endpoints, &problem), 0, "%s", problem.detail);
    for (; expected[n] != NULL; n++) {
        cr_assert_lt(n, endpoints.n_items, "there is no %s", expected[n]);
        cr_assert_str_eq(endpoints.items[n].text, expected[n]);
    }
    cr_assert_eq(endpoints.n_items, n);
    cr_assert_eq(endpoints.explicit_ones, are_explicit);
}

static const struct options none;

#define ASSERT_FOUND(options, are_explicit, ...)                                                                       \
    assert_found(&(options), are_explicit, (const char *const[]){__VA_ARGS__, NULL})

Test(cli_endpoint, the_well_known_places_come_in_their_order, .init = clear_environment) {
    ASSERT_FOUND(none, false, "/run/user/7/portmanager.sock", "/home/ann/.portmanager/portd.sock",
                 "/run/portmanager/portd.sock", "127.0.0.1:3030", "[::1]:3030");
}

Test(cli_endpoint, what_is_unset_empty_or_not_absolute_is_no_place, .init = clear_environment) {
    setenv("XDG_RUNTIME_DIR", "run", 1);
    unsetenv("HOME");
    setenv("PM_SOCKET", "", 1);
    setenv("PM_URL", "", 1);
    ASSERT_FOUND(none, false, "/run/portmanager/portd.sock", "127.0.0.1:3030", "[::1]:3030");
}

Test(cli_endpoint, a_home_too_long_for_a_socket_is_no_place, .init = clear_environment) {
    char home[200] = "/";
    memset(home + 1, 'h', sizeof(home) - 2);
    setenv("HOME", home, 1);
    ASSERT_FOUND(none, false, "/run/user/7/portmanager.sock", "/run/portmanager/portd.sock", "127.0.0.1:3030",
                 "[::1]:3030");
}

Test(cli_endpoint, what_is_said_explicitly_is_the_only_place, .init = clear_environment) {
    setenv("PM_URL", "http://127.0.0.1:4", 1);
    ASSERT_FOUND(none, true, "127.0.0.1:4");
    setenv("PM_SOCKET", "/s", 1);
    ASSERT_FOUND(none, true, "/s");
    const struct options url = {.url = "http://[::1]:5/"};
    ASSERT_FOUND(url, true, "[::1]:5");
    const struct options path = {.socket = "rel.sock"};
    ASSERT_FOUND(path, true, "rel.sock");
}

Test(cli_endpoint, localhost_is_both_families, .init = clear_environment) {
    const struct options options = {.url = "http://localhost:65535"};
    ASSERT_FOUND(options, true, "127.0.0.1:65535", "[::1]:65535");
}

Test(cli_endpoint, addresses_are_what_their_texts_say, .init = clear_environment) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    const struct options options = {.url = "http://localhost:4711"};
    struct endpoints endpoints;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    cr_assert_eq(endpoints_find(&options, &endpoints, &problem), 0);
    memcpy(&ipv4, &endpoints.items[0].address, sizeof(ipv4));
    memcpy(&ipv6, &endpoints.items[1].address, sizeof(ipv6));
    cr_assert_eq(ipv4.sin_family, AF_INET);
    cr_assert_eq(ntohl(ipv4.sin_addr.s_addr), INADDR_LOOPBACK);
    cr_assert_eq(ntohs(ipv4.sin_port), 4711);
    cr_assert_eq(ipv6.sin6_family, AF_INET6);
    cr_assert(IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr));
    cr_assert_eq(ntohs(ipv6.sin6_port), 4711);
}

Test(cli_endpoint, a_url_that_is_not_portds_is_refused, .init = clear_environment) {
    static const char *const wrong[] = {
        "http://example.com:3030",
        "http://0.0.0.0:3030",
        "http://localhost",
        "https://localhost:3030",
        "localhost:3030",
        "http://localhost:0",
        "http://localhost:70000",
        "http://localhost:3030/list",
        "http://a@localhost:3030",
        "http://localhost:30?a",
        "http://localhost:30#a",
        "http://127.0.0.2:3030",
        "",
        "http://",
        "http://localhost.:3030",
        "http://localhost :3030",
        "HTTP://localhost:3030x",
        "http://[::1:3030",
        "http://[::2]:3030",
        "unix:/s",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CLEANUP(problem_deinit) struct problem problem = {0};
        const struct options options = {.url = wrong[i]};
        struct endpoints endpoints;
        cr_assert_eq(endpoints_find(&options, &endpoints, &problem), PROBLEM_E_SET, "%s", wrong[i]);
        cr_assert_eq(problem.exit_code, EXIT_USAGE);
    }
}

Test(cli_endpoint, a_path_too_long_for_a_socket_is_refused_with_its_source, .init = clear_environment) {
    CLEANUP(problem_deinit) struct problem problem = {0};
    struct endpoints endpoints;
    char path[109] = {0};

    memset(path, 's', 108);
    setenv("PM_SOCKET", path, 1);
    cr_assert_eq(endpoints_find(&none, &endpoints, &problem), PROBLEM_E_SET);
    cr_assert_str_eq(problem.detail, "PM_SOCKET: a socket's path has at most 107 bytes");
    path[107] = '\0';
    setenv("PM_SOCKET", path, 1);
    cr_assert_eq(endpoints_find(&none, &endpoints, &problem), 0);
    cr_assert_str_eq(endpoints.items[0].text, path);
}
