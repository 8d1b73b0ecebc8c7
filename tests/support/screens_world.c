/*
 * The world of the screens: five leases, each in a state of its own, one more that is a project's, and who listens. What portd says of it, to every
 * question.
 */
#include "tests/support/screen.h"

#define LEASE(port, id, name, owner, state, kept, more)                                                                \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"allocated_at\":\"<then>\",\"ttl_seconds\":300,\"tags\":[" more \
    ",\"id\":" id "," owner ",\"state\":\"" state "\",\"kept_by\":\"" kept "\"}"

#define ROOT "\"uid\":0,\"user\":\"root\""
#define ANN  "\"uid\":12345,\"user\":\"ann\""
#define TTL                                                                                                            \
    "],\"expires_at\":\"2026-01-02T03:09:05.678Z\",\"expires_in_seconds\":290,\"holder\":null,\"evidence\":null,"      \
    "\"project\":"
#define STAYS "],\"expires_at\":null,\"expires_in_seconds\":null,\"project\":null,"

#define API LEASE("8001", "1", "my-api", ROOT, "bound", "listener", "\"dev\"" STAYS "\"holder\":null")
#define WEB LEASE("8002", "2", "web", ROOT, "pending", "ttl", TTL "null")
#define DB                                                                                                             \
    LEASE("8003", "3", "db", ROOT, "conflict", "holder", STAYS "\"holder\":{\"pid\":47001},\"conflict\":\"taken\"")
#define ANNS     LEASE("8004", "4", "blog", ANN, "bound", "holder", STAYS "\"holder\":{\"pid\":4100}")
#define DOCS     LEASE("8005", "5", "docs", ROOT, "elsewhere", "ttl", TTL "null,\"elsewhere_port\":5173")
#define SHOP_WEB LEASE("8006", "6", "web", ROOT, "bound", "ttl", "\"shop\"" TTL "\"" SCREEN_PROJECT "\"")
#define SHOP_DB  LEASE("8007", "7", "db", ROOT, "pending", "ttl", TTL "\"" SCREEN_PROJECT "\"")
#define WEB2     LEASE("8008", "8", "web", ROOT, "pending", "ttl", TTL "null")
#define ALL      API "," WEB "," DB "," ANNS "," DOCS "," SHOP_WEB

#define GRANT(port, lease)                                                                                             \
    "{\"port\":" port ",\"lease\":" lease ",\"ports\":[" port "],\"leases\":[" lease                                   \
    "],\"reused\":false,\"n_reused\":0,\"notes\":[]}"
#define GRANTS(n_reused, lease)  "{\"leases\":[" lease "],\"n_reused\":" n_reused ",\"notes\":[]}"
#define RENEWED(port, id, lease) "{\"port\":" port ",\"id\":" id ",\"lease\":" lease "}"
#define RELEASED(port, id, name, listeners)                                                                            \
    "{\"port\":" port ",\"id\":" id ",\"service_name\":\"" name "\",\"listeners\":[" listeners "]}"

#define PYTHON                                                                                                         \
    "{\"pid\":48213,\"start_time\":123456,\"uid\":1000,\"user\":\"bob\",\"process\":\"python3\",\"command\":"          \
    "\"python3 -m http.server 8003\","                                                                                 \
    "\"directory\":\"" SANDBOX_HOME                                                                                    \
    "/demo\",\"parents\":[{\"pid\":48101,\"process\":\"bash\"},{\"pid\":1,\"process\":\"systemd\"}],"                  \
    "\"unit\":null,\"container\":null}"
#define NODE                                                                                                           \
    "{\"pid\":47100,\"start_time\":123455,\"uid\":0,\"user\":\"root\",\"process\":\"node\",\"command\":\"node "        \
    "server.js\",\"directory\":\"/srv/api\","                                                                          \
    "\"parents\":[{\"pid\":1,\"process\":\"systemd\"}],\"unit\":\"api.service\",\"container\":null}"
#define LISTENER(port, address, user, who, evidence)                                                                   \
    "{\"address\":\"" address "\",\"port\":" port ",\"state\":\"listen\",\"inode\":4242," user                         \
    ",\"since\":\"<then>\",\"since_start\":false,"                                                                     \
    "\"cgroup\":null,\"container\":null,\"hidden\":null," who ",\"evidence\":" evidence "}"
#define BOB "\"uid\":1000,\"user\":\"bob\""

#define SQUATTER                                                                                                       \
    LISTENER("8003", "127.0.0.1", BOB,                                                                                 \
             "\"pid\":48213,\"process\":\"python3\",\"unit\":null,\"service_name\":\"db\",\"owners\":[" PYTHON "]",    \
             "{\"level\":\"foreign\",\"by\":\"x\",\"words\":\"it was there before the lease\"}")
#define SERVER                                                                                                         \
    LISTENER(                                                                                                          \
        "8001", "::1", ROOT,                                                                                           \
        "\"pid\":47100,\"process\":\"node\",\"unit\":\"api.service\",\"service_name\":\"my-api\",\"owners\":[" NODE    \
        "]",                                                                                                           \
        "{\"level\":\"confirmed\",\"by\":\"x\",\"words\":\"the holder started it\"}")
#define STRANGER                                                                                                       \
    LISTENER("8010", "0.0.0.0", BOB,                                                                                   \
             "\"pid\":48214,\"process\":\"ruby\",\"unit\":null,\"service_name\":null,\"owners\":[]", "null")

#define TAKEN                                                                                                          \
    "{\"kind\":\"taken\",\"port\":8003,\"since\":\"<then>\",\"verdict\":\"Taken.\",\"lease\":" DB                      \
    ",\"listeners\":[" SQUATTER "],\"ignored\":false}"
#define UNLEASED                                                                                                       \
    "{\"kind\":\"unleased\",\"port\":8009,\"since\":\"<then>\",\"verdict\":\"Unleased.\",\"lease\":null,"              \
    "\"listeners\":[],\"ignored\":false}"
#define IGNORED                                                                                                        \
    "{\"kind\":\"unleased\",\"port\":8010,\"since\":\"<then>\",\"verdict\":\"Known.\",\"lease\":null,\"listeners\":"   \
    "[" STRANGER "],\"ignored\":true}"
#define SHARED_IGNORED                                                                                                 \
    "{\"kind\":\"shared\",\"port\":8001,\"since\":\"<then>\",\"verdict\":\"Shared.\",\"lease\":" API                   \
    ",\"listeners\":[" SERVER "],\"ignored\":true}"

#define WHO_8001                                                                                                       \
    "{\"port\":8001,\"state\":\"bound\",\"verdict\":\"Port 8001 is in use by my-api (root): node (pid 47100) "         \
    "listens.\",\"lease\":" API ",\"listeners\":[" SERVER "],\"findings\":[],\"next\":[]}"
#define WHO_8003                                                                                                       \
    "{\"port\":8003,\"state\":\"conflict\",\"verdict\":\"Port 8003 is squatted: it is leased to db (root), but "       \
    "python3 (pid 48213) listens "                                                                                     \
    "on it.\",\"lease\":" DB ",\"listeners\":[" SQUATTER "],\"findings\":[{\"kind\":\"taken\"}],\"next\":["            \
    "{\"command\":\"portctl alloc db --prefer 8004\",\"why\":\"another port for db\"},"                                \
    "{\"command\":\"portctl stop 8003\",\"why\":\"stops python3\"}]}"

#define EVENT(id, kind, port, name, more)                                                                              \
    "{\"id\":" id ",\"at\":\"2026-01-02T03:04:05.678Z\",\"kind\":\"" kind "\",\"port\":" port                          \
    ",\"service_name\":\"" name "\",\"lease_id\":3"                                                                    \
    ",\"uid\":0,\"user\":\"root\"" more "}"
#define EVENTS                                                                                                         \
    EVENT("40", "lease.granted", "8001", "my-api", ",\"reason\":null")                                                 \
    "," EVENT(                                                                                                         \
        "41", "listener.opened", "8001", "my-api",                                                                     \
        ",\"pid\":47100,\"process\":\"node\",\"address\":\"::1\"") "," EVENT("42", "squatter.appeared", "8003", "db",  \
                                                                             ",\"finding\":\"taken\",\"pid\":48213,"   \
                                                                             "\"process\":\"python3\",\"reason\":"     \
                                                                             "\"python3 "                              \
                                                                             "(pid 48213) of bob listens on it, "      \
                                                                             "which does not belong to the lease.\"")

const struct fake_answer screens_world[] = {
    {"GET /list", 200, "[" ALL "]", 0, NULL},
    {"GET /snapshot", 200,
     "{\"run\":\"9f3c\",\"version\":5,\"range\":{\"min\":8000,\"max\":8020},\"excluded\":\"8015-8016\",\"leases\":[" ALL
     "],\"listeners\":[" SERVER "," SQUATTER "," STRANGER "]}",
     0, NULL},
    {"POST /alloc-all", 200, "{\"grants\":[" GRANTS("0", SHOP_WEB) "," GRANTS("1", SHOP_DB) "]}", 0, "\"db\""},
    {"POST /alloc-all", 200, "{\"grants\":[" GRANTS("0", SHOP_WEB) "]}", 0, NULL},
    {"POST /alloc", 200,
     "{\"port\":8002,\"lease\":" WEB ",\"ports\":[8002,8008],\"leases\":[" WEB "," WEB2
     "],\"reused\":false,\"n_reused\":0,\"notes\":[]}",
     0, "\"count\":2"},
    {"POST /alloc", 200, GRANT("8002", WEB), 0, NULL},
    {"POST /heartbeat", 200, RENEWED("8006", "6", SHOP_WEB), 0, "8006"},
    {"POST /heartbeat", 200, RENEWED("8002", "2", WEB), 0, NULL},
    {"POST /release", 200, RELEASED("8001", "1", "my-api", SERVER), 0, "8001"},
    {"POST /release", 200, RELEASED("8002", "2", "web", ""), 0, NULL},
    {"GET /who?port=8001 ", 200, WHO_8001, 0, NULL},
    {"GET /who?port=8003 ", 200, WHO_8003, 0, NULL},
    {"GET /who?port=8006 ", 200, "{\"port\":8006,\"state\":\"bound\",\"verdict\":\"It is so.\",\"listeners\":[]}", 0,
     NULL},
    {"GET /who?port=", 200,
     "{\"port\":9,\"state\":\"free\",\"verdict\":\"Port 9 is free: nobody listens on it.\",\"lease\":null,"
     "\"listeners\":[],\"findings\":[],\"next\":[]}",
     0, NULL},
    {"GET /ports ", 200, "{\"generation\":1,\"ports\":[" SERVER "," SQUATTER "," STRANGER "]}", 0, NULL},
    {"GET /squatters ", 200, "{\"squatters\":[" TAKEN "," UNLEASED "," IGNORED "]}", 0, NULL},
    {"GET /conflicts ", 200, "{\"conflicts\":[" SHARED_IGNORED "," TAKEN "]}", 0, NULL},
    {"POST /claim", 200, "{\"port\":8001,\"lease\":" API ",\"created\":true,\"listeners\":[]}", 0, "service_name"},
    {"POST /claim", 200, "{\"port\":8001,\"lease\":" API ",\"created\":false,\"listeners\":[]}", 0, NULL},
    {"POST /disown", 200, "{\"port\":8003,\"lease\":" DB ",\"listeners\":[" SQUATTER "]}", 0, NULL},
    {"POST /ignore", 200, "{\"port\":8010,\"ignored\":true,\"findings\":[" IGNORED "]}", 0, NULL},
    {"GET /history", 200, "{\"events\":[" EVENTS "]}", 0, NULL},
    {"GET /status", 200,
     "{\"version\":\"0.1.0\",\"pid\":4711,\"uid\":0,\"uptime_seconds\":3725,\"range\":{\"min\":8000,\"max\":9000},"
     "\"excluded\":[8080,8443],"
     "\"addresses\":[\"127.0.0.1:3030\",\"[::1]:3030\"],\"socket\":\"/run/portmanager/portd.sock\","
     "\"database\":\"/var/lib/portmanager/"
     "portd.db\",\"n_leases\":6,\"n_leased_in_range\":6,\"sees_bound_sockets\":false,"
     "\"warnings\":[\"the disk is nearly full\"]}",
     0, NULL},
    {NULL, 0, NULL, 0, NULL},
};
