/* The screens of what runs, waits, or goes on until Ctrl-C. */
#include <signal.h>

#include "cli/problem.h"
#include "tests/support/screen.h"

#define PROBLEM(type, detail) "{\"type\":\"urn:portmanager:problem:" type "\",\"detail\":\"" detail "\"}"

#define WEB                                                                                                            \
    "{\"port\":8002,\"service_name\":\"web\",\"id\":2,\"uid\":0,\"ttl_seconds\":300,\"kept_by\":\"ttl\",\"state\":"    \
    "\"pending\","                                                                                                     \
    "\"allocated_at\":\"<then>\",\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290}"
#define GRANTED  "{\"port\":8002,\"lease\":" WEB ",\"ports\":[8002],\"leases\":[" WEB "],\"reused\":false,\"notes\":[]}"
#define RELEASED "{\"port\":8002,\"id\":2,\"service_name\":\"web\",\"listeners\":[]}"

/* Nothing is free, once. */
static const struct fake_answer busy[] = {
    {"POST /alloc", 503, PROBLEM("range-full", "No port from 8000 to 9000 is free."), 1, NULL},
    {"POST /alloc", 200, GRANTED, 0, NULL},
    {"POST /release", 200, RELEASED, 0, NULL},
    {"GET /list", 200, "[]", 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

/* web is not there yet. */
static const struct fake_answer pending[] = {
    {"GET /snapshot", 200, "{\"run\":\"9f3c\",\"version\":5,\"leases\":[" WEB "],\"listeners\":[]}", 0, NULL},
    {"GET /events", 0, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", 0, NULL},
    {"GET /who", 200, "{\"verdict\":\"Nobody listens on port 8002.\"}", 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

#define EVENT(id, kind, more)                                                                                          \
    "id: " id "\nevent: x\ndata: {\"id\":" id ",\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"" kind                  \
    "\",\"port\":8003,"                                                                                                \
    "\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\"" more "}\n\n"

/* Three events, and no more of it: who cannot come back is asked for again and again. */
static const struct fake_answer events[] = {
    {"GET /events", 0,
     "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
     "event: stream\ndata: {\"last_id\":39,\"note\":null}\n\n" EVENT("40", "lease.granted", "")
         EVENT("41", "listener.opened", ",\"pid\":48213,\"process\":\"python3\",\"address\":\"::1\"")
             EVENT("42", "squatter.appeared",
                   ",\"finding\":\"taken\",\"reason\":\"python3 (pid 48213) of bob listens on it, which does not "
                   "belong to the lease.\""),
     1, NULL},
    {"GET /events", 503, PROBLEM("internal", "Not now."), 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

/* The truth about the server. */
static const struct fake_answer truthful[] = {
    {"GET /who?port=8001 ", 200,
     "{\"port\":8001,\"listeners\":[{\"address\":\"127.0.0.1\",\"port\":8001,\"state\":\"listen\",\"inode\":<inode>,"
     "\"uid\":0,"
     "\"user\":\"root\",\"owners\":[{\"pid\":<pid>,\"start_time\":<start>,\"uid\":0,\"user\":\"root\",\"process\":"
     "\"server\","
     "\"command\":\"server --all\",\"parents\":[{\"pid\":1,\"process\":\"systemd\"}]}]}]}",
     0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

static const struct screen_case cases[] = {
    {.words = {"run", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--json", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     BOTH("8002 web\n"),
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "-q", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     BOTH("8002 web\n"),
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "-v", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--env-name", "A", "--env-name", "B", "web", "--", "sh", "-c", "echo \"$A $B\""},
     .screen = "web on port 8002 (A)\n"
               "web on port 8008 (B)\n"
               "8002 8008\n",
     .output = "8002 8008\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"count\":2,\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"
                 "POST /release {\"port\":8008,\"id\":8,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--port", "8002", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"port\":8002,\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--prefer", "8002", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"prefer\":8002,\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--reuse", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"reuse\":true,\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--ttl", "2h", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"ttl_seconds\":7200,\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--tag", "a", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N,\"tags\":[\"a\"]}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--project", SCREEN_PROJECT, "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc "
                 "{\"service_name\":\"web\",\"prefer\":[8006],\"sticky_first\":true,\"reuse\":true,\"pid\":N,\"asker_"
                 "pid\":N,\"project\":\"" SCREEN_PROJECT "\",\"tags\":[\"shop\"]}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--kill-after", "5s", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--keep", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"if_idle\":true}\n"},
    {.words = {"run", "--wait", "1m", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .portd = busy,
     .screen = "portctl: waiting: no port from 8000 to 9000 is free\n"
               "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--host", "::1", "web", "--", "sh", "-c", "echo \"$PORT $HOST\""},
     .screen = "web on port 8002\n"
               "8002 ::1\n",
     .output = "8002 ::1\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--listen", "web", "--", "sh", "-c", "echo \"$LISTEN_FDS $LISTEN_FDNAMES\""},
     .screen = "web on port 8002\n"
               "1 PORT\n",
     .output = "1 PORT\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .directory = SCREEN_PROJECT,
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc "
                 "{\"service_name\":\"web\",\"prefer\":[8006],\"sticky_first\":true,\"reuse\":true,\"pid\":N,\"asker_"
                 "pid\":N,\"project\":\"" SCREEN_PROJECT "\",\"tags\":[\"shop\"]}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "-g", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .directory = SCREEN_PROJECT,
     .screen = "web on port 8002\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc "
                 "{\"service_name\":\"web\",\"prefer\":[8006],\"sticky_first\":true,\"reuse\":true,\"pid\":N,\"asker_"
                 "pid\":N,\"tags\":[\"shop\"]}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--remap", "3000", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "  which it gets where it binds 3000; getsockname() tells the real one\n"
               "  not remapped: connect(), io_uring; no sudo in it; no bind() without portctl\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "--remap=auto", "web", "--", "sh", "-c", "echo \"$PORT $PORTMANAGER_SERVICE\""},
     .screen = "web on port 8002\n"
               "  the first port that it binds is 8002; each other one gets a lease of its own\n"
               "  not remapped: connect(), io_uring; no sudo in it; no bind() without portctl\n"
               "8002 web\n",
     .output = "8002 web\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"run", "web", "no-such-program"},
     .exit_code = 127,
     .screen = "web on port 8002\n"
               "portctl: there is no program 'no-such-program' in PATH\n",
     .output = "",
     .errors = "portctl: there is no program 'no-such-program' in PATH\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web"},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--json"},
     .until = "granted\"}",
     .screen = "{\"version\":1,\"port\":8002,\"lease\":{\"port\":8002,\"service_name\":\"web\",\"allocated_at\":\"<"
               "then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_"
               "seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,\"id\":2,\"uid\":0,\"user\":\"root\","
               "\"state\":\"pending\",\"kept_by\":\"ttl\"},\"ports\":[8002],\"leases\":[{\"port\":8002,\"service_"
               "name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-"
               "02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,"
               "\"id\":2,\"uid\":0,\"user\":\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"}],\"reused\":false,\"n_"
               "reused\":0,\"notes\":[],\"event\":\"granted\"}\n"
               "^C{\"version\":1,\"port\":8002,\"id\":2,\"service_name\":\"web\",\"event\":\"released\"}\n",
     .output = "{\"version\":1,\"port\":8002,\"lease\":{\"port\":8002,\"service_name\":\"web\",\"allocated_at\":\"<"
               "then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_"
               "seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,\"id\":2,\"uid\":0,\"user\":\"root\","
               "\"state\":\"pending\",\"kept_by\":\"ttl\"},\"ports\":[8002],\"leases\":[{\"port\":8002,\"service_"
               "name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-"
               "02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,"
               "\"id\":2,\"uid\":0,\"user\":\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"}],\"reused\":false,\"n_"
               "reused\":0,\"notes\":[],\"event\":\"granted\"}\n"
               "{\"version\":1,\"port\":8002,\"id\":2,\"service_name\":\"web\",\"event\":\"released\"}\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "-q"},
     .until = "8002",
     .screen = "8002\n"
               "^C",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--ttl", "2h"},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"ttl_seconds\":7200,\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--port", "8002"},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"port\":8002,\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--prefer", "8002"},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"prefer\":8002,\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--reuse"},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"reuse\":true,\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--tag", "a"},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N,\"tags\":[\"a\"]}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--project", SCREEN_PROJECT},
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N,\"project\":\"" SCREEN_PROJECT "\"}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "--wait", "1m"},
     .portd = busy,
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "portctl: waiting: no port from 8000 to 9000 is free\n"
               "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"hold", "web", "-g"},
     .directory = SCREEN_PROJECT,
     .until = "Ctrl-C",
     .until_in_pipe = "8002\n",
     .screen = "8002\n"
               "Holding port: 8002 (web), until Ctrl-C\n"
               "^C\n"
               "Released port: 8002 (web)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"pid\":N,\"asker_pid\":N}\n"
                 "POST /release {\"port\":8002,\"id\":2,\"unless_outlasting\":true}\n"},
    {.words = {"wait", "my-api"}, BOTH("8001\n"), .requests = "GET /snapshot\n"},
    {.words = {"wait", "my-api", "--json"},
     BOTH("{\"version\":1,\"state\":\"bound\",\"leases\":[{\"port\":8001,\"service_name\":\"my-api\",\"allocated_at\":"
          "\"<then>\",\"ttl_seconds\":300,\"tags\":[\"dev\"],\"expires_at\":null,\"expires_in_seconds\":null,"
          "\"project\":null,\"holder\":null,\"id\":1,\"uid\":0,\"user\":\"root\",\"state\":\"bound\",\"kept_by\":"
          "\"listener\"}]}\n"),
     .requests = "GET /snapshot\n"},
    {.words = {"wait", "my-api", "--all"}, BOTH("8001\n"), .requests = "GET /snapshot\n"},
    {.words = {"wait", "my-api", "-q"}, BOTH("8001\n"), .requests = "GET /snapshot\n"},
    {.words = {"wait", "web", "--timeout", "1s"},
     .portd = pending,
     .exit_code = EXIT_WAITED,
     .screen = "portctl: waiting: leased, but nothing listens on 8002\n"
               "portctl: the connection to portd is lost; trying again until it is back\n"
               "portctl: web is not in use after 1s: nobody listens on port 8002\n"
               "  hint: portctl who 8002\n",
     .output = "",
     .errors = "portctl: the connection to portd is lost; trying again until it is back\n"
               "portctl: web is not in use after 1s: nobody listens on port 8002\n"
               "  hint: portctl who 8002\n"},
    {.words = {"wait", "web"}, .directory = SCREEN_PROJECT, BOTH("8006\n"), .requests = "GET /snapshot\n"},
    {.words = {"wait", "my-api", "-g"}, .directory = SCREEN_PROJECT, BOTH("8001\n"), .requests = "GET /snapshot\n"},
    {.words = {"wait", "web", "--project", SCREEN_PROJECT}, BOTH("8006\n"), .requests = "GET /snapshot\n"},
    {.words = {"wait", "nobody", "--gone"},
     .screen = "nobody is not leased any more\n",
     .output = "",
     .requests = "GET /snapshot\n"},
    {.words = {"wait", "8001"}, BOTH("8001\n"), .requests = "GET /snapshot\n"},
    {.words = {"watch"},
     .portd = events,
     .until = "trying again until it is back",
     .exit_code = -SIGINT,
     .screen = "2026-01-02 03:04:05  ○ granted   8003   db: to root\n"
               "2026-01-02 03:04:05  ● opened    8003   db: python3 (pid 48213) of root on ::1\n"
               "2026-01-02 03:04:05  ✕ squatted  8003   db: python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n"
               "portctl: the connection to portd is lost; trying again until it is back\n"
               "^C",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8003\tdb\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8003\tdb\tpython3\t48213\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\t-\t-\troot\t-\ttaken\t42\tpython3 (pid 48213) "
               "of bob listens on it, which does not belong to the lease.\n",
     .errors = "portctl: the connection to portd is lost; trying again until it is back\n",
     .requests = "GET /events\n"},
    {.words = {"watch", "--json"},
     .portd = events,
     .until = "trying again until it is back",
     .exit_code = -SIGINT,
     .screen = "{\"version\":1,\"id\":40,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"lease.granted\",\"port\":8003,"
               "\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\"}\n"
               "{\"version\":1,\"id\":41,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"listener.opened\",\"port\":"
               "8003,\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"pid\":48213,\"process\":"
               "\"python3\",\"address\":\"::1\"}\n"
               "{\"version\":1,\"id\":42,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"squatter.appeared\",\"port\":"
               "8003,\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"finding\":\"taken\","
               "\"reason\":\"python3 (pid 48213) of bob listens on it, which does not belong to the lease.\"}\n"
               "portctl: the connection to portd is lost; trying again until it is back\n"
               "^C",
     .output = "{\"version\":1,\"id\":40,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"lease.granted\",\"port\":8003,"
               "\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\"}\n"
               "{\"version\":1,\"id\":41,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"listener.opened\",\"port\":"
               "8003,\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"pid\":48213,\"process\":"
               "\"python3\",\"address\":\"::1\"}\n"
               "{\"version\":1,\"id\":42,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"squatter.appeared\",\"port\":"
               "8003,\"service_name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"finding\":\"taken\","
               "\"reason\":\"python3 (pid 48213) of bob listens on it, which does not belong to the lease.\"}\n",
     .errors = "portctl: the connection to portd is lost; trying again until it is back\n",
     .requests = "GET /events\n"},
    {.words = {"watch", "-q"},
     .portd = events,
     .until = "trying again until it is back",
     .exit_code = -SIGINT,
     .screen = "8003\n"
               "8003\n"
               "8003\n"
               "portctl: the connection to portd is lost; trying again until it is back\n"
               "^C",
     .output = "8003\n"
               "8003\n"
               "8003\n",
     .errors = "portctl: the connection to portd is lost; trying again until it is back\n",
     .requests = "GET /events\n"},
    {.words = {"watch", "--color", "always"},
     .portd = events,
     .until = "trying again until it is back",
     .exit_code = -SIGINT,
     .screen = "\033[2m2026-01-02 03:04:05\033[0m  ○ granted   \033[1m8003\033[0m   \033[1mdb:\033[0m to root\n"
               "\033[2m2026-01-02 03:04:05\033[0m  \033[32m● opened\033[0m    \033[1m8003\033[0m   \033[1mdb:\033[0m "
               "python3 (pid 48213) of root on ::1\n"
               "\033[2m2026-01-02 03:04:05\033[0m  \033[1;31m✕ squatted\033[0m  \033[1m8003\033[0m   \033[1mdb:\033[0m "
               "python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n"
               "\033[1mportctl:\033[0m the connection to portd is lost; trying again until it is back\n"
               "^C",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8003\tdb\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8003\tdb\tpython3\t48213\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\t-\t-\troot\t-\ttaken\t42\tpython3 (pid 48213) "
               "of bob listens on it, which does not belong to the lease.\n",
     .errors = "\033[1mportctl:\033[0m the connection to portd is lost; trying again until it is back\n",
     .requests = "GET /events\n"},
    {.words = {"stop", "8001"},
     .typed = "y\n",
     .portd = truthful,
     .with_server = true,
     .screen = "server (pid <pid>, root) listens on 127.0.0.1:8001\n"
               "  server --all\n"
               "Send TERM to it? [y/N] y\n"
               "Stopped: server (pid <pid>, root); port 8001 is free\n",
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001"},
     .portd = truthful,
     .with_server = true,
     .exit_code = EXIT_USAGE,
     .output = "",
     .errors = "portctl: server (pid <pid>, root) listens on port 8001; without a terminal stop cannot ask whether you "
               "are sure\n"
               "  hint: portctl stop 8001 --pid <pid> --yes\n",
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "--color", "always"},
     .typed = "n\n",
     .portd = truthful,
     .with_server = true,
     .exit_code = EXIT_NO,
     .screen = "\033[1mserver (pid <pid>, root)\033[0m listens on 127.0.0.1:8001\n"
               "  server --all\n"
               "Send TERM to it? [y/N] n\n"
               "\033[1mportctl:\033[0m nothing was signalled\n",
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "--color", "always", "--yes"},
     .portd = truthful,
     .with_server = true,
     .output = "Stopped: server (pid <pid>, root); port 8001 is free\n",
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "--yes"},
     .portd = truthful,
     .with_server = true,
     BOTH("Stopped: server (pid <pid>, root); port 8001 is free\n"),
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "-y", "--json"},
     .portd = truthful,
     .with_server = true,
     BOTH("{\"version\":1,\"port\":8001,\"pid\":<pid>,\"process\":\"server\",\"signal\":\"TERM\",\"freed\":true,"
          "\"ended\":true}\n"),
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "-y", "-q"},
     .portd = truthful,
     .with_server = true,
     BOTH("8001\n"),
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "-y", "--signal", "KILL"},
     .portd = truthful,
     .with_server = true,
     BOTH("Stopped: server (pid <pid>, root); port 8001 is free\n"),
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "-y", "--pid", "<pid>"},
     .portd = truthful,
     .with_server = true,
     BOTH("Stopped: server (pid <pid>, root); port 8001 is free\n"),
     .requests = "GET /who?port=8001\n"},
    {.words = {"stop", "8001", "-y", "--pid", "1"},
     .portd = truthful,
     .with_server = true,
     .exit_code = EXIT_NO,
     .screen = "portctl: pid 1 does not listen on port 8001\n"
               "  hint: portctl who 8001\n",
     .output = "",
     .errors = "portctl: pid 1 does not listen on port 8001\n"
               "  hint: portctl who 8001\n",
     .requests = "GET /who?port=8001\n"},
};

const struct screen_table screens_running = {"running", cases, sizeof(cases) / sizeof(cases[0])};
