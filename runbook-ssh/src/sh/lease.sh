# Runs a command that ends with its connection. rb_nonce, rb_cwd, rb_mark, rb_grace are set, rb_job and rb_stop run
# the command and end what it has started; 3 is the engine.
if [ -n "$rb_cwd" ] && ! cd "$rb_cwd" 2>/dev/null; then rb_say not-started cwd
else
  trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2
  rb_began
  (
    exec >/dev/null 2>&1
    while read -r rb_x <&3; do :; done
    trap '' HUP INT QUIT PIPE ALRM TERM USR1 USR2
    read -r rb_me rb_x </proc/self/stat
    rb_stop "$$" "$rb_mark" "$rb_grace" " $$ $rb_me "
  ) &
  rb_watch=$!
  # What waits for the command must not end before it; programs that are started have no traps.
  (trap : HUP INT QUIT PIPE ALRM TERM USR1 USR2; rb_job 3<&-)
  rb_code=$?
  kill "$rb_watch" 2>/dev/null
  rb_ended "code $rb_code"
fi
