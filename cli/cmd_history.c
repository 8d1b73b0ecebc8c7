/*
 * history: the events that portd has kept, as watch would have shown them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/event_view.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define TARGET_MAX (128 + 3 * OPTIONS_NAME_MAX)

static int64_t now(void) {
    const struct clock clock = clock_system();
    return clock_read(&clock).unix_ms;
}

/* A duration means so long ago; a time goes as it was given. Both have been checked (options.c). */
static int add_since(const char *since, char *target) {
    char time[TEXT_TIME_MAX];
    uint64_t seconds;
    int64_t begin_ms;

    if (since == NULL)
        return 0;
    if (text_parse_duration(since, &seconds) < 0)
        return client_escape_query(since, target, TARGET_MAX);
    begin_ms = now() - (int64_t)seconds * 1000;
    text_format_time(begin_ms > 0 ? begin_ms : 0, time);
    return client_escape_query(time, target, TARGET_MAX);
}

/* "&key=" or "?key=": what follows is appended to it. */
static void begin_parameter(char *target, size_t *n_parameters, const char *key) {
    size_t used = strlen(target);

    snprintf(target + used, TARGET_MAX - used, "%c%s=", (*n_parameters)++ == 0 ? '?' : '&', key);
}

/* `word` is a port or a full name; NULL: all. */
static int make_target(const struct options *options, const char *word, char *ret_target) {
    size_t n_parameters = 0;
    size_t used;
    int r = 0;

    snprintf(ret_target, TARGET_MAX, "/history");
    if (word != NULL) {
        begin_parameter(ret_target, &n_parameters, options_is_port(word) ? "port" : "service");
        r = client_escape_query(word, ret_target, TARGET_MAX);
    }
    if (r == 0 && options->since != NULL) {
        begin_parameter(ret_target, &n_parameters, "since");
        r = add_since(options->since, ret_target);
    }
    if (r == 0 && options->limit != 0) {
        begin_parameter(ret_target, &n_parameters, "limit");
        used = strlen(ret_target);
        snprintf(ret_target + used, TARGET_MAX - used, "%u", options->limit);
    }
    return r;
}

/* A lease is asked for again by each `up` and `env`: the last time is enough, for it tells that it is in use. */
static bool is_repeated(const cJSON *event) {
    uint64_t id = 0;
    uint64_t later_id = 0;

    if (!event_view_is_again(event))
        return false;
    json_get_number(event, "lease_id", 0, UINT64_MAX, &id);
    for (const cJSON *later = event->next; later != NULL; later = later->next)
        if (event_view_is_again(later) && json_get_number(later, "lease_id", 0, UINT64_MAX, &later_id) &&
            later_id == id)
            return true;
    return false;
}

static void print_events(const cJSON *events, const char *word, const struct output *output) {
    char safe[OPTIONS_NAME_MAX + 1];
    char quoted[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX)];
    int64_t now_ms = now();
    bool folds = output->terminal && !output->quiet && !output->verbose;
    size_t n_again = 0;
    const cJSON *event;
    bool any = false;

    cJSON_ArrayForEach(event, events) {
        any = true;
        if (folds && is_repeated(event))
            n_again++;
        else if (!event_view_is_double(event))
            event_view_print(event, output, now_ms);
    }
    if (n_again > 0)
        output_tell(output, "%zu more time%s a lease was asked for again; portctl history -v%s%s shows each.", n_again,
                    n_again == 1 ? "" : "s", word != NULL ? " " : "",
                    word != NULL ? text_quote_word(text_make_safe(word, safe, sizeof safe), quoted, sizeof quoted)
                                 : "");
    if (!any && output->terminal && word != NULL && !options_is_port(word))
        output_tell(output, "Nothing has happened to %s.", text_make_safe(word, safe, sizeof safe));
    else if (!any && output->terminal)
        output_tell(output, "Nothing has happened.");
}

static int ask(const struct invocation *invocation, const char *word, cJSON **ret_reply, struct problem *problem) {
    char target[TARGET_MAX];

    if (make_target(&invocation->options, word, target) < 0)
        return problem_fill_usage(problem, "the name or the time is too long");
    return client_call(invocation->client, target, NULL, CLIENT_PATIENCE_MS, ret_reply, problem);
}

static int cmd_history(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    const char *word = invocation->operands.items[0]; /* NULL: all */
    char name[OPTIONS_NAME_MAX + 1];
    int r = 0;

    if (word != NULL && !options_is_port(word)) {
        r = scope_name(&invocation->scope, word, name, problem);
        word = name;
    }
    if (r == 0)
        r = ask(invocation, word, &reply, problem);
    if (r != 0)
        return r;
    *ret_exit_code = EXIT_YES;
    if (invocation->output.json) {
        cJSON *members = reply;
        reply = NULL;
        return output_json(members) < 0 ? problem_fill_memory(problem) : 0;
    }
    if (!cJSON_IsArray(json_get(reply, "events")))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's answer holds no events");
    print_events(json_get(reply, "events"), word, &invocation->output);
    return 0;
}

static const enum option_id history_options[] = {OPTION_GLOBAL, OPTION_SINCE, OPTION_LIMIT, OPTION_END};

const struct command command_history = {
    .name = "history",
    .summary = "show what happened to leases and ports",
    .usage = "[PORT|NAME] [options]",
    .details =
        "The same lines as those of watch, out of the last seven days, oldest first. In a linked worktree a\n"
        "name is that of its branch. Events tell no project: equal names of other projects are among them. On a\n"
        "terminal only the last time that a lease was asked for again is shown; all with -v.\n",
    .options = history_options,
    .n_most = 1,
    .first = OPERAND_PORT_OR_NAME,
    .examples = {{"portctl history 8001", "of one port"},
                 {"portctl history my-api --since 1h", "of one name, in the last hour"},
                 {"portctl history --limit 20 --json", "for a program"}},
    .function = cmd_history,
};
