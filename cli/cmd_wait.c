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
#include "cli/selection.h"
#include "cli/stream.h"
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
    const char *word;
    uint16_t port;            /* 0: the word is a name */
    bool gone;                /* what is waited for */
    bool fixed;               /* the next two are */
    int class;                /* of scope_match() */
    bool own;                 /* only the caller's own count */
    char ports[RUN_MAX + 24]; /* "RUN.VERSION": what was asked for is older than nothing since then */
    struct selection all;     /* the leases when asked for last */
    bool answered;            /* they were, at least once */
    bool told;                /* what is waited for */
    bool away;                /* portd does not answer, and that has been told */
    uint64_t pause_ms;
};

static void waiting_deinit(struct waiting *waiting) {
    selection_deinit(&waiting->all);
}

/* ---- Which leases are meant */

/* In a project a global lease is not waited for: the project's own may come a moment later, as in `portctl run web & portctl wait web`, and the server that
 * is there already would be the wrong one. When it shall be gone, it is what every command calls by the name. */
static int match(const struct waiting *waiting, const struct lease_view *view) {
    const struct scope *scope = &waiting->invocation->scope;
    int class = scope_match(scope, waiting->word, view->service_name, view->project);

    return class == 1 && scope->project[0] != '\0' && !waiting->gone ? 0 : class;
}

/* One's own, if there is one, or else anybody's; of these the best that scope_match() tells. When a service shall be gone, that is decided
 * once: the end of one's own is no reason to wait for the end of somebody else's. */
static void decide(struct waiting *waiting) {
    const struct selection *all = &waiting->all;

    if (waiting->fixed)
        return;
    waiting->class = 0;
    waiting->own = false;
    for (size_t i = 0; i < all->n_views; i++)
        if (match(waiting, &all->views[i]) > 0 && all->views[i].uid == geteuid())
            waiting->own = true;
    for (size_t i = 0; i < all->n_views; i++) {
        int class = match(waiting, &all->views[i]);

        if (class > waiting->class && (!waiting->own || all->views[i].uid == geteuid()))
            waiting->class = class;
    }
    waiting->fixed = waiting->gone;
}

static bool is_meant(const struct waiting *waiting, const struct lease_view *view) {
    if (waiting->port != 0)
        return view->port == waiting->port;
    return waiting->class > 0 && match(waiting, view) == waiting->class && (!waiting->own || view->uid == geteuid());
}

/* Takes over the list. */
static int take_leases(struct waiting *waiting, cJSON *list, struct problem *problem) {
    struct selection all;
    int r = selection_read(list, &all, problem);

    if (r != 0)
        return r;
    selection_deinit(&waiting->all);
    waiting->all = all;
    waiting->answered = true;
    decide(waiting);
    return 0;
}

static size_t count_meant(const struct waiting *waiting) {
    size_t n_meant = 0;

    for (size_t i = 0; i < waiting->all.n_views; i++)
        n_meant += is_meant(waiting, &waiting->all.views[i]) ? 1 : 0;
    return n_meant;
}

/* The first that is not as it is waited for; NULL: there is none. */
static const struct lease_view *find_unready(const struct waiting *waiting) {
    for (size_t i = 0; i < waiting->all.n_views; i++) {
        const struct lease_view *view = &waiting->all.views[i];

        if (is_meant(waiting, view) && (waiting->gone || strcmp(view->state, "bound") != 0))
            return view;
    }
    return NULL;
}

static bool is_done(const struct waiting *waiting) {
    return find_unready(waiting) == NULL && (waiting->gone || count_meant(waiting) > 0);
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
    return take_leases(waiting, cJSON_DetachItemFromObjectCaseSensitive(reply, "leases"), problem);
}

static int look_again(struct waiting *waiting, struct problem *problem) {
    cJSON *list = NULL;
    int r = client_call(waiting->client, "/list", NULL, CLIENT_PATIENCE_MS, &list, problem);

    if (r == 0)
        r = take_leases(waiting, list, problem);
    return r == 0 && is_done(waiting) ? WAIT_E_DONE : r;
}

/* Is the changed port one that is waited for, or the one of a lease that could be? */
static bool concerns(const struct waiting *waiting, const cJSON *record) {
    struct lease_view view;
    uint64_t port = 0;

    json_get_number(record, "port", 1, UINT16_MAX, &port);
    if (waiting->port != 0)
        return port == waiting->port;
    for (size_t i = 0; i < waiting->all.n_views; i++)
        if (waiting->all.views[i].port == port && is_meant(waiting, &waiting->all.views[i]))
            return true;
    return lease_view_read(json_get(record, "lease"), &view) && match(waiting, &view) > 0;
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
    return concerns(waiting, record) ? look_again(waiting, problem) : 0;
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

/* How far it got, out of what is known; `ret_text` has PROBLEM_DETAIL_MAX bytes. */
static void format_progress(const struct waiting *waiting, char *ret_text) {
    const struct lease_view *view = find_unready(waiting);

    if (!waiting->answered)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "portd has not answered");
    else if (view == NULL && waiting->port != 0)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "port %u is not leased", waiting->port);
    else if (view == NULL)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "no lease has the name %s%s", waiting->word,
                 waiting->invocation->scope.project[0] != '\0' ? " in this project" : "");
    else if (waiting->gone)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "port %u is leased to it", view->port);
    else if (strcmp(view->state, "elsewhere") == 0 && view->elsewhere_port != 0)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "it listens on %u instead of %u", view->elsewhere_port, view->port);
    else if (strcmp(view->state, "conflict") == 0)
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "port %u is leased to it, and somebody else is on it", view->port);
    else
        snprintf(ret_text, PROBLEM_DETAIL_MAX, "leased, but nothing listens on %u", view->port);
}

static bool is_missing(const struct waiting *waiting) {
    return waiting->answered && !waiting->gone && count_meant(waiting) == 0;
}

/* False: there is nothing to hint at. */
static bool hint_missing(const struct waiting *waiting, struct problem *problem) {
    const struct scope *scope = &waiting->invocation->scope;
    char word[TEXT_QUOTED_MAX(OPTIONS_NAME_MAX)];

    for (size_t i = 0; i < waiting->all.n_views; i++) {
        const struct lease_view *view = &waiting->all.views[i];

        if (scope_match(scope, waiting->word, view->service_name, view->project) == 0)
            continue;
        problem_set_hint(problem, "there is a global one: portctl wait %s --global",
                         text_quote_word(waiting->word, word, sizeof word));
        return true;
    }
    return selection_hint_name(&waiting->all, scope, waiting->word, problem);
}

/* A name that nobody has may be one that nobody will have: that is told at once, and to scripts too. */
static void tell_start(struct waiting *waiting) {
    const struct output *output = waiting->output;
    CLEANUP(problem_deinit) struct problem hint = {0};
    char progress[PROBLEM_DETAIL_MAX];
    bool missing = is_missing(waiting);

    if (waiting->told || output->quiet || output->json)
        return;
    waiting->told = true;
    format_progress(waiting, progress);
    if (missing || output->error_terminal || output->verbose)
        output_say(output, "waiting: %s%s", progress, missing ? " yet" : "");
    if (missing && waiting->port == 0 && hint_missing(waiting, &hint))
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
    return waiting->answered;
}

/* One look and one stream. Returns 0: again. */
static int wait_once(struct waiting *waiting, struct problem *problem) {
    int r = look(waiting, problem);

    if (r == 0 && is_done(waiting))
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
    const struct lease_view *view = find_unready(waiting);
    CLEANUP(problem_deinit) struct problem verdict = {0};
    CLEANUP(json_free_at) cJSON *answer = NULL;
    const char *sentence = NULL;
    char target[32];

    format_progress(waiting, ret_text);
    if (!waiting->answered || waiting->gone || (view == NULL && waiting->port == 0))
        return;
    snprintf(target, sizeof target, "/who?port=%u", view != NULL ? view->port : waiting->port);
    client_set_interrupt(waiting->client, -1);
    if (client_call(waiting->client, target, NULL, EXPLAIN_PATIENCE_MS, &answer, &verdict) != 0 ||
        !json_get_string(answer, "verdict", &sentence))
        return;
    problem_fill(&verdict, EXIT_NO, "", "%s", sentence);
    problem_format(&verdict, ret_text);
}

static int tell_waited(const struct waiting *waiting, uint64_t seconds, struct problem *problem) {
    const struct lease_view *view = find_unready(waiting);
    char duration[TEXT_DURATION_MAX];
    char progress[PROBLEM_DETAIL_MAX];

    text_format_duration(seconds, duration);
    explain(waiting, progress);
    problem_fill(problem, EXIT_WAITED, "waited", "%s%s is %s after %s: %s", waiting->port != 0 ? "port " : "",
                 waiting->word, waiting->gone ? "not gone" : "not in use", duration, progress);
    if (is_missing(waiting) && waiting->port == 0)
        hint_missing(waiting, problem);
    else if (view != NULL)
        problem_set_hint(problem, "portctl who %u", view->port);
    return PROBLEM_E_SET;
}

/* ---- The answer */

static int print_json(struct waiting *waiting, struct problem *problem) {
    cJSON *document = cJSON_CreateObject();
    cJSON *leases;

    cJSON_AddStringToObject(document, "state", waiting->gone ? "gone" : "bound");
    leases = cJSON_AddArrayToObject(document, "leases");
    for (size_t i = 0; i < waiting->all.n_views; i++)
        if (is_meant(waiting, &waiting->all.views[i]))
            cJSON_AddItemToArray(leases, cJSON_Duplicate(waiting->all.views[i].json, true));
    return output_json(document) < 0 ? problem_fill_memory(problem) : 0;
}

static int print_answer(struct waiting *waiting, struct problem *problem) {
    char safe[OPTIONS_NAME_MAX + 1];

    selection_sort(&waiting->all);
    if (waiting->output->json)
        return print_json(waiting, problem);
    for (size_t i = 0; i < waiting->all.n_views; i++)
        if (is_meant(waiting, &waiting->all.views[i]))
            printf("%u\n", waiting->all.views[i].port);
    if (waiting->gone && waiting->output->error_terminal && !waiting->output->quiet)
        output_tell(waiting->output, "%s%s is not leased any more", waiting->port != 0 ? "Port " : "",
                    text_make_safe(waiting->word, safe, sizeof safe));
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
        .word = invocation->operands.items[0],
        .gone = options->gone,
        .pause_ms = PAUSE_MIN_MS,
    };
    int r = options_is_port(waiting.word) ? options_check_port(waiting.word, &waiting.port, problem) : 0;

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
    return print_answer(&waiting, problem);
}

static const enum option_id wait_options[] = {OPTION_TIMEOUT, OPTION_GONE, OPTION_GLOBAL, OPTION_PROJECT, OPTION_END};

const struct command command_wait = {
    .name = "wait",
    .summary = "wait until a service is there, or gone",
    .usage = "NAME|PORT [options]",
    .details = "Until the service listens on its leased port; then prints the port. Whatever else listens there\n"
               "does not count. A name means your own leases, and all of them must be in use, or if you have none\n"
               "anybody's; in a project the project's own, and a global one with --global only. One that nobody\n"
               "has yet is waited for as well, and so is a port without a lease: until it is leased and in use.\n"
               "With --gone: until nothing is leased under the name, or on the port.\n"
               "Exit code 124 if that takes longer than --timeout.\n",
    .options = wait_options,
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_PORT_OR_NAME,
    .examples = {{"portctl wait web && curl \"$(portctl url web)\"", "talk to a server that has just been started"},
                 {"portctl wait my-db --timeout 30s", "in a script: exit code 124 if it is not there by then"},
                 {"portctl wait web --gone", "until it has ended"}},
    .function = cmd_wait,
};
