/*
 * portctl run with the servers that people use, each asked for its port in the way that it wants to be: all answer on the leased port, and nothing of them
 * is left when they have been told to end. What is not installed is skipped.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "probe/fd.h"
#include "tests/support/file.h"
#include "tests/support/json_check.h"
#include "tests/support/run_scene.h"
#include "tests/support/sandbox.h"
#include "tests/support/sees.h"
#include "tests/support/tcp.h"

TestSuite(run_programs, .init = run_scene_enter, .fini = run_scene_leave, .timeout = 180);

#define WORDS(...)                                                                                                     \
    (const char *const[]) {                                                                                            \
        __VA_ARGS__, NULL                                                                                              \
    }

static void assert_answers_http(uint16_t port) {
    CLEANUP(file_free_text_at) char *answer = run_scene_get(port);
    cr_assert(strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 8, " 200", 4) == 0, "%s", answer);
}

static void assert_answers_redis(uint16_t port) {
    static const char ping[] = "PING\r\n";
    char answer[sizeof("+PONG\r\n")] = "";
    CLEANUP(fd_close_at) int fd = tcp_connect("127.0.0.1", port);
    cr_assert(http_send(fd, ping, strlen(ping)));
    cr_assert_eq(recv(fd, answer, strlen("+PONG\r\n"), MSG_WAITALL), 7);
    cr_assert_str_eq(answer, "+PONG\r\n");
}

/* In the foreground, as people have it in a terminal. */
static void assert_serves(const char *const *words, void (*assert_answers)(uint16_t port), int number, int exit_code) {
    const struct cli cli = run_scene_start(words, NULL);
    assert_answers(run_scene_served_port());
    kill(cli.pid, number);
    run_scene_assert_end(&cli, exit_code);
}

/* One that goes into the background by itself is stopped when the program that did so has ended. */
static void assert_daemon_ends(const char *const *words) {
    const struct cli cli = run_scene_start(words, NULL);
    run_scene_assert_end(&cli, 0);
}

/* With --keep it stays, and its lease with it. */
static void assert_daemon_stays(const char *const *words, void (*assert_answers)(uint16_t port)) {
    const struct cli cli = run_scene_start(words, NULL);
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_eq(result.exit_code, 0, "%d: %s", result.exit_code, result.errors);
    const uint16_t port = run_scene_served_port();
    assert_answers(port);
    cr_assert_geq(run_scene_count_processes(), 1);
    if (!sandbox_shows_processes())
        return;
    sees_lease(run_scene_me(), port, "kept_by", "listener");
    CLEANUP(http_reply_deinit) struct http_reply who = sees_who(run_scene_me(), port);
    kill((pid_t)json_number_at(who.json, "listeners[0].pid"), SIGTERM);
    run_scene_wait_until_nothing_left();
}

Test(run_programs, pythons_own_server) {
    assert_serves(WORDS("web", "--", "python3", "-m", "http.server", "--bind", "127.0.0.1", "{PORT}"),
                  assert_answers_http, SIGTERM, 128 + SIGTERM);
}

Test(run_programs, a_node_server) {
    static const char script[] =
        "require('http').createServer((request, answer) => answer.end('hi')).listen(process.argv[1], '127.0.0.1')";
    assert_serves(WORDS("web", "node", "-e", script, "{PORT}"), assert_answers_http, SIGTERM, 128 + SIGTERM);
}

/* npm puts a shell and two processes of its own between portctl and the server. */
Test(run_programs, a_node_server_behind_npm) {
    run_scene_need("npm");
    static const char folder[] = SANDBOX_DIR "/project";
    cr_assert_eq(mkdir(folder, 0755), 0);
    file_write_text(SANDBOX_DIR "/project/package.json", "{\"scripts\": {\"dev\": \"node server.js\"}}");
    file_write_text(SANDBOX_DIR "/project/server.js",
                    "require('http').createServer((request, answer) => answer.end('hi'))"
                    ".listen(process.argv[3], '127.0.0.1')");
    const struct cli cli =
        run_scene_start(WORDS("web", "--", "npm", "--prefix", folder, "run", "dev", "--", "--port", "{PORT}"), NULL);
    assert_answers_http(run_scene_served_port());
    kill(cli.pid, SIGTERM);
    /* npm's versions do not agree about what they exit with when they are told to end. */
    CLEANUP(cli_result_deinit) struct cli_result result = cli_finish(&cli);
    cr_assert_neq(result.exit_code, 0);
    run_scene_assert_nothing_left();
}

Test(run_programs, gunicorn_with_its_workers) {
    run_scene_need("gunicorn");
    file_write_text(SANDBOX_DIR "/application.py", "def application(environment, start):\n"
                                                   "    start('200 OK', [])\n"
                                                   "    return [b'hi']\n");
    assert_serves(
        WORDS("web", "gunicorn", "--workers", "2", "--chdir", SANDBOX_DIR, "--bind", "127.0.0.1:{PORT}", "application"),
        assert_answers_http, SIGTERM, 0);
}

/* It has no option for a port, so a shell writes its configuration. Its workers are another user's. */
#define NGINX_DIR SANDBOX_DIR "/nginx"
#define NGINX_CONFIGURATION                                                                                            \
    "printf 'pid " NGINX_DIR "/pid; events { worker_connections 64; } http { access_log off; client_body_temp_path "   \
    "" NGINX_DIR "/1; proxy_temp_path " NGINX_DIR "/2; fastcgi_temp_path " NGINX_DIR "/3; uwsgi_temp_path " NGINX_DIR  \
    "/4; scgi_temp_path " NGINX_DIR                                                                                    \
    "/5; server { listen 127.0.0.1:%s; location / { return 200 hi; } } }' $PORT >" NGINX_DIR "/conf; "
#define NGINX "exec nginx -p " NGINX_DIR " -e stderr -c conf"

static void prepare_nginx(void) {
    run_scene_need("nginx");
    cr_assert_eq(mkdir(NGINX_DIR, 0755), 0);
}

Test(run_programs, nginx_in_the_foreground) {
    prepare_nginx();
    assert_serves(WORDS("web", "--", "sh", "-c", NGINX_CONFIGURATION NGINX " -g 'daemon off;'"), assert_answers_http,
                  SIGTERM, 0);
}

Test(run_programs, nginx_as_a_daemon_is_stopped) {
    prepare_nginx();
    assert_daemon_ends(WORDS("web", "--", "sh", "-c", NGINX_CONFIGURATION NGINX));
}

Test(run_programs, nginx_as_a_daemon_that_is_to_stay) {
    prepare_nginx();
    assert_daemon_stays(WORDS("web", "--keep", "--", "sh", "-c", NGINX_CONFIGURATION NGINX), assert_answers_http);
}

#define REDIS "redis-server", "--port", "{PORT}", "--bind", "127.0.0.1", "--save", "", "--dir", SANDBOX_DIR

Test(run_programs, redis) {
    run_scene_need("redis-server");
    assert_serves(WORDS("cache", "--", REDIS), assert_answers_redis, SIGTERM, 0);
}

Test(run_programs, redis_as_a_daemon_is_stopped) {
    run_scene_need("redis-server");
    assert_daemon_ends(WORDS("cache", "--", REDIS, "--daemonize", "yes"));
}

Test(run_programs, redis_as_a_daemon_that_is_to_stay) {
    run_scene_need("redis-server");
    assert_daemon_stays(WORDS("cache", "--keep", "--", REDIS, "--daemonize", "yes"), assert_answers_redis);
}
