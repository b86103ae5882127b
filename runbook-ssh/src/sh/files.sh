# Functions on files. Each says why on standard error and fails, or does the whole thing.
rb_fail() { printf '%s\n' "$*" >&2; return 1; }
# What is meant is what links lead to.
rb_follow() {
  case $rb_path in -*) rb_path=./$rb_path ;; esac
  rb_real=$(readlink -f "$rb_path" 2>/dev/null) && [ -n "$rb_real" ] || rb_real=$rb_path
  rb_parent=${rb_real%/*}
  [ "$rb_parent" != "$rb_real" ] || rb_parent=.
  [ -n "$rb_parent" ] || rb_parent=/
  [ -d "$rb_parent" ] || rb_fail "the directory $rb_parent does not exist"
}
rb_there() { [ -e "$1" ] || [ -L "$1" ]; }
rb_settle() { sync "$@" 2>/dev/null || :; }
# Takes rb_size bytes from the engine into the new file $1.
rb_receive() {
  (umask 077; exec head -c "$rb_size" <&3 >"$1") || return 1
  rb_has=$(wc -c <"$1") || return 1
  [ "$rb_has" -eq "$rb_size" ] || rb_fail "only $rb_has of $rb_size bytes have come" || return 1
  command -v sha256sum >/dev/null 2>&1 || return 0
  rb_sum=$(sha256sum <"$1") || return 1
  [ "${rb_sum%% *}" = "$rb_sha" ] || rb_fail "what has come is not what was sent: its checksum differs"
}
# Gives $1 its owner and mode: those asked for, or those of $2 if that is there, or rb_else.
rb_dress() {
  rb_was=
  if rb_there "$2"; then
    rb_was=$(stat -L -c '%a %u:%g' "$2") || return 1
    rb_mine=$(stat -c '%u:%g' "$1") || return 1
  fi
  if [ -n "$rb_owner" ]; then chown -- "$rb_owner" "$1" || return 1
  elif [ -n "$rb_was" ] && [ "${rb_was#* }" != "$rb_mine" ]; then chown -- "${rb_was#* }" "$1" || return 1
  fi
  if [ -n "$rb_mode" ]; then chmod "$rb_mode" "$1"
  elif [ -n "$rb_was" ] && [ -z "$rb_carry" ]; then chmod "${rb_was%% *}" "$1"
  else chmod "$rb_else" "$1"
  fi
}
rb_put_file() {
  if [ -d "$rb_path" ]; then
    [ -n "$rb_into" ] || rb_fail "$rb_path is a directory" || return 1
    rb_path=$rb_path/$rb_into
  fi
  rb_follow || return 1
  rb_new=$rb_parent/.runbook-$rb_unique
  if rb_receive "$rb_new" && rb_dress "$rb_new" "$rb_real" && rb_settle "$rb_new" && mv -f "$rb_new" "$rb_real"; then rb_settle "$rb_parent"
  else rm -f "$rb_new"; return 1
  fi
}
rb_put_tree() {
  rb_follow || return 1
  rb_new=$rb_parent/.runbook-$rb_unique
  if (umask 077; exec mkdir "$rb_new") && rb_receive "$rb_new/tar" && mkdir "$rb_new/tree" && tar -xpf "$rb_new/tar" -C "$rb_new/tree" &&
    { [ -z "$rb_owner" ] || chown -- "$rb_owner" "$rb_new/tree"; } && chmod "${rb_mode:-$rb_else}" "$rb_new/tree" && rb_settle &&
    { ! rb_there "$rb_real" || mv "$rb_real" "$rb_new/old"; } && mv "$rb_new/tree" "$rb_real"; then rm -rf "$rb_new"
  else
    rb_there "$rb_real" || ! rb_there "$rb_new/old" || mv "$rb_new/old" "$rb_real"
    rm -rf "$rb_new"
    return 1
  fi
}
rb_get() {
  if [ -d "$rb_path" ]; then
    printf 'tree\n'
    tar -cf - -C "$rb_path" . || return 1
  elif [ -e "$rb_path" ]; then
    rb_has=$(wc -c <"$rb_path") || return 1
    [ -z "$rb_most" ] || [ "$rb_has" -le "$rb_most" ] || rb_fail "it has more than $rb_most bytes" || return 1
    rb_mode=$(stat -L -c '%a' "$rb_path") || rb_mode=600
    rb_sum=
    command -v sha256sum >/dev/null 2>&1 && { rb_sum=$(sha256sum <"$rb_path") || return 1; }
    printf 'file %s %s\n' "$rb_mode" "${rb_sum%% *}"
    cat <"$rb_path" || return 1
  else printf 'nothing\n'
  fi
}
rb_keep() {
  rb_follow || return 1
  if rb_there "$rb_backup" || rb_there "$rb_backup.absent"; then return 0; fi
  if [ -d "$rb_real" ]; then
    cp -a "$rb_real" "$rb_backup.$rb_unique" && mv "$rb_backup.$rb_unique" "$rb_backup" || { rm -rf "$rb_backup.$rb_unique"; return 1; }
  elif rb_there "$rb_real"; then
    # A link costs nothing, and whoever replaces the file leaves it alone.
    ln "$rb_real" "$rb_backup" 2>/dev/null || { cp -p "$rb_real" "$rb_backup.$rb_unique" && mv "$rb_backup.$rb_unique" "$rb_backup"; } || { rm -f "$rb_backup.$rb_unique"; return 1; }
  else (umask 077; : >"$rb_backup.absent") || return 1
  fi
  rb_settle "$rb_parent"
}
rb_put_back() {
  rb_follow || return 1
  if rb_there "$rb_backup.absent"; then
    rm -rf "$rb_real" && rm -f "$rb_backup.absent" || return 1
  elif rb_there "$rb_backup"; then
    if [ -d "$rb_backup" ]; then rm -rf "$rb_real" || return 1; fi
    # Of two links to one file `mv` leaves both.
    mv -f "$rb_backup" "$rb_real" || return 1
    rm -rf "$rb_backup"
  else
    printf 'nothing\n'
    return 0
  fi
  rb_settle "$rb_parent"
}
rb_facts() {
  if [ -e "$rb_path" ]; then stat -L -c '%s %Y %F' -- "$rb_path"
  else printf 'nothing\n'
  fi
}
rb_began
if "$rb_do"; then rb_ended done; else rb_ended failed; fi
