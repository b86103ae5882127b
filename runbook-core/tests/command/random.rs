//! Texts nobody thought of: nothing panics, nothing takes long, and no wrapping makes a command look harmless.

use proptest::prelude::*;
use runbook_core::command::{Context, Effect, Hole, Script, Words, classify, classify_words};
use runbook_core::shell::Dialect;

use crate::look;

/// Pieces from which texts with some sense are made.
const PIECES: &[&str] = &[
    "ls", "rm", "-rf", "/data", "$x", "\"", "'", "`", "$(", ")", "${", "}", "((", "))", "{", "|", "||", "&&", "&", ";",
    "\n", " ", "<<EOF\n", "EOF\n", "<<<", "<", ">", ">>", "2>&1", "if", "then", "fi", "for", "in", "do", "done", "case",
    "esac", ";;", "while", "f()", "function", "[[", "]]", "[", "]", "!", "\\", "#", "=", "a=", "$'", "\\x", "*", "~", "{a,b}",
    "sudo", "sh -c", "eval", "ssh h", "xargs", "find . -exec", "awk", "sed -i", "git -c", "ж", "\u{200b}", "\r", "\0",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..30), glue in "[ ]?") {
        let text = pieces.join(&glue);
        for dialect in [Dialect::Sh, Dialect::Bash] {
            let found = look(&text, dialect);
            for reason in &found.reasons {
                prop_assert!(reason.span.start <= reason.span.end && reason.span.end <= text.len(), "{text:?} {reason:?}");
                prop_assert!(text.get(reason.span.clone()).is_some(), "{text:?} {reason:?}");
            }
            let strictest = found.reasons.iter().map(|r| r.effect).max().unwrap_or(Effect::Read);
            prop_assert_eq!(strictest, found.effect);
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), hole in any::<(u8, u8)>()) {
        let (start, end) = (usize::from(hole.0), usize::from(hole.1));
        let script = Script::new(text.clone(), Dialect::Bash).with_hole(start..end, Hole::Value);
        classify(&script, &Context::default());
        classify_words(&Words::new(text.split('a')), &Context::default());
    }

    /// What one part does, the whole does.
    #[test]
    fn a_list_does_what_its_strictest_part_does(
        parts in prop::collection::vec(prop::sample::select(&["ls", "touch f", "rm f", "$x", "cat .env"][..]), 1..6),
        glue in prop::sample::select(&["; ", " && ", " || ", " | ", "\n", " & "][..]),
    ) {
        let whole = look(&parts.join(glue), Dialect::Bash);
        let each: Vec<_> = parts.iter().map(|part| look(part, Dialect::Bash)).collect();
        prop_assert_eq!(whole.effect, each.iter().map(|one| one.effect).max().unwrap());
        prop_assert_eq!(whole.secrets, each.iter().any(|one| one.secrets));
    }
}

#[test]
fn bombs_are_refused() {
    let n = 100_000;
    let bombs = [
        "(".repeat(n),
        "((".repeat(n / 2),
        "$(".repeat(n / 2),
        "$((".repeat(n / 3),
        "${a:-".repeat(n / 5),
        "`".repeat(n),
        "\\`".repeat(n / 2),
        "\"$(".repeat(n / 3),
        "{ ".repeat(n / 2),
        "{".repeat(n),
        "{a,".repeat(n / 3),
        "{a,b}".repeat(n / 5),
        "if ".repeat(n / 3),
        "while ".repeat(n / 6),
        "for x in ".repeat(n / 9),
        "case x in a) ".repeat(n / 13),
        "f() ".repeat(n / 4),
        "! ".repeat(n / 2),
        "sudo ".repeat(n / 5),
        "env ".repeat(n / 4),
        "xargs ".repeat(n / 6),
        "find . -exec ".repeat(n / 13),
        "a=b ".repeat(n / 4),
        "a[".repeat(n / 2),
        "<<a ".repeat(n / 4),
        "<<a\n".repeat(n / 4),
        "cat <<a <<b\n".repeat(n / 12),
        "ls | ".repeat(n / 5),
        "ls & ".repeat(n / 5),
        "[[ ".repeat(n / 3),
        "<(".repeat(n / 2),
        "\\\n".repeat(n / 2),
        "#".repeat(n),
        "*".repeat(n),
        "-".repeat(n),
        format!("ls {}", "a ".repeat(n / 2)),
        format!("ls {}", "-a ".repeat(n / 3)),
        format!("find . {}", "-name a ".repeat(n / 8)),
        format!("awk '{}'", "{print \"".repeat(n / 8)),
        format!("sed '{}'", "s/a/b/;".repeat(n / 7)),
        format!("psql -c '{}'", "select 1; ".repeat(n / 10)),
        "for x in 1 2 3 4 5 6 7 8; do ls $x; ".repeat(40) + &"done; ".repeat(40),
        "for x in {1,2,3,4}; do ls $x; done; ".repeat(n / 40),
        "eval ".repeat(n / 5),
        "sh -c '".to_owned() + &"ls; ".repeat(n / 4) + "'",
        "echo \"".to_owned() + &"$x".repeat(n / 2) + "\"",
        "ls > /dev/null ".repeat(n / 16),
    ];
    for bomb in bombs {
        for dialect in [Dialect::Sh, Dialect::Bash] {
            look(&bomb, dialect);
        }
    }
}

/// Ways to run a command, all of which reach it.
pub fn wrappings() -> Vec<String> {
    let simple = [
        "@", "\\@", " @", "\t@", "\n@", "ls; @", "ls && @", "ls || @", "ls | @", "@ | cat", "@ &", "! @", "time @", "time -p @",
        "(@)", "( @ )", "((cd /x); @)", "{ @; }", "{ @\n}", "if @; then ls; fi", "if ls; then @; fi", "if ls; then ls; else @; fi",
        "if ls; then ls; elif @; then ls; fi", "while @; do ls; done", "while ls; do @; done", "until @; do ls; done",
        "for x in 1 2; do @; done", "for x; do @; done", "case x in x) @ ;; esac", "case x in (x|y) @;; *) ls;; esac", "f() { @; }; f",
        "f() ( @ ); f", "f () if ls; then @; fi; f", "function f { @; }; f", "ls # c\n@", "ls \\\n; @", "@ # ls", "@ > /dev/null",
        "@ 2>&1", "@ </dev/null", "</dev/null @", "2>/dev/null @", ">/dev/null 2>&1 @", "@ >/dev/null 2>&1 &", "echo $(@)",
        "echo `@`", "echo \"$(@)\"", "echo \"`@`\"", "echo \"a $(echo \"b $(@)\") c\"", "x=$(@)", "x=\"$(@)\"", "x=(a $(@))", "X=$(@) ls",
        "export x=$(@)", "local x=\"$(@)\"", "ls ${x:-$(@)}", "ls \"${x:-$(@)}\"", "ls ${x#$(@)}", "ls $(( $(@) + 1 ))", "[ -n \"$(@)\" ]",
        "[[ -n $(@) ]]", "test \"$(@)\" = x", "case $(@) in x) ls;; esac", "for x in $(@); do ls; done", "ls < <(@)", "ls > >(@)",
        "cat <(@)", "diff <(ls) <(@)", "ls <<EOF\n$(@)\nEOF", "ls <<-EOF\n\t$(@)\n\tEOF", "ls <<< \"$(@)\"", "ls | (@)", "ls | { @; }",
        "ls | while read x; do @; done", "sudo @", "sudo -n @", "sudo -u root @", "sudo -u root -- @", "sudo -E @", "sudo env @",
        "sudo sudo @", "doas @", "doas -u root @", "env @", "env -i @", "env LANG=C @", "env -u X @", "env -- @", "/usr/bin/env @",
        "nohup @", "nohup @ &", "timeout 5 @", "timeout -k 5 10 @", "timeout --signal=KILL 5 @", "nice @", "nice -n 5 @", "nice -5 @",
        "ionice -c3 @", "ionice -c 2 -n 7 @", "setsid @", "setsid -f @", "stdbuf -oL @", "chrt -b 0 @", "taskset 1 @", "exec @", "command @",
        "command -p @", "builtin command @", "busybox @", "chroot /x @", "flock /l @", "flock -n /l @", "unshare -m @",
        "nsenter -t 1 @", "systemd-run @", "systemd-run --scope @", "strace @", "strace -f -o /x @", "ltrace @", "xargs @", "ls | xargs @",
        "xargs -0 -n1 @", "xargs -I{} @", "xargs -P4 @ < f", "find . -exec @ \\;", "find . -exec @ {} +", "find . -execdir @ \\;", "find . -ok @ \\;",
        "find </dev/null . -exec @ \\;", "ssh host @", "ssh -p 22 u@host @", "ssh -o ConnectTimeout=5 host @", "ssh -tt host sudo @", "ssh a ssh b @",
        "docker exec c @", "docker exec -it c @", "docker exec -u root -w / c @", "docker run i @", "docker run --rm -it i @", "docker run -v /:/h i @",
        "docker container exec c @", "docker compose exec s @", "docker compose -f x.yml exec -T s @", "docker compose run --rm s @",
        "docker-compose exec s @", "docker-compose -f x run s @", "podman exec c @", "podman run i @", "nerdctl exec c @", "kubectl exec p -- @",
        "kubectl -n x exec -it p -c c -- @", "kubectl exec p -it -- @", "oc exec p -- @", "lxc exec c -- @", "ip netns exec n @",
        "runuser -u root -- @", "watch @", "watch -n1 @", "parallel @", "parallel @ ::: a", "gosu root @", "su-exec root @", "tini -- @",
        "fakeroot @", "sshpass -p x ssh host @", "LANG=C @", "LANG=C TZ=UTC @", "A=b @", "eval @", "eval \"@\"", "eval '@'", "eval \"ls; @\"",
        "trap '@' EXIT", "trap \"@\" 0", "sh -c '@'", "sh -c \"@\"", "bash -c '@'", "bash -lc '@'", "bash -ec '@'", "bash -o pipefail -c '@'",
        "bash --norc -c '@'", "dash -c '@'", "zsh -c '@'", "ksh -c '@'", "/bin/sh -c '@'", "sh -c 'ls; @'", "sh -c 'sh -c \"@\"'",
        "sudo sh -c '@'", "sudo -u root bash -c '@'", "ssh host '@'", "ssh host \"@\"", "ssh host 'sudo @'", "ssh host sh -c \"'@'\"",
        "su -c '@'", "su root -c '@'", "su - root -c \"@\"", "runuser -l root -c '@'", "flock /l -c '@'", "watch '@'", "docker exec c sh -c '@'",
        "docker compose exec s bash -c '@'", "kubectl exec p -- sh -c '@'", "xargs sh -c '@'", "find . -exec sh -c '@' \\;", "env sh -c '@'",
        "timeout 5 sh -c '@'", "nohup sh -c '@' &", "script -c '@'", "sh <<EOF\n@\nEOF", "sh <<'EOF'\n@\nEOF", "bash -s <<EOF\n@\nEOF",
        "sudo bash <<'EOF'\nls\n@\nEOF", "ssh host bash <<'EOF'\n@\nEOF", "docker exec -i c sh <<EOF\n@\nEOF", "bash <<< '@'", "sh -s <<< \"@\"",
        "echo '@' | sh", "echo '@' | sudo bash", "printf '@' | bash -s", "cat <<EOF | sh\n@\nEOF", "bash <(echo '@')", ". <(echo '@')",
        "source /dev/stdin <<EOF\n@\nEOF", "x='@'; $x", "x='@'; eval $x", "x='@'; sh -c \"$x\"", "alias ls='@'; ls", "git -c alias.x='!@' x",
        "python3 -c 'import os; os.system(\"@\")'", "perl -e 'system(\"@\")'", "ruby -e 'system(\"@\")'", "node -e 'x(\"@\")'", "php -r 'system(\"@\");'",
        "awk 'BEGIN{system(\"@\")}'", "sed '1e @' f", "env -S '@'", "tar --to-command='@' -xf x", "tar -cf x --checkpoint-action=exec='@' y",
        "psql -c '\\! @'", "sqlite3 x '.shell @'", "mysql -e 'system @'", "man -P '@' ls", "rsync -e '@' a b", "git fetch 'ext::@'",
        "PAGER='@' git log", "export PAGER='@'; git log", "ls; cd /x; @", "set -e; @", "true; @; false",
    ];
    simple.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn no_wrapping_makes_destruction_a_read_or_a_change() {
    let commands = [
        "rm -rf /data", "truncate -s 0 /data/x", "shred -u /x", "dd if=/dev/zero of=/dev/sda", "mkfs.ext4 /dev/sda1", "git reset --hard",
        "docker volume rm x", "kubectl delete pod x", "redis-cli FLUSHALL", "find / -delete",
    ];
    let wrappings = wrappings();
    assert!(wrappings.len() >= 200, "{}", wrappings.len());
    let mut wrong = Vec::new();
    for wrapping in &wrappings {
        for command in commands {
            let text = wrapping.replace('@', command);
            for dialect in [Dialect::Sh, Dialect::Bash] {
                let found = look(&text, dialect);
                if found.effect < Effect::Unknown {
                    wrong.push(format!("{dialect:?} {text:?}: {:?}", found.effect));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
