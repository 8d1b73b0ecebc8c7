/*
 * The parts of portd(8) that its table of options has.
 */
#include "man/page.h"
#include "src/options.h"

static void write_options(FILE *out) {
    size_t n;
    const struct option_row *rows = options_rows(&n);

    for (size_t i = 0; i < n; i++) {
        char term[32];
        if (rows[i].name == NULL)
            continue;
        snprintf(term, sizeof term, "--%s", rows[i].name);
        page_entry(out, term, rows[i].argument, rows[i].help);
    }
}

static void write_variables(FILE *out) {
    size_t n;
    const struct option_row *rows = options_rows(&n);

    for (size_t i = 0; i < n; i++) {
        char text[64];
        if (rows[i].name == NULL)
            continue;
        snprintf(text, sizeof text, "like --%s", rows[i].name);
        page_entry(out, rows[i].environment, NULL, text);
    }
}

const struct page_part portd_parts[] = {
    {"portd's options", write_options},
    {"portd's variables", write_variables},
    {NULL, NULL},
};
