# Completes iris in bash. Where iris knows nothing, files are completed.
#
# Names of clusters and topics come from strangers: what is put on the command line is quoted,
# and nothing here expands a word.
_iris() {
    local words=() rest=$COMP_LINE piece word="" cut="" quote="" i
    COMPREPLY=()
    # bash parts words at characters such as ":", too. Those that no space parts are one.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
            ((i > 1)) && words+=("$(_iris_plain "$word")")
            rest=${rest#"${rest%%[![:space:]]*}"}
            word=$piece cut=
        else
            cut=$word
            word+=$piece
        fi
        rest=${rest#"$piece"}
    done
    # What bash replaces begins behind the last of these characters.
    [[ -n $cut && $piece == [:=@] ]] && cut+=$piece
    case $word in
    \'*\'* | \"*[\"\\\$\`]* | [!\'\"]*[\'\"]*) return ;; # quotes in a word
    \'* | \"*) quote=${word:0:1} ;;
    esac
    words+=("$(_iris_plain "$word")")
    while IFS=$'\t' read -r word rest; do
        case $quote in
        "") printf -v word %q "$word" ;;
        \') [[ $word == *\'* ]] && continue ;; # it would end the quote
        *) [[ $word == *[\"\$\`\\!]* ]] && continue ;; # they mean something in it
        esac
        COMPREPLY+=("${word#"$cut"}")
    done < <("$1" completion words -- "${words[@]}" 2>/dev/null)
}
# Prints a word without the quotes around it, or the backslashes in it.
_iris_plain() {
    local word=$1
    case $word in
    [\'\"]*)
        word=${word%"${1:0:1}"}
        word=${word:1}
        ;;
    *\\*) IFS= read word <<<"$word" ;;
    esac
    printf %s "$word"
}
complete -o default -F _iris iris
