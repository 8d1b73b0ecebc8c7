/*
 * The URL of a service. See service_url.h.
 */
#include "cli/service_url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/selection.h"
#include "cli/service_word.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* How good an address is: localhost leads to the first two, and to ::1 where nothing listens on 127.0.0.1, but not by every program. */
enum reach { REACH_NONE, REACH_OTHER, REACH_LOOPBACK_6, REACH_LOCALHOST };

static bool is_any_or_loopback(const struct in_addr *address) {
    return address->s_addr == htonl(INADDR_ANY) || address->s_addr == htonl(INADDR_LOOPBACK);
}

static enum reach judge(const char *address) {
    struct in_addr ipv4;
    struct in6_addr ipv6;

    if (inet_pton(AF_INET, address, &ipv4) == 1)
        return is_any_or_loopback(&ipv4) ? REACH_LOCALHOST : REACH_OTHER;
    if (inet_pton(AF_INET6, address, &ipv6) != 1)
        return REACH_NONE;
    if (IN6_IS_ADDR_UNSPECIFIED(&ipv6))
        return REACH_LOCALHOST;
    if (IN6_IS_ADDR_LOOPBACK(&ipv6))
        return REACH_LOOPBACK_6;
    if (!IN6_IS_ADDR_V4MAPPED(&ipv6))
        return REACH_OTHER;
    memcpy(&ipv4, &ipv6.s6_addr[12], sizeof ipv4);
    return is_any_or_loopback(&ipv4) ? REACH_LOCALHOST : REACH_OTHER;
}

/* An address to connect to: a server on all of them is on the loopback, too. */
static const char *find_target(const char *address, enum reach reach, bool exact) {
    static const char mapped[] = "::ffff:";
    struct in6_addr ipv6;

    if (reach == REACH_NONE || (reach == REACH_LOCALHOST && !exact))
        return "localhost";
    if (reach == REACH_LOCALHOST)
        return inet_pton(AF_INET6, address, &ipv6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&ipv6) ? "::1" : "127.0.0.1";
    if (strncmp(address, mapped, strlen(mapped)) == 0 && strchr(address, '.') != NULL)
        return address + strlen(mapped);
    return address;
}

void service_url_format(const char *address, uint16_t port, bool exact, char *ret_url) {
    const char *target = find_target(address, judge(address), exact);
    bool is_ipv6 = strchr(target, ':') != NULL;

    snprintf(ret_url, SERVICE_URL_MAX, "http://%s%s%s:%u", is_ipv6 ? "[" : "", target, is_ipv6 ? "]" : "", port);
}

/* Of what listens on the port, the address that leads there best. On a leased port only the lease's own listeners count; on
 * another one, where its holder listens instead, there is no such distinction. */
static const char *choose_address(const cJSON *answer) {
    const char *best = "localhost";
    enum reach best_reach = REACH_NONE;
    const cJSON *listener;

    cJSON_ArrayForEach(listener, json_get(answer, "listeners")) {
        const char *address = "";
        const char *state = "";
        const char *level = "";

        json_get_string(listener, "address", &address);
        json_get_string(listener, "state", &state);
        json_get_string(json_get(listener, "evidence"), "level", &level);
        if (strcmp(state, "listen") != 0 || strcmp(level, "foreign") == 0 || judge(address) <= best_reach)
            continue;
        best = address;
        best_reach = judge(address);
    }
    return best;
}

static int refuse_stranger(const cJSON *answer, const struct lease_view *lease, struct problem *problem) {
    const char *verdict = "Somebody else listens on the port.";

    json_get_string(answer, "verdict", &verdict);
    problem_fill(problem, EXIT_NO, "squatted", "%s", verdict);
    return problem_set_hint(problem, "portctl who %u", lease->port);
}

static int ask_who(const struct invocation *invocation, uint16_t port, cJSON **ret_answer, struct problem *problem) {
    char target[32];

    snprintf(target, sizeof target, "/who?port=%u", port);
    return client_call(invocation->client, target, NULL, CLIENT_PATIENCE_MS, ret_answer, problem);
}

static int find(const struct invocation *invocation, const struct lease_view *lease, struct service_url *ret_url,
                struct problem *problem) {
    bool elsewhere = strcmp(lease->state, "elsewhere") == 0 && lease->elsewhere_port != 0;
    /* Another one has the other family of addresses: localhost may lead to him. */
    bool split = lease->conflict != NULL && strcmp(lease->conflict, "split") == 0;
    CLEANUP(json_free_at) cJSON *answer = NULL;
    struct service_url url = {.port = elsewhere ? lease->elsewhere_port : lease->port};
    int r = ask_who(invocation, url.port, &answer, problem);

    if (r != 0)
        return r;
    if (strcmp(lease->state, "conflict") == 0 && !split)
        return refuse_stranger(answer, lease, problem);
    text_make_safe(lease->service_name, url.service_name, sizeof url.service_name);
    if (elsewhere)
        output_say(&invocation->output, "note: %s listens on %u instead of %u", url.service_name, url.port,
                   lease->port);
    url.listens = elsewhere || split || strcmp(lease->state, "bound") == 0;
    service_url_format(choose_address(answer), url.port, split, url.url);
    *ret_url = url;
    return 0;
}

int service_url_find(const struct invocation *invocation, struct service_url *ret_url, struct problem *problem) {
    CLEANUP(selection_deinit) struct selection selection = {0};
    const struct scope *scope = &invocation->scope;
    struct service_word word;
    int r = service_word_read(scope, invocation->operands.items[0], &word, problem);

    if (r == 0)
        r = selection_all(invocation->client, &selection, problem);
    if (r == 0)
        r = service_word_select(&word, scope, &selection, problem);
    if (r != 0)
        return r;
    service_word_tell_project(&word, scope, &selection.views[0], &invocation->output);
    return find(invocation, &selection.views[0], ret_url, problem);
}
