# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_meats_env_global_optspecs
    string join \n root= color= h/help V/version
end

function __fish_meats_env_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_meats_env_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_meats_env_using_subcommand
    set -l cmd (__fish_meats_env_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c meats-env -n "__fish_meats_env_needs_command" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_needs_command" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_needs_command" -s V -l version -d 'Print version'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "check" -d 'Tell what is wrong with files; a directory is searched for env files'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "fix" -d 'Repair what needs no question; the rest is listed'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "get" -d 'Print the value of a key as systemd reads it'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "set" -d 'Set a key; the value comes from standard input or --value-file, never from the command line'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "unset" -d 'Remove every line that sets a key, or would set it once it is repaired'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "generate" -d 'Write a new env file with fresh secrets, or one fresh key into an existing file'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "read" -d 'Print what a program reads from a file'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "readers" -d 'Tell which keys programs read differently, and which of the programs run here'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "export" -d 'Print the file written for another program, with the values that systemd reads'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "restore" -d 'Bring back a backup'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "diff" -d 'Show what changed since a backup, values masked'
complete -c meats-env -n "__fish_meats_env_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c meats-env -n "__fish_meats_env_using_subcommand check" -l format -d 'How findings are written' -r -f -a "text\t'With the line, a caret, the reason and the remedy'
short\t'One line a finding, as compilers write it'
json\t'One JSON document'
github\t'Workflow commands of GitHub'
sarif\t'SARIF 2.1.0'"
complete -c meats-env -n "__fish_meats_env_using_subcommand check" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand check" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand check" -l json -d 'The same as --format json'
complete -c meats-env -n "__fish_meats_env_using_subcommand check" -l complete -d 'The file alone feeds a service: report keys that it lacks'
complete -c meats-env -n "__fish_meats_env_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand fix" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand fix" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand fix" -l dry-run -d 'Show what would change, values masked, and change nothing'
complete -c meats-env -n "__fish_meats_env_using_subcommand fix" -s i -l interactive -d 'Ask about what needs a decision'
complete -c meats-env -n "__fish_meats_env_using_subcommand fix" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand get" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand get" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -l value-file -d 'Take the value from this file, byte for byte' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -l readers -d 'Programs that must read the value back (separated by commas); default: systemd and sh' -r
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -l keep-newline -d 'Keep the line end at the end of the value'
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -l dry-run -d 'Show what would change and change nothing'
complete -c meats-env -n "__fish_meats_env_using_subcommand set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand unset" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand unset" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand unset" -l dry-run -d 'Show what would change and change nothing'
complete -c meats-env -n "__fish_meats_env_using_subcommand unset" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l key -d 'Only put a fresh secret into this key of an existing file' -r
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l template -d 'Template instead of the built-in one: an env file whose placeholders are filled' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l set -d 'Value of a key that is no secret (may be repeated)' -r
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l from -d 'Take values from another env file, secrets too' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -l stdout -d 'Print the file instead of writing it'
complete -c meats-env -n "__fish_meats_env_using_subcommand generate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand read" -l as -d 'systemd, systemd:VERSION, sh, dotenv, environ, decouple, compose or docker' -r
complete -c meats-env -n "__fish_meats_env_using_subcommand read" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand read" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand read" -l json -d 'Print one JSON document'
complete -c meats-env -n "__fish_meats_env_using_subcommand read" -s 0 -l null -d 'Print KEY=VALUE entries that end in NUL'
complete -c meats-env -n "__fish_meats_env_using_subcommand read" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand readers" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand readers" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand readers" -l json -d 'Print one JSON document'
complete -c meats-env -n "__fish_meats_env_using_subcommand readers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand export" -l for -d 'systemd, sh, dotenv, environ, decouple, compose, docker or json' -r
complete -c meats-env -n "__fish_meats_env_using_subcommand export" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand export" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand restore" -l file -d 'As it was called before' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand restore" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand restore" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand restore" -l list -d 'List the backups'
complete -c meats-env -n "__fish_meats_env_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand diff" -l file -d 'As it was called before' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand diff" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-env -n "__fish_meats_env_using_subcommand diff" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-env -n "__fish_meats_env_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "check" -d 'Tell what is wrong with files; a directory is searched for env files'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "fix" -d 'Repair what needs no question; the rest is listed'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "get" -d 'Print the value of a key as systemd reads it'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "set" -d 'Set a key; the value comes from standard input or --value-file, never from the command line'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "unset" -d 'Remove every line that sets a key, or would set it once it is repaired'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "generate" -d 'Write a new env file with fresh secrets, or one fresh key into an existing file'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "read" -d 'Print what a program reads from a file'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "readers" -d 'Tell which keys programs read differently, and which of the programs run here'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "export" -d 'Print the file written for another program, with the values that systemd reads'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "restore" -d 'Bring back a backup'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "diff" -d 'Show what changed since a backup, values masked'
complete -c meats-env -n "__fish_meats_env_using_subcommand help; and not __fish_seen_subcommand_from check fix get set unset generate read readers export restore diff help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
