# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_meats_deploy_global_optspecs
    string join \n h/help V/version
end

function __fish_meats_deploy_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_meats_deploy_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_meats_deploy_using_subcommand
    set -l cmd (__fish_meats_deploy_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -s V -l version -d 'Print version'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "check" -d 'Look at everything that a deployment needs; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "setup" -d 'Bring a fresh Debian to HTTP 200: database, env file, release, nginx'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "apply" -d 'Deploy: check, static files, migrations, trial start, restart, ask'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "rollback" -d 'Go back to a complete release; the database is not touched'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "releases" -d 'List the releases'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "prune" -d 'Remove old and failed releases, old dumps, old logs'
complete -c meats-deploy -n "__fish_meats_deploy_needs_command" -f -a "docker" -d 'The Docker fallback'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand check" -l json -d 'As JSON'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand check" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l from -d 'The code of the first release: a directory, an archive or (with --ref) a git repository' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l ref -d 'Branch, tag or commit of the git repository that --from names: a directory or a URL' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l host -d 'Name of the site (may be repeated, or a list with commas); the first is what is asked' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l port -d 'Port of the site' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l name -d 'Name of the release [default: date and time, UTC]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l wheelhouse -d 'Install from the wheels in this directory; nothing is fetched' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l timeout -d 'How long the new code may take to become healthy' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l install -d 'Let apt install what is missing of postgresql, nginx and python3-venv'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l no-web -d 'Leave nginx alone'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -l dry-run -d 'Print the steps, what each changes and how it is undone; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand setup" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -l from -d 'Make a release of this directory, archive or (with --ref) git repository and switch to it; without it the code in the working directory is deployed in place' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -l ref -d 'Branch, tag or commit of the git repository that --from names: a directory or a URL' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -l name -d 'Name of the release [default: date and time, UTC]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -l wheelhouse -d 'Install from the wheels in this directory; nothing is fetched' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -l timeout -d 'How long the new code may take to become healthy' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -l dry-run -d 'Print the steps, what each changes and how it is undone; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand apply" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand rollback" -l timeout -d 'How long the release may take to become healthy' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand rollback" -l dry-run -d 'Print the steps; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand rollback" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand releases" -l json -d 'As JSON'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand releases" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand prune" -l keep -d 'Complete releases that stay besides the live one, and dumps; at least one' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand prune" -l dry-run -d 'Print the steps; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand prune" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "init" -d 'Write compose file, image recipe, nginx site and .env.prod'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "check" -d 'Validate the written set with compose itself'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "up" -d 'Build the image, start database, migrations, application and web server, ask until healthy'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "down" -d 'Stop the stack and remove its containers; volumes stay'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "status" -d 'State of each container; exit 0 when all are healthy'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "logs" -d 'The last lines of the containers\' output'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "migrate" -d 'Move the running service into the stack, or back, without a refused request'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and not __fish_seen_subcommand_from init check up down status logs migrate watch" -f -a "watch" -d 'Restart what stays unhealthy; the timer meats-docker-watch runs it'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l base -d 'Base image of the application: one with python3 and its venv module [default: as before, at first python:3.11-slim-bookworm]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l db-image -d 'Image of the database: one with the programs of PostgreSQL [default: as before, at first that of the host\'s own version, or postgres:15-bookworm]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l db-user -d 'Numeric user and group that the database image runs PostgreSQL as [default: as before, at first 999:999]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l web-image -d 'Image of the web server: one with nginx [default: as before, at first nginx:1.26-bookworm]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l listen -d 'Where the stack listens [default: as before, at first 127.0.0.1:8080]' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -l dry-run -d 'Print what would be written; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from check" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -l from -d 'Build from this checkout [default: the code of the host]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -l wheelhouse -d 'Install from the wheels in this directory, and those of earlier runs; nothing is fetched' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -l timeout -d 'How long each container may take to become healthy' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -l swarm -d 'As a stack of Docker\'s Swarm, with rolling updates that are taken back when they fail'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -l dry-run -d 'Print the steps; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from up" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from down" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from down" -l swarm -d 'The stack of Docker\'s Swarm'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from down" -l keep-containers -d 'Stop the containers and leave them'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from down" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from status" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from status" -l json -d 'As JSON'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from logs" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from logs" -l lines -d 'Lines of each container' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from migrate" -l dir -d 'Directory of the set [default: docker below app_dir]' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from migrate" -l wheelhouse -d 'Install from the wheels in this directory, and those of earlier runs; nothing is fetched' -r -F
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from migrate" -l timeout -d 'How long each part may take to become healthy' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from migrate" -l back -d 'Back to the host itself'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from migrate" -l dry-run -d 'Print the steps; change nothing'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from watch" -l patience -d 'A container that started less than so long ago is left alone' -r
complete -c meats-deploy -n "__fish_meats_deploy_using_subcommand docker; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
