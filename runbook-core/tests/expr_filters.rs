//! What filters, tests and operators do with every sort of value.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::Range;

use proptest::prelude::*;
use runbook_core::diag::Diagnostics;
use runbook_core::expr::{EvalError, Expr, Origin, filters, tests};
use runbook_core::source::{SourceId, Span};
use runbook_core::value::{Object, Value};
use serde_json::json;

fn parse(text: &str) -> Result<Expr, Vec<(String, String)>> {
    let place = |range: Range<usize>| Span::new(SourceId(0), range);
    let origin = Origin { span: place(0..text.len()), place: &place };
    let mut found = Diagnostics::default();
    let parsed = Expr::parse(text, &origin, &mut found);
    parsed.ok_or_else(|| found.into_sorted().into_iter().map(|d| (d.code.to_string(), d.message)).collect())
}

fn of(text: &str, x: &Value) -> Result<Value, EvalError> {
    let scope = Object::from_iter([("x".to_owned(), x.clone())]);
    parse(text).unwrap_or_else(|found| panic!("{text}: {found:?}")).eval(&scope)
}

/// The value of each expression with `x`.
fn yields(x: &Value, cases: &[(&str, Value)]) {
    for (text, expected) in cases {
        let value = of(text, x).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_string(), expected.to_string(), "{text}");
    }
}

/// What each expression says of `x` when it is evaluated.
fn fails(x: &Value, cases: &[(&str, &str)]) {
    for (text, message) in cases {
        assert_eq!(of(text, x).expect_err(text).message, *message, "{text}");
    }
}

/// What is said of each expression before it has values.
fn refused(cases: &[(&str, &str, &str)]) {
    for (text, code, message) in cases {
        assert_eq!(parse(text).expect_err(text), [((*code).to_owned(), (*message).to_owned())], "{text}");
    }
}

#[test]
fn numbers() {
    yields(
        &json!(-7),
        &[
            ("x // 2", json!(-4)),
            ("x % 2", json!(1)),
            ("x % -2", json!(-1)),
            ("x / 2", json!(-3.5)),
            ("7.5 // 2", json!(3.0)),
            ("-7.5 % 2", json!(0.5)),
            ("x ** 2 - 1", json!(48)),
            ("2 ** -1", json!(0.5)),
            ("1 + 0.5", json!(1.5)),
            ("-x", json!(7)),
            ("-(0.0)", json!(-0.0)),
            ("x | abs", json!(7)),
            ("2.5 | int", json!(2)),
            ("2.5 | round", json!(2)),
            ("2.51 | round", json!(3)),
            ("2.51 | round(method='floor')", json!(2)),
            ("2.001 | round(2, method='ceil')", json!(2.01)),
            ("1e300 | round(15)", json!(1e300)),
            ("x is even or x is divisibleby(7)", json!(true)),
            ("x is odd", json!(true)),
        ],
    );
    fails(
        &json!(0),
        &[
            ("1 / x", "division by zero"),
            ("1.5 % x", "division by zero"),
            ("10.0 ** 400", "the result is not a finite number"),
            ("2 ** 200", "this whole number is too large"),
            ("1e300 | round", "the number is too large for `round`"),
            ("2.5 | round(x - 1)", "-1 is not a whole number from 0 to 15"),
        ],
    );
}

#[test]
fn parts_of_lists_and_texts() {
    yields(
        &json!([0, 1, 2, 3]),
        &[
            ("x[1:3]", json!([1, 2])),
            ("x[-2:]", json!([2, 3])),
            ("x[:-3]", json!([0])),
            ("x[::-1]", json!([3, 2, 1, 0])),
            ("x[0:2:-1]", json!([])),
            ("x[2:0:-1]", json!([2, 1])),
            ("x[9:]", json!([])),
            ("x[-9:2]", json!([0, 1])),
            ("x[::9]", json!([0])),
            ("'абвг'[1:-1]", json!("бв")),
            ("'абвг'[::-1]", json!("гвба")),
            ("x[:-9223372036854775807:-9223372036854775807]", json!([3])),
        ],
    );
    fails(
        &json!(0),
        &[
            ("[1][::x]", "a part cannot be taken in steps of 0"),
            ("x[1:]", "a part can be taken of a list or text, this is a number"),
        ],
    );
}

#[test]
fn lists_and_maps() {
    let x = json!([{"n": "b", "v": 2, "in": {"k": [5]}}, {"n": "a", "v": 10, "in": {"k": [6]}}, {"n": "b", "v": 1}]);
    yields(
        &x,
        &[
            ("x | sort(attribute='v') | map(attribute='v')", json!([1, 2, 10])),
            ("x | sort(attribute='n', reverse=true) | map(attribute='v')", json!([2, 1, 10])),
            ("x | map(attribute='in.k.0', default=none)", json!([5, 6, null])),
            ("x | selectattr('in', 'defined') | map(attribute='in.k.0') | sum", json!(11)),
            ("x | selectattr('v', 'gt', 1) | length", json!(2)),
            ("x | rejectattr('n', 'eq', 'b') | map(attribute='n')", json!(["a"])),
            ("(x | min(attribute='v')).n ~ (x | max(attribute='v')).n", json!("ba")),
            ("x | sum(attribute='v')", json!(13)),
            ("x | map(attribute='n') | unique", json!(["b", "a"])),
            ("(x | groupby('n')).b | map(attribute='v')", json!([2, 1])),
            ("x | map(attribute='n') | map('regex_replace', '(.)', '<\\\\1>') | join", json!("<b><a><b>")),
            ("['1', 'x'] | map('int', default=0)", json!([1, 0])),
            ("['b', 'A', 'a'] | sort", json!(["A", "a", "b"])),
            ("[1, 1.0, '1'] | unique", json!([1, "1"])),
            ("[{'a': 1, 'b': 2}, {'b': 2.0, 'a': 1}] | unique | length", json!(1)),
            ("[1, 2] | difference([2.0])", json!([1])),
            ("[] | first | default('none')", json!("none")),
            ("[] | min is undefined", json!(true)),
            ("[] | sum", json!(0)),
            ("{'b': 1, 'a': 2} | dictsort | dict", json!({"a": 2, "b": 1})),
            ("'один два  три' | split(parts=2)", json!(["один", "два  три"])),
            ("'' | split", json!([])),
            ("['a', 1, true] | join('-')", json!("a-1-true")),
            ("[1, 2] == [1, 2.0]", json!(true)),
            ("[1, 'a'] == [2, 3]", json!(false)),
            ("{'a': 1} == {'a': 1, 'b': 2}", json!(false)),
            ("{'a': none} == {'a': 1}", json!(false)),
            ("[1, 'a'] | select('string')", json!(["a"])),
            ("range(5, 0, -2)", json!([5, 3, 1])),
            ("range(9223372036854775806, 9223372036854775807, 5)", json!([9_223_372_036_854_775_806_i64])),
        ],
    );
    fails(
        &x,
        &[
            ("x | sort", "a map is neither less nor greater than another map"),
            ("[1, 'a', 2] | sort", "a number cannot be compared with a text"),
            ("[1, 'a'] | max", "a text cannot be compared with a number"),
            ("x | map(attribute='in')", "an element has no `in`"),
            ("x | selectattr('in.k', 'eq', 1)", "a list cannot be compared with a number"),
            ("x | join", "a map inside a text"),
            ("['a'] | sum", "a number and a text cannot be added"),
            ("[1] | zip([])", "the lists have 1 and 0 elements"),
            ("[['a', 1], ['a', 2]] | dict", "two pairs have the key `a`"),
            ("[1] == ['1']", "a number cannot be compared with a text"),
            ("'b' | replace(x | map(attribute='n') | join | trim('ba'), '')", "`old` of `replace` is empty"),
            ("range(2000000)", "a list of more than 1000000 elements"),
        ],
    );
}

#[test]
fn texts_and_data() {
    yields(
        &json!("Первая строка\r\nвторая\n"),
        &[
            ("x | lines", json!(["Первая строка", "вторая"])),
            ("x | indent(2, first=true)", json!("  Первая строка\r\n  вторая\n")),
            ("x | lines | map('upper') | first", json!("ПЕРВАЯ СТРОКА")),
            ("'ёж' | capitalize", json!("Ёж")),
            ("'/a/b/' | basename ~ ('/' | basename) ~ ('' | basename)", json!("b/")),
            ("'a' | dirname ~ ('/a' | dirname) ~ ('//' | dirname) ~ ('/a//b' | dirname)", json!(".///a")),
            ("'xxaxx' | trim('x')", json!("a")),
            ("{'q': 'a b', 'n': 1} | urlencode", json!("q=a%20b&n=1")),
            ("'oops' | from_json(default={})", json!({})),
            ("'yes' | bool(default=true)", json!(true)),
            ("{'a': [1]} | to_json(indent=1)", json!("{\n \"a\": [\n  1\n ]\n}")),
            ("'a1b22' | regex_captures('[a-z](\\\\d+)') | join('+')", json!("1+22")),
            (
                "'2026-11-20' | regex_replace('(?<y>\\\\d+)-(\\\\d+)-(\\\\d+)', '\\\\3.\\\\2.\\\\g<y>')",
                json!("20.11.2026"),
            ),
            ("'ab' | regex_replace('x*', '-')", json!("-a-b-")),
            ("'k=' | regex_groups('(?<k>\\\\w)=(?<v>\\\\w)?')", json!({"k": "k", "v": null})),
            ("'$1' | regex_replace('a', 'b')", json!("$1")),
        ],
    );
    fails(
        &json!("oops"),
        &[
            ("x | from_json", "\"oops\" is not JSON: expected value at line 1 column 1"),
            ("x | regex_capture(x ~ '(')", "\"oops(\" is not a regular expression: unclosed group"),
            ("x | regex_replace('o', x ~ '\\\\1')", "the regular expression has no group \"1\""),
            ("{'a': [1]} | urlencode", "`a`: a list inside a text"),
            ("x | split('')", "the separator of `split` is empty"),
        ],
    );
}

#[test]
fn what_would_grow_without_end_is_refused() {
    let x = json!("a".repeat(10_000));
    for text in [
        "x | replace('a', x)",
        "x | regex_replace('a', x)",
        "x | list | join(x)",
        "x | list | map('replace', 'a', x)",
    ] {
        assert_eq!(of(text, &x).expect_err(text).message, "a text of more than 16 MiB", "{text}");
    }
    let escapes = format!("'\\\"'{}", " | to_json".repeat(29));
    assert_eq!(of(&escapes, &x).expect_err("too long").message, "a text of more than 16 MiB");
}

#[test]
fn units() {
    yields(
        &json!("1.5G"),
        &[
            ("x | size", json!(1_500_000_000)),
            ("x | size(binary=true)", json!(1_610_612_736)),
            ("'10 MiB' | size", json!(10_485_760)),
            ("'4.0K' | size(binary=true)", json!(4096)),
            ("'1.2kB' | size", json!(1200)),
            ("'12Gi' | size", json!(12_884_901_888_u64)),
            ("'2TB' | size", json!(2_000_000_000_000_u64)),
            ("'0' | size", json!(0)),
            ("'-' | size(default=none)", json!(null)),
            ("1536 | to_size", json!("1.5 KiB")),
            ("1048575 | to_size", json!("1 MiB")),
            ("512 | to_size", json!("512 B")),
            ("'1h30m' | duration", json!(5400)),
            ("'250ms' | duration", json!(0.25)),
            ("5400.25 | to_duration", json!("1h30m250ms")),
            ("-60 | to_duration", json!("-1m")),
        ],
    );
    for text in ["1.5", "1.B", ".5G", "1..5G", "5 X", "iB", "G", "99999999999P", "1.5B"] {
        assert_eq!(of("x | size", &json!(text)).expect_err(text).message, format!("{text:?} is not a size"));
    }
    fails(&json!("90"), &[("x | duration", "\"90\": a duration needs a unit, such as `90s` or `90m`")]);
}

#[test]
fn points_in_time() {
    yields(
        &json!("2026-11-20T10:00:00+03:00\n"),
        &[
            ("x | datetime", json!("2026-11-20T07:00:00Z")),
            ("x | unix", json!(1_795_158_000)),
            ("x | age('2026-11-20T07:00:01.5Z')", json!(1.5)),
            ("'1795158000' | age(x)", json!(0)),
            ("x | plus('1d2h') | date('%Y-%m-%d %H:%M')", json!("2026-11-21 09:00")),
            ("x | minus('36h') | date('%d.%m %H:%M', offset='+03:00')", json!("18.11 22:00")),
            ("'20.11.2026' | datetime('%d.%m.%Y')", json!("2026-11-20T00:00:00Z")),
            ("'2026-11-20 10:00:00' | datetime(offset='-05:30')", json!("2026-11-20T15:30:00Z")),
            (
                "'Fri, 20 Nov 2026 10:00:00 +0300' | datetime('%a, %d %b %Y %H:%M:%S %z')",
                json!("2026-11-20T07:00:00Z"),
            ),
            ("0 | datetime", json!("1970-01-01T00:00:00Z")),
            ("1.5 | datetime | unix", json!(1.5)),
        ],
    );
    fails(
        &json!("2026-11-20 10:00"),
        &[
            ("x | unix", "\"2026-11-20 10:00\" is not a point in time"),
            ("0 | plus('999999999d')", "this point in time is too far away"),
            ("1e300 | datetime", "this point in time is too far away"),
            ("0 | date('%d', offset=x)", "\"2026-11-20 10:00\" is not an offset from UTC"),
        ],
    );
    assert!(of("x | datetime('%d.%m.%Y')", &json!("2026-11-20")).is_err());
}

#[test]
fn tables() {
    let ps = "USER  PID COMMAND\nroot    1 /sbin/init splash\nwww-data-long 22 nginx: worker\n";
    let expected = json!([
        {"USER": "root", "PID": "1", "COMMAND": "/sbin/init splash"},
        {"USER": "www-data-long", "PID": "22", "COMMAND": "nginx: worker"},
    ]);
    assert_eq!(of("x | table(words=true)", &json!(ps)), Ok(expected));
    let passwd = "root:x:0:/root\nbin:x:1:\n";
    let columns = "x | table(separator=':', columns=['name', 'password', 'id', 'home'])";
    let expected = json!([
        {"name": "root", "password": "x", "id": "0", "home": "/root"},
        {"name": "bin", "password": "x", "id": "1", "home": ""},
    ]);
    assert_eq!(of(columns, &json!(passwd)), Ok(expected));
    let ss = "State Recv-Q Local Address:Port Process\nLISTEN 0 0.0.0.0:22 users:((\"sshd\",pid=1))\nESTAB 10 10.0.0.1:22\n";
    let columns = "x | table(skip=1, words=true, columns=['state', 'queue', 'address'])";
    let expected = json!([
        {"state": "LISTEN", "queue": "0", "address": "0.0.0.0:22 users:((\"sshd\",pid=1))"},
        {"state": "ESTAB", "queue": "10", "address": "10.0.0.1:22"},
    ]);
    assert_eq!(of(columns, &json!(ss)), Ok(expected));
    let kubectl =
        "NAME    READY   STATUS    AGE\napi-0   1/1     Running   3d\ndb      0/1               5h\n";
    let expected = json!([
        {"NAME": "api-0", "READY": "1/1", "STATUS": "Running", "AGE": "3d"},
        {"NAME": "db", "READY": "0/1", "STATUS": "", "AGE": "5h"},
    ]);
    assert_eq!(of("x | table", &json!(kubectl)), Ok(expected));
    let df = "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/sda1 100 50 50 50% /mnt/a b\n";
    assert_eq!(of("(x | table(words=true))[0]['Mounted']", &json!(df)), Ok(json!("/mnt/a b")));
    assert_eq!(
        of("x | table(columns=['a', 'b'])", &json!("1 2\n3 4\n")),
        Ok(json!([{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]))
    );
    fails(
        &json!("a a\n1 2\n3\n"),
        &[
            ("x | table", "two columns are called `a`"),
            ("x | table(words=true)", "\"3\" has 1 cells, there are 2 columns"),
            ("x | table(separator=' ', words=true)", "`separator` and `words` cannot be used together"),
            ("x | table(columns=[1])", "a column's name is a text, this is a number"),
            ("x | table(columns=['a'])", "2 columns are aligned, 1 are named"),
        ],
    );
}

#[test]
fn what_never_fits_is_found_before_the_run() {
    refused(&[
        ("'5' > 3", "RB0452", "a text cannot be compared with a number"),
        ("x | lines == 0", "RB0452", "a list cannot be compared with a number"),
        ("(x | length) == '3'", "RB0452", "a number cannot be compared with a text"),
        ("true < false", "RB0452", "a bool is neither less nor greater than another bool"),
        ("none < 1", "RB0452", "nothing cannot be compared with a number"),
        ("1 in 'abc'", "RB0452", "a number cannot be part of a text"),
        ("'1' in [1, 2]", "RB0452", "a text cannot be compared with a number"),
        ("x in 5", "RB0452", "a number contains nothing"),
        ("[x is defined == 'yes']", "RB0452", "a bool cannot be compared with a text"),
        ("3 | lines", "RB0451", "`lines` needs a text, this is a number"),
        ("x | lines | trim", "RB0451", "`trim` needs a text, this is a list"),
        ("'a' | replace('b', 3)", "RB0451", "`new` of `replace` is a text, this is a number"),
        ("'a' + 1", "RB0451", "a text and a number cannot be added"),
        ("x * 'a'", "RB0451", "`*` needs a number, this is a text"),
        (
            "x ~ none",
            "RB0451",
            "`~` joins what can be written as text: a bool, number or text, this is nothing",
        ),
        ("-'a'", "RB0451", "`-` needs a number, this is a text"),
        ("(1 + 2).a", "RB0451", "a number has no elements"),
        ("'3' is even", "RB0451", "`even` needs a number, this is a text"),
        ("x[:'a']", "RB0451", "the bounds of a part are made of a number, this is a text"),
        ("not 'a'", "RB0211", "a condition must be true or false, this is a text"),
        ("x and (x | lines)", "RB0211", "a condition must be true or false, this is a list"),
        ("x if 3 else x", "RB0211", "a condition must be true or false, this is a number"),
        ("x | trim('a', 'b')", "RB0450", "`trim` takes one argument here"),
        ("x | upper(1)", "RB0450", "`upper` takes no argument"),
        ("x | int(0)", "RB0450", "the arguments of `int` are given by name"),
        ("x | replace('a')", "RB0450", "`replace` needs `old` and `new`"),
        ("x | replace('a', old='b')", "RB0450", "`old` is given twice"),
        ("x is matching", "RB0450", "`matching` needs `pattern`"),
        ("range()", "RB0450", "`range` needs `start`"),
        ("x | map", "RB0450", "`map` needs `filter`"),
        ("x | map(x)", "RB0450", "the filter that `map` applies must be written out"),
        ("x | select(x)", "RB0450", "the test that `select` applies must be written out"),
        ("x | map('map', 'upper')", "RB0450", "`map` cannot be applied inside `map`"),
        ("x | map('replace', 'a')", "RB0450", "`replace` needs `old` and `new`"),
        (
            "x | map(attribute='a', 'b')",
            "RB0203",
            "expected `name=value`, since named arguments come last, found `'b'`",
        ),
        (
            "x | selectattr('a', 'matching', '(')",
            "RB0115",
            "\"(\" is not a regular expression: unclosed group",
        ),
        ("x | map('regex_capture', '(')", "RB0115", "\"(\" is not a regular expression: unclosed group"),
        ("x | regex_groups('a')", "RB0115", "this regular expression has no named groups"),
        ("x | regex_replace('a', '\\\\1')", "RB0450", "the regular expression has no group \"1\""),
        ("x | date('%Y', offset='MSK')", "RB0450", "\"MSK\" is not an offset from UTC"),
        ("x | round(method='up')", "RB0450", "\"up\" is not `common`, `floor` or `ceil`"),
        ("x | __map_attribute('a')", "RB0204", "there is no filter `__map_attribute`"),
    ]);
    for (text, code) in [
        ("x | date('%Y-%')", "RB0450"),
        ("x | plus('1 hour')", "RB0450"),
        ("x is matching('a{99999}{99999}')", "RB0115"),
    ] {
        assert_eq!(parse(text).expect_err(text)[0].0, code, "{text}");
    }
    for text in [
        "x == 1 or x == none",
        "(x | int(default=none)) == none",
        "(x | default(none)) == 'a'",
        "(1 if x else 'a') == 'b'",
        "none in [1, 2]",
        "'a' in [1, 'b']",
        "(x | first) > 3",
        "x | regex_capture('a', default=3) == 3",
        "x + 'a' == 'b'",
        "(x | from_json).a > 1",
        "x | select('in', ['a']) | map('trim', characters='x') | map('int', default=x)",
    ] {
        assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
    }
}

#[test]
fn every_argument_is_in_its_signature() {
    for builtin in [filters(), tests()].concat() {
        assert!(!builtin.takes().is_empty(), "{}", builtin.name);
        let names_itself = builtin.signature.starts_with(builtin.name);
        assert!(names_itself, "{}", builtin.signature);
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-100_i64..100).prop_map(Value::from),
        any::<f64>().prop_map(|float| serde_json::Number::from_f64(float).map_or(Value::Null, Value::Number)),
        "\\PC{0,12}".prop_map(Value::from),
        "[a-c \n:=1-9.-]{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "1h",
            "10MiB",
            "2026-11-20T10:00:00Z",
            "{\"a\":1}",
            "true",
            "/a/b",
            "%Y",
            "+03:00"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-c]{1,2}", inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// The calls of `name` with as many arguments as it can have, all taken from the scope.
fn calls(name: &str, signature: &str) -> Vec<String> {
    let inside =
        signature.split_once('(').map_or("", |(_, rest)| rest.rsplit_once(')').map_or("", |(args, _)| args));
    let names: Vec<&str> = inside
        .split([',', '[', ']'])
        .map(|part| part.trim().split('=').next().unwrap_or_default())
        .filter(|part| !part.is_empty() && *part != "…")
        .collect();
    let mut calls =
        vec![name.to_owned(), format!("{name}(y)"), format!("{name}(y, z)"), format!("{name}(y, z, w)")];
    for argument in &names {
        calls.push(format!("{name}({argument}=y)"));
        calls.push(format!("{name}(y, {argument}=z)"));
        calls.push(format!("{name}(y, z, {argument}=w)"));
    }
    calls
}

proptest! {
    #[test]
    fn no_filter_panics(x in json_value(), y in json_value(), z in json_value(), w in json_value()) {
        let scope: Object = [("x", x), ("y", y), ("z", z), ("w", w)].map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        for builtin in filters() {
            for call in calls(builtin.name, builtin.signature) {
                if let Ok(expr) = parse(&format!("x | {call}")) {
                    let _ = expr.eval(&scope);
                }
            }
            for wrapped in [format!("x | map('{}', y)", builtin.name), format!("x | map('{}')", builtin.name)] {
                if let Ok(expr) = parse(&wrapped) {
                    let _ = expr.eval(&scope);
                }
            }
        }
        for builtin in tests() {
            for text in [format!("x is {}", builtin.name), format!("x is {}(y)", builtin.name), format!("x | selectattr('a', '{}', y)", builtin.name)] {
                if let Ok(expr) = parse(&text) {
                    let _ = expr.eval(&scope);
                }
            }
        }
        for operator in ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"] {
            let _ = parse(&format!("x {operator} y {}", if operator == "+" { "+ z" } else { "" })).unwrap().eval(&scope);
        }
        for text in ["x[y]", "x[y:z]", "x[y:z:w]", "x[::w]", "-x", "not x", "x if y else z", "range(x, y, z)", "x.a.b[0]"] {
            let _ = parse(text).unwrap().eval(&scope);
        }
    }

    #[test]
    fn json_there_and_back(x in json_value()) {
        prop_assert_eq!(of("x | to_json | from_json", &x), Ok(x.clone()));
        prop_assert_eq!(of("x | to_json(indent=2) | from_json", &x), Ok(x.clone()));
        prop_assert_eq!(of("x", &x), Ok(x));
    }

    #[test]
    fn sorting_twice_is_sorting_once(x in prop_oneof![
        prop::collection::vec(any::<i64>(), 0..12).prop_map(Value::from),
        prop::collection::vec("\\PC{0,5}", 0..12).prop_map(Value::from),
        prop::collection::vec(prop_oneof![(-5_i64..5).prop_map(Value::from), (-5.0..5.0).prop_map(Value::from)], 0..12).prop_map(Value::from),
    ]) {
        let once = of("x | sort", &x).unwrap();
        prop_assert_eq!(of("x | sort", &once), Ok(once.clone()));
        prop_assert_eq!(of("x | reverse | sort(reverse=true) | length", &x), of("x | length", &x));
        prop_assert_eq!(of("x | unique | sort | unique", &x), of("x | sort | unique", &x));
        if x.as_array().is_some_and(|items| !items.is_empty()) {
            prop_assert_eq!(of("(x | sort | first) == (x | min) and (x | sort | last) == (x | max)", &x), Ok(json!(true)));
        }
    }

    #[test]
    fn equality_is_symmetric_and_reflexive(x in json_value(), y in json_value()) {
        let scope = Object::from_iter([("x".to_owned(), x.clone()), ("y".to_owned(), y)]);
        let value = |text: &str| parse(text).unwrap().eval(&scope).ok();
        prop_assert_eq!(value("x == x"), Some(json!(true)));
        prop_assert_eq!(value("x == y"), value("y == x"));
        prop_assert_eq!(value("x != y"), value("not (x == y)"));
        prop_assert_eq!(value("x < y"), value("y > x"));
    }

    #[test]
    fn joining_undoes_splitting(x in "[a-c,;]{0,20}") {
        prop_assert_eq!(of("x | split(',') | join(',')", &json!(x)), Ok(json!(x)));
        prop_assert_eq!(of("x | list | join", &json!(x)), Ok(json!(x)));
        prop_assert_eq!(of("x | reverse | reverse", &json!(x)), Ok(json!(x)));
    }

    #[test]
    fn durations_and_sizes_there_and_back(seconds in 0_u32..10_000_000, at in -10_000_000_000_i64..10_000_000_000) {
        prop_assert_eq!(of("x | to_duration | duration", &json!(seconds)), Ok(json!(seconds)));
        prop_assert_eq!(of("x | datetime | unix", &json!(at)), Ok(json!(at)));
        prop_assert_eq!(of("x | date('%Y-%m-%dT%H:%M:%S') | datetime('%Y-%m-%dT%H:%M:%S') | unix", &json!(at)), Ok(json!(at)));
        prop_assert_eq!(of("x | datetime(offset='+03:00') | unix", &json!(at)), Ok(json!(at)));
    }
}
