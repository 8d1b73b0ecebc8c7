/*
 * Words for a shell to offer. See offers.h.
 */
#include "cli/offers.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/text.h"

#define DESCRIPTION_MAX 256

static int compare(const void *one, const void *other) {
    return strcmp(one, other);
}

static bool is_safe(const char *word) {
    char safe[1024];

    return strcmp(text_make_safe(word, safe, sizeof safe), word) == 0;
}

/* Doubles where the number of items has become a power of two. */
static bool reserve(struct offers *offers) {
    size_t n = offers->n_items;
    struct offer *more;

    if (n > 0 && (n & (n - 1)) != 0)
        return true;
    more = realloc(offers->items, (n > 0 ? 2 * n : 1) * sizeof *more);
    if (more == NULL)
        return false;
    offers->items = more;
    return true;
}

void offers_add(struct offers *offers, const char *word, const char *description) {
    struct offer offer = {0};
    char safe[DESCRIPTION_MAX];

    if (asprintf(&offer.word, "%.*s%s", (int)offers->n_lead, offers->n_lead > 0 ? offers->lead : "", word) < 0) {
        offers->failed = true;
        return;
    }
    if (strncmp(offer.word, offers->begins, strlen(offers->begins)) != 0 || !is_safe(offer.word) ||
        tfind(offer.word, &offers->known, compare) != NULL) {
        free(offer.word);
        return;
    }
    offer.description = strdup(text_make_safe(description, safe, sizeof safe));
    if (offer.description == NULL || !reserve(offers) || tsearch(offer.word, &offers->known, compare) == NULL) {
        offers->failed = true;
        free(offer.word);
        free(offer.description);
        return;
    }
    offers->items[offers->n_items++] = offer;
}

static void leave_alone(void *word) {
    (void)word;
}

void offers_free_item(struct offers *offers, size_t i) {
    tdelete(offers->items[i].word, &offers->known, compare);
    free(offers->items[i].word);
    free(offers->items[i].description);
}

void offers_deinit(struct offers *offers) {
    for (size_t i = 0; i < offers->n_items; i++) {
        free(offers->items[i].word);
        free(offers->items[i].description);
    }
    tdestroy(offers->known, leave_alone); /* it does not look at the words */
    free(offers->items);
    offers->known = NULL;
    offers->items = NULL;
    offers->n_items = 0;
}
