//! What each context becomes, and which are refused.

use runbook_core::diag::Code;
use runbook_core::shell::{AssignmentError, Dialect, Part, Reason, assignments, lower, quote};

use crate::support::lower_text;

#[test]
fn references_suit_their_context() {
    let table = [
        ("echo ${{v}}", "echo \"${RB_0}\""),
        ("echo file-${{v}}.txt", "echo file-\"${RB_0}\".txt"),
        ("echo \"a ${{v}} b\"", "echo \"a ${RB_0} b\""),
        ("echo 'a ${{v}} b'", "echo 'a '\"${RB_0}\"' b'"),
        ("cat <<E\n${{v}}\nE", "cat <<E\n${RB_0}\nE"),
        ("echo \"$(echo ${{v}})\"", "echo \"$(echo \"${RB_0}\")\""),
        ("echo \"$(echo \"${{v}}\")\"", "echo \"$(echo \"${RB_0}\")\""),
        ("A=${{v}}", "A=\"${RB_0}\""),
        ("echo ${{v}} ${{v}}", "echo \"${RB_0}\" \"${RB_1}\""),
        ("case ${{v}} in a) ;; esac", "case \"${RB_0}\" in a) ;; esac"),
        ("for f in ${{v}}; do :; done", "for f in \"${RB_0}\"; do :; done"),
        ("[ ${{v}} = y ]", "[ \"${RB_0}\" = y ]"),
        ("x > ${{v}} 2>>${{v}}", "x > \"${RB_0}\" 2>>\"${RB_1}\""),
        ("sudo -u ${{v}} ls ${{v}}", "sudo -u \"${RB_0}\" ls \"${RB_1}\""),
        ("python3 -u a.py ${{v}}", "python3 -u a.py \"${RB_0}\""),
        ("bash ./a.sh ${{v}}", "bash ./a.sh \"${RB_0}\""),
        ("jq --arg n ${{v}} '.[$n]' ${{v}}", "jq --arg n \"${RB_0}\" '.[$n]' \"${RB_1}\""),
        ("echo $#${{v}} ${#x} # it's", "echo $#\"${RB_0}\" ${#x} # it's"),
        ("docker exec ${{v}} ls ${{v}}", "docker exec \"${RB_0}\" ls \"${RB_1}\""),
        ("echo RB_0 ${{v}}", "echo RB_0 \"${RBV1_0}\""),
        ("echo RB_0 RBV1_ RBV3_ ${{v}}", "echo RB_0 RBV1_ RBV3_ \"${RBV2_0}\""),
        ("find ${{v}} -name '*.log' -exec rm {} +", "find \"${RB_0}\" -name '*.log' -exec rm {} +"),
    ];
    for (script, expected) in table {
        for dialect in [Dialect::Sh, Dialect::Bash] {
            assert_eq!(lower_text(script, dialect).map(|l| l.text).as_deref(), Ok(expected), "{script:?}");
        }
    }
}

#[test]
fn unsafe_places_are_refused() {
    use Reason::*;
    let reparsed = |name: &str| Reparsed(name.to_owned());
    let stdin = |name: &str| Stdin(name.to_owned());
    let names = |name: &str| VariableName(name.to_owned());
    let table = [
        ("cat <<'E'\n${{v}}\nE", QuotedHeredoc),
        ("cat <<E\\OF\n${{v}}\nEOF", QuotedHeredoc),
        ("cat <<${{v}}\nx\n", HeredocDelimiter),
        ("ls # ${{v}}", Comment),
        ("echo $'a${{v}}'", DollarSingle),
        ("echo $\"a${{v}}\"", DollarDouble),
        ("echo $((1+${{v}}))", Arithmetic),
        ("((x=${{v}}))", Arithmetic),
        ("echo $[1+${{v}}]", Arithmetic),
        ("for ((i=${{v}};;)); do :; done", Arithmetic),
        ("echo ${x:-${{v}}}", ParameterExpansion),
        ("echo \"${x:-\"${{v}}\"}\"", ParameterExpansion),
        ("echo ${x:-$(ls ${{v}})}", ParameterExpansion),
        ("echo `ls ${{v}}`", Backtick),
        ("echo \"`ls ${{v}}`\"", Backtick),
        ("echo \\${{v}}", AfterBackslash),
        ("echo \"\\${{v}}\"", AfterBackslash),
        ("cat <<E\n\\${{v}}\nE", AfterBackslash),
        ("echo $${{v}}", AfterDollar),
        ("echo \"$${{v}}\"", AfterDollar),
        ("cat <<E\n$${{v}}\nE", AfterDollar),
        ("${{v}} x", Program),
        ("a | ${{v}}", Program),
        ("a && ${{v}}", Program),
        ("a; ${{v}}", Program),
        ("! ${{v}}", Program),
        ("if ${{v}}; then :; fi", Program),
        ("if a; then ${{v}}; fi", Program),
        ("while a; do ${{v}}; done", Program),
        ("{ ${{v}}; }", Program),
        ("(${{v}})", Program),
        ("A=b ${{v}}", Program),
        ("echo $(${{v}})", Program),
        ("sudo ${{v}}", Program),
        ("sudo -u x ${{v}}", Program),
        ("env A=1 ${{v}}", Program),
        ("timeout -k 3 5 ${{v}}", Program),
        ("nice -n 5 ${{v}}", Program),
        ("exec ${{v}}", Program),
        ("command ${{v}}", Program),
        ("time ${{v}}", Program),
        ("nohup ./${{v}}", Program),
        ("> f ${{v}}", Program),
        ("case a in a) ${{v}};; esac", Program),
        ("\"${{v}}\"", Program),
        ("$CMD ${{v}}", UnknownProgram),
        ("echo ${{v}} | $CMD", stdin("a computed program")),
        ("${{v}}=1", AssignmentName),
        ("a${{v}}=1", AssignmentName),
        ("a[${{v}}]=1", Subscript),
        ("a[1 + ${{v}}]=1", Subscript),
        ("a=([${{v}}]=1)", Subscript),
        ("f${{v}}() { :; }", FunctionName),
        ("function ${{v}} { :; }", FunctionName),
        ("for ${{v}} in a; do :; done", LoopVariable),
        ("case a in ${{v}}) ;; esac", CasePattern),
        ("case a in x|\"${{v}}\") ;; esac", CasePattern),
        ("ls @(a|${{v}})", ExtendedPattern),
        ("[[ a == ${{v}} ]]", TestPattern),
        ("[[ a = \"${{v}}\" ]]", TestPattern),
        ("[[ a =~ ^(${{v}})$ ]]", TestPattern),
        ("[[ ${{v}} -eq 1 ]]", TestNumber),
        ("[[ 1 -lt ${{v}} ]]", TestNumber),
        ("[[ -v ${{v}} ]]", names("[[ -v")),
        ("[ -v ${{v}} ]", names("[ -v")),
        ("test -v ${{v}}", names("test -v")),
        ("[ ${{v}} $x ]", TestOperator),
        ("ls >&${{v}}", FdDuplication),
        ("ls 2>& \"${{v}}\"", FdDuplication),
        ("cat <&${{v}}", FdDuplication),
        ("printf ${{v}}", PrintfFormat),
        ("printf -- \"${{v}}\\n\" x", PrintfFormat),
        ("printf -v ${{v}} %s x", names("printf -v")),
        ("read ${{v}}", names("read")),
        ("unset ${{v}}", names("unset")),
        ("export ${{v}}", names("export")),
        ("export ${{v}}=1", names("export")),
        ("declare -i x=${{v}}", names("declare")),
        ("declare -a x=${{v}}", names("declare")),
        ("declare -a x=(${{v}})", names("declare")),
        ("local a[${{v}}]=1", names("local")),
        ("jq .${{v}} f", JqProgram),
        ("jq -r \".${{v}}\" f", JqProgram),
        ("sh -c ${{v}}", reparsed("sh")),
        ("bash -ec \"ls ${{v}}\"", reparsed("bash")),
        ("bash -c 'ls \"$1\"' x ${{v}}", reparsed("bash")),
        ("/bin/sh -c '${{v}}'", reparsed("sh")),
        ("sudo bash -c ${{v}}", reparsed("bash")),
        ("timeout 5 sh -c ${{v}}", reparsed("sh")),
        ("env A=b zsh -c ${{v}}", reparsed("zsh")),
        ("bash <(echo ${{v}})", reparsed("bash")),
        ("eval ls ${{v}}", reparsed("eval")),
        ("ssh h ls ${{v}}", reparsed("ssh")),
        ("su -c ${{v}}", reparsed("su")),
        ("trap ${{v}} EXIT", reparsed("trap")),
        ("source ${{v}}", reparsed("source")),
        (". ${{v}}", reparsed(".")),
        ("ls | xargs rm ${{v}}", reparsed("xargs")),
        ("awk -v x=${{v}} '{}'", reparsed("awk")),
        ("sed s/a/${{v}}/", reparsed("sed")),
        ("python3 -c ${{v}}", reparsed("python3")),
        ("python3.11 -c ${{v}}", reparsed("python3.11")),
        ("perl -ne ${{v}}", reparsed("perl")),
        ("ruby -e ${{v}}", reparsed("ruby")),
        ("node -e ${{v}}", reparsed("node")),
        ("php -r ${{v}}", reparsed("php")),
        ("psql -c ${{v}}", reparsed("psql")),
        ("mysql -e ${{v}}", reparsed("mysql")),
        ("sqlite3 db ${{v}}", reparsed("sqlite3")),
        ("find . -exec sh -c ${{v}} \\;", reparsed("sh")),
        ("find . -exec ${{v}} \\;", reparsed("find's option")),
        ("watch ls ${{v}}", reparsed("watch")),
        ("docker exec c sh -c ${{v}}", reparsed("sh")),
        ("flock f -c ${{v}}", reparsed("flock's option")),
        ("parallel ${{v}}", reparsed("parallel")),
        ("env -S ${{v}}", reparsed("env -S")),
        ("sudo -i ls ${{v}}", reparsed("sudo -i")),
        ("let x=${{v}}", reparsed("let")),
        ("make X=${{v}}", reparsed("make")),
        ("scp f h:${{v}}", reparsed("scp")),
        ("sed -i s/x/y/ ${{v}}", reparsed("sed")),
        ("alias a=${{v}}", reparsed("alias")),
        ("yq .${{v}}", reparsed("yq")),
        ("kubectl exec p -- bash -c ${{v}}", reparsed("bash")),
        ("git -c ${{v}} log", reparsed("git's option")),
        ("bash <<E\n${{v}}\nE", stdin("bash")),
        ("sudo -u x bash -s <<E\nls ${{v}}\nE", stdin("bash")),
        ("cat <<E | ssh h\n${{v}}\nE", stdin("ssh")),
        ("cat <<E |\n${{v}}\nE\nsh", stdin("sh")),
        ("echo ${{v}} | psql", stdin("psql")),
        ("echo ${{v}} | tee f | sudo sh", stdin("sh")),
        ("{ echo ${{v}}; } | sh", stdin("sh")),
        ("bash <<< ${{v}}", stdin("bash")),
        ("{ bash; } <<E\n${{v}}\nE", stdin("bash")),
        ("while read l; do ssh h; done <<E\n${{v}}\nE", stdin("ssh")),
        ("python3 - <<E\n${{v}}\nE", stdin("python3")),
        ("docker exec -i c psql <<E\n${{v}}\nE", stdin("psql")),
        ("echo ${{v}} | (cd /; sh)", stdin("sh")),
        ("echo ${{v}} | bash /dev/stdin", stdin("bash")),
        ("PS4=${{v}}", SpecialVariable("PS4".into())),
        ("export ENV=${{v}}", SpecialVariable("ENV".into())),
        ("SECONDS=${{v}}", SpecialVariable("SECONDS".into())),
        ("env BASH_ENV=${{v}} x", SpecialVariable("BASH_ENV".into())),
        ("n=${{v}}; (( n > 1 ))", EvaluatedVariable("n".into())),
        ("n=${{v}}; [[ $n -gt 1 ]]", EvaluatedVariable("n".into())),
        ("export n=${{v}}; echo $((n+1))", EvaluatedVariable("n".into())),
        ("x=(1); declare x=${{v}}", EvaluatedVariable("x".into())),
        ("f() { local -a q; local q=${{v}}; }", EvaluatedVariable("q".into())),
        ("x[1]=2; typeset x=${{v}}", EvaluatedVariable("x".into())),
        ("read -ra x; declare x=${{v}}", EvaluatedVariable("x".into())),
        ("declare -i n; n=${{v}}", EvaluatedVariable("n".into())),
        ("for i in ${{v}}; do let i+=1; done", EvaluatedVariable("i".into())),
    ];
    let mut wrong = Vec::new();
    for (script, reason) in &table {
        match lower_text(script, Dialect::Bash) {
            Ok(lowered) => wrong.push(format!("{script:?} became {:?}", lowered.text)),
            Err(found) if found.len() == 1 && found[0].reason == *reason => {}
            Err(found) => wrong.push(format!("{script:?}: {found:?}, not {reason:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (script, _) in &table {
        let refused = lower_text(script, Dialect::Bash).expect_err(script);
        assert_eq!((refused[0].part, refused[0].offset), (1, 0), "{script:?}");
        assert_eq!(refused[0].reason.code(), Code::TEMPLATE_IN_UNSAFE_PLACE);
        assert!(!refused[0].reason.help().is_empty());
        assert!(lower_text(script, Dialect::Sh).is_err(), "{script:?} in sh");
    }
    assert!(table.len() > 120);
}

#[test]
fn scripts_that_cannot_be_followed_are_refused() {
    let table = [
        "echo 'a",
        "echo \"a",
        "echo `a",
        "echo $(a",
        "echo ${a",
        "echo $((1",
        "cat <<E\nx",
        "(a",
        "{ a",
        "if a; then b",
        "case a in",
        "case a in b",
        "a=(b",
        "[[ a",
        "echo \"$(a\"",
        "echo $'a",
        "a )",
        "a; }",
        "fi",
        "x;; y",
        "cat <<E; (a\nx\nE\n",
    ];
    for script in table {
        for dialect in [Dialect::Sh, Dialect::Bash] {
            let refused = lower_text(script, dialect).expect_err(script);
            assert!(refused.iter().all(|r| r.reason.code() == Code::SHELL_SYNTAX), "{script:?}: {refused:?}");
        }
    }
}

#[test]
fn what_shells_read_differently_matters_only_with_values() {
    let table = [
        "echo $'a\\'b'",
        "echo \"${x:-it's}\"",
        "((x = 1))",
        "ls &> f",
        "echo \"${x#'a}'}\"",
        "cat <<E\\\nOF\nEOF\n",
        "echo $\\\n(ls)",
        "cat <<E\nE\\\n\nE\n",
        "t\\\nhen",
        "echo $(cat <<E\n) x\nE\n)",
        "echo ${ ls; }",
    ];
    for script in table {
        assert_eq!(lower_text(script, Dialect::Sh).map(|l| l.text).as_deref(), Ok(script), "{script:?}");
    }
    for script in &table[..6] {
        let with_value = format!("echo ${{{{v}}}}\n{script}");
        let refused = lower_text(&with_value, Dialect::Sh).expect_err(script);
        assert!(matches!(refused[..], [ref r] if r.reason.code() == Code::SHELL_SYNTAX), "{refused:?}");
    }
}

#[test]
fn all_refusals_come_at_once_with_their_places() {
    let script = [
        Part::Text("sh -c "),
        Part::Hole,
        Part::Text("\nls "),
        Part::Hole,
        Part::Text(" # "),
        Part::Hole,
        Part::Text("\necho 'x"),
    ];
    let refused = lower(&script, Dialect::Sh).unwrap_err();
    let places: Vec<_> = refused.iter().map(|r| (r.part, r.offset)).collect();
    assert_eq!(places, [(1, 0), (5, 0), (6, 6)]);
}

#[test]
fn raw_text_counts_as_text() {
    let raw = |raw| [Part::Text("echo "), Part::Raw(raw), Part::Text(" "), Part::Hole];
    assert_eq!(lower(&raw("RB_"), Dialect::Sh).unwrap().text, "echo RB_ \"${RBV1_0}\"");
    assert!(lower(&raw("; sh -c"), Dialect::Sh).is_err());
    assert_eq!(lower(&raw("'"), Dialect::Sh).unwrap_err()[0].reason.code(), Code::SHELL_SYNTAX);
    let unknown = [Part::RawHole, Part::Text(" x "), Part::Hole];
    assert_eq!(lower(&unknown, Dialect::Sh).unwrap_err()[0].reason, Reason::UnknownProgram);
    assert!(lower(&[Part::Text("echo '"), Part::RawHole, Part::Text("' "), Part::Hole], Dialect::Sh).is_ok());
}

#[test]
fn limits_hold() {
    let deep = format!("{}:{}", "(".repeat(5000).replace('(', "( "), ")".repeat(5000));
    assert_eq!(lower_text(&deep, Dialect::Sh).unwrap_err()[0].reason, Reason::TooDeep);
    let deep = "\"$(".repeat(5000);
    assert_eq!(lower_text(&deep, Dialect::Sh).unwrap_err()[0].reason, Reason::TooDeep);
    let deep = "f() ".repeat(5000);
    assert_eq!(lower_text(&deep, Dialect::Sh).unwrap_err()[0].reason, Reason::TooDeep);
    let long = "x".repeat(runbook_core::shell::MAX_SCRIPT + 1);
    assert_eq!(lower_text(&long, Dialect::Sh).unwrap_err()[0].reason, Reason::TooLong);
    assert_eq!(lower_text("a\0b", Dialect::Sh).unwrap_err()[0].reason, Reason::Nul);
}

#[test]
fn values_become_assignments() {
    let names = ["RB_0".to_owned(), "RB_1".to_owned()];
    let values = ["a b".to_owned(), "it's".to_owned()];
    assert_eq!(assignments(&names, &values).unwrap(), "RB_0='a b'\nRB_1='it'\\''s'\n");
    let nul = AssignmentError::Nul { name: "RB_0".to_owned(), index: 0 };
    assert_eq!(assignments(&names[..1], &["a\0".to_owned()]), Err(nul));
    assert!(assignments(&names, &values[..1]).is_err());
    assert_eq!(
        ["", "a-b/c.d", "a b", "~", "a=b", "'"].map(quote),
        ["''", "a-b/c.d", "'a b'", "'~'", "'a=b'", "''\\'''"]
    );
}
