/*
 * wait: until a service is there, or gone. It asks once for everything that there is, and is told from then on what changes
 * (/events?ports=...), so it neither polls nor misses anything in between. It outlives portd: when that is started again, it
 * asks and listens anew.
 *
 * Its end is a timer that interrupts whatever the client waits for. Ctrl-C ends it by the signal's own effect.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/stream.h"
#include "cli/wait_target.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define TIMEOUT_SECONDS UINT64_C(60)

#define PAUSE_MIN_MS UINT64_C(250)
#define PAUSE_MAX_MS UINT64_C(2000)

/* What was in the way is a convenience, when the time is over already. */
#define EXPLAIN_PATIENCE_MS 2000

/* It is as it was waited for. */
#define WAIT_E_DONE 4

/* portd has begun anew, or has lost count: ask and listen again, with no word about it. */
#define WAIT_E_RESET 5

#define RUN_MAX 64

struct waiting {
    const struct invocation *invocation;
    const struct output *output;
    struct client *client;
    struct wait_target target;
    char ports[RUN_MAX + 24]; /* "RUN.VERSION": what was asked for is older than nothing since then */
    bool told;                /* what is waited for */
    bool away;                /* portd does not answer, and that has been told */
    uint64_t pause_ms;
};

static void waiting_deinit(struct waiting *waiting) {
    wait_target_deinit(&waiting->target);
}

/* ---- Asking and listening */

/* Everything, and from where on changes are told. */
static int look(struct waiting *waiting, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *reply = NULL;
    const char *run = "";
    uint64_t version = 0;
    int r = client_call(waiting->client, "/snapshot", NULL, CLIENT_PATIENCE_MS, &reply, problem);

    if (r != 0)
        return r;
    if (!json_get_string(reply, "run", &run) || strlen(run) > RUN_MAX ||
        !json_get_number(reply, "version", 0, UINT64_MAX, &version))
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd's snapshot does not say what it is of");
    snprintf(waiting->ports, sizeof waiting->ports, "%s.%llu", run, (unsigned long long)version);
    return wait_target_take(&waiting->target, cJSON_DetachItemFromObjectCaseSensitive(reply, "leases"), problem);
}

static int look_again(struct waiting *waiting, struct problem *problem) {
    cJSON *list = NULL;
    int r = client_call(waiting->client, "/list", NULL, CLIENT_PATIENCE_MS, &list, problem);

    if (r == 0)
        r = wait_target_take(&waiting->target, list, problem);
    return r == 0 && wait_target_is_done(&waiting->target) ? WAIT_E_DONE : r;
}

static int take_record(struct waiting *waiting, const struct sse_event *event, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *record = NULL;
    struct json_error error;
    int r;

    if (strcmp(event->kind, "reset") == 0)
        return WAIT_E_RESET;
    if (strcmp(event->kind, "port") != 0)
        return 0;
    r = json_parse(event->data, event->length, &record, &error);
    if (r < 0)
        return problem_fill_memory(problem);
    if (r != 0)
        return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd has sent something that is no record");
    return wait_target_concerns(&waiting->target, record) ? look_again(waiting, problem) : 0;
}

/* Until the stream ends: returns 0 then. */
static int follow(struct waiting *waiting, struct problem *problem) {
    CLEANUP(stream_close_at) struct stream *stream = NULL;
    const struct stream_position position = {.ports = waiting->ports};
    int r = stream_open(waiting->client, &position, &stream, problem);

    while (r == 0) {
        struct sse_event event;

        r = stream_next(stream, &event);
        if (r == STREAM_E_ENDED)
            return 0;
        if (r == STREAM_E_MALFORMED)
            return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd has sent something that is no event");
        if (r < 0)
            return problem_fill_memory(problem);
        waiting->pause_ms = PAUSE_MIN_MS;
        if (r == 0)
            r = take_record(waiting, &event, problem);
    }
    return r;
}

/* ---- What is said meanwhile */

/* A name that nobody has may be one that nobody will have: that is told at once, and to scripts too. */
static void tell_start(struct waiting *waiting) {
    const struct output *output = waiting->output;
    CLEANUP(problem_deinit) struct problem hint = {0};
    char progress[PROBLEM_DETAIL_MAX];
    bool missing = wait_target_is_missing(&waiting->target);

    if (waiting->told || output->quiet || output->json)
        return;
    waiting->told = true;
    wait_target_format(&waiting->target, progress);
    if (missing || output->error_terminal || output->verbose)
        output_say(output, "waiting: %s%s", progress, missing ? " yet" : "");
    if (missing && wait_target_hint(&waiting->target, &hint))
        output_hint(output, hint.hint);
}

static int pause_for_portd(struct waiting *waiting) {
    const struct patience patience = client_patience(waiting->client, 2 * PAUSE_MAX_MS);
    int r;

    if (!waiting->away && !waiting->output->quiet && !waiting->output->json)
        output_say(waiting->output, "the connection to portd is lost; trying again until it is back");
    waiting->away = true;
    r = patience_pause(waiting->pause_ms, &patience);
    waiting->pause_ms = 2 * waiting->pause_ms < PAUSE_MAX_MS ? 2 * waiting->pause_ms : PAUSE_MAX_MS;
    return r == -EINTR ? CLIENT_E_INTERRUPTED : 0;
}

/* ---- The wait */

/* portd's own "no" is final, but for "too many streams" and its own troubles, which pass. Nobody who answers is final at first. */
static bool may_pass(const struct waiting *waiting, const struct problem *problem) {
    if (problem->status != 0)
        return problem->status == 429 || problem->status >= 500;
    return waiting->target.answered;
}

/* One look and one stream. Returns 0: again. */
static int wait_once(struct waiting *waiting, struct problem *problem) {
    int r = look(waiting, problem);

    if (r == 0 && wait_target_is_done(&waiting->target))
        return WAIT_E_DONE;
    if (r == 0) {
        tell_start(waiting);
        r = follow(waiting, problem);
    }
    if (r != PROBLEM_E_SET || !may_pass(waiting, problem))
        return r;
    problem_deinit(problem);
    return 0;
}

/* portd knows it best. `ret_text` has PROBLEM_DETAIL_MAX bytes. */
static void explain(const struct waiting *waiting, char *ret_text) {
    const struct wait_target *target = &waiting->target;
    const struct lease_view *view = wait_target_find_unready(target);
    CLEANUP(problem_deinit) struct problem verdict = {0};
    CLEANUP(json_free_at) cJSON *answer = NULL;
    const char *sentence = NULL;
    char path[32];

    wait_target_format(target, ret_text);
    if (!target->answered || target->gone || (view == NULL && target->port == 0))
        return;
    snprintf(path, sizeof path, "/who?port=%u", view != NULL ? view->port : target->port);
    client_set_interrupt(waiting->client, -1);
    if (client_call(waiting->client, path, NULL, EXPLAIN_PATIENCE_MS, &answer, &verdict) != 0 ||
        !json_get_string(answer, "verdict", &sentence))
        return;
    problem_fill(&verdict, EXIT_NO, "", "%s", sentence);
    problem_format(&verdict, ret_text);
}

static int tell_waited(const struct waiting *waiting, uint64_t seconds, struct problem *problem) {
    const struct wait_target *target = &waiting->target;
    const struct lease_view *view = wait_target_find_unready(target);
    char duration[TEXT_DURATION_MAX];
    char progress[PROBLEM_DETAIL_MAX];

    text_format_duration(seconds, duration);
    explain(waiting, progress);
    problem_fill(problem, EXIT_WAITED, "waited", "%s%s is %s after %s: %s", target->port != 0 ? "port " : "",
                 target->word, target->gone ? "not gone" : "not in use", duration, progress);
    if (wait_target_is_missing(target))
        wait_target_hint(target, problem);
    else if (view != NULL)
        problem_set_hint(problem, "portctl who %u", view->port);
    return PROBLEM_E_SET;
}

/* ---- The answer */

static int print_json(const struct wait_target *target, struct problem *problem) {
    cJSON *document = cJSON_CreateObject();
    cJSON *leases;

    cJSON_AddStringToObject(document, "state", target->gone ? "gone" : "bound");
    leases = cJSON_AddArrayToObject(document, "leases");
    for (size_t i = 0; i < target->all.n_views; i++)
        if (wait_target_has(target, &target->all.views[i]))
            cJSON_AddItemToArray(leases, cJSON_Duplicate(target->all.views[i].json, true));
    return output_json(document) < 0 ? problem_fill_memory(problem) : 0;
}

/* That it is gone is true of one's own, and may be no answer to what was meant. */
static void tell_strangers(const struct wait_target *target, const struct output *output) {
    CLEANUP(problem_deinit) struct problem hint = {0};
    char progress[PROBLEM_DETAIL_MAX];

    if (output->quiet)
        return;
    wait_target_format(target, progress);
    output_say(output, "note: %s", progress);
    if (wait_target_hint(target, &hint))
        output_hint(output, hint.hint);
}

static int print_answer(const struct wait_target *target, const struct output *output, struct problem *problem) {
    char safe[OPTIONS_NAME_MAX + 1];

    if (output->json)
        return print_json(target, problem);
    for (size_t i = 0; i < target->all.n_views; i++)
        if (wait_target_has(target, &target->all.views[i]))
            printf("%u\n", target->all.views[i].port);
    if (wait_target_is_strangers(target))
        tell_strangers(target, output);
    else if (target->gone && output->error_terminal && !output->quiet)
        output_tell(output, "%s%s is not leased any more", target->port != 0 ? "Port " : "",
                    text_make_safe(target->word, safe, sizeof safe));
    return 0;
}

static int open_timer(uint64_t seconds) {
    const struct itimerspec end = {.it_value.tv_sec = (time_t)(seconds < INT32_MAX ? seconds : INT32_MAX)};
    CLEANUP(fd_close_at) int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd < 0 || timerfd_settime(fd, 0, &end, NULL) < 0)
        return -errno;
    return fd_take(&fd);
}

static int wait_until(struct waiting *waiting, struct problem *problem) {
    int r = wait_once(waiting, problem);

    while (r == 0 || r == WAIT_E_RESET) {
        if (r == 0)
            r = pause_for_portd(waiting);
        if (r != CLIENT_E_INTERRUPTED)
            r = wait_once(waiting, problem);
    }
    return r;
}

static int cmd_wait(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct options *options = &invocation->options;
    uint64_t seconds = options->timeout_seconds != 0 ? options->timeout_seconds : TIMEOUT_SECONDS;
    CLEANUP(fd_close_at) int timer = open_timer(seconds);
    CLEANUP(waiting_deinit)
    struct waiting waiting = {
        .invocation = invocation,
        .output = &invocation->output,
        .client = invocation->client,
        .pause_ms = PAUSE_MIN_MS,
    };
    int r = wait_target_init(&waiting.target, invocation, problem);

    if (r == 0 && timer < 0)
        return problem_fill(problem, EXIT_NO, "internal", "timerfd: %s", strerror(-timer));
    client_set_interrupt(invocation->client, timer);
    if (r == 0)
        r = wait_until(&waiting, problem);
    client_set_interrupt(invocation->client, -1);
    if (r == CLIENT_E_INTERRUPTED)
        return tell_waited(&waiting, seconds, problem);
    if (r != WAIT_E_DONE)
        return r;
    *ret_exit_code = EXIT_YES;
    return print_answer(&waiting.target, waiting.output, problem);
}

static const enum option_id wait_options[] = {OPTION_TIMEOUT, OPTION_GONE,    OPTION_ALL,
                                              OPTION_GLOBAL,  OPTION_PROJECT, OPTION_END};

const struct command command_wait = {
    .name = "wait",
    .summary = "wait until a service is there, or gone",
    .usage = "NAME[:VARIABLE]|PORT [options]",
    .details = "Until the service listens on its leased port; then prints the port. Whatever else listens there\n"
               "does not count. A name means the port that portctl url opens: of several leases the first, of a\n"
               "service with several variables in portmanager.json the first one's, unless NAME:VARIABLE says\n"
               "which; with --all every one that the name has. They are your own, or if you have none anybody's; in\n"
               "a project the project's, and a global one with --global only; outside of any project a global one,\n"
               "and never a project's. One that nobody has yet is waited for as well, and so is a port without a\n"
               "lease: until it is leased and in use.\n"
               "With --gone: until nothing is leased any more under the name, whatever its variable, or under\n"
               "NAME:VARIABLE, or on the port. Exit code 124 if that takes longer than --timeout.\n",
    .options = wait_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_PORT_OR_NAME,
    .examples = {{"portctl wait web && curl \"$(portctl url web)\"", "talk to a server that has just been started"},
                 {"portctl wait my-db --timeout 30s", "in a script: exit code 124 if it is not there by then"},
                 {"portctl wait web:HMR_PORT", "another port of the project's service"},
                 {"portctl wait web --gone", "until it has ended"}},
    .function = cmd_wait,
};
