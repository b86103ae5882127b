# Starts a capsule and shows what its command writes.
# rb_nonce, rb_base, rb_name, rb_boot, rb_cwd, rb_text, rb_capsule are set; 3 is the engine.
rb_is=
{ read -r rb_is </proc/sys/kernel/random/boot_id; } 2>/dev/null
rb_dir=$rb_base/$rb_name
if [ "$rb_is" != "$rb_boot" ]; then rb_say not-started boot
elif ! (umask 077; exec mkdir "$rb_dir") 2>/dev/null; then rb_say not-started place
elif ! (: >"$rb_dir/out" && : >"$rb_dir/err") 2>/dev/null; then rb_say not-started place
elif [ -n "$rb_cwd" ] && ! cd "$rb_cwd" 2>/dev/null; then rb_say not-started cwd
else
  exec 4<"$rb_dir/out" 5<"$rb_dir/err"
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
  rb_detach=
  command -v setsid >/dev/null 2>&1 && rb_detach=setsid
  printf '%s' "$rb_text" | $rb_detach sh -c "$rb_capsule" runbook-capsule "$rb_dir" "$rb_boot" "$rb_name" >>"$rb_dir/out" 2>>"$rb_dir/err" 3<&- 4<&- 5<&-
  rb_finish
fi
