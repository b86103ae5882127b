# Runs a command so that its outcome is known even when the connection and the engine are gone.
# $1: directory of the attempt, $2: identity of this boot, $3: name of the attempt. The command comes on standard input.
trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2
rb_text=$(cat)
case $rb_text in *"#$3") ;; *) exit 125 ;; esac
exec 9>&2 2>/dev/null </dev/null
set -C
echo "$$ $2" >"$1/claim" || exit 125
set +C
# What waits for the command must not end before it; programs that are started have no traps.
(trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2; exec 2>&9 9>&-; eval "$rb_text")
rb_code=$?
echo "$rb_code" >"$1/code"
exit "$rb_code"
