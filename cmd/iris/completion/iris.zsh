#compdef iris
# Completes iris in zsh. Where iris knows nothing, files are completed.
_iris() {
    local -a found
    local word rest
    while IFS=$'\t' read -r word rest; do
        found+=("${word}:${rest}")
    done < <("${words[1]}" completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( $#found )); then
        _describe -o iris found
    else
        _files
    fi
}
if [[ $funcstack[1] == _iris ]]; then
    _iris "$@"
else
    compdef _iris iris
fi
