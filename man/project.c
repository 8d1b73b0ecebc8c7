/*
 * The parts of portmanager.json(5) that its table of keys has.
 */
#include "cli/project_keys.h"
#include "man/page.h"

static void write_keys(FILE *out, const struct project_key *keys, size_t n_keys) {
    for (size_t i = 0; i < n_keys; i++) {
        char text[1024];

        snprintf(text, sizeof text, "%s. %s", keys[i].form, keys[i].meaning);
        page_entry(out, keys[i].name, NULL, text);
    }
}

static void write_document_keys(FILE *out) {
    size_t n;
    const struct project_key *keys = project_keys(&n);

    write_keys(out, keys, n);
}

static void write_service_keys(FILE *out) {
    size_t n;
    const struct project_key *keys = project_service_keys(&n);

    write_keys(out, keys, n);
}

static void write_example(FILE *out) {
    fprintf(out, "```\n%s```\n", project_example());
}

const struct page_part project_parts[] = {
    {"the file's keys", write_document_keys},
    {"a service's keys", write_service_keys},
    {"the example", write_example},
    {NULL, NULL},
};
