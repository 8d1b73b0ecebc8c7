/*
 * Leases, shown. See lease_view.h.
 */
#include "cli/lease_view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/path.h"
#include "cli/table.h"
#include "cli/words.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

bool lease_view_read(const cJSON *lease, struct lease_view *ret_view) {
    struct lease_view view = {.json = lease, .state = "", .kept_by = "", .allocated_at = "", .expires_at = ""};
    uint64_t port;
    uint64_t uid;
    uint64_t slot = LEASE_VIEW_NO_SLOT;
    uint64_t elsewhere_port = 0;

    if (!json_get_number(lease, "port", 1, UINT16_MAX, &port) ||
        !json_get_number(lease, "id", 0, UINT64_MAX, &view.id) || !json_get_number(lease, "uid", 0, UINT32_MAX, &uid) ||
        !json_get_string(lease, "service_name", &view.service_name))
        return false;
    view.port = (uint16_t)port;
    view.uid = (uid_t)uid;
    json_get_number(lease, "slot", 0, LEASE_VIEW_NO_SLOT, &slot);
    view.slot = (unsigned)slot;
    json_get_string(lease, "user", &view.user);
    json_get_string(lease, "state", &view.state);
    json_get_string(lease, "kept_by", &view.kept_by);
    json_get_string(lease, "allocated_at", &view.allocated_at);
    json_get_string(lease, "expires_at", &view.expires_at);
    view.expires = json_get_number(lease, "expires_in_seconds", 0, UINT64_MAX, &view.expires_in_seconds);
    json_get_number(lease, "ttl_seconds", 0, UINT64_MAX, &view.ttl_seconds);
    json_get_number(json_get(lease, "holder"), "pid", 1, INT32_MAX, &view.holder_pid);
    json_get_number(lease, "elsewhere_port", 1, UINT16_MAX, &elsewhere_port);
    view.elsewhere_port = (uint16_t)elsewhere_port;
    json_get_string(lease, "conflict", &view.conflict);
    json_get_string(lease, "evidence", &view.evidence);
    json_get_string(lease, "project", &view.project);
    view.tags = json_get(lease, "tags");
    *ret_view = view;
    return true;
}

/* Ids grow. */
int lease_view_compare(const struct lease_view *one, const struct lease_view *other) {
    if (one->slot != other->slot)
        return one->slot < other->slot ? -1 : 1;
    return one->id < other->id ? -1 : one->id > other->id;
}

void lease_view_format_user(const struct lease_view *view, char *ret_text) {
    if (view->user != NULL)
        text_make_safe(view->user, ret_text, LEASE_USER_MAX);
    else
        snprintf(ret_text, LEASE_USER_MAX, "%u", (unsigned)view->uid);
}

void lease_view_format_life(const struct lease_view *view, char *ret_text) {
    char duration[TEXT_DURATION_MAX];

    if (view->expires) {
        text_format_duration(view->expires_in_seconds, duration);
        snprintf(ret_text, LEASE_LIFE_MAX, "expires in %s", duration);
    } else if (strcmp(view->kept_by, "listener") == 0) {
        snprintf(ret_text, LEASE_LIFE_MAX, "kept while its port listens");
    } else if (view->holder_pid != 0) {
        snprintf(ret_text, LEASE_LIFE_MAX, "kept while pid %llu lives", (unsigned long long)view->holder_pid);
    } else {
        snprintf(ret_text, LEASE_LIFE_MAX, "kept");
    }
}

/* The same in a column whose header is EXPIRES. */
static void format_expiry(const struct lease_view *view, char *ret_text, size_t size) {
    char duration[TEXT_DURATION_MAX];

    if (view->expires) {
        text_format_duration(view->expires_in_seconds, duration);
        snprintf(ret_text, size, "in %s", duration);
    } else if (strcmp(view->kept_by, "listener") == 0) {
        snprintf(ret_text, size, "after use");
    } else if (view->holder_pid != 0) {
        snprintf(ret_text, size, "with pid %llu", (unsigned long long)view->holder_pid);
    } else {
        snprintf(ret_text, size, "-");
    }
}

static void format_tags(const cJSON *tags, char *ret_text, size_t size) {
    const cJSON *tag;
    size_t used = 0;

    ret_text[0] = '\0';
    cJSON_ArrayForEach(tag, tags) {
        if (!cJSON_IsString(tag) || used >= size)
            continue;
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used > 0 ? "," : "", tag->valuestring);
    }
}

static enum style format_state(const struct lease_view *view, bool utf8, char *ret_text) {
    struct words words =
        view->conflict != NULL ? words_of_finding(view->conflict) : words_of_state(view->state, view->evidence);
    char elsewhere[32];

    if (strcmp(view->state, "elsewhere") == 0 && view->elsewhere_port != 0) {
        snprintf(elsewhere, sizeof elsewhere, "in use, but on %u", view->elsewhere_port);
        words.word = elsewhere;
    }
    words_format(&words, utf8, ret_text);
    return words.style;
}

/* As a shell's prompt has it: ~ for one's own home. */
static void format_project(const struct lease_view *view, char *ret_text) {
    const char *home = getenv("HOME");
    const char *below = view->project != NULL && home != NULL && home[0] == '/' && home[1] != '\0'
                            ? path_below(home, view->project)
                            : NULL;

    if (below != NULL)
        snprintf(ret_text, PATH_MAX, below[0] != '\0' ? "~/%s" : "~%s", below);
    else
        snprintf(ret_text, PATH_MAX, "%s", view->project != NULL ? view->project : "");
}

/* For a person: words, relative times. */
static int add_for_terminal(struct table *table, const struct lease_view *view, const struct output *output,
                            int64_t now_ms) {
    char port[8];
    char state[WORDS_MAX];
    char expiry[64];
    char granted[OUTPUT_AGE_MAX] = "";
    char user[LEASE_USER_MAX];
    char tags[4096];
    char project[PATH_MAX] = "";
    int64_t granted_ms;
    enum style style = format_state(view, output->utf8, state);

    snprintf(port, sizeof port, "%u", view->port);
    format_expiry(view, expiry, sizeof expiry);
    if (text_parse_time(view->allocated_at, &granted_ms) == 0)
        output_format_age(granted_ms, now_ms, granted);
    lease_view_format_user(view, user);
    format_tags(view->tags, tags, sizeof tags);
    format_project(view, project);
    return table_add(table, (const struct table_cell[]){{port, STYLE_BOLD},
                                                        {view->service_name, STYLE_PLAIN},
                                                        {state, style},
                                                        {expiry, STYLE_PLAIN},
                                                        {granted, STYLE_PLAIN},
                                                        {user, STYLE_PLAIN},
                                                        {tags, STYLE_DIM},
                                                        {project, STYLE_DIM}});
}

/* For a program: the API's words, RFC 3339. New columns are added at the end. */
static int add_for_pipe(struct table *table, const struct lease_view *view) {
    char port[8];
    char user[LEASE_USER_MAX];
    char id[24];
    char tags[4096];

    snprintf(port, sizeof port, "%u", view->port);
    snprintf(id, sizeof id, "%llu", (unsigned long long)view->id);
    lease_view_format_user(view, user);
    format_tags(view->tags, tags, sizeof tags);
    return table_add(table, (const struct table_cell[]){{port, STYLE_PLAIN},
                                                        {view->service_name, STYLE_PLAIN},
                                                        {view->state, STYLE_PLAIN},
                                                        {user, STYLE_PLAIN},
                                                        {view->kept_by, STYLE_PLAIN},
                                                        {view->expires_at, STYLE_PLAIN},
                                                        {view->allocated_at, STYLE_PLAIN},
                                                        {id, STYLE_PLAIN},
                                                        {tags, STYLE_PLAIN},
                                                        {view->project, STYLE_PLAIN}});
}

int lease_views_print(const struct lease_view *views, size_t n_views, const struct output *output, FILE *stream) {
    static const struct table_column for_terminal[] = {
        {"PORT", 0, 0, true},     {"NAME", 24, 0, false}, {"STATE", TABLE_SIGN, 2, false}, {"EXPIRES", 0, 3, false},
        {"GRANTED", 0, 5, false}, {"USER", 8, 4, false},  {"TAGS", 8, 6, false},           {"PROJECT", 12, 7, false},
    };
    static const struct table_column for_pipe[] = {
        {"port", 0, 0, false},    {"name", 0, 0, false},       {"state", 0, 0, false},        {"user", 0, 0, false},
        {"kept_by", 0, 0, false}, {"expires_at", 0, 0, false}, {"allocated_at", 0, 0, false}, {"id", 0, 0, false},
        {"tags", 0, 0, false},    {"project", 0, 0, false},
    };
    bool on_stdout = stream == stdout;
    const struct table_format format = {
        .terminal = on_stdout ? output->terminal : output->error_terminal,
        .colour = on_stdout ? output->colour : output->error_colour,
        .utf8 = output->utf8,
        .width = output->width,
    };
    const struct clock clock = clock_system();
    int64_t now_ms = clock_read(&clock).unix_ms;
    CLEANUP(table_free_at) struct table *table = NULL;

    if (format.terminal)
        table = table_new(for_terminal, sizeof for_terminal / sizeof for_terminal[0]);
    else
        table = table_new(for_pipe, sizeof for_pipe / sizeof for_pipe[0]);
    if (table == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n_views; i++) {
        int r = format.terminal ? add_for_terminal(table, &views[i], output, now_ms) : add_for_pipe(table, &views[i]);
        if (r < 0)
            return r;
    }
    table_print(table, &format, stream);
    return 0;
}
