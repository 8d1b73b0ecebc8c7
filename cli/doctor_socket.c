/*
 * doctor: why no portd answers where it was looked for, and who else could put a socket there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/client.h"
#include "cli/connection.h"
#include "cli/doctor.h"
#include "cli/peer.h"
#include "src/base/text.h"
#include "src/base/users.h"

#define WORD_MAX (2 * PATH_MAX)

/* How long a server may take to accept a connection. */
#define ACCEPT_MS 1000

enum place {
    PLACE_EMPTY,
    PLACE_OTHER,     /* something that is no socket */
    PLACE_LINK,      /* a symbolic link to nothing, or to no socket that is served: portd puts none in its place */
    PLACE_STALE,     /* a socket that nobody listens on */
    PLACE_FORBIDDEN, /* one that we may not use, or not even look at */
    PLACE_SERVED,    /* somebody listens */
};

static enum place look(const struct endpoint *endpoint) {
    const struct patience patience = {.deadline_ms = patience_now_ms() + ACCEPT_MS, .interrupt_fd = -1};
    CLEANUP(connection_close_at) struct connection connection = {.fd = -1};
    struct stat there;
    int r;

    if (lstat(endpoint->text, &there) < 0)
        return errno == EACCES ? PLACE_FORBIDDEN : PLACE_EMPTY;
    r = connection_open(endpoint, &patience, &connection);
    if (r == -EACCES || r == -EPERM)
        return PLACE_FORBIDDEN;
    if (r == 0 || r == -ETIMEDOUT)
        return PLACE_SERVED;
    if (S_ISLNK(there.st_mode))
        return PLACE_LINK;
    if (r == -ECONNREFUSED)
        return S_ISSOCK(there.st_mode) ? PLACE_STALE : PLACE_OTHER;
    return PLACE_EMPTY;
}

static bool is_unix(const struct endpoint *endpoint) {
    return endpoint->address.ss_family == AF_UNIX;
}

/* Is there a server to be trusted at one of the well-known places? */
static bool finds_another(void) {
    struct endpoints endpoints;

    endpoints_find_well_known(&endpoints);
    for (size_t i = 0; i < endpoints.n_items; i++) {
        const struct patience patience = {.deadline_ms = patience_now_ms() + ACCEPT_MS, .interrupt_fd = -1};
        CLEANUP(connection_close_at) struct connection connection = {.fd = -1};
        struct peer peer;

        if (connection_open(&endpoints.items[i], &patience, &connection) == 0 &&
            peer_identify(connection.fd, &patience, &peer) == 0 && peer_is_trusted(peer.uid))
            return true;
    }
    return false;
}

/* The variable that says where portd is, if one does and no option does. */
static const char *variable_in_charge(const struct doctor *doctor) {
    if (doctor->options->socket != NULL || doctor->options->url != NULL)
        return NULL;
    if (doctor_variable("PM_SOCKET") != NULL)
        return "PM_SOCKET";
    return doctor_variable("PM_URL") != NULL ? "PM_URL" : NULL;
}

/* Can this user make a socket at `path`, whose missing folders portd makes? */
bool doctor_can_make(const char *path) {
    char folder[PATH_MAX];

    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strrchr(folder, '/'); slash != NULL; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if (access(folder[0] != '\0' ? folder : "/", W_OK | X_OK) == 0)
            return true;
        if (errno != ENOENT)
            return false;
    }
    return false;
}

/* A portd that runs where it is looked for by itself is better than a second one. */
static void advise_start(struct doctor *doctor, const struct endpoints *endpoints, const char *before) {
    const char *variable = variable_in_charge(doctor);
    char unset[32];

    if (variable != NULL && finds_another()) {
        doctor->another_answers = true;
        doctor_advise(doctor, "unset %s", variable);
        return;
    }
    if (variable != NULL && is_unix(&endpoints->items[0]) && !doctor_can_make(endpoints->items[0].text)) {
        snprintf(unset, sizeof unset, "unset %s; ", variable);
        doctor_advise_restart(doctor, &(struct doctor_restart){.before = unset});
        return;
    }
    doctor_advise_restart(doctor, &(struct doctor_restart){.before = before});
}

/* A portd of one's own, at a place that is nobody else's. */
static void advise_own(struct doctor *doctor) {
    const char *variable = variable_in_charge(doctor);
    char home[PATH_MAX];
    char word[WORD_MAX];
    char socket[PATH_MAX + 32];

    if (variable != NULL && finds_another()) {
        doctor->another_answers = true;
        doctor_advise(doctor, "unset %s", variable);
        return;
    }
    snprintf(socket, sizeof socket, "%s/.portmanager/own.sock", doctor_home(home));
    doctor->own_is_advised = true;
    doctor_advise(doctor, "export PM_SOCKET=%s; portd --port %u &", text_quote_word(socket, word, sizeof word),
                  doctor_free_tcp_port());
}

static void name_owner(const char *path, char *ret_name, size_t size, uid_t *ret_uid) {
    struct users users = {0};
    struct stat there;
    const char *name;

    *ret_uid = (uid_t)-1;
    snprintf(ret_name, size, "somebody else");
    if (stat(path, &there) < 0)
        return;
    *ret_uid = there.st_uid;
    name = users_name(&users, there.st_uid, 1);
    if (name != NULL)
        snprintf(ret_name, size, "%s", name);
    else
        snprintf(ret_name, size, "uid %u", (unsigned)there.st_uid);
}

/* One's own socket, or the folder that it is in, has lost its rights; or it is another's. */
static void say_forbidden(struct doctor *doctor, const char *path) {
    char folder[PATH_MAX];
    char owner[USER_NAME_MAX];
    char word[WORD_MAX];
    uid_t uid;

    snprintf(folder, sizeof folder, "%s", path);
    if (strrchr(folder, '/') != NULL)
        *strrchr(folder, '/') = '\0';
    name_owner(folder, owner, sizeof owner, &uid);
    if (uid == geteuid() && access(folder, X_OK) != 0) {
        doctor_say(doctor, "socket", FINDING_ERROR, "you may not enter %s, where portd's socket is", folder);
        doctor_advise(doctor, "chmod 700 %s", text_quote_word(folder, word, sizeof word));
        return;
    }
    name_owner(path, owner, sizeof owner, &uid);
    if (uid == geteuid()) {
        doctor_say(doctor, "socket", FINDING_ERROR, "you may not write to your own socket %s", path);
        doctor_advise(doctor, "chmod 600 %s", text_quote_word(path, word, sizeof word));
        return;
    }
    doctor_say(doctor, "socket", FINDING_ERROR, "you may not use the socket %s: it is %s's", path, owner);
    advise_own(doctor);
}

static void say_other(struct doctor *doctor, const struct endpoints *endpoints, const char *path, bool is_link) {
    char word[WORD_MAX];
    char before[2 * WORD_MAX + 16];

    doctor_say(doctor, "socket", FINDING_ERROR, "%s is %s, and portd's is to be there", path,
               is_link ? "a link that leads to no socket which is served" : "no socket");
    text_quote_word(path, word, sizeof word);
    snprintf(before, sizeof before, "mv %s %s.old; ", word, word);
    advise_start(doctor, endpoints, before);
}

/* Who listens on the first of the sockets that somebody listens on; a pid of 0: nobody, or he is hidden. */
static struct peer find_server(const struct endpoints *endpoints) {
    struct peer peer = {0};

    for (size_t i = 0; i < endpoints->n_items; i++) {
        const struct patience patience = {.deadline_ms = patience_now_ms() + ACCEPT_MS, .interrupt_fd = -1};
        CLEANUP(connection_close_at) struct connection connection = {.fd = -1};

        if (!is_unix(&endpoints->items[i]) || connection_open(&endpoints->items[i], &patience, &connection) != 0)
            continue;
        if (peer_identify(connection.fd, &patience, &peer) != 0)
            peer = (struct peer){0};
        break;
    }
    return peer;
}

/* Is it a portd that we can end? If so all is known that can be read of it. */
static bool is_broken_portd(struct doctor *doctor, const struct peer *peer) {
    if (peer->pid == 0 || !peer_is_trusted(peer->uid))
        return false;
    if (!doctor_read_command(doctor, peer->pid))
        return false;
    doctor_find_unit(doctor, peer->pid);
    return peer->uid == geteuid() || doctor->portd.unit != NULL;
}

/* A server is there and does not answer as portd does: a portd that hangs, or something else. That is not ours to end. */
static void say_broken(struct doctor *doctor, const struct endpoints *endpoints, const struct problem *problem) {
    const struct peer peer = find_server(endpoints);

    doctor_say(doctor, "portd", FINDING_ERROR, "%s", problem->detail);
    if (is_broken_portd(doctor, &peer)) {
        doctor->broken_pid = peer.pid;
        doctor_find_stranger(doctor);
        doctor_advise_restart(doctor, &(struct doctor_restart){0});
    } else if (doctor->original_pid != 0 || !endpoints->explicit_ones) {
        advise_start(doctor, endpoints, NULL);
    } else if (variable_in_charge(doctor) == NULL) {
        doctor_advise(doctor, "portctl doctor");
    } else {
        advise_own(doctor);
    }
}

/*
 * One that is told its socket alone would have the usual database, which another portd may have, or which may not be the one that
 * was served there. Returns false if the place is one where portd is looked for by itself.
 */
static bool advise_elsewhere(struct doctor *doctor, const struct endpoints *endpoints, const char *text) {
    const char *socket = doctor->options->socket;
    char database[PATH_MAX];
    char word[WORD_MAX];
    char more[WORD_MAX + 16];

    doctor_default_socket(database);
    if (socket == NULL || strcmp(endpoints->items[0].text, database) == 0)
        return false;
    if (finds_another()) {
        doctor->another_answers = true;
        snprintf(database, sizeof database, "%.*s.db", PATH_MAX - 8, socket);
        doctor_say(
            doctor, "portd", FINDING_ERROR,
            "%s, but one answers without --socket. This starts a second one with a database of its own, %s; if it "
            "had another before, name that",
            text, database);
    } else {
        doctor_default_database(database);
        doctor_say(doctor, "portd", FINDING_ERROR,
                   "%s. This starts one with the usual database, %s; if it had another before, name that", text,
                   database);
    }
    snprintf(more, sizeof more, " --db %s", text_quote_word(database, word, sizeof word));
    doctor_advise_restart(doctor, &(struct doctor_restart){.more = more});
    return true;
}

static void say_not_running(struct doctor *doctor, const struct endpoints *endpoints) {
    const char *variable = variable_in_charge(doctor);
    const char *where = endpoints->items[0].text;
    char text[ENDPOINT_TEXT_MAX + 32];

    snprintf(text, sizeof text, "no portd is at %s", where);
    if (variable == NULL && advise_elsewhere(doctor, endpoints, text))
        return;
    if (variable != NULL)
        doctor_say(doctor, "portd", FINDING_ERROR, "%s, which %s names", text, variable);
    else
        doctor_say(doctor, "portd", FINDING_ERROR, "%s", endpoints->explicit_ones ? text : "portd is not running");
    advise_start(doctor, endpoints, NULL);
}

static void say_stale(struct doctor *doctor, const struct endpoints *endpoints, const char *path) {
    char text[ENDPOINT_TEXT_MAX + 128];

    snprintf(text, sizeof text, "portd is not running: nobody listens on %s, which one that was killed has left", path);
    if (advise_elsewhere(doctor, endpoints, text))
        return;
    doctor_say(doctor, "socket", FINDING_ERROR, "%s", text);
    advise_start(doctor, endpoints, NULL);
}

/* The first place that something is wrong with is why. */
static void explain_absence(struct doctor *doctor, const struct endpoints *endpoints) {
    for (size_t i = 0; i < endpoints->n_items; i++) {
        const char *path = endpoints->items[i].text;
        enum place place = is_unix(&endpoints->items[i]) ? look(&endpoints->items[i]) : PLACE_EMPTY;

        if (place == PLACE_FORBIDDEN) {
            say_forbidden(doctor, path);
            return;
        }
        if (place == PLACE_OTHER || place == PLACE_LINK) {
            say_other(doctor, endpoints, path, place == PLACE_LINK);
            return;
        }
        if (place == PLACE_STALE) {
            if (!finds_another() && doctor_explain_lock(doctor))
                return;
            say_stale(doctor, endpoints, path);
            return;
        }
    }
    /* One that answers where it is looked for by itself is known. */
    if (finds_another() || !doctor_explain_lock(doctor))
        say_not_running(doctor, endpoints);
}

/* portd answers elsewhere: what was left behind is only in the way. */
static void say_left_behind(struct doctor *doctor, const struct endpoints *endpoints) {
    char word[WORD_MAX];

    for (size_t i = 0; i < endpoints->n_items; i++) {
        const char *path = endpoints->items[i].text;

        if (!is_unix(&endpoints->items[i]) || look(&endpoints->items[i]) != PLACE_STALE || access(path, W_OK) != 0)
            continue;
        doctor_say(doctor, "socket", FINDING_WARNING, "nobody listens on %s, which a portd that was killed has left",
                   path);
        doctor_advise(doctor, "rm %s", text_quote_word(path, word, sizeof word));
    }
}

void doctor_explain_sockets(struct doctor *doctor, const struct endpoints *endpoints, const struct problem *problem) {
    if (problem == NULL)
        say_left_behind(doctor, endpoints);
    else if (strcmp(problem->type, "portd-not-reachable") == 0 && strstr(problem->detail, " answered ") == NULL)
        explain_absence(doctor, endpoints);
    else
        say_broken(doctor, endpoints, problem);
}

/* Another mount namespace has other files: what is not here may be there. */
static bool shares_files(const struct doctor *doctor) {
    char path[PATH_MAX];
    char own[64];
    char its[64];
    ssize_t own_length;
    ssize_t its_length;

    snprintf(path, sizeof path, "%s/self/ns/mnt", doctor->proc);
    own_length = readlink(path, own, sizeof own);
    snprintf(path, sizeof path, "%s/%d/ns/mnt", doctor->proc, (int)doctor->portd.pid);
    its_length = readlink(path, its, sizeof its);
    return own_length > 0 && own_length == its_length && memcmp(own, its, (size_t)own_length) == 0;
}

void doctor_check_gone_socket(struct doctor *doctor) {
    const char *path = doctor->portd.socket;
    struct stat there;

    if (path == NULL || path[0] != '/' || doctor->portd.pid == 0 || lstat(path, &there) == 0 || errno != ENOENT ||
        !shares_files(doctor))
        return;
    doctor_say(doctor, "socket", FINDING_WARNING,
               "portd's socket %s was removed while it runs: it is reached over TCP alone. Only a new start makes it "
               "again",
               path);
    doctor_advise_restart(doctor, &(struct doctor_restart){0});
}

/* ---- the folder ---- */

/* A group of one's own, as Debian gives each user, is nobody else. */
static bool others_may_write(const struct stat *folder) {
    bool group = (folder->st_mode & S_IWGRP) != 0 && folder->st_gid != folder->st_uid;

    return (folder->st_mode & S_ISVTX) == 0 && (group || (folder->st_mode & S_IWOTH) != 0);
}

/* Whoever may write in one of the folders above a socket can put another in its place. Says so and returns true. */
static bool say_open_folder(struct doctor *doctor, const char *path) {
    char folder[PATH_MAX];
    char word[WORD_MAX];
    struct stat there;

    snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strrchr(folder, '/'); slash != NULL && slash != folder; slash = strrchr(folder, '/')) {
        *slash = '\0';
        if (stat(folder, &there) < 0 || !others_may_write(&there))
            continue;
        doctor_say(doctor, "socket", FINDING_WARNING,
                   "other users may write in %s, and put a socket of theirs in place of portd's", folder);
        doctor_advise(doctor, "%schmod go-w %s", there.st_uid == geteuid() ? "" : doctor_as_root(),
                      text_quote_word(folder, word, sizeof word));
        return true;
    }
    return false;
}

void doctor_check_folder(struct doctor *doctor, const char *socket) {
    char path[PATH_MAX];

    if (socket[0] != '/' || say_open_folder(doctor, socket))
        return;
    doctor_say(doctor, "socket", FINDING_OK, "only its owner can replace the socket %s",
               realpath(socket, path) != NULL ? path : socket);
}
