/* The screens of env and up, in a project and outside of one. */
#include "cli/problem.h"
#include "tests/support/screen.h"

static const struct fake_answer full[] = {
    {"GET /list", 200, "[]", 0, NULL},
    {"POST /alloc-all", 503,
     "{\"type\":\"urn:portmanager:problem:range-full\",\"detail\":\"No port from 8000 to 9000 is "
     "free.\",\"service_name\":\"db\",\"index\":1}",
     0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

#define LEFT(port, id, name, project)                                                                                  \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"id\":" id ",\"slot\":0,\"uid\":0,\"user\":\"root\",\"state\":" \
    "\"silent\",\"kept_by\":\"ttl\",\"holder\":null,\"project\":\"" project "\"}"
#define LEFT_GRANT(lease) "{\"leases\":[" lease "],\"n_reused\":1,\"notes\":[]}"
#define LEFT_WEB          LEFT("8006", "6", "web", SCREEN_PROJECT)
#define LEFT_DB           LEFT("8007", "7", "db", SCREEN_PROJECT)

/* A service was taken out of the file; the other two are another worktree's and another project's. */
static const struct fake_answer left[] = {
    {"POST /alloc-all", 200, "{\"grants\":[" LEFT_GRANT(LEFT_WEB) "," LEFT_GRANT(LEFT_DB) "]}", 0, NULL},
    {"GET /list", 200,
     "[" LEFT_WEB "," LEFT_DB "," LEFT("8009", "9", "mail", SCREEN_PROJECT) "," LEFT(
         "8011", "11", "mail@fix", SCREEN_PROJECT) "," LEFT("8012", "12", "queue", "/srv") "]",
     0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

static const struct screen_case cases[] = {
    {.words = {"env", "web:PORT"},
     BOTH("PORT=8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web:PORT", "--json"},
     BOTH("{\"version\":1,\"services\":[{\"service_name\":\"web\",\"variables\":{\"PORT\":8006},\"new\":true,"
          "\"leases\":[{\"port\":8006,\"service_name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,"
          "\"tags\":[\"shop\"],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,"
          "\"evidence\":null,\"project\":\"" SCREEN_PROJECT
          "\",\"id\":6,\"uid\":0,\"user\":\"root\",\"state\":\"bound\",\"kept_by\":\"ttl\"}]}],\"notes\":[]}\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "-q"},
     BOTH("8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "--export"},
     BOTH("export WEB_PORT=8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "--format", "dotenv"},
     BOTH("WEB_PORT=8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "--format", "json"},
     BOTH("{\"WEB_PORT\":8006}\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "--format", "fish"},
     BOTH("set -g WEB_PORT 8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "--export", "--format", "fish"},
     BOTH("set -gx WEB_PORT 8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_"
                 "pid\":N}]}\n"},
    {.words = {"env", "web", "--ttl", "2h"},
     BOTH("WEB_PORT=8006\n"),
     .requests = "POST /alloc-all "
                 "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_"
                 "seconds\":7200,\"asker_pid\":N}]}\n"},
    {.words = {"env", "web", "--project", SCREEN_PROJECT},
     BOTH("WEB_PORT=8006\n"),
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]}]}\n"},
    {.words = {"env"},
     .directory = SCREEN_PROJECT,
     BOTH("WEB_PORT=8006\n"
          "PGPORT=8007\n"),
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"},
    {.words = {"env", "--global"},
     .directory = SCREEN_PROJECT,
     BOTH("WEB_PORT=8006\n"
          "PGPORT=8007\n"),
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":"
         "86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{\"service_name\":\"db\","
         "\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"},
    {.words = {"env"},
     .exit_code = EXIT_USAGE,
     .screen = "portctl: env wants a name, for there is no portmanager.json here\n"
               "  hint: portctl env web db:DATABASE_PORT\n",
     .output = "",
     .errors = "portctl: env wants a name, for there is no portmanager.json here\n"
               "  hint: portctl env web db:DATABASE_PORT\n",
     .requests = ""},
    {.words = {"env", "web", "db"},
     .portd = full,
     .exit_code = EXIT_TAKEN,
     .screen = "portctl: no port from 8000 to 9000 is free\n"
               "  hint: that is about db; nothing was leased\n",
     .output = "",
     .errors = "portctl: no port from 8000 to 9000 is free\n"
               "  hint: that is about db; nothing was leased\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_pid\":N},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"asker_pid\":N}]}\n"},
    {.words = {"up"},
     .directory = SCREEN_PROJECT,
     .screen = "PORT  NAME  VARIABLE  LEASE\n"
               "8006  web   WEB_PORT  new\n"
               "8007  db    PGPORT    kept\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tnew\n"
               "8007\tdb\tPGPORT\tkept\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"
         "GET /list\n"},
    {.words = {"up", "--json"},
     .directory = SCREEN_PROJECT,
     BOTH("{\"version\":1,\"services\":[{\"service_name\":\"web\",\"variables\":{\"WEB_PORT\":8006},\"new\":true,"
          "\"leases\":[{\"port\":8006,\"service_name\":\"web\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,"
          "\"tags\":[\"shop\"],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,"
          "\"evidence\":null,\"project\":\"" SCREEN_PROJECT
          "\",\"id\":6,\"uid\":0,\"user\":\"root\",\"state\":\"bound\",\"kept_by\":\"ttl\"}]},{\"service_name\":\"db\","
          "\"variables\":{\"PGPORT\":8007},\"new\":false,\"leases\":[{\"port\":8007,\"service_name\":\"db\","
          "\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[],\"expires_at\":\"2026-01-02T03:09:05.678Z\","
          "\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,\"project\":\"" SCREEN_PROJECT
          "\",\"id\":7,\"uid\":0,\"user\":\"root\",\"state\":\"pending\",\"kept_by\":\"ttl\"}]}],\"notes\":[],\"env_"
          "file\":\"" SCREEN_PROJECT "/.env\",\"env_file_changed\":true,\"orphans\":[]}\n"),
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"
         "GET /list\n"},
    {.words = {"up", "-q"},
     .directory = SCREEN_PROJECT,
     BOTH("8006\n"
          "8007\n"),
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"},
    {.words = {"up", "web", "--ttl", "2h"},
     .directory = SCREEN_PROJECT,
     .screen = "PORT  NAME  VARIABLE  LEASE\n"
               "8006  web   WEB_PORT  new\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tnew\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":7200,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]}]}\n"},
    {.words = {"up", "-g"},
     .directory = SCREEN_PROJECT,
     .screen = "PORT  NAME  VARIABLE  LEASE\n"
               "8006  web   WEB_PORT  new\n"
               "8007  db    PGPORT    kept\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tnew\n"
               "8007\tdb\tPGPORT\tkept\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":"
         "86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{\"service_name\":\"db\","
         "\"count\":1,\"reuse\":true,\"reuse_held\":true,\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"},
    {.words = {"up", "web", "--project", SCREEN_PROJECT},
     .screen = "PORT  NAME  VARIABLE  LEASE\n"
               "8006  web   WEB_PORT  new\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tnew\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]}]}\n"},
    {.words = {"up", "--project", SCREEN_PROJECT},
     .screen = "PORT  NAME  VARIABLE  LEASE\n"
               "8006  web   WEB_PORT  new\n"
               "8007  db    PGPORT    kept\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tnew\n"
               "8007\tdb\tPGPORT\tkept\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"
         "GET /list\n"},
    {.words = {"up", "--color", "always"},
     .directory = SCREEN_PROJECT,
     .screen = "\033[2mPORT\033[0m  \033[2mNAME\033[0m  \033[2mVARIABLE\033[0m  \033[2mLEASE\033[0m\n"
               "\033[1m8006\033[0m  web   WEB_PORT  \033[32mnew\033[0m\n"
               "\033[1m8007\033[0m  db    PGPORT    \033[2mkept\033[0m\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tnew\n"
               "8007\tdb\tPGPORT\tkept\n",
     .requests =
         "POST /alloc-all "
         "{\"services\":[{\"service_name\":\"web\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":"
         "\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N,\"prefer\":[8006],\"sticky_first\":true,\"tags\":[\"shop\"]},{"
         "\"service_name\":\"db\",\"count\":1,\"reuse\":true,\"reuse_held\":true,\"project\":\"" SCREEN_PROJECT
         "\",\"ttl_seconds\":86400,\"asker_pid\":N}]}\n"
         "GET /list\n"},
    {.words = {"up"},
     .directory = SCREEN_PROJECT,
     .portd = left,
     .screen = "portctl: note: mail is not in portmanager.json, but this project has it leased: portctl release mail "
               "ends that\n"
               "PORT  NAME  VARIABLE  LEASE\n"
               "8006  web   WEB_PORT  kept\n"
               "8007  db    PGPORT    kept\n"
               "Wrote .env\n",
     .output = "8006\tweb\tWEB_PORT\tkept\n"
               "8007\tdb\tPGPORT\tkept\n",
     .errors = "portctl: note: mail is not in portmanager.json, but this project has it leased: portctl release mail "
               "ends that\n"},
    {.words = {"up", "wbe"},
     .directory = SCREEN_PROJECT,
     .exit_code = EXIT_NO,
     .screen = "portctl: portmanager.json has no service 'wbe'\n"
               "  hint: did you mean web?\n",
     .output = "",
     .errors = "portctl: portmanager.json has no service 'wbe'\n"
               "  hint: did you mean web?\n",
     .requests = ""},
    {.words = {"up"},
     .exit_code = EXIT_NO,
     .screen = "portctl: there is no portmanager.json here or in a folder above\n"
               "  hint: man portmanager.json shows one\n",
     .output = "",
     .errors = "portctl: there is no portmanager.json here or in a folder above\n"
               "  hint: man portmanager.json shows one\n",
     .requests = ""},
};

const struct screen_table screens_project = {"project", cases, sizeof(cases) / sizeof(cases[0])};
