/* A portd that says what a test wants it to say. */
#include "tests/support/fake_portd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"

#define REQUESTS SANDBOX_DIR "/requests"

#define REQUEST_MAX 65536

struct serving {
    const struct fake_portd_setup *setup;
    int listener;
    unsigned n_given[FAKE_PORTD_ANSWERS_MAX];
};

static int listen_on(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    unlink(path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0 ||
        chmod(path, 0666) < 0)
        fail_test("A fake portd cannot listen on %s: %s.", path, strerror(errno));
    return fd;
}

/* Head and body, NUL-terminated; false if the client has hung up before. */
static bool read_request(int fd, char *request) {
    size_t length = 0;

    for (;;) {
        const ssize_t n_bytes = recv(fd, request + length, REQUEST_MAX - 1 - length, 0);
        if (n_bytes <= 0)
            return false;
        length += (size_t)n_bytes;
        request[length] = '\0';

        const char *body = strstr(request, "\r\n\r\n");
        const char *announced = strstr(request, "Content-Length: ");
        if (body != NULL && strlen(body + 4) >= (announced != NULL ? strtoul(announced + 16, NULL, 10) : 0))
            return true;
    }
}

static void write_down(const char *request) {
    CLEANUP(fd_close_at) int fd = open(REQUESTS, O_WRONLY | O_APPEND | O_CLOEXEC);
    const size_t n_line = strcspn(request, "\r");
    const size_t n_words = n_line > strlen(" HTTP/1.1") ? n_line - strlen(" HTTP/1.1") : n_line;
    const char *body = strstr(request, "\r\n\r\n") + 4;

    if (dprintf(fd, "%.*s%s%s\n", (int)n_words, request, body[0] != '\0' ? " " : "", body) < 0)
        fail_test("A request cannot be written down: %s.", strerror(errno));
}

/* Not in "Host": the port there is the kernel's choice, and may be like any other number. */
static bool holds(const char *request, const char *text) {
    const char *host = strstr(request, "\r\nHost: ");
    const char *end = host != NULL ? host + 2 + strcspn(host + 2, "\r") : NULL;

    for (const char *found = strstr(request, text); found != NULL; found = strstr(found + 1, text))
        if (host == NULL || found <= host || found >= end)
            return true;
    return false;
}

static const struct fake_answer *find_answer(struct serving *serving, const char *request) {
    static const struct fake_answer nothing = {.status = 404,
                                               .body = "{\"type\":\"urn:portmanager:problem:no-such-path\"}"};

    for (size_t i = 0; i < FAKE_PORTD_ANSWERS_MAX && serving->setup->answers[i].request != NULL; i++) {
        const struct fake_answer *answer = &serving->setup->answers[i];
        if (strncmp(request, answer->request, strlen(answer->request)) != 0 ||
            (answer->holding != NULL && !holds(request, answer->holding)) ||
            (answer->n_times > 0 && serving->n_given[i] == answer->n_times))
            continue;
        serving->n_given[i]++;
        return answer;
    }
    return &nothing;
}

static void send_text(int fd, const char *text) {
    size_t length = strlen(text);

    while (length > 0) {
        const ssize_t n_sent = send(fd, text, length, MSG_NOSIGNAL);
        if (n_sent <= 0)
            return;
        text += n_sent;
        length -= (size_t)n_sent;
    }
}

static void give(int fd, const struct fake_answer *answer) {
    char head[256];

    if (answer->body == NULL)
        return;
    if (answer->status != 0) {
        snprintf(head, sizeof(head), "HTTP/1.1 %u X\r\nContent-Type: application/%s\r\nContent-Length: %zu\r\n\r\n",
                 answer->status, answer->status < 400 ? "json" : "problem+json", strlen(answer->body));
        send_text(fd, head);
    }
    send_text(fd, answer->body);
}

static int serve(void *context) {
    struct serving *serving = context;
    char *request = malloc(REQUEST_MAX);

    if (request == NULL)
        fail_test("No memory for a request.");
    for (;;) {
        CLEANUP(fd_close_at) int fd = accept4(serving->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || !read_request(fd, request))
            continue;
        write_down(request);
        give(fd, find_answer(serving, request));
    }
}

struct fake_portd fake_portd_start(const struct fake_portd_setup *setup) {
    struct fake_portd portd = {0};
    CLEANUP(fd_close_at) int requests = open(REQUESTS, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    if (requests < 0 || fchmod(requests, 0666) < 0)
        fail_test(REQUESTS " cannot be made: %s.", strerror(errno));
    /* Another user's server must be his from its first call on: who called listen() is whom SO_PEERCRED names. */
    struct serving serving = {.setup = setup, .listener = -1};
    const uid_t before = geteuid();
    if (setup->uid != 0 && seteuid(setup->uid) < 0)
        fail_test("seteuid: %s.", strerror(errno));
    serving.listener = setup->socket != NULL ? listen_on(setup->socket) : tcp_listen("127.0.0.1", 0);
    if (setup->uid != 0 && seteuid(before) < 0)
        fail_test("seteuid: %s.", strerror(errno));
    if (setup->socket == NULL)
        portd.port = tcp_port_of(serving.listener);
    portd.pid = child_start(setup->uid, serve, &serving);
    close(serving.listener);
    return portd;
}

void fake_portd_stop(struct fake_portd *portd) {
    child_kill(portd->pid);
    portd->pid = 0;
}

void fake_portd_stop_at(struct fake_portd *portd) {
    if (portd->pid > 0)
        fake_portd_stop(portd);
}

char *fake_portd_requests(void) {
    return file_read(REQUESTS, NULL);
}
