/*
 * What portd is told as the project. See scope_project.h.
 */
#include "cli/scope_project.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/shorten.h"
#include "src/base/text.h"

#define ESCAPE_LENGTH 4
#define CHARACTER_MAX 4

/* How long the character is that may stand as it is; 0: its first byte may not. */
static size_t measure(const char *at) {
    size_t n_left = strnlen(at, CHARACTER_MAX);

    if (at[0] == '\\' && at[1] == 'x')
        return 0;
    for (size_t n = 1; n <= n_left; n++)
        if (text_is_utf8(at, n))
            return text_has_control(at, n) ? 0 : n;
    return 0;
}

void scope_project_make(const char *path, char *ret_project) {
    char whole[ESCAPE_LENGTH * PATH_MAX];
    size_t length = 0;

    while (*path != '\0') {
        size_t n = measure(path);

        if (n > 0)
            memcpy(whole + length, path, n);
        else
            snprintf(whole + length, ESCAPE_LENGTH + 1, "\\x%02x", (unsigned char)*path);
        length += n > 0 ? n : ESCAPE_LENGTH;
        path += n > 0 ? n : 1;
    }
    whole[length] = '\0';
    shorten(whole, PATH_MAX - 1, ret_project);
}
