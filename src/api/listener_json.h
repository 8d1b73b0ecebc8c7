/* Listeners and their owners as JSON, and as words for sentences. Whoever shows one shows it by this. */
#ifndef SRC_API_LISTENER_JSON_H
#define SRC_API_LISTENER_JSON_H

#include "probe/snapshot.h"
#include "src/api/api.h"

/* The listener as docs/api.md describes it; of its owners no more than /proc would show the caller. NULL when memory is short. */
cJSON *sighting_to_json(struct api *api, const struct api_caller *caller, const struct sighting *sighting);

/* All of a port, as an array. */
cJSON *port_to_json(struct api *api, const struct api_caller *caller, const struct snapshot *snapshot, uint16_t port);

/*
 * What occupies a port, in any state, as an array: the evidence of a refusal. What the snapshot knows of an inode is taken from there (a
 * reading is made); for the first of the others the owner is looked for at once, within bounds.
 */
cJSON *listeners_to_json(struct api *api, const struct api_caller *caller, const struct listener_list *listeners);

/* A sentence's end about the first of listeners_to_json()'s array: "python3 (pid 4711, user ann) listens on 127.0.0.1:8080",
 * of at most EVIDENCE_WORDS_MAX bytes. */
#define EVIDENCE_WORDS_MAX 320
void listeners_to_words(const cJSON *listeners, char *ret_words);

/* Who has the socket: "python3 (pid 48213)", or "a process of root that portd may not look into (docker.service)"; at most
 * SIGHTING_WORDS_MAX bytes. `how` is a sum of enum sighting_how. */
enum sighting_how {
    SIGHTING_WITH_USER = 1 << 0, /* "python3 (pid 48213, ann)" */
    SIGHTING_AT_START = 1 << 1,  /* at the start of a sentence: "A process of ..." */
};
#define SIGHTING_WORDS_MAX 512
void sighting_to_words(struct api *api, const struct sighting *sighting, unsigned how, char *ret_words);

/* The first on the port that has this inode, or NULL. */
const struct sighting *snapshot_find_inode(const struct snapshot *snapshot, uint16_t port, uint32_t inode);

#endif
