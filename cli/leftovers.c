/*
 * Stopping what is left behind, step by step. See leftovers.h.
 *
 * That nobody is left is told by waitpid() alone (ECHILD): all who lose their parent become our children. So the end is noticed at the last
 * SIGCHLD, and the looks at /proc are only for whom to signal, and for who is kept.
 */
#include "cli/leftovers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/leftover_list.h"
#include "cli/patience.h"
#include "cli/serving.h"
#include "probe/proc_file.h"

/* Nobody tells us of a fork: we look, less often while nothing happens. */
#define INTERVAL_FIRST_MS 20
#define INTERVAL_MOST_MS  250

/* A storm of SIGCHLD is no reason to look all the time. */
#define LOOKS_APART_MS 5

/* A turn's work: zombies that are reaped, looks for newcomers, and rounds of SIGKILL. What is left over comes with the next one. */
#define REAPED_MAX        4096
#define LOOKS_MAX         3
#define FREEZE_PASSES_MAX 4
#define KILL_ROUNDS_MAX   2
#define TURN_MS           500

/* Who is kept must have been seen by portd below us: a parent that only forks is gone after less. */
#define SETTLE_MS      150
#define SETTLE_MOST_MS 1000

enum phase { PHASE_LISTEN, PHASE_GRACE, PHASE_STOP, PHASE_KILL, PHASE_DONE };

struct leftovers {
    struct leftovers_setup setup;
    enum phase phase;
    bool is_hurried;
    struct leftover_list list;
    struct sock_diag *diag; /* NULL: not opened yet, or there is none */
    bool has_children;      /* as waitpid() told last */
    bool is_blind;          /* with ports: who serves is not known just now */
    bool has_no_proc;       /* nobody can be found */
    size_t n_served;        /* ports with a listener */
    uint64_t listen_by_ms;
    uint64_t read_by_ms;   /* before, no reader is asked to end */
    uint64_t phase_end_ms; /* of GRACE, STOP and KILL */
    uint64_t turn_end_ms;
    uint64_t looked_ms;    /* 0: never */
    uint64_t quiet_ms;     /* since when nobody has come or gone */
    uint64_t settle_by_ms; /* 0: somebody is to be stopped */
    uint64_t interval_ms;
    uint64_t due_ms;
};

/* ---- looking ---- */

static void note_change(struct leftovers *leftovers, uint64_t now_ms) {
    leftovers->quiet_ms = now_ms;
    leftovers->interval_ms = INTERVAL_FIRST_MS;
}

static void reap(struct leftovers *leftovers, uint64_t now_ms) {
    pid_t pid = 1;

    for (int i = 0; i < REAPED_MAX && pid > 0; i++) {
        do
            pid = waitpid(-1, NULL, WNOHANG);
        while (pid < 0 && errno == EINTR);
        if (pid > 0)
            note_change(leftovers, now_ms);
    }
    leftovers->has_children = pid >= 0;
}

static void look_who_serves(struct leftovers *leftovers) {
    const struct leftovers_setup *setup = &leftovers->setup;
    int r = 0;

    if (setup->n_ports == 0)
        return;
    if (leftovers->diag == NULL)
        r = sock_diag_new(&leftovers->diag);
    if (r == 0)
        r = serving_mark(&leftovers->list, leftovers->diag, setup->ports, setup->n_ports, &leftovers->n_served);
    leftovers->is_blind = r != 0;
}

/* Looks once. Returns true if somebody has come or gone, or may have. */
static bool look(struct leftovers *leftovers) {
    int r = leftover_list_look(&leftovers->list);

    leftovers->has_no_proc = r < 0 && !proc_is_scarcity(r);
    look_who_serves(leftovers);
    if (r > 0)
        note_change(leftovers, patience_now_ms());
    return r != 0 && !leftovers->has_no_proc;
}

static bool has_time(const struct leftovers *leftovers) {
    return patience_now_ms() < leftovers->turn_end_ms;
}

static void look_until_quiet(struct leftovers *leftovers) {
    for (int i = 0; i < LOOKS_MAX; i++)
        if (!look(leftovers) || !has_time(leftovers))
            return;
}

/* ---- steps ---- */

static bool has_kept(const struct leftovers *leftovers) {
    for (size_t i = 0; i < leftovers->list.n_items; i++)
        if (leftovers->list.items[i].is_branch)
            return true;
    return false;
}

static void enter(struct leftovers *leftovers, enum phase phase, uint64_t end_ms) {
    leftovers->phase = phase;
    leftovers->phase_end_ms = end_ms;
    leftovers->interval_ms = INTERVAL_FIRST_MS;
}

static bool has_bystanders(const struct leftovers *leftovers) {
    return leftovers->setup.bystanders != NULL && leftovers->setup.bystanders->n_items > 0;
}

/* True when nobody is to be stopped, and those who stay have been seen long enough. */
static bool is_over(struct leftovers *leftovers, uint64_t now_ms) {
    if (leftovers->has_no_proc)
        return true;
    /* waitpid() does not tell when only bystanders are left. */
    if (leftovers->list.n_items == 0 && has_bystanders(leftovers))
        return now_ms >= leftovers->quiet_ms + SETTLE_MS;
    /* Who is not seen yet is no reason to end, nor is a zombie that was adopted since the last waitpid(). */
    if (leftovers->list.n_items == 0 || leftover_list_count_to_stop(&leftovers->list) > 0) {
        leftovers->settle_by_ms = 0;
        return false;
    }
    if (!has_kept(leftovers) || leftovers->is_hurried)
        return true;
    if (leftovers->settle_by_ms == 0)
        leftovers->settle_by_ms = now_ms + SETTLE_MOST_MS;
    return now_ms >= leftovers->quiet_ms + SETTLE_MS || now_ms >= leftovers->settle_by_ms;
}

/* With ports nobody is signalled before it is known who serves. Returns false while that is to be waited for. */
static bool knows_who_serves(struct leftovers *leftovers, uint64_t now_ms) {
    if (leftovers->setup.n_ports == 0 || !leftovers->is_blind)
        return true;
    if (now_ms < leftovers->listen_by_ms && !leftovers->is_hurried)
        return false;
    /* It cannot be known: better kept than killed. */
    serving_mark_all(&leftovers->list);
    return true;
}

/* All are made to stand still before the first is killed: who still forks would have the place of each that dies. */
static void kill_round(struct leftovers *leftovers, uint64_t now_ms) {
    for (int i = 0; i < FREEZE_PASSES_MAX; i++) {
        if (leftover_list_freeze(&leftovers->list) == 0 || !has_time(leftovers))
            break;
        look(leftovers);
        if (!knows_who_serves(leftovers, now_ms))
            return;
    }
    leftover_list_thaw_kept(&leftovers->list);
    leftover_list_kill(&leftovers->list);
}

static void step_kill(struct leftovers *leftovers, uint64_t now_ms) {
    for (int i = 0; i < KILL_ROUNDS_MAX && leftover_list_count_to_kill(&leftovers->list) > 0; i++) {
        kill_round(leftovers, now_ms);
        reap(leftovers, now_ms);
        look(leftovers);
        if (!has_time(leftovers))
            break;
    }
    if (now_ms >= leftovers->phase_end_ms || is_over(leftovers, now_ms))
        enter(leftovers, PHASE_DONE, 0);
}

static void step_stop(struct leftovers *leftovers, uint64_t now_ms) {
    if (now_ms >= leftovers->phase_end_ms || leftovers->is_hurried) {
        enter(leftovers, PHASE_KILL, now_ms + LEFTOVERS_KILL_MS);
        step_kill(leftovers, now_ms);
        return;
    }
    leftover_list_ask(&leftovers->list, now_ms < leftovers->read_by_ms);
    if (is_over(leftovers, now_ms))
        enter(leftovers, PHASE_DONE, 0);
}

/* A reader that does not hear gets as long as everybody, once he was asked. */
static uint64_t end_of_stop(const struct leftovers *leftovers, uint64_t now_ms) {
    bool has_readers = now_ms < leftovers->read_by_ms && leftover_list_has_readers(&leftovers->list);

    return (has_readers ? leftovers->read_by_ms : now_ms) + leftovers->setup.patience_ms;
}

static void step_grace(struct leftovers *leftovers, uint64_t now_ms) {
    if (now_ms >= leftovers->phase_end_ms || leftovers->is_hurried) {
        enter(leftovers, PHASE_STOP, end_of_stop(leftovers, now_ms));
        step_stop(leftovers, now_ms);
    } else if (is_over(leftovers, now_ms)) {
        enter(leftovers, PHASE_DONE, 0);
    }
}

static void step_listen(struct leftovers *leftovers, uint64_t now_ms) {
    if (leftovers->n_served == leftovers->setup.n_ports || now_ms >= leftovers->listen_by_ms || leftovers->is_hurried) {
        leftovers->read_by_ms = now_ms + LEFTOVERS_READ_MS;
        enter(leftovers, PHASE_GRACE, now_ms + LEFTOVERS_GRACE_MS);
        step_grace(leftovers, now_ms);
    } else if (is_over(leftovers, now_ms)) {
        enter(leftovers, PHASE_DONE, 0);
    }
}

static void step(struct leftovers *leftovers, uint64_t now_ms) {
    if (!knows_who_serves(leftovers, now_ms))
        return;
    leftover_list_thaw_kept(&leftovers->list);
    if (leftovers->phase == PHASE_LISTEN)
        step_listen(leftovers, now_ms);
    else if (leftovers->phase == PHASE_GRACE)
        step_grace(leftovers, now_ms);
    else if (leftovers->phase == PHASE_STOP)
        step_stop(leftovers, now_ms);
    else
        step_kill(leftovers, now_ms);
}

/* ---- when ---- */

/* What is over and still waited for (who serves is not known) comes with the interval. */
static void be_due_by(struct leftovers *leftovers, uint64_t deadline_ms, uint64_t now_ms) {
    if (deadline_ms > now_ms)
        leftovers->due_ms = patience_earlier(leftovers->due_ms, deadline_ms);
}

static void plan(struct leftovers *leftovers, uint64_t now_ms) {
    if (leftovers->phase == PHASE_DONE) {
        leftovers->due_ms = UINT64_MAX;
        return;
    }
    leftovers->due_ms = now_ms + leftovers->interval_ms;
    leftovers->interval_ms = patience_earlier(leftovers->interval_ms * 2, INTERVAL_MOST_MS);
    be_due_by(leftovers, leftovers->phase == PHASE_LISTEN ? leftovers->listen_by_ms : leftovers->phase_end_ms, now_ms);
    if (leftovers->phase == PHASE_STOP)
        be_due_by(leftovers, leftovers->read_by_ms, now_ms);
    if (leftovers->settle_by_ms != 0 || has_bystanders(leftovers))
        be_due_by(leftovers, leftovers->quiet_ms + SETTLE_MS, now_ms);
}

void leftovers_turn(struct leftovers *leftovers) {
    uint64_t now_ms = patience_now_ms();

    if (leftovers->phase == PHASE_DONE)
        return;
    reap(leftovers, now_ms);
    if (!leftovers->has_children) {
        leftover_list_end(&leftovers->list);
        enter(leftovers, PHASE_DONE, 0);
    } else if (now_ms < leftovers->looked_ms + LOOKS_APART_MS && !leftovers->is_hurried) {
        leftovers->due_ms = leftovers->looked_ms + LOOKS_APART_MS;
        return;
    } else {
        leftovers->turn_end_ms = now_ms + TURN_MS;
        look_until_quiet(leftovers);
        step(leftovers, now_ms);
        leftovers->looked_ms = patience_now_ms();
    }
    plan(leftovers, now_ms);
}

void leftovers_hurry(struct leftovers *leftovers) {
    leftovers->is_hurried = true;
    leftovers_turn(leftovers);
}

uint64_t leftovers_due_ms(const struct leftovers *leftovers) {
    return leftovers->due_ms;
}

bool leftovers_are_done(const struct leftovers *leftovers) {
    return leftovers->phase == PHASE_DONE;
}

/* ---- beginning and end ---- */

int leftovers_new(const struct leftovers_setup *setup, struct leftovers **ret_leftovers) {
    struct leftovers *leftovers = calloc(1, sizeof *leftovers);
    uint64_t now_ms = patience_now_ms();

    if (leftovers == NULL)
        return -ENOMEM;
    leftovers->setup = *setup;
    leftovers->list.seen.bystanders = setup->bystanders;
    leftovers->listen_by_ms = now_ms + LEFTOVERS_LISTEN_MS;
    leftovers->read_by_ms = now_ms + LEFTOVERS_READ_MS;
    note_change(leftovers, now_ms);
    if (setup->waits)
        enter(leftovers, PHASE_LISTEN, 0);
    else
        enter(leftovers, PHASE_GRACE, now_ms + LEFTOVERS_GRACE_MS);
    leftovers_turn(leftovers);
    *ret_leftovers = leftovers;
    return 0;
}

struct leftovers *leftovers_free(struct leftovers *leftovers) {
    if (leftovers == NULL)
        return NULL;
    leftover_list_deinit(&leftovers->list);
    sock_diag_free(leftovers->diag);
    free(leftovers);
    return NULL;
}

static void count(struct leftovers_outcome *outcome, const struct leftover *leftover) {
    if (leftover->is_branch || leftover->is_stem) {
        outcome->n_kept++;
        if (leftover->listens && outcome->kept_pid == 0)
            outcome->kept_pid = leftover->id.pid;
    } else {
        outcome->n_left++;
        if (outcome->left_pid == 0)
            outcome->left_pid = leftover->id.pid;
    }
}

void leftovers_get_outcome(const struct leftovers *leftovers, struct leftovers_outcome *ret_outcome) {
    const struct leftover_list *list = &leftovers->list;
    struct leftovers_outcome outcome = {.n_stopped = list->n_stopped, .n_killed = list->n_killed};

    for (size_t i = 0; i < list->n_items; i++)
        count(&outcome, &list->items[i]);
    if (leftovers->has_children && list->n_items == 0 && !has_bystanders(leftovers))
        outcome.n_left = 1;
    if (outcome.n_stopped + outcome.n_killed > 0)
        memcpy(outcome.first_name, list->first_name, sizeof outcome.first_name);
    *ret_outcome = outcome;
}
