/* Which port: the order of choice, every skip, and the reasons for both. */
#include "src/lease/allocator.h"

#include <assert.h>
#include <string.h>

/* A choice in the making: of all requests, of which one is looked at. */
struct choosing {
    const struct allocator *allocator;
    struct port_settings settings;
    struct port_set chosen;
    struct port_set busy; /* the kernel has said so in this choice: it is not asked again for the next port */
    uint16_t cursor;
    const struct choice_request *request;
    struct choice *choice;
};

void choice_deinit(struct choice *choice) {
    listener_list_deinit(&choice->evidence);
}

static void add_note(struct choosing *choosing, enum choice_note_kind kind, uint16_t port) {
    struct choice *choice = choosing->choice;

    assert(choice->n_notes < CHOICE_NOTES_MAX);
    choice->notes[choice->n_notes++] = (struct choice_note){.kind = kind, .port = port};
}

/* Each port gets the lowest slot that no live lease of the key, and no port before it, has. */
static void assign_slots(struct choosing *choosing) {
    const struct lease_table *leases = choosing->allocator->leases;
    struct port_set used = {0}; /* a slot is never higher than there are ports */
    unsigned slot = 0;

    for (size_t i = 0; i < leases->n_items; i++) {
        struct lease_key key = lease_get_key(leases->items[i]);
        if (lease_key_equal(&key, &choosing->request->key))
            port_set_add(&used, (uint16_t)leases->items[i]->slot);
    }
    for (unsigned at = 0; at < choosing->request->count; at++) {
        while (port_set_has(&used, (uint16_t)slot))
            slot++;
        choosing->choice->slots[at] = slot++;
    }
}

static void take(struct choosing *choosing, unsigned at, uint16_t port) {
    choosing->choice->ports[at] = port;
    choosing->choice->n_ports++;
    port_set_add(&choosing->chosen, port);
}

/* What stands against a port whoever asks for it, the kernel's socket table apart. */
static int refuse_always(const struct choosing *choosing, uint16_t port) {
    if (port == choosing->allocator->rules->api_port)
        return ALLOC_E_OWN;
    if (lease_table_find_port(choosing->allocator->leases, port) != NULL || port_set_has(&choosing->chosen, port))
        return ALLOC_E_LEASED;
    if (port < choosing->settings.unprivileged_start && !choosing->request->privileged)
        return ALLOC_E_PRIVILEGED;
    return 0;
}

static int ask_kernel(struct choosing *choosing, uint16_t port, enum port_check_effort effort,
                      struct listener_list *evidence) {
    const struct port_prober *prober = &choosing->allocator->prober;
    int r = prober->check(prober->context, port, effort, evidence);

    if (r == PORT_CHECK_E_BUSY)
        return ALLOC_E_TAKEN;
    return r == PORT_CHECK_E_NOT_PERMITTED ? ALLOC_E_UNVERIFIABLE : r;
}

/* A cool-down does not bind the name that had the port. */
static uint64_t cooling_for(const struct choosing *choosing, uint16_t port) {
    const struct sticky_table *sticky = choosing->allocator->sticky;

    if (!sticky_table_is_others(sticky, &choosing->request->key, port) && sticky->by_port[port] != NULL)
        return 0;
    return sticky_table_cooling(sticky, port, choosing->request->now_ms);
}

/* A port that the caller named is granted in spite of an objection, and the reply says so. */
static void note_objections(struct choosing *choosing, uint16_t port) {
    switch (port_rules_object(choosing->allocator->rules, &choosing->settings, port)) {
    case PORT_EXCLUDED:
        add_note(choosing, NOTE_EXCLUDED, port);
        break;
    case PORT_RESERVED:
        add_note(choosing, NOTE_RESERVED, port);
        break;
    case PORT_BLOCKED:
        add_note(choosing, NOTE_BLOCKED, port);
        break;
    case PORT_NO_OBJECTION:
        break;
    }
    if (cooling_for(choosing, port) > 0)
        add_note(choosing, NOTE_COOLING, port);
}

static int try_named(struct choosing *choosing, unsigned at, uint16_t port, struct listener_list *evidence) {
    int r = refuse_always(choosing, port);

    if (r == 0)
        r = ask_kernel(choosing, port, PORT_CHECK_THOROUGH, evidence);
    if (r != 0)
        return r;
    note_objections(choosing, port);
    take(choosing, at, port);
    return 0;
}

static int try_exact(struct choosing *choosing, unsigned at) {
    uint16_t port = choosing->request->exact;

    return port != 0 ? try_named(choosing, at, port, &choosing->choice->evidence) : 0;
}

static int try_preferred(struct choosing *choosing, unsigned at) {
    uint16_t port = choosing->request->prefer[at];
    int r;

    if (port == 0)
        return 0;
    if (choosing->request->sticky_first &&
        sticky_table_is_others(choosing->allocator->sticky, &choosing->request->key, port)) {
        add_note(choosing, NOTE_PREFERRED_OTHERS, port);
        return 0;
    }
    r = try_named(choosing, at, port, NULL);
    switch (r) {
    case ALLOC_E_LEASED:
        add_note(choosing, NOTE_PREFERRED_LEASED, port);
        return 0;
    case ALLOC_E_TAKEN:
        add_note(choosing, NOTE_PREFERRED_TAKEN, port);
        return 0;
    case ALLOC_E_OWN:
        add_note(choosing, NOTE_PREFERRED_OWN, port);
        return 0;
    case ALLOC_E_PRIVILEGED:
    case ALLOC_E_UNVERIFIABLE:
        add_note(choosing, NOTE_PREFERRED_PRIVILEGED, port);
        return 0;
    default:
        return r;
    }
}

static int try_sticky(struct choosing *choosing, unsigned at) {
    uint16_t port =
        sticky_table_find(choosing->allocator->sticky, &choosing->request->key, choosing->choice->slots[at]);
    int r;

    if (port == 0 || refuse_always(choosing, port) != 0 ||
        port_rules_object(choosing->allocator->rules, &choosing->settings, port) != PORT_NO_OBJECTION)
        return 0;
    r = ask_kernel(choosing, port, PORT_CHECK_THOROUGH, NULL);
    if (r < 0)
        return r;
    if (r == 0)
        take(choosing, at, port);
    else
        add_note(choosing, NOTE_STICKY_TAKEN, port);
    return 0;
}

static int try_first(struct choosing *choosing, unsigned at) {
    return choosing->request->sticky_first ? try_sticky(choosing, at) : try_preferred(choosing, at);
}

static int try_second(struct choosing *choosing, unsigned at) {
    return choosing->request->sticky_first ? try_preferred(choosing, at) : try_sticky(choosing, at);
}

/* True if rotation passes over the port without asking the kernel; counts why. */
static bool pass_over(struct choosing *choosing, uint16_t port) {
    struct choice_counts *counts = &choosing->choice->counts;
    uint64_t cooling_ms;

    if (port_set_has(&choosing->chosen, port))
        return true;
    if (port_set_has(&choosing->busy, port)) {
        counts->n_busy++;
        return true;
    }
    switch (refuse_always(choosing, port)) {
    case 0:
        break;
    case ALLOC_E_LEASED:
        counts->n_leased++;
        return true;
    default:
        counts->n_other++;
        return true;
    }
    switch (port_rules_object(choosing->allocator->rules, &choosing->settings, port)) {
    case PORT_EXCLUDED:
        counts->n_excluded++;
        return true;
    case PORT_RESERVED:
        counts->n_reserved++;
        return true;
    case PORT_BLOCKED:
        counts->n_blocked++;
        return true;
    case PORT_NO_OBJECTION:
        break;
    }
    cooling_ms = cooling_for(choosing, port);
    if (cooling_ms == 0)
        return false;
    counts->n_cooling++;
    if (counts->cooling_ms == 0 || cooling_ms < counts->cooling_ms)
        counts->cooling_ms = cooling_ms;
    return true;
}

/*
 * Once round the managed range, from the cursor on, for one port. `others` false: only ports that were nobody else's last;
 * true: only those that were. Between the two every port is looked at once, so the counts add up.
 */
static int rotate(struct choosing *choosing, unsigned at, bool others) {
    const struct port_rules *rules = choosing->allocator->rules;
    unsigned n_range = (unsigned)rules->max - rules->min + 1;
    uint16_t cursor = choosing->cursor;
    unsigned first = cursor >= rules->min && cursor < rules->max ? (unsigned)cursor - rules->min + 1 : 0;

    for (unsigned i = 0; i < n_range; i++) {
        uint16_t port = (uint16_t)(rules->min + (first + i) % n_range);
        int r;

        if (sticky_table_is_others(choosing->allocator->sticky, &choosing->request->key, port) != others ||
            pass_over(choosing, port))
            continue;
        r = ask_kernel(choosing, port, PORT_CHECK_QUICK, NULL);
        if (r < 0)
            return r;
        if (r == 0) {
            take(choosing, at, port);
            choosing->cursor = port;
            return 0;
        }
        choosing->choice->counts.n_busy++;
        port_set_add(&choosing->busy, port);
    }
    return ALLOC_E_RANGE_FULL;
}

static int try_rotation(struct choosing *choosing, unsigned at) {
    int r;

    choosing->choice->counts = (struct choice_counts){0};
    r = rotate(choosing, at, false);
    return r == ALLOC_E_RANGE_FULL ? rotate(choosing, at, true) : r;
}

/* In this order. Each leaves a port that it cannot have to the next one, or refuses. */
static int (*const steps[])(struct choosing *choosing, unsigned at) = {try_exact, try_first, try_second, try_rotation};

/* One step for what one request still lacks. */
static int take_step(struct choosing *choosing, size_t step) {
    int r = 0;

    for (unsigned at = 0; r == 0 && at < choosing->request->count; at++)
        if (choosing->choice->ports[at] == 0)
            r = steps[step](choosing, at);
    choosing->choice->cursor = choosing->cursor;
    return r;
}

int allocator_choose_all(const struct allocator *allocator, const struct choice_request *requests, size_t n_requests,
                         struct choice *const *ret_choices, size_t *ret_at) {
    struct choosing choosing = {.allocator = allocator, .cursor = requests[0].cursor};

    port_settings_read(allocator->rules->sysctl_dir, &choosing.settings);
    for (size_t i = 0; i < n_requests; i++) {
        assert(requests[i].count <= LEASE_COUNT_MAX && (requests[i].exact == 0 || requests[i].count <= 1));
        choosing.request = &requests[i];
        choosing.choice = ret_choices[i];
        assign_slots(&choosing);
    }
    for (size_t step = 0; step < sizeof steps / sizeof steps[0]; step++) {
        for (size_t i = 0; i < n_requests; i++) {
            int r;

            choosing.request = &requests[i];
            choosing.choice = ret_choices[i];
            r = take_step(&choosing, step);
            if (r == 0)
                continue;
            *ret_at = i;
            return r;
        }
    }
    return 0;
}

int allocator_choose(const struct allocator *allocator, const struct choice_request *request,
                     struct choice *ret_choice) {
    size_t at;

    return allocator_choose_all(allocator, request, 1, &ret_choice, &at);
}
