/*
 * The environment of the program. See run_environment.h.
 */
#include "cli/run_environment.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lease_view.h"
#include "cli/options.h"
#include "cli/variable.h"
#include "probe/fd.h"
#include "src/base/json.h"

#define PREFIX         "PORTMANAGER_"
#define SERVICE_PREFIX PREFIX "PORT_"

void run_environment_deinit(struct run_environment *environment) {
    free(environment->text);
    *environment = (struct run_environment){0};
}

int run_environment_add(struct run_environment *environment, const char *name, const char *value) {
    size_t needed = strlen(name) + strlen(value) + 2;

    if (environment->capacity - environment->length < needed) {
        size_t capacity = 2 * environment->capacity + needed + 256;
        char *text = realloc(environment->text, capacity);

        if (text == NULL)
            return -ENOMEM;
        environment->text = text;
        environment->capacity = capacity;
    }
    snprintf(environment->text + environment->length, needed, "%s=%s", name, value);
    environment->length += needed;
    environment->n_pairs++;
    return 0;
}

int run_environment_add_number(struct run_environment *environment, const char *name, uint64_t number) {
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, number);
    return run_environment_add(environment, name, text);
}

int run_environment_add_url(struct run_environment *environment, const char *host, uint16_t port) {
    struct in6_addr address;
    char url[300];

    if (host == NULL || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)
        host = "localhost";
    if (inet_pton(AF_INET6, host, &address) == 1)
        snprintf(url, sizeof url, "http://[%s]:%u", host, port);
    else
        snprintf(url, sizeof url, "http://%s:%u", host, port);
    return run_environment_add(environment, PREFIX "URL", url);
}

/* A service, by what its variable would be called. */
struct service {
    char variable[VARIABLE_NAME_MAX];
    char name[OPTIONS_NAME_MAX + 1]; /* as it is written here */
    int class;                       /* of scope_match() */
    struct lease_view lease;
};

static int compare(const void *a, const void *b) {
    const struct service *one = a;
    const struct service *other = b;
    int order = strcmp(one->variable, other->variable);

    if (order == 0)
        order = strcmp(one->name, other->name);
    if (order == 0)
        order = other->class - one->class;
    if (order == 0)
        order = lease_view_compare(&one->lease, &other->lease);
    return order;
}

/* False: it is not to be told here. */
static bool take_service(const cJSON *lease, uid_t uid, const struct scope *scope, const char *own_name,
                         struct service *ret_service) {
    struct lease_view view;
    const char *project = NULL;
    size_t length;

    if (!lease_view_read(lease, &view) || view.uid != uid || strlen(view.service_name) > OPTIONS_NAME_MAX)
        return false;
    json_get_string(lease, "project", &project);
    length = project != NULL ? scope_word_length(scope, view.service_name) : strlen(view.service_name);
    *ret_service = (struct service){.lease = view};
    memcpy(ret_service->name, view.service_name, length);
    variable_make(SERVICE_PREFIX, ret_service->name, "", ret_service->variable);
    if (project != NULL && scope->project[0] != '\0' && strchr(ret_service->name, '@') != NULL)
        return false; /* another worktree's */
    ret_service->class = scope_match(scope, ret_service->name, view.service_name, project);
    return strcmp(ret_service->name, own_name) != 0 && strcmp(view.service_name, own_name) != 0 &&
           ret_service->class != 0;
}

static size_t collect(const cJSON *leases, uid_t uid, const struct scope *scope, const char *own_name,
                      struct service *services) {
    const cJSON *lease;
    size_t n = 0;

    cJSON_ArrayForEach(lease, leases) n += take_service(lease, uid, scope, own_name, &services[n]) ? 1 : 0;
    return n;
}

/* Is there another name with the same variable among its neighbours? They are sorted. */
static bool clashes(const struct service *services, size_t n, size_t first, size_t *ret_next) {
    bool found = false;
    size_t i = first + 1;

    for (; i < n && strcmp(services[i].variable, services[first].variable) == 0; i++)
        found = found || strcmp(services[i].name, services[first].name) != 0;
    *ret_next = i;
    return found;
}

static void free_services(struct service **services) {
    free(*services);
}

int run_environment_add_services(struct run_environment *environment, const cJSON *leases, uid_t uid,
                                 const struct scope *scope, const char *own_name) {
    int n_leases = cJSON_GetArraySize(leases);
    CLEANUP(free_services) struct service *services = calloc((size_t)n_leases + 1, sizeof *services);
    size_t n;
    size_t next;
    int r = 0;

    if (services == NULL)
        return -ENOMEM;
    n = collect(leases, uid, scope, own_name, services);
    qsort(services, n, sizeof *services, compare);
    for (size_t i = 0; r == 0 && i < n; i = next)
        if (!clashes(services, n, i, &next))
            r = run_environment_add_number(environment, services[i].variable, services[i].lease.port);
    return r;
}

static bool is_ours(const char *pair) {
    static const char *const names[] = {"LISTEN_FDS=", "LISTEN_FDNAMES=", "LISTEN_PID=", PREFIX};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* unsetenv() moves what follows, so each round begins anew. */
static void forget_inherited(void) {
    for (bool found = true; found;) {
        found = false;
        for (char **at = environ; at != NULL && *at != NULL && !found; at++) {
            char name[VARIABLE_NAME_MAX];
            size_t length = strcspn(*at, "=");

            if (!is_ours(*at) || length >= sizeof name)
                continue;
            memcpy(name, *at, length);
            name[length] = '\0';
            found = unsetenv(name) == 0;
        }
    }
}

int run_environment_apply(char *text, size_t length) {
    forget_inherited();
    for (char *at = text; at < text + length; at += strlen(at) + 1)
        if (putenv(at) != 0)
            return -ENOMEM;
    return 0;
}

void run_environment_split(const char *text, const char **ret_pairs, size_t n_pairs) {
    for (size_t i = 0; i < n_pairs; i++) {
        ret_pairs[i] = text;
        text += strlen(text) + 1;
    }
}
