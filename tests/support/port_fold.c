/* Folding port records over a snapshot. */
#include "tests/support/port_fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/fd.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/wait.h"

void port_fold_deinit(struct port_fold *fold) {
    cJSON_Delete(fold->ports);
    fold->ports = NULL;
}

/* ---- a snapshot ---- */

/* The port's object, made if it is missing. */
static cJSON *port_of(struct port_fold *fold, const cJSON *item) {
    char key[8];
    snprintf(key, sizeof(key), "%lu", json_number_at(item, "port"));
    cJSON *port = cJSON_GetObjectItemCaseSensitive(fold->ports, key);
    if (port)
        return port;
    port = cJSON_AddObjectToObject(fold->ports, key);
    cJSON_AddNullToObject(port, "lease");
    cJSON_AddArrayToObject(port, "listeners");
    cJSON_AddArrayToObject(port, "findings");
    return port;
}

static void take_array(struct port_fold *fold, const cJSON *json, const char *from, const char *to) {
    const cJSON *item;
    uint64_t last = 0;
    cJSON_ArrayForEach(item, json_at(json, from)) {
        if (json_number_at(item, "port") < last)
            fail_test("%s are not by port: %lu is behind %lu.", from, json_number_at(item, "port"), last);
        last = json_number_at(item, "port");
        if (to)
            cJSON_AddItemToArray(cJSON_GetObjectItem(port_of(fold, item), to), cJSON_Duplicate(item, true));
        else
            cJSON_ReplaceItemInObject(port_of(fold, item), "lease", cJSON_Duplicate(item, true));
    }
}

/* Conflicts are those of the squatters that are of three kinds, in the same order. */
static void check_conflicts(const cJSON *json) {
    const cJSON *finding;
    int n_conflicts = 0;
    cJSON_ArrayForEach(finding, json_at(json, "squatters")) {
        if (!strstr("taken split shared", json_text_at(finding, "kind")))
            continue;
        const cJSON *conflict = cJSON_GetArrayItem(json_at(json, "conflicts"), n_conflicts++);
        if (!conflict || json_number_at(conflict, "port") != json_number_at(finding, "port"))
            fail_test("Port %lu is missing among the conflicts.", json_number_at(finding, "port"));
    }
    if (json_size_at(json, "conflicts") != n_conflicts)
        fail_test("There are conflicts that are no squatters.");
}

struct port_fold port_fold_take(const struct caller *caller) {
    CLEANUP(http_reply_deinit) struct http_reply reply = caller_get(caller, "/snapshot");
    if (reply.status != 200 || !reply.json)
        fail_test("GET /snapshot was answered with\n%s", reply_text(&reply));
    struct port_fold fold = {.ports = cJSON_CreateObject(), .version = json_number_at(reply.json, "version")};
    snprintf(fold.run, sizeof(fold.run), "%s", json_text_at(reply.json, "run"));
    take_array(&fold, reply.json, "leases", NULL);
    take_array(&fold, reply.json, "listeners", "listeners");
    take_array(&fold, reply.json, "squatters", "findings");
    check_conflicts(reply.json);
    return fold;
}

/* ---- records ---- */

struct event_stream port_fold_follow(const struct caller *caller, const struct port_fold *fold) {
    char target[96];
    snprintf(target, sizeof(target), "/events?ports=%s.%lu", fold->run, fold->version);
    struct event_stream stream = event_stream_open(caller, target, NULL);
    event_stream_expect(&stream, "stream");
    return stream;
}

void port_fold_add(struct port_fold *fold, const struct stream_event *event) {
    const uint64_t version = json_number_at(event->data, "version");
    char key[8];
    if (event->id != 0 || json_number_at(event->data, "after") != fold->version || version <= fold->version)
        fail_test("After version %lu came %lu, which says that it came after %lu.", fold->version, version,
                  json_number_at(event->data, "after"));
    fold->version = version;
    fold->n_records++;
    snprintf(key, sizeof(key), "%lu", json_number_at(event->data, "port"));
    cJSON_DeleteItemFromObject(fold->ports, key);
    cJSON *port = cJSON_Duplicate(event->data, true);
    cJSON_DeleteItemFromObject(port, "version");
    cJSON_DeleteItemFromObject(port, "after");
    cJSON_DeleteItemFromObject(port, "port");
    if (!json_has_exactly(port, "lease listeners findings"))
        fail_test("A record with other members: %s", cJSON_Print(event->data));
    if (json_is_null_at(port, "lease") && json_size_at(port, "listeners") == 0 && json_size_at(port, "findings") == 0)
        cJSON_Delete(port);
    else
        cJSON_AddItemToObject(fold->ports, key, port);
}

void port_fold_read(struct port_fold *fold, struct event_stream *stream, uint64_t version) {
    while (fold->version < version) {
        CLEANUP(stream_event_deinit) struct stream_event event = {0};
        if (!event_stream_next(stream, &event))
            fail_test("The stream has ended at version %lu, before %lu.", fold->version, version);
        if (strcmp(event.kind, "port") == 0)
            port_fold_add(fold, &event);
    }
}

/* ---- comparing ---- */

static void strip_lease(cJSON *lease) {
    if (!cJSON_IsObject(lease))
        return;
    cJSON_DeleteItemFromObject(lease, "expires_in_seconds");
    if (cJSON_IsString(cJSON_GetObjectItem(lease, "evidence"))) /* its own listener is there */
        cJSON_DeleteItemFromObject(lease, "last_heartbeat");
}

void port_fold_strip(cJSON *port) {
    const cJSON *finding;
    strip_lease(cJSON_GetObjectItem(port, "lease"));
    cJSON_ArrayForEach(finding, cJSON_GetObjectItem(port, "findings"))
        strip_lease(cJSON_GetObjectItem(finding, "lease"));
}

char *port_fold_text(const struct port_fold *fold) {
    char *text = calloc(1, 1);
    size_t length = 0;
    for (unsigned port = 1; port <= UINT16_MAX; port++) {
        char key[8];
        snprintf(key, sizeof(key), "%u", port);
        const cJSON *shown = cJSON_GetObjectItemCaseSensitive(fold->ports, key);
        if (!shown)
            continue;
        cJSON *copy = cJSON_Duplicate(shown, true);
        port_fold_strip(copy);
        char *json = cJSON_PrintUnformatted(copy);
        const size_t more = strlen(json) + 16;
        text = realloc(text, length + more);
        length += (size_t)snprintf(text + length, more, "%s: %s\n", key, json);
        cJSON_free(json);
        cJSON_Delete(copy);
    }
    return text;
}

void port_fold_expect_snapshot(struct port_fold *fold, struct event_stream *stream, const struct caller *caller) {
    const struct wait wait = wait_for("a moment at which nothing changes");
    for (;;) {
        CLEANUP(port_fold_deinit) struct port_fold now = port_fold_take(caller);
        port_fold_read(fold, stream, now.version);
        if (fold->version == now.version) {
            CLEANUP(file_free_text_at) char *folded = port_fold_text(fold);
            CLEANUP(file_free_text_at) char *shown = port_fold_text(&now);
            if (strcmp(folded, shown) != 0)
                fail_test("The records say\n%s\nand the snapshot says\n%s", folded, shown);
            return;
        }
        wait_more(&wait);
    }
}
