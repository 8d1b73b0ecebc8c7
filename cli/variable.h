/*
 * Names of environment variables: which ones a port may have, and what a service's is called where nobody says.
 */
#ifndef CLI_VARIABLE_H
#define CLI_VARIABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"

/* A service's name in upper case, and what is put before or behind it. */
#define VARIABLE_NAME_MAX (OPTIONS_NAME_MAX + 32)

/* Why no port may have a variable of this name, as the end of a sentence; NULL: it may. Static. */
const char *variable_fault(const char *name);

/* PREFIX, the service's name in upper case with `_` for each character that is no ASCII letter or digit, SUFFIX. In `ret_name`, of
 * VARIABLE_NAME_MAX bytes; a service's name that is longer than one may be is cut. */
void variable_make(const char *prefix, const char *service_name, const char *suffix, char *ret_name);

/* The same for who says nothing: WEB_PORT; a name that begins with a digit gets a `_` before it. Returns false, and fills it all the same, where the service's
 * name has no ASCII letter or digit: all such names of one length would share it. */
bool variable_of_service(const char *service_name, char *ret_name);

#endif
