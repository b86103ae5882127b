# Ends processes. rb_end GROUP MARK TENTHS SPARE: whoever is in the group or session, or carries the mark, and is not
# spared gets TERM, after so many tenths of a second KILL. Prints who is left.
rb_find() {
  rb_found=
  rb_marked=" $(grep -l "$2" /proc/[0-9]*/environ 2>/dev/null | tr '\n' ' ')"
  for rb_d in /proc/[0-9]*; do
    rb_p=${rb_d#/proc/}
    case $3 in *" $rb_p "*) continue ;; esac
    { read -r rb_line <"$rb_d/stat"; } 2>/dev/null || continue
    rb_rest=${rb_line##*) }
    rb_state=${rb_rest%% *}
    case $rb_state in Z | X) continue ;; esac
    rb_rest=${rb_rest#* * }
    rb_group=${rb_rest%% *}
    rb_rest=${rb_rest#* }
    if [ "$rb_group" != "$1" ] && [ "${rb_rest%% *}" != "$1" ]; then
      case $rb_marked in *" $rb_d/environ "*) ;; *) continue ;; esac
    fi
    rb_found="$rb_found $rb_p"
  done
  [ -n "$rb_found" ]
}
rb_end() {
  rb_asked=' ' rb_t=0
  while rb_find "$1" "$2" "$4" && [ "$rb_t" -lt "$3" ]; do
    for rb_p in $rb_found; do
      case $rb_asked in *" $rb_p "*) continue ;; esac
      rb_asked="$rb_asked$rb_p "
      kill -TERM "$rb_p" 2>/dev/null
      kill -CONT "$rb_p" 2>/dev/null
    done
    sleep 0.1 2>/dev/null || { sleep 1; rb_t=$((rb_t + 9)); }
    rb_t=$((rb_t + 1))
  done
  rb_t=0
  while [ -n "$rb_found" ] && rb_find "$1" "$2" "$4" && [ "$rb_t" -lt 20 ]; do
    for rb_p in $rb_found; do kill -KILL "$rb_p" 2>/dev/null; done
    sleep 0.1 2>/dev/null || { sleep 1; rb_t=$((rb_t + 9)); }
    rb_t=$((rb_t + 1))
  done
  for rb_p in $rb_found; do
    rb_name=
    { read -r rb_name <"/proc/$rb_p/comm"; } 2>/dev/null
    printf 'process %s (%s)\n' "$rb_p" "$rb_name"
  done
}
