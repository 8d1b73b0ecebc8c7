# Completes portctl's words in fish. portctl itself knows what can stand where; it gets the line as it is, and fish quotes what
# it answers, so nothing here is evaluated.

function __portctl_complete
    set -l program (commandline -opc)[1]
    type -q -- $program; or set program portctl
    set -l lines (command $program __complete fish (commandline -cp | string collect) 2>/dev/null)
    set -q lines[1]; or return
    set -l last $lines[-1]
    set -e lines[-1]
    if set -q lines[1]
        printf '%s\n' $lines
    end
    set -l word (commandline -ct)
    set -l lead (string match -r -- '^--[^=]*=' $word)
    switch $last
        case ':files'
            printf '%s\n' "$lead"(__fish_complete_path (string replace -r -- '^--[^=]*=' '' $word))
        case ':directories'
            printf '%s\n' "$lead"(__fish_complete_directories (string replace -r -- '^--[^=]*=' '' $word))
        case ':command *'
            complete -C (string replace -r -- '^:command \d+ ' '' $last)
    end
end

complete -c portctl -f -k -a '(__portctl_complete)'
