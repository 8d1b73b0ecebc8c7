/*
 * A background probe that shows what a test has put into it: listeners, their owners, findings. Or, given a sock_diag, what the
 * kernel has in LISTEN at the moment of the reading.
 */
#ifndef TESTS_SUPPORT_FAKE_PROBE_H
#define TESTS_SUPPORT_FAKE_PROBE_H

#include "probe/snapshot.h"
#include "probe/sock_diag.h"
#include "src/api/api.h"
#include "src/conflict/findings.h"

struct fake_probe {
    struct snapshot snapshot;
    struct findings findings;
    struct sock_diag *diag; /* NULL: nothing is read. Borrowed */
    unsigned n_reads;
    uint64_t walk; /* what ask_owners() answers */
    uint64_t n_walks;
    uint16_t asked; /* the port that ask_owners() was called for last */
};

/* When what is there was first seen. */
#define FAKE_PROBE_SINCE INT64_C(1790000100500)

void fake_probe_deinit(struct fake_probe *probe);

struct api_probe fake_probe_get(struct fake_probe *probe);

/* Adds a listener on 127.0.0.1 whose owner nobody has looked for; returned until the next one is added. */
struct sighting *fake_probe_listen(struct fake_probe *probe, uint16_t port, uid_t uid, uint32_t inode);

/* The same on `address`, which is IPv4 or IPv6. */
struct sighting *fake_probe_listen_on(struct fake_probe *probe, const char *address, uint16_t port, uid_t uid,
                                      uint32_t inode);

/* Gives it one more owner, of the socket's uid, with a command line, an executable and a directory. */
struct process_info *fake_probe_own(struct sighting *sighting, pid_t pid, const char *name);

/* Its owners were looked for, and none can be seen. */
void fake_probe_hide(struct sighting *sighting, enum owner_hidden hidden, const char *cgroup);

/* Adds a finding about one socket; more can be added to it. Returned until the next one is added. */
struct finding *fake_probe_find(struct fake_probe *probe, enum finding_kind kind, uint16_t port, uint64_t lease_id,
                                uint32_t inode);

#endif
