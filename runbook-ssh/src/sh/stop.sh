# Ends a capsule's command. rb_base, rb_name, rb_why, rb_grace, rb_mark are set, rb_stop ends what it has started.
rb_dir=$rb_base/$rb_name
(umask 077; exec mkdir -p "$rb_dir") 2>/dev/null
rb_began
if (set -C; echo engine >"$rb_dir/claim") 2>/dev/null; then rb_ended never
elif [ -s "$rb_dir/code" ]; then rb_ended done
else
  rb_pid=
  for rb_x in 1 2 3 4 5; do
    { read -r rb_pid rb_x <"$rb_dir/claim"; } 2>/dev/null
    [ -z "$rb_pid" ] || break
    sleep 0.1 2>/dev/null || sleep 1
  done
  echo "$rb_why" >"$rb_dir/stopped" 2>/dev/null
  case $rb_pid in
    '' | engine) ;;
    *)
      # The capsule itself is to write down how its command ended.
      rb_stop "$rb_pid" "$rb_mark" "$rb_grace" " $$ $rb_pid "
      ;;
  esac
  rb_ended done
fi
