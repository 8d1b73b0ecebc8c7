/*
 * free: which ports nobody has at this moment, by portd's leases and its last reading of listeners, and by our own of what
 * portd reads every few seconds or for a grant alone: sockets that are only bound, and connections. It asks for nothing, so a moment later
 * somebody else may have them: only a lease is a promise.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "probe/sock_diag.h"
#include "src/base/json.h"
#include "src/base/port_set.h"
#include "src/base/text.h"

#define RESERVED "/proc/sys/net/ipv4/ip_local_reserved_ports"

/* A list of every second port, the longest that there is. The kernel gives it to the first read() alone. */
#define RESERVED_MAX ((size_t)256 * 1024)

struct range {
    uint16_t min;
    uint16_t max;
};

/* ---- The range */

static int refuse_range(const char *word, struct problem *problem) {
    problem_fill_usage(problem, "%s is no range of ports", word[0] == '\0' ? "''" : word);
    return problem_set_hint(problem, "8000-9000, or one port: from 1 to 65535");
}

/* "8000-9000" or "8000". */
static int read_range(const char *word, struct range *ret_range, struct problem *problem) {
    const char *dash = strchr(word, '-');
    size_t n_first = dash != NULL ? (size_t)(dash - word) : strlen(word);
    char first[8];
    uint64_t min;
    uint64_t max;

    if (n_first >= sizeof first)
        return refuse_range(word, problem);
    memcpy(first, word, n_first);
    first[n_first] = '\0';
    if (text_parse_number(first, 1, UINT16_MAX, &min) < 0 ||
        text_parse_number(dash != NULL ? dash + 1 : word, 1, UINT16_MAX, &max) < 0)
        return refuse_range(word, problem);
    if (min > max) {
        problem_fill_usage(problem, "%s is no range of ports: it ends before it begins", word);
        return problem_set_hint(problem, "portctl free %u-%u", (unsigned)max, (unsigned)min);
    }
    *ret_range = (struct range){(uint16_t)min, (uint16_t)max};
    return 0;
}

static int read_managed(const cJSON *snapshot, struct range *ret_range, struct problem *problem) {
    const cJSON *range = json_get(snapshot, "range");
    uint64_t min;
    uint64_t max;

    if (!json_get_number(range, "min", 1, UINT16_MAX, &min) || !json_get_number(range, "max", min, UINT16_MAX, &max))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer has no range of ports");
    *ret_range = (struct range){(uint16_t)min, (uint16_t)max};
    return 0;
}

/* ---- What is not free */

/* The administrator's reserved ports are not free, unless they are all of the managed range: then they keep ephemeral ports out
 * of it. What cannot be read is nothing. */
static void add_reserved(struct port_set *taken, const struct range *managed) {
    CLEANUP(fd_close_at) int fd = open(RESERVED, O_RDONLY | O_CLOEXEC);
    char *text = calloc(1, RESERVED_MAX);
    struct port_set reserved = {0};

    if (fd >= 0 && text != NULL && read(fd, text, RESERVED_MAX - 1) > 0)
        port_set_parse(&reserved, text, NULL);
    free(text);
    if (port_set_covers(&reserved, managed->min, managed->max))
        return;
    for (size_t i = 0; i < sizeof reserved.bits / sizeof reserved.bits[0]; i++)
        taken->bits[i] |= reserved.bits[i];
}

/* The ports of leases or listeners: all of them, for one that was passed over would count as free. */
static int add_ports(struct port_set *taken, const cJSON *items, struct problem *problem) {
    const cJSON *item;
    uint64_t port;

    if (!cJSON_IsArray(items))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer has no leases or no listeners");
    cJSON_ArrayForEach(item, items) {
        if (!json_get_number(item, "port", 1, UINT16_MAX, &port))
            return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply",
                                "portd's answer holds something that has no port");
        port_set_add(taken, (uint16_t)port);
    }
    return 0;
}

/*
 * Of our own network, which is portd's as a rule; where it is not, what is taken here is no less taken. What is left of a
 * connection that no process has is not in the way of a server. What cannot be read is nothing.
 */
static void add_sockets(struct port_set *taken, const struct range *range) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    CLEANUP(listener_list_deinit) struct listener_list list = {0};
    const uint16_t port = range->min == range->max ? range->min : 0; /* 0: all */

    if (sock_diag_new(&diag) < 0 ||
        sock_diag_dump(diag, SOCK_DIAG_LISTEN | SOCK_DIAG_BOUND | SOCK_DIAG_CONNECTIONS, port, &list) < 0)
        return;
    for (size_t i = 0; i < list.n_items; i++)
        if (list.items[i].inode != 0)
            port_set_add(taken, list.items[i].port);
}

static int find_taken(const cJSON *snapshot, const struct range *managed, struct port_set *ret_taken,
                      struct problem *problem) {
    const char *excluded = "";
    int r = add_ports(ret_taken, json_get(snapshot, "leases"), problem);

    if (r == 0)
        r = add_ports(ret_taken, json_get(snapshot, "listeners"), problem);
    json_get_string(snapshot, "excluded", &excluded);
    port_set_parse(ret_taken, excluded, NULL);
    add_reserved(ret_taken, managed);
    return r;
}

/* Takes away what is behind the first `n`; 0: nothing. Returns how many are left. */
static size_t keep_first(struct port_set *taken, const struct range *range, size_t n) {
    size_t n_free = 0;

    for (unsigned port = range->min; port <= range->max; port++) {
        if (port_set_has(taken, (uint16_t)port))
            continue;
        if (n != 0 && n_free == n)
            port_set_add(taken, (uint16_t)port);
        else
            n_free++;
    }
    return n_free;
}

/* ---- The answer */

static void print_ports(const struct port_set *taken, const struct range *range) {
    for (unsigned port = range->min; port <= range->max; port++)
        if (!port_set_has(taken, (uint16_t)port))
            printf("%u\n", port);
}

static void print_ranges(const struct port_set *taken, const struct range *range) {
    for (unsigned port = range->min; port <= range->max; port++) {
        unsigned end = port;

        if (port_set_has(taken, (uint16_t)port))
            continue;
        while (end < range->max && !port_set_has(taken, (uint16_t)(end + 1)))
            end++;
        if (end > port)
            printf("%u-%u\n", port, end);
        else
            printf("%u\n", port);
        port = end;
    }
}

static int print_json(const struct port_set *taken, const struct range *range, struct problem *problem) {
    cJSON *document = cJSON_CreateObject();
    cJSON *told = cJSON_AddObjectToObject(document, "range");
    cJSON *ports = cJSON_AddArrayToObject(document, "ports");

    cJSON_AddNumberToObject(told, "min", range->min);
    cJSON_AddNumberToObject(told, "max", range->max);
    for (unsigned port = range->min; port <= range->max; port++)
        if (!port_set_has(taken, (uint16_t)port))
            cJSON_AddItemToArray(ports, cJSON_CreateNumber(port));
    return output_json(document) < 0 ? problem_fill_memory(problem) : 0;
}

static int refuse_none(const struct range *range, struct problem *problem) {
    if (range->min == range->max) {
        problem_fill(problem, EXIT_TAKEN, "none-free", "port %u is not free", range->min);
        return problem_set_hint(problem, "portctl who %u", range->min);
    }
    return problem_fill(problem, EXIT_TAKEN, "none-free", "no port from %u to %u is free", range->min, range->max);
}

static int print_free(const struct output *output, const struct port_set *taken, const struct range *range,
                      struct problem *problem) {
    if (output->json)
        return print_json(taken, range, problem);
    if (!output->terminal || output->quiet) {
        print_ports(taken, range);
        return 0;
    }
    print_ranges(taken, range);
    if (output->error_terminal)
        output_tell(output, "A hint, not a promise: portctl alloc NAME takes one.");
    return 0;
}

static int cmd_free(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *snapshot = NULL;
    const char *word = invocation->operands.items[0]; /* NULL: the managed range */
    struct port_set taken = {0};
    struct range managed = {0};
    struct range range = {0};
    int r = word != NULL ? read_range(word, &range, problem) : 0;

    if (r == 0)
        r = client_call(invocation->client, "/snapshot", NULL, CLIENT_PATIENCE_MS, &snapshot, problem);
    if (r == 0)
        r = read_managed(snapshot, &managed, problem);
    if (r == 0)
        r = find_taken(snapshot, &managed, &taken, problem);
    if (r != 0)
        return r;
    if (word == NULL)
        range = managed;
    add_sockets(&taken, &range);
    if (keep_first(&taken, &range, invocation->options.count) == 0)
        return refuse_none(&range, problem);
    *ret_exit_code = EXIT_YES;
    return print_free(&invocation->output, &taken, &range, problem);
}

static const enum option_id free_options[] = {OPTION_COUNT, OPTION_END};

const struct command command_free = {
    .name = "free",
    .summary = "show which ports are free now",
    .usage = "[MIN-MAX|PORT] [options]",
    .details =
        "Those that nobody has leased, listens on, has bound (Linux tells that from 6.8 on) or has a connection\n"
        "from, and that are neither excluded nor reserved; without a range out of those that portd manages.\n"
        "A hint, not a promise: only a lease is one. With --count the first so many. In a pipe one a line. Exit\n"
        "code 4 if none is free.\n",
    .options = free_options,
    .n_most = 1,
    .first = OPERAND_ANY,
    .examples = {{"portctl free", "of the managed range"},
                 {"portctl free 3000-3999 --count 1", "the first one of others"},
                 {"portctl free 5432 && echo nobody", "for a script: the exit code"}},
    .function = cmd_free,
};
