# Sends the signal "$1" to every process whose environment has the line "$2", to those of the list "$3", and to
# their descendants. Prints which those are: none when all have ended.
ours=" $3 "
for place in /proc/[0-9]*; do
    if tr '\0' '\n' 2>/dev/null <"$place/environ" | grep -qxF -- "$2"; then ours="$ours${place#/proc/} "; fi
done 2>/dev/null
alive=" "
grown=yes
while [ "$grown" = yes ]; do
    grown=no
    for place in /proc/[0-9]*; do
        pid=${place#/proc/}
        case "$alive" in *" $pid "*) continue ;; esac
        state= parent=
        while read -r key value rest; do
            case $key in State:) state=$value ;; PPid:) parent=$value && break ;; esac
        done <"$place/status"
        # What has ended and was not waited for yet is no process to be signalled.
        case "$state" in '' | Z | X) continue ;; esac
        case "$ours" in *" $pid "* | *" $parent "*) ;; *) continue ;; esac
        ours="$ours$pid "
        alive="$alive$pid "
        grown=yes
    done 2>/dev/null
done
for pid in $alive; do kill -"$1" "$pid" 2>/dev/null; done
echo $alive
