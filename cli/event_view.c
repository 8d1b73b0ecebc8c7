/*
 * One event. See event_view.h.
 */
#include "cli/event_view.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/listener_view.h"
#include "cli/paragraph.h"
#include "cli/table.h"
#include "cli/words.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define INDENT       10 /* behind the time */
#define WORD_WIDTH   12
#define WIDTH_NARROW 60 /* below this nothing is laid out in columns */

struct event {
    const char *at;
    const char *kind;
    const char *finding;
    const char *service_name;
    const char *user;
    const char *process;
    const char *address;
    const char *reason;
    uint64_t port;
    uint64_t id;
    uint64_t pid;
    bool has_uid;
    uint64_t uid;
};

static struct event read_event(const cJSON *json) {
    struct event event = {.kind = "", .at = ""};

    json_get_string(json, "at", &event.at);
    json_get_string(json, "kind", &event.kind);
    json_get_string(json, "finding", &event.finding);
    json_get_string(json, "service_name", &event.service_name);
    json_get_string(json, "user", &event.user);
    json_get_string(json, "process", &event.process);
    json_get_string(json, "address", &event.address);
    json_get_string(json, "reason", &event.reason);
    json_get_number(json, "port", 1, UINT16_MAX, &event.port);
    json_get_number(json, "id", 0, UINT64_MAX, &event.id);
    json_get_number(json, "pid", 1, INT32_MAX, &event.pid);
    event.has_uid = json_get_number(json, "uid", 0, UINT32_MAX, &event.uid);
    return event;
}

bool event_view_is_double(const cJSON *event) {
    const char *kind = "";
    const char *finding = "";

    json_get_string(event, "kind", &kind);
    json_get_string(event, "finding", &finding);
    return strncmp(kind, "conflict.", 9) == 0 && strcmp(finding, "taken") == 0;
}

bool event_view_is_again(const cJSON *event) {
    const char *kind = "";
    const char *reason = "";

    json_get_string(event, "kind", &kind);
    json_get_string(event, "reason", &reason);
    return strcmp(kind, "lease.renewed") == 0 && strcmp(reason, "It was asked for again.") == 0;
}

/* The local time of the day, with the date if that is not today's. What is no time is shown as it is. */
static void format_time(const char *at, int64_t now_ms, char *ret_text, size_t size) {
    int64_t at_ms;
    struct tm then;
    struct tm now;
    time_t seconds;

    if (text_parse_time(at, &at_ms) < 0) {
        snprintf(ret_text, size, "%s", at);
        return;
    }
    seconds = (time_t)(now_ms / 1000);
    localtime_r(&seconds, &now);
    seconds = (time_t)(at_ms / 1000);
    localtime_r(&seconds, &then);
    if (then.tm_year == now.tm_year && then.tm_yday == now.tm_yday)
        strftime(ret_text, size, "%H:%M:%S", &then);
    else
        strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &then);
}

static void put_who(struct paragraph *paragraph, const struct event *event) {
    char user[LISTENER_TEXT_MAX];
    bool has_user = event->user != NULL || event->has_uid;

    listener_view_format_user(event->user, event->has_uid, (uid_t)event->uid, user);
    if (strncmp(event->kind, "lease.", 6) == 0) {
        if (has_user)
            paragraph_format(paragraph, STYLE_PLAIN, "%s %s", strcmp(event->kind, "lease.granted") == 0 ? "to" : "of",
                             user);
        return;
    }
    if (event->pid != 0)
        paragraph_format(paragraph, STYLE_PLAIN, "%s (pid %llu)", event->process != NULL ? event->process : "a process",
                         (unsigned long long)event->pid);
    if (has_user)
        paragraph_format(paragraph, STYLE_PLAIN, "%s %s", event->pid != 0 ? "of" : "a process of", user);
    if (event->address != NULL)
        paragraph_format(paragraph, STYLE_PLAIN, "on %s", event->address);
}

/* portd's own sentence goes first; where it has none the parts of the event make one. */
static void put_sentence(struct paragraph *paragraph, const struct event *event) {
    if (event->service_name != NULL)
        paragraph_format(paragraph, STYLE_BOLD, "%s:", event->service_name);
    if (event->reason != NULL && event->reason[0] != '\0')
        paragraph_put(paragraph, STYLE_PLAIN, event->reason);
    else
        put_who(paragraph, event);
}

static void pad(struct paragraph *paragraph, size_t column) {
    while (paragraph->column < column) {
        fputc(' ', paragraph->stream);
        paragraph->column++;
        paragraph->joined = false;
    }
}

static void print_for_terminal(const struct event *event, const struct output *output, int64_t now_ms) {
    const struct words words = words_of_event(event->kind, event->finding);
    bool narrow = output->width < WIDTH_NARROW;
    struct paragraph paragraph = {
        .stream = stdout, .width = output->width, .indent = narrow ? 2 : INDENT, .colour = output->colour};
    char at[64];
    char word[WORDS_MAX];
    size_t begin;

    if (output->width <= paragraph.indent)
        paragraph.indent = 0;
    format_time(event->at, now_ms, at, sizeof at);
    paragraph_put(&paragraph, STYLE_DIM, at);
    if (!narrow)
        pad(&paragraph, paragraph.column + 2);
    begin = paragraph.column;
    paragraph_put(&paragraph, words.style, words_format(&words, output->utf8, word));
    if (!narrow)
        pad(&paragraph, begin + WORD_WIDTH);
    if (event->port != 0)
        paragraph_format(&paragraph, STYLE_BOLD, "%llu", (unsigned long long)event->port);
    if (!narrow)
        pad(&paragraph, begin + WORD_WIDTH + 7);
    put_sentence(&paragraph, event);
    paragraph_end(&paragraph);
}

static void print_column(const char *text, char end) {
    char safe[1024];

    printf("%s%c", text != NULL && text[0] != '\0' ? text_make_safe(text, safe, sizeof safe) : "-", end);
}

static void print_number(uint64_t number) {
    char text[24] = "";

    if (number != 0)
        snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    print_column(text, '\t');
}

/* The API's words. New columns are added at the end. */
static void print_for_pipe(const struct event *event) {
    char user[LISTENER_TEXT_MAX] = "";

    if (event->user != NULL || event->has_uid)
        listener_view_format_user(event->user, event->has_uid, (uid_t)event->uid, user);
    print_column(event->at, '\t');
    print_column(event->kind, '\t');
    print_number(event->port);
    print_column(event->service_name, '\t');
    print_column(event->process, '\t');
    print_number(event->pid);
    print_column(user, '\t');
    print_column(event->address, '\t');
    print_column(event->finding, '\t');
    print_number(event->id);
    print_column(event->reason, '\n');
}

void event_view_print(const cJSON *event, const struct output *output, int64_t now_ms) {
    const struct event read = read_event(event);

    if (output->quiet) {
        if (read.port != 0)
            printf("%llu\n", (unsigned long long)read.port);
    } else if (output->terminal) {
        print_for_terminal(&read, output, now_ms);
    } else {
        print_for_pipe(&read);
    }
}
