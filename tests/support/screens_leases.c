/* The screens of what asks for leases, tells them and gives them back. */
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

static const struct fake_answer taken[] = {
    {"POST /alloc", 409, PROBLEM("port-leased", "Port 8001 is leased to my-api (root)."), 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

static const struct fake_answer nothing[] = {
    {"GET /list", 200, "[]", 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

#define WEB2                                                                                                           \
    "{\"port\":8008,\"service_name\":\"web\",\"id\":8,\"uid\":0,\"ttl_seconds\":300,\"kept_by\":\"ttl\",\"state\":"    \
    "\"pending\","                                                                                                     \
    "\"allocated_at\":\"<then>\",\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290}"

/* Two leases of one name; the first one's server is not told to end. */
static const struct fake_answer twice[] = {
    {"GET /list", 200, "[" WEB "," WEB2 "]", 0, NULL},
    {"POST /release", 403, PROBLEM("not-yours", "Port 8008 is leased to web (root)."), 0, "8008"},
    {"POST /release", 200, RELEASED, 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

#define REMOVED(port, name, id)                                                                                        \
    "{\"port\":" #port ",\"service_name\":\"" name "\",\"id\":" #id ",\"uid\":0,\"state\":\"pending\",\"kept_by\":"    \
    "\"ttl\",\"project\":\"" SCREEN_PROJECT "\"}"

/* A worktree of the project was removed, and its leases are still there. */
static const struct fake_answer removed[] = {
    {"GET /list", 200, "[" REMOVED(8002, "web@f/x", 2) "," REMOVED(8008, "api@f/x", 8) "]", 0, NULL},
    {"POST /release", 200, RELEASED, 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

static const struct screen_case cases[] = {
    {.words = {"alloc", "web"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--json"},
     BOTH("{\"version\":1,\"port\":8002,\"lease\":{\"port\":8002,\"service_name\":\"web\",\"allocated_at\":\"<then>\","
          "\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290,"
          "\"holder\":null,\"evidence\":null,\"project\":null,\"id\":2,\"uid\":0,\"user\":\"root\",\"state\":"
          "\"pending\",\"kept_by\":\"ttl\"},\"ports\":[8002],\"leases\":[{\"port\":8002,\"service_name\":\"web\","
          "\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\","
          "\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,\"id\":2,\"uid\":0,\"user\":"
          "\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"}],\"reused\":false,\"n_reused\":0,\"notes\":[]}\n"),
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "-q"},
     BOTH("8002\n"),
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "-v"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--ttl", "2h"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"ttl_seconds\":7200,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--port", "8002"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"port\":8002,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--prefer", "8002"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"prefer\":8002,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "-n", "2"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n"
               "8008\n"
               "Allocated port: 8008 (web, expires in 4m50s)\n",
     .output = "8002\n"
               "8008\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"count\":2,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--reuse"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"reuse\":true,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--tag", "a", "--tag", "b"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N,\"tags\":[\"a\",\"b\"]}\n"},
    {.words = {"alloc", "web", "--project", "/usr"},
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N,\"project\":\"/usr\"}\n"},
    {.words = {"alloc", "web"},
     .directory = SCREEN_PROJECT,
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N,\"project\":\"" SCREEN_PROJECT "\"}\n"},
    {.words = {"alloc", "web", "--global"},
     .directory = SCREEN_PROJECT,
     .screen = "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "--wait", "1m"},
     .portd = busy,
     .screen = "portctl: waiting: no port from 8000 to 9000 is free\n"
               "8002\n"
               "Allocated port: 8002 (web, expires in 4m50s)\n",
     .output = "8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"
                 "POST /alloc {\"service_name\":\"web\",\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "-p", "8001"},
     .portd = taken,
     .exit_code = EXIT_TAKEN,
     .screen = "portctl: port 8001 is leased to my-api (root)\n"
               "  hint: portctl alloc web --prefer 8002\n",
     .output = "",
     .errors = "portctl: port 8001 is leased to my-api (root)\n"
               "  hint: portctl alloc web --prefer 8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"port\":8001,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "-p", "8001", "--json"},
     .portd = taken,
     .exit_code = EXIT_TAKEN,
     .screen =
         "{\"type\":\"urn:portmanager:problem:port-leased\",\"detail\":\"Port 8001 is leased to my-api (root).\"}\n",
     .output = "",
     .errors =
         "{\"type\":\"urn:portmanager:problem:port-leased\",\"detail\":\"Port 8001 is leased to my-api (root).\"}\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"port\":8001,\"asker_pid\":N}\n"},
    {.words = {"alloc", "web", "-p", "8001", "--color", "always"},
     .portd = taken,
     .exit_code = EXIT_TAKEN,
     .screen = "\033[1mportctl:\033[0m port 8001 is leased to my-api (root)\n"
               "  \033[36mhint:\033[0m portctl alloc web --prefer 8002\n",
     .output = "",
     .errors = "\033[1mportctl:\033[0m port 8001 is leased to my-api (root)\n"
               "  \033[36mhint:\033[0m portctl alloc web --prefer 8002\n",
     .requests = "POST /alloc {\"service_name\":\"web\",\"port\":8001,\"asker_pid\":N}\n"},
    {.words = {"list"},
     .screen = "PORT  NAME    STATE                  EXPIRES         GRANTED  USER  TAGS\n"
               "8001  my-api  ● in use               after use       4m ago   root  dev\n"
               "8002  web     ○ waiting              in 4m50s        4m ago   root  -\n"
               "8003  db      ✕ squatted             with pid 47001  4m ago   root  -\n"
               "8004  blog    ● in use               with pid 4100   4m ago   ann   -\n"
               "8005  docs    ↷ in use, but on 5173  in 4m50s        4m ago   root  -\n"
               "8006  web     ● in use               in 4m50s        4m ago   root  shop\n",
     .output = "8001\tmy-api\tbound\troot\tlistener\t-\t<then>\t1\tdev\t-\n"
               "8002\tweb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t2\t-\t-\n"
               "8003\tdb\tconflict\troot\tholder\t-\t<then>\t3\t-\t-\n"
               "8004\tblog\tbound\tann\tholder\t-\t<then>\t4\t-\t-\n"
               "8005\tdocs\telsewhere\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t5\t-\t-\n"
               "8006\tweb\tbound\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t6\tshop\t" SCREEN_PROJECT "\n",
     .requests = "GET /list\n"},
    {.words = {"list", "--json"},
     BOTH("{\"version\":1,\"leases\":[{\"port\":8001,\"service_name\":\"my-api\",\"allocated_at\":\"<then>\",\"ttl_"
          "seconds\":300,\"tags\":[\"dev\"],\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,"
          "\"holder\":null,\"id\":1,\"uid\":0,\"user\":\"root\",\"state\":\"bound\",\"kept_by\":\"listener\"},{"
          "\"port\":8002,\"service_name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],"
          "\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,"
          "\"project\":null,\"id\":2,\"uid\":0,\"user\":\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"},{\"port\":"
          "8003,\"service_name\":\"db\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":"
          "null,\"expires_in_seconds\":null,\"project\":null,\"holder\":{\"pid\":47001},\"conflict\":\"taken\",\"id\":"
          "3,\"uid\":0,\"user\":\"root\",\"state\":\"conflict\",\"kept_by\":\"holder\"},{\"port\":8004,\"service_"
          "name\":\"blog\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":null,\"expires_"
          "in_seconds\":null,\"project\":null,\"holder\":{\"pid\":4100},\"id\":4,\"uid\":12345,\"user\":\"ann\","
          "\"state\":\"bound\",\"kept_by\":\"holder\"},{\"port\":8005,\"service_name\":\"docs\",\"allocated_at\":\"<"
          "then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":"
          "290,\"holder\":null,\"evidence\":null,\"project\":null,\"elsewhere_port\":5173,\"id\":5,\"uid\":0,\"user\":"
          "\"root\",\"state\":\"elsewhere\",\"kept_by\":\"ttl\"},{\"port\":8006,\"service_name\":\"web\",\"allocated_"
          "at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[\"shop\"],\"expires_at\":\"2026-01-02T03:09:05.678Z\","
          "\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":\"" SCREEN_PROJECT
          "\",\"id\":6,\"uid\":0,\"user\":\"root\",\"state\":\"bound\",\"kept_by\":\"ttl\"}]}\n"),
     .requests = "GET /list\n"},
    {.words = {"list", "-q"},
     BOTH("8001\n"
          "8002\n"
          "8003\n"
          "8004\n"
          "8005\n"
          "8006\n"),
     .requests = "GET /list\n"},
    {.words = {"list", "--color", "always"},
     .screen =
         "\033[2mPORT\033[0m  \033[2mNAME\033[0m    \033[2mSTATE\033[0m                  \033[2mEXPIRES\033[0m         "
         "\033[2mGRANTED\033[0m  \033[2mUSER\033[0m  \033[2mTAGS\033[0m\n"
         "\033[1m8001\033[0m  my-api  \033[32m● in use\033[0m               after use       4m ago   root  "
         "\033[2mdev\033[0m\n"
         "\033[1m8002\033[0m  web     ○ waiting              in 4m50s        4m ago   root  \033[2m-\033[0m\n"
         "\033[1m8003\033[0m  db      \033[1;31m✕ squatted\033[0m             with pid 47001  4m ago   root  "
         "\033[2m-\033[0m\n"
         "\033[1m8004\033[0m  blog    \033[32m● in use\033[0m               with pid 4100   4m ago   ann   "
         "\033[2m-\033[0m\n"
         "\033[1m8005\033[0m  docs    \033[33m↷ in use, but on 5173\033[0m  in 4m50s        4m ago   root  "
         "\033[2m-\033[0m\n"
         "\033[1m8006\033[0m  web     \033[32m● in use\033[0m               in 4m50s        4m ago   root  "
         "\033[2mshop\033[0m\n",
     .output = "8001\tmy-api\tbound\troot\tlistener\t-\t<then>\t1\tdev\t-\n"
               "8002\tweb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t2\t-\t-\n"
               "8003\tdb\tconflict\troot\tholder\t-\t<then>\t3\t-\t-\n"
               "8004\tblog\tbound\tann\tholder\t-\t<then>\t4\t-\t-\n"
               "8005\tdocs\telsewhere\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t5\t-\t-\n"
               "8006\tweb\tbound\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t6\tshop\t" SCREEN_PROJECT "\n",
     .requests = "GET /list\n"},
    {.words = {"list", "web"},
     .screen = "PORT  NAME  STATE      EXPIRES   GRANTED  USER\n"
               "8002  web   ○ waiting  in 4m50s  4m ago   root\n",
     .output = "8002\tweb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t2\t-\t-\n",
     .requests = "GET /list\n"},
    {.words = {"list", "web"},
     .directory = SCREEN_PROJECT,
     .screen = "PORT  NAME  STATE     EXPIRES   GRANTED  USER  TAGS  PROJECT\n"
               "8006  web   ● in use  in 4m50s  4m ago   root  shop  " SCREEN_PROJECT "\n",
     .output = "8006\tweb\tbound\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t6\tshop\t" SCREEN_PROJECT "\n",
     .requests = "GET /list\n"},
    {.words = {"list", "web", "-g"},
     .directory = SCREEN_PROJECT,
     .screen = "PORT  NAME  STATE      EXPIRES   GRANTED  USER\n"
               "8002  web   ○ waiting  in 4m50s  4m ago   root\n",
     .output = "8002\tweb\tpending\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t2\t-\t-\n",
     .requests = "GET /list\n"},
    {.words = {"list", "web", "--project", SCREEN_PROJECT},
     .screen = "PORT  NAME  STATE     EXPIRES   GRANTED  USER  TAGS  PROJECT\n"
               "8006  web   ● in use  in 4m50s  4m ago   root  shop  " SCREEN_PROJECT "\n",
     .output = "8006\tweb\tbound\troot\tttl\t2026-01-02T03:09:05.678Z\t<then>\t6\tshop\t" SCREEN_PROJECT "\n",
     .requests = "GET /list\n"},
    {.words = {"list", "wbe"},
     .exit_code = EXIT_NO,
     .screen = "portctl: no lease has the name wbe\n"
               "  hint: did you mean web?\n",
     .output = "",
     .errors = "portctl: no lease has the name wbe\n"
               "  hint: did you mean web?\n",
     .requests = "GET /list\n"},
    {.words = {"list"},
     .portd = nothing,
     .screen = "No leases. portctl alloc NAME takes one.\n",
     .output = "",
     .requests = "GET /list\n"},
    {.words = {"lookup", "web"}, BOTH("8002\n"), .requests = "GET /list\n"},
    {.words = {"lookup", "web", "--json"},
     BOTH("{\"version\":1,\"service_name\":\"web\",\"port\":8002,\"all_ports\":[8002],\"lease\":{\"port\":8002,"
          "\"service_name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-"
          "01-02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,\"id\":"
          "2,\"uid\":0,\"user\":\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"},\"leases\":[{\"port\":8002,"
          "\"service_name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-"
          "01-02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,\"id\":"
          "2,\"uid\":0,\"user\":\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"}]}\n"),
     .requests = "GET /list\n"},
    {.words = {"lookup", "web", "-q"}, BOTH("8002\n"), .requests = "GET /list\n"},
    {.words = {"lookup", "web", "--all"}, .portd = twice, BOTH("8002\n8008\n"), .requests = "GET /list\n"},
    {.words = {"lookup", "web"}, .directory = SCREEN_PROJECT, BOTH("8006\n"), .requests = "GET /list\n"},
    {.words = {"lookup", "web", "--global"}, .directory = SCREEN_PROJECT, BOTH("8002\n"), .requests = "GET /list\n"},
    {.words = {"lookup", "web", "--project", SCREEN_PROJECT}, BOTH("8006\n"), .requests = "GET /list\n"},
    {.words = {"lookup", "web:WBE_PORT"},
     .directory = SCREEN_PROJECT,
     .exit_code = EXIT_NO,
     .screen = "portctl: the service web has no variable WBE_PORT in portmanager.json\n"
               "  hint: did you mean web:WEB_PORT?\n",
     .output = "",
     .errors = "portctl: the service web has no variable WBE_PORT in portmanager.json\n"
               "  hint: did you mean web:WEB_PORT?\n",
     .requests = ""},
    {.words = {"lookup", "nobody"},
     .exit_code = EXIT_NO,
     .screen = "portctl: no lease has the name nobody\n"
               "  hint: portctl list shows all leases\n",
     .output = "",
     .errors = "portctl: no lease has the name nobody\n"
               "  hint: portctl list shows all leases\n",
     .requests = "GET /list\n"},
    {.words = {"url", "my-api"},
     BOTH("http://[::1]:8001\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"url", "my-api", "--json"},
     BOTH("{\"version\":1,\"url\":\"http://[::1]:8001\",\"service_name\":\"my-api\",\"port\":8001,\"listens\":true}\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"url", "my-api", "-q"},
     BOTH("8001\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"url", "web"},
     .screen = "http://localhost:8002\n"
               "portctl: nothing listens on 8002 yet\n",
     .output = "http://localhost:8002\n",
     .requests = "GET /list\n"
                 "GET /who?port=8002\n"},
    {.words = {"url", "web"},
     .directory = SCREEN_PROJECT,
     BOTH("http://localhost:8006\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8006\n"},
    {.words = {"url", "web", "-g"},
     .directory = SCREEN_PROJECT,
     .screen = "http://localhost:8002\n"
               "portctl: nothing listens on 8002 yet\n",
     .output = "http://localhost:8002\n",
     .requests = "GET /list\n"
                 "GET /who?port=8002\n"},
    {.words = {"url", "web", "--project", SCREEN_PROJECT},
     BOTH("http://localhost:8006\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8006\n"},
    {.words = {"url", "db"},
     .exit_code = EXIT_NO,
     .screen = "portctl: port 8003 is squatted: it is leased to db (root), but python3 (pid 48213) listens on it\n"
               "  hint: portctl who 8003\n",
     .output = "",
     .errors = "portctl: port 8003 is squatted: it is leased to db (root), but python3 (pid 48213) listens on it\n"
               "  hint: portctl who 8003\n",
     .requests = "GET /list\n"
                 "GET /who?port=8003\n"},
    {.words = {"open", "my-api"},
     BOTH("http://[::1]:8001\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"open"}, BOTH("http://localhost:3030\n"), .requests = "GET /status\n"},
    {.words = {"open", "my-api", "--json"},
     BOTH("{\"version\":1,\"url\":\"http://[::1]:8001\",\"browser\":\"true\"}\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"open", "my-api", "-q"},
     BOTH("8001\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"open", "my-api", "--global"},
     .directory = SCREEN_PROJECT,
     BOTH("http://[::1]:8001\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8001\n"},
    {.words = {"open", "web", "--project", SCREEN_PROJECT},
     BOTH("http://localhost:8006\n"),
     .requests = "GET /list\n"
                 "GET /who?port=8006\n"},
    {.words = {"open", "web"},
     .exit_code = EXIT_NO,
     .screen = "portctl: nothing listens on 8002 yet, the port of web\n"
               "  hint: portctl wait 8002 && portctl open web\n",
     .output = "",
     .errors = "portctl: nothing listens on 8002 yet, the port of web\n"
               "  hint: portctl wait 8002 && portctl open web\n",
     .requests = "GET /list\n"
                 "GET /who?port=8002\n"},
    {.words = {"renew", "web"},
     BOTH("Renewed port: 8002 (web, expires in 4m50s)\n"),
     .requests = "GET /list\n"
                 "POST /heartbeat {\"port\":8002,\"id\":2}\n"},
    {.words = {"renew", "web", "--json"},
     BOTH("{\"version\":1,\"renewed\":[{\"port\":8002,\"id\":2,\"lease\":{\"port\":8002,\"service_name\":\"web\","
          "\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\","
          "\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":null,\"id\":2,\"uid\":0,\"user\":"
          "\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"}}]}\n"),
     .requests = "GET /list\n"
                 "POST /heartbeat {\"port\":8002,\"id\":2}\n"},
    {.words = {"renew", "web", "-q"},
     BOTH("8002\n"),
     .requests = "GET /list\n"
                 "POST /heartbeat {\"port\":8002,\"id\":2}\n"},
    {.words = {"renew", "web"},
     .directory = SCREEN_PROJECT,
     BOTH("Renewed port: 8006 (web, expires in 4m50s)\n"),
     .requests = "GET /list\n"
                 "POST /heartbeat {\"port\":8006,\"id\":6}\n"},
    {.words = {"renew", "web", "-g"},
     .directory = SCREEN_PROJECT,
     BOTH("Renewed port: 8002 (web, expires in 4m50s)\n"),
     .requests = "GET /list\n"
                 "POST /heartbeat {\"port\":8002,\"id\":2}\n"},
    {.words = {"renew", "web", "--project", SCREEN_PROJECT},
     BOTH("Renewed port: 8006 (web, expires in 4m50s)\n"),
     .requests = "GET /list\n"
                 "POST /heartbeat {\"port\":8006,\"id\":6}\n"},
    {.words = {"renew", "8001", "nobody"},
     .exit_code = EXIT_NO,
     .screen = "portctl: no lease has the name nobody\n"
               "  hint: portctl list shows all leases\n"
               "portctl: nothing was renewed\n",
     .output = "",
     .errors = "portctl: no lease has the name nobody\n"
               "  hint: portctl list shows all leases\n"
               "portctl: nothing was renewed\n",
     .requests = "GET /list\n"},
    {.words = {"release", "web"},
     BOTH("Released port: 8002 (web)\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"},
    {.words = {"release", "8001"},
     .screen = "Released port: 8001 (my-api)\n"
               "portctl: node (pid 47100, user root) still listens on [::1]:8001\n",
     .output = "Released port: 8001 (my-api)\n",
     .errors = "portctl: node (pid 47100, user root) still listens on [::1]:8001\n",
     .requests = "GET /list\n"
                 "POST /release {\"port\":8001,\"id\":1}\n"},
    {.words = {"release", "8002", "--json"},
     BOTH("{\"version\":1,\"released\":[{\"port\":8002,\"id\":2,\"service_name\":\"web\",\"listeners\":[]}]}\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"},
    {.words = {"release", "8002", "-q"},
     BOTH("8002\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"},
    {.words = {"release", "web"},
     .directory = SCREEN_PROJECT,
     BOTH("Released port: 8006 (web)\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8006,\"id\":6}\n"},
    {.words = {"release", "web", "-g"},
     .directory = SCREEN_PROJECT,
     BOTH("Released port: 8002 (web)\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"},
    {.words = {"release", "web", "--project", SCREEN_PROJECT},
     BOTH("Released port: 8006 (web)\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8006,\"id\":6}\n"},
    {.words = {"release", "web", "--all"},
     BOTH("Released port: 8002 (web)\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"},
    {.words = {"release", "web"},
     .portd = twice,
     .exit_code = EXIT_NO,
     .screen = "PORT  NAME  STATE      EXPIRES   GRANTED  USER\n"
               "8002  web   ○ waiting  in 4m50s  4m ago   0\n"
               "8008  web   ○ waiting  in 4m50s  4m ago   0\n"
               "portctl: web has 2 leases; nothing was released\n"
               "  hint: portctl release web --all, or portctl release 8002 for one of them\n",
     .output = "",
     .errors = "8002\tweb\tpending\t0\tttl\t2026-01-02T03:09:05.678Z\t<then>\t2\t-\t-\n"
               "8008\tweb\tpending\t0\tttl\t2026-01-02T03:09:05.678Z\t<then>\t8\t-\t-\n"
               "portctl: web has 2 leases; nothing was released\n"
               "  hint: portctl release web --all, or portctl release 8002 for one of them\n",
     .requests = "GET /list\n"},
    {.words = {"release", "web", "--all"},
     .portd = twice,
     .exit_code = EXIT_NOT_ALLOWED,
     .screen = "Released port: 8002 (web)\n"
               "portctl: port 8008 is leased to web (root)\n",
     .output = "Released port: 8002 (web)\n",
     .errors = "portctl: port 8008 is leased to web (root)\n",
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"
                 "POST /release {\"port\":8008,\"id\":8}\n"},
    {.words = {"release", "--all", "-y"},
     .portd = removed,
     .directory = SCREEN_PROJECT,
     .exit_code = EXIT_NO,
     .screen = "portctl: you have no lease here; f/x of this project has 2 leases\n"
               "  hint: portctl release @f/x --all\n",
     .output = "",
     .errors = "portctl: you have no lease here; f/x of this project has 2 leases\n"
               "  hint: portctl release @f/x --all\n",
     .requests = "GET /list\n"},
    {.words = {"release", "@f/x", "--all"},
     .portd = removed,
     .directory = SCREEN_PROJECT,
     BOTH("Released port: 8002 (web@f/x)\n"
          "Released port: 8008 (api@f/x)\n"),
     .requests = "GET /list\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"
                 "POST /release {\"port\":8008,\"id\":8}\n"},
    {.words = {"release", "--all", "--yes"},
     .screen = "Released port: 8001 (my-api)\n"
               "portctl: node (pid 47100, user root) still listens on [::1]:8001\n"
               "Released port: 8002 (web)\n"
               "Released port: 8003 (db)\n"
               "Released port: 8005 (docs)\n"
               "Released port: 8006 (web)\n",
     .output = "Released port: 8001 (my-api)\n"
               "Released port: 8002 (web)\n"
               "Released port: 8003 (db)\n"
               "Released port: 8005 (docs)\n"
               "Released port: 8006 (web)\n",
     .errors = "portctl: node (pid 47100, user root) still listens on [::1]:8001\n",
     .requests = "GET /list\n"
                 "POST /release {\"port\":8001,\"id\":1}\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"
                 "POST /release {\"port\":8003,\"id\":3}\n"
                 "POST /release {\"port\":8005,\"id\":5}\n"
                 "POST /release {\"port\":8006,\"id\":6}\n"},
    {.words = {"release", "--all"},
     .typed = "y\n",
     .screen = "PORT  NAME    STATE                  EXPIRES         GRANTED  USER  TAGS\n"
               "8001  my-api  ● in use               after use       4m ago   root  dev\n"
               "8002  web     ○ waiting              in 4m50s        4m ago   root  -\n"
               "8003  db      ✕ squatted             with pid 47001  4m ago   root  -\n"
               "8005  docs    ↷ in use, but on 5173  in 4m50s        4m ago   root  -\n"
               "8006  web     ● in use               in 4m50s        4m ago   root  shop\n"
               "Release these 5 leases? [y/N] y\n"
               "Released port: 8001 (my-api)\n"
               "portctl: node (pid 47100, user root) still listens on [::1]:8001\n"
               "Released port: 8002 (web)\n"
               "Released port: 8003 (db)\n"
               "Released port: 8005 (docs)\n"
               "Released port: 8006 (web)\n",
     .requests = "GET /list\n"
                 "POST /release {\"port\":8001,\"id\":1}\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"
                 "POST /release {\"port\":8003,\"id\":3}\n"
                 "POST /release {\"port\":8005,\"id\":5}\n"
                 "POST /release {\"port\":8006,\"id\":6}\n"},
    {.words = {"release", "--all", "--color", "always"},
     .typed = "n\n",
     .exit_code = EXIT_NO,
     .screen =
         "\033[2mPORT\033[0m  \033[2mNAME\033[0m    \033[2mSTATE\033[0m                  \033[2mEXPIRES\033[0m         "
         "\033[2mGRANTED\033[0m  \033[2mUSER\033[0m  \033[2mTAGS\033[0m\n"
         "\033[1m8001\033[0m  my-api  \033[32m● in use\033[0m               after use       4m ago   root  "
         "\033[2mdev\033[0m\n"
         "\033[1m8002\033[0m  web     ○ waiting              in 4m50s        4m ago   root  \033[2m-\033[0m\n"
         "\033[1m8003\033[0m  db      \033[1;31m✕ squatted\033[0m             with pid 47001  4m ago   root  "
         "\033[2m-\033[0m\n"
         "\033[1m8005\033[0m  docs    \033[33m↷ in use, but on 5173\033[0m  in 4m50s        4m ago   root  "
         "\033[2m-\033[0m\n"
         "\033[1m8006\033[0m  web     \033[32m● in use\033[0m               in 4m50s        4m ago   root  "
         "\033[2mshop\033[0m\n"
         "Release these 5 leases? [y/N] n\n"
         "\033[1mportctl:\033[0m nothing was released\n",
     .requests = "GET /list\n"},
    {.words = {"release", "--all"},
     .output = "Released port: 8001 (my-api)\n"
               "Released port: 8002 (web)\n"
               "Released port: 8003 (db)\n"
               "Released port: 8005 (docs)\n"
               "Released port: 8006 (web)\n",
     .errors = "portctl: node (pid 47100, user root) still listens on [::1]:8001\n",
     .requests = "GET /list\n"
                 "POST /release {\"port\":8001,\"id\":1}\n"
                 "POST /release {\"port\":8002,\"id\":2}\n"
                 "POST /release {\"port\":8003,\"id\":3}\n"
                 "POST /release {\"port\":8005,\"id\":5}\n"
                 "POST /release {\"port\":8006,\"id\":6}\n"},
    {.words = {"release", "--all", "--project", SCREEN_PROJECT, "--color", "always"},
     .output = "Released port: 8006 (web)\n",
     .requests = "GET /list\n"
                 "POST /release {\"port\":8006,\"id\":6}\n"},
};

const struct screen_table screens_leases = {"leases", cases, sizeof(cases) / sizeof(cases[0])};
