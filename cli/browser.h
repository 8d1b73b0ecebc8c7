/*
 * The user's browser: $BROWSER, or else xdg-open where there is a screen of this session. No shell is run: the URL is an
 * argument.
 */
#ifndef CLI_BROWSER_H
#define CLI_BROWSER_H

#include "cli/problem.h"

#define BROWSER_NAME_MAX 64

/*
 * Starts it and waits until it has ended, but for BROWSER_WAIT_MS only: a browser that runs on is one that has opened the page.
 * $BROWSER is a list by colons, of which the first is taken that can be started; %s in it stands for the URL, which else comes
 * last. Returns 0 with its name in `ret_name` (BROWSER_NAME_MAX bytes), or PROBLEM_E_SET: there is none, there is nowhere to
 * show it, or it failed.
 */
#define BROWSER_WAIT_MS 3000
int browser_open(const char *url, char *ret_name, struct problem *problem);

#endif
