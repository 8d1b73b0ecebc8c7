/* The daemon, wired. */
#include "src/portd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "probe/fd.h"
#include "probe/owner_walk.h"
#include "probe/port_check.h"
#include "probe/proc_file.h"
#include "probe/sock_diag.h"
#include "src/api/api.h"
#include "src/base/memory.h"
#include "src/base/text.h"
#include "src/http/server.h"
#include "src/http/sockets.h"
#include "src/watcher.h"

/* How often what nothing keeps any more is looked for. */
#define TURN_US UINT64_C(1000000)

/* Owners are asked for the id of the lease that `portctl run` left in their environment. */
#define MARK "PORTMANAGER_LEASE"

#define WARNINGS_MAX     8
#define ADDRESSES_MAX    2
#define OWNER_SEARCH_FDS 200000

struct portd {
    const struct options *options;
    struct clock clock;
    struct port_rules rules;
    struct sock_diag *diag;
    struct watch *watch;
    struct registry *registry;
    struct findings findings;
    struct watcher *watcher;
    struct journal *journal;
    struct ignores *ignores;
    struct api_info info;
    struct api api;
    sd_event *event;
    sd_event_source *turn;
    sd_event_source *holders;
    sd_event_source *journal_due;
    struct server *server;
    char *addresses[ADDRESSES_MAX];
    char *warnings[WARNINGS_MAX];
    char run[API_RUN_DIGITS + 1];
    char *command;
};

/* A warning is said at the start and kept for GET /status. */
__attribute__((format(printf, 2, 3))) static void warn(struct portd *portd, const char *format, ...) {
    char *warning = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&warning, format, args) < 0)
        warning = NULL;
    va_end(args);
    if (warning == NULL)
        return;
    log_warning("%s", warning);
    if (portd->info.n_warnings < WARNINGS_MAX)
        portd->warnings[portd->info.n_warnings++] = warning;
    else
        free(warning);
}

static int check_port(void *context, uint16_t port, enum port_check_effort effort, struct listener_list *evidence) {
    return port_check(context, port, effort, evidence);
}

/* Its --socket, by which portctl reaches it; "": it has the usual one, or may not be looked into. */
/* Told as seen from its own folder, which need not be the one that is looked from. */
static void quote_path_of(pid_t pid, const char *path, char *ret_quoted, size_t size) {
    char name[32];
    char *folder = NULL;
    char whole[OPTIONS_PATH_MAX];
    int length;

    if (path[0] == '/') {
        text_quote_word(path, ret_quoted, size);
        return;
    }
    snprintf(name, sizeof name, "/proc/%d/cwd", (int)pid);
    if (proc_read_link(AT_FDCWD, name, &folder) < 0)
        return;
    length = snprintf(whole, sizeof whole, "%s/%s", folder, path);
    if (length > 0 && (size_t)length < sizeof whole)
        text_quote_word(whole, ret_quoted, size);
    free(folder);
}

static void find_socket_of(pid_t pid, char *ret_socket, size_t size) {
    char name[32];
    char *words = NULL;
    size_t length = 0;

    ret_socket[0] = '\0';
    snprintf(name, sizeof name, "/proc/%d/cmdline", (int)pid);
    if (proc_read_all(AT_FDCWD, name, 65536, &words, &length) < 0)
        return;
    for (size_t at = 0; at < length; at += strnlen(words + at, length - at) + 1) {
        const char *value = NULL;

        if (strncmp(words + at, "--socket=", strlen("--socket=")) == 0)
            value = words + at + strlen("--socket=");
        else if (strcmp(words + at, "--socket") == 0 && at + sizeof "--socket" < length)
            value = words + at + sizeof "--socket";
        if (value != NULL)
            quote_path_of(pid, value, ret_socket, size);
    }
    free(words);
}

static void tell_locked(const char *database, pid_t pid) {
    char socket[TEXT_QUOTED_MAX(OPTIONS_PATH_MAX)];

    find_socket_of(pid, socket, sizeof socket);
    log_error("the database %s is another portd's (pid %d); portctl status%s%s shows it. For one more, name another "
              "--db, --socket and --port",
              database, (int)pid, socket[0] != '\0' ? " --socket " : "", socket);
}

static int open_registry(struct portd *portd) {
    struct registry_config config = {
        .db_path = portd->options->database,
        .uid = geteuid(),
        .rules = &portd->rules,
        .prober = {.check = check_port, .context = portd->diag},
        .listeners = watcher_source(portd->watch),
        .clock = portd->clock,
        .first_id = (uint64_t)clock_read(&portd->clock).unix_ms / 1000,
    };
    struct store_opening opening = {0};
    int r = registry_new(&config, &portd->registry, &opening);

    if (opening.quarantined[0] != '\0')
        warn(portd, "the database %s was corrupt; it was put aside as %s, and a new one begun", config.db_path,
             opening.quarantined);
    if (r == STORE_E_LOCKED && opening.locked_by > 0)
        tell_locked(config.db_path, opening.locked_by);
    else if (r == STORE_E_LOCKED)
        log_error("the database %s is another portd's, in another pid namespace", config.db_path);
    else if (r == STORE_E_FAILED)
        log_error("the database %s %s", config.db_path, opening.reason);
    else if (r < 0)
        log_error("the leases cannot be loaded: %s", strerror(-r));
    if (r == 0 && opening.n_imported + opening.n_import_refused > 0)
        log_info("%u leases imported from the original PortManager's database, %u rows refused", opening.n_imported,
                 opening.n_import_refused);
    return r == 0 ? 0 : -1;
}

/* What happens goes to those who listen at once, and into the database when there is nothing else to do. */
static void on_fact(void *context, const struct event_fact *fact) {
    struct portd *portd = context;

    journal_tell(portd->journal, fact);
    server_wake(portd->server);
    /* Its server is about to listen. */
    if (fact->kind == EVENT_LEASE_GRANTED)
        watch_hurry(portd->watch);
    sd_event_source_set_enabled(portd->journal_due, SD_EVENT_ONESHOT);
}

static int on_journal_due(sd_event_source *source, void *context) {
    struct portd *portd = context;

    (void)source;
    journal_flush(portd->journal);
    return 0;
}

static int open_journal(struct portd *portd) {
    int r = journal_new(registry_store(portd->registry), &portd->clock, &portd->journal);

    if (r < 0)
        log_error("the events cannot be loaded: %s", strerror(-r));
    if (r == 0)
        registry_set_sink(portd->registry, (struct event_sink){.tell = on_fact, .context = portd});
    return r == 0 ? 0 : -1;
}

static int open_ignores(struct portd *portd) {
    int r = ignores_new(registry_store(portd->registry), &portd->ignores);

    if (r < 0)
        log_error("the ignored squatters cannot be loaded: %s", strerror(-r));
    return r == 0 ? 0 : -1;
}

static int on_turn(sd_event_source *source, uint64_t due_us, void *context) {
    struct portd *portd = context;

    (void)due_us; /* after a stall it is long past, and no turn is made up for */
    registry_turn(portd->registry);
    server_wake(portd->server); /* who keeps a lease may have changed, which is no event */
    if (journal_is_dirty(portd->journal))
        sd_event_source_set_enabled(portd->journal_due, SD_EVENT_ONESHOT);
    sd_event_source_set_time_relative(source, TURN_US);
    return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_holder_ended(sd_event_source *source, int fd, uint32_t events, void *context) {
    struct portd *portd = context;

    (void)source;
    (void)fd;
    (void)events;
    if (registry_hear_holders(portd->registry))
        registry_turn(portd->registry);
    server_wake(portd->server);
    return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *context) {
    (void)context;
    log_info("%s: stopping", info->ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int start_loop(struct portd *portd) {
    sigset_t stop;
    int r;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    if (sigprocmask(SIG_BLOCK, &stop, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    r = sd_event_new(&portd->event);
    if (r >= 0)
        r = sd_event_add_signal(portd->event, NULL, SIGTERM, on_signal, NULL);
    if (r >= 0)
        r = sd_event_add_signal(portd->event, NULL, SIGINT, on_signal, NULL);
    return r;
}

static int start_turns(struct portd *portd) {
    int r = sd_event_add_time_relative(portd->event, &portd->turn, CLOCK_MONOTONIC, 0, 0, on_turn, portd);

    /* After a stall, the requests that wait are heard before anything expires. */
    if (r >= 0)
        r = sd_event_source_set_priority(portd->turn, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_add_io(portd->event, &portd->holders, registry_holders_fd(portd->registry), EPOLLIN,
                            on_holder_ended, portd);
    if (r >= 0)
        r = sd_event_source_set_priority(portd->holders, SD_EVENT_PRIORITY_IDLE);
    if (r >= 0)
        r = sd_event_add_defer(portd->event, &portd->journal_due, on_journal_due, portd);
    if (r >= 0)
        r = sd_event_source_set_priority(portd->journal_due, SD_EVENT_PRIORITY_IDLE);
    return r;
}

/* Who listens on the port that we wanted: "python3 (pid 4711)". */
static void name_listener(struct portd *portd, int family, char *ret_words, size_t size) {
    CLEANUP(listener_list_deinit) struct listener_list listeners = {0};

    snprintf(ret_words, size, "another process");
    if (sock_diag_dump(portd->diag, SOCK_DIAG_LISTEN, portd->options->port, &listeners) < 0)
        return;
    for (size_t i = 0; i < listeners.n_items; i++) {
        const struct listener *listener = &listeners.items[i];
        const struct owner_wanted wanted = {.inode = listener->inode, .uid = listener->uid};
        CLEANUP(owner_result_deinit) struct owner_result result = {0};

        if (family == AF_INET6 && listener->family != AF_INET6)
            continue;
        if (owner_walk(&wanted, 1, NULL, OWNER_SEARCH_FDS, &result) == 0 && result.answers[0].n_owners > 0)
            snprintf(ret_words, size, "%s (pid %d)", result.answers[0].owners[0]->name,
                     (int)result.answers[0].owners[0]->id.pid);
        else
            snprintf(ret_words, size, "a process of uid %u that is hidden from us", (unsigned)listener->uid);
        return;
    }
}

/* 127.0.0.1 must be had; ::1 is a warning, because a machine may have no IPv6. */
static int listen_tcp(struct portd *portd, int family) {
    const char *address = family == AF_INET ? "127.0.0.1" : "[::1]";
    uint16_t port = portd->options->port;
    char who[96];
    int fd = -1;
    int r = socket_listen_tcp(family, port, &fd);

    if (r == SOCKET_E_IN_USE)
        name_listener(portd, family, who, sizeof who);
    if (r == 0) {
        r = server_add_listener(portd->server, fd, API_TCP);
        if (r == 0 && asprintf(&portd->addresses[portd->info.n_addresses], "http://%s:%u", address, port) > 0)
            portd->info.n_addresses++;
        return r;
    }
    if (family == AF_INET6 && r == SOCKET_E_IN_USE)
        warn(portd, "%s:%u is taken by %s; a client that asks for \"localhost\" may reach it instead of portd", address,
             port, who);
    else if (family == AF_INET6)
        warn(portd, "%s:%u cannot be listened on: %s", address, port, strerror(-r));
    else if (r == SOCKET_E_IN_USE)
        log_error("%s:%u is taken by %s; stop it, or choose another --port", address, port, who);
    else
        log_error("%s:%u cannot be listened on: %s", address, port, strerror(-r));
    return family == AF_INET6 ? 0 : -1;
}

static int listen_unix(struct portd *portd) {
    const char *path = portd->options->socket;
    pid_t pid = 0;
    int fd = -1;
    int r = socket_listen_unix(path, &fd, &pid);

    if (r == 0)
        r = server_add_listener(portd->server, fd, API_UNIX);
    if (r == 0) {
        portd->info.socket = path;
        return 0;
    }
    if (r == SOCKET_E_IN_USE)
        log_error("the socket %s is another portd's (pid %d)", path, (int)pid);
    else if (r == -ENOTSOCK)
        log_error("%s is there already, and is no socket; choose another --socket", path);
    else if (r == -ENAMETOOLONG)
        log_error("the socket's path has more than %d bytes: %s", SOCKET_PATH_MAX - 1, path);
    else
        log_error("the socket %s cannot be made: %s", path, strerror(-r));
    return -1;
}

/* What is not wrong, but will surprise somebody one day. */
static void warn_of_settings(struct portd *portd) {
    const struct options *options = portd->options;
    struct port_settings settings;

    port_settings_read(portd->rules.sysctl_dir, &settings);
    if (options->range_max >= settings.ephemeral_min && options->range_min <= settings.ephemeral_max &&
        !port_set_covers(&settings.reserved, options->range_min, options->range_max))
        warn(portd,
             "the range %u-%u overlaps the kernel's ephemeral ports %u-%u: outgoing connections will take ports of "
             "it; reserve it with sysctl net.ipv4.ip_local_reserved_ports=%u-%u",
             options->range_min, options->range_max, settings.ephemeral_min, settings.ephemeral_max, options->range_min,
             options->range_max);
    if (!portd->info.sees_bound_sockets)
        log_info("this kernel does not report sockets that are bound and not listening (Linux 6.8 does); a port in "
                 "TIME_WAIT counts as taken");
}

/* Another one at each start. Where the kernel has no random bytes yet, early in the boot, the time must do. */
static void name_run(struct portd *portd) {
    uint64_t number = 0;

    if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = (uint64_t)clock_read(&portd->clock).unix_ms << 20 ^ (uint64_t)getpid();
    snprintf(portd->run, sizeof portd->run, "%016" PRIx64, number);
}

static void prepare(struct portd *portd, const struct options *options, char *const *arguments) {
    portd->options = options;
    portd->clock = clock_system();
    portd->rules = (struct port_rules){
        .min = options->range_min,
        .max = options->range_max,
        .excluded = options->excluded,
        .api_port = options->port,
        .sysctl_dir = RULES_SYSCTL_DIR,
    };
    name_run(portd);
    portd->command = text_quote_words(arguments);
    portd->info = (struct api_info){
        .version = PM_VERSION,
        .run = portd->run,
        .command = portd->command != NULL ? portd->command : "portd",
        .database = options->database,
        .addresses = (const char *const *)portd->addresses,
        .excluded = options->exclude,
        .warnings = (const char *const *)portd->warnings,
        .started_ms = clock_read(&portd->clock).monotonic_ms,
    };
}

static int start_watch(struct portd *portd) {
    const struct watch_config config = {
        .diag = portd->diag,
        .listen_ms = portd->options->listen_ms,
        .bound_ms = sock_diag_sees_bound(portd->diag) ? portd->options->bound_ms : 0,
        .variable = MARK,
        .max_fds = WATCH_MAX_FDS,
    };
    int r = watch_new(&config, &portd->watch);

    if (r < 0)
        log_error("the background probe cannot be started: %s", strerror(-r));
    return r;
}

static const struct snapshot *read_probe(void *context) {
    struct portd *portd = context;

    watcher_read(portd->watcher);
    return watch_snapshot(portd->watch);
}

static const struct snapshot *last_reading(void *context) {
    const struct portd *portd = context;

    return watch_snapshot(portd->watch);
}

static uint64_t ask_owners(void *context, uint16_t port) {
    struct portd *portd = context;

    return watch_ask_owners(portd->watch, port);
}

static uint64_t count_walks(void *context) {
    const struct portd *portd = context;

    return watch_walks(portd->watch);
}

static void connect_api(struct portd *portd) {
    portd->info.sees_bound_sockets = sock_diag_sees_bound(portd->diag);
    portd->api = (struct api){
        .registry = portd->registry,
        .probe = {.read = read_probe,
                  .last = last_reading,
                  .ask_owners = ask_owners,
                  .walks = count_walks,
                  .context = portd},
        .findings = &portd->findings,
        .diag = portd->diag,
        .ignores = portd->ignores,
        .journal = portd->journal,
        .rules = &portd->rules,
        .info = &portd->info,
        .clock = portd->clock,
        .uid = geteuid(),
    };
}

static void on_read(void *context) {
    const struct portd *portd = context;

    server_wake(portd->server);
}

static int start_watcher(struct portd *portd) {
    const struct watcher_config config = {
        .event = portd->event,
        .watch = portd->watch,
        .registry = portd->registry,
        .rules = &portd->rules,
        .findings = &portd->findings,
        .clock = portd->clock,
        .sink = {.tell = on_fact, .context = portd},
        .changed = on_read,
        .context = portd,
    };

    return watcher_new(&config, &portd->watcher);
}

static int start(struct portd *portd) {
    int r = sock_diag_new(&portd->diag);

    if (r < 0) {
        log_error("the kernel's socket table cannot be read (sock_diag): %s", strerror(-r));
        return r;
    }
    r = start_watch(portd);
    if (r == 0)
        r = open_registry(portd);
    if (r == 0)
        r = open_journal(portd);
    if (r == 0)
        r = open_ignores(portd);
    if (r < 0)
        return r;
    connect_api(portd);
    r = start_loop(portd);
    if (r >= 0)
        r = start_turns(portd);
    if (r >= 0)
        r = start_watcher(portd);
    if (r >= 0)
        r = server_new(portd->event, &portd->api, portd->diag, &portd->server);
    if (r < 0) {
        log_error("the event loop cannot be started: %s", strerror(-r));
        return r;
    }
    r = listen_unix(portd);
    if (r == 0 && portd->options->port != 0)
        r = listen_tcp(portd, AF_INET);
    if (r == 0 && portd->options->port != 0)
        r = listen_tcp(portd, AF_INET6);
    /* Before the first grant, and after our own sockets: what is there now was there before, and is no event. */
    if (r == 0 && watch_read(portd->watch) < 0)
        log_warning("the kernel's listeners cannot be read yet");
    return r;
}

static void stop(struct portd *portd) {
    portd->server = server_free(portd->server);
    if (portd->info.socket != NULL)
        unlink(portd->info.socket);
    sd_event_source_disable_unref(portd->turn);
    sd_event_source_disable_unref(portd->holders);
    sd_event_source_disable_unref(portd->journal_due);
    portd->watcher = watcher_free(portd->watcher);
    sd_event_unref(portd->event);
    port_versions_deinit(&portd->api.versions);
    findings_deinit(&portd->findings);
    portd->ignores = ignores_free(portd->ignores);
    portd->journal = journal_free(portd->journal);
    portd->registry = registry_free(portd->registry);
    portd->watch = watch_free(portd->watch);
    portd->diag = sock_diag_free(portd->diag);
    for (size_t i = 0; i < portd->info.n_addresses; i++)
        free(portd->addresses[i]);
    for (size_t i = 0; i < portd->info.n_warnings; i++)
        free(portd->warnings[i]);
    free(portd->command);
}

/* Only what is true now: every address here is listened on. */
static void announce(const struct portd *portd) {
    size_t n_leases = 0;

    printf("portd %s\n", PM_VERSION);
    printf("Database   %s\n", portd->options->database);
    if (registry_leases(portd->registry, &n_leases) != NULL && n_leases > 0)
        printf("Leases     %zu\n", n_leases);
    printf("Range      %u-%u\n", portd->options->range_min, portd->options->range_max);
    for (size_t i = 0; i < portd->info.n_addresses; i++)
        printf("Listening  %s\n", portd->addresses[i]);
    printf("Listening  %s\n", portd->options->socket);
    if (portd->info.n_addresses > 0)
        printf("Dashboard  http://localhost:%u/\n", portd->options->port);
    fflush(stdout);
}

/* A holder costs a descriptor for its pidfd, a client one for its socket. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int portd_run(const struct options *options, char *const *arguments) {
    struct portd portd = {0};
    int r;

    memory_share_heap();
    log_set_level(options->log_level);
    raise_descriptor_limit();
    umask(077);
    prepare(&portd, options, arguments);
    r = start(&portd);
    if (r == 0) {
        warn_of_settings(&portd);
        announce(&portd);
        sd_notify(0, "READY=1");
        memory_give_back();
        r = sd_event_loop(portd.event);
        if (r < 0)
            log_error("the event loop failed: %s", strerror(-r));
        sd_notify(0, "STOPPING=1");
    }
    stop(&portd);
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
