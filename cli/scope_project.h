/*
 * What portd is told as the project. It takes UTF-8 without control characters, and a folder's name may be anything.
 */
#ifndef CLI_SCOPE_PROJECT_H
#define CLI_SCOPE_PROJECT_H

/*
 * `path` itself, where portd takes it. Each byte of it that is no text becomes \xNN, and the backslash of a \x that stands in
 * it \x5c: no two paths have one stand-in. One that gets too long is cut and ends in "~" and a hash of the whole. Both have
 * PATH_MAX bytes.
 */
void scope_project_make(const char *path, char *ret_project);

#endif
