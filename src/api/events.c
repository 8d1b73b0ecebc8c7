/*
 * GET /events: what happens, as server-sent events (the WHATWG HTML standard, section 9.2).
 *
 * A reader's backlog is a number: the event that it has got last. What follows comes from the database until the number has reached what the journal
 * keeps in memory, and from there after that; a reader who then falls behind it is cut off, and comes back with Last-Event-ID. Of the ports, if it has
 * asked for them, it is another number: port_feed.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/api/answer.h"
#include "src/api/port_feed.h"
#include "src/api/problem.h"
#include "src/api/routes.h"
#include "src/base/json.h"
#include "src/base/text.h"

#define STREAMS_PER_UID 16
#define RETRY_AFTER_S   15
#define KEEP_ALIVE_MS   UINT64_C(15000)

/* So many events are asked for at once: a reader who is far behind must not keep the loop from others. */
#define CHUNK 64

/* What take_event() returns when the buffer is full; the journal passes it on. */
#define FULL 2

struct events {
    struct api_stream stream;
    struct quota *quota; /* where its place is given back */
    struct api_caller caller;
    uint64_t position;      /* the event that it has got last */
    bool is_live;           /* it has caught up with the memory of the journal */
    struct port_feed ports; /* and where it stands with them */
    bool ports_first;       /* whose turn it is: neither may keep the other from being told */
    uint64_t keep_alive_ms; /* when silence must be broken */
    char *piece;            /* text that is on its way; NULL: none */
    size_t n_sent;          /* of `piece` */
};

/* Where one read() puts its text. */
struct outlet {
    struct events *events;
    char *buffer;
    size_t size;
    size_t used;
};

static void free_events(struct api_stream *stream) {
    struct events *events = (struct events *)stream;

    quota_give(events->quota, events->caller.uid);
    free(events->piece);
    free(events);
}

/* As much of the piece as fits. Returns true if all of it is out. */
static bool put_piece(struct outlet *outlet) {
    struct events *events = outlet->events;
    size_t left = events->piece != NULL ? strlen(events->piece) - events->n_sent : 0;
    size_t room = outlet->size - outlet->used;
    size_t n_bytes = left < room ? left : room;

    if (n_bytes > 0)
        memcpy(outlet->buffer + outlet->used, events->piece + events->n_sent, n_bytes);
    outlet->used += n_bytes;
    events->n_sent += n_bytes;
    if (n_bytes < left)
        return false;
    free(events->piece);
    events->piece = NULL;
    events->n_sent = 0;
    return true;
}

static int take_event(void *context, const struct journal_event *event) {
    struct outlet *outlet = context;
    struct events *events = outlet->events;

    if (asprintf(&events->piece, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", event->id, event_kind_name(event->kind),
                 event->json) < 0) {
        events->piece = NULL;
        return -ENOMEM;
    }
    events->position = event->id;
    return put_piece(outlet) ? 0 : FULL;
}

/* Returns false if what follows the position cannot be had any more. */
static bool put_events(struct api *api, struct outlet *outlet) {
    struct events *events = outlet->events;
    const struct journal_filter filter = {.after_id = events->position};
    enum journal_reach reach = journal_reach(api->journal, events->position);
    int r;

    if (reach == JOURNAL_GONE || (events->is_live && reach != JOURNAL_IN_MEMORY))
        return false;
    events->is_live = reach == JOURNAL_IN_MEMORY;
    r = journal_read(api->journal, &filter, CHUNK, true, take_event, outlet);
    return r == 0 || r == FULL;
}

static void put_ports(struct api *api, struct outlet *outlet) {
    struct events *events = outlet->events;

    while (events->piece == NULL) {
        events->piece = port_feed_take(api, &events->caller, &events->ports);
        if (events->piece == NULL || !put_piece(outlet))
            return;
    }
}

/* Events and ports in turn, as much as fits. Returns false if the stream ends here. */
static bool put_news(struct api *api, struct outlet *outlet) {
    struct events *events = outlet->events;
    bool ports_first = events->ports_first;

    events->ports_first = !ports_first;
    if (ports_first)
        put_ports(api, outlet);
    if (events->piece == NULL && !put_events(api, outlet))
        return false;
    if (!ports_first)
        put_ports(api, outlet);
    return true;
}

/* When somebody has to ask again: a comparison of the ports may be due before the next keep-alive. */
static bool has_news(struct api *api, struct api_stream *stream) {
    struct events *events = (struct events *)stream;
    uint64_t due_ms;
    bool has_ports = port_feed_has_news(api, &events->ports, &due_ms);

    stream->due_ms = due_ms < events->keep_alive_ms ? due_ms : events->keep_alive_ms;
    return events->piece != NULL || has_ports || journal_last_id(api->journal) > events->position ||
           clock_read(&api->clock).monotonic_ms >= events->keep_alive_ms;
}

static ssize_t read_events(struct api *api, struct api_stream *stream, char *buffer, size_t size) {
    struct events *events = (struct events *)stream;
    struct outlet outlet = {.events = events, .buffer = buffer, .size = size};
    uint64_t now_ms = clock_read(&api->clock).monotonic_ms;
    static const char keep_alive[] = ": keep-alive\n\n";

    if (put_piece(&outlet) && !put_news(api, &outlet) && outlet.used == 0)
        return -1;
    /* It is suspended after this, and nobody asks again for what was noted while it was not. */
    if (outlet.used == 0 && has_news(api, stream) && !put_news(api, &outlet) && outlet.used == 0)
        return -1;
    if (outlet.used == 0 && now_ms >= events->keep_alive_ms && size >= sizeof keep_alive - 1) {
        memcpy(buffer, keep_alive, sizeof keep_alive - 1);
        outlet.used = sizeof keep_alive - 1;
    }
    if (outlet.used > 0) {
        events->keep_alive_ms = now_ms + KEEP_ALIVE_MS;
        stream->due_ms = events->keep_alive_ms;
    }
    return (ssize_t)outlet.used;
}

/* Where a stream begins. */
struct beginning {
    uint64_t position;
    struct port_feed ports;
    bool
        was_reset; /* what followed the number that was asked for is not kept any more, or the ports are another run's */
    char note[160]; /* "": there is nothing to be said */
};

/* The header wins: a browser that reconnects sends it with the address that it had at first. */
static struct beginning find_beginning(struct api *api, const struct api_request *request, const struct query *query) {
    struct beginning beginning = {.position = journal_last_id(api->journal)};
    size_t n_headers;
    const char *since = api_request_header(request, "Last-Event-ID", &n_headers);
    const char *source = n_headers > 0 ? "Last-Event-ID" : "since";
    uint64_t id = 0;

    if (n_headers == 0)
        since = query_get(query, "since");
    if (since == NULL && n_headers == 0)
        return beginning;
    if (since == NULL || text_parse_number(since, 0, UINT64_MAX, &id) != 0 ||
        journal_reach(api->journal, id) == JOURNAL_FUTURE) {
        snprintf(beginning.note, sizeof beginning.note, "%s is no event's number (%.40s); the stream starts from now.",
                 source, since != NULL ? since : "given twice");
        return beginning;
    }
    beginning.was_reset = journal_reach(api->journal, id) == JOURNAL_GONE;
    if (!beginning.was_reset)
        beginning.position = id;
    return beginning;
}

/* Returns false if "ports" cannot be read. */
static bool find_ports(struct api *api, const struct query *query, struct beginning *beginning) {
    const char *ports = query_get(query, "ports");
    int r = ports != NULL ? port_feed_open(api, ports, &beginning->ports) : 0;

    if (r == PORT_FEED_E_OTHER_RUN)
        beginning->was_reset = true;
    return r >= 0;
}

/* What the stream says first. Returns NULL if memory is short. */
static char *make_head(struct api *api, const struct beginning *beginning) {
    struct json_text text = {0};
    cJSON *head = cJSON_CreateObject();
    cJSON *reset = cJSON_CreateObject();
    char number[32];
    size_t length = 0;

    cJSON_AddNumberToObject(head, "last_id", (double)journal_last_id(api->journal));
    json_add_text_or_null(head, "note", beginning->note[0] != '\0' ? beginning->note : NULL);
    cJSON_AddStringToObject(head, "run", api->info->run);
    cJSON_AddNumberToObject(head, "version", (double)api->versions.newest);
    cJSON_AddNumberToObject(reset, "first_id", (double)journal_first_id(api->journal));
    cJSON_AddNumberToObject(reset, "last_id", (double)journal_last_id(api->journal));
    snprintf(number, sizeof number, "id: %" PRIu64, beginning->position);
    json_text_put(&text, number);
    json_text_put(&text, "\nevent: stream\ndata: ");
    json_text_print(&text, head);
    if (beginning->was_reset) {
        json_text_put(&text, "\n\nevent: reset\ndata: ");
        json_text_print(&text, reset);
    }
    json_text_put(&text, "\n\n");
    cJSON_Delete(head);
    cJSON_Delete(reset);
    return json_text_take(&text, &length);
}

/* Takes over the place that was taken for it. Returns NULL if memory is short. */
static struct events *events_new(struct api *api, const struct api_caller *caller, const struct beginning *beginning) {
    struct events *events = calloc(1, sizeof *events);
    char *head = make_head(api, beginning);
    uint64_t keep_alive_ms = clock_read(&api->clock).monotonic_ms + KEEP_ALIVE_MS;

    if (events == NULL || head == NULL) {
        free(events);
        free(head);
        return NULL;
    }
    *events = (struct events){
        .stream = {.read = read_events, .has_news = has_news, .free = free_events, .due_ms = keep_alive_ms},
        .quota = &api->streams,
        .caller = *caller,
        .position = beginning->position,
        .ports = beginning->ports,
        .keep_alive_ms = keep_alive_ms,
        .piece = head,
    };
    return events;
}

void route_events(struct api *api, const struct api_request *request, const struct query *query,
                  struct api_response *response) {
    uid_t uid = request->caller.uid;
    struct beginning beginning = find_beginning(api, request, query);
    struct events *events;
    int r;

    if (!find_ports(api, query, &beginning)) {
        problem_set(response, PROBLEM_BAD_REQUEST, "read /snapshot, which tells both",
                    "\"ports\" must be RUN.VERSION, %d hexadecimal digits and a whole number.", API_RUN_DIGITS);
        return;
    }
    r = quota_take(&api->streams, uid, STREAMS_PER_UID);
    if (r == QUOTA_E_FULL) {
        problem_set(response, PROBLEM_TOO_MANY_STREAMS, "close one of them",
                    "Uid %u has %d event streams open, and may not have more.", (unsigned)uid, STREAMS_PER_UID);
        response->retry_after_s = RETRY_AFTER_S;
        return;
    }
    events = r == 0 ? events_new(api, &request->caller, &beginning) : NULL;
    if (r == 0 && events == NULL)
        quota_give(&api->streams, uid);
    if (events == NULL) {
        answer_ok(response, NULL);
        return;
    }
    response->status = 200;
    response->content_type = "text/event-stream";
    response->stream = &events->stream;
}
