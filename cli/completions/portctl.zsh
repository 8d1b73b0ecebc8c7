#compdef portctl
# Completes portctl's words in zsh. portctl itself knows what can stand where; it gets the line as it is, and compadd quotes
# what it answers, so nothing here is evaluated.

_portctl() {
    local program=${${(Q)words[1]}/#\~\//$HOME/} line last
    local -a lines values shown
    (( $+commands[$program] )) || [[ $program == */* && -x $program ]] || program=portctl
    lines=("${(@f)$(COLUMNS=$COLUMNS command $program __complete zsh "${(j: :)words[1,CURRENT-1]} $QIPREFIX$IPREFIX$PREFIX" 2>/dev/null)}")
    last=$lines[-1]
    shift -p lines
    for line in "${(@)lines}"; do
        values+=("${line%%$'\t'*}")
        if [[ $line == *$'\t' ]]; then
            shown+=("$values[-1]")
        else
            shown+=("$values[-1]  -- ${line#*$'\t'}")
        fi
    done
    case $last in
        (:files | :directories)
            compset -P '--*='
            if [[ $last == :files ]]; then _files; else _files -/; fi
            ;;
        (':command '*)
            last=${${last#:command }%% *}
            words=("${(@)words[last+1,-1]}")
            (( CURRENT -= last ))
            _normal
            ;;
        (*) (( $#values )) && compadd -l -V portctl -d shown -a values ;;
    esac
}

if [[ $funcstack[1] == _portctl ]]; then
    _portctl "$@"
else
    compdef _portctl portctl
fi
