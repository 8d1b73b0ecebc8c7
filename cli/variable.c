/*
 * Names of environment variables. See variable.h.
 */
#include "cli/variable.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool is_name(const char *text) {
    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Without these a program is not even found, or does strange things. */
static bool is_vital(const char *name) {
    static const char *const names[] = {"PATH", "HOME", "SHELL", "USER", "IFS"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return begins(name, "LD_");
}

const char *variable_fault(const char *name) {
    if (!is_name(name))
        return "is no variable's name: letters, digits and _, no digit first";
    if (strlen(name) >= VARIABLE_NAME_MAX)
        return "is too long for a variable's name";
    /* Two things cannot stand in one variable. */
    if (begins(name, "PORTMANAGER_") || begins(name, "LISTEN_"))
        return "is a name that portctl uses itself";
    if (is_vital(name))
        return "is a variable that programs need for something else";
    return NULL;
}

/* Continuation bytes of UTF-8 belong to the character before them. */
void variable_make(const char *prefix, const char *service_name, const char *suffix, char *ret_name) {
    size_t used = (size_t)snprintf(ret_name, VARIABLE_NAME_MAX, "%s", prefix);
    size_t room = VARIABLE_NAME_MAX - strlen(suffix) - 1;

    for (; *service_name != '\0' && used < room; service_name++) {
        unsigned char c = (unsigned char)*service_name;

        if ((c & 0xc0) == 0x80)
            continue;
        ret_name[used++] = c < 0x80 && isalnum(c) ? (char)toupper(c) : '_';
    }
    snprintf(ret_name + used, VARIABLE_NAME_MAX - used, "%s", suffix);
}

bool variable_of_service(const char *service_name, char *ret_name) {
    static const char telling[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    variable_make(isdigit((unsigned char)service_name[0]) ? "_" : "", service_name, "_PORT", ret_name);
    return strpbrk(service_name, telling) != NULL;
}
