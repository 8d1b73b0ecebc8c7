/*
 * Listeners, read. See listener_view.h.
 */
#include "cli/listener_view.h"

#include <stdio.h>
#include <string.h>

#include "src/base/json.h"

static bool read_uid(const cJSON *object, uid_t *ret_uid) {
    uint64_t uid;

    if (!json_get_number(object, "uid", 0, UINT32_MAX, &uid))
        return false;
    *ret_uid = (uid_t)uid;
    return true;
}

static pid_t read_pid(const cJSON *object) {
    uint64_t pid = 0;

    json_get_number(object, "pid", 1, INT32_MAX, &pid);
    return (pid_t)pid;
}

bool listener_view_read(const cJSON *listener, struct listener_view *ret_view) {
    struct listener_view view = {0};
    uint64_t port;
    uint64_t inode = 0;

    if (!json_get_number(listener, "port", 1, UINT16_MAX, &port) ||
        !json_get_string(listener, "address", &view.address))
        return false;
    view.port = (uint16_t)port;
    json_get_number(listener, "inode", 0, UINT32_MAX, &inode);
    view.inode = (uint32_t)inode;
    view.has_uid = read_uid(listener, &view.uid);
    view.pid = read_pid(listener);
    json_get_string(listener, "state", &view.state);
    json_get_string(listener, "user", &view.user);
    json_get_string(listener, "since", &view.since);
    json_get_bool(listener, "since_start", &view.since_start);
    json_get_string(listener, "cgroup", &view.cgroup);
    json_get_string(listener, "unit", &view.unit);
    json_get_string(listener, "process", &view.process);
    json_get_string(listener, "service_name", &view.service_name);
    json_get_string(json_get(listener, "evidence"), "level", &view.evidence);
    view.container = json_get(listener, "container");
    view.owners = json_get(listener, "owners");
    view.hidden = json_get(listener, "hidden");
    *ret_view = view;
    return true;
}

bool owner_view_read(const cJSON *owner, struct owner_view *ret_view) {
    struct owner_view view = {.pid = read_pid(owner)};

    if (view.pid == 0)
        return false;
    view.has_start_time = json_get_number(owner, "start_time", 0, UINT64_MAX, &view.start_time);
    view.has_uid = read_uid(owner, &view.uid);
    json_get_string(owner, "user", &view.user);
    json_get_string(owner, "process", &view.process);
    json_get_string(owner, "command", &view.command);
    json_get_string(owner, "directory", &view.directory);
    json_get_string(owner, "unit", &view.unit);
    view.container = json_get(owner, "container");
    view.parents = json_get(owner, "parents");
    *ret_view = view;
    return true;
}

bool listener_view_first_owner(const struct listener_view *view, struct owner_view *ret_owner) {
    const cJSON *owner;

    cJSON_ArrayForEach(owner, view->owners) {
        if (owner_view_read(owner, ret_owner))
            return true;
    }
    if (view->pid == 0)
        return false;
    *ret_owner = (struct owner_view){
        .pid = view->pid, .has_uid = view->has_uid, .uid = view->uid, .user = view->user, .process = view->process};
    return true;
}

void listener_view_format_address(const struct listener_view *view, char *ret_text) {
    bool is_ipv6 = strchr(view->address, ':') != NULL;

    snprintf(ret_text, LISTENER_TEXT_MAX, "%s%s%s:%u", is_ipv6 ? "[" : "", view->address, is_ipv6 ? "]" : "",
             view->port);
}

void listener_view_format_user(const char *user, bool has_uid, uid_t uid, char *ret_text) {
    if (user != NULL)
        snprintf(ret_text, LISTENER_TEXT_MAX, "%s", user);
    else if (has_uid)
        snprintf(ret_text, LISTENER_TEXT_MAX, "uid %u", (unsigned)uid);
    else
        snprintf(ret_text, LISTENER_TEXT_MAX, "an unknown user");
}

void listener_view_format_container(const cJSON *container, char *ret_text) {
    const char *runtime = "a container";
    const char *id = NULL;
    const char *address = NULL;

    ret_text[0] = '\0';
    if (!cJSON_IsObject(container))
        return;
    json_get_string(container, "runtime", &runtime);
    json_get_string(container, "id", &id);
    json_get_string(container, "address", &address);
    snprintf(ret_text, LISTENER_TEXT_MAX, "%s%s%.12s%s%s", runtime, id != NULL ? " " : "", id != NULL ? id : "",
             address != NULL ? " at " : "", address != NULL ? address : "");
}

void listener_view_format_place(const struct listener_view *view, char *ret_text) {
    listener_view_format_container(view->container, ret_text);
    if (ret_text[0] == '\0' && view->unit != NULL)
        snprintf(ret_text, LISTENER_TEXT_MAX, "%s", view->unit);
}
