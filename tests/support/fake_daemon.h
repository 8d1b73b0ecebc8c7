/*
 * The daemon without a loop and without a network: a registry and the API over a real database in a folder of the test's own,
 * with a clock that the test moves and a kernel that the test fills. Requests are values, and so are the answers.
 */
#ifndef TESTS_SUPPORT_FAKE_DAEMON_H
#define TESTS_SUPPORT_FAKE_DAEMON_H

#include <cjson/cJSON.h>

#include "src/api/api.h"
#include "src/lease/registry.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_home.h"
#include "tests/support/fake_kernel.h"
#include "tests/support/fake_probe.h"

/* The managed range, portd's own port and uid. */
#define FAKE_DAEMON_MIN 8000
#define FAKE_DAEMON_MAX 8009
#define FAKE_DAEMON_API 3030
#define FAKE_DAEMON_UID 990
#define FAKE_DAEMON_RUN "0123456789abcdef"

/* Users without a login name, and without rights. */
#define ANN 54321
#define BOB 54322

struct fake_daemon {
    struct fake_home home; /* settings (sysctl_dir) and leases.db */
    struct fake_clock clock;
    struct fake_kernel kernel;
    struct fake_probe probe;
    struct port_rules rules;
    char db_path[PATH_MAX];
    struct registry *registry;
    struct journal *journal; /* told by the registry; nothing flushes it but its end. NULL: it could not be made */
    struct ignores *ignores;
    struct store_opening opening;
    struct api_info info;
    struct api api;
    /* What happens while an answer waits; called before each 100 ms that pass then. NULL: nothing. */
    void (*while_waiting)(struct fake_daemon *daemon);
    unsigned n_waits; /* of the last answer */
};

/* Starts with an empty database. */
void fake_daemon_start(struct fake_daemon *daemon);

/* Frees all, the folder too. */
void fake_daemon_stop(struct fake_daemon *daemon);

/* Stops the registry, as a clean end or a kill would: there is no difference to it. */
void fake_daemon_close(struct fake_daemon *daemon);

/* Starts the registry on the database that is there. Returns what registry_new() does. */
int fake_daemon_open(struct fake_daemon *daemon);

/* Both, and it must succeed. */
void fake_daemon_restart(struct fake_daemon *daemon);

/* The machine was off: the next start is in another boot, and its monotonic clock begins anew. */
void fake_daemon_reboot(struct fake_daemon *daemon);

/* Lets the time pass with a turn of the background work each second, and one at the very end. */
void fake_daemon_pass(struct fake_daemon *daemon, uint64_t milliseconds);

/* Somebody listens on 127.0.0.1: kernel and probe both show it. Returned until the next one. */
struct sighting *fake_daemon_listen(struct fake_daemon *daemon, uint16_t port, uid_t uid, uint32_t inode);

/* ---- grants ---- */

/* A request of ANN's for one port. */
struct grant_request fake_daemon_ask(const char *service_name);

/* Grants it; fails the test if it is refused. The lease is borrowed from the registry. */
struct lease *fake_daemon_grant(struct fake_daemon *daemon, const struct grant_request *request);

/* The answer to a request that is refused, or granted all the same. */
int fake_daemon_try(struct fake_daemon *daemon, const struct grant_request *request);

/* A process that waits for its end and has nothing open. It is ANN's if root runs the test, else whose the test is: `ret_uid`
 * tells. */
pid_t fake_daemon_start_process(uid_t *ret_uid);

/* Kills it and waits until it is gone; `zombie`: until it has ended, and leaves it so. */
void fake_daemon_end_process(pid_t pid, bool zombie);

/* ---- requests ---- */

struct fake_reply {
    int status;
    char type[64]; /* of a problem, without "urn:portmanager:problem:"; else "" */
    char content_type[64];
    char allow[32];
    unsigned retry_after_s;
    char cache_control[64]; /* "": not said, as of the next four */
    char etag[64];
    char content_encoding[16];
    char vary[32];
    char worker_scope[8];
    char *text; /* NUL-terminated, whatever is in it */
    size_t length;
    cJSON *json; /* NULL: the answer is none */
};

void fake_reply_deinit(struct fake_reply *reply);

/* A request on the Unix socket by `uid`. `body` NULL: GET. Its answer must keep the rules that all answers keep. One that waits is
 * tried again every 100 ms of the test's own clock. */
struct fake_reply fake_daemon_call(struct fake_daemon *daemon, uid_t uid, const char *target, const char *body);

/* Any request. Of a stream, the text is what it says first. */
struct fake_reply fake_daemon_handle(struct fake_daemon *daemon, const struct api_request *request);

/* The member of the answer, along a path of keys and indexes: "lease.tags.0". NULL: it is not there. */
const cJSON *fake_reply_get(const struct fake_reply *reply, const char *path);

/* The same as a number or a text; what is not one fails the test. */
double fake_reply_number(const struct fake_reply *reply, const char *path);
const char *fake_reply_text(const struct fake_reply *reply, const char *path);

#endif
