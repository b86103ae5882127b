//! Hostile values in every allowed context, in real shells.

use std::collections::BTreeMap;

use runbook_core::shell::{Dialect, quote};

use crate::support::{SHELLS, files, rendered, run};

/// A script, and what it writes to `$OUT` before and after the value.
type Context = (&'static str, &'static str, &'static str);

/// Read alike by every shell.
const EVERYWHERE: &[Context] = &[
    ("printf %s ${{v}} > \"$OUT\"", "", ""),
    ("printf %s a-${{v}}.txt > \"$OUT\"", "a-", ".txt"),
    ("printf '%s' \"<${{v}}>\" > \"$OUT\"", "<", ">"),
    ("printf '%s' 'it is ${{v}}$(x)' > \"$OUT\"", "it is ", "$(x)"),
    ("printf '%s' 'a\\${{v}}' > \"$OUT\"", "a\\", ""),
    ("printf '%s' \"a\"${{v}}'b' > \"$OUT\"", "a", "b"),
    ("printf '%s' \"it's # ${{v}}\" > \"$OUT\" # it's", "it's # ", ""),
    ("printf '%s' \\\"${{v}}\\\" > \"$OUT\"", "\"", "\""),
    ("printf '%s' \"\\\\${{v}}\" > \"$OUT\"", "\\", ""),
    ("printf '%s' \\\n  ${{v}} > \"$OUT\"", "", ""),
    ("printf '%s' ~${{v}} > \"$OUT\"", "~", ""),
    ("printf '%s' a#${{v}} > \"$OUT\"", "a#", ""),
    ("printf '%s' {a,${{v}} > \"$OUT\"", "{a,", ""),
    ("cat > \"$OUT\" <<EOF\n${{v}}\nEOF\n", "", "\n"),
    ("cat > \"$OUT\" <<-EOF\n\t\"${{v}}\" it's\n\tEOF\n", "\"", "\" it's\n"),
    ("cat <<A > \"$OUT\"; cat <<'B' >> \"$OUT\"\n${{v}}\nA\n$x\nB\n", "", "\n$x\n"),
    ("cat > \"$OUT\" <<EOF\n$(printf '%s.' ${{v}})\nEOF\n", "", ".\n"),
    ("A=${{v}}; printf '%s' \"$A\" > \"$OUT\"", "", ""),
    ("A=a:${{v}}:b B=1\nprintf '%s' \"$A\" > \"$OUT\"", "a:", ":b"),
    ("export A=${{v}}\nprintf '%s' \"$A\" > \"$OUT\"", "", ""),
    ("A=${{v}} sh -c 'printf %s \"$A\"' > \"$OUT\"", "", ""),
    ("env A=${{v}} sh -c 'printf %s \"$A\"' > \"$OUT\"", "", ""),
    ("f() { printf '%s' \"$1\"; }; f ${{v}} > \"$OUT\"", "", ""),
    ("x=$(printf '%s.' ${{v}}); printf '%s' \"$x\" > \"$OUT\"", "", "."),
    ("printf '%s' \"$(printf '%s.' \"${{v}}\")\" > \"$OUT\"", "", "."),
    ("printf '%s' \"$(printf '%s.' '${{v}}' # )\n)\" > \"$OUT\"", "", "."),
    ("printf '%s' \"$(case a in a) printf '%s.' \"${{v}}\";; esac)\" > \"$OUT\"", "", "."),
    ("printf '%s' \"$(cat <<E\n${{v}}.\nE\n)\" > \"$OUT\"", "", "."),
    ("for x in ${{v}}; do printf '%s' \"$x\"; done > \"$OUT\"", "", ""),
    ("case ${{v}} in '') ;; *) : ;; esac; printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("if [ ${{v}} = ${{v}} ]; then printf '%s' ${{v}} > \"$OUT\"; fi", "", ""),
    ("[ x${{v}} -eq 1 ] 2> /dev/null || printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("test ${{v}} -eq 71 2> /dev/null || printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("{ ( printf '%s' ${{v}} ); } > \"$OUT\"", "", ""),
    ("printf '%s' ${{v}} | cat > \"$OUT\"", "", ""),
    ("while :; do printf '%s' ${{v}} > \"$OUT\"; break; done", "", ""),
    ("set -- ; set -- a ${{v}}; printf '%s' \"$#$2\" > \"$OUT\"", "2", ""),
    ("printf '%s' $((1 + 2))${{v}}\"${HOME:-it}\" > \"$OUT\"", "3", "it"),
    ("nohup timeout 9 printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("command printf '%s' ${{v}} > \"$OUT\"", "", ""),
];

/// Only in bash.
const BASH: &[Context] = &[
    ("a=(x ${{v}} y); printf '%s' \"${a[1]}\" > \"$OUT\"", "", ""),
    ("a=([3]=${{v}}); printf '%s' \"${a[3]}\" > \"$OUT\"", "", ""),
    ("unset a; a[2]=${{v}}; printf '%s' \"${a[2]}\" > \"$OUT\"", "", ""),
    ("declare -A m=(); m[k]=${{v}}; printf '%s' \"${m[k]}\" > \"$OUT\"; unset m", "", ""),
    ("a=(); a+=(${{v}}); printf '%s' \"${a[0]}\" > \"$OUT\"; unset a", "", ""),
    ("f() { local x=${{v}}; printf '%s' \"$x\"; }; f > \"$OUT\"", "", ""),
    ("declare -x D=${{v}}; printf '%s' \"$D\" > \"$OUT\"", "", ""),
    ("[[ -n x && ${{v}} != 'never this' ]] && printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("cat <(printf '%s' ${{v}}) > \"$OUT\"", "", ""),
    ("cat <<< ${{v}} > \"$OUT\"", "", "\n"),
    ("printf '%s' {a,${{v}}} > \"$OUT\"", "a", ""),
    ("printf '%s' ${{v}} &> \"$OUT\"", "", ""),
    ("(( 1 < 2 )) && printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("printf '%s' $'it\\'s '${{v}} > \"$OUT\"", "it's ", ""),
    ("for ((i = 0; i < 1; i++)); do printf '%s' ${{v}}; done > \"$OUT\"", "", ""),
    ("function g { printf '%s' \"$1\"; }; g ${{v}} > \"$OUT\"", "", ""),
    ("[[ abc =~ ^(a|b).*$ ]] && printf '%s' ${{v}} > \"$OUT\"", "", ""),
    ("printf -v p '%s' ${{v}}; printf '%s' \"$p\" > \"$OUT\"", "", ""),
];

/// Every one of them does something, somewhere, when it is read as code.
fn payloads() -> Vec<String> {
    let mut all: Vec<String> = [
        "",
        " ",
        "  two  words  ",
        "plain",
        "'",
        "\"",
        "''",
        "\"\"",
        "`",
        "\\",
        "\\\\",
        "a\\",
        "\\n",
        "\\'",
        "\\\"",
        "$",
        "$$",
        "${",
        "$(",
        "$((",
        "'; touch CANARY; '",
        "\"; touch CANARY; \"",
        "; touch CANARY",
        "& touch CANARY &",
        "| touch CANARY",
        "|| touch CANARY",
        "&& touch CANARY",
        "$(touch CANARY)",
        "`touch CANARY`",
        "\"$(touch CANARY)\"",
        "'$(touch CANARY)'",
        "'\"'\"'; touch CANARY; '\"'\"'",
        "\ntouch CANARY\n",
        "x\ntouch CANARY",
        "\r\ntouch CANARY\r\n",
        "#\ntouch CANARY",
        "EOF",
        "\nEOF\ntouch CANARY\n",
        "\nE\ntouch CANARY\n",
        "\nA\ntouch CANARY\n",
        "\n\tEOF\ntouch CANARY\n",
        ")\ntouch CANARY\n(",
        ") touch CANARY; (",
        "}; touch CANARY; {",
        ";; esac; touch CANARY",
        "done; touch CANARY",
        "fi; touch CANARY",
        "a[$(touch CANARY)]",
        "a[`touch CANARY`0]",
        "a[0$(touch CANARY)]=1",
        "[$(touch CANARY)]=1",
        "([0]=$(touch CANARY))",
        "($(touch CANARY))",
        "${x:-$(touch CANARY)}",
        "${IFS}",
        "${RB_0}",
        "$RB_0",
        "$((a[$(touch CANARY)]))",
        "*",
        "?",
        "[a-z]*",
        "./*",
        "~",
        "~root",
        "{a,b}",
        "{1..3}",
        "!",
        "!!",
        "-",
        "--",
        "-n",
        "-e",
        "-rf",
        "-eq",
        "=",
        "(",
        ")",
        "<",
        ">",
        "> CANARY",
        ">CANARY",
        "< /etc/passwd",
        "<(touch CANARY)",
        ">(touch CANARY)",
        "%s%s%n",
        "%d",
        "\\0101",
        "\\c",
        "\t",
        "\tx",
        "\n",
        "\n\n",
        "x\n",
        "x\n\n",
        "\r",
        "x\r",
        "\u{1}\u{2}\u{7f}\u{1b}[31m",
        "Ёжик с яблоком: ёЁрс",
        "日本語",
        "\u{a0}",
        "\u{2028}touch CANARY",
        "\u{202e}abc",
        "💥",
        "\u{81}\u{82}\u{88}",
        "e\u{301}",
        "=x",
        "A=1 touch CANARY",
        "\\\n",
        "\\\ntouch CANARY",
        "$'\\x27; touch CANARY; \\x27'",
        "\"'`$(touch CANARY)`'\"",
        "\\$(touch CANARY)",
        "\\`touch CANARY\\`",
        "'\n'touch CANARY'\n'",
        "1; touch CANARY",
        "x -o y",
        "-v a[$(touch CANARY)]",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("x".repeat(70_000));
    all.push("'\"`$(touch CANARY)\\\n".repeat(500));
    all
}

/// Runs all payloads through one context in one process; each writes a file of its own.
fn check(shell: &str, dialect: Dialect, (script, before, after): Context) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let mut whole = String::from("set -u\n");
    let mut expected = BTreeMap::new();
    for (number, payload) in payloads().iter().enumerate() {
        // A program gets at most 128 KiB in one argument.
        whole.push_str(&format!("OUT=out.{number}\n{}", rendered(script, payload, dialect)));
        expected.insert(format!("out.{number}"), format!("{before}{payload}{after}").into_bytes());
    }
    let errors = run(shell, &whole, directory.path());
    let found = files(directory.path());
    for (name, content) in &expected {
        let got = found.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let want = String::from_utf8_lossy(content).into_owned();
        assert_eq!(got, Some(want), "{shell} {dialect:?}: {script:?}: {name}\n{errors}");
    }
    assert_eq!(found.len(), expected.len(), "{shell} {dialect:?}: {script:?}: {:?}", found.keys());
    expected.len()
}

#[test]
fn values_arrive_byte_for_byte_and_nothing_else_runs() {
    assert!(payloads().len() >= 100);
    let mut runs = 0;
    for (shell, dialect) in SHELLS {
        for context in EVERYWHERE {
            runs += check(shell, dialect, *context);
        }
    }
    for context in BASH {
        runs += check("bash", Dialect::Bash, *context);
    }
    let expected = payloads().len() * (SHELLS.len() * EVERYWHERE.len() + BASH.len());
    assert_eq!(runs, expected);
    assert!(runs > 10_000, "{runs}");
}

#[test]
fn the_payloads_would_do_harm_without_protection() {
    let directory = tempfile::tempdir().unwrap();
    let mut harmful = 0;
    for payload in payloads() {
        run("bash", &format!("printf %s {payload}\n"), directory.path());
        harmful += usize::from(std::fs::remove_file(directory.path().join("CANARY")).is_ok());
    }
    assert!(harmful >= 30, "only {harmful} payloads are read as code");
}

#[test]
fn quoted_words_arrive() {
    for shell in ["dash", "bash"] {
        let directory = tempfile::tempdir().unwrap();
        let mut script = String::new();
        for (number, payload) in payloads().iter().enumerate() {
            script.push_str(&format!("printf %s {} > out.{number}\n", quote(payload)));
        }
        run(shell, &script, directory.path());
        let found = files(directory.path());
        for (number, payload) in payloads().iter().enumerate() {
            assert_eq!(found.get(&format!("out.{number}")).map(Vec::as_slice), Some(payload.as_bytes()));
        }
        assert_eq!(found.len(), payloads().len());
    }
}
