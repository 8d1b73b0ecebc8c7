/*
 * Puppets: processes that do on a port whatever a test needs done there. A puppet is the test's own program, copied under any name and executed
 * with a script of a few words in the variable PUPPET; so it has a name, a command line and parents of its own, and portctl can run it.
 *
 *     listen ADDRESS PORT    opens a server; PORT may be $PORT, as it was when the puppet began
 *     bind ADDRESS PORT      the same without listen()
 *     connect ADDRESS PORT   a client
 *     v6only, reuseport      of the sockets that follow
 *     inherit                takes over the servers that LISTEN_FDS tells of, and prints them: "1 PORT:8001"
 *     close                  closes them all
 *     pause                  waits for puppet_go_on()
 *     nap MILLISECONDS       does nothing
 *     fork                   forks, and the parent ends: the child goes on
 *     spawn                  forks, and the parent waits for the child's end: the child goes on
 *     twin                   forks, and both go on
 *     setsid, setpgid        leads a session, or a process group, of its own
 *     become UID             is that user
 *     clearenv               overwrites its environment, as programs do that set their title
 *     call NAME              gives itself a name (prctl)
 *     hide                   is not dumpable: only root may read what it has open
 *
 * The words are parted by single spaces. A puppet ends with its script, and after a minute at the latest.
 */
#ifndef TESTS_SUPPORT_PUPPET_H
#define TESTS_SUPPORT_PUPPET_H

#include <sys/types.h>

#define PUPPET_WORDS_MAX 16

struct puppet_setup {
    const char *name;                        /* of its program; NULL: "puppet" */
    const char *arguments[PUPPET_WORDS_MAX]; /* what stands in its command line behind the name */
    uid_t uid;                               /* whom it runs as; 0: nobody else */
};

/* Starts one, as a child that dies with the test. */
__attribute__((format(printf, 2, 3))) pid_t puppet_start(const struct puppet_setup *setup, const char *script_format,
                                                         ...);

/* A program that is a puppet, in the sandbox: its path, static until the next call. For those who run it in other ways, with PUPPET set. */
const char *puppet_install(const char *name);

/* Ends its pause. */
void puppet_go_on(pid_t pid);

#endif
