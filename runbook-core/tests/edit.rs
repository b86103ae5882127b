//! What edits do to texts, and what they leave alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use runbook_core::edit::{Edits, Format, MAX_BYTES, apply, unified_diff};
use runbook_core::value::Value;
use serde_json::json;

fn edits(value: &Value) -> Edits {
    Edits::from_value(value).unwrap_or_else(|problems| panic!("{value}: {problems:?}"))
}

/// What becomes of `old`; checks that nothing more happens the second time.
fn edited(path: &str, value: &Value, old: &str) -> String {
    let edits = edits(value);
    let edited = apply(&edits, path, old.as_bytes()).unwrap_or_else(|error| panic!("{value}: {error}"));
    assert_eq!(edited.changed(), edited.new != old);
    let again = apply(&edits, path, edited.new.as_bytes()).unwrap();
    assert!(!again.changed(), "{value}: {:?} became {:?}", edited.new, again.new);
    edited.new
}

fn refused(path: &str, value: &Value, old: &str) -> String {
    apply(&edits(value), path, old.as_bytes()).expect_err(&value.to_string()).to_string()
}

#[test]
fn env_files() {
    for (set, old, new) in [
        (json!({"A": "1"}), "", "A=1\n"),
        (json!({"A": "1"}), "A=0\n", "A=1\n"),
        (json!({"A": 1, "B": true}), "A=1\nB=true\n", "A=1\nB=true\n"),
        (json!({"A": "1"}), "B=2", "B=2\nA=1"),
        (json!({"A": "1"}), "B=2\r\n", "B=2\r\nA=1\r\n"),
        (json!({"A": "1"}), "# A=0\n#A=0\nAA=2\n", "# A=0\n#A=0\nAA=2\nA=1\n"),
        (json!({"A": "1"}), "export A=0 # why\n", "export A=1 # why\n"),
        (json!({"A": "1"}), "export B=0\n", "export B=0\nexport A=1\n"),
        (json!({"A": "1"}), "  A = 0\n", "  A = 1\n"),
        (json!({"A": "1"}), "A=\"0\"   # c\n", "A=\"1\"   # c\n"),
        (json!({"A": "1"}), "A='0'\n", "A='1'\n"),
        (json!({"A": "1"}), "A= # nothing\n", "A= 1 # nothing\n"),
        (json!({"A": "x#y"}), "A=0#1\n", "A=\"x#y\"\n"),
        (json!({"A": "two words"}), "A=0\n", "A=\"two words\"\n"),
        (json!({"A": "two words"}), "A=two words\n", "A=two words\n"),
        (json!({"A": "a$b"}), "A=a$b\n", "A='a$b'\n"),
        (json!({"A": "it's $5"}), "A=0\n", "A=\"it's \\$5\"\n"),
        (json!({"A": "say \"hi\""}), "A=\"say \\\"hi\\\"\"\n", "A=\"say \\\"hi\\\"\"\n"),
        (json!({"A": "say \"hi\""}), "A='0'\n", "A='say \"hi\"'\n"),
        (json!({"A": ""}), "A=0\n", "A=\n"),
        (json!({"A": "да"}), "A=нет\n", "A=да\n"),
        (
            json!({"A": "https://x.example.net:8080/a?b=c&d"}),
            "A=0\n",
            "A=\"https://x.example.net:8080/a?b=c&d\"\n",
        ),
        (json!({"A": "1"}), "P=\"line\nA=9x\n\"\nA=0\n", "!"),
        (json!({"B": "1"}), "P=\"line\nsecond\n\"\nB=0\n", "P=\"line\nsecond\n\"\nB=1\n"),
        (json!({"P": "1"}), "P=\"line\nsecond\"\nB=0\n", "P=\"1\"\nB=0\n"),
        (json!({"A": "1"}), "A=\"$HOME\"\n", "A=\"1\"\n"),
        (json!({"A": "1"}), "\u{feff}A=0\n", "\u{feff}A=1\n"),
        (json!({"A": "b"}), "A=\"a\"b\n", "A=\"b\"\n"),
    ] {
        if new == "!" {
            let message = refused(".env", &json!({"set": set}), old);
            assert_eq!(message, "set.A: line 2 sets `A`, or belongs to the text that begins on line 1");
        } else {
            assert_eq!(edited("/opt/app/.env", &json!({"set": set}), old), new, "{set} in {old:?}");
        }
    }
    let raw = |set: Value| json!({"set": set, "quote": "never", "format": "env"});
    assert_eq!(edited("x", &raw(json!({"A": "it's \"$5\" # x"})), "A=\"0\"\n"), "A=it's \"$5\" # x\n");
    for (set, old, message) in [
        (json!({"A": "1"}), "A=0\nB=1\nA=2\n", "set.A: `A` is set on lines 1 and 3: which of them is meant?"),
        (json!({"A": "a\nb"}), "", "set.A: a value of several lines is read differently by every tool"),
        (json!({"1A": "a"}), "", "set.1A: \"1A\" is not a name for a variable"),
        (json!({"s": {"A": "a"}}), "", "set.s.A: an env file has no sections"),
    ] {
        assert_eq!(refused("prod.env", &json!({"set": set}), old), message);
    }
    assert_eq!(
        refused("x", &raw(json!({"A": " a"})), ""),
        "set.A: blanks around a value are lost without quotes"
    );
}

#[test]
fn ini_files() {
    let unit = "[Unit]\nDescription=x\n\n[Service]\n# how many\nLimitNOFILE=1024\nEnvironment=A=1\nEnvironment=B=2\n\n# about install\n[Install]\nWantedBy=multi-user.target\n";
    let set = |section: &str, key: &str, value: &str| json!({"set": {section: {key: value}}});
    let with = |old: &str, new: &str| unit.replace(old, new);
    let unit_path = "/etc/systemd/system/app.service";
    assert_eq!(edited(unit_path, &set("Service", "LimitNOFILE", "65536"), unit), with("1024", "65536"));
    assert_eq!(
        edited(unit_path, &set("Service", "Restart", "always"), unit),
        with("Environment=B=2\n", "Environment=B=2\nRestart=always\n")
    );
    assert_eq!(
        edited(unit_path, &json!({"section": "Timer", "set": {"OnBootSec": "5m"}}), unit),
        format!("{unit}\n[Timer]\nOnBootSec=5m\n")
    );
    for (set, old, new) in [
        (json!({"a": {"k": "v"}}), "", "[a]\nk = v\n"),
        (json!({"k": "v"}), "", "k = v\n"),
        (json!({"k": "v"}), "# about\n\n[a]\nk=1\n", "# about\nk=v\n\n[a]\nk=1\n"),
        (json!({"k": 2}), "j : 1\n[a]\n", "j : 1\nk : 2\n[a]\n"),
        (json!({"a": {"k": "v"}}), "[a]\n[b]\nk=1\n", "[a]\nk=v\n[b]\nk=1\n"),
        (json!({"a": {"k": "v"}}), "[a]\n\tk = 1\n\tj = 2\n", "[a]\n\tk = v\n\tj = 2\n"),
        (json!({"a": {"n": "v"}}), "[a]\n\tk = 1\n", "[a]\n\tk = 1\n\tn = v\n"),
        (json!({"a": {"k": "v"}}), "[a]\n;k=1\n#k=1\nk=\n", "[a]\n;k=1\n#k=1\nk=v\n"),
        (json!({"a": {"k": "v"}}), "[a]\r\nk =\r\n", "[a]\r\nk = v\r\n"),
        (json!({"a": {"k": "v"}}), "[a]\nk=\"x\"\n", "[a]\nk=\"v\"\n"),
        (json!({"a": {"k": "x"}}), "[a]\nk=\"x\"\n", "[a]\nk=\"x\"\n"),
        (json!({"a": {"k": "'x'"}}), "[a]\nk=\"x\"\n", "[a]\nk='x'\n"),
        (json!({"a": {"k": "x ; y"}}), "[a]\nk = x ; y\n", "[a]\nk = x ; y\n"),
        (json!({"a": {"k": "v"}}), "[a]\nj=1\n[b]\n[a]\nk=1\n", "[a]\nj=1\n[b]\n[a]\nk=v\n"),
        (json!({"a": {"k": "v"}}), "[a]", "[a]\nk = v"),
        (
            json!({"branch \"main\"": {"remote": "up"}}),
            "[branch \"main\"]\n\tremote = origin\n",
            "[branch \"main\"]\n\tremote = up\n",
        ),
    ] {
        assert_eq!(edited("x.ini", &json!({"set": set}), old), new, "{set} in {old:?}");
    }
    for (value, old, message) in [
        (
            set("Service", "Environment", "C=3"),
            unit,
            "set.Service.Environment: `Environment` is set on lines 7 and 8: which of them is meant?",
        ),
        (
            set("a", "k", "v"),
            "[a]\nk = 1 ; one\n",
            "set.a.k: the value on line 2 may end with a comment, or not",
        ),
        (set("a", "k", "v"), "[a]\nk = 1 \\\n  2\n", "set.a.k: the value on line 2 goes on in the next line"),
        (set("a", "k", "v"), "[a]\nk = 1\n  2\n", "set.a.k: the value on line 2 goes on in the next line"),
        (set("a", "k", "x\ny"), "", "set.a.k: a value of several lines is read differently by every tool"),
        (set("a", "k", "x\\"), "", "set.a.k: a value that ends with `\\` would go on in the next line"),
        (set("a", "k=", "x"), "", "set.a.k=: \"k=\" is not a key of an ini file"),
        (set("a]", "k", "x"), "", "set.a].k: \"a]\" is not a section of an ini file"),
    ] {
        assert_eq!(refused("x.cfg", &value, old), message);
    }
    assert_eq!(
        refused("nginx.conf", &json!({"set": {"a": 1}}), ""),
        "set: the file's name does not say what format it has"
    );
}

#[test]
fn formats_by_path() {
    for (path, format) in [
        ("/opt/app/.env", Some(Format::Env)),
        ("/opt/app/.env.production", Some(Format::Env)),
        ("prod.env", Some(Format::Env)),
        ("/etc/environment", Some(Format::Env)),
        ("/etc/systemd/system/a.service", Some(Format::Ini)),
        ("php.ini", Some(Format::Ini)),
        ("/etc/nginx/nginx.conf", None),
        ("/x.env/readme", None),
        ("", None),
    ] {
        assert_eq!(Format::of_path(path), format, "{path}");
    }
}

#[test]
fn lines() {
    let sshd = "# PermitRootLogin yes\nPermitRootLogin yes\nPort 22\n";
    let login = json!({"line": {"match": "^PermitRootLogin ", "text": "PermitRootLogin no"}});
    assert_eq!(edited("x", &login, sshd), "# PermitRootLogin yes\nPermitRootLogin no\nPort 22\n");
    for (line, old, new) in [
        (json!("b"), "a\n", "a\nb\n"),
        (json!("b"), "b\na\nb\n", "b\na\nb\n"),
        (json!("b"), "a", "a\nb"),
        (json!("b"), "", "b\n"),
        (json!({"text": "b", "insert": "start"}), "a\n", "b\na\n"),
        (json!({"text": "b", "after": "^a"}), "a\nc\n", "a\nb\nc\n"),
        (json!({"text": "b", "before": "^c"}), "a\nc\n", "a\nb\nc\n"),
        (json!({"text": "b", "match": "^x", "after": "^a"}), "a\nc\n", "a\nb\nc\n"),
        (json!({"text": "b", "after": "^c"}), "a\r\nc", "a\r\nc\r\nb"),
        (json!(["x", {"text": "y", "after": "^x$"}]), "", "x\ny\n"),
        (json!({"text": "$1 \\1", "match": "(a)"}), "a\n", "$1 \\1\n"),
    ] {
        assert_eq!(edited("x", &json!({"line": line}), old), new, "{line} in {old:?}");
    }
    for (line, old, message) in [
        (
            json!({"text": "b", "match": "a"}),
            "a\nx\na\n",
            "line: `match` fits lines 1 and 3: which of them is meant?",
        ),
        (
            json!({"text": "b", "match": "a"}),
            "a\nb\n",
            "line: line 2 is the text already, and line 1 matches: which of them is meant?",
        ),
        (
            json!({"text": "b", "after": "z"}),
            "a\n",
            "line: no line matches \"z\", so there is no place to insert",
        ),
        (
            json!({"text": "b", "after": "a"}),
            "a\na\n",
            "line: lines 1 and 2 match \"a\": which of them is meant?",
        ),
        (json!(["x", "a\nb"]), "a\n", "line[1]: the text has more than one line, or a NUL character"),
    ] {
        assert_eq!(refused("x", &json!({"line": line}), old), message);
    }
}

#[test]
fn removals_and_blocks() {
    assert_eq!(edited("x", &json!({"remove": ["b", {"match": "^#"}]}), "a\nb\n#c\nbb\nb"), "a\nbb\n");
    let block = |more: Value| {
        let mut block = json!({"name": "hosts", "content": "10.0.0.1 a\n10.0.0.2 b\n"});
        block.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"block": block})
    };
    let inside = "# BEGIN runbook: hosts\n10.0.0.1 a\n10.0.0.2 b\n# END runbook: hosts\n";
    assert_eq!(
        edited("x", &block(json!({})), "127.0.0.1 localhost\n"),
        format!("127.0.0.1 localhost\n{inside}")
    );
    assert_eq!(edited("x", &block(json!({"insert": "start"})), "x\n"), format!("{inside}x\n"));
    assert_eq!(
        edited("x", &block(json!({"content": "new"})), &format!("a\n{inside}b\n")),
        "a\n# BEGIN runbook: hosts\nnew\n# END runbook: hosts\nb\n"
    );
    assert_eq!(edited("x", &block(json!({"content": ""})), &format!("a\n{inside}b\n")), "a\nb\n");
    assert_eq!(edited("x", &block(json!({"content": ""})), "a\n"), "a\n");
    assert_eq!(
        edited("x", &block(json!({"comment": "<!--", "content": "y"})), "x\r\n"),
        "x\r\n<!-- BEGIN runbook: hosts -->\r\ny\r\n<!-- END runbook: hosts -->\r\n"
    );
    assert_eq!(
        refused("x", &block(json!({})), "# BEGIN runbook: hosts\n"),
        "block.hosts: the markers of the block do not form a pair: 1 to begin it, 0 to end it"
    );
    assert_eq!(
        refused("x", &block(json!({"content": "# END runbook: hosts"})), ""),
        "block.hosts: the content has one of the block's own markers"
    );
}

#[test]
fn contradictions_and_what_is_no_text() {
    let lines = json!({"line": [{"match": "^a", "text": "b"}, {"match": "^x", "text": "a"}]});
    let message = refused("x", &lines, "a\nx\n");
    assert!(
        message.starts_with(
            "the operations undo each other: done again, they would change the text again (line[0]: "
        ),
        "{message}"
    );
    // Taken out and put in again: elsewhere the first time, not at all the second.
    assert_eq!(
        edited("x.env", &json!({"set": {"A": 1}, "remove": {"match": "^A="}}), "A=1\nC=1\n"),
        "C=1\nA=1\n"
    );
    assert_eq!(
        refused(".env", &json!({"set": {"B": 1}}), "A='x\nB=2\n"),
        "set.B: the quote on line 1 is not closed"
    );
    assert_eq!(refused("x", &json!({"line": ""}), "a\n"), "line: the text is empty");
    let any = edits(&json!({"line": "x"}));
    let fails = |bytes: &[u8]| apply(&any, "x", bytes).unwrap_err().to_string();
    assert_eq!(fails(b"ok\n\xff\n"), "the file is not UTF-8 text: line 2");
    assert_eq!(fails(b"a\0b"), "the file has NUL characters: it is not a text");
    assert_eq!(fails(&vec![b'a'; MAX_BYTES + 1]), "the file has more than 16 MiB");
}

#[test]
fn parameters() {
    let problems = |value: Value| -> Vec<String> {
        Edits::from_value(&value).unwrap_err().iter().map(ToString::to_string).collect()
    };
    assert_eq!(problems(json!([])), ["``: must be a map, this is a list"]);
    assert_eq!(problems(json!({})), ["``: nothing to do: give `set`, `line`, `remove` or `block`"]);
    assert_eq!(
        problems(json!({
            "sett": {}, "format": "toml", "remove": [{"match": "("}, 3, {}], "line": {"txt": "a", "insert": "middle"},
            "set": {"A": null, "s": {"B": []}}, "block": {"name": "n", "before": 1, "after": "x"},
        })),
        [
            "`sett`: is not known here; did you mean `set`?",
            "`format`: must be `env` or `ini`",
            "`remove[0].match`: \"(\" is not a regular expression: unclosed group",
            "`remove[1]`: must be a map, this is a number",
            "`remove[2]`: needs either `text` or `match`",
            "`set.A`: must be a text, number or bool, this is nothing",
            "`set.s.B`: must be a text, number or bool, this is a list",
            "`line.txt`: is not known here; did you mean `text`?",
            "`line`: needs `text`, the whole line",
            "`line.insert`: must be `end` or `start`",
            "`block`: needs `content`",
            "`block.after`: only one of `insert`, `before` and `after` can be given",
        ]
    );
    assert_eq!(
        problems(json!({"section": "a", "line": "x"})),
        ["`section`: has a meaning only beside `set`"]
    );
    let twice = json!({"block": [{"name": "a", "content": "x"}, {"name": "a", "content": "y"}]});
    assert_eq!(problems(twice), ["`block[1].name`: two blocks have the same name"]);
    let all = edits(&json!({
        "format": "ini", "set": {"k": 1}, "remove": "x", "line": {"text": "y", "before": "z"},
        "block": {"name": "n", "content": "c", "insert": "start"},
    }));
    let written = serde_json::to_value(&all).unwrap();
    assert_eq!(serde_json::from_value::<Edits>(written).unwrap(), all);
}

#[test]
fn differences() {
    let edited = apply(&edits(&json!({"set": {"B": 3}})), ".env", b"A=1\nB=2\nC=3\n").unwrap();
    assert_eq!(
        edited.diff("/opt/app/.env"),
        "--- /opt/app/.env\n+++ /opt/app/.env\n@@ -1,3 +1,3 @@\n A=1\n-B=2\n+B=3\n C=3\n"
    );
    assert_eq!(unified_diff("a", "a", "x"), "");
    assert!(unified_diff("a", "a\n", "x").contains("No newline"));
}

fn env_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[A-C]=[a-z0-9 ]{0,5}",
        "[A-C] ?= ?(\"[a-z $\\\\]{0,4}\"|'[a-z\"]{0,4}')( # c)?",
        "export [A-C]=[a-z]{0,3}",
        "# ?[A-C]=x",
        Just(String::new()),
        "\\PC{0,6}",
        "[A-C]=[\"'][a-z]{0,3}",
        "\\[[ab]\\]",
        "  [a-c]: [a-z;# ]{0,5}",
    ];
    (prop::collection::vec(line, 0..8), prop::sample::select(vec!["\n", "\r\n"]), any::<bool>())
        .prop_map(|(lines, ending, last)| lines.join(ending) + if last { ending } else { "" })
}

fn operations() -> impl Strategy<Value = Value> {
    let value = prop_oneof!["[a-z]{0,4}", "[ -~]{0,8}", "\\PC{0,5}"];
    let place = prop_oneof![
        Just(json!({})),
        Just(json!({"insert": "start"})),
        "[A-Ca-c]".prop_map(|c| json!({"after": c})),
        "[A-Ca-c]".prop_map(|c| json!({"before": c})),
    ];
    prop_oneof![
        ("[A-D]", value.clone()).prop_map(|(key, value)| json!({"set": {key: value}, "format": "env"})),
        ("[A-D]", value.clone())
            .prop_map(|(key, value)| json!({"set": {key: value}, "format": "env", "quote": "never"})),
        ("[ab]", "[a-d]", value.clone())
            .prop_map(|(section, key, value)| json!({"set": {section: {key: value}}, "format": "ini"})),
        ("[a-d]", value.clone()).prop_map(|(key, value)| json!({"set": {key: value}, "format": "ini"})),
        (value.clone(), "[A-C]=?", place.clone()).prop_map(|(text, pattern, place)| {
            let mut line = json!({"text": text, "match": pattern});
            line.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
            json!({"line": line})
        }),
        "[A-C]=?".prop_map(|pattern| json!({"remove": {"match": pattern}})),
        (value.clone(), value, place).prop_map(|(one, two, place)| {
            let mut block = json!({"name": "n", "content": format!("{one}\n{two}")});
            block.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
            json!({"block": block})
        }),
    ]
}

proptest! {
    #[test]
    fn twice_is_once(old in env_text(), several in prop::collection::vec(operations(), 1..3)) {
        let mut value = json!({});
        for one in several {
            value.as_object_mut().unwrap().extend(one.as_object().unwrap().clone());
        }
        if let Ok(edits) = Edits::from_value(&value)
            && let Ok(once) = apply(&edits, "x", old.as_bytes())
        {
            let twice = apply(&edits, "x", once.new.as_bytes()).unwrap();
            prop_assert_eq!(&twice.new, &once.new);
            prop_assert!(!twice.changed());
        }
    }

    #[test]
    fn a_single_operation_never_contradicts_itself(old in env_text(), value in operations()) {
        if let Err(error) = apply(&edits(&value), "x", old.as_bytes()) {
            prop_assert!(!error.message.starts_with("the operations undo"), "{}: {}", value, error);
        }
    }

    #[test]
    fn other_lines_stay(old in env_text(), value in operations()) {
        let Ok(edited) = apply(&edits(&value), "x", old.as_bytes()) else { return Ok(()) };
        let (before, after): (Vec<&str>, Vec<&str>) = (edited.old.split('\n').collect(), edited.new.split('\n').collect());
        let start = before.iter().zip(&after).take_while(|(one, other)| one == other).count();
        let end = before.iter().rev().zip(after.iter().rev()).take_while(|(one, other)| one == other).count();
        let end = end.min(before.len().min(after.len()) - start);
        let (gone, new) = (&before[start..before.len() - end], &after[start..after.len() - end]);
        if value.get("remove").is_some() {
            // Lines only go, and none that does not match.
            let pattern = value["remove"]["match"].as_str().unwrap();
            let kept: Vec<&str> = old.split_inclusive('\n').filter(|line| !line.contains(pattern) && !line.contains(&pattern[..1])).collect();
            for line in kept {
                prop_assert!(edited.new.contains(line), "{:?} lost", line);
            }
        } else {
            // One place changes: at most one entry goes (over several lines if it is quoted), a few lines come.
            let quoted = gone.iter().any(|line| line.contains(['"', '\'']));
            prop_assert!(gone.len() <= 1 || quoted || (gone.len() == 2 && gone[1].is_empty()), "{:?} → {:?}", gone, new);
            prop_assert!(new.len() <= 6);
        }
    }

    #[test]
    fn what_was_set_is_read_back(old in env_text(), value in "[ -~]{0,10}") {
        let edits = edits(&json!({"set": {"A": value}, "format": "env"}));
        let Ok(edited) = apply(&edits, "x", old.as_bytes()) else { return Ok(()) };
        // A shell reads the line as it was meant; the rest of the file may be anything.
        let line = edited.new.lines().map(str::trim_start).rfind(|line| {
            let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
            line.starts_with("A=")
        });
        if let Some(line) = line.filter(|line| !edited.new.contains("A =") && !line.contains("A= ")) {
            let script = format!("{line}\nprintf %s \"$A\"");
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            let plain = edited.changed();
            if plain {
                prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), value, "{}", line);
            }
        }
    }

    #[test]
    fn no_text_and_no_parameter_panics(old in prop::collection::vec(any::<u8>(), 0..60), text in any::<String>(), value in operations()) {
        let _ = apply(&edits(&value), &text, &old);
        let _ = apply(&edits(&value), "x.ini", text.as_bytes());
        for key in ["set", "line", "remove", "block", "format", "quote", "section"] {
            let _ = Edits::from_value(&json!({key: text}));
            let _ = Edits::from_value(&json!({key: {&text: {&text: text}}}));
            let _ = Edits::from_value(&json!({key: [{"match": text, "text": text, "after": text}]}));
        }
    }
}
