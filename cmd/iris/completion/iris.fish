# Completes iris in fish. Where iris knows nothing, files are completed. fish quotes what it puts
# on the command line.
function __iris_words
    set -l given (commandline -opc)
    set -l typed (commandline -ct)
    # Without its quotes, of which the last may not be closed.
    set -l last (string unescape -- "$typed"; or string unescape -- "$typed'"; or string unescape -- "$typed\"")
    set -l found (command $given[1] completion words -- $given[2..-1] "$last[1]" 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c iris -f -a '(__iris_words)'
