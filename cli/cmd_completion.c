/*
 * completion: the script by which a shell completes portctl's words. The scripts are small: they ask portctl itself (complete.h).
 */
#include <stdio.h>

#include "cli/command.h"
#include "cli/completions.h"
#include "cli/shell_line.h"

static int cmd_completion(const struct invocation *invocation, int *ret_exit_code, struct problem *problem) {
    const struct completion *script = &completions[shell_find(invocation->operands.items[0])];

    (void)problem;
    fwrite(script->text, 1, (size_t)(script->end - script->text), stdout);
    *ret_exit_code = EXIT_YES;
    return 0;
}

const struct command command_completion = {
    .name = "completion",
    .summary = "print a script that completes portctl's words in a shell",
    .usage = "bash|zsh|fish [options]",
    .details = "With it the Tab key knows commands, options and their values, and the services and ports that\n"
               "portd has right now. Packages install it; else the shell's start-up file can load it. zsh wants\n"
               "that behind compinit.\n",
    .n_least = 1,
    .n_most = 1,
    .first = OPERAND_WORD,
    .words = shell_names,
    .examples = {{"source <(portctl completion bash)", "in ~/.bashrc"},
                 {"source <(portctl completion zsh)", "in ~/.zshrc"},
                 {"portctl completion fish | source", "in ~/.config/fish/config.fish"}},
    .function = cmd_completion,
};
