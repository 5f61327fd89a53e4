# SPDX-License-Identifier: MIT
# fish completion for sheaf. What may stand where is said by the program itself: src/cli/complete.h.

function __sheaf_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    for line in ($words[1] --complete $words[2..-1] "$token" 2>/dev/null)
        switch $line
            case :files :directories
                set -l before (string match -r '^.*=' -- $token)
                set -l value (string replace -r '^.*=' '' -- $token)
                for path in (if test $line = :files; __fish_complete_path $value; else; __fish_complete_directories $value; end)
                    echo "$before$path"
                end
            case '*'
                echo $line
        end
    end
end

complete -c sheaf -f -a '(__sheaf_complete)'
