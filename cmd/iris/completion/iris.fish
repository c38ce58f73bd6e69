# Completes iris in fish, beside files.
function __iris_words
    set -l given (commandline -opc)
    command $given[1] completion words -- $given[2..-1] (commandline -ct) 2>/dev/null
end
complete -c iris -a '(__iris_words)'
