/*
 * One port, told to a person. See who_view.h.
 */
#include "cli/who_view.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lease_view.h"
#include "cli/listener_view.h"
#include "cli/paragraph.h"
#include "cli/table.h"
#include "cli/words.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* Where what is behind the labels begins; on a terminal too narrow for that, how far its further lines are indented. */
#define COLUMN        10
#define COLUMN_NARROW 4
#define WIDTH_NARROW  40

#define OWNERS_TOLD  4  /* behind the first; the others are counted */
#define PARENTS_TOLD 16 /* a longer chain is cut in the middle */

/* Bytes: what is longer hides all else; --json has it whole. */
#define COMMAND_TOLD 240
#define NAME_TOLD    64
#define TEXT_TOLD    400

struct view {
    uint16_t port;
    const cJSON *answer;
    const struct output *output;
    int64_t now_ms;
};

static size_t indent_of(const struct output *output) {
    if (output->width >= WIDTH_NARROW)
        return COLUMN;
    return output->width > 2 * COLUMN_NARROW ? COLUMN_NARROW : 0;
}

/* A line with a label, or one that goes on below it (label ""). */
static struct paragraph begin(const struct view *view, const char *label) {
    const struct output *output = view->output;
    struct paragraph paragraph = {
        .stream = stdout, .width = output->width, .indent = indent_of(output), .colour = output->colour};

    if (paragraph.indent == COLUMN) {
        printf("  %s%-*s%s", output_style(output->colour, STYLE_DIM), COLUMN - 2, label,
               output_style_end(output->colour, STYLE_DIM));
        paragraph.column = COLUMN;
    } else {
        paragraph.column = label[0] != '\0' ? paragraph.indent / 2 : paragraph.indent;
        printf("%*s", (int)paragraph.column, "");
        paragraph_put(&paragraph, STYLE_DIM, label);
    }
    return paragraph;
}

/* Cuts the text to fewer than `size` bytes, and says so. */
static const char *shorten(const struct view *view, const char *text, char *ret_text, size_t size) {
    const char *mark = view->output->utf8 ? "…" : "...";
    size_t room = size - strlen(mark);

    text_make_safe(text, ret_text, strlen(text) < size ? size : room);
    if (strlen(text) >= size)
        memcpy(ret_text + strlen(ret_text), mark, strlen(mark) + 1);
    return ret_text;
}

/* ---- The verdict */

/* portd says "Port 8001 is squatted: it is leased to ..." or "Port 8001 is in use by ..."; the port and the word stand before it
 * here already. */
static const char *shorten_verdict(uint16_t port, const char *verdict) {
    char prefix[24];
    size_t length = (size_t)snprintf(prefix, sizeof prefix, "Port %u is ", port);
    const char *colon;

    if (strncmp(verdict, prefix, length) != 0)
        return verdict;
    verdict += length;
    if (strncmp(verdict, "in use by ", 10) == 0)
        return verdict + 7;
    colon = strstr(verdict, ": ");
    if (colon != NULL && strspn(verdict, "abcdefghijklmnopqrstuvwxyz ?") == (size_t)(colon - verdict))
        verdict = colon + 2;
    if (strncmp(verdict, "it is ", 6) == 0)
        verdict += 6;
    return verdict;
}

static void format_verdict(const struct view *view, char *ret_text, size_t size) {
    const char *verdict;
    size_t length;

    if (json_get_string(view->answer, "verdict", &verdict))
        verdict = shorten_verdict(view->port, verdict);
    else
        verdict =
            cJSON_GetArraySize(json_get(view->answer, "listeners")) > 0 ? "somebody has it" : "nobody listens on it";
    text_make_safe(verdict, ret_text, size);
    length = strlen(ret_text);
    if (length > 1 && ret_text[length - 1] == '.' && ret_text[length - 2] != '.')
        ret_text[length - 1] = '\0';
}

static struct words find_words(const struct view *view, const struct lease_view *lease) {
    const char *state = "";
    const char *kind = NULL;
    struct words words;

    json_get_string(view->answer, "state", &state);
    words = words_of_state(state, lease != NULL ? lease->evidence : NULL);
    /* What is wrong has a name of its own: split and shared are no squatters, and who has only bound the port is inactive. */
    if ((strcmp(state, "conflict") == 0 || strcmp(state, "unleased") == 0) &&
        cJSON_GetArraySize(json_get(view->answer, "findings")) > 0 &&
        json_get_string(json_get(view->answer, "findings")->child, "kind", &kind))
        words = words_of_finding(kind);
    return words;
}

static void print_verdict(const struct view *view, const struct lease_view *lease) {
    const struct words words = find_words(view, lease);
    struct paragraph paragraph = {.stream = stdout,
                                  .width = view->output->width,
                                  .indent = indent_of(view->output),
                                  .colour = view->output->colour};
    char verdict[PATH_MAX];
    char word[WORDS_MAX];

    snprintf(word, sizeof word, "%s", words.word);
    for (char *at = word; *at != '\0'; at++)
        *at = (char)toupper((unsigned char)*at);
    format_verdict(view, verdict, sizeof verdict);
    paragraph_format(&paragraph, STYLE_BOLD, "%u", view->port);
    if (view->output->width >= WIDTH_NARROW) {
        putchar(' ');
        paragraph.column++;
    }
    if (view->output->utf8 && words.glyph[0] != '\0')
        paragraph_put(&paragraph, words.style, words.glyph);
    if (word[0] != '\0')
        paragraph_format(&paragraph, words.style, "%s:", word);
    paragraph_put(&paragraph, STYLE_PLAIN, verdict);
    paragraph_end(&paragraph);
}

/* ---- The lease */

static bool has_own_listener(const struct view *view) {
    const cJSON *listener;

    cJSON_ArrayForEach(listener, json_get(view->answer, "listeners")) {
        const char *level = "";
        if (json_get_string(json_get(listener, "evidence"), "level", &level) && strcmp(level, "foreign") != 0)
            return true;
    }
    return false;
}

static void print_lease(const struct view *view, const struct lease_view *lease) {
    struct paragraph paragraph = begin(view, "lease");
    char user[LEASE_USER_MAX];
    char life[LEASE_LIFE_MAX];
    char age[OUTPUT_AGE_MAX];
    int64_t granted_ms;

    lease_view_format_user(lease, user);
    lease_view_format_life(lease, life);
    if (text_parse_time(lease->allocated_at, &granted_ms) == 0) {
        output_format_age(granted_ms, view->now_ms, age);
        paragraph_format(&paragraph, STYLE_PLAIN, "%s, %s, granted %s;", lease->service_name, user, age);
    } else {
        paragraph_format(&paragraph, STYLE_PLAIN, "%s, %s;", lease->service_name, user);
    }
    if (strcmp(lease->state, "elsewhere") == 0 && lease->holder_pid != 0 && lease->elsewhere_port != 0)
        paragraph_format(&paragraph, STYLE_PLAIN, "its holder (pid %llu) listens on %u instead",
                         (unsigned long long)lease->holder_pid, lease->elsewhere_port);
    else if (lease->holder_pid != 0 && strcmp(lease->kept_by, "holder") == 0 && !has_own_listener(view))
        paragraph_format(&paragraph, STYLE_PLAIN, "its holder (pid %llu) lives but does not listen",
                         (unsigned long long)lease->holder_pid);
    else
        paragraph_put(&paragraph, STYLE_PLAIN, life);
    paragraph_end(&paragraph);
}

/* ---- Who has the port */

/* Two sockets of one owner, one for each family, are told as one thing. */
static bool same_party(const struct listener_view *a, const struct listener_view *b) {
    struct owner_view first;
    struct owner_view second;
    bool hidden = !listener_view_first_owner(a, &first);

    if (a->address == b->address)
        return true; /* the same text of the same document: the same listener */
    if (hidden != !listener_view_first_owner(b, &second))
        return false;
    if (!hidden)
        return first.pid == second.pid;
    return a->has_uid && b->has_uid && a->uid == b->uid && a->cgroup != NULL && b->cgroup != NULL &&
           strcmp(a->cgroup, b->cgroup) == 0;
}

/* True if a listener before `until` is of the same party. */
static bool told_before(const cJSON *listeners, const cJSON *until, const struct listener_view *view) {
    const cJSON *listener;

    cJSON_ArrayForEach(listener, listeners) {
        struct listener_view other;
        if (listener == until)
            return false;
        if (listener_view_read(listener, &other) && same_party(&other, view))
            return true;
    }
    return false;
}

static void put_addresses(struct paragraph *paragraph, const struct view *view, const struct listener_view *first) {
    const char *between = "on";
    const cJSON *listener;

    cJSON_ArrayForEach(listener, json_get(view->answer, "listeners")) {
        struct listener_view other;
        char address[LISTENER_TEXT_MAX];
        bool bound;

        if (!listener_view_read(listener, &other) || !same_party(&other, first))
            continue;
        bound = other.state != NULL && strcmp(other.state, "bound") == 0;
        listener_view_format_address(&other, address);
        paragraph_format(paragraph, STYLE_PLAIN, "%s %s%s", between, address, bound ? " (bound, not listening)" : "");
        between = "and";
    }
}

static void put_since(struct paragraph *paragraph, const struct view *view, const struct listener_view *listener) {
    char age[OUTPUT_AGE_MAX];
    int64_t since_ms;

    if (listener->since == NULL || text_parse_time(listener->since, &since_ms) < 0)
        return;
    output_format_age(since_ms, view->now_ms, age);
    paragraph_format(paragraph, STYLE_PLAIN, listener->since_start ? "since before portd started, %s" : "since %s",
                     age);
}

/* "~/demo" for what is below HOME. */
static void put_directory(struct paragraph *paragraph, const struct view *view, const char *directory) {
    char text[TEXT_TOLD];
    const char *home = getenv("HOME");
    size_t length = home != NULL ? strlen(home) : 0;

    if (length > 1 && strncmp(directory, home, length) == 0 && (directory[length] == '/' || directory[length] == '\0'))
        paragraph_format(paragraph, STYLE_PLAIN, "in ~%s,", shorten(view, directory + length, text, sizeof text));
    else
        paragraph_format(paragraph, STYLE_PLAIN, "in %s,", shorten(view, directory, text, sizeof text));
}

static void put_command(struct paragraph *paragraph, const struct view *view, const struct owner_view *owner) {
    const char *process = owner->process != NULL ? owner->process : "a process";
    const char *command = owner->command != NULL && owner->command[0] != '\0' ? owner->command : process;
    char text[COMMAND_TOLD];

    paragraph_format(paragraph, STYLE_BOLD, "%s,", shorten(view, command, text, sizeof text));
}

static void print_visible(const struct view *view, const struct listener_view *listener,
                          const struct owner_view *owner) {
    struct paragraph paragraph = begin(view, "bound");
    char user[LISTENER_TEXT_MAX];

    listener_view_format_user(owner->user, owner->has_uid, owner->uid, user);
    put_command(&paragraph, view, owner);
    paragraph_format(&paragraph, STYLE_PLAIN, "%s,", user);
    if (owner->directory != NULL)
        put_directory(&paragraph, view, owner->directory);
    put_addresses(&paragraph, view, listener);
    put_since(&paragraph, view, listener);
    paragraph_end(&paragraph);
}

static void print_text(const struct view *view, const char *label, const char *text) {
    struct paragraph paragraph = begin(view, label);
    char told[TEXT_TOLD];

    paragraph_put(&paragraph, STYLE_PLAIN, shorten(view, text, told, sizeof told));
    paragraph_end(&paragraph);
}

static void print_hidden(const struct view *view, const struct listener_view *listener) {
    struct paragraph paragraph = begin(view, "bound");
    const char *why = NULL;
    const char *remedy = NULL;
    char user[LISTENER_TEXT_MAX];

    listener_view_format_user(listener->user, listener->has_uid, listener->uid, user);
    if (listener->user != NULL && listener->has_uid)
        paragraph_format(&paragraph, STYLE_BOLD, "a hidden process of %s (uid %u),", user, (unsigned)listener->uid);
    else
        paragraph_format(&paragraph, STYLE_BOLD, "a hidden process of %s,", user);
    put_addresses(&paragraph, view, listener);
    put_since(&paragraph, view, listener);
    paragraph_end(&paragraph);
    if (json_get_string(listener->hidden, "why", &why) || json_get_string(listener->hidden, "reason", &why))
        print_text(view, "hidden", why);
    if (json_get_string(listener->hidden, "remedy", &remedy))
        print_text(view, why != NULL ? "" : "hidden", remedy);
}

/* The control group names a hidden process's place where nothing better does; the root one is no place. */
static void print_place(const struct view *view, const struct listener_view *listener, bool visible) {
    char container[LISTENER_TEXT_MAX];

    listener_view_format_container(listener->container, container);
    if (container[0] != '\0')
        print_text(view, "inside", container);
    if (listener->unit != NULL)
        print_text(view, "unit", listener->unit);
    else if (listener->cgroup != NULL && strcmp(listener->cgroup, "/") != 0 && container[0] == '\0' && !visible)
        print_text(view, "cgroup", listener->cgroup);
}

/* ---- Why it runs */

static void put_process(struct paragraph *paragraph, const struct view *view, const cJSON *process,
                        const char *between) {
    const char *name = "?";
    char text[NAME_TOLD];
    uint64_t pid = 0;

    json_get_string(process, "process", &name);
    json_get_number(process, "pid", 1, INT32_MAX, &pid);
    paragraph_format(paragraph, STYLE_PLAIN, "%s(%llu)%s", shorten(view, name, text, sizeof text),
                     (unsigned long long)pid, between);
}

/* From init down to the process. */
static void print_why(const struct view *view, const struct owner_view *owner) {
    const char *name = owner->process != NULL ? owner->process : "?";
    int n_parents = cJSON_GetArraySize(owner->parents);
    struct paragraph paragraph;
    char text[NAME_TOLD];

    if (n_parents == 0)
        return;
    paragraph = begin(view, "why");
    for (int i = n_parents - 1; i >= 0; i--) {
        if (n_parents > PARENTS_TOLD && i == n_parents - 1 - PARENTS_TOLD / 2) {
            paragraph_format(&paragraph, STYLE_DIM, "(%d more) >", n_parents - PARENTS_TOLD);
            i -= n_parents - PARENTS_TOLD;
        }
        put_process(&paragraph, view, cJSON_GetArrayItem(owner->parents, i), " >");
    }
    paragraph_format(&paragraph, STYLE_BOLD, "%s(%d)", shorten(view, name, text, sizeof text), (int)owner->pid);
    paragraph_end(&paragraph);
}

static void print_others(const struct view *view, const struct listener_view *listener) {
    int n_others = cJSON_GetArraySize(listener->owners) - 1;
    struct paragraph paragraph;
    const cJSON *owner;
    int i = 0;

    if (n_others < 1)
        return;
    paragraph = begin(view, "also");
    cJSON_ArrayForEach(owner, listener->owners) {
        if (i > 0 && i <= OWNERS_TOLD)
            put_process(&paragraph, view, owner, i == n_others ? "" : ",");
        i++;
    }
    if (n_others > OWNERS_TOLD)
        paragraph_format(&paragraph, STYLE_PLAIN, "and %d more", n_others - OWNERS_TOLD);
    paragraph_put(&paragraph, STYLE_PLAIN, n_others == 1 ? "has the same socket open" : "have the same socket open");
    paragraph_end(&paragraph);
}

static void print_evidence(const struct view *view, const cJSON *listener) {
    const cJSON *evidence = json_get(listener, "evidence");
    const char *level = "";
    const char *words = "";
    struct paragraph paragraph;

    if (!json_get_string(evidence, "level", &level))
        return;
    if (!json_get_string(evidence, "words", &words))
        json_get_string(evidence, "by", &words);
    paragraph = begin(view, "whose");
    if (strcmp(level, "foreign") == 0)
        paragraph_put(&paragraph, STYLE_PLAIN, words[0] != '\0' ? "not the lease's:" : "not the lease's");
    else
        paragraph_format(&paragraph, STYLE_PLAIN, "the lease's, %s%s", level, words[0] != '\0' ? ":" : "");
    paragraph_put(&paragraph, STYLE_PLAIN, words);
    paragraph_end(&paragraph);
}

static void print_listener(const struct view *view, const cJSON *json, const struct listener_view *listener) {
    struct owner_view owner;
    bool visible = listener_view_first_owner(listener, &owner);

    if (visible)
        print_visible(view, listener, &owner);
    else
        print_hidden(view, listener);
    print_evidence(view, json);
    if (visible)
        print_why(view, &owner);
    if (visible)
        print_others(view, listener);
    print_place(view, listener, visible);
}

static void print_listeners(const struct view *view) {
    const cJSON *listeners = json_get(view->answer, "listeners");
    const cJSON *json;

    cJSON_ArrayForEach(json, listeners) {
        struct listener_view listener;
        if (listener_view_read(json, &listener) && !told_before(listeners, json, &listener))
            print_listener(view, json, &listener);
    }
}

/* ---- What to do */

static size_t widest_command(const cJSON *next) {
    const cJSON *item;
    size_t widest = 0;

    cJSON_ArrayForEach(item, next) {
        const char *command;
        char safe[512];
        size_t width;
        if (!json_get_string(item, "command", &command))
            continue;
        width = table_text_width(text_make_safe(command, safe, sizeof safe));
        if (width > widest)
            widest = width;
    }
    return widest;
}

/* Commands and reasons in two columns; where the terminal is too narrow for that, each reason below its command. */
static void print_next(const struct view *view) {
    const cJSON *next = json_get(view->answer, "next");
    size_t column = COLUMN + widest_command(next) + 4;
    const char *label = "next";
    const cJSON *item;

    cJSON_ArrayForEach(item, next) {
        struct paragraph paragraph;
        const char *command;
        const char *why = "";

        if (!json_get_string(item, "command", &command))
            continue;
        json_get_string(item, "why", &why);
        paragraph = begin(view, label);
        label = "";
        paragraph_put(&paragraph, STYLE_BOLD, command);
        if (why[0] == '\0') {
            paragraph_end(&paragraph);
            continue;
        }
        if (paragraph.column < column && column + table_text_width(why) <= view->output->width) {
            printf("%*s", (int)(column - paragraph.column), "");
            paragraph.column = column;
            paragraph.joined = false;
        } else {
            paragraph_end(&paragraph);
            paragraph.indent += 2;
            printf("%*s", (int)paragraph.indent, "");
            paragraph.column = paragraph.indent;
        }
        paragraph_put(&paragraph, STYLE_DIM, why);
        paragraph_end(&paragraph);
    }
}

void who_view_print(uint16_t port, const cJSON *answer, const struct output *output) {
    const struct clock clock = clock_system();
    const struct view view = {.port = port, .answer = answer, .output = output, .now_ms = clock_read(&clock).unix_ms};
    struct lease_view lease;
    bool leased = lease_view_read(json_get(answer, "lease"), &lease);

    print_verdict(&view, leased ? &lease : NULL);
    if (leased)
        print_lease(&view, &lease);
    print_listeners(&view);
    print_next(&view);
}
