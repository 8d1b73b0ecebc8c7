/* The screens of what looks at ports, and of what says whose a listener is. */
#include "cli/problem.h"
#include "tests/support/screen.h"

static const struct fake_answer nothing[] = {
    {"GET /history", 200, "{\"events\":[]}", 0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

#define EVENT_OF(id, kind, port, name, lease, reason)                                                                  \
    "{\"id\":" #id ",\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"" kind "\",\"port\":" port                         \
    ",\"service_name\":\"" name "\",\"lease_id\":" lease ",\"uid\":0,\"user\":\"root\",\"reason\":" reason "}"
#define AGAIN(id, port, name, lease) EVENT_OF(id, "lease.renewed", port, name, lease, "\"It was asked for again.\"")
#define AGAIN_ROW(id, what)                                                                                            \
    "2026-01-02T03:04:05.678Z\tlease.renewed\t" what "\t-\t-\troot\t-\t-\t" #id "\tIt was asked for again.\n"

/* Two leases; one is asked for three times. */
static const struct fake_answer again[] = {
    {"GET /history", 200,
     "{\"events\":[" EVENT_OF(40, "lease.granted", "8001", "my-api", "3", "null") "," AGAIN(
         41, "8001", "my-api", "3") "," AGAIN(42, "8001", "my-api", "3") "," AGAIN(43, "8002", "web",
                                                                                   "4") "," AGAIN(44, "8001", "my-api",
                                                                                                  "3") "]}",
     0, NULL},
    {NULL, 0, NULL, 0, NULL},
};

/* It hangs up. */
static const struct fake_answer no_portd[] = {{"GET /", 0, NULL, 0, NULL}, {NULL, 0, NULL, 0, NULL}};

static const struct screen_case cases[] = {
    {.words = {"who", "8003"},
     .screen = "8003  ✕ SQUATTED: leased to db (root), but python3 (pid 48213) listens on it\n"
               "  lease   db, root, granted 4m ago; its holder (pid 47001) lives but does not\n"
               "          listen\n"
               "  bound   python3 -m http.server 8003, bob, in ~/demo, on 127.0.0.1:8003 since\n"
               "          4m ago\n"
               "  whose   not the lease's: it was there before the lease\n"
               "  why     systemd(1) > bash(48101) > python3(48213)\n"
               "  next    portctl alloc db --prefer 8004    another port for db\n"
               "          portctl stop 8003                 stops python3\n",
     .output = "8003\t127.0.0.1\tlisten\tdb\tforeign\tpython3\t48213\tbob\t1000\t-\t-\t<then>\t4242\t123456\tpython3 "
               "-m http.server 8003\n",
     .requests = "GET /who?port=8003\n"},
    {.words = {"who"},
     .screen = "PORT  ADDRESS    STATE        PROCESS    PID  USER  UNIT         SINCE\n"
               "8001  ::1        ● my-api     node     47100  root  api.service  4m ago\n"
               "8003  127.0.0.1  ✕ squats db  python3  48213  bob   -            4m ago\n"
               "8010  0.0.0.0    listens      ruby     48214  bob   -            4m ago\n",
     .requests = "GET /ports\n"
                 "GET /squatters\n"},
    {.words = {"who"},
     .output = "8001\t::1\tlisten\tmy-api\tconfirmed\tnode\t47100\troot\t0\tapi.service\t-\t<then>\t4242\t123455\tnode "
               "server.js\n"
               "8003\t127.0.0.1\tlisten\tdb\tforeign\tpython3\t48213\tbob\t1000\t-\t-\t<then>\t4242\t123456\tpython3 "
               "-m http.server 8003\n"
               "8010\t0.0.0.0\tlisten\t-\t-\truby\t48214\tbob\t1000\t-\t-\t<then>\t4242\t-\t-\n",
     .requests = "GET /ports\n"},
    {.words = {"who", "8003", "--json"},
     BOTH(
         "{\"version\":1,\"who\":[{\"port\":8003,\"state\":\"conflict\",\"verdict\":\"Port 8003 is squatted: it is "
         "leased to db (root), but python3 (pid 48213) listens on "
         "it.\",\"lease\":{\"port\":8003,\"service_name\":\"db\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,"
         "\"tags\":[],\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,\"holder\":{\"pid\":47001},"
         "\"conflict\":\"taken\",\"id\":3,\"uid\":0,\"user\":\"root\",\"state\":\"conflict\",\"kept_by\":\"holder\"},"
         "\"listeners\":[{\"address\":\"127.0.0.1\",\"port\":8003,\"state\":\"listen\",\"inode\":4242,\"uid\":1000,"
         "\"user\":\"bob\",\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":null,\"hidden\":"
         "null,\"pid\":48213,\"process\":\"python3\",\"unit\":null,\"service_name\":\"db\",\"owners\":[{\"pid\":48213,"
         "\"start_time\":123456,\"uid\":1000,\"user\":\"bob\",\"process\":\"python3\",\"command\":\"python3 -m "
         "http.server "
         "8003\",\"directory\":\"/tmp/portmanager-test/home/"
         "demo\",\"parents\":[{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],\"unit\":null,"
         "\"container\":null}],\"evidence\":{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the "
         "lease\"}}],\"findings\":[{\"kind\":\"taken\"}],\"next\":[{\"command\":\"portctl alloc db --prefer "
         "8004\",\"why\":\"another port for db\"},{\"command\":\"portctl stop 8003\",\"why\":\"stops python3\"}]}]}\n"),
     .requests = "GET /who?port=8003\n"},
    {.words = {"who", "--json"},
     BOTH(
         "{\"version\":1,\"generation\":1,\"ports\":[{\"address\":\"::1\",\"port\":8001,\"state\":\"listen\",\"inode\":"
         "4242,\"uid\":0,\"user\":\"root\",\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":"
         "null,\"hidden\":null,\"pid\":47100,\"process\":\"node\",\"unit\":\"api.service\",\"service_name\":\"my-api\","
         "\"owners\":[{\"pid\":47100,\"start_time\":123455,\"uid\":0,\"user\":\"root\",\"process\":\"node\","
         "\"command\":\"node "
         "server.js\",\"directory\":\"/srv/"
         "api\",\"parents\":[{\"pid\":1,\"process\":\"systemd\"}],\"unit\":\"api.service\",\"container\":null}],"
         "\"evidence\":{\"level\":\"confirmed\",\"by\":\"x\",\"words\":\"the holder started "
         "it\"}},{\"address\":\"127.0.0.1\",\"port\":8003,\"state\":\"listen\",\"inode\":4242,\"uid\":1000,\"user\":"
         "\"bob\",\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":null,\"hidden\":null,"
         "\"pid\":48213,\"process\":\"python3\",\"unit\":null,\"service_name\":\"db\",\"owners\":[{\"pid\":48213,"
         "\"start_time\":123456,\"uid\":1000,\"user\":\"bob\",\"process\":\"python3\",\"command\":\"python3 -m "
         "http.server "
         "8003\",\"directory\":\"/tmp/portmanager-test/home/"
         "demo\",\"parents\":[{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],\"unit\":null,"
         "\"container\":null}],\"evidence\":{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the "
         "lease\"}},{\"address\":\"0.0.0.0\",\"port\":8010,\"state\":\"listen\",\"inode\":4242,\"uid\":1000,\"user\":"
         "\"bob\",\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":null,\"hidden\":null,"
         "\"pid\":48214,\"process\":\"ruby\",\"unit\":null,\"service_name\":null,\"owners\":[],\"evidence\":null}]}\n"),
     .requests = "GET /ports\n"},
    {.words = {"who", "-q"},
     BOTH("8001\n"
          "8003\n"
          "8010\n"),
     .requests = "GET /ports\n"},
    {.words = {"who", "8003", "--color", "always"},
     .screen =
         "\033[1m8003\033[0m \033[1;31m ✕\033[0m\033[1;31m SQUATTED:\033[0m leased to db (root), but python3 (pid "
         "48213) listens on it\n"
         "  \033[2mlease   \033[0mdb, root, granted 4m ago; its holder (pid 47001) lives but does not\n"
         "          listen\n"
         "  \033[2mbound   \033[0m\033[1mpython3 -m http.server 8003,\033[0m bob, in ~/demo, on 127.0.0.1:8003 since\n"
         "          4m ago\n"
         "  \033[2mwhose   \033[0mnot the lease's: it was there before the lease\n"
         "  \033[2mwhy     \033[0msystemd(1) > bash(48101) >\033[1m python3(48213)\033[0m\n"
         "  \033[2mnext    \033[0m\033[1mportctl alloc db --prefer 8004\033[0m    \033[2manother port for db\033[0m\n"
         "  \033[2m        \033[0m\033[1mportctl stop 8003\033[0m                 \033[2mstops python3\033[0m\n",
     .output = "8003\t127.0.0.1\tlisten\tdb\tforeign\tpython3\t48213\tbob\t1000\t-\t-\t<then>\t4242\t123456\tpython3 "
               "-m http.server 8003\n",
     .requests = "GET /who?port=8003\n"},
    {.words = {"who", "--color", "always"},
     .screen = "\033[2mPORT\033[0m  \033[2mADDRESS\033[0m    \033[2mSTATE\033[0m        \033[2mPROCESS\033[0m    "
               "\033[2mPID\033[0m  \033[2mUSER\033[0m  \033[2mUNIT\033[0m         \033[2mSINCE\033[0m\n"
               "\033[1m8001\033[0m  ::1        \033[32m● my-api\033[0m     node     47100  root  "
               "\033[2mapi.service\033[0m  \033[2m4m ago\033[0m\n"
               "\033[1m8003\033[0m  127.0.0.1  \033[1;31m✕ squats db\033[0m  python3  48213  bob   \033[2m-\033[0m     "
               "       \033[2m4m ago\033[0m\n"
               "\033[1m8010\033[0m  0.0.0.0    \033[2mlistens\033[0m      ruby     48214  bob   \033[2m-\033[0m        "
               "    \033[2m4m ago\033[0m\n",
     .requests = "GET /ports\n"
                 "GET /squatters\n"},
    {.words = {"who", "--color", "always"},
     .output = "8001\t::1\tlisten\tmy-api\tconfirmed\tnode\t47100\troot\t0\tapi.service\t-\t<then>\t4242\t123455\tnode "
               "server.js\n"
               "8003\t127.0.0.1\tlisten\tdb\tforeign\tpython3\t48213\tbob\t1000\t-\t-\t<then>\t4242\t123456\tpython3 "
               "-m http.server 8003\n"
               "8010\t0.0.0.0\tlisten\t-\t-\truby\t48214\tbob\t1000\t-\t-\t<then>\t4242\t-\t-\n",
     .requests = "GET /ports\n"},
    {.words = {"who", "9"},
     .exit_code = EXIT_NO,
     .screen = "9  ○ FREE: nobody listens on it\n",
     .output = "",
     .errors = "portctl: nobody listens on port 9\n",
     .requests = "GET /who?port=9\n"},
    {.words = {"squatters"},
     .screen = "PORT  KIND        LEASE  PROCESS    PID  USER  ADDRESS    SINCE\n"
               "8003  ✕ squatted  db     python3  48213  bob   127.0.0.1  4m ago\n"
               "8009  ! unleased  -      -            -  -     -          4m ago\n"
               "portctl who PORT explains one of them.\n"
               "1 ignored: portctl squatters --all\n",
     .output = "8003\ttaken\t127.0.0.1\tpython3\t48213\tbob\tdb\troot\t<then>\tTaken.\n"
               "8009\tunleased\t-\t-\t-\t-\t-\t-\t<then>\tUnleased.\n",
     .errors = "1 ignored: portctl squatters --all\n",
     .requests = "GET /squatters\n"},
    {.words = {"squatters", "--json"},
     BOTH("{\"version\":1,\"squatters\":[{\"kind\":\"taken\",\"port\":8003,\"since\":\"<then>\",\"verdict\":\"Taken.\","
          "\"lease\":{\"port\":8003,\"service_name\":\"db\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[]"
          ",\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,\"holder\":{\"pid\":47001},\"conflict\":"
          "\"taken\",\"id\":3,\"uid\":0,\"user\":\"root\",\"state\":\"conflict\",\"kept_by\":\"holder\"},\"listeners\":"
          "[{\"address\":\"127.0.0.1\",\"port\":8003,\"state\":\"listen\",\"inode\":4242,\"uid\":1000,\"user\":\"bob\","
          "\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":null,\"hidden\":null,\"pid\":48213,"
          "\"process\":\"python3\",\"unit\":null,\"service_name\":\"db\",\"owners\":[{\"pid\":48213,\"start_time\":"
          "123456,\"uid\":1000,\"user\":\"bob\",\"process\":\"python3\",\"command\":\"python3 -m http.server "
          "8003\",\"directory\":\"/tmp/portmanager-test/home/"
          "demo\",\"parents\":[{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],\"unit\":null,"
          "\"container\":null}],\"evidence\":{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the "
          "lease\"}}],\"ignored\":false},{\"kind\":\"unleased\",\"port\":8009,\"since\":\"<then>\",\"verdict\":"
          "\"Unleased.\",\"lease\":null,\"listeners\":[],\"ignored\":false}]}\n"),
     .requests = "GET /squatters\n"},
    {.words = {"squatters", "-q"},
     BOTH("8003\n"
          "8009\n"),
     .requests = "GET /squatters\n"},
    {.words = {"squatters", "--all"},
     .screen = "PORT  KIND        LEASE  PROCESS    PID  USER  ADDRESS    SINCE\n"
               "8003  ✕ squatted  db     python3  48213  bob   127.0.0.1  4m ago\n"
               "8009  ! unleased  -      -            -  -     -          4m ago\n"
               "8010  ! unleased  -      ruby     48214  bob   0.0.0.0    4m ago\n"
               "portctl who PORT explains one of them.\n",
     .output = "8003\ttaken\t127.0.0.1\tpython3\t48213\tbob\tdb\troot\t<then>\tTaken.\n"
               "8009\tunleased\t-\t-\t-\t-\t-\t-\t<then>\tUnleased.\n"
               "8010\tunleased\t0.0.0.0\truby\t48214\tbob\t-\t-\t<then>\tKnown.\n",
     .requests = "GET /squatters\n"},
    {.words = {"squatters", "--color", "always"},
     .screen = "\033[2mPORT\033[0m  \033[2mKIND\033[0m        \033[2mLEASE\033[0m  \033[2mPROCESS\033[0m    "
               "\033[2mPID\033[0m  \033[2mUSER\033[0m  \033[2mADDRESS\033[0m    \033[2mSINCE\033[0m\n"
               "\033[1m8003\033[0m  \033[1;31m✕ squatted\033[0m  db     python3  48213  bob   127.0.0.1  \033[2m4m "
               "ago\033[0m\n"
               "\033[1m8009\033[0m  \033[33m! unleased\033[0m  -      \033[2m-\033[0m            -  -     -          "
               "\033[2m4m ago\033[0m\n"
               "portctl who PORT explains one of them.\n"
               "1 ignored: portctl squatters --all\n",
     .output = "8003\ttaken\t127.0.0.1\tpython3\t48213\tbob\tdb\troot\t<then>\tTaken.\n"
               "8009\tunleased\t-\t-\t-\t-\t-\t-\t<then>\tUnleased.\n",
     .errors = "1 ignored: portctl squatters --all\n",
     .requests = "GET /squatters\n"},
    {.words = {"conflicts"},
     .exit_code = EXIT_NO,
     .screen = "PORT  KIND        LEASE  PROCESS    PID  USER  ADDRESS    SINCE\n"
               "8003  ✕ squatted  db     python3  48213  bob   127.0.0.1  4m ago\n"
               "portctl who PORT explains one of them.\n"
               "1 ignored: portctl conflicts --all\n",
     .output = "8003\ttaken\t127.0.0.1\tpython3\t48213\tbob\tdb\troot\t<then>\tTaken.\n",
     .errors = "1 ignored: portctl conflicts --all\n",
     .requests = "GET /conflicts\n"},
    {.words = {"conflicts", "--json"},
     .exit_code = EXIT_NO,
     BOTH("{\"version\":1,\"conflicts\":[{\"kind\":\"taken\",\"port\":8003,\"since\":\"<then>\",\"verdict\":\"Taken.\","
          "\"lease\":{\"port\":8003,\"service_name\":\"db\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[]"
          ",\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,\"holder\":{\"pid\":47001},\"conflict\":"
          "\"taken\",\"id\":3,\"uid\":0,\"user\":\"root\",\"state\":\"conflict\",\"kept_by\":\"holder\"},\"listeners\":"
          "[{\"address\":\"127.0.0.1\",\"port\":8003,\"state\":\"listen\",\"inode\":4242,\"uid\":1000,\"user\":\"bob\","
          "\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":null,\"hidden\":null,\"pid\":48213,"
          "\"process\":\"python3\",\"unit\":null,\"service_name\":\"db\",\"owners\":[{\"pid\":48213,\"start_time\":"
          "123456,\"uid\":1000,\"user\":\"bob\",\"process\":\"python3\",\"command\":\"python3 -m http.server "
          "8003\",\"directory\":\"/tmp/portmanager-test/home/"
          "demo\",\"parents\":[{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],\"unit\":null,"
          "\"container\":null}],\"evidence\":{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the "
          "lease\"}}],\"ignored\":false}]}\n"),
     .requests = "GET /conflicts\n"},
    {.words = {"conflicts", "-q"}, .exit_code = EXIT_NO, BOTH("8003\n"), .requests = "GET /conflicts\n"},
    {.words = {"conflicts", "--all"},
     .exit_code = EXIT_NO,
     .screen = "PORT  KIND        LEASE   PROCESS    PID  USER  ADDRESS    SINCE\n"
               "8001  ⇄ shared    my-api  node     47100  root  ::1        4m ago\n"
               "8003  ✕ squatted  db      python3  48213  bob   127.0.0.1  4m ago\n"
               "portctl who PORT explains one of them.\n",
     .output = "8001\tshared\t::1\tnode\t47100\troot\tmy-api\troot\t<then>\tShared.\n"
               "8003\ttaken\t127.0.0.1\tpython3\t48213\tbob\tdb\troot\t<then>\tTaken.\n",
     .requests = "GET /conflicts\n"},
    {.words = {"conflicts", "--color", "always"},
     .exit_code = EXIT_NO,
     .screen = "\033[2mPORT\033[0m  \033[2mKIND\033[0m        \033[2mLEASE\033[0m  \033[2mPROCESS\033[0m    "
               "\033[2mPID\033[0m  \033[2mUSER\033[0m  \033[2mADDRESS\033[0m    \033[2mSINCE\033[0m\n"
               "\033[1m8003\033[0m  \033[1;31m✕ squatted\033[0m  db     python3  48213  bob   127.0.0.1  \033[2m4m "
               "ago\033[0m\n"
               "portctl who PORT explains one of them.\n"
               "1 ignored: portctl conflicts --all\n",
     .output = "8003\ttaken\t127.0.0.1\tpython3\t48213\tbob\tdb\troot\t<then>\tTaken.\n",
     .errors = "1 ignored: portctl conflicts --all\n",
     .requests = "GET /conflicts\n"},
    {.words = {"claim", "8001", "my-api"},
     BOTH("Claimed port: 8001 (my-api, kept while its port listens)\n"),
     .requests = "POST /claim {\"port\":8001,\"service_name\":\"my-api\"}\n"},
    {.words = {"claim", "8001"},
     BOTH("Confirmed port: 8001 (my-api, kept while its port listens)\n"),
     .requests = "POST /claim {\"port\":8001}\n"},
    {.words = {"claim", "8001", "--json"},
     BOTH("{\"version\":1,\"port\":8001,\"lease\":{\"port\":8001,\"service_name\":\"my-api\",\"allocated_at\":\"<then>"
          "\",\"ttl_seconds\":300,\"tags\":[\"dev\"],\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,"
          "\"holder\":null,\"id\":1,\"uid\":0,\"user\":\"root\",\"state\":\"bound\",\"kept_by\":\"listener\"},"
          "\"created\":false,\"listeners\":[]}\n"),
     .requests = "POST /claim {\"port\":8001}\n"},
    {.words = {"claim", "8001", "-q"}, BOTH("8001\n"), .requests = "POST /claim {\"port\":8001}\n"},
    {.words = {"claim", "8001", "--pid", "47100"},
     BOTH("Confirmed port: 8001 (my-api, kept while its port listens)\n"),
     .requests = "POST /claim {\"port\":8001,\"pid\":47100}\n"},
    {.words = {"disown", "8003"},
     .screen = "portctl: python3 (pid 48213, user bob) still listens on 127.0.0.1:8003\n"
               "Disowned port: 8003 (db, kept while pid 47001 lives)\n",
     .output = "Disowned port: 8003 (db, kept while pid 47001 lives)\n",
     .errors = "portctl: python3 (pid 48213, user bob) still listens on 127.0.0.1:8003\n",
     .requests = "POST /disown {\"port\":8003}\n"},
    {.words = {"disown", "8003", "--json"},
     BOTH("{\"version\":1,\"port\":8003,\"lease\":{\"port\":8003,\"service_name\":\"db\",\"allocated_at\":\"<then>\","
          "\"ttl_seconds\":300,\"tags\":[],\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,\"holder\":"
          "{\"pid\":47001},\"conflict\":\"taken\",\"id\":3,\"uid\":0,\"user\":\"root\",\"state\":\"conflict\",\"kept_"
          "by\":\"holder\"},\"listeners\":[{\"address\":\"127.0.0.1\",\"port\":8003,\"state\":\"listen\",\"inode\":"
          "4242,\"uid\":1000,\"user\":\"bob\",\"since\":\"<then>\",\"since_start\":false,\"cgroup\":null,\"container\":"
          "null,\"hidden\":null,\"pid\":48213,\"process\":\"python3\",\"unit\":null,\"service_name\":\"db\",\"owners\":"
          "[{\"pid\":48213,\"start_time\":123456,\"uid\":1000,\"user\":\"bob\",\"process\":\"python3\",\"command\":"
          "\"python3 -m http.server "
          "8003\",\"directory\":\"/tmp/portmanager-test/home/"
          "demo\",\"parents\":[{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],\"unit\":null,"
          "\"container\":null}],\"evidence\":{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the "
          "lease\"}}]}\n"),
     .requests = "POST /disown {\"port\":8003}\n"},
    {.words = {"disown", "8003", "-q"}, BOTH("8003\n"), .requests = "POST /disown {\"port\":8003}\n"},
    {.words = {"disown", "8003", "--pid", "48213"},
     .screen = "portctl: python3 (pid 48213, user bob) still listens on 127.0.0.1:8003\n"
               "Disowned port: 8003 (db, kept while pid 47001 lives)\n",
     .output = "Disowned port: 8003 (db, kept while pid 47001 lives)\n",
     .errors = "portctl: python3 (pid 48213, user bob) still listens on 127.0.0.1:8003\n",
     .requests = "POST /disown {\"port\":8003,\"pid\":48213}\n"},
    {.words = {"ignore", "8010"},
     BOTH("Ignored port: 8010 (ruby)\n"),
     .requests = "POST /ignore {\"port\":8010,\"ignored\":true}\n"},
    {.words = {"ignore", "8010", "--json"},
     BOTH("{\"version\":1,\"port\":8010,\"ignored\":true,\"findings\":[{\"kind\":\"unleased\",\"port\":8010,\"since\":"
          "\"<then>\",\"verdict\":\"Known.\",\"lease\":null,\"listeners\":[{\"address\":\"0.0.0.0\",\"port\":8010,"
          "\"state\":\"listen\",\"inode\":4242,\"uid\":1000,\"user\":\"bob\",\"since\":\"<then>\",\"since_start\":"
          "false,\"cgroup\":null,\"container\":null,\"hidden\":null,\"pid\":48214,\"process\":\"ruby\",\"unit\":null,"
          "\"service_name\":null,\"owners\":[],\"evidence\":null}],\"ignored\":true}]}\n"),
     .requests = "POST /ignore {\"port\":8010,\"ignored\":true}\n"},
    {.words = {"ignore", "8010", "-q"}, BOTH("8010\n"), .requests = "POST /ignore {\"port\":8010,\"ignored\":true}\n"},
    {.words = {"ignore", "8010", "--undo"},
     BOTH("No longer ignored port: 8010 (ruby)\n"),
     .requests = "POST /ignore {\"port\":8010,\"ignored\":false}\n"},
    {.words = {"free"},
     .screen = "8000\n"
               "8007-8009\n"
               "8011-8014\n"
               "8017-8020\n"
               "A hint, not a promise: portctl alloc NAME takes one.\n",
     .output = "8000\n"
               "8007\n"
               "8008\n"
               "8009\n"
               "8011\n"
               "8012\n"
               "8013\n"
               "8014\n"
               "8017\n"
               "8018\n"
               "8019\n"
               "8020\n",
     .requests = "GET /snapshot\n"},
    {.words = {"free", "8000-8005", "--json"},
     BOTH("{\"version\":1,\"range\":{\"min\":8000,\"max\":8005},\"ports\":[8000]}\n"),
     .requests = "GET /snapshot\n"},
    {.words = {"free", "8000-8012", "-q"},
     BOTH("8000\n"
          "8007\n"
          "8008\n"
          "8009\n"
          "8011\n"
          "8012\n"),
     .requests = "GET /snapshot\n"},
    {.words = {"free", "--count", "2"},
     .screen = "8000\n"
               "8007\n"
               "A hint, not a promise: portctl alloc NAME takes one.\n",
     .output = "8000\n"
               "8007\n",
     .requests = "GET /snapshot\n"},
    {.words = {"free", "8001"},
     .exit_code = EXIT_TAKEN,
     .screen = "portctl: port 8001 is not free\n"
               "  hint: portctl who 8001\n",
     .output = "",
     .errors = "portctl: port 8001 is not free\n"
               "  hint: portctl who 8001\n",
     .requests = "GET /snapshot\n"},
    {.words = {"history"},
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ● opened    8001   my-api: node (pid 47100) of root on ::1\n"
               "2026-01-02 03:04:05  ✕ squatted  8003   db: python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8001\tmy-api\tnode\t47100\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\tpython3\t48213\troot\t-\ttaken\t42\tpython3 "
               "(pid 48213) of bob listens on it, which does not belong to the lease.\n",
     .requests = "GET /history\n"},
    {.words = {"history", "--json"},
     BOTH("{\"version\":1,\"events\":[{\"id\":40,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"lease.granted\","
          "\"port\":8001,\"service_name\":\"my-api\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"reason\":null},{"
          "\"id\":41,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"listener.opened\",\"port\":8001,\"service_name\":"
          "\"my-api\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"pid\":47100,\"process\":\"node\",\"address\":\"::"
          "1\"},{\"id\":42,\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"squatter.appeared\",\"port\":8003,\"service_"
          "name\":\"db\",\"lease_id\":3,\"uid\":0,\"user\":\"root\",\"finding\":\"taken\",\"pid\":48213,\"process\":"
          "\"python3\",\"reason\":\"python3 (pid 48213) of bob listens on it, which does not belong to the "
          "lease.\"}]}\n"),
     .requests = "GET /history\n"},
    {.words = {"history", "8003", "-q"},
     BOTH("8001\n"
          "8001\n"
          "8003\n"),
     .requests = "GET /history?port=8003\n"},
    {.words = {"history", "--color", "always"},
     .screen = "\033[2m2026-01-02 03:04:05\033[0m  ○ granted   \033[1m8001\033[0m   \033[1mmy-api:\033[0m to root\n"
               "\033[2m2026-01-02 03:04:05\033[0m  \033[32m● opened\033[0m    \033[1m8001\033[0m   "
               "\033[1mmy-api:\033[0m node (pid 47100) of root on ::1\n"
               "\033[2m2026-01-02 03:04:05\033[0m  \033[1;31m✕ squatted\033[0m  \033[1m8003\033[0m   \033[1mdb:\033[0m "
               "python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8001\tmy-api\tnode\t47100\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\tpython3\t48213\troot\t-\ttaken\t42\tpython3 "
               "(pid 48213) of bob listens on it, which does not belong to the lease.\n",
     .requests = "GET /history\n"},
    {.words = {"history", "db", "--since", "2026-01-02T03:04:05Z"},
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ● opened    8001   my-api: node (pid 47100) of root on ::1\n"
               "2026-01-02 03:04:05  ✕ squatted  8003   db: python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8001\tmy-api\tnode\t47100\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\tpython3\t48213\troot\t-\ttaken\t42\tpython3 "
               "(pid 48213) of bob listens on it, which does not belong to the lease.\n",
     .requests = "GET /history?service=db&since=2026-01-02T03%3A04%3A05Z\n"},
    {.words = {"history", "--limit", "5"},
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ● opened    8001   my-api: node (pid 47100) of root on ::1\n"
               "2026-01-02 03:04:05  ✕ squatted  8003   db: python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8001\tmy-api\tnode\t47100\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\tpython3\t48213\troot\t-\ttaken\t42\tpython3 "
               "(pid 48213) of bob listens on it, which does not belong to the lease.\n",
     .requests = "GET /history?limit=5\n"},
    {.words = {"history", "db", "-g"},
     .directory = SCREEN_PROJECT,
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ● opened    8001   my-api: node (pid 47100) of root on ::1\n"
               "2026-01-02 03:04:05  ✕ squatted  8003   db: python3 (pid 48213) of bob listens\n"
               "          on it, which does not belong to the lease.\n",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\troot\t-\t-\t40\t-\n"
               "2026-01-02T03:04:05.678Z\tlistener.opened\t8001\tmy-api\tnode\t47100\troot\t::1\t-\t41\t-\n"
               "2026-01-02T03:04:05.678Z\tsquatter.appeared\t8003\tdb\tpython3\t48213\troot\t-\ttaken\t42\tpython3 "
               "(pid 48213) of bob listens on it, which does not belong to the lease.\n",
     .requests = "GET /history?service=db\n"},
    {.words = {"history"},
     .portd = again,
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ○ renewed   8002   web: It was asked for again.\n"
               "2026-01-02 03:04:05  ○ renewed   8001   my-api: It was asked for again.\n"
               "2 more times a lease was asked for again; portctl history -v shows each.\n",
     .output = "2026-01-02T03:04:05.678Z\tlease.granted\t8001\tmy-api\t-\t-\troot\t-\t-\t40\t-\n" AGAIN_ROW(
         41, "8001\tmy-api") AGAIN_ROW(42, "8001\tmy-api") AGAIN_ROW(43, "8002\tweb") AGAIN_ROW(44, "8001\tmy-api")},
    {.words = {"history", "a b"},
     .portd = again,
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ○ renewed   8002   web: It was asked for again.\n"
               "2026-01-02 03:04:05  ○ renewed   8001   my-api: It was asked for again.\n"
               "2 more times a lease was asked for again; portctl history -v 'a b' shows each.\n"},
    {.words = {"history", "-v"},
     .portd = again,
     .screen = "2026-01-02 03:04:05  ○ granted   8001   my-api: to root\n"
               "2026-01-02 03:04:05  ○ renewed   8001   my-api: It was asked for again.\n"
               "2026-01-02 03:04:05  ○ renewed   8001   my-api: It was asked for again.\n"
               "2026-01-02 03:04:05  ○ renewed   8002   web: It was asked for again.\n"
               "2026-01-02 03:04:05  ○ renewed   8001   my-api: It was asked for again.\n"},
    {.words = {"history", "nobody"},
     .portd = nothing,
     .screen = "Nothing has happened to nobody.\n",
     .output = "",
     .requests = "GET /history?service=nobody\n"},
    {.words = {"status"},
     .screen = "portd is running\n"
               "  version    0.1.0\n"
               "  pid        4711\n"
               "  uid        0\n"
               "  up         1h02m\n"
               "  addresses  127.0.0.1:3030, [::1]:3030\n"
               "  socket     /run/portmanager/portd.sock\n"
               "  database   /var/lib/portmanager/portd.db\n"
               "  range      8000-9000, 6 of 1001 ports leased\n"
               "  excluded   8080, 8443\n"
               "  leases     6\n"
               "  kernel     does not show sockets that are bound and do not listen (Linux 6.8\n"
               "             does)\n"
               "portctl: note: the disk is nearly full\n",
     .output = "version\t0.1.0\n"
               "pid\t4711\n"
               "uid\t0\n"
               "uptime_seconds\t3725\n"
               "addresses\t127.0.0.1:3030, [::1]:3030\n"
               "socket\t/run/portmanager/portd.sock\n"
               "database\t/var/lib/portmanager/portd.db\n"
               "range\t8000-9000\n"
               "excluded\t8080, 8443\n"
               "n_leases\t6\n"
               "n_leased_in_range\t6\n"
               "sees_bound_sockets\tfalse\n",
     .errors = "portctl: note: the disk is nearly full\n",
     .requests = "GET /status\n"},
    {.words = {"status", "--json"},
     BOTH("{\"version\":1,\"portd\":{\"version\":\"0.1.0\",\"pid\":4711,\"uid\":0,\"uptime_seconds\":3725,\"range\":{"
          "\"min\":8000,\"max\":9000},\"excluded\":[8080,8443],\"addresses\":[\"127.0.0.1:3030\",\"[::1]:3030\"],"
          "\"socket\":\"/run/portmanager/portd.sock\",\"database\":\"/var/lib/portmanager/"
          "portd.db\",\"n_leases\":6,\"n_leased_in_range\":6,\"sees_bound_sockets\":false,\"warnings\":[\"the disk is "
          "nearly full\"]}}\n"),
     .requests = "GET /status\n"},
    {.words = {"status", "-q"},
     .screen = "portctl: note: the disk is nearly full\n",
     .output = "",
     .errors = "portctl: note: the disk is nearly full\n",
     .requests = "GET /status\n"},
    {.words = {"status", "--color", "always"},
     .screen = "portd is running\n"
               "  \033[2mversion   \033[0m 0.1.0\n"
               "  \033[2mpid       \033[0m 4711\n"
               "  \033[2muid       \033[0m 0\n"
               "  \033[2mup        \033[0m 1h02m\n"
               "  \033[2maddresses \033[0m 127.0.0.1:3030, [::1]:3030\n"
               "  \033[2msocket    \033[0m /run/portmanager/portd.sock\n"
               "  \033[2mdatabase  \033[0m /var/lib/portmanager/portd.db\n"
               "  \033[2mrange     \033[0m 8000-9000, 6 of 1001 ports leased\n"
               "  \033[2mexcluded  \033[0m 8080, 8443\n"
               "  \033[2mleases    \033[0m 6\n"
               "  \033[2mkernel    \033[0m does not show sockets that are bound and do not listen (Linux 6.8\n"
               "             does)\n"
               "\033[1mportctl:\033[0m note: the disk is nearly full\n",
     .output = "version\t0.1.0\n"
               "pid\t4711\n"
               "uid\t0\n"
               "uptime_seconds\t3725\n"
               "addresses\t127.0.0.1:3030, [::1]:3030\n"
               "socket\t/run/portmanager/portd.sock\n"
               "database\t/var/lib/portmanager/portd.db\n"
               "range\t8000-9000\n"
               "excluded\t8080, 8443\n"
               "n_leases\t6\n"
               "n_leased_in_range\t6\n"
               "sees_bound_sockets\tfalse\n",
     .errors = "\033[1mportctl:\033[0m note: the disk is nearly full\n",
     .requests = "GET /status\n"},
    {.words = {"status", "-v"},
     .screen = "portd is running\n"
               "  version    0.1.0\n"
               "  pid        4711\n"
               "  uid        0\n"
               "  up         1h02m\n"
               "  addresses  127.0.0.1:3030, [::1]:3030\n"
               "  socket     /run/portmanager/portd.sock\n"
               "  database   /var/lib/portmanager/portd.db\n"
               "  range      8000-9000, 6 of 1001 ports leased\n"
               "  excluded   8080, 8443\n"
               "  leases     6\n"
               "  kernel     does not show sockets that are bound and do not listen (Linux 6.8\n"
               "             does)\n"
               "portctl: note: the disk is nearly full\n",
     .output = "version\t0.1.0\n"
               "pid\t4711\n"
               "uid\t0\n"
               "uptime_seconds\t3725\n"
               "addresses\t127.0.0.1:3030, [::1]:3030\n"
               "socket\t/run/portmanager/portd.sock\n"
               "database\t/var/lib/portmanager/portd.db\n"
               "range\t8000-9000\n"
               "excluded\t8080, 8443\n"
               "n_leases\t6\n"
               "n_leased_in_range\t6\n"
               "sees_bound_sockets\tfalse\n",
     .errors = "portctl: note: the disk is nearly full\n",
     .requests = "GET /status\n"},
    {.words = {"status", "--socket", SCREEN_SOCKET},
     .screen = "portd is running\n"
               "  version    0.1.0\n"
               "  pid        4711\n"
               "  uid        0\n"
               "  up         1h02m\n"
               "  addresses  127.0.0.1:3030, [::1]:3030\n"
               "  socket     /run/portmanager/portd.sock\n"
               "  database   /var/lib/portmanager/portd.db\n"
               "  range      8000-9000, 6 of 1001 ports leased\n"
               "  excluded   8080, 8443\n"
               "  leases     6\n"
               "  kernel     does not show sockets that are bound and do not listen (Linux 6.8\n"
               "             does)\n"
               "portctl: note: the disk is nearly full\n",
     .output = "version\t0.1.0\n"
               "pid\t4711\n"
               "uid\t0\n"
               "uptime_seconds\t3725\n"
               "addresses\t127.0.0.1:3030, [::1]:3030\n"
               "socket\t/run/portmanager/portd.sock\n"
               "database\t/var/lib/portmanager/portd.db\n"
               "range\t8000-9000\n"
               "excluded\t8080, 8443\n"
               "n_leases\t6\n"
               "n_leased_in_range\t6\n"
               "sees_bound_sockets\tfalse\n",
     .errors = "portctl: note: the disk is nearly full\n",
     .requests = "GET /status\n"},
    {.words = {"status", "--url", "<url>"},
     .screen = "portd is running\n"
               "  version    0.1.0\n"
               "  pid        4711\n"
               "  uid        0\n"
               "  up         1h02m\n"
               "  addresses  127.0.0.1:3030, [::1]:3030\n"
               "  socket     /run/portmanager/portd.sock\n"
               "  database   /var/lib/portmanager/portd.db\n"
               "  range      8000-9000, 6 of 1001 ports leased\n"
               "  excluded   8080, 8443\n"
               "  leases     6\n"
               "  kernel     does not show sockets that are bound and do not listen (Linux 6.8\n"
               "             does)\n"
               "portctl: note: the disk is nearly full\n",
     .output = "version\t0.1.0\n"
               "pid\t4711\n"
               "uid\t0\n"
               "uptime_seconds\t3725\n"
               "addresses\t127.0.0.1:3030, [::1]:3030\n"
               "socket\t/run/portmanager/portd.sock\n"
               "database\t/var/lib/portmanager/portd.db\n"
               "range\t8000-9000\n"
               "excluded\t8080, 8443\n"
               "n_leases\t6\n"
               "n_leased_in_range\t6\n"
               "sees_bound_sockets\tfalse\n",
     .errors = "portctl: note: the disk is nearly full\n",
     .requests = "GET /status\n"},
    {.words = {"status"},
     .portd = no_portd,
     .exit_code = EXIT_UNREACHABLE,
     .screen = "portctl: the answer of portd at " SCREEN_SOCKET " broke off\n",
     .output = "",
     .errors = "portctl: the answer of portd at " SCREEN_SOCKET " broke off\n",
     .requests = "GET /status\n"},
    {.words = {"status", "--socket", "/nowhere"},
     .exit_code = EXIT_UNREACHABLE,
     .screen = "portctl: portd is not running: /nowhere: No such file or directory\n"
               "  hint: start it with: portd --socket /nowhere\n",
     .output = "",
     .errors = "portctl: portd is not running: /nowhere: No such file or directory\n"
               "  hint: start it with: portd --socket /nowhere\n",
     .requests = ""},
    {.words = {"status", "--json"},
     .portd = no_portd,
     .exit_code = EXIT_UNREACHABLE,
     .screen = "{\"type\":\"urn:portmanager:problem:bad-reply\",\"detail\":\"the answer of portd at " SCREEN_SOCKET
               " broke off\"}\n",
     .output = "",
     .errors = "{\"type\":\"urn:portmanager:problem:bad-reply\",\"detail\":\"the answer of portd at " SCREEN_SOCKET
               " broke off\"}\n",
     .requests = "GET /status\n"},
};

const struct screen_table screens_ports = {"ports", cases, sizeof(cases) / sizeof(cases[0])};
