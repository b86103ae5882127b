//! YAML to a tree with places: what is accepted, what is refused, and where.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use runbook_core::diag::{Code, Diagnostic, Diagnostics};
use runbook_core::source::{LineColumn, Source, SourceId};
use runbook_core::value::Value;
use runbook_core::yaml::{self, LossReason, Node, NodeKind, Scalar, Style};

fn read(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut found = Diagnostics::default();
    let tree = yaml::parse(SourceId(0), text, &mut found);
    (tree, found.into_sorted())
}

fn good(text: &str) -> Node {
    let (tree, found) = read(text);
    assert!(found.is_empty(), "{text:?}: {found:#?}");
    tree.expect("a tree")
}

/// The only problem of `text`.
fn problem(text: &str) -> Diagnostic {
    let (_, mut found) = read(text);
    assert_eq!(found.len(), 1, "{text:?}: {found:#?}");
    found.remove(0)
}

/// Code and marked text of every problem.
fn problems(text: &str) -> Vec<(Code, &str)> {
    read(text).1.iter().map(|d| (d.code, &text[d.primary.span.range()])).collect()
}

fn json(text: &str) -> Value {
    good(text).to_value()
}

fn scalar<'n>(node: &'n Node, key: &str) -> &'n Scalar {
    node.get(key).and_then(Node::as_scalar).expect("a scalar")
}

/// What stands in the source where `part` of the decoded text was written.
fn written<'t>(text: &'t str, scalar: &Scalar, part: &str) -> &'t str {
    let start = scalar.text().find(part).expect("part of the text");
    &text[scalar.span_of(start..start + part.len()).range()]
}

#[test]
fn scalars_follow_the_core_schema() {
    let cases = [
        ("", Value::Null),
        ("~", Value::Null),
        ("NULL", Value::Null),
        ("true", true.into()),
        ("False", false.into()),
        ("42", 42.into()),
        ("-7", (-7).into()),
        ("+7999", 7999.into()),
        ("007", 7.into()),
        ("0o17", 15.into()),
        ("0x1F", 31.into()),
        ("18446744073709551615", u64::MAX.into()),
        ("1.10", 1.1.into()),
        (".5", 0.5.into()),
        ("1e3", 1000.0.into()),
        ("-1.5E-1", (-0.15).into()),
        ("0xFFFFFFFFFFFFFFFFFF", 4_722_366_482_869_645_213_696.0.into()),
        (".inf", ".inf".into()),
        ("1e999", "1e999".into()),
        ("no", "no".into()),
        ("1_000", "1_000".into()),
        ("12:30", "12:30".into()),
        ("2024-01-01", "2024-01-01".into()),
        ("1.2.3", "1.2.3".into()),
        ("0x", "0x".into()),
        ("+", "+".into()),
        (".", ".".into()),
        ("e5", "e5".into()),
        ("'42'", "42".into()),
        ("\"true\"", "true".into()),
        ("''", "".into()),
        ("|-\n  42", "42".into()),
    ];
    for (written, value) in cases {
        assert_eq!(json(&format!("a: {written}\n"))["a"], value, "{written:?}");
    }
}

#[test]
fn values_that_lose_data_as_text() {
    use LossReason::*;
    let cases = [
        ("1.10", Some(Float)),
        ("1e3", Some(Float)),
        (".inf", Some(Float)),
        ("-.INF", Some(Float)),
        (".nan", Some(Float)),
        ("+79991234567", Some(Plus)),
        ("007", Some(LeadingZero)),
        ("-01", Some(LeadingZero)),
        ("0x1F", Some(Base)),
        ("0o17", Some(Base)),
        ("0b11", Some(Base)),
        ("1_000", Some(Underscores)),
        ("1_000.5", Some(Underscores)),
        ("NO", Some(OldBool)),
        ("yes", Some(OldBool)),
        ("on", Some(OldBool)),
        ("off", Some(OldBool)),
        ("y", Some(OldBool)),
        ("N", Some(OldBool)),
        ("~", Some(Nothing)),
        ("null", Some(Nothing)),
        ("", Some(Nothing)),
        ("12:30", Some(Sexagesimal)),
        ("52:54:00:12:34:56", Some(Sexagesimal)),
        ("true", Some(Bool)),
        ("FALSE", Some(Bool)),
        ("-0", Some(Unrepresentable)),
        ("99999999999999999999", Some(Unrepresentable)),
        ("42", None),
        ("0", None),
        ("-42", None),
        ("2024-01-01", None),
        ("1.2.3", None),
        ("12:75", None),
        ("v1.10", None),
        ("nO", None),
        ("_1", None),
        ("10.0.0.1", None),
        ("'1.10'", None),
        ("\"NO\"", None),
        ("|-\n  007", None),
    ];
    for (written, reason) in cases {
        let tree = good(&format!("a: {written}\n"));
        assert_eq!(scalar(&tree, "a").loses_data_as_text(), reason, "{written:?}");
    }
}

#[test]
fn collections_keep_order_and_places() {
    let text = "b: [1, {x: y}]\na:\n  - p\n  -\n  - q: 2\n\n# end\n";
    let tree = good(text);
    assert_eq!(tree.to_value().to_string(), r#"{"b":[1,{"x":"y"}],"a":["p",null,{"q":2}]}"#);
    let at = |node: &Node| &text[node.span.range()];
    assert_eq!(at(&tree), text.trim_end_matches("\n\n# end\n"));
    assert_eq!(at(tree.get("b").expect("b")), "[1, {x: y}]");
    assert_eq!(at(tree.get("a").expect("a")), "- p\n  -\n  - q: 2");
    let (key, _) = tree.as_map().and_then(|m| m.get_entry("a")).expect("a");
    assert_eq!(key.span.range(), 15..16);
    assert_eq!(tree.as_map().map(|m| m.keys().collect::<Vec<_>>()), Some(vec!["b", "a"]));
    let items = tree.get("a").and_then(Node::as_seq).expect("list");
    assert_eq!(items.iter().map(Node::kind_name).collect::<Vec<_>>(), ["text", "nothing", "map"]);
}

#[test]
fn nothing_has_a_place() {
    let tree = good("a:\nb: \n");
    let a = tree.get("a").expect("a");
    assert_eq!((a.span.range(), a.kind_name(), a.is_nothing()), (2..2, "nothing", true));
    assert_eq!(scalar(&tree, "b").text(), "");
}

#[test]
fn columns_count_characters() {
    let text = "шаг: \tпривет\nи: !ой x\n";
    let (tree, found) = read(text);
    let source = Source::new("f", text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(source.line_column(found[0].primary.span.start as usize), LineColumn { line: 2, column: 4 });
    let value = tree.as_ref().and_then(|t| t.get("шаг")).expect("шаг");
    assert_eq!(source.line_column(value.span.start as usize), LineColumn { line: 1, column: 7 });
    assert_eq!(&text[value.span.range()], "привет");
}

#[test]
fn places_in_plain_and_single_quoted_scalars() {
    let text = "a: foo ${{ x }}   \n   бар\n\n   qux # c\nb: 'it''s {ё}\n\n  two''\n  three'\n";
    let tree = good(text);
    let a = scalar(&tree, "a");
    assert_eq!((a.text(), a.style()), ("foo ${{ x }} бар\nqux", Style::Plain));
    assert_eq!(written(text, a, "${{ x }}"), "${{ x }}");
    assert_eq!(written(text, a, "}} бар"), "}}   \n   бар");
    assert_eq!(written(text, a, "qux"), "qux");
    let b = scalar(&tree, "b");
    assert_eq!((b.text(), b.style()), ("it's {ё}\ntwo' three", Style::SingleQuoted));
    assert_eq!(written(text, b, "it"), "it");
    assert_eq!(written(text, b, "'s"), "''s");
    assert_eq!(written(text, b, "{ё}"), "{ё}");
    assert_eq!(written(text, b, "two' three"), "two''\n  three");
}

#[test]
fn places_in_double_quoted_scalars() {
    let text = r#"a: "é\x41\u00e9\U0001F600\ud83d\ude00\t\"\\ z
  fold \
  joined\n\

  end""#;
    let tree = good(text);
    let a = scalar(&tree, "a");
    assert_eq!(a.text(), "éAé😀😀\t\"\\ z fold joined\n\nend");
    let at = |range: std::ops::Range<usize>| &text[a.span_of(range).range()];
    assert_eq!(at(0..2), "é");
    assert_eq!(at(2..3), r"\x41");
    assert_eq!(at(3..5), r"\u00e9");
    assert_eq!(at(5..9), r"\U0001F600");
    assert_eq!(at(9..13), r"\ud83d\ude00");
    assert_eq!(at(9..10), r"\ud83d\ude00");
    assert_eq!(at(13..16), r#"\t\"\\"#);
    assert_eq!(written(text, a, "z fold"), "z\n  fold");
    assert_eq!(written(text, a, "joined"), "joined");
    assert_eq!(written(text, a, "end"), "end");
    let (end, quote) = (a.text().len(), text.len() - 1);
    assert_eq!(a.span_of(end..end).range(), quote..quote);
    assert_eq!(a.span_of(end..end + 9).range(), quote..quote);
}

#[test]
fn places_in_literal_blocks() {
    let text = "steps:\n  - run: |\n\n      set -e\n        echo ${{ ключ }}\n\n      done\n  - run: |3-\n        x\n       y\n";
    let tree = good(text);
    let steps = tree.get("steps").and_then(Node::as_seq).expect("list");
    let first = scalar(&steps[0], "run");
    assert_eq!((first.text(), first.style()), ("\nset -e\n  echo ${{ ключ }}\n\ndone\n", Style::Literal));
    assert_eq!(written(text, first, "set -e"), "set -e");
    assert_eq!(written(text, first, "${{ ключ }}"), "${{ ключ }}");
    assert_eq!(written(text, first, "-e\n  echo"), "-e\n        echo");
    assert_eq!(written(text, first, "done\n"), "done\n");
    let second = scalar(&steps[1], "run");
    assert_eq!(second.text(), " x\ny");
    assert_eq!(written(text, second, "y"), "y");
    assert_eq!(written(text, second, " x"), " x");
    let whole = steps[0].get("run").expect("run").span;
    assert_eq!(&text[whole.range()], "set -e\n        echo ${{ ключ }}\n\n      done");
}

#[test]
fn places_in_folded_blocks() {
    let text =
        "a: > # why\n\n  one\n  two {x}\n\n  three\n    more\n     most\n\n  four\n\nb: >+\n  end\n\n\n";
    let tree = good(text);
    let a = scalar(&tree, "a");
    assert_eq!((a.text(), a.style()), ("\none two {x}\nthree\n  more\n   most\n\nfour\n", Style::Folded));
    for part in ["one", "two {x}", "three", "more", "most", "four"] {
        assert_eq!(written(text, a, part), part);
    }
    assert_eq!(written(text, a, "one two"), "one\n  two");
    let b = scalar(&tree, "b");
    assert_eq!(b.text(), "end\n\n\n");
    assert_eq!(written(text, b, "end"), "end");
    assert_eq!(b.span_of(4..5).range(), text.len() - 2..text.len() - 1);
}

#[test]
fn windows_line_ends_and_byte_order_mark() {
    let text =
        "\u{feff}a: |\r\n  one\r\n  two\r\nb: 'p\r\n  q'\r\nc: >\r\n  f\r\n  g\r\nd: \"x\\\r\n  y\"\r\n";
    let tree = good(text);
    let value = |key| scalar(&tree, key).text();
    assert_eq!((value("a"), value("b"), value("c"), value("d")), ("one\ntwo\n", "p q", "f g\n", "xy"));
    let places =
        [("a", "two", "two"), ("a", "one\n", "one\r\n"), ("b", "q", "q"), ("c", "g", "g"), ("d", "y", "y")];
    for (key, part, source) in places {
        assert_eq!(written(text, scalar(&tree, key), part), source, "{key}");
    }
    let (key, _) = tree.as_map().and_then(|m| m.get_entry("a")).expect("a");
    assert_eq!(key.span.range(), 3..4);
}

#[test]
fn empty_blocks_are_empty_texts() {
    let text = "a: |\nb: >-\n\nc: 1\n";
    let tree = good(text);
    assert_eq!(tree.to_value()["a"], "");
    assert_eq!(&text[tree.get("a").expect("a").span.range()], "|");
    assert_eq!(&text[tree.get("b").expect("b").span.range()], ">");
}

#[test]
fn duplicate_keys() {
    let (tree, found) = read("a: 1\nb: {c: 1, c: 2}\na: 3\n");
    assert_eq!(tree.expect("tree").to_value().to_string(), r#"{"a":1,"b":{"c":1}}"#);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|d| d.code == Code::DUPLICATE_KEY));
    assert_eq!(found[1].primary.span.range(), 21..22);
    assert_eq!(found[1].secondary[0].span.range(), 0..1);
    assert_eq!(found[1].secondary[0].text, "first written here");
}

#[test]
fn duplicate_keys_in_large_maps() {
    let mut text: String = (0..1000).map(|i| format!("k{i}: {i}\n")).collect();
    text.push_str("k500: x\nlast: 1\n");
    let (tree, found) = read(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(&text[found[0].secondary[0].span.range()], "k500");
    let tree = tree.expect("tree");
    assert_eq!(tree.as_map().map(|m| m.len()), Some(1001));
    assert_eq!(tree.get("k500").expect("key").to_value(), 500);
    assert!(tree.get("last").is_some());
}

#[test]
fn what_the_language_leaves_out_is_reported_in_one_go() {
    let text =
        "a: &x {p: 1}\nb:\n  <<: *x\nc: !!str 1\nd: !secret s\n? [k]\n: v\n~: n\ne: *nope\na: 2\n---\nz: 1\n";
    let expected = [
        (Code::MERGE_KEY, "<<"),
        (Code::UNKNOWN_TAG, "!!str"),
        (Code::UNKNOWN_TAG, "!secret"),
        (Code::KEY_NOT_TEXT, "[k]"),
        (Code::KEY_NOT_TEXT, "~"),
        (Code::UNKNOWN_ALIAS, "*nope"),
        (Code::DUPLICATE_KEY, "a"),
        (Code::SEVERAL_DOCUMENTS, "---"),
    ];
    assert_eq!(problems(text), expected);
    let tree = read(text).0.expect("tree").to_value();
    assert_eq!(tree.to_string(), r#"{"a":{"p":1},"b":{},"c":1,"d":"s","e":"*nope"}"#);
}

#[test]
fn tags_are_named() {
    for tag in ["!!int", "!<tag:x>", "!a!b", "!", "!!python/object"] {
        let found = problem(&format!("a: {tag} 1\n"));
        assert_eq!(found.code, Code::UNKNOWN_TAG);
        assert!(found.message.contains(&format!("`{tag}`")), "{}", found.message);
        assert_eq!(found.primary.span.range(), 3..3 + tag.len());
        assert!(!found.help.is_empty());
    }
}

#[test]
fn quoted_merge_keys_and_unusual_keys_are_texts() {
    let text = "'<<': 1\n8080: 2\ntrue: 3\n1.10: 4\n'': 5\n";
    assert_eq!(json(text).to_string(), r#"{"<<":1,"8080":2,"true":3,"1.10":4,"":5}"#);
}

#[test]
fn unquoted_braces_as_key_get_the_right_help() {
    let found = problem("a: {{ x }}\n");
    assert_eq!(found.code, Code::KEY_NOT_TEXT);
    assert!(found.help[0].contains("${{"), "{:?}", found.help);
}

#[test]
fn documents() {
    assert_eq!(json("---\na: 1\n...\n"), json("a: 1\n"));
    for text in ["", "\n", "# only\n", "---\n", "\u{feff}", "--- # x\n...\n"] {
        let (tree, found) = read(text);
        assert!(tree.is_none(), "{text:?}");
        assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::EMPTY_DOCUMENT], "{text:?}");
    }
    let (tree, found) = read("a: 1\n---\n");
    assert_eq!(tree.expect("tree").to_value()["a"], 1);
    assert_eq!((found[0].code, found[0].primary.span.range()), (Code::SEVERAL_DOCUMENTS, 5..8));
    assert_eq!(problems("a: 1\n...\nb: 2\n"), [(Code::SEVERAL_DOCUMENTS, "")]);
    assert_eq!(good("~").to_value(), Value::Null);
}

#[test]
fn aliases_are_copies() {
    let tree = good("a: &a\n  p: &p [1, x]\nb: *a\nc: [*p, *p]\nd: &a 2\ne: *a\n");
    let expected = r#"{"a":{"p":[1,"x"]},"b":{"p":[1,"x"]},"c":[[1,"x"],[1,"x"]],"d":2,"e":2}"#;
    assert_eq!(tree.to_value().to_string(), expected);
    assert_eq!(tree.get("b"), tree.get("a"));
    assert_eq!(json("a: &a [1]\nb: &b {x: *a}\nc: *b\n")["c"]["x"][0], 1);
    assert_eq!(json("k: &k name\n*k : v\n").to_string(), r#"{"k":"name","name":"v"}"#);
}

#[test]
fn problems_behind_an_alias_are_told_once() {
    assert_eq!(problems("a: &a {x: !t 1, x: 2}\nb: *a\nc: *a\n").len(), 2);
}

#[test]
fn an_alias_within_its_own_anchor() {
    let (tree, found) = read("a: &a [1, *a]\nb: 2\n");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::ANCHOR_LIMIT);
    assert_eq!(found[0].primary.span.range(), 10..12);
    assert_eq!(tree.expect("tree").to_value()["b"], 2);
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        NodeKind::Scalar(_) => 0,
        NodeKind::Seq(items) => items.iter().map(count).sum(),
        NodeKind::Map(map) => map.iter().map(|(_, n)| count(n)).sum(),
    }
}

fn bytes(node: &Node) -> usize {
    match &node.kind {
        NodeKind::Scalar(scalar) => scalar.text().len(),
        NodeKind::Seq(items) => items.iter().map(bytes).sum(),
        NodeKind::Map(map) => map.iter().map(|(_, n)| bytes(n)).sum(),
    }
}

#[test]
fn exponential_aliases_stay_small() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..40 {
        let p = i - 1;
        text += &format!("a{i}: &a{i} [*a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}, *a{p}]\n");
    }
    let (tree, found) = read(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::ANCHOR_LIMIT);
    assert!(count(&tree.expect("tree")) <= yaml::MAX_ALIAS_NODES + 1000);
}

#[test]
fn quadratic_aliases_stay_small() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 100_000].join(", "));
    let (tree, found) = read(&text);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::ANCHOR_LIMIT);
    assert!(bytes(&tree.expect("tree")) <= yaml::MAX_ALIAS_BYTES + 100_000);
    let many = format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 1000].join(", "), vec!["*a"; 1000].join(", "));
    let (tree, found) = read(&many);
    assert_eq!(found.len(), 1);
    assert!(count(&tree.expect("tree")) <= yaml::MAX_ALIAS_NODES + 3000);
}

#[test]
fn aliases_within_the_budget_are_fine() {
    let text = format!("a: &a [{}]\nb: [{}]\n", vec!["x"; 98].join(", "), vec!["*a"; 100].join(", "));
    assert_eq!(count(&good(&text)), 1 + 99 + 1 + 9900);
}

#[test]
fn depth_is_limited() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    good(&nested(yaml::MAX_DEPTH));
    let blocks = |n: usize| (0..n).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
    good(&blocks(yaml::MAX_DEPTH));
    for text in [
        nested(yaml::MAX_DEPTH + 1),
        nested(100_000),
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        blocks(yaml::MAX_DEPTH + 1),
        blocks(1000),
        format!("{}{}", "- ".repeat(100), nested(29)),
    ] {
        let (_, found) = read(&text);
        let codes: Vec<_> = found.iter().map(|d| d.code).collect();
        assert!(codes == [Code::TOO_DEEP], "{}: {found:#?}", &text[..20]);
    }
    assert!(problems(&"? ".repeat(100_000)).iter().any(|(code, _)| *code == Code::TOO_DEEP));
}

#[test]
fn aliases_do_not_get_around_the_depth() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for i in 1..300 {
        text += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
    }
    let (tree, found) = read(&text);
    let codes: Vec<_> = found.iter().map(|d| d.code).collect();
    assert_eq!(codes, [Code::TOO_DEEP]);
    assert!(count(&tree.expect("tree")) < yaml::MAX_ALIAS_NODES + 2000);
}

#[test]
fn sizes_are_limited() {
    let (tree, found) = read(&"a".repeat(yaml::MAX_FILE_BYTES + 1));
    assert!(tree.is_none());
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::TOO_LARGE]);
    let fits = "x".repeat(yaml::MAX_SCALAR_BYTES);
    good(&format!("a: {fits}\n"));
    for (before, after) in [("", ""), ("'", "'"), ("\"", "\""), ("|-\n  ", ""), (">-\n  ", "")] {
        let text = format!("b: 1\na: {before}{fits}x{after}\n");
        let (tree, found) = read(&text);
        assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::TOO_LARGE]);
        assert!(found[0].primary.span.range().len() > fits.len());
        let tree = tree.expect("tree");
        assert_eq!((scalar(&tree, "a").text(), tree.get("b").expect("b").to_value()), ("", 1.into()));
    }
}

#[test]
fn invisible_characters() {
    let text = "a: x\0y # \u{1b}\nb: 'p\u{202e}q'\nc: \u{200f}\n\u{7f}: 1\nd: \u{9b}\nd: 2\n";
    let expected = [
        (Code::CONTROL_CHARACTER, "\0"),
        (Code::CONTROL_CHARACTER, "\u{1b}"),
        (Code::BIDI_CHARACTER, "\u{202e}"),
        (Code::BIDI_CHARACTER, "\u{200f}"),
        (Code::CONTROL_CHARACTER, "\u{7f}"),
        (Code::CONTROL_CHARACTER, "\u{9b}"),
        (Code::DUPLICATE_KEY, "d"),
    ];
    assert_eq!(problems(text), expected);
    assert!(read(text).1[0].message.contains("U+0000"));
    for c in ('\u{202a}'..='\u{202e}').chain('\u{2066}'..='\u{2069}').chain(['\u{200e}', '\u{200f}']) {
        assert_eq!(problem(&format!("a: x{c}y\n")).code, Code::BIDI_CHARACTER);
    }
    good("a: \t\"\\x07 \\u202e\" # — € Â ز\r\n");
}

#[test]
fn invisible_characters_are_reported_twenty_at_a_time() {
    let text = format!("a: {}{}\n", "\u{1}".repeat(50), "\u{202e}".repeat(50));
    let found = problems(&text);
    assert_eq!(found.iter().filter(|(c, _)| *c == Code::CONTROL_CHARACTER).count(), 20);
    assert_eq!(found.iter().filter(|(c, _)| *c == Code::BIDI_CHARACTER).count(), 20);
}

#[test]
fn bytes_that_are_no_text() {
    assert_eq!(yaml::decode("\u{feff}é".into()), Ok("\u{feff}é".to_owned()));
    let problem = yaml::decode(vec![b'a', b':', b' ', 0xff]).expect_err("not UTF-8");
    assert_eq!(problem.offset, 3);
    let found = problem.diagnostic(SourceId(0));
    assert_eq!((found.code, found.primary.span.range()), (Code::NOT_UTF8, 3..4));
}

/// Usual mistakes: text, where, the marked text, part of message or help.
#[test]
fn syntax_errors_are_placed_and_explained() {
    let cases = [
        ("a:\n\tb: 1\n", 3, "\t", "indent with spaces"),
        ("a:\n  b: 1\n\tc: 2\n", 10, "\t", "indent with spaces"),
        ("a: |\n\tx\n", 5, "\t", "indent with spaces"),
        ("a: b: c\n", 4, ":", "put the value in quotes"),
        ("run: echo x: y\n", 11, ":", "put the value in quotes"),
        ("x: a\n  b: c\n", 8, ":", "has a value already"),
        ("a:b\nc: 1\n", 5, ":", "without a space"),
        ("a: 'x\nb: 2\n", 3, "'", "not closed"),
        ("# it's\na: \"x\nb: 2\n", 10, "\"", "not closed"),
        ("a: 'x", 3, "'", "not closed"),
        ("k: 'ok'\na: \"x\n", 11, "\"", "not closed"),
        ("a: [1, 2\nb: 3\n", 3, "[", "`[` is not closed"),
        ("a: {x: 1\nb: 3\n", 3, "{", "`{` is not closed"),
        ("a: [1, 2", 3, "[", "`[` is not closed"),
        ("a: [ё: [b\nc: d\n", 8, "[", "`[` is not closed"),
        ("a: [ё: b\nc: d\n", 3, "[", "`[` is not closed"),
        ("a: [1}\n", 3, "[", "closed by `}`"),
        ("a: ]\n", 3, "]", "closes nothing"),
        ("a:\n  b: 1\n c: 2\n", 11, "c", "same column"),
        (" a: 1\nb: 2\n", 6, "b", "same column"),
        ("- a\nb: c\n", 4, "b", "expected `- `"),
        ("a: 1\n- b\n", 5, "-", "list entry among the keys"),
        ("a: @x\n", 3, "@", "quotes"),
        ("a: `x`\n", 3, "`", "quotes"),
        ("a: %x\n", 3, "%", "quotes"),
        ("%YAML 1.2\n---\na: 1\n", 0, "%", "directives"),
        ("a: [${{ x }}]\n", 4, "${", "\"${{ … }}\""),
        ("a: {b: ${{ x }} }\n", 7, "${", "\"${{ … }}\""),
        ("a: \"\\q\"\n", 4, "\\q", "single quotes"),
        ("a: 'x' y\n", 7, "y", "after the closing quote"),
        ("a: 1\nbcd\nc: 2\n", 5, "bcd", "expected `key: value`"),
        ("key: - x\n", 5, "-", "list entry cannot begin"),
        ("a: ? b\n", 3, "?", "quotes"),
        ("a: &\n", 3, "&", "without a name"),
        ("a: |x\n  d\n", 3, "|", "next line"),
        ("a: *x y\n", 6, "y", "quotes"),
    ];
    for (text, start, marked, words) in cases {
        let (_, found) = read(text);
        let found: Vec<_> = found.iter().filter(|d| d.code == Code::YAML_SYNTAX).collect();
        assert_eq!(found.len(), 1, "{text:?}");
        let at = found[0].primary.span.range();
        assert_eq!((at.start, &text[at.clone()]), (start, marked), "{text:?}: {:#?}", found[0]);
        let said = format!("{} {}", found[0].message, found[0].help.join(" "));
        assert!(said.contains(words), "{text:?}: {said}");
    }
}

#[test]
fn what_was_read_before_a_syntax_error_is_kept() {
    let (tree, found) = read("a: 1\na: 2\nsteps:\n  - run: x\n  - run: @y\n");
    let tree = tree.expect("tree").to_value();
    assert_eq!(tree.to_string(), r#"{"a":1,"steps":[{"run":"x"},{"run":null}]}"#);
    assert_eq!(found.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::DUPLICATE_KEY, Code::YAML_SYNTAX]);
}

#[test]
fn the_number_of_problems_is_limited() {
    assert_eq!(read(&"- !t x\n".repeat(10_000)).1.len(), 200);
}

/// Pieces that YAML gives a meaning to, so that mutations reach past the first token.
fn yamlish() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a: ", "b", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", "'", "\"", "\\n", "\\\n", "|\n",
        ">-\n", "|2\n", "&x ", "*x", "!t ", "<<: ", "? ", ": ", "---\n", "...\n", "# c\n", "\t", "\r\n",
        "\r", "ё", "\0", "~", "\u{feff}", "${{ x }}", "%", "@", "''", "1.10", "\u{202e}", "\\ud83d",
        "\u{85}", "\u{2028}", " ", "|+\n\n",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|v| v.concat())
}

fn check_tree(node: &Node, text: &str) {
    assert!(text.get(node.span.range()).is_some(), "{node:?}");
    let _ = (node.to_value(), node.kind_name());
    match &node.kind {
        NodeKind::Scalar(scalar) => {
            for (start, c) in scalar.text().char_indices() {
                let span = scalar.span_of(start..start + c.len_utf8());
                assert!(text.get(span.range()).is_some(), "{scalar:?}");
            }
            let _ = scalar.loses_data_as_text();
        }
        NodeKind::Seq(items) => items.iter().for_each(|n| check_tree(n, text)),
        NodeKind::Map(map) => map.iter().for_each(|(_, n)| check_tree(n, text)),
    }
}

fn survives(text: &str) {
    let (tree, found) = read(text);
    for d in &found {
        assert!(text.get(d.primary.span.range()).is_some(), "{d:?}");
        assert!(d.secondary.iter().all(|l| text.get(l.span.range()).is_some()), "{d:?}");
    }
    assert!(tree.is_some() || !found.is_empty());
    if let Some(tree) = tree {
        check_tree(&tree, text);
    }
}

/// A scalar of `lines`, every `x` in them replaced by a letter of its own, has each letter where it says.
fn letters_are_found_again(style: &str, lines: &[String], ends: &str) {
    let mut next = ('α'..='ω').chain('a'..='z').chain('а'..='я');
    let mut letters = |l: &String| -> String {
        l.chars().map(|c| if c == 'x' { next.next().unwrap_or('!') } else { c }).collect()
    };
    let body: Vec<String> = lines.iter().map(&mut letters).collect();
    let text = if style.starts_with(['|', '>']) {
        let lines: Vec<_> = body.iter().map(|l| format!("   {l}{ends}")).collect();
        format!("k: {style}{ends}{}", lines.concat())
    } else {
        let lines: Vec<_> = body.iter().map(|l| l.trim()).collect();
        format!("k: {style}A{}B{style}{ends}", lines.join(&format!(" {ends}   ")))
    };
    let tree = good(&text);
    let scalar = scalar(&tree, "k");
    for (start, c) in scalar.text().char_indices().filter(|(_, c)| c.is_alphabetic()) {
        let span = scalar.span_of(start..start + c.len_utf8());
        assert_eq!(text[span.range()], c.to_string(), "{text:?} {scalar:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_yamlish_text_is_survived(text in yamlish()) {
        survives(&text);
    }

    #[test]
    fn every_letter_is_found_again(
        style in prop::sample::select(vec!["|2", ">2", "|2+", ">2-", "'", "\"", ""]),
        lines in prop::collection::vec(
            prop::sample::select(vec!["", "x", "xx x", " xx", "  x  xx", "x ", "xxx x xx"]).prop_map(str::to_owned), 1..8),
        ends in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        letters_are_found_again(style, &lines, ends);
    }
}
