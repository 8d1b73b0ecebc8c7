/*
 * make_man TEXT: prints the page that TEXT, a file, is the prose of. Part of the build, and not installed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "man/page.h"

static bool write_part(const struct page_part *parts, const char *marker) {
    for (; parts->marker != NULL; parts++) {
        if (strcmp(parts->marker, marker) == 0) {
            parts->write(stdout);
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    char line[4096];
    FILE *text = argc == 2 ? fopen(argv[1], "re") : NULL;

    if (text == NULL) {
        fprintf(stderr, "make_man TEXT > PAGE\n");
        return 2;
    }
    while (fgets(line, sizeof line, text) != NULL) {
        const size_t length = strcspn(line, "\n");
        if (line[0] != '@' || length < 2 || line[length - 1] != '@') {
            fputs(line, stdout);
            continue;
        }
        line[length - 1] = '\0';
        if (!write_part(portctl_parts, line + 1) && !write_part(portd_parts, line + 1) &&
            !write_part(project_parts, line + 1)) {
            fprintf(stderr, "%s: there is no part '%s'\n", argv[1], line + 1);
            return 1;
        }
    }
    fclose(text);
    return fflush(stdout) == 0 ? 0 : 1;
}
