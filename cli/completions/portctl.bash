# Completes portctl's words in bash. portctl itself knows what can stand where; it gets the line as it is, and what it
# answers is quoted already, so nothing here is evaluated.
# shellcheck shell=bash

_portctl() {
    local program=${1/#\~\//$HOME/} line=${COMP_LINE:0:COMP_POINT} last
    type -P -- "$program" >/dev/null || program=portctl
    mapfile -t COMPREPLY < <(COLUMNS=${COLUMNS-} command "$program" __complete bash "$line" "$2" "${COMP_TYPE-}" 2>/dev/null)
    ((${#COMPREPLY[@]} > 0)) || return 0
    last=${COMPREPLY[-1]}
    unset 'COMPREPLY[-1]'
    # compopt fails where nobody completes, in a test say.
    case $last in
        :files) compopt -o default 2>/dev/null || : ;;
        :directories) compopt -o dirnames 2>/dev/null || : ;;
        ':command '*) _portctl_program "$line" "${last#:command * }" "$2" ;;
    esac
}

# The program of `portctl run`: what bash has for it. LINE is all of it, up to the cursor, REST what begins with the program,
_portctl_program() {
    local line=$1 rest=$2 i behind=$1
    for ((i = 0; i <= COMP_CWORD; i++)); do
        behind=${behind#*"${COMP_WORDS[i]}"}
        ((${#line} - ${#behind} <= ${#line} - ${#rest})) || break
    done
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$i"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$i"
    elif ((i >= COMP_CWORD)); then
        compopt -o filenames -o default 2>/dev/null || :
        mapfile -t COMPREPLY < <(compgen -c -- "$3" | sort -u)
    else
        compopt -o default 2>/dev/null || :
    fi
}

complete -F _portctl portctl
