/*
 * The allocator beside a model: thousands of grants, releases and pauses in an order that chance gives, while other programs
 * take ports and leave them. The model is a row of plain arrays; it does not choose, it judges what was chosen.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/lease/allocator.h"
#include "tests/support/fake_home.h"
#include "tests/support/fake_kernel.h"

/* The managed range has six blocked ports in it, and the ports around it are asked for by number. */
#define MIN     6650
#define MAX     6689
#define FIRST   6640
#define LAST    6699
#define OWN     6655
#define N_KEYS  6
#define N_STEPS 6000

struct model_port {
    bool leased;
    bool chosen;  /* by the grant that is being judged */
    unsigned key; /* whose it is, or was last; N_KEYS: nobody's */
    unsigned slot;
    uint64_t released_at; /* 0: not released yet */
};

static struct model_port ports[LAST + 1];
static struct lease_key keys[N_KEYS];
static struct fake_home home;
static struct fake_kernel kernel;
static struct lease_table leases;
static struct sticky_table sticky;
static struct port_rules rules;
static uint64_t now_ms = 100000;
static uint64_t last_id;
static uint16_t cursor;

static unsigned roll(unsigned n) {
    return (unsigned)rand() % n;
}

static void set_up(void) {
    static char names[N_KEYS][8];
    fake_home_make(&home);
    fake_home_write(&home, "ip_local_reserved_ports", "6660-6661\n", 10);
    fake_kernel_init(&kernel);
    cr_assert_eq(lease_table_init(&leases), 0);
    cr_assert_eq(sticky_table_init(&sticky), 0);
    rules = (struct port_rules){.min = MIN, .max = MAX, .api_port = OWN, .sysctl_dir = home.path};
    port_set_add_range(&rules.excluded, 6651, 6652);
    for (unsigned i = 0; i < N_KEYS; i++) {
        snprintf(names[i], sizeof(names[i]), "s%u", i / 2);
        keys[i] = (struct lease_key){.uid = 1000, .service_name = names[i], .project = i % 2 ? "/p" : ""};
    }
    for (unsigned port = FIRST; port <= LAST; port++)
        ports[port].key = N_KEYS;
}

static void tear_down(void) {
    sticky_table_deinit(&sticky);
    lease_table_deinit(&leases);
    fake_kernel_deinit(&kernel);
    fake_home_remove(&home);
}

/* ---- the model's rules ---- */

static bool is_never(unsigned port) {
    return port == OWN || ports[port].leased || ports[port].chosen;
}

/* A check that is not thorough takes TIME_WAIT for a holder. */
static bool is_in_use(unsigned port, bool thorough) {
    const uint16_t number = (uint16_t)port;
    return port_set_has(&kernel.busy, number) || (!thorough && port_set_has(&kernel.remains, number));
}

static bool is_objected_to(unsigned port) {
    return port == 6651 || port == 6652 || port == 6660 || port == 6661 || (port >= 6665 && port <= 6669) ||
           port == 6679 || port == 6697;
}

static bool is_cooling(unsigned port, unsigned key) {
    const struct model_port *it = &ports[port];
    return it->released_at != 0 && now_ms < it->released_at + 15000 && it->key != key;
}

static bool is_free_for_rotation(unsigned port, unsigned key) {
    return port >= MIN && port <= MAX && !is_never(port) && !is_in_use(port, false) && !is_objected_to(port) &&
           !is_cooling(port, key);
}

static unsigned count_free(unsigned key) {
    unsigned n_free = 0;
    for (unsigned port = MIN; port <= MAX; port++)
        n_free += is_free_for_rotation(port, key);
    return n_free;
}

static unsigned sticky_of(unsigned key, unsigned slot) {
    for (unsigned port = FIRST; port <= LAST; port++)
        if (ports[port].key == key && ports[port].slot == slot)
            return port;
    return 0;
}

static unsigned lowest_slot(unsigned key, unsigned from) {
    for (unsigned slot = from;; slot++) {
        const unsigned port = sticky_of(key, slot);
        if (port == 0 || !ports[port].leased)
            return slot;
    }
}

/* ---- what was chosen ---- */

static void note_granted(unsigned port, unsigned key, unsigned slot) {
    const unsigned before = sticky_of(key, slot);
    if (before != 0)
        ports[before].key = N_KEYS;
    ports[port].leased = true;
    ports[port].chosen = false;
    ports[port].key = key;
    ports[port].slot = slot;
}

static bool is_anothers(unsigned port, unsigned key) {
    return ports[port].key != N_KEYS && ports[port].key != key;
}

static const char *judge_rotation(unsigned key, unsigned port) {
    if (!is_free_for_rotation(port, key))
        return "rotation chose a port that it may not choose";
    if (ports[port].key == N_KEYS || ports[port].key == key)
        return NULL;
    for (unsigned other = MIN; other <= MAX; other++)
        if (is_free_for_rotation(other, key) && (ports[other].key == N_KEYS || ports[other].key == key))
            return "another's port was chosen while one was free that nobody had";
    return NULL;
}

/* The step in which the i-th port was chosen: 0 and 1 are the preferred and the sticky port, in the request's order; 2 is rotation. */
static unsigned step_of(const struct choice_request *request, unsigned key, const struct choice *choice, unsigned i) {
    const unsigned port = choice->ports[i];
    if (port == request->prefer[i] && !(request->sticky_first && is_anothers(port, key)))
        return request->sticky_first ? 1 : 0;
    if (port == sticky_of(key, choice->slots[i]))
        return request->sticky_first ? 0 : 1;
    return 2;
}

/* Of the ports of this grant those count as chosen that were chosen before the i-th one's turn in this step. */
static void mark_chosen(const struct choice_request *request, unsigned key, const struct choice *choice, unsigned i,
                        unsigned step) {
    for (unsigned port = FIRST; port <= LAST; port++)
        ports[port].chosen = false;
    for (unsigned j = 0; j < choice->n_ports; j++) {
        const unsigned other = step_of(request, key, choice, j);
        if (choice->ports[j] >= FIRST && choice->ports[j] <= LAST && (other < step || (other == step && j < i)))
            ports[choice->ports[j]].chosen = true;
    }
}

static bool could_be_preferred(unsigned port) {
    return port != 0 && !is_never(port) && !is_in_use(port, true);
}

static bool could_be_sticky(unsigned port) {
    return could_be_preferred(port) && !is_objected_to(port);
}

/* NULL, or what is wrong with the i-th port. Whose each port was last is what it was before the whole grant. */
static const char *judge_port(const struct choice_request *request, unsigned key, const struct choice *choice,
                              unsigned i) {
    const unsigned port = choice->ports[i];
    const unsigned old = sticky_of(key, choice->slots[i]);
    const unsigned preferred = request->prefer[i];
    if (choice->slots[i] != lowest_slot(key, i > 0 ? choice->slots[i - 1] + 1 : 0))
        return "not the lowest free slot";
    mark_chosen(request, key, choice, i, step_of(request, key, choice, i));
    if (port < FIRST || port > LAST || is_never(port))
        return "a port that is never to be granted, or twice in one grant";
    if (is_in_use(port, true))
        return "a port in use";
    if (request->exact != 0)
        return port == request->exact ? NULL : "not the exact port";
    for (unsigned step = 0; step < 2; step++) {
        const bool is_sticky = request->sticky_first == (step == 0);
        const unsigned named = is_sticky ? old : preferred;
        mark_chosen(request, key, choice, i, step);
        if (!is_sticky && request->sticky_first && named != 0 && is_anothers(named, key)) {
            if (port == named && judge_rotation(key, port) != NULL)
                return "a default that another one had last";
            continue;
        }
        if (is_sticky ? could_be_sticky(named) : could_be_preferred(named))
            return port == named ? NULL : "not the port that it prefers, or had last, which could be had";
    }
    mark_chosen(request, key, choice, i, 2);
    return judge_rotation(key, port);
}

static const char *judge_refusal(const struct choice_request *request, unsigned key, int r) {
    const unsigned port = request->exact;
    switch (r) {
    case ALLOC_E_OWN:
        return port == OWN ? NULL : "not portd's own";
    case ALLOC_E_LEASED:
        return port != 0 && port != OWN && ports[port].leased ? NULL : "not leased";
    case ALLOC_E_TAKEN:
        return port != 0 && !is_never(port) && is_in_use(port, true) ? NULL : "not taken";
    case ALLOC_E_RANGE_FULL:
        return port == 0 && count_free(key) < request->count ? NULL : "not full";
    default:
        return "an answer that nobody expected";
    }
}

static void make_lease(unsigned port, unsigned key, unsigned slot) {
    struct lease *lease = lease_new();
    cr_assert_eq(lease_set_key(lease, &keys[key]), 0);
    lease->id = ++last_id;
    lease->port = (uint16_t)port;
    lease->slot = slot;
    cr_assert_eq(lease_table_reserve(&leases, 1), 0);
    lease_table_insert(&leases, lease);
    cr_assert_eq(sticky_table_put(&sticky, &keys[key], slot, (uint16_t)port), 0);
}

/* ---- the steps ---- */

static const char *step_grant(int *ret_answer) {
    const unsigned key = roll(N_KEYS);
    const struct allocator allocator = {
        .leases = &leases, .sticky = &sticky, .rules = &rules, .prober = fake_kernel_prober(&kernel)};
    struct choice_request request = {.key = keys[key], .count = 1, .cursor = cursor, .now_ms = now_ms};
    struct choice choice = {0};
    const char *wrong = NULL;
    if (roll(5) == 0)
        request.exact = (uint16_t)(FIRST + roll(LAST - FIRST + 1));
    else
        request.count = roll(4) == 0 ? 1 + roll(8) : 1;
    for (unsigned i = 0; request.exact == 0 && i < request.count; i++)
        if (roll(4) == 0)
            request.prefer[i] = (uint16_t)(FIRST + roll(LAST - FIRST + 1));
    request.sticky_first = roll(2) == 0;
    fake_kernel_forget(&kernel);
    const int r = allocator_choose(&allocator, &request, &choice);
    *ret_answer = r;
    for (unsigned port = FIRST; port <= LAST; port++)
        if (is_never(port) && port_set_has(&kernel.asked, (uint16_t)port))
            wrong = "the kernel was asked about a leased port, or portd's own";
    if (r != 0)
        wrong = wrong ? wrong : judge_refusal(&request, key, r);
    else if (choice.n_ports != request.count)
        wrong = "not as many as asked for";
    for (unsigned i = 0; r == 0 && !wrong && i < choice.n_ports; i++)
        wrong = judge_port(&request, key, &choice, i);
    for (unsigned i = 0; r == 0 && !wrong && i < choice.n_ports; i++) {
        note_granted(choice.ports[i], key, choice.slots[i]);
        make_lease(choice.ports[i], key, choice.slots[i]);
    }
    if (r == 0)
        cursor = choice.cursor;
    choice_deinit(&choice);
    return wrong;
}

static void step_release(void) {
    if (leases.n_items == 0)
        return;
    struct lease *lease = leases.items[roll((unsigned)leases.n_items)];
    ports[lease->port].leased = false;
    ports[lease->port].released_at = now_ms;
    sticky_table_note_release(&sticky, lease->port, now_ms);
    lease_table_remove(&leases, lease);
    lease_free(lease);
}

/* Other programs come and go, on leased ports, too. */
static void step_others(void) {
    const unsigned port = FIRST + roll(LAST - FIRST + 1);
    struct port_set *set = roll(3) == 0 ? &kernel.remains : &kernel.busy;
    set->bits[port / 64] ^= UINT64_C(1) << port % 64;
}

Test(allocator_model, whatever_happens_no_grant_breaks_a_rule, .init = set_up, .fini = tear_down, .timeout = 60) {
    unsigned n_granted = 0;
    unsigned n_full = 0;
    srand(20260102);
    for (int step = 0; step < N_STEPS; step++) {
        const unsigned what = roll(10);
        int r = -1;
        const char *wrong = NULL;
        if (what < 4)
            wrong = step_grant(&r);
        else if (what < 7)
            step_release();
        else if (what < 9)
            step_others();
        else
            now_ms += roll(2) ? roll(2000) : 14000 + roll(2000);
        if (what < 4 && r == 0)
            n_granted++;
        n_full += r == ALLOC_E_RANGE_FULL;
        cr_assert_null(wrong, "step %d: %s", step, wrong);
    }
    cr_expect_gt(n_granted, 1000, "%u", n_granted);
    cr_expect_gt(n_full, 20, "%u", n_full);
}
