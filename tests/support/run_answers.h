/*
 * What a fake portd (fake_portd.h) says to a `portctl run web`: one lease, of port 8001, renewed and released as it should be.
 */
#ifndef TESTS_SUPPORT_RUN_ANSWERS_H
#define TESTS_SUPPORT_RUN_ANSWERS_H

#include "tests/support/fake_portd.h"

/* A TTL of a second: a heartbeat every second, the shortest interval there is. */
#define LEASE   "{\"port\":8001,\"service_name\":\"web\",\"id\":7,\"uid\":0,\"ttl_seconds\":1}"
#define GRANTED "{\"port\":8001,\"lease\":" LEASE ",\"ports\":[8001],\"leases\":[" LEASE "],\"notes\":[]}"

#define ALLOC                                                                                                          \
    (struct fake_answer) {                                                                                             \
        "POST /alloc", 200, GRANTED, 0, NULL                                                                           \
    }
#define RENEWED "{\"port\":8001,\"id\":7,\"lease\":" LEASE "}"
#define HEARTBEAT                                                                                                      \
    (struct fake_answer) {                                                                                             \
        "POST /heartbeat", 200, RENEWED, 0, NULL                                                                       \
    }
#define RELEASED "{\"port\":8001,\"id\":7,\"service_name\":\"web\",\"listeners\":[]}"
#define RELEASE                                                                                                        \
    (struct fake_answer) {                                                                                             \
        "POST /release", 200, RELEASED, 0, NULL                                                                        \
    }

#endif
