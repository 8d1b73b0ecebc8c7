/*
 * What may stand at the cursor: the words that begin as the one there does, each with what it is.
 */
#ifndef CLI_OFFERS_H
#define CLI_OFFERS_H

#include <stdbool.h>
#include <stddef.h>

struct offer {
    char *word;
    char *description; /* "": there is nothing to say */
};

struct offers {
    struct offer *items; /* owned */
    size_t n_items;
    void *known;        /* owned: the words as a tree; a name may have thousands of leases */
    const char *begins; /* only words that begin so are taken; borrowed */
    const char *lead;   /* stands before each: "--color="; borrowed */
    size_t n_lead;      /* so many bytes of it */
    bool failed;        /* memory was short: it may lack some */
};

/*
 * Adds a word, unless it does not begin rightly, is there already, or holds what could not be shown as it is (control
 * characters, or those that turn the direction of text). Both texts are copied.
 */
void offers_add(struct offers *offers, const char *word, const char *description);

/* Frees the texts of items[i], which the caller takes out. */
void offers_free_item(struct offers *offers, size_t i);

/* For CLEANUP(offers_deinit). */
void offers_deinit(struct offers *offers);

#endif
