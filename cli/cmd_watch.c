/*
 * watch: what happens to leases and ports, as it happens. It outlives portd: when that is started again, it goes on behind the
 * last event that was shown, so none is missed and none is shown twice. Ctrl-C and a reader that has gone end it at once and
 * without a word, by the signals' own effect.
 */
#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/event_view.h"
#include "cli/stream.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define PAUSE_MIN_MS UINT64_C(250)
#define PAUSE_MAX_MS UINT64_C(2000)

/* Whoever started us ignores SIGPIPE, and the reader has gone. */
#define WATCH_E_NO_READER 4

struct watching {
    struct client *client;
    const struct output *output;
    struct stream_position position;
    uint64_t pause_ms;
    bool away; /* portd does not answer, and that has been told */
};

static int refuse_record(struct problem *problem) {
    return problem_fill(problem, EXIT_UNREACHABLE, "bad-reply", "portd has sent something that is no event");
}

/* The first record of every stream: where we are. It places a stream that began from now, also against our will. */
static void take_stream(struct watching *watching, const cJSON *record) {
    const char *note = NULL;
    char safe[256];

    json_get_string(record, "note", &note);
    if (note != NULL)
        output_say(watching->output, "note: %s", text_make_safe(note, safe, sizeof safe));
    if ((!watching->position.known || note != NULL) &&
        json_get_number(record, "last_id", 0, UINT64_MAX, &watching->position.last_id))
        watching->position.known = true;
    if (watching->away)
        output_say(watching->output, "portd is back");
    watching->away = false;
    watching->pause_ms = PAUSE_MIN_MS;
}

static int show(struct watching *watching, cJSON *event, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *owned = event;
    const struct clock clock = clock_system();
    cJSON *made;
    int r;

    if (json_get_number(event, "id", 0, UINT64_MAX, &watching->position.last_id))
        watching->position.known = true;
    if (watching->output->json) {
        made = owned;
        owned = NULL;
        if (output_json(made) < 0)
            return problem_fill_memory(problem);
    } else if (!event_view_is_double(event)) {
        event_view_print(event, watching->output, clock_read(&clock).unix_ms);
    }
    r = output_finish();
    if (r == -EPIPE)
        return WATCH_E_NO_READER;
    return r < 0 ? problem_fill(problem, EXIT_NO, "internal", "standard output: %s", strerror(-r)) : 0;
}

static int take_record(struct watching *watching, const struct sse_event *record, struct problem *problem) {
    CLEANUP(json_free_at) cJSON *json = NULL;
    struct json_error error;
    cJSON *event;
    int r = json_parse(record->data, record->length, &json, &error);

    if (r < 0)
        return problem_fill_memory(problem);
    if (r != 0 || !cJSON_IsObject(json))
        return refuse_record(problem);
    if (strcmp(record->kind, "stream") == 0) {
        take_stream(watching, json);
        return 0;
    }
    if (strcmp(record->kind, "reset") == 0) {
        output_say(watching->output, "some events were missed; portctl history shows what is kept");
        return 0;
    }
    event = json;
    json = NULL;
    return show(watching, event, problem);
}

/* Until the stream ends: returns 0 then. */
static int follow(struct watching *watching, struct stream *stream, struct problem *problem) {
    for (;;) {
        struct sse_event record;
        int r = stream_next(stream, &record);

        if (r == STREAM_E_ENDED)
            return 0;
        if (r == STREAM_E_MALFORMED)
            return refuse_record(problem);
        if (r < 0)
            return problem_fill_memory(problem);
        if (r == 0)
            r = take_record(watching, &record, problem);
        if (r != 0)
            return r;
    }
}

/* portd's own "no" is final, but for "too many streams" and its own troubles, which pass. */
static bool is_final(const struct problem *problem) {
    return problem->status != 0 && problem->status != 429 && problem->status < 500;
}

static void wait_for_portd(struct watching *watching) {
    const struct patience patience = client_patience(watching->client, 2 * PAUSE_MAX_MS);

    if (!watching->away)
        output_say(watching->output, "the connection to portd is lost; trying again until it is back");
    watching->away = true;
    patience_pause(watching->pause_ms, &patience);
    watching->pause_ms = 2 * watching->pause_ms < PAUSE_MAX_MS ? 2 * watching->pause_ms : PAUSE_MAX_MS;
}

/* One stream, from its beginning to its end. Returns 0: another should be opened. */
static int follow_once(struct watching *watching, bool first, struct problem *problem) {
    CLEANUP(stream_close_at) struct stream *stream = NULL;
    int r = stream_open(watching->client, &watching->position, &stream, problem);

    if (r == PROBLEM_E_SET && !first && !is_final(problem)) {
        problem_deinit(problem);
        return 0;
    }
    return r != 0 ? r : follow(watching, stream, problem);
}

static int cmd_watch(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    struct watching watching = {.client = invocation->client, .output = &invocation->output, .pause_ms = PAUSE_MIN_MS};
    int r = follow_once(&watching, true, problem);

    while (r == 0) {
        wait_for_portd(&watching);
        r = follow_once(&watching, false, problem);
    }
    if (r != WATCH_E_NO_READER)
        return r;
    __fpurge(stdout); /* what nobody reads is no output that was lost */
    clearerr(stdout);
    *ret_exit_code = EXIT_YES;
    return 0;
}

const struct command command_watch = {
    .name = "watch",
    .summary = "follow what happens to leases and ports",
    .usage = "[options]",
    .details = "A line an event, until Ctrl-C; goes on when portd is started again. In a pipe tab-separated: time,\n"
               "kind, port, name of the lease, process, pid, user, address, finding, id, reason. With --json every\n"
               "event as portd tells it, one a line.\n",
    .examples = {{"portctl watch", "live, for a person"}, {"portctl watch --json", "live, for a program"}},
    .function = cmd_watch,
};
