/* What puppets do, and how they are made. */
#include "tests/support/puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "probe/fd.h"
#include "tests/support/child.h"
#include "tests/support/fail.h"
#include "tests/support/file.h"
#include "tests/support/sandbox.h"
#include "tests/support/tcp.h"

#define SOCKETS_MAX   16
#define LIVES_SECONDS 60

/* ---- in the puppet ---- */

struct puppet {
    char **environment;
    const char *port; /* PORT's value */
    bool v6only;
    bool reuse_port;
    int sockets[SOCKETS_MAX];
    size_t n_sockets;
};

static void must(bool well, const char *what) {
    if (!well)
        fail_test("A puppet failed: %s: %s.", what, strerror(errno));
}

/* The words of one verb, taken off the script. */
static const char *take_word(char **script) {
    const char *word = strsep(script, " ");
    return word ? word : "";
}

static int open_socket(struct puppet *puppet, char **script, union tcp_address *ret_address) {
    const int on = 1;
    const char *address = take_word(script);
    const char *port = take_word(script);
    *ret_address = tcp_make_address(address, (uint16_t)atoi(strcmp(port, "$PORT") == 0 ? puppet->port : port));
    const int fd = socket(ret_address->generic.sa_family, SOCK_STREAM, 0);
    must(fd >= 0 && puppet->n_sockets < SOCKETS_MAX, "socket");
    if (ret_address->generic.sa_family == AF_INET6 && puppet->v6only)
        must(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0, "IPV6_V6ONLY");
    if (puppet->reuse_port)
        must(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0, "SO_REUSEPORT");
    puppet->sockets[puppet->n_sockets++] = fd;
    return fd;
}

static int do_bind(struct puppet *puppet, char **script) {
    union tcp_address address;
    const int fd = open_socket(puppet, script, &address);
    must(bind(fd, &address.generic, sizeof(address)) == 0, "bind");
    return fd;
}

static void act_bind(struct puppet *puppet, char **script) {
    do_bind(puppet, script);
}

static void act_listen(struct puppet *puppet, char **script) {
    must(listen(do_bind(puppet, script), 16) == 0, "listen");
}

static void act_connect(struct puppet *puppet, char **script) {
    union tcp_address address;
    const int fd = open_socket(puppet, script, &address);
    must(connect(fd, &address.generic, sizeof(address)) == 0, "connect");
}

/* By the protocol's own library. */
static void act_inherit(struct puppet *puppet, char **script) {
    (void)script;
    char **names = NULL;
    const int n = sd_listen_fds_with_names(0, &names);
    must(n >= 0, "sd_listen_fds_with_names");
    printf("%d", n);
    for (int i = 0; i < n; i++) {
        const int fd = SD_LISTEN_FDS_START + i;
        const bool is_server = sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0;
        printf(" %s:%u%s%s", names[i], is_server ? tcp_port_of(fd) : 0,
               fcntl(fd, F_GETFL) & O_NONBLOCK ? " nonblocking" : "",
               sd_is_socket_inet(fd, AF_INET6, 0, -1, 0) > 0 ? " ipv6" : "");
        puppet->sockets[puppet->n_sockets++] = fd;
        free(names[i]);
    }
    free(names);
    printf("\n");
    fflush(stdout);
}

static void act_v6only(struct puppet *puppet, char **script) {
    (void)script;
    puppet->v6only = true;
}

static void act_reuseport(struct puppet *puppet, char **script) {
    (void)script;
    puppet->reuse_port = true;
}

static void act_close(struct puppet *puppet, char **script) {
    (void)script;
    while (puppet->n_sockets > 0)
        close(puppet->sockets[--puppet->n_sockets]);
}

static void act_pause(struct puppet *puppet, char **script) {
    (void)puppet;
    (void)script;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    while (sigwaitinfo(&set, NULL) < 0)
        continue;
}

static void act_nap(struct puppet *puppet, char **script) {
    (void)puppet;
    const long ms = atol(take_word(script));
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static pid_t fork_once(void) {
    const pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid == 0)
        alarm(LIVES_SECONDS);
    return pid;
}

static void act_fork(struct puppet *puppet, char **script) {
    (void)puppet;
    (void)script;
    if (fork_once() > 0)
        _exit(EXIT_SUCCESS);
}

static void act_spawn(struct puppet *puppet, char **script) {
    (void)script;
    if (fork_once() == 0)
        return;
    act_close(puppet, script);
    while (wait(NULL) > 0 || errno == EINTR)
        continue;
    _exit(EXIT_SUCCESS);
}

static void act_twin(struct puppet *puppet, char **script) {
    (void)puppet;
    (void)script;
    fork_once();
}

static void act_setsid(struct puppet *puppet, char **script) {
    (void)puppet;
    (void)script;
    must(setsid() >= 0, "setsid");
}

static void act_setpgid(struct puppet *puppet, char **script) {
    (void)puppet;
    (void)script;
    must(setpgid(0, 0) == 0, "setpgid");
}

static void act_become(struct puppet *puppet, char **script) {
    (void)puppet;
    const uid_t uid = (uid_t)atoi(take_word(script));
    must(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0, "setresuid");
}

static void act_clearenv(struct puppet *puppet, char **script) {
    (void)script;
    for (char **variable = puppet->environment; *variable; variable++)
        memset(*variable, '\0', strlen(*variable));
}

static void act_call(struct puppet *puppet, char **script) {
    (void)puppet;
    must(prctl(PR_SET_NAME, take_word(script)) == 0, "prctl");
}

static void act_hide(struct puppet *puppet, char **script) {
    (void)puppet;
    (void)script;
    must(prctl(PR_SET_DUMPABLE, 0) == 0, "prctl");
}

static const struct {
    const char *word;
    void (*act)(struct puppet *puppet, char **script);
} verbs[] = {
    {"bind", act_bind},           {"listen", act_listen},   {"connect", act_connect}, {"v6only", act_v6only},
    {"reuseport", act_reuseport}, {"close", act_close},     {"pause", act_pause},     {"nap", act_nap},
    {"fork", act_fork},           {"spawn", act_spawn},     {"twin", act_twin},       {"setsid", act_setsid},
    {"inherit", act_inherit},     {"setpgid", act_setpgid}, {"become", act_become},   {"clearenv", act_clearenv},
    {"call", act_call},           {"hide", act_hide},
};

static void act(struct puppet *puppet, char **script) {
    const char *word = take_word(script);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].word, word) != 0)
            continue;
        verbs[i].act(puppet, script);
        return;
    }
    fail_test("A puppet cannot \"%s\".", word);
}

/* Before main(), and before netns.c's own constructor: what was executed as a puppet is no test. */
__attribute__((constructor(150))) static void be_puppet(int argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    const char *words = getenv("PUPPET");
    if (!words)
        return;
    char *script = strdup(words);
    const char *port = getenv("PORT");
    struct puppet puppet = {.environment = environment, .port = strdup(port ? port : "0")};
    must(script && puppet.port, "strdup");
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    alarm(LIVES_SECONDS);
    while (script)
        act(&puppet, &script);
    _exit(EXIT_SUCCESS);
}

/* ---- in the test ---- */

const char *puppet_install(const char *name) {
    static char path[256];
    snprintf(path, sizeof(path), SANDBOX_DIR "/%s", name);
    if (file_exists(path))
        return path;
    CLEANUP(fd_close_at) int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    CLEANUP(fd_close_at) int to = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    struct stat status;
    if (from < 0 || to < 0 || fstat(from, &status) < 0)
        fail_test("%s cannot be made: %s.", path, strerror(errno));
    for (off_t left = status.st_size; left > 0;) {
        const ssize_t n_sent = sendfile(to, from, NULL, (size_t)left);
        if (n_sent <= 0)
            fail_test("%s cannot be written: %s.", path, strerror(errno));
        left -= n_sent;
    }
    return path;
}

/* What the child executes. */
struct plan {
    const char *path;
    const char *const *arguments;
    const char *name;
    char *script;
};

static int execute(void *context) {
    const struct plan *plan = context;
    const char *words[PUPPET_WORDS_MAX + 2] = {plan->name};
    for (size_t i = 0; i < PUPPET_WORDS_MAX && plan->arguments[i]; i++)
        words[i + 1] = plan->arguments[i];
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_SETMASK, &set, NULL);
    setenv("PUPPET", plan->script, 1);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execv(plan->path, (char *const *)words);
    fail_test("%s cannot be executed: %s.", plan->path, strerror(errno));
}

pid_t puppet_start(const struct puppet_setup *setup, const char *script_format, ...) {
    const char *name = setup->name ? setup->name : "puppet";
    CLEANUP(file_free_text_at) char *script = NULL;
    va_list args;
    va_start(args, script_format);
    const int length = vasprintf(&script, script_format, args);
    va_end(args);
    if (length < 0)
        fail_test("out of memory");
    struct plan plan = {.path = puppet_install(name), .arguments = setup->arguments, .name = name, .script = script};
    /* Before the fork: who is told to go on before he has got anywhere must not die of it. */
    sigset_t set;
    sigset_t before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &before);
    const pid_t pid = child_start(setup->uid, execute, &plan);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

void puppet_go_on(pid_t pid) {
    if (kill(pid, SIGUSR1) < 0)
        fail_test("The puppet %d cannot be told to go on: %s.", pid, strerror(errno));
}
