/*
 * A request and a response as values. The API is a pure layer: nothing here knows of sockets or of libmicrohttpd, so tests
 * and fuzzers call api_handle() with a struct and read a struct back.
 */
#ifndef SRC_API_REQUEST_H
#define SRC_API_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define API_BODY_MAX ((size_t)64 * 1024)

enum api_transport {
    API_TCP,  /* loopback TCP: anything on the machine can send, browsers included */
    API_UNIX, /* the Unix socket: no browser reaches it */
};

struct api_header {
    const char *name;
    const char *value;
};

/* Who calls, by the kernel's word. */
struct api_caller {
    bool known;
    uid_t uid; /* only if known */
};

/* All borrowed, for the time of the call. */
struct api_request {
    enum api_transport transport;
    struct api_caller caller;
    const char *method;
    const char *target;  /* as sent: path and query, nothing decoded */
    const char *version; /* "HTTP/1.1" */
    const struct api_header *headers;
    size_t n_headers;
    bool header_suspect; /* the header had bytes that are in none of `headers` (a NUL in a value, a folded line) */
    const char *body;
    size_t body_length;
    bool body_too_large; /* over API_BODY_MAX; `body` is empty then */
};

struct api;
struct api_response;
struct problem_subject;

/*
 * An answer that has to wait for something: for a walk over /proc, or for a port to come free. The handler leaves it in the response; whoever
 * called api_handle() calls try() whenever something has changed, and at `until_ms` (monotonic) at the latest, until it returns true
 * (so who puts it off must not have read the kernel anew, but the first time: that would be a change):
 * then the response is filled, and this is freed by its free(). If the caller goes away meanwhile, free() is all that is called.
 */
struct api_later {
    bool (*try)(struct api *api, struct api_later *later, struct api_response *response);
    void (*free)(struct api_later *later);
    uint64_t until_ms; /* from here on try() must not put it off any more */
};

/*
 * An answer without end. read() writes what is new, at most `size` bytes, and returns how many; 0: nothing now, ask again when has_news() says
 * so, which is asked whenever something has changed, and at `due_ms` (monotonic), which it may put off or bring forward when it says no: a line that keeps
 * the connection alive, or something that must not be looked at too often, is the stream's own business. -1: it ends here. A reader who does not read is not asked for: what it lacks is no more than a position in the stream.
 */
struct api_stream {
    ssize_t (*read)(struct api *api, struct api_stream *stream, char *buffer, size_t size);
    bool (*has_news)(struct api *api, struct api_stream *stream);
    void (*free)(struct api_stream *stream);
    uint64_t due_ms; /* from here on has_news() is true, or puts it off */
};

struct api_response {
    int status;
    const char *content_type;  /* static */
    char *body;                /* owned; free() it by api_response_deinit() */
    const char *constant;      /* not NULL: the body, instead of `body`; static, so it is neither copied nor freed */
    size_t body_length;        /* of either */
    const char *allow;         /* static; for a 405 */
    unsigned retry_after_s;    /* 0: not said */
    const char *cache_control; /* static; NULL: it is not to be stored */
    const char *etag;          /* static; NULL: none, as of these three */
    const char *content_encoding;
    const char *vary;
    const char *worker_scope;              /* of a service worker's script: the paths that it may control */
    const struct problem_subject *subject; /* not NULL: what a problem is about (problem.h); borrowed */
    struct api_later *later;   /* not NULL: the answer is not ready, and nothing else here is filled; owned */
    struct api_stream *stream; /* not NULL: the body, instead of `body`; owned */
};

/* The value of a header (names compare without case) if it is there exactly once; *ret_count tells how often it is. */
const char *api_request_header(const struct api_request *request, const char *name, size_t *ret_count);

void api_response_deinit(struct api_response *response);

#endif
