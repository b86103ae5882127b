# Where capsules may be, and which boot this is.
rb_is=
{ read -r rb_is </proc/sys/kernel/random/boot_id; } 2>/dev/null
rb_uid=$(id -u)
rb_place=
for rb_base in "${XDG_STATE_HOME:-${HOME:-/nonexistent}/.local/state}/runbook/capsules" "/var/tmp/runbook-$rb_uid" "/tmp/runbook-$rb_uid"; do
  case $rb_base in /*) ;; *) continue ;; esac
  (umask 077; exec mkdir -p "$rb_base") 2>/dev/null
  # In a directory that everybody may write to, somebody else may have been first.
  if [ -d "$rb_base" ] && [ -O "$rb_base" ] && ! [ -L "$rb_base" ] && (echo x >"$rb_base/.try.$$") 2>/dev/null; then
    rm -f "$rb_base/.try.$$"
    rb_place=$rb_base
    break
  fi
done
rb_began
printf '%s\n%s\n' "$rb_is" "$rb_place"
rb_ended done
if [ -n "$rb_place" ]; then
  exec >/dev/null 2>&1
  find "$rb_place" -mindepth 1 -maxdepth 1 -type d -mtime "+$rb_days" | while read -r rb_d; do
    # One without an outcome may still run.
    { read -r rb_x rb_y <"$rb_d/claim"; } 2>/dev/null || rb_x=
    if [ -e "$rb_d/code" ] || [ "$rb_x" = engine ] || [ "$rb_y" != "$rb_is" ]; then rm -rf "$rb_d"; fi
  done
fi
