/* Port records on a stream. */
#include "src/api/port_feed.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "src/api/port_view.h"
#include "src/base/json_text.h"
#include "src/base/text.h"

#define HEX_DIGITS "0123456789abcdef"

int port_feed_open(struct api *api, const char *text, struct port_feed *ret_feed) {
    size_t length = strspn(text, HEX_DIGITS);
    uint64_t version = 0;

    if (length != API_RUN_DIGITS || text[length] != '.' ||
        text_parse_number(text + length + 1, 0, UINT64_MAX, &version) != 0)
        return -EINVAL;
    if (strncmp(text, api->info->run, length) != 0)
        return PORT_FEED_E_OTHER_RUN;
    port_versions_refresh(api);
    if (version > api->versions.newest)
        return PORT_FEED_E_OTHER_RUN;
    *ret_feed = (struct port_feed){.is_open = true, .position = version};
    return 0;
}

bool port_feed_has_news(struct api *api, const struct port_feed *feed, uint64_t *ret_due_ms) {
    *ret_due_ms = UINT64_MAX;
    if (!feed->is_open)
        return false;
    *ret_due_ms = port_versions_refresh(api);
    return api->versions.newest > feed->position;
}

/* Returns NULL if memory is short. */
static char *make_record(struct api *api, const struct api_caller *caller, const struct port_feed *feed, uint16_t port,
                         uint64_t version) {
    struct port_view view = port_view_find(api, port);
    struct json_text text = {0};
    cJSON *json = cJSON_CreateObject();
    size_t length = 0;

    cJSON_AddNumberToObject(json, "version", (double)version);
    cJSON_AddNumberToObject(json, "after", (double)feed->position);
    cJSON_AddNumberToObject(json, "port", port);
    port_view_add_to(json, api, caller, &view);
    json_text_put(&text, "event: port\ndata: ");
    json_text_add(&text, json);
    json_text_put(&text, "\n\n");
    return json_text_take(&text, &length);
}

static uint64_t cpu_ns(void) {
    struct timespec now = {0};

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

char *port_feed_take(struct api *api, const struct api_caller *caller, struct port_feed *feed) {
    uint64_t begin_ns = cpu_ns();
    uint64_t version = 0;
    uint16_t port = feed->is_open ? port_versions_next(api, feed->position, &version) : 0;
    char *record;

    if (port == 0) {
        feed->is_live = true;
        return NULL;
    }
    record = make_record(api, caller, feed, port, version);
    if (record == NULL)
        return NULL;
    feed->position = version;
    /* What a reader lacks when he comes is his own affair, as any call is. But who changes a port a hundred times a second, with a thousand sockets on
     * it, must not have it told a hundred times a second to everyone. */
    if (feed->is_live)
        port_versions_charge(&api->versions, cpu_ns() - begin_ns);
    return record;
}
