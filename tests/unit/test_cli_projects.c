/*
 * Which leases a name means in a project: its own, then global ones, and never those of another.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/problem.h"
#include "probe/fd.h"
#include "tests/support/cli.h"
#include "tests/support/fake_portd.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"

#define SOCKET      SANDBOX_DIR "/p.sock"
#define ENVIRONMENT .environment = {"PM_SOCKET=" SOCKET}

#define LEASE(port, id, name, uid, project)                                                                            \
    "{\"port\":" port ",\"service_name\":\"" name "\",\"id\":" id ",\"uid\":" uid                                      \
    ",\"user\":\"u\",\"state\":\"bound\",\"kept_by\":\"listener\",\"project\":" project "}"

#define WEB_HERE   LEASE("8001", "1", "web", "0", "\"/usr\"")
#define WEB_THERE  LEASE("8002", "2", "web", "0", "\"/var\"")
#define WEB_GLOBAL LEASE("8003", "3", "web", "0", "null")
#define DB_GLOBAL  LEASE("8004", "4", "db", "0", "null")
#define API_THERE  LEASE("8005", "5", "api", "0", "\"/var\"")
#define CACHE      LEASE("8006", "6", "cache", "0", "\"/usr\"")
#define CACHE2     LEASE("8007", "7", "cache", "0", "\"/usr\"")
#define BRANCH     LEASE("8008", "8", "web@fix", "0", "\"/usr\"")
#define ANNS       LEASE("8009", "9", "mail", "12345", "null")
#define MAIL       LEASE("8010", "10", "mail", "0", "null")
#define BATCH      LEASE("8012", "12", "batch@fix", "0", "\"/usr\"")
#define GONE       LEASE("8013", "13", "web@gone/x", "0", "\"/opt\"")
#define GONE2      LEASE("8014", "14", "api@gone/x", "0", "\"/opt\"")
#define OTHERS                                                                                                         \
    LEASE("8015", "15", "web@gone/x", "0", "\"/run\"")                                                                 \
    "," LEASE("8016", "16", "web@one", "0", "\"/srv\"") "," LEASE("8017", "17", "web@two", "0", "\"/srv\"")
#define DASH LEASE("8018", "18", "-x", "0", "\"/var\"") "," LEASE("8019", "19", "-x", "0", "\"/var\"")
#define LEASES                                                                                                         \
    "[" WEB_HERE "," WEB_THERE "," WEB_GLOBAL "," DB_GLOBAL "," API_THERE "," CACHE "," CACHE2 "," BRANCH "," ANNS     \
    "," MAIL "," BATCH "," GONE "," GONE2 "," OTHERS "," DASH "]"

#define RELEASED(port, id) "{\"port\":" port ",\"id\":" id ",\"released\":true,\"listeners\":[]}"

static const struct fake_portd_setup setup = {
    .answers =
        {
            {"GET /list", 200, LEASES, 0, NULL},
            {"POST /release", 200, RELEASED("8001", "1"), 0, NULL},
            {"POST /heartbeat", 200, "{\"port\":8001,\"id\":1,\"lease\":" WEB_HERE "}", 0, NULL},
        },
    .socket = SOCKET,
};

static struct fake_portd portd;

static void enter(void) {
    sandbox_enter();
    portd = fake_portd_start(&setup);
}

static void leave(void) {
    fake_portd_stop_at(&portd);
}

#define SHOP SANDBOX_DIR "/shop"

static const char shop[] = SHOP;

TestSuite(cli_projects, .init = enter, .fini = leave);

#define ASSERT_RUN(exit_code, output, errors, ...)                                                                     \
    cli_assert(&(const struct cli_setup){.words = {__VA_ARGS__}, ENVIRONMENT}, exit_code, output, errors)

static void assert_requests(const char *expected) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_str_eq(requests, expected);
}

static void assert_asked_nothing_but_the_list(void) {
    CLEANUP(file_free_text_at) char *requests = fake_portd_requests();
    cr_assert_null(strstr(requests, "POST"), "%s", requests);
}

Test(cli_projects, a_projects_own_lease_comes_before_a_global_one) {
    ASSERT_RUN(EXIT_YES, "8001\n", "", "lookup", "web", "--all", "--project", "/usr");
    ASSERT_RUN(EXIT_YES, "8002\n", "", "lookup", "web", "--all", "--project", "/var");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "list", "web", "-q", "--project", "/usr");
    ASSERT_RUN(EXIT_YES, "{\"version\":1,\"leases\":[" WEB_THERE "]}\n", "", "list", "web", "--json", "--project",
               "/var");
}

Test(cli_projects, a_global_one_counts_where_the_project_has_none) {
    ASSERT_RUN(EXIT_YES, "8004\n", "", "lookup", "db", "--project", "/usr");
    ASSERT_RUN(EXIT_YES, "8003\n", "", "lookup", "web", "--all", "--project", "/etc");
}

Test(cli_projects, another_projects_lease_is_named_and_not_taken) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name api in this project\n"
               "  hint: another project has one: portctl lookup api --project /var\n",
               "lookup", "api", "--project", "/usr");
    ASSERT_RUN(EXIT_YES, "8005\n", "portctl: note: you have no global api; this is the one of project /var\n", "lookup",
               "api", "--global");
    ASSERT_RUN(EXIT_NO,
               "{\"version\":1,\"service_name\":\"api\",\"port\":null,\"all_ports\":[],\"lease\":null,\"leases\":[]}\n",
               "", "lookup", "api", "--json", "--project", "/usr");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name api in this project\n"
               "  hint: another project has one: portctl release api --project /var\n",
               "release", "api", "--project", "/usr");
    assert_asked_nothing_but_the_list();
}

Test(cli_projects, one_of_another_worktree_is_named_as_one_can_ask_for_it) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name batch in this project\n"
               "  hint: another worktree has one: portctl lookup batch@fix\n",
               "lookup", "batch", "--project", "/usr");
    ASSERT_RUN(EXIT_YES, "8012\n", "", "lookup", "batch@fix", "--project", "/usr");
}

/* Without it another port would be meant. */
Test(cli_projects, a_hint_keeps_the_variable) {
    cr_assert_eq(mkdir(SHOP, 0755), 0);
    file_write_text(SHOP "/portmanager.json",
                    "{\"services\":{\"api\":{\"variables\":[\"A\",\"B\"]},\"batch\":{\"variables\":[\"C\",\"D\"]}}}");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name api in this project\n"
               "  hint: another project has one: portctl lookup api:B --project /var\n",
               "lookup", "api:B", "--project", shop);
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name batch in this project\n"
               "  hint: another project has one: portctl lookup batch@fix:D --project /usr\n",
               "lookup", "batch:D", "--project", shop);
}

/* It would be read as an option. */
Test(cli_projects, a_name_that_begins_with_a_dash_is_told_behind_two) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name -x in this project\n"
               "  hint: another project has one: portctl release --project /var -- -x\n",
               "release", "--project", "/usr", "--", "-x");
    ASSERT_RUN(EXIT_NO, "",
               "8018\t-x\tbound\tu\tlistener\t-\t-\t18\t-\t/var\n8019\t-x\tbound\tu\tlistener\t-\t-\t19\t-\t/var\n"
               "portctl: -x has 2 leases; nothing was released\n"
               "  hint: portctl release --all -- -x, or portctl release 8018 for one of them\n",
               "release", "--project", "/var", "--", "-x");
    ASSERT_RUN(EXIT_YES, "8018\n8019\n", "", "release", "-q", "--project", "/var", "--all", "--", "-x");
}

Test(cli_projects, only_a_name_that_means_something_here_is_offered) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name apo in this project\n  hint: portctl list shows all leases\n", "lookup",
               "apo", "--project", "/usr");
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name cahce in this project\n  hint: did you mean cache?\n",
               "lookup", "cahce", "--project", "/usr");
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name apo\n  hint: did you mean api?\n", "lookup", "apo");
}

Test(cli_projects, what_is_changed_is_the_projects_own_and_no_other) {
    ASSERT_RUN(EXIT_YES, "8002\n", "", "release", "web", "-q", "--project", "/var");
    ASSERT_RUN(EXIT_YES, "8004\n", "", "release", "db", "-q", "--project", "/var");
    ASSERT_RUN(EXIT_YES, "8001\n", "", "renew", "web", "-q", "--project", "/usr");
    assert_requests("GET /list\nPOST /release {\"port\":8002,\"id\":2}\n"
                    "GET /list\nPOST /release {\"port\":8004,\"id\":4}\n"
                    "GET /list\nPOST /heartbeat {\"port\":8001,\"id\":1}\n");
}

/* The other worktree's web@fix is of this project, and not from here. */
Test(cli_projects, in_a_project_all_are_those_from_here) {
    ASSERT_RUN(EXIT_YES, "8001\n8006\n8007\n", "", "release", "--all", "-q", "--project", "/usr");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: you have no lease in this project\n"
               "  hint: portctl list shows all leases\n",
               "release", "--all", "--project", "/etc");
}

#define NO_GLOBAL_API(command)                                                                                         \
    "portctl: no global lease has the name api\n"                                                                      \
    "  hint: another project has one: portctl " command " api --project /var\n"

/* Nothing is done to it for want of a global one; it is shown, and said whose it is. */
Test(cli_projects, outside_of_any_project_a_projects_lease_is_shown_and_not_changed) {
    ASSERT_RUN(EXIT_NO, "", NO_GLOBAL_API("release"), "release", "api");
    ASSERT_RUN(EXIT_NO, "", NO_GLOBAL_API("release"), "release", "api", "--all");
    ASSERT_RUN(EXIT_NO, "", NO_GLOBAL_API("renew"), "renew", "api");
    assert_asked_nothing_but_the_list();
    ASSERT_RUN(EXIT_YES, "8005\n", "portctl: note: you have no global api; this is the one of project /var\n", "lookup",
               "api");
    ASSERT_RUN(EXIT_YES, "8005\n", "", "lookup", "api", "-q");
    ASSERT_RUN(EXIT_YES, "8003\n", "", "lookup", "web");
    ASSERT_RUN(EXIT_YES, "8012\n", "", "lookup", "batch@fix");
}

/* A worktree that was removed has left its leases, and there is no folder any more to end them from. */
Test(cli_projects, what_another_worktree_has_is_told_with_the_command_that_ends_it) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: you have no lease here; gone/x of this project has 2 leases\n"
               "  hint: portctl release @gone/x --all --project /opt\n",
               "release", "--all", "--project", "/opt");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: you have no lease here; other worktrees of this project have 2\n"
               "  hint: portctl release @one --all --project /srv; portctl list shows the others\n",
               "release", "--all", "--project", "/srv");
    assert_asked_nothing_but_the_list();
}

Test(cli_projects, a_branch_means_all_that_its_worktree_has_of_this_project) {
    ASSERT_RUN(EXIT_YES, "8013\n8014\n", "", "release", "@gone/x", "--all", "-q", "--project", "/opt");
    assert_requests("GET /list\nPOST /release {\"port\":8013,\"id\":13}\nPOST /release {\"port\":8014,\"id\":14}\n");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name @gone/x in this project\n  hint: portctl list shows all leases\n",
               "release", "@gone/x", "--all", "--project", "/etc");
    ASSERT_RUN(EXIT_NO, "", "portctl: no lease has the name @gone/x\n  hint: did you mean web@gone/x?\n", "release",
               "@gone/x", "--all", "--global");
}

Test(cli_projects, a_hint_begins_with_the_command_that_was_asked) {
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name batch in this project\n"
               "  hint: another worktree has one: portctl release batch@fix\n",
               "release", "batch", "--project", "/usr");
    ASSERT_RUN(EXIT_NO, "",
               "portctl: no lease has the name batch in this project\n"
               "  hint: another worktree has one: portctl renew batch@fix\n",
               "renew", "batch", "--project", "/usr");
}
