/*
 * Actors: processes that do on a port whatever a test needs done there. An actor is the test's own program, copied under any name and executed
 * with a script of a few words in the variable ACTOR; so it has a name, a command line and parents of its own, and portctl can run it.
 *
 *     listen ADDRESS PORT    opens a server; PORT may be $PORT, as it was when the actor began
 *     bind ADDRESS PORT      the same without listen()
 *     connect ADDRESS PORT   a client
 *     v6only, reuseport      of the sockets that follow
 *     close                  closes them all
 *     pause                  waits for actor_go_on()
 *     nap MILLISECONDS       does nothing
 *     fork                   forks, and the parent ends: the child goes on
 *     spawn                  forks, and the parent waits for the child's end: the child goes on
 *     twin                   forks, and both go on
 *     setsid, become UID     what they say
 *     clearenv               overwrites its environment, as programs do that set their title
 *     call NAME              gives itself a name (prctl)
 *
 * The words are parted by single spaces. An actor ends with its script, and after a minute at the latest.
 */
#ifndef TESTS_SUPPORT_ACTOR_H
#define TESTS_SUPPORT_ACTOR_H

#include <sys/types.h>

#define ACTOR_WORDS_MAX 16

struct actor_setup {
    const char *name;                       /* of its program; NULL: "actor" */
    const char *arguments[ACTOR_WORDS_MAX]; /* what stands in its command line behind the name */
    uid_t uid;                              /* whom it runs as; 0: nobody else */
};

/* Starts one, as a child that dies with the test. */
__attribute__((format(printf, 2, 3))) pid_t actor_start(const struct actor_setup *setup, const char *script_format,
                                                        ...);

/* A program that is an actor, in the sandbox: its path, static until the next call. For those who run it in other ways, with ACTOR set. */
const char *actor_install(const char *name);

/* Ends its pause. */
void actor_go_on(pid_t pid);

#endif
