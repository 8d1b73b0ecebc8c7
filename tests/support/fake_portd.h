/*
 * A portd that says what a test wants it to say: a child that listens on a socket, writes down each request, and gives the
 * answer that a table has for it. For what the real one cannot be brought to: other answers than its own, and none.
 */
#ifndef TESTS_SUPPORT_FAKE_PORTD_H
#define TESTS_SUPPORT_FAKE_PORTD_H

#include <stdint.h>
#include <sys/types.h>

#define FAKE_PORTD_ANSWERS_MAX 32

struct fake_answer {
    const char *request; /* how the request begins: "POST /alloc"; what stands first in the table goes first */
    unsigned status;     /* 0: `body` is the whole answer, head and all, as it is to be sent */
    const char *body;    /* JSON; NULL: no answer, the connection is closed */
    unsigned n_times;    /* after so many requests the entry is passed over; 0: never */
    const char *holding; /* only requests that hold this text, but not in their Host; NULL: all */
};

struct fake_portd_setup {
    struct fake_answer answers[FAKE_PORTD_ANSWERS_MAX]; /* ended by a NULL request; what none is for is a 404 */
    const char *socket; /* its path; NULL: TCP on 127.0.0.1, a port of the kernel's choice */
    uid_t uid;          /* whom it runs as; 0: nobody else */
};

struct fake_portd {
    pid_t pid;
    uint16_t port; /* of TCP */
};

/* Listens when it returns. Ends with the test, if nobody ends it before. */
struct fake_portd fake_portd_start(const struct fake_portd_setup *setup);

/* Ends it; its socket's path stays, as that of a killed portd does. */
void fake_portd_stop(struct fake_portd *portd);

/* For CLEANUP(fake_portd_stop_at): ends it if it runs still. */
void fake_portd_stop_at(struct fake_portd *portd);

/* The requests of all fake portds so far, each as "POST /alloc {"service_name":"x"}" on a line; the caller's to free. */
char *fake_portd_requests(void);

#endif
