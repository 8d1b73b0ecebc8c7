/*
 * doctor: what this kernel lets PortManager do, and whether the shell knows portctl.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/doctor.h"
#include "cli/remap.h"
#include "probe/sock_diag.h"
#include "src/base/text.h"

#define WORD_MAX (2 * PATH_MAX)

/* ---- the kernel ---- */

/* In a child, for a filter cannot be taken off again. */
static bool can_remap(void) {
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        int fd = -1;
        int r = remap_filter_install(&fd);

        _exit(r == 0 || r == REMAP_E_NESTED ? 0 : 1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void doctor_check_kernel(struct doctor *doctor) {
    CLEANUP(sock_diag_free_at) struct sock_diag *diag = NULL;
    int r = sock_diag_new(&diag);

    if (r < 0) {
        doctor_say(doctor, "kernel", FINDING_ERROR,
                   "the kernel's socket table cannot be read (sock_diag: %s): portd cannot start", strerror(-r));
        doctor_advise(doctor, "%smodprobe -a inet_diag tcp_diag", doctor_as_root());
    } else if (sock_diag_sees_bound(diag)) {
        doctor_say(doctor, "kernel", FINDING_OK,
                   "the kernel shows all sockets, those that are bound and do not listen, too");
    } else {
        doctor_say(doctor, "kernel", FINDING_OK,
                   "the kernel does not show sockets that are bound and do not listen (Linux 6.8 does)");
    }
    if (can_remap())
        doctor_say(doctor, "remap", FINDING_OK, "portctl run --remap works here");
    else
        doctor_say(doctor, "remap", FINDING_OK,
                   "portctl run --remap does not work here: it needs Linux 5.6, and no sandbox that forbids it");
}

/* ---- completions ---- */

/* Where a shell looks for what it completes with: a person's own file first, then the machine's. */
struct shell {
    const char *name;
    const char *variable; /* whose folder the own one is in; NULL: none */
    const char *usual;    /* the same folder below the home */
    const char *own;      /* below that */
    const char *shared[4];
};

static const struct shell shells[] = {
    {"bash",
     "XDG_DATA_HOME",
     ".local/share",
     "bash-completion/completions/portctl",
     {"/usr/share/bash-completion/completions/portctl", "/usr/local/share/bash-completion/completions/portctl",
      "/etc/bash_completion.d/portctl"}},
    {"zsh",
     "XDG_DATA_HOME",
     ".local/share",
     "zsh/site-functions/_portctl",
     {"/usr/share/zsh/vendor-completions/_portctl", "/usr/share/zsh/site-functions/_portctl",
      "/usr/local/share/zsh/site-functions/_portctl"}},
    {"fish",
     "XDG_CONFIG_HOME",
     ".config",
     "fish/completions/portctl.fish",
     {"/usr/share/fish/vendor_completions.d/portctl.fish", "/usr/local/share/fish/vendor_completions.d/portctl.fish"}},
};

static const struct shell *find_shell(const char *path) {
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;
    const char *name = slash != NULL ? slash + 1 : path;

    for (size_t i = 0; name != NULL && i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(name, shells[i].name) == 0)
            return &shells[i];
    return NULL;
}

/* An empty one is what is left of a command that failed. */
static bool is_there(const char *path) {
    struct stat there;

    return stat(path, &there) == 0 && S_ISREG(there.st_mode) && there.st_size > 0;
}

static bool is_shared(const struct doctor *doctor, const struct shell *shell) {
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof shell->shared / sizeof shell->shared[0] && shell->shared[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s%s", doctor->root, shell->shared[i]);
        if (is_there(path))
            return true;
    }
    return false;
}

static void find_own(const struct shell *shell, char *ret_path) {
    const char *set = doctor_variable(shell->variable);
    char home[PATH_MAX];
    int length;

    if (set != NULL && set[0] == '/')
        length = snprintf(ret_path, PATH_MAX, "%s/%s", set, shell->own);
    else
        length = snprintf(ret_path, PATH_MAX, "%s/%s/%s", doctor_home(home), shell->usual, shell->own);
    if (length >= PATH_MAX)
        ret_path[0] = '\0';
}

static bool holds(const char *settings, const char *words) {
    CLEANUP(fd_close_at) int fd = open(settings, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char text[65536];
    ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;

    text[length > 0 ? length : 0] = '\0';
    return strstr(text, words) != NULL;
}

/* `source <(portctl completion bash)`, as some have it in their shell's start-up file. */
static bool is_sourced(const struct shell *shell, const char *zdotdir) {
    char home[PATH_MAX];
    char path[PATH_MAX + 32];

    if (strcmp(shell->name, "zsh") == 0)
        snprintf(path, sizeof path, "%s/.zshrc", zdotdir != NULL ? zdotdir : doctor_home(home));
    else
        snprintf(path, sizeof path, "%s/%s", doctor_home(home),
                 strcmp(shell->name, "bash") == 0 ? ".bashrc" : ".config/fish/config.fish");
    return holds(path, "portctl completion");
}

static void advise_completion(struct doctor *doctor, const struct shell *shell, const char *path,
                              const char *settings) {
    char folder[PATH_MAX];
    char folder_word[WORD_MAX];
    char word[WORD_MAX];
    char more[2 * WORD_MAX + 128] = "";

    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    text_quote_word(folder, folder_word, sizeof folder_word);
    if (settings[0] != '\0')
        snprintf(more, sizeof more, " && echo 'fpath=(%s $fpath); autoload -Uz compinit; compinit' >> %s", folder,
                 text_quote_word(settings, word, sizeof word));
    doctor_advise(doctor, "mkdir -p %s && portctl completion %s > %s%s", folder_word, shell->name,
                  text_quote_word(path, word, sizeof word), more);
}

void doctor_check_completion(struct doctor *doctor) {
    const char *wanted = doctor_variable("SHELL");
    const struct shell *shell = find_shell(wanted);
    const char *zdotdir = doctor_variable("ZDOTDIR");
    char home[PATH_MAX];
    char path[PATH_MAX];
    char settings[PATH_MAX + 16] = "";

    if (shell == NULL) {
        doctor_say(doctor, "completion", FINDING_OK,
                   "there are no completions for %s; there are for bash, zsh and fish",
                   wanted != NULL ? wanted : "a shell that SHELL does not name");
        return;
    }
    find_own(shell, path);
    if (strcmp(shell->name, "zsh") == 0) {
        snprintf(settings, sizeof settings, "%s/.zshrc", zdotdir != NULL ? zdotdir : doctor_home(home));
        /* zsh looks only where its fpath says, and by itself that is nowhere in a home. */
        if (holds(settings, "zsh/site-functions"))
            settings[0] = '\0';
    }
    if (is_shared(doctor, shell) || is_sourced(shell, zdotdir) || path[0] == '\0' ||
        (is_there(path) && settings[0] == '\0')) {
        doctor_say(doctor, "completion", FINDING_OK, "%s completes portctl's commands, names and ports", shell->name);
        return;
    }
    if (!doctor_can_make(path)) {
        doctor_say(doctor, "completion", FINDING_OK,
                   "%s does not complete portctl's commands, and you have no folder where it would look for that",
                   shell->name);
        return;
    }
    doctor_say(
        doctor, "completion", FINDING_WARNING,
        "%s does not complete portctl's commands, names and ports; it will in shells that are started after this",
        shell->name);
    advise_completion(doctor, shell, path, settings);
}
