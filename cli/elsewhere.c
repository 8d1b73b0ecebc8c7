/*
 * Looks at listeners. See elsewhere.h.
 */
#include "cli/elsewhere.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/framework.h"
#include "cli/lineage.h"
#include "cli/own_sockets.h"
#include "cli/patience.h"
#include "probe/fd.h"
#include "probe/proc_file.h"
#include "probe/sock_diag.h"
#include "src/base/text.h"

/* However long ago the last look was (portctl was stopped with its job): so long is a listener left alone after it was first seen. */
#define PATIENCE_LEAST_MS 1200

/* A thousandth of what a look may cost: a look that costs 1 us is followed by a pause of 0.5 ms. */
#define PAUSE_PER_COST 500

/* The owner of a listener that was not found is looked for again: he may have been adopted while we read (own_sockets.h). */
#define TRIES_MOST 2

/* A listener that is on none of the leased ports. */
struct newcomer {
    uint32_t inode;
    uint16_t port;
    bool is_settled; /* it is not to be told */
    unsigned n_tries;
    uint64_t due_ms; /* when it is to be told */
};

struct elsewhere {
    struct elsewhere_setup setup;
    struct sock_diag *diag; /* NULL: nothing more is to be done */
    struct listener_list listeners;
    struct newcomer *newcomers; /* by inode; owned */
    size_t n_newcomers;
    uint16_t ephemeral_least;
    uint16_t ephemeral_most;
    uint64_t looked_ms; /* the last whole look began then */
    uint64_t due_ms;
};

static void finish(struct elsewhere *elsewhere) {
    elsewhere->diag = sock_diag_free(elsewhere->diag);
    elsewhere->due_ms = UINT64_MAX;
}

static bool is_leased(const struct elsewhere *elsewhere, uint16_t port) {
    for (size_t i = 0; i < elsewhere->setup.n_ports; i++)
        if (elsewhere->setup.ports[i] == port)
            return true;
    return false;
}

static void read_ephemeral_range(struct elsewhere *elsewhere) {
    char text[64];
    uint64_t least;
    uint64_t most;
    const char *second;

    elsewhere->ephemeral_least = 32768;
    elsewhere->ephemeral_most = 60999;
    if (proc_read_text(AT_FDCWD, "/proc/sys/net/ipv4/ip_local_port_range", text, sizeof text) < 0)
        return;
    second = text + strcspn(text, "\t ");
    if (proc_parse_number(text, &least) == 0 && proc_parse_number(second, &most) == 0 && most <= UINT16_MAX) {
        elsewhere->ephemeral_least = (uint16_t)least;
        elsewhere->ephemeral_most = (uint16_t)most;
    }
}

/* ---- The listeners that are there */

static int compare_inodes(const void *a, const void *b) {
    const struct newcomer *one = a;
    const struct newcomer *other = b;

    return (one->inode > other->inode) - (one->inode < other->inode);
}

static const struct newcomer *find(const struct elsewhere *elsewhere, uint32_t inode) {
    if (elsewhere->n_newcomers == 0)
        return NULL;
    return bsearch(&(const struct newcomer){.inode = inode}, elsewhere->newcomers, elsewhere->n_newcomers,
                   sizeof *elsewhere->newcomers, compare_inodes);
}

static struct newcomer meet(const struct elsewhere *elsewhere, const struct listener *listener, uint64_t now_ms) {
    const uint64_t promised_ms = elsewhere->looked_ms + ELSEWHERE_PATIENCE_MS;
    const uint64_t least_ms = now_ms + PATIENCE_LEAST_MS;

    return (struct newcomer){
        .inode = listener->inode,
        .port = listener->port,
        .is_settled = listener->port >= elsewhere->ephemeral_least && listener->port <= elsewhere->ephemeral_most,
        .due_ms = promised_ms > least_ms ? promised_ms : least_ms,
    };
}

/* Puts the listeners of the last dump in the place of those before: known ones stay as they are, what is gone is forgotten. */
static int compare_with_before(struct elsewhere *elsewhere, uint64_t now_ms) {
    const size_t n = elsewhere->listeners.n_items;
    struct newcomer *newcomers = calloc(n > 0 ? n : 1, sizeof *newcomers);

    if (newcomers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct listener *listener = &elsewhere->listeners.items[i];
        const struct newcomer *known = find(elsewhere, listener->inode);
        newcomers[i] = known != NULL ? *known : meet(elsewhere, listener, now_ms);
    }
    qsort(newcomers, n, sizeof *newcomers, compare_inodes);
    free(elsewhere->newcomers);
    elsewhere->newcomers = newcomers;
    elsewhere->n_newcomers = n;
    return 0;
}

/* A dump that was interrupted lacks some: it proves that the lease is in use, and nothing else. */
static int look(struct elsewhere *elsewhere, uint64_t now_ms) {
    int r;

    listener_list_clear(&elsewhere->listeners);
    r = sock_diag_dump(elsewhere->diag, SOCK_DIAG_LISTEN, 0, &elsewhere->listeners);
    for (size_t i = 0; i < elsewhere->listeners.n_items; i++) {
        if (is_leased(elsewhere, elsewhere->listeners.items[i].port)) {
            finish(elsewhere);
            return 0;
        }
    }
    if (r != 0)
        return r < 0 ? r : -EAGAIN;
    r = compare_with_before(elsewhere, now_ms);
    if (r == 0)
        elsewhere->looked_ms = now_ms;
    return r;
}

/* ---- What is said */

#define PORTS_MAX_LENGTH 80

/* "lease 8003", "leases 8003, 8004". Many: the first of them, and "...". */
static void format_leases(const struct elsewhere_setup *setup, char *ret_text) {
    size_t length = (size_t)snprintf(ret_text, PORTS_MAX_LENGTH, setup->n_ports == 1 ? "lease" : "leases");

    for (size_t i = 0; i < setup->n_ports; i++) {
        const char *before = i > 0 ? ", " : " ";
        if (length + strlen(", 65535, ...") >= PORTS_MAX_LENGTH) {
            snprintf(ret_text + length, PORTS_MAX_LENGTH - length, ", ...");
            return;
        }
        length += (size_t)snprintf(ret_text + length, PORTS_MAX_LENGTH - length, "%s%u", before, setup->ports[i]);
    }
}

/* The command lines from the listener's up to the program's, in the form that framework.h takes them. */
struct command_lines {
    const char *const *lines[LINEAGE_MAX];
    size_t n_lines;
};

static struct command_lines list_lines(const struct lineage *lineage) {
    struct command_lines list = {.n_lines = lineage->n_commands};

    for (size_t i = 0; i < lineage->n_commands; i++)
        list.lines[i] = lineage->commands[i].words;
    return list;
}

static bool is_side_port(const struct command_lines *list, uint16_t port) {
    for (size_t i = 0; i < list->n_lines; i++)
        if (framework_is_side_port(list->lines[i], port))
            return true;
    return false;
}

/* What the person has typed is what he knows it by; else the nearest to the listener. A runtime that can be the script runner as well (bun) is
 * not what the script is. */
static const struct framework *find_framework(const struct elsewhere_setup *setup, const struct command_lines *list) {
    const struct framework *typed = framework_find((const char *const *)setup->argv);
    const struct framework *found = NULL;

    if (typed != NULL && typed->kind != FRAMEWORK_CONFIGURATION)
        return typed;
    for (size_t i = 0; i < list->n_lines && found == NULL; i++)
        found = framework_find(list->lines[i]);
    return found != NULL ? found : typed;
}

static void tell(const struct elsewhere *elsewhere, uint16_t port, const struct command_lines *list) {
    const struct elsewhere_setup *setup = &elsewhere->setup;
    const struct framework_case known = {
        .framework = find_framework(setup, list),
        .service_name = setup->service_name,
        .argv = (const char *const *)setup->argv,
        .port = port,
        .is_out_of_reach = framework_is_out_of_reach(list->lines, list->n_lines),
    };
    char leases[PORTS_MAX_LENGTH];
    char hint[FRAMEWORK_HINT_MAX];

    format_leases(setup, leases);
    output_say(setup->output, "%s listens on %u, not on its %s", setup->service_name, port, leases);
    output_hint(setup->output, framework_format_hint(&known, hint));
}

/* ---- Whom it is said of */

/* The one that is due first, and of several the lowest pid's. Returns NULL if none of those that are due is the program's. */
static struct newcomer *choose(struct elsewhere *elsewhere, const struct own_socket *sockets, size_t n_sockets,
                               uint64_t now_ms, pid_t *ret_pid) {
    struct newcomer *chosen = NULL;
    pid_t chosen_pid = 0;

    for (size_t i = 0; i < n_sockets; i++) {
        struct newcomer *newcomer = &elsewhere->newcomers[i];
        if (newcomer->is_settled || newcomer->due_ms > now_ms || sockets[i].pid == 0)
            continue;
        if (chosen == NULL || newcomer->due_ms < chosen->due_ms ||
            (newcomer->due_ms == chosen->due_ms && sockets[i].pid < chosen_pid)) {
            chosen = newcomer;
            chosen_pid = sockets[i].pid;
        }
    }
    *ret_pid = chosen_pid;
    return chosen;
}

/* Those without an owner are strangers', or become so. Also those that are not due yet: where strangers come all the time, each would cost a walk through
 * /proc of its own. */
static void settle_strangers(struct elsewhere *elsewhere, const struct own_socket *sockets) {
    for (size_t i = 0; i < elsewhere->n_newcomers; i++) {
        struct newcomer *newcomer = &elsewhere->newcomers[i];
        if (sockets[i].pid == 0 && ++newcomer->n_tries >= TRIES_MOST)
            newcomer->is_settled = true;
    }
}

static int judge_with(struct elsewhere *elsewhere, struct own_socket *sockets, uint64_t now_ms) {
    struct newcomer *newcomer;
    pid_t pid;
    int r;

    for (size_t i = 0; i < elsewhere->n_newcomers; i++)
        sockets[i].inode = elsewhere->newcomers[i].inode;
    r = own_sockets_find(sockets, elsewhere->n_newcomers, elsewhere->setup.bystanders);
    if (r < 0)
        return r;
    settle_strangers(elsewhere, sockets);
    while ((newcomer = choose(elsewhere, sockets, elsewhere->n_newcomers, now_ms, &pid)) != NULL) {
        CLEANUP(lineage_deinit) struct lineage lineage = {0};
        struct command_lines list;
        r = lineage_read(&lineage, pid);
        if (r < 0)
            return r;
        list = list_lines(&lineage);
        newcomer->is_settled = true;
        if (is_side_port(&list, newcomer->port))
            continue;
        tell(elsewhere, newcomer->port, &list);
        finish(elsewhere);
        return 0;
    }
    return 0;
}

static bool is_any_due(const struct elsewhere *elsewhere, uint64_t now_ms) {
    for (size_t i = 0; i < elsewhere->n_newcomers; i++)
        if (!elsewhere->newcomers[i].is_settled && elsewhere->newcomers[i].due_ms <= now_ms)
            return true;
    return false;
}

static int judge(struct elsewhere *elsewhere, uint64_t now_ms) {
    struct own_socket *sockets;
    int r;

    if (elsewhere->diag == NULL || !is_any_due(elsewhere, now_ms))
        return 0;
    sockets = calloc(elsewhere->n_newcomers, sizeof *sockets);
    if (sockets == NULL)
        return -ENOMEM;
    r = judge_with(elsewhere, sockets, now_ms);
    free(sockets);
    return r;
}

/* ---- When */

static uint64_t cpu_now_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The next look, or the end of a newcomer's patience if that comes before. */
static void plan(struct elsewhere *elsewhere, uint64_t now_ms, uint64_t cost_ns) {
    uint64_t interval_ms = cost_ns * PAUSE_PER_COST / 1000000;

    if (elsewhere->diag == NULL)
        return;
    if (interval_ms < ELSEWHERE_INTERVAL_MS)
        interval_ms = ELSEWHERE_INTERVAL_MS;
    if (interval_ms > ELSEWHERE_INTERVAL_MOST_MS)
        interval_ms = ELSEWHERE_INTERVAL_MOST_MS;
    elsewhere->due_ms = now_ms + interval_ms;
    for (size_t i = 0; i < elsewhere->n_newcomers; i++) {
        const struct newcomer *newcomer = &elsewhere->newcomers[i];
        if (!newcomer->is_settled && newcomer->due_ms > now_ms && newcomer->due_ms < elsewhere->due_ms)
            elsewhere->due_ms = newcomer->due_ms;
    }
}

/* A look that fails, for want of memory or descriptors, is no reason to bother anybody: the next one is due as usual. */
void elsewhere_turn(struct elsewhere *elsewhere, uint64_t now_ms) {
    const uint64_t begin_ns = cpu_now_ns();

    if (now_ms < elsewhere->due_ms)
        return;
    if (look(elsewhere, now_ms) == 0)
        judge(elsewhere, now_ms);
    plan(elsewhere, now_ms, cpu_now_ns() - begin_ns);
}

uint64_t elsewhere_due_ms(const struct elsewhere *elsewhere) {
    return elsewhere->due_ms;
}

int elsewhere_new(const struct elsewhere_setup *setup, struct elsewhere **ret_elsewhere) {
    CLEANUP(elsewhere_free_at) struct elsewhere *elsewhere = calloc(1, sizeof *elsewhere);
    const uint64_t now_ms = patience_now_ms();
    int r;

    if (elsewhere == NULL)
        return -ENOMEM;
    elsewhere->setup = *setup;
    read_ephemeral_range(elsewhere);
    r = sock_diag_new(&elsewhere->diag);
    if (r == 0)
        r = look(elsewhere, now_ms);
    if (r < 0 && r != -EAGAIN)
        return r;
    for (size_t i = 0; i < elsewhere->n_newcomers; i++)
        elsewhere->newcomers[i].is_settled = true;
    elsewhere->looked_ms = now_ms;
    plan(elsewhere, now_ms, 0);
    *ret_elsewhere = elsewhere;
    elsewhere = NULL;
    return 0;
}

struct elsewhere *elsewhere_free(struct elsewhere *elsewhere) {
    if (elsewhere == NULL)
        return NULL;
    sock_diag_free(elsewhere->diag);
    listener_list_deinit(&elsewhere->listeners);
    free(elsewhere->newcomers);
    free(elsewhere);
    return NULL;
}
