#compdef iris
# Completes iris in zsh. Where iris knows nothing, files are completed. Names of clusters and
# topics come from strangers: zsh quotes what it puts on the command line.
_iris() {
    local -a found
    local word rest last=${(Q)PREFIX}
    while IFS=$'\t' read -r word rest; do
        found+=("${word//:/\\:}:${rest}")
    done < <("${words[1]}" completion words -- "${(@Q)words[2,CURRENT-1]}" "$last" 2>/dev/null)
    if (( $#found )); then
        _describe iris found
    else
        _files
    fi
}
if [[ $funcstack[1] == _iris ]]; then
    _iris "$@"
else
    compdef _iris iris
fi
