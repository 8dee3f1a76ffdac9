# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_meats_diagnose_global_optspecs
    string join \n json html= prometheus= watch= q/quiet fix dry-run y/yes only= brief flat plugin scope= root= color= v/verbose h/help V/version
end

function __fish_meats_diagnose_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_meats_diagnose_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_meats_diagnose_using_subcommand
    set -l cmd (__fish_meats_diagnose_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l html -d 'Also write a self-contained HTML page' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l prometheus -d 'Also write metrics for node_exporter\'s textfile collector' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l watch -d 'Look again every SECONDS and tell what changed' -r
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l only -d 'Only these findings (ids or names, separated by commas)' -r
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l scope -d 'Ask only for what this user can see' -r -f -a "all\t'Everything; what this user cannot see makes the result incomplete'
reachable\t'What this user can see'"
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l color -d 'Colours' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set or TERM is dumb'
always\t''
never\t''"
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l json -d 'Print one JSON document'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -s q -l quiet -d 'Print nothing; the exit status tells'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l fix -d 'Show the repairs, ask, apply, check again'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l dry-run -d 'Show what --fix would do and change nothing'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -s y -l yes -d 'Do not ask before repairing'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l brief -d 'Only the verdict and the next step'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l flat -d 'Do not fold symptoms under their cause'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -l plugin -d 'One line for a monitoring plugin; usage errors and "could not look" are 3'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -s v -l verbose -d 'Also list what was checked and is well'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -s V -l version -d 'Print version'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "explain" -d 'All about one finding, by id or name'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "failures" -d 'Records of failures, the newest first'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "config" -d 'Every setting in force, with its origin'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "probe" -d 'Ask the health path; exit status 0 if it answers, else 3'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "undo" -d 'Take the last repair of --fix back, where nothing changed since'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "bundle" -d 'Pack what a helper needs to know, without secrets, as tar.zst'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "unit" -d 'The unit in force, and how yours differs from the generated one'
complete -c meats-diagnose -n "__fish_meats_diagnose_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand explain" -l list -d 'List every id, name and summary'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand explain" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand failures" -l since -d 'Only failures since then: 2h, 3d, yesterday, "2026-11-25 14:00"' -r
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand failures" -l root -d 'Look at the tree below DIR instead of the running system' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand failures" -l json -d 'Print one JSON document; with --follow one object a line'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand failures" -s f -l follow -d 'Go on and print each failure as it is recorded'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand failures" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand config" -l get -d 'Only the value of one setting' -r
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand config" -l root -d 'Read the settings below DIR' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand config" -l json -d 'Print JSON'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand config" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand probe" -l wait -d 'Keep trying for so many seconds' -r
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand probe" -l connect -d 'Only connect, do not ask for a page'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand probe" -l strike -d 'Count a bad answer; restart the service after too many in a row (the watchdog)'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand probe" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand undo" -l root -d 'Look at the tree below DIR' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand undo" -l list -d 'List the repairs that are recorded'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand undo" -l dry-run -d 'Show what would be done and change nothing'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand undo" -s y -l yes -d 'Do not ask'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand undo" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand bundle" -l root -d 'Look at the tree below DIR' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand bundle" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -l export -d 'Write the full units as files into DIR, for use without this package' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -l root -d 'Look at the tree below DIR' -r -F
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -l generated -d 'Print the full units that are used without an administrator\'s unit'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -l adopt -d 'Move the administrator\'s unit aside and use the generated one with his settings'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -l undo -d 'Put the unit that --adopt moved aside back'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -l dry-run -d 'Show what --adopt, --undo or --export would do and change nothing'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -s y -l yes -d 'Do not ask'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand unit" -s h -l help -d 'Print help'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "explain" -d 'All about one finding, by id or name'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "failures" -d 'Records of failures, the newest first'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "config" -d 'Every setting in force, with its origin'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "probe" -d 'Ask the health path; exit status 0 if it answers, else 3'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "undo" -d 'Take the last repair of --fix back, where nothing changed since'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "bundle" -d 'Pack what a helper needs to know, without secrets, as tar.zst'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "unit" -d 'The unit in force, and how yours differs from the generated one'
complete -c meats-diagnose -n "__fish_meats_diagnose_using_subcommand help; and not __fish_seen_subcommand_from explain failures config probe undo bundle unit help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
