//! Expressions and templates, through what other modules see of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ops::Range;

use proptest::prelude::*;
use runbook_core::diag::{Diagnostic, Diagnostics};
use runbook_core::expr::{Builtin, Expr, Origin, Piece, Template, filters, functions, tests};
use runbook_core::source::{SourceId, Span};
use runbook_core::value::{Object, Value};
use serde_json::json;

fn with_origin<T>(
    text: &str,
    parse: impl FnOnce(&Origin<'_>, &mut Diagnostics) -> T,
) -> (T, Vec<Diagnostic>) {
    let place = |range: Range<usize>| Span::new(SourceId(0), range);
    let origin = Origin { span: place(0..text.len()), place: &place };
    let mut found = Diagnostics::default();
    let parsed = parse(&origin, &mut found);
    (parsed, found.into_sorted())
}

fn expr(text: &str) -> Expr {
    let (parsed, found) = with_origin(text, |origin, found| Expr::parse(text, origin, found));
    parsed.unwrap_or_else(|| panic!("{text}: {found:?}"))
}

fn template(text: &str) -> Template {
    let (parsed, found) = with_origin(text, |origin, found| Template::parse(text, origin, found));
    parsed.unwrap_or_else(|| panic!("{text}: {found:?}"))
}

fn scope() -> Object {
    let Value::Object(scope) = json!({
        "inputs": {"n": 3, "text": "10", "name": "Алексей", "flag": true, "off": "false", "list": [1, 2],
                   "nothing": null, "big": 18_446_744_073_709_551_615_u64, "low": i64::MIN, "half": 0.5,
                   "template": "${{ inputs.n }}", "map": {"z": 1, "a": 2}},
        "steps": {"disk": {"outputs": {"used": 91, "rows": [{"size": "1"}, {"size": "2"}]}}},
    }) else {
        unreachable!()
    };
    scope
}

/// Code, marked text and message of every problem.
fn marked(text: &str, found: Vec<Diagnostic>) -> Vec<(String, String, String)> {
    let mark = |d: Diagnostic| (d.code.to_string(), text[d.primary.span.range()].to_owned(), d.message);
    found.into_iter().map(mark).collect()
}

fn problems(text: &str) -> Vec<(String, String, String)> {
    let (_, found) = with_origin(text, |origin, found| Expr::parse(text, origin, found));
    marked(text, found)
}

#[test]
fn values() {
    for (text, expected) in [
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("7 // 2", json!(3)),
        ("2 ** 3", json!(8)),
        ("10 - 2 - 3 * 2 ** 2 / 4", json!(5.0)),
        ("-(-3 | abs)", json!(-3)),
        ("inputs['n']", json!(3)),
        ("inputs.list[0]", json!(1)),
        ("inputs.list[-1]", json!(2)),
        ("inputs.list[inputs.n - 2]", json!(2)),
        ("[1, 2, 3][1:]", json!([2, 3])),
        ("[1, 2, 3][::2]", json!([1, 3])),
        ("'a' ~ 1 ~ true", json!("a1true")),
        ("'да' if inputs.flag else 'нет'", json!("да")),
        ("inputs.n in [1, 3]", json!(true)),
        ("4 not in [1, 3]", json!(true)),
        ("'лек' in inputs.name", json!(true)),
        ("'z' in inputs.map", json!(true)),
        ("1 == 1.0", json!(true)),
        ("inputs.nothing == none", json!(true)),
        ("inputs.n != none", json!(true)),
        ("inputs.absent is defined", json!(false)),
        ("inputs.absent.deep is not defined", json!(true)),
        ("inputs.absent is defined and inputs.absent > 3", json!(false)),
        ("inputs.absent.deep | default(5)", json!(5)),
        ("inputs.list[inputs.n] | default('none')", json!("none")),
        ("inputs.map", json!({"z": 1, "a": 2})),
        ("inputs.big", json!(18_446_744_073_709_551_615_u64)),
        ("inputs.low", json!(i64::MIN)),
        ("inputs.half", json!(0.5)),
        ("inputs.template", json!("${{ inputs.n }}")),
        ("steps.disk.outputs.rows | map(attribute='size') | map('int') | sum", json!(3)),
        ("not inputs.flag or inputs.n > 2", json!(true)),
        ("{'a': {'b': 1}}.a.b", json!(1)),
        ("inputs.n is divisibleby 3 and inputs.n is not even", json!(true)),
        ("'a\\u0431\\n'", json!("aб\n")),
        ("'\\d'", json!("\\d")),
        ("'x' | int(default=7)", json!(7)),
        ("'x' | regex_capture('(\\d)', default=none)", json!(null)),
    ] {
        let value = expr(text).eval(&scope()).unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(value.to_string(), expected.to_string(), "{text}");
    }
}

#[test]
fn examples_of_the_reference() {
    for Builtin { name, example, result, .. } in [filters(), tests(), functions()].concat() {
        let value = expr(example).eval(&scope()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(value.to_string(), result, "{name}: {example}");
        assert!(example.contains(name), "{name}: {example}");
    }
    for list in [filters(), tests(), functions()] {
        assert!(list.windows(2).all(|pair| pair[0].name < pair[1].name), "sorted, each once");
    }
}

#[test]
fn evaluation_errors_name_their_place() {
    for (text, place, message) in [
        ("inputs.absent", "inputs.absent", "`inputs` has no `absent`"),
        ("1 + inputs.absent", "inputs.absent", "`inputs.absent` has no value: `inputs` has no `absent`"),
        ("inputs.n.x", "inputs.n.x", "`inputs.n` is a number and has no fields"),
        ("inputs.nothing.x", "inputs.nothing.x", "`inputs.nothing` is nothing and has no fields"),
        ("inputs['map'].q", "inputs['map'].q", "`inputs['map']` has no `q`"),
        ("inputs.list[7]", "inputs.list[7]", "`inputs.list` has 2 elements, none at 7"),
        (
            "true and inputs.absent == 1",
            "inputs.absent",
            "`inputs.absent` has no value: `inputs` has no `absent`",
        ),
        ("inputs.n == '1'", "inputs.n == '1'", "a number cannot be compared with a text"),
        ("inputs.list == ['1', 2]", "inputs.list == ['1', 2]", "a number cannot be compared with a text"),
        ("inputs.text > 9", "inputs.text > 9", "a text cannot be compared with a number"),
        (
            "inputs.list < inputs.list",
            "inputs.list < inputs.list",
            "a list is neither less nor greater than another list",
        ),
        ("'1' in inputs.list", "'1' in inputs.list", "a text cannot be compared with a number"),
        ("not inputs.off", "inputs.off", "a condition must be true or false, this is a text"),
        ("1 if inputs.list else 2", "inputs.list", "a condition must be true or false, this is a list"),
        ("'a' ~ inputs.list", "inputs.list", "a list inside a text"),
        ("inputs.name | int", "int", "\"Алексей\" is not a whole number"),
        ("'yes' | bool", "bool", "\"yes\" is neither `true` nor `false`"),
        ("'x' | regex_capture('\\d')", "regex_capture", "\"x\" does not match \"\\\\d\""),
        ("inputs.n | lines", "lines", "`lines` needs a text, this is a number"),
        ("inputs.text - 1", "inputs.text - 1", "`-` needs a number, this is a text"),
        ("inputs.text + 1", "inputs.text + 1", "a text and a number cannot be added"),
        ("inputs.flag + 1", "inputs.flag + 1", "`+` needs a number, this is a bool"),
        ("inputs.text * 3", "inputs.text * 3", "`*` needs a number, this is a text"),
        ("2 * (1 // (inputs.n - 3))", "(1 // (inputs.n - 3))", "division by zero"),
        ("-inputs.text", "-inputs.text", "`-` needs a number, this is a text"),
        ("inputs.nothing | upper", "upper", "`upper` needs a text, this is nothing"),
        ("'a' | replace('a', inputs.n)", "replace", "`new` of `replace` is a text, this is a number"),
        (
            "inputs.list[inputs.text:]",
            "inputs.list[inputs.text:]",
            "the bounds of a part are whole numbers, this is a text",
        ),
        ("inputs.nothing < 1", "inputs.nothing < 1", "nothing cannot be compared with a number"),
        ("[] | first", "[] | first", "this has no value"),
        ("inputs.big * 2", "inputs.big * 2", "this whole number is too large"),
        ("[1, '1'] | select('eq', 1) | list", "select", "a text cannot be compared with a number"),
    ] {
        let error = expr(text).eval(&scope()).expect_err(text);
        let range = error.range.clone().unwrap_or_default();
        assert_eq!((&text[range], &*error.message), (place, message), "{text}");
        assert_eq!(error.expr, text);
    }
}

#[test]
fn conditions_are_bools() {
    assert_eq!(expr("steps.disk.outputs.used > 90").eval_bool(&scope()), Ok(true));
    for (text, found) in [("inputs.off", "a text"), ("inputs.n", "a number"), ("inputs.nothing", "nothing")] {
        let error = expr(text).eval_bool(&scope()).expect_err(text);
        assert_eq!(error.message, format!("a condition must be true or false, this is {found}"));
        assert!(error.help.is_some(), "{text}");
    }
}

#[test]
fn static_problems_have_exact_places() {
    for (text, code, place, message) in [
        ("  ", "RB0203", "  ", "an expression is missing here"),
        ("1 +", "RB0203", "+", "expected a value after this"),
        ("'я' ~ (1", "RB0203", "(", "`(` is never closed"),
        ("[1)", "RB0203", ")", "`)` does not close the `[` before it"),
        ("inputs.a = 1", "RB0203", "=", "unexpected `=`"),
        ("inputs.a && true", "RB0203", "&&", "`&&` is not an operator"),
        ("'я' ~ $x", "RB0203", "$", "unexpected `$`"),
        ("1 < 2 < 3", "RB0203", "<", "comparisons cannot be chained"),
        ("1 if true", "RB0203", "if", "`if` without `else`: what is the value otherwise?"),
        ("inputs.имя", "RB0203", "имя", "`имя` is not a name: names use the letters a to z, digits and `_`"),
        ("'abc", "RB0203", "'", "the text that starts with `'` here does not end"),
        ("12ab", "RB0203", "12ab", "`12ab` is not a number"),
        ("'я' | lins", "RB0204", "lins", "there is no filter `lins`"),
        ("x is evn", "RB0204", "evn", "there is no test `evn`"),
        ("now()", "RB0204", "now", "there is no function `now`"),
        ("__must(1, 2)", "RB0204", "__must", "there is no function `__must`"),
        ("'я'.upper()", "RB0204", "upper", "there is no method `upper`"),
        ("x | map('lins')", "RB0204", "'lins'", "there is no filter `lins`"),
        ("x | selectattr('a', 'evn')", "RB0204", "'evn'", "there is no test `evn`"),
        ("x | regex_capture('(')", "RB0115", "'('", "\"(\" is not a regular expression: unclosed group"),
        ("${{ inputs.a }}", "RB0206", "${{", "`${{` inside an expression"),
        (
            "steps[name].status",
            "RB0207",
            "name",
            "a computed name in `steps` cannot be checked before the run",
        ),
        ("inputs[0]", "RB0207", "0", "a computed name in `inputs` cannot be checked before the run"),
    ] {
        let expected = (code.to_owned(), place.to_owned(), message.to_owned());
        assert_eq!(problems(text), [expected], "{text}");
    }
    assert_eq!(problems("a | lins ~ (b | uper) is evn").len(), 3, "all unknown names in one go");
}

#[test]
fn unknown_names_get_a_suggestion() {
    for (text, help) in [
        ("x | lins", "did you mean `lines`?"),
        ("x | tojson", "use `to_json`"),
        ("x | strftime", "use `date`"),
        ("contains(a, b)", "write `part in whole`"),
        ("x | map('lins')", "did you mean `lines`?"),
        ("[{'a': x | select('evn')}][0]", "did you mean `even`?"),
        ("x | int(defualt=1)", "did you mean `default`?"),
        ("x | trim | int(0)", "write `int([default=…])`"),
        ("x is evn", "did you mean `even`?"),
        ("x.upper()", "values have no methods; use the filter: `… | upper`"),
    ] {
        let (_, found) = with_origin(text, |origin, found| Expr::parse(text, origin, found));
        assert_eq!(found[0].help, [help], "{text}");
    }
}

#[test]
fn references_with_ranges() {
    for (text, expected) in [
        ("steps.disk.outputs.used > 90", vec!["steps.disk.outputs.used"]),
        ("steps[\"disk\"].outputs", vec!["steps[\"disk\"].outputs"]),
        ("'я' ~ inputs.a | default(vars.b)", vec!["inputs.a", "vars.b"]),
        ("x | map(attribute='name') | join(sep)", vec!["x", "sep"]),
        ("a is defined and not b.in_use", vec!["a", "b.in_use"]),
        ("a if b else c", vec!["a", "b", "c"]),
        ("range(n)", vec!["n"]),
        ("a.list[0].name", vec!["a.list"]),
        ("a[b.c].d", vec!["a", "b.c"]),
        ("true or none == 'inputs.x'", vec![]),
    ] {
        let references = expr(text).references();
        let ranges: Vec<&str> = references.iter().map(|r| &text[r.range.clone()]).collect();
        assert_eq!(ranges, expected, "{text}");
        for reference in references {
            let segments: Vec<&str> =
                reference.segments.iter().map(|r| text[r.clone()].trim_matches(['"', '\''])).collect();
            assert_eq!(segments, reference.path, "{text}");
        }
    }
}

#[test]
fn places_follow_indentation() {
    // Written in the file with two bytes of indentation on each line after the first.
    let text = "a ~\nb.c ~\nd";
    let place = |range: Range<usize>| {
        let shift = |at: usize| 100 + at + 2 * text[..at].matches('\n').count();
        Span::new(SourceId(3), shift(range.start)..shift(range.end))
    };
    let origin = Origin { span: place(0..text.len()), place: &place };
    let mut found = Diagnostics::default();
    let expr = Expr::parse(text, &origin, &mut found).expect("parses");
    for reference in expr.references() {
        assert_eq!(expr.span_of(reference.range.clone()), place(reference.range));
    }
    assert_eq!(expr.span_of(0..text.len()), expr.span());
    assert_eq!(expr.span_of(10..11), Span::new(SourceId(3), 114..115));
}

#[test]
fn hostile_expressions_are_refused() {
    for text in [
        "(".repeat(50_000),
        format!("{}1{}", "(".repeat(4000), ")".repeat(4000)),
        format!("{}true", "not ".repeat(5000)),
        format!("{}1", "-".repeat(5000)),
        format!("a{}", "+a".repeat(4000)),
        format!("a{}", " and a".repeat(4000)),
        format!("a{}", "|trim".repeat(4000)),
        format!("a{}", "[a".repeat(90) + &"]".repeat(90)),
        format!("{}a", "a if a else ".repeat(2000)),
        "a ".repeat(20_000),
        "x".repeat(70_000),
    ] {
        let problems = problems(&text);
        assert_eq!(problems.len(), 1, "{}", &text[..20]);
        assert_eq!(problems[0].0, "RB0203");
    }
}

#[test]
fn looking_for_problems_takes_no_longer_than_the_text() {
    for text in [
        format!("{}1{}", "'a' in [".repeat(15), "]".repeat(15)),
        format!("{}x{}", "(('a' ~ ".repeat(14), ") - 1)".repeat(14)),
        format!("{}x{}", "-(('a' ~ ".repeat(9), ") - 1)".repeat(9)),
    ] {
        assert!(!problems(&text).is_empty(), "{text}");
    }
}

#[test]
fn nesting_that_is_allowed_can_be_evaluated() {
    for (open, middle, close, depth) in [
        ("(", "1", ")", 32),
        ("[", "1", "]", 30),
        ("not ", "true", "", 30),
        ("-", "1", "", 30),
        ("(1 + ", "1", ")", 30),
        ("(true and ", "true", ")", 28),
        ("(1 == 1) == (", "true", ")", 28),
        ("1 if true else ", "2", "", 30),
        ("", "'a'", " | trim", 30),
        ("", "'a'", "[:]", 30),
    ] {
        let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
        expr(&text).eval(&scope()).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
    assert_eq!(expr(&format!("1{}", "+1".repeat(400))).eval(&scope()), Ok(json!(401)));
}

#[test]
fn templates() {
    for (text, expected) in [
        ("", ""),
        ("n=${{ inputs.n }}!", "n=3!"),
        ("${{inputs.name}}${{ inputs.flag }}", "Алексейtrue"),
        ("$${{ inputs.n }}", "${{ inputs.n }}"),
        ("$ $$ ${VAR} ${#a[@]} $(ls) '{{.Names}}'", "$ $$ ${VAR} ${#a[@]} $(ls) '{{.Names}}'"),
        ("${{ '}}' }}", "}}"),
        ("${{ \"a\\\"}}\" }}", "a\"}}"),
        ("${{ {'a': {'b': 1}}.a.b }}", "1"),
        ("${{ inputs.template }}", "${{ inputs.n }}"),
        ("${{\n  inputs.n\n}}\n", "3\n"),
    ] {
        assert_eq!(template(text).render_text(&scope()).as_deref(), Ok(expected), "{text}");
        let again = template(&template(text).source_text());
        assert_eq!(again.render_text(&scope()).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_lone_expression_keeps_its_type() {
    assert_eq!(template("${{ inputs.list }}").render_value(&scope()), Ok(json!([1, 2])));
    assert_eq!(template("${{ inputs.n }} ").render_value(&scope()), Ok(json!("3 ")));
    for text in ["${{ inputs.list }}", "${{ inputs.map }}", "${{ inputs.nothing }}"] {
        let error = template(text).render_text(&scope()).expect_err(text);
        assert!(error.message.ends_with("inside a text"), "{}", error.message);
        assert!(error.help.is_some());
    }
}

#[test]
fn template_problems_have_exact_places() {
    for (text, code, place) in [
        ("я ${{ inputs.n", "RB0205", "${{"),
        ("я ${{ it's }} b", "RB0205", "${{"),
        ("я ${{ }} b", "RB0203", "${{ }}"),
        ("я ${{ 'я' | lins }} b", "RB0204", "lins"),
        ("я ${{ steps[x] }}", "RB0207", "x"),
    ] {
        let (parsed, found) = with_origin(text, |origin, found| Template::parse(text, origin, found));
        assert_eq!(parsed, None, "{text}");
        let found: Vec<_> = marked(text, found).into_iter().map(|(code, place, _)| (code, place)).collect();
        assert_eq!(found, [(code.to_owned(), place.to_owned())], "{text}");
    }
}

#[test]
fn templates_survive_storage() {
    let parsed = template("a ${{ inputs.n | string }}");
    let json = serde_json::to_value(&parsed).expect("serialises");
    assert_eq!(json, json!([{"text": "a "}, {"expr": "inputs.n | string"}]));
    let back: Template = serde_json::from_value(json).expect("deserialises");
    assert_eq!(back.render_text(&scope()).as_deref(), Ok("a 3"));
    assert!(matches!(&back.pieces()[1], Piece::Expr(expr) if expr.references()[0].path == ["inputs", "n"]));
    assert_eq!(Template::literal("${{ x }}").render_text(&scope()).as_deref(), Ok("${{ x }}"));
}

#[test]
fn tables_as_commands_print_them() {
    let table = |text: &str| {
        let Value::Object(scope) = json!({"t": text}) else { unreachable!() };
        expr("t | table").eval(&scope).expect("a table")
    };
    let docker = "CONTAINER ID   STATUS       NAMES\n0123456789ab   Up 3 hours   web\n";
    assert_eq!(
        table(docker),
        json!([{"CONTAINER ID": "0123456789ab", "STATUS": "Up 3 hours", "NAMES": "web"}])
    );
    let df = "Filesystem  Size Used Mounted on\n/dev/sda1    50G   9G /\n";
    assert_eq!(
        table(df),
        json!([{"Filesystem": "/dev/sda1", "Size": "50G", "Used": "9G", "Mounted on": "/"}])
    );
    assert_eq!(table(""), json!([]));
}

fn fragments() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "inputs",
        ".n",
        "[0]",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        "|",
        "int",
        "lines",
        "'",
        "\"",
        "\\",
        "not ",
        " is ",
        " in ",
        "and ",
        " if ",
        " else ",
        "==",
        "<",
        "~",
        "+",
        "-",
        "1",
        "2.5",
        ",",
        ":",
        "$",
        "${{",
        "}}",
        " ",
        "\n",
        "я",
        "'a'",
        "default(1)",
        "range(3)",
        "**",
        "none",
    ]);
    prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_a_problem(text in prop_oneof![fragments(), any::<String>()]) {
        let (parsed, found) = with_origin(&text, |origin, found| Expr::parse(&text, origin, found));
        prop_assert_eq!(parsed.is_none(), !found.is_empty());
        for problem in found {
            prop_assert!(text.get(problem.primary.span.range()).is_some());
        }
        if let Some(expr) = parsed {
            for reference in expr.references() {
                prop_assert!(expr.source().get(reference.range).is_some());
            }
            let _ = expr.eval(&scope());
        }
    }

    #[test]
    fn any_text_is_a_template_or_a_problem(text in prop_oneof![fragments(), any::<String>()]) {
        let (parsed, found) = with_origin(&text, |origin, found| Template::parse(&text, origin, found));
        prop_assert_eq!(parsed.is_none(), !found.is_empty());
        for problem in found {
            prop_assert!(text.get(problem.primary.span.range()).is_some());
        }
        if let Some(template) = parsed {
            let _ = template.render_text(&scope());
        }
    }

    #[test]
    fn text_without_interpolation_is_itself(text in "[${}'\"\\\\ a-zя\n#%]{0,40}") {
        prop_assume!(!text.contains("${{"));
        prop_assert_eq!(template(&text).render_text(&scope()), Ok(text));
    }

    #[test]
    fn literals_are_written_so_that_they_read_back(text in "[${}a]{0,12}") {
        let written = Template::literal(text.clone()).source_text();
        let again = template(&written);
        prop_assert_eq!(again.as_literal().map(|text| text.into_owned()), Some(text));
    }
}
