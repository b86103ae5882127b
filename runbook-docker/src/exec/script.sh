# Reads a script from standard input up to the line "$1", and runs it with fail-fast on. What follows that line is the
# script's own input; there is none when "$2" is `closed`. `read` takes not a byte more than its line.
RB_TEXT= RB_LINE=
while IFS= read -r RB_LINE && [ "$RB_LINE" != "$1" ]; do
    RB_TEXT="$RB_TEXT$RB_LINE
"
done
if [ "$RB_LINE" != "$1" ]; then
    echo 'the script did not arrive whole, and was not begun' >&2
    exit 125
fi
if [ "$2" = closed ]; then exec </dev/null; fi
set --
if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi
set -eu
eval "unset RB_TEXT RB_LINE
$RB_TEXT"
