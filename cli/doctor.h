/*
 * doctor: what is wrong with this machine, as far as PortManager is concerned, and the line that mends it.
 *
 * Each check looks at one subject and says what it found: at least one finding, good or bad. It asks for nothing, changes
 * nothing, and needs neither portd nor root. A remedy is a command that, copied into a shell as it is, makes the check find it
 * no more; a finding that is no more than a fact is a good one and has none.
 *
 * Followed from the top, the remedies mend all that was found: what starts portd comes behind what is in its way, and once; it has
 * then what each of the findings wants of it.
 *
 * Where a check reads the machine, it does so below `proc` and `root`, so that tests make up machines.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/endpoint.h"
#include "cli/options.h"
#include "probe/fd.h"
#include "src/base/port_set.h"

enum finding_state { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

struct finding {
    const char *check; /* its subject, a word; static */
    enum finding_state state;
    char *text;    /* a sentence without a full stop; may hold anything: not safe for a terminal */
    char *remedy;  /* NULL: there is none, or a finding below that needs the same start of portd has it */
    bool restarts; /* its remedy starts portd, or starts it anew */
};

/* What /status says; all zero while there is no portd. */
struct doctor_portd {
    bool answers;
    char *version;
    char *database; /* NULL: not told to us */
    char *socket;   /* NULL: not told to us */
    char *excluded;
    char *command;       /* how it was started, quoted for a shell; NULL: not known */
    bool command_hidden; /* it has one, and a paste of what is known of it would not do the same */
    char *variables; /* of one that hangs: those that its command had, each with a space behind it; NULL: not known */
    char *unit;      /* the systemd unit that it is the main process of; NULL: none */
    bool unit_is_users; /* of a person's own manager, not the machine's */
    uid_t unit_uid;     /* then: that person */
    pid_t pid;          /* 0: it means nobody here */
    uid_t uid;
    uint16_t port;    /* of its TCP addresses; 0: it has none */
    bool has_ipv4;    /* 127.0.0.1 is among them */
    bool has_ipv6;    /* and ::1 */
    bool sees_bound;  /* sockets that are bound and do not listen */
    bool shares_pids; /* its pids are ours */
    uint16_t range_min;
    uint16_t range_max;
    uint64_t n_leased_in_range;
};

/* What ends this portd and starts it again as it was; where none runs, what starts one. */
struct doctor_restart {
    const char *
        before; /* for the shell, or while it still runs, with what parts it from the rest: "unset X; "; NULL: nothing */
    const char *between; /* what is done while none runs: "cp a b"; NULL: nothing */
    const char *more; /* an option with its value, and a space before it, in place of the one that it has; NULL: none */
    bool as_root;     /* the new one is to be root's */
    bool other_program; /* its command is not the one by which it runs */
};

/* What all findings want of one restart. */
struct doctor_plan {
    char *before;
    char *between;
    char *more;
    bool as_root;
    bool other_program;
};

struct doctor {
    const char *proc; /* "/proc" */
    const char *root; /* before every other absolute path that is the system's: "" */
    const struct options *options;
    struct finding *findings;
    size_t n_findings;
    size_t capacity;
    bool short_of_memory; /* a finding was lost */
    struct doctor_portd portd;
    struct doctor_plan plan;
    cJSON *snapshot;      /* what /snapshot says; NULL: not known */
    bool has_stranger;    /* somebody who is not this portd listens on its TCP port: a new one needs another */
    bool another_answers; /* a portd answers where it is looked for by itself, and something else was said */
    bool own_is_advised;  /* one beside it is to be started, with a TCP port of its own */
    pid_t broken_pid;     /* a portd that is there and does not answer; 0: none */
    pid_t original_pid;   /* an original PortManager that runs; 0: none */
    unsigned patience_ms; /* for one answer of portd */
};

#define DOCTOR_PORT        3030
#define DOCTOR_COMMAND_MAX 16384

/* The machine that we are on. */
void doctor_init(struct doctor *doctor, const struct options *options);

void doctor_deinit(struct doctor *doctor);

/* All checks, in the order in which a person wants to read them. */
void doctor_run(struct doctor *doctor);

/* The worst state of all findings. */
enum finding_state doctor_worst(const struct doctor *doctor);

/* "ok", "warning", "error". Static. */
const char *finding_state_name(enum finding_state state);

/* ---- for the checks ---- */

/* Adds a finding. */
void doctor_say(struct doctor *doctor, const char *check, enum finding_state state, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The remedy of the finding that was added last. */
void doctor_advise(struct doctor *doctor, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "" for root, "sudo " for everybody else. Static. */
const char *doctor_as_root(void);

/* The remedy of the finding that was added last: a restart that has also what those before it want. */
void doctor_advise_restart(struct doctor *doctor, const struct doctor_restart *restart);

/* The findings that a start mends go to the end, and the last of them keeps it. */
void doctor_put_restart_last(struct doctor *doctor);

/* Of a line of words of a shell: how long the first is; is one of them this option of portd's, "range"? */
size_t doctor_word_length(const char *line);
bool doctor_names_option(const char *line, const char *option);

/* The line of portd without those of its options that `more` has, too: portd takes each once. */
void doctor_drop_options(const char *command, const char *more, char *ret_command, size_t size);

/* Until the process has ended. Where nobody reaps it, it is there for ever; it holds nothing then. */
#define DOCTOR_AWAIT_FORMAT "timeout 10 tail --pid=%d -f /dev/null"

void doctor_restart_command(const struct doctor *doctor, const struct doctor_restart *restart, char *ret_command,
                            size_t size);

/* "portctl", with what it takes to reach the portd that was looked at; for root if it must be. Returns `ret_words`. */
const char *doctor_portctl(const struct doctor *doctor, bool as_root, char *ret_words, size_t size);
#define DOCTOR_PORTCTL_MAX (2 * PATH_MAX + 64)

/* The folder of a process below `proc`, the caller's to close; negative: there is none. */
int doctor_open_process(const struct doctor *doctor, pid_t pid);

/* Of a portd that does not answer: reads how it was started. Returns false if the process is no portd. */
bool doctor_read_command(struct doctor *doctor, pid_t pid);

/* Of one that answers: what it has told of that, and of its paths, is made to mean the same here. */
void doctor_settle_command(struct doctor *doctor);

/* A path that the process was told is seen from the folder that it was started in. PATH_MAX bytes; false: not known. */
bool doctor_resolve(const struct doctor *doctor, pid_t pid, const char *path, char *ret_path);

/* Is what is pasted what was shown? False for what is not UTF-8, has control characters, or turns the direction of text. */
bool doctor_can_paste(const char *text);

/* Is a word, not quoted, this option of portd's, "range"? Its value may be behind "=". */
bool doctor_is_option(const char *word, const char *option);

/* Sets the unit of systemd whose main process this is, if it is one's. */
void doctor_find_unit(struct doctor *doctor, pid_t pid);

/* The file of portd's database: the running one's, else where one that is started now would have it. PATH_MAX bytes; false: not known. */
bool doctor_database(const struct doctor *doctor, char *ret_path);

/* Reads a file below `proc`: the caller's to free(). NULL if it cannot be read. */
char *doctor_read_proc(const struct doctor *doctor, const char *name);

/* Where files of one's own go: $HOME, or what the user database says. PATH_MAX bytes. Returns `ret_path`. */
const char *doctor_home(char *ret_path);

/* The socket that a portd started now would have. PATH_MAX bytes. */
void doctor_default_socket(char *ret_path);

/* The database that it would have. PATH_MAX bytes; "": not known. */
void doctor_default_database(char *ret_path);

/* The value of an environment variable; NULL where it is unset or empty. */
const char *doctor_variable(const char *name);

/* free() for CLEANUP(doctor_free_text_at). */
void doctor_free_text_at(char **text);

/* ---- the checks, each in the file of its subject ---- */

/* doctor_portd.c: fills doctor->portd and ->snapshot. */
void doctor_check_portd(struct doctor *doctor);
void doctor_check_version(struct doctor *doctor);

/* doctor_socket.c: why no portd answers at a socket, and who else could put one there. */
void doctor_explain_sockets(struct doctor *doctor, const struct endpoints *endpoints, const struct problem *problem);
void doctor_check_folder(struct doctor *doctor, const char *socket);

/* Of a socket's place: can this user make it, with its missing folders, as portd does? */
bool doctor_can_make(const char *path);
/* A portd answers, be it over TCP: is its Unix socket still there? */
void doctor_check_gone_socket(struct doctor *doctor);

/* doctor_elsewhere.c: says of a portd that was not found and has the database. Returns false if nobody has it. */
bool doctor_explain_lock(struct doctor *doctor);

/* doctor_tcp.c. The first looks and says nothing: it sets has_stranger. */
void doctor_find_stranger(struct doctor *doctor);
void doctor_check_tcp(struct doctor *doctor);
/* The first TCP port from 3031 on that nobody listens on. */
uint16_t doctor_free_tcp_port(void);

/* doctor_range.c */
void doctor_check_range(struct doctor *doctor);
void doctor_check_reserved(struct doctor *doctor);
void doctor_check_room(struct doctor *doctor);

/* doctor_leases.c: from the snapshot. */
void doctor_check_conflicts(struct doctor *doctor);
void doctor_check_owners(struct doctor *doctor);
void doctor_check_clock(struct doctor *doctor);

/* doctor_database.c */
/* Says nothing: sets original_pid. */
void doctor_find_original(struct doctor *doctor);
void doctor_check_disk(struct doctor *doctor);
void doctor_check_damaged(struct doctor *doctor);
void doctor_check_original(struct doctor *doctor);

/* doctor_machine.c */
void doctor_check_kernel(struct doctor *doctor);
void doctor_check_completion(struct doctor *doctor);

/* doctor_spaces.c */
/* Are portd's addresses in another network than ours? */
bool doctor_is_elsewhere(const struct doctor *doctor);
void doctor_check_namespaces(struct doctor *doctor);

#endif
