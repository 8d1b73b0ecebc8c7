/*
 * Whose listener is it? A listener on a leased port, laid beside the lease: the answer comes with its evidence.
 *
 *     confirmed   it is the lease's: its owner is the holder, descends from it, ...
 *     plausible   it counts as the lease's, and is shown as unconfirmed: nothing better is known than the uid
 *     foreign     it is not: a squatter
 *
 * What everything of a user has in common (a terminal's session, a login's scope, user.slice, the root cgroup) is no evidence.
 */
#ifndef SRC_LEASE_EVIDENCE_H
#define SRC_LEASE_EVIDENCE_H

#include "probe/snapshot.h"
#include "src/lease/lease.h"

struct registry;

enum evidence_level { EVIDENCE_FOREIGN, EVIDENCE_PLAUSIBLE, EVIDENCE_CONFIRMED };

/* In the order in which they are looked for: the first that is true is the answer. */
enum evidence_by {
    BY_DISOWNED,    /* foreign: somebody who may change the lease has said so (portctl disown) */
    BY_CLAIM,       /* confirmed: somebody who may change the lease has said so (portctl claim) */
    BY_HOLDER,      /* confirmed: the owner is the holder */
    BY_DESCENDANT,  /* confirmed: it descends from the holder, or did when it was seen first */
    BY_RECOGNISED,  /* confirmed: it was confirmed before, by whatever rule; also before portd was restarted */
    BY_OTHER_LEASE, /* foreign: it is the holder of another lease, or descends from one (but see find_other_lease()) */
    BY_OLDER,       /* foreign: it was there before the lease was granted */
    BY_SESSION,     /* confirmed: it is in a session whose leader is the holder or descends from it */
    BY_CGROUP,      /* confirmed: it is in the holder's own service or container */
    BY_ASKER,       /* confirmed: it descends from the process that asked for the lease */
    BY_FORWARDER,   /* plausible: a container's forwarder */
    BY_ENVIRONMENT, /* plausible: the lease's id is in its environment, and the uid is the lease's */
    BY_HOLDERS_UID, /* plausible: another uid, but the holder has started a process of that uid (sudo) */
    BY_OTHER_UID,   /* foreign */
    BY_UID,         /* plausible: the uid is the lease's, and nothing better is known */
    N_EVIDENCE_BY,
};

struct evidence {
    enum evidence_level level;
    enum evidence_by by;
    pid_t pid;               /* the owner that it is about; 0: none is seen */
    uint64_t other_lease_id; /* BY_OTHER_LEASE */
    bool resolved;           /* false: nobody has looked for the owners yet, so it may change in a moment */
};

/* The evidence about a listener on the lease's port. */
struct evidence evidence_weigh(struct registry *registry, const struct lease *lease, const struct sighting *sighting);

/* Is an owner the lease's living holder, or its kin, or descends from one of them? Whatever a person has said about it. */
bool evidence_is_holders(struct registry *registry, const struct lease *lease, const struct sighting *sighting);

/* Are these two listeners one party's? They share an owner, or one's owner descends from the other's, or their owners are children of one
 * process that is neither init nor a session's leader. */
bool evidence_same_party(const struct sighting *a, const struct sighting *b);

/* "confirmed"; "descendant". Static. */
const char *evidence_level_name(enum evidence_level level);
const char *evidence_by_name(enum evidence_by by);

/* The evidence as a sentence's end for a person: "it descends from the lease's holder". Static. */
const char *evidence_by_words(enum evidence_by by);

#endif
