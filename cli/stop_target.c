/*
 * Whom `stop` would signal. See stop_target.h.
 */
#include "cli/stop_target.h"

#include <stdio.h>
#include <string.h>

#include "cli/paragraph.h"
#include "src/base/clock.h"
#include "src/base/json.h"
#include "src/base/text.h"

/* More owners than this are not told apart: the master is among the first, by pid. */
#define CANDIDATES_MAX 64

struct candidates {
    struct stop_target items[CANDIDATES_MAX];
    size_t n_items;
};

static bool is_in(const struct candidates *candidates, pid_t pid) {
    for (size_t i = 0; i < candidates->n_items; i++)
        if (candidates->items[i].owner.pid == pid)
            return true;
    return false;
}

static void add_owners(struct candidates *candidates, const struct listener_view *listener) {
    const cJSON *json;

    cJSON_ArrayForEach(json, listener->owners) {
        struct stop_target target = {.port = listener->port, .listener = *listener};

        /* Without its start time a pid names nobody. */
        if (candidates->n_items == CANDIDATES_MAX || !owner_view_read(json, &target.owner) ||
            !target.owner.has_start_time || is_in(candidates, target.owner.pid))
            continue;
        candidates->items[candidates->n_items++] = target;
    }
}

/* Those who listen: who has only bound the port, or talks to it, is no owner here. */
static void find_candidates(const cJSON *answer, struct candidates *candidates, const cJSON **ret_hidden) {
    const cJSON *json;

    cJSON_ArrayForEach(json, json_get(answer, "listeners")) {
        struct listener_view listener;
        size_t n_before = candidates->n_items;

        if (!listener_view_read(json, &listener) || listener.state == NULL || strcmp(listener.state, "listen") != 0)
            continue;
        add_owners(candidates, &listener);
        if (candidates->n_items == n_before && cJSON_GetArraySize(listener.owners) == 0)
            *ret_hidden = json;
    }
}

static bool descends_from(const struct owner_view *owner, pid_t pid) {
    const cJSON *parent;

    cJSON_ArrayForEach(parent, owner->parents) {
        uint64_t parent_pid;
        if (json_get_number(parent, "pid", 1, INT32_MAX, &parent_pid) && (pid_t)parent_pid == pid)
            return true;
    }
    return false;
}

static size_t count_descendants(const struct candidates *candidates, pid_t pid) {
    size_t n = 0;

    for (size_t i = 0; i < candidates->n_items; i++)
        if (descends_from(&candidates->items[i].owner, pid))
            n++;
    return n;
}

static const struct stop_target *find_master(const struct candidates *candidates) {
    const struct stop_target *best = &candidates->items[0];
    size_t n_best = count_descendants(candidates, best->owner.pid);

    for (size_t i = 1; i < candidates->n_items; i++) {
        const struct stop_target *item = &candidates->items[i];
        size_t n = count_descendants(candidates, item->owner.pid);
        if (n > n_best || (n == n_best && item->owner.pid < best->owner.pid)) {
            best = item;
            n_best = n;
        }
    }
    return best;
}

/* One party: has the master's socket open, or descends from it. */
static const struct stop_target *find_stranger(const struct candidates *candidates, const struct stop_target *master) {
    for (size_t i = 0; i < candidates->n_items; i++) {
        const struct stop_target *item = &candidates->items[i];
        if (item != master && item->listener.inode != master->listener.inode &&
            !descends_from(&item->owner, master->owner.pid))
            return item;
    }
    return NULL;
}

static int refuse_hidden(const cJSON *json, uint16_t port, struct problem *problem) {
    struct listener_view listener;
    const char *why = "portd cannot see it";
    const char *remedy = "";
    char user[LISTENER_TEXT_MAX];

    if (!listener_view_read(json, &listener))
        return problem_fill_memory(problem);
    listener_view_format_user(listener.user, listener.has_uid, listener.uid, user);
    if (!json_get_string(listener.hidden, "why", &why))
        json_get_string(listener.hidden, "reason", &why);
    json_get_string(listener.hidden, "remedy", &remedy);
    problem_fill(problem, EXIT_NOT_ALLOWED, "owner-hidden", "port %u is held by a hidden process of %s%s%s: %.200s",
                 port, user, listener.unit != NULL ? ", unit " : "", listener.unit != NULL ? listener.unit : "", why);
    return problem_set_hint(problem, "%s", remedy);
}

static int refuse_nobody(const cJSON *answer, uint16_t port, struct problem *problem) {
    if (cJSON_GetArraySize(json_get(answer, "listeners")) == 0)
        return problem_fill(problem, EXIT_NO, "not-listening", "nobody listens on port %u", port);
    problem_fill(problem, EXIT_NO, "not-listening", "nobody listens on port %u; somebody has bound it", port);
    return problem_set_hint(problem, "portctl who %u", port);
}

static int choose_pid(const struct candidates *candidates, uint16_t port, pid_t pid, struct stop_target *ret_target,
                      struct problem *problem) {
    for (size_t i = 0; i < candidates->n_items; i++) {
        if (candidates->items[i].owner.pid == pid) {
            *ret_target = candidates->items[i];
            return 0;
        }
    }
    problem_fill(problem, EXIT_NO, "not-listening", "pid %d does not listen on port %u", (int)pid, port);
    return problem_set_hint(problem, "portctl who %u", port);
}

int stop_target_choose(const cJSON *answer, uint16_t port, pid_t pid, struct stop_target *ret_target,
                       struct problem *problem) {
    struct candidates candidates = {.n_items = 0};
    const struct stop_target *master;
    const struct stop_target *stranger;
    const cJSON *hidden = NULL;
    char one[STOP_TARGET_TEXT_MAX];
    char other[STOP_TARGET_TEXT_MAX];

    find_candidates(answer, &candidates, &hidden);
    if (candidates.n_items > 0 && pid != 0)
        return choose_pid(&candidates, port, pid, ret_target, problem);
    if (candidates.n_items == 0)
        return hidden != NULL ? refuse_hidden(hidden, port, problem) : refuse_nobody(answer, port, problem);
    master = find_master(&candidates);
    stranger = find_stranger(&candidates, master);
    if (stranger != NULL) {
        problem_fill(problem, EXIT_NO, "several-owners", "port %u has several owners: %s and %s", port,
                     stop_target_format(master, one), stop_target_format(stranger, other));
        return problem_set_hint(problem, "portctl stop %u --pid %d", port, (int)stranger->owner.pid);
    }
    *ret_target = *master;
    ret_target->n_others = candidates.n_items - 1;
    return 0;
}

const char *stop_target_format(const struct stop_target *target, char *ret_text) {
    char text[STOP_TARGET_TEXT_MAX];
    char user[LISTENER_TEXT_MAX];

    listener_view_format_user(target->owner.user, target->owner.has_uid, target->owner.uid, user);
    snprintf(text, sizeof text, "%.80s (pid %d, %.80s)",
             target->owner.process != NULL ? target->owner.process : "a process", (int)target->owner.pid, user);
    return text_make_safe(text, ret_text, STOP_TARGET_TEXT_MAX);
}

static struct paragraph begin(const struct output *output, size_t indent) {
    fprintf(stderr, "%*s", (int)indent, "");
    return (struct paragraph){.stream = stderr,
                              .width = output->error_terminal ? output->width : 1000,
                              .indent = indent,
                              .colour = output->error_colour,
                              .column = indent};
}

void stop_target_show(const struct stop_target *target, const struct output *output) {
    const struct clock clock = clock_system();
    struct paragraph paragraph = begin(output, 0);
    char address[LISTENER_TEXT_MAX];
    char text[STOP_TARGET_TEXT_MAX];
    char age[OUTPUT_AGE_MAX];
    int64_t since_ms;

    listener_view_format_address(&target->listener, address);
    paragraph_put(&paragraph, STYLE_BOLD, stop_target_format(target, text));
    paragraph_format(&paragraph, STYLE_PLAIN, "listens on %s", address);
    if (target->listener.since != NULL && text_parse_time(target->listener.since, &since_ms) == 0) {
        output_format_age(since_ms, clock_read(&clock).unix_ms, age);
        paragraph_format(&paragraph, STYLE_PLAIN,
                         target->listener.since_start ? "since before portd started, %s" : "since %s", age);
    }
    paragraph_end(&paragraph);
    if (target->owner.command != NULL) {
        paragraph = begin(output, 2);
        paragraph_format(&paragraph, STYLE_PLAIN, "%.400s", target->owner.command);
        paragraph_end(&paragraph);
    }
    if (target->n_others > 0) {
        paragraph = begin(output, 2);
        paragraph_format(&paragraph, STYLE_DIM, "%zu more %s the port open; only this one is signalled",
                         target->n_others, target->n_others == 1 ? "process has" : "processes have");
        paragraph_end(&paragraph);
    }
}
