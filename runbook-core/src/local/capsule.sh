# Runs a command so that its outcome is known even when the engine that started it is gone.
# $1: directory of the attempt, $2: identity of this boot, $3: token of the attempt, then the command.
# Assigns no variable: one that came with the environment would change for the command too.
exec 3>&2 2>/dev/null
trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2
set -C
echo "$$ $2" >"$1/claim" || exit 0
(shift 3; exec "$@" 2>&3 3>&-)
set -- "$1" "$?"
echo "$2" >"$1/code"
exit "$2"
