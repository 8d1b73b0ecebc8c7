/*
 * Whose word counts. What somebody else has put above us, in a shared folder such as /tmp, tells us nothing: neither which
 * project we are in nor what its commands are.
 */
#ifndef CLI_TRUSTED_H
#define CLI_TRUSTED_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Is there a `name` in `folder`, and is it ours or root's? Where it is a link, both the link and what it leads to. Root may be in a
 * folder of somebody's that nobody but him may write (a container's mount, sudo); there his are as good.
 * `ret_status` is of what a link leads to, and untouched if the answer is no.
 */
bool trusted_find(const char *folder, const char *name, struct stat *ret_status);

#endif
