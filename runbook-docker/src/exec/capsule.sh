# Runs a command, and leaves its exit code in the file "$1": the engine forgets it when nobody takes the output.
RB_CODE=$1
shift
(
    unset RB_CODE
    "$@"
)
set -- "$?"
(
    umask 077
    set -C
    echo "$1" >"$RB_CODE.part" && mv -f "$RB_CODE.part" "$RB_CODE"
) 2>/dev/null
exit "$1"
