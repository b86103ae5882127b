rb_began() { printf '%sB\n' "$rb_nonce"; printf '%sB\n' "$rb_nonce" >&2; }
rb_ended() { printf '%sE%s\n' "$rb_nonce" "$1"; printf '%sE%s\n' "$rb_nonce" "$1" >&2; }
rb_say() { rb_began; rb_ended "$*"; }
rb_finish() {
  kill -USR1 "$rb_shower" 2>/dev/null
  wait "$rb_shower" 2>/dev/null
  # The code is written after everything else.
  rb_code=
  { read -r rb_code <"$rb_dir/code"; } 2>/dev/null
  cat <&4
  cat <&5 >&2
  rb_stop=
  { read -r rb_stop <"$rb_dir/stopped"; } 2>/dev/null
  if [ -n "$rb_code" ]; then rb_ended "code $rb_code $rb_stop"; else rb_ended "unknown killed $rb_stop"; fi
  while read -r rb_x <&3; do [ "$rb_x" != kept ] || exec rm -rf "$rb_dir"; done
}
