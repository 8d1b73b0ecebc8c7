/*
 * Many listeners. See listener_table.h.
 */
#include "cli/listener_table.h"

#include <errno.h>
#include <string.h>

#include "cli/listener_view.h"
#include "cli/table.h"
#include "cli/words.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* The kind of the finding that has this socket; NULL: there is none. */
static const char *find_kind(const cJSON *findings, const struct listener_view *view) {
    const cJSON *finding;
    const cJSON *listener;

    cJSON_ArrayForEach(finding, findings) {
        cJSON_ArrayForEach(listener, json_get(finding, "listeners")) {
            const char *kind;
            uint64_t inode;
            if (json_get_number(listener, "inode", 1, UINT32_MAX, &inode) && inode == view->inode &&
                json_get_string(finding, "kind", &kind))
                return kind;
        }
    }
    return NULL;
}

/* Whose it is, in a word: the lease's name, with a question mark where only the uid speaks for it; or what is wrong with it. */
static enum style format_state(const struct listener_view *view, const char *kind, bool utf8, char *ret_text) {
    const char *level = view->evidence != NULL ? view->evidence : "";
    bool bound = view->state != NULL && strcmp(view->state, "bound") == 0;

    if (kind != NULL && strcmp(kind, "taken") != 0) {
        const struct words words = words_of_finding(kind);
        char text[WORDS_MAX];

        snprintf(ret_text, LISTENER_TEXT_MAX, "%s%s%s", words_format(&words, utf8, text),
                 view->service_name != NULL ? " " : "", view->service_name != NULL ? view->service_name : "");
        return words.style;
    }
    if (view->service_name == NULL) {
        snprintf(ret_text, LISTENER_TEXT_MAX, "%s", bound ? "bound" : "listens");
        return STYLE_DIM;
    }
    if (strcmp(level, "foreign") == 0) {
        snprintf(ret_text, LISTENER_TEXT_MAX, "%ssquats %s", utf8 ? "✕ " : "", view->service_name);
        return STYLE_BAD;
    }
    snprintf(ret_text, LISTENER_TEXT_MAX, "%s%s%s", utf8 ? "● " : "", view->service_name,
             strcmp(level, "plausible") == 0 ? "?" : "");
    return strcmp(level, "plausible") == 0 ? STYLE_INFO : STYLE_GOOD;
}

static void format_process(const struct listener_view *view, char *ret_text) {
    int n_owners = cJSON_GetArraySize(view->owners);
    struct owner_view owner;

    if (!listener_view_first_owner(view, &owner))
        snprintf(ret_text, LISTENER_TEXT_MAX, "? hidden");
    else if (n_owners > 1)
        snprintf(ret_text, LISTENER_TEXT_MAX, "%s +%d", owner.process != NULL ? owner.process : "?", n_owners - 1);
    else
        snprintf(ret_text, LISTENER_TEXT_MAX, "%s", owner.process != NULL ? owner.process : "?");
}

static void format_since(const struct listener_view *view, int64_t now_ms, char *ret_text) {
    int64_t since_ms;

    ret_text[0] = '\0';
    if (view->since != NULL && text_parse_time(view->since, &since_ms) == 0)
        output_format_age(since_ms, now_ms, ret_text);
}

static int add_for_terminal(struct table *table, const struct listener_view *view, const char *kind,
                            const struct output *output) {
    const struct clock clock = clock_system();
    struct owner_view owner = {0};
    bool visible = listener_view_first_owner(view, &owner);
    char port[8];
    char pid[16] = "";
    char state[LISTENER_TEXT_MAX];
    char process[LISTENER_TEXT_MAX];
    char user[LISTENER_TEXT_MAX];
    char place[LISTENER_TEXT_MAX];
    char since[OUTPUT_AGE_MAX];
    enum style style = format_state(view, kind, output->utf8, state);

    snprintf(port, sizeof port, "%u", view->port);
    if (visible)
        snprintf(pid, sizeof pid, "%d", (int)owner.pid);
    format_process(view, process);
    listener_view_format_user(view->user, view->has_uid, view->uid, user);
    listener_view_format_place(view, place);
    format_since(view, clock_read(&clock).unix_ms, since);
    return table_add(table, (const struct table_cell[]){{port, STYLE_BOLD},
                                                        {view->address, STYLE_PLAIN},
                                                        {state, style},
                                                        {process, visible ? STYLE_PLAIN : STYLE_DIM},
                                                        {pid, STYLE_PLAIN},
                                                        {user, STYLE_PLAIN},
                                                        {place, STYLE_DIM},
                                                        {since, STYLE_DIM}});
}

/* The API's words. New columns are added at the end. `owner` NULL: hidden. */
static int add_for_pipe(struct table *table, const struct listener_view *view, const struct owner_view *owner) {
    static const struct owner_view nobody = {0};
    const struct owner_view *who = owner != NULL ? owner : &nobody;
    bool has_uid = who->has_uid || view->has_uid;
    char port[8];
    char pid[16] = "";
    char uid[16] = "";
    char inode[16];
    char start_time[24] = "";
    char container[LISTENER_TEXT_MAX];

    snprintf(port, sizeof port, "%u", view->port);
    snprintf(inode, sizeof inode, "%u", view->inode);
    if (who->pid != 0)
        snprintf(pid, sizeof pid, "%d", (int)who->pid);
    if (has_uid)
        snprintf(uid, sizeof uid, "%u", (unsigned)(who->has_uid ? who->uid : view->uid));
    if (who->has_start_time)
        snprintf(start_time, sizeof start_time, "%llu", (unsigned long long)who->start_time);
    listener_view_format_container(who->container != NULL ? who->container : view->container, container);
    return table_add(table, (const struct table_cell[]){{port, STYLE_PLAIN},
                                                        {view->address, STYLE_PLAIN},
                                                        {view->state, STYLE_PLAIN},
                                                        {view->service_name, STYLE_PLAIN},
                                                        {view->evidence, STYLE_PLAIN},
                                                        {who->process, STYLE_PLAIN},
                                                        {pid, STYLE_PLAIN},
                                                        {who->has_uid ? who->user : view->user, STYLE_PLAIN},
                                                        {uid, STYLE_PLAIN},
                                                        {who->unit != NULL ? who->unit : view->unit, STYLE_PLAIN},
                                                        {container, STYLE_PLAIN},
                                                        {view->since, STYLE_PLAIN},
                                                        {inode, STYLE_PLAIN},
                                                        {start_time, STYLE_PLAIN},
                                                        {who->command, STYLE_PLAIN}});
}

static int add_owners(struct table *table, const struct listener_view *view) {
    struct owner_view first;
    const cJSON *owner;
    bool any = false;

    cJSON_ArrayForEach(owner, view->owners) {
        struct owner_view read;
        int r = owner_view_read(owner, &read) ? add_for_pipe(table, view, &read) : 1;
        if (r < 0)
            return r;
        any = any || r == 0;
    }
    if (any)
        return 0;
    return add_for_pipe(table, view, listener_view_first_owner(view, &first) ? &first : NULL);
}

int listener_table_print(const cJSON *listeners, const cJSON *findings, const struct output *output) {
    static const struct table_column for_terminal[] = {
        {"PORT", 0, 0, true}, {"ADDRESS", 9, 6, false}, {"STATE", 10, 2, false}, {"PROCESS", 8, 0, false},
        {"PID", 0, 3, true},  {"USER", 6, 4, false},    {"UNIT", 8, 7, false},   {"SINCE", 0, 5, false},
    };
    static const struct table_column for_pipe[15] = {{"", 0, 0, false}};
    const struct table_format format = {
        .terminal = output->terminal, .colour = output->colour, .utf8 = output->utf8, .width = output->width};
    CLEANUP(table_free_at)
    struct table *table = output->terminal ? table_new(for_terminal, sizeof for_terminal / sizeof for_terminal[0])
                                           : table_new(for_pipe, sizeof for_pipe / sizeof for_pipe[0]);
    const cJSON *listener;

    if (table == NULL)
        return -ENOMEM;
    cJSON_ArrayForEach(listener, listeners) {
        struct listener_view view;
        int r;

        if (!listener_view_read(listener, &view))
            continue;
        r = output->terminal ? add_for_terminal(table, &view, find_kind(findings, &view), output)
                             : add_owners(table, &view);
        if (r < 0)
            return r;
    }
    table_print(table, &format, stdout);
    return 0;
}
