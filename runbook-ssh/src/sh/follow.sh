# Follows a capsule that another connection has started, or makes sure that it never begins.
# rb_nonce, rb_base, rb_name, rb_boot, rb_pattern (the name, not matching itself), rb_skip_out, rb_skip_err are set.
rb_is=
{ read -r rb_is </proc/sys/kernel/random/boot_id; } 2>/dev/null
rb_dir=$rb_base/$rb_name
rb_alive() {
  if [ -d /proc/self ]; then grep -q "$rb_pattern" "/proc/$rb_pid/cmdline" 2>/dev/null
  else kill -0 "$rb_pid" 2>/dev/null; fi
}
rb_skip() {
  dd bs=65536 count=$(($1 / 65536)) >/dev/null 2>&1
  dd bs=1 count=$(($1 % 65536)) >/dev/null 2>&1
}
rb_pid= rb_ran=
if [ "$rb_is" != "$rb_boot" ] && ! [ -s "$rb_dir/code" ]; then rb_say unknown boot
else
  (umask 077; exec mkdir -p "$rb_dir") 2>/dev/null
  if ! [ -e "$rb_dir/claim" ] && (set -C; echo engine >"$rb_dir/claim") 2>/dev/null; then rb_say never
  elif ! [ -e "$rb_dir/claim" ]; then rb_say unknown place
  else
    while { read -r rb_pid rb_ran <"$rb_dir/claim"; } 2>/dev/null; [ -z "$rb_pid" ]; do
      # Who claims it writes its name a moment later.
      grep -l "$rb_pattern" /proc/[0-9]*/cmdline >/dev/null 2>&1 || { read -r rb_pid rb_ran <"$rb_dir/claim" || rb_pid=engine; break; }
      sleep 0.1 2>/dev/null || sleep 1
    done
    if [ "$rb_pid" = engine ]; then rb_say never
    else
      exec 4<"$rb_dir/out" 5<"$rb_dir/err"
      [ "$rb_skip_out" = 0 ] || rb_skip "$rb_skip_out" <&4
      [ "$rb_skip_err" = 0 ] || rb_skip "$rb_skip_err" <&5
      rb_began
      (
        while read -r rb_x <&3; do
          trap rb_last=1 USR1
          cat <&4
          cat <&5 >&2
          [ -z "$rb_last" ] || exit 0
          trap - USR1
        done
      ) &
      rb_shower=$!
      rb_nap=0.01
      while ! [ -s "$rb_dir/code" ] && rb_alive; do sleep "$rb_nap" 2>/dev/null || sleep 1; rb_nap=0.1; done
      rb_finish
    fi
  fi
fi
