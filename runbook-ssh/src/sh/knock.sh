# Tries a TCP connection to rb_host, rb_port.
rb_began
rb_limit=
command -v timeout >/dev/null 2>&1 && rb_limit='timeout 5'
if command -v bash >/dev/null 2>&1; then
  if $rb_limit bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$rb_host" "$rb_port" >/dev/null 2>&1; then rb_ended open; else rb_ended closed; fi
elif command -v nc >/dev/null 2>&1; then
  if nc -z -w 5 "$rb_host" "$rb_port" >/dev/null 2>&1 || nc -w 5 "$rb_host" "$rb_port" </dev/null >/dev/null 2>&1; then rb_ended open; else rb_ended closed; fi
elif command -v python3 >/dev/null 2>&1; then
  if python3 -c 'import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)' "$rb_host" "$rb_port" >/dev/null 2>&1; then rb_ended open; else rb_ended closed; fi
else rb_ended no-tool
fi
