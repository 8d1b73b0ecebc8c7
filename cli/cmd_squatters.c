/*
 * squatters and conflicts: where the kernel and the leases disagree. The second are those of the first that hurt a lease, and
 * their exit code is the answer for a script.
 */
#include <stdio.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/lease_view.h"
#include "cli/listener_view.h"
#include "cli/table.h"
#include "cli/words.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* One of the sockets that a finding is about. */
struct row {
    const char *kind;
    const char *since;
    const char *verdict;
    bool leased;
    struct lease_view lease;
    bool has_listener;
    struct listener_view listener;
    uint16_t port;
};

static int add_for_terminal(struct table *table, const struct row *row, const struct output *output) {
    const struct words words = words_of_finding(row->kind);
    const struct clock clock = clock_system();
    struct owner_view owner = {0};
    bool visible = row->has_listener && listener_view_first_owner(&row->listener, &owner);
    const char *process = visible ? owner.process : row->has_listener ? "? hidden" : NULL;
    char port[8];
    char kind[WORDS_MAX];
    char pid[16] = "";
    char user[LISTENER_TEXT_MAX] = "";
    char since[OUTPUT_AGE_MAX] = "";
    int64_t since_ms;

    snprintf(port, sizeof port, "%u", row->port);
    words_format(&words, output->utf8, kind);
    if (visible)
        snprintf(pid, sizeof pid, "%d", (int)owner.pid);
    if (row->has_listener)
        listener_view_format_user(row->listener.user, row->listener.has_uid, row->listener.uid, user);
    if (text_parse_time(row->since, &since_ms) == 0)
        output_format_age(since_ms, clock_read(&clock).unix_ms, since);
    return table_add(table, (const struct table_cell[]){{port, STYLE_BOLD},
                                                        {kind, words.style},
                                                        {row->leased ? row->lease.service_name : NULL, STYLE_PLAIN},
                                                        {process, visible ? STYLE_PLAIN : STYLE_DIM},
                                                        {pid, STYLE_PLAIN},
                                                        {user, STYLE_PLAIN},
                                                        {row->has_listener ? row->listener.address : NULL, STYLE_PLAIN},
                                                        {since, STYLE_DIM}});
}

static int add_for_pipe(struct table *table, const struct row *row) {
    struct owner_view owner = {0};
    char port[8];
    char pid[16] = "";
    char lease_user[LEASE_USER_MAX] = "";
    char user[LISTENER_TEXT_MAX] = "";

    snprintf(port, sizeof port, "%u", row->port);
    if (row->has_listener) {
        listener_view_first_owner(&row->listener, &owner);
        listener_view_format_user(row->listener.user, row->listener.has_uid, row->listener.uid, user);
    }
    if (owner.pid != 0)
        snprintf(pid, sizeof pid, "%d", (int)owner.pid);
    if (row->leased)
        lease_view_format_user(&row->lease, lease_user);
    return table_add(table, (const struct table_cell[]){{port, STYLE_PLAIN},
                                                        {row->kind, STYLE_PLAIN},
                                                        {row->has_listener ? row->listener.address : NULL, STYLE_PLAIN},
                                                        {owner.process, STYLE_PLAIN},
                                                        {pid, STYLE_PLAIN},
                                                        {user, STYLE_PLAIN},
                                                        {row->leased ? row->lease.service_name : NULL, STYLE_PLAIN},
                                                        {lease_user, STYLE_PLAIN},
                                                        {row->since, STYLE_PLAIN},
                                                        {row->verdict, STYLE_PLAIN}});
}

static int add_row(struct table *table, const struct row *row, const struct output *output) {
    return output->terminal ? add_for_terminal(table, row, output) : add_for_pipe(table, row);
}

/* A row for each socket: of split and shared a person wants to see both parties. */
static int add_finding(struct table *table, const cJSON *finding, const struct output *output) {
    struct row row = {.kind = "", .since = "", .verdict = ""};
    const cJSON *listener;
    uint64_t port;
    int n_rows = 0;

    if (!json_get_number(finding, "port", 1, UINT16_MAX, &port))
        return 0;
    row.port = (uint16_t)port;
    json_get_string(finding, "kind", &row.kind);
    json_get_string(finding, "since", &row.since);
    json_get_string(finding, "verdict", &row.verdict);
    row.leased = lease_view_read(json_get(finding, "lease"), &row.lease);
    cJSON_ArrayForEach(listener, json_get(finding, "listeners")) {
        row.has_listener = listener_view_read(listener, &row.listener);
        if (!row.has_listener)
            continue;
        if (add_row(table, &row, output) < 0)
            return -1;
        n_rows++;
    }
    row.has_listener = false;
    return n_rows > 0 ? 0 : add_row(table, &row, output);
}

static int print_table(const cJSON *findings, const struct output *output, struct problem *problem) {
    static const struct table_column for_terminal[] = {
        {"PORT", 0, 0, true}, {"KIND", TABLE_SIGN, 2, false}, {"LEASE", 8, 3, false},   {"PROCESS", 8, 0, false},
        {"PID", 0, 4, true},  {"USER", 6, 5, false},          {"ADDRESS", 9, 7, false}, {"SINCE", 0, 6, false},
    };
    static const struct table_column for_pipe[10] = {{"", 0, 0, false}};
    const struct table_format format = {
        .terminal = output->terminal, .colour = output->colour, .utf8 = output->utf8, .width = output->width};
    CLEANUP(table_free_at)
    struct table *table = output->terminal ? table_new(for_terminal, sizeof for_terminal / sizeof for_terminal[0])
                                           : table_new(for_pipe, sizeof for_pipe / sizeof for_pipe[0]);
    const cJSON *finding;

    if (table == NULL)
        return problem_fill_memory(problem);
    cJSON_ArrayForEach(finding, findings) {
        if (add_finding(table, finding, output) < 0)
            return problem_fill_memory(problem);
    }
    table_print(table, &format, stdout);
    return 0;
}

static void print_ports(const cJSON *findings) {
    const cJSON *finding;
    uint64_t last = 0;

    cJSON_ArrayForEach(finding, findings) {
        uint64_t port;
        if (json_get_number(finding, "port", 1, UINT16_MAX, &port) && port != last) {
            printf("%u\n", (unsigned)port);
            last = port;
        }
    }
}

/* Takes out those that the caller ignores; returns how many. */
static unsigned leave_out_ignored(cJSON *findings) {
    unsigned n_ignored = 0;
    cJSON *next;

    for (cJSON *finding = findings->child; finding != NULL; finding = next) {
        bool ignored = false;

        next = finding->next;
        json_get_bool(finding, "ignored", &ignored);
        if (!ignored)
            continue;
        cJSON_Delete(cJSON_DetachItemViaPointer(findings, finding));
        n_ignored++;
    }
    return n_ignored;
}

static int print(const cJSON *findings, const char *key, unsigned n_ignored, const struct output *output,
                 struct problem *problem) {
    bool any = findings->child != NULL;
    int r;

    if (!any && output->terminal)
        fprintf(stderr, "No %s.\n", key);
    r = print_table(findings, output, problem);
    if (r == 0 && any && output->error_terminal && output->terminal)
        output_tell(output, "portctl who PORT explains one of them.");
    if (r == 0 && n_ignored > 0)
        output_tell(output, "%u ignored: portctl %s --all", n_ignored, key);
    return r;
}

/* `*ret_any`: there are findings. */
static int show(const struct invocation *invocation, const char *target, const char *key, bool *ret_any,
                struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    const struct output *output = &invocation->output;
    cJSON *findings;
    unsigned n_ignored = 0;
    int r = client_call(invocation->client, target, NULL, CLIENT_PATIENCE_MS, &reply, problem);

    if (r != 0)
        return r;
    findings = cJSON_GetObjectItemCaseSensitive(reply, key);
    if (!cJSON_IsArray(findings))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's list of %s is none", key);
    if (!invocation->options.all)
        n_ignored = leave_out_ignored(findings);
    *ret_any = findings->child != NULL;
    if (output->json) {
        cJSON *members = reply;
        reply = NULL;
        return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
    }
    if (output->quiet) {
        print_ports(findings);
        return 0;
    }
    return print(findings, key, n_ignored, output, problem);
}

static int cmd_squatters(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    bool any;

    *ret_exit_code = EXIT_YES;
    return show(invocation, "/squatters", "squatters", &any, problem);
}

static int cmd_conflicts(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    bool any = false;
    int r = show(invocation, "/conflicts", "conflicts", &any, problem);

    *ret_exit_code = any ? EXIT_NO : EXIT_YES;
    return r;
}

static const enum option_id squatters_options[] = {OPTION_ALL, OPTION_END};

const struct command command_squatters = {
    .name = "squatters",
    .summary = "show who listens where he has no lease",
    .usage = "[options]",
    .details = "Everything that is on a leased port, or in the managed range, and does not belong there. In a\n"
               "pipe: a line a socket, tab-separated: port, kind, address, process, pid, user, name of the lease,\n"
               "user of the lease, since, verdict. The kinds are unleased, taken, split, shared and inactive.\n"
               "Those that you ignore are left out.\n",
    .options = squatters_options,
    .examples = {{"portctl squatters", "with what each one hurts"},
                 {"portctl squatters -q", "their ports, one a line"},
                 {"portctl squatters --all", "those that you ignore, too"}},
    .function = cmd_squatters,
};

const struct command command_conflicts = {
    .name = "conflicts",
    .summary = "show the leased ports that two parties have",
    .usage = "[options]",
    .details = "Those of the squatters that are on a leased port: taken, split or shared. Exit code 1 if there are\n"
               "any but those that you ignore. In a pipe: the same lines as those of squatters.\n",
    .options = squatters_options,
    .examples = {{"portctl conflicts", "who sits on whose port"},
                 {"portctl conflicts -q && echo all is well", "for a script"}},
    .function = cmd_conflicts,
};
