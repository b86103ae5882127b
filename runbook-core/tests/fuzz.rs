//! Damaged texts in great number: nothing panics, every problem has a place inside of the text.
//!
//! Every case follows from its number alone, so a failure can be repeated:
//!
//! * `RUNBOOK_FUZZ=1000000 cargo test --release -p runbook-core --test fuzz -- --nocapture` tries that many;
//! * `RUNBOOK_FUZZ_CASE=4711` tries only this one and prints its text first, which is what to do after a crash that
//!   no test can catch: a run with `RUNBOOK_FUZZ` leaves the texts under way in `target/tmp/fuzz-*.txt`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use runbook_core::diag::{Diagnostic, Diagnostics, Severity};
use runbook_core::edit::{Edits, apply};
use runbook_core::expr::{Expr, Origin, Template, filters, functions, tests};
use runbook_core::kind::Kinds;
use runbook_core::mask::Masker;
use runbook_core::read;
use runbook_core::source::{SourceId, Span};
use runbook_core::value::{Object, Value};
use serde_json::json;

/// How many cases the suite tries each time.
const USUAL: u64 = 20_000;
/// The longest text that is tried; what grows without end shows at this size too.
const LONGEST: usize = 6_000;

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, or 0 when there is none.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap_or(0).checked_rem(limit).unwrap_or(0)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn word<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.below(items.len())]
    }

    fn text<'a>(&mut self, items: &'a [String]) -> &'a str {
        &items[self.below(items.len())]
    }

    /// A piece of `bytes`.
    fn piece<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let start = self.below(bytes.len() + 1);
        let length = self.below((bytes.len() - start).min(400) + 1);
        &bytes[start..start + length]
    }
}

/// What the language is made of.
const TOKENS: &[&str] = &[
    "steps:\n",
    "  - id: a\n",
    "    run: uptime\n",
    "run: |\n",
    "inputs:\n  x: {type: int}\n",
    "when: ",
    "${{ ",
    " }}",
    "$${{",
    "${{ inputs.x }}",
    "${{ steps.a.stdout | trim }}",
    "needs: [a]\n",
    "rollback:\n",
    "verify:\n",
    "cleanup:\n",
    "parallel:\n",
    "finally:\n",
    "expect: {exit_code: 0}\n",
    "retry: {attempts: 3}\n",
    "confirm: x\n",
    "effect: read\n",
    "vars:\n",
    "defaults: {}\n",
    "lock: a\n",
    "outputs: {x: result.stdout}\n",
    "timeout: 5m\n",
    "timeout: 5\n",
    "---\n",
    "...\n",
    "<<: *a\n",
    "&a ",
    "*a",
    "!!str ",
    "!x ",
    "? ",
    ": ",
    "- ",
    "# ",
    "|",
    ">",
    "|-2\n",
    ">+\n",
    "'",
    "\"",
    "\\",
    "\"\\u0041\"",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "\u{202e}",
    "\u{85}",
    "\u{2028}",
    "я",
    "😀",
    "{",
    "}",
    "[",
    "]",
    ",",
    "null",
    "~",
    "true",
    "1e999",
    "0x1F",
    "-",
    "999999999999999999999",
    "1h30m",
    "$(",
    "`",
    "<<EOF\n",
    "EOF\n",
    "&&",
    "||",
    ";",
    "2>&1",
    "$((",
    "${x:-",
    "%",
    "@",
    "\n",
    "\n\n",
    "  ",
    "    ",
];

/// What expressions are made of.
const WORDS: &[&str] = &[
    "x",
    "y",
    "z",
    "inputs.n",
    "inputs.text",
    "inputs.list",
    "inputs.map.a",
    "steps.a.stdout",
    "result",
    "none",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2.5",
    "1e308",
    "18446744073709551615",
    "9223372036854775807",
    "'a'",
    "\"b\\n\"",
    "'(\\d+)'",
    "'%Y'",
    "'1h'",
    "''",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "{'a': 1}",
    "[1, 'a', none]",
    ".",
    ",",
    ":",
    "|",
    "~",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    " in ",
    " not in ",
    " is ",
    " is not ",
    " not ",
    " and ",
    " or ",
    " if ",
    " else ",
    "=",
    "default=",
    "attribute=",
    "'a.b.0'",
    "[0]",
    "[-1]",
    "[1:]",
    "[::-1]",
    "['a']",
    ".0",
    " ",
    "\n",
    "\\",
    "'",
    "\"",
    "я",
    "$",
    "${{",
    "}}",
    "&&",
    "!",
    "?",
    "\u{0}",
    "1_000",
    "__must",
    "absent",
    "p0",
];

/// Everything a case is made from.
struct Corpus {
    texts: Vec<Vec<u8>>,
    expressions: Vec<String>,
    calls: Vec<String>,
    scope: Object,
}

fn yaml_files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(path);
        }
    }
}

fn corpus() -> Corpus {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    yaml_files(&root.join("tests"), &mut paths);
    yaml_files(&root.join("../examples"), &mut paths);
    paths.sort();
    let texts: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(texts.len() > 100, "only {} files", texts.len());
    let builtins = [filters(), tests(), functions()].concat();
    let mut expressions: Vec<String> = builtins.iter().map(|builtin| builtin.example.to_owned()).collect();
    for text in &texts {
        let text = String::from_utf8_lossy(text);
        let inside = text.split("${{").skip(1).filter_map(|rest| rest.split("}}").next());
        expressions.extend(inside.filter(|inside| inside.len() < 200).map(str::to_owned));
    }
    let calls = filters().iter().map(|filter| format!(" | {}", filter.name));
    let calls = calls.chain(tests().iter().map(|test| format!(" is {}", test.name))).collect();
    let Value::Object(scope) = json!({
        "x": "a=1\nb=2\n", "y": [3, 1, 2], "z": {"a": {"b": [1]}, "n": none_at_all()},
        "inputs": {"n": 3, "text": "10", "list": ["a", "b", 1, null], "map": {"a": -0.5}},
        "steps": {"a": {"stdout": "NAME  SIZE\nя  10G\n", "exit_code": 0}}, "result": {"stdout": "{\"a\": [1]}"},
    }) else {
        unreachable!()
    };
    Corpus { texts, expressions, calls, scope }
}

fn none_at_all() -> Value {
    Value::Null
}

/// A text from the corpus, damaged in several ways: half of them so that it stays YAML.
fn damaged(random: &mut Random, corpus: &Corpus) -> String {
    let texts = &corpus.texts;
    let mut text = random.pick(texts).clone();
    if random.one_in(2) {
        let mut lines: Vec<String> =
            String::from_utf8_lossy(&text).split_inclusive('\n').map(str::to_owned).collect();
        for _ in 0..1 + random.below(4) {
            bend(random, &mut lines, corpus);
        }
        return lines.concat();
    }
    if text.len() > LONGEST {
        text = text[random.below(text.len() - LONGEST)..][..LONGEST].to_vec();
    }
    for _ in 0..1 + random.below(6) {
        damage(random, &mut text, texts);
        text.truncate(2 * LONGEST);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Another value, another key, a line of another file: what YAML does not mind.
fn bend(random: &mut Random, lines: &mut Vec<String>, corpus: &Corpus) {
    if lines.is_empty() {
        return;
    }
    let at = random.below(lines.len());
    let other = String::from_utf8_lossy(random.pick(&corpus.texts[..]).as_slice()).into_owned();
    let other: Vec<&str> = other.lines().filter(|line| !line.trim().is_empty()).collect();
    let other = if other.is_empty() { "x: 1" } else { random.word(&other) };
    let own = lines[at].trim_end().to_owned();
    let indent = &own[..own.len() - own.trim_start_matches([' ', '-']).len()];
    let value = match random.below(3) {
        0 => format!("${{{{ {} }}}}", expression(random, corpus)),
        1 => random
            .word(&[
                "1", "true", "null", "[]", "{}", "[a, b]", "{a: 1}", "''", "5m", "\"\"", "x", "a b", "я",
                "-1", "local",
            ])
            .to_owned(),
        _ => other.split_once(": ").map_or(other, |(_, value)| value).to_owned(),
    };
    match random.below(6) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, format!("{own}\n")),
        2 => lines
            .insert(at, format!("{}{}\n", indent.replace('-', " "), other.trim_start_matches([' ', '-']))),
        3 => {
            let key = other.trim_start_matches([' ', '-']).split(':').next().unwrap_or_default();
            if let Some((_, value)) = own.split_once(':') {
                lines[at] = format!("{indent}{key}:{value}\n");
            }
        }
        _ => {
            if let Some((key, _)) = own.split_once(": ") {
                lines[at] = format!("{key}: {value}\n");
            }
        }
    }
}

fn damage(random: &mut Random, text: &mut Vec<u8>, texts: &[Vec<u8>]) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(40)).min(text.len());
    match random.below(12) {
        0 if !text.is_empty() => {
            let at = at.min(text.len() - 1);
            text[at] ^= 1 << random.below(8);
        }
        1 if !text.is_empty() => {
            let at = at.min(text.len() - 1);
            text[at] = *random.pick(b" \n:-{}[]'\"$|&*#\t\\0a");
        }
        2 => drop(text.drain(at..end)),
        3 => {
            let again = text[at..end].to_vec();
            text.splice(at..at, again);
        }
        4 => {
            let other = random.piece(random_text(random.0, texts)).to_vec();
            text.splice(at..end, other);
        }
        5 => {
            let nesting =
                random.word(&["[", "{a: ", "- ", "(", "'", "? ", "{", "${{ (", "$(", "  - steps:\n", "!x "]);
            let deep = nesting.repeat(1 + random.below(300));
            text.splice(at..at, deep.into_bytes());
        }
        6 => {
            // A line with another indentation.
            let start = text[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |found| found + 1);
            let blanks = text[start..].iter().take_while(|byte| **byte == b' ').count();
            text.splice(start..start + blanks, vec![b' '; random.below(12)]);
        }
        7 => {
            // Two lines in each other's place.
            let mut lines: Vec<Vec<u8>> =
                text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            let (one, other) = (random.below(lines.len()), random.below(lines.len()));
            if !lines.is_empty() {
                lines.swap(one, other);
            }
            *text = lines.concat();
        }
        8 => text.truncate(at),
        _ => {
            let count = 1 + random.below(3);
            for _ in 0..count {
                let token = random.word(TOKENS).as_bytes().to_vec();
                text.splice(at..at, token);
            }
        }
    }
}

/// Another text of the corpus, chosen by where the numbers stand.
fn random_text(seed: u64, texts: &[Vec<u8>]) -> &[u8] {
    &texts[usize::try_from(seed >> 7).unwrap_or(0) % texts.len()]
}

/// An expression: one of the corpus with damage, or words without order.
fn expression(random: &mut Random, corpus: &Corpus) -> String {
    if random.one_in(2) {
        // Grammar without sense: what is wrong shows when it is evaluated.
        let mut text = random.text(&corpus.expressions).to_owned();
        for _ in 0..random.below(3) {
            let other = random.text(&corpus.expressions).to_owned();
            let name = random.text(&corpus.calls).to_owned();
            text = match random.below(5) {
                0 => format!(
                    "({text}) {} ({other})",
                    random.word(&["+", "-", "~", "==", "<", "in", "and", "//", "**"])
                ),
                1 => format!("[{text}, {other}]{name}"),
                2 => format!("({text}){name}({other})"),
                3 => format!("({text} | string){name}"),
                _ => format!("({text}){name}"),
            };
        }
        return text;
    }
    let mut text = if random.one_in(3) { String::new() } else { random.text(&corpus.expressions).to_owned() };
    for _ in 0..random.below(10) {
        let at = random.below(text.len() + 1);
        let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        match random.below(8) {
            0 => text.truncate(at),
            1 => text.push_str(random.text(&corpus.calls)),
            2 => text = format!("({text}){}", random.text(&corpus.calls)),
            3 => {
                text = random
                    .pick(&["(", "[", "not ", "-", "x if y else ", "{'a': "])
                    .repeat(1 + random.below(60))
                    + &text
            }
            4 => text.insert_str(at, random.text(&corpus.calls)),
            _ => text.insert_str(at, random.word(WORDS)),
        }
    }
    text
}

fn inside(diagnostics: &[Diagnostic], text: &str) {
    for diagnostic in diagnostics {
        let labels = std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary);
        for label in labels {
            let range = label.span.range();
            assert!(
                range.start <= range.end && text.get(range).is_some(),
                "outside of the text: {diagnostic:?}"
            );
        }
        assert!(!diagnostic.message.is_empty());
    }
}

/// Whether it is read as a runbook, well or badly.
fn read_it(text: &str) -> bool {
    let loaded = read::parse("fuzz.yaml", text, &Kinds::default());
    inside(&loaded.diagnostics, text);
    let errors = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
    // A file that only others include holds no runbook, and may be good all the same.
    let for_others = ["Inventory", "RunbookTest", "Policy"].iter().any(|kind| text.contains(kind));
    assert!(errors == loaded.runbook.is_none() || for_others, "errors exactly when there is no runbook");
    // Codes below 100 are about YAML alone.
    loaded.diagnostics.iter().all(|found| found.code.0 >= 100)
}

fn parsed<T>(text: &str, parse: impl FnOnce(&Origin<'_>, &mut Diagnostics) -> Option<T>) -> Option<T> {
    let place = |range: Range<usize>| Span::new(SourceId(0), range);
    let origin = Origin { span: place(0..text.len()), place: &place };
    let mut found = Diagnostics::default();
    let parsed = parse(&origin, &mut found);
    let found = found.into_sorted();
    assert_eq!(parsed.is_none(), !found.is_empty(), "a problem exactly when there is nothing");
    inside(&found, text);
    parsed
}

/// Whether the expression has a value.
fn evaluate_it(text: &str, scope: &Object) -> bool {
    let mut valued = false;
    if let Some(expr) = parsed(text, |origin, found| Expr::parse(text, origin, found)) {
        for reference in expr.references() {
            assert!(expr.source().get(reference.range).is_some());
        }
        match expr.eval(scope) {
            Ok(_) => valued = true,
            Err(error) => assert!(error.range.is_none_or(|range| error.expr.get(range).is_some())),
        }
    }
    let template = format!("a ${{{{ {text} }}}} b");
    if let Some(template) = parsed(&template, |origin, found| Template::parse(&template, origin, found)) {
        let _ = template.render_text(scope);
    }
    valued
}

/// Whether the text can be edited.
fn edit_it(random: &mut Random, text: &str) -> bool {
    let line = text.lines().nth(random.below(20)).unwrap_or_default();
    let word = line.split([':', '=', ' ']).find(|word| !word.is_empty()).unwrap_or("A");
    let edits = json!({
        "format": random.word(&["env", "ini"]), "set": {word: line}, "line": {"text": line, "match": word},
        "remove": word, "block": {"name": word, "content": text, "after": word},
    });
    let Value::Object(mut edits) = edits else { return false };
    let mut done = false;
    let keep = random.word(&["set", "line", "remove", "block"]);
    edits.retain(|key, _| key == keep || key == "format");
    if let Ok(edits) = Edits::from_value(&Value::Object(edits))
        && let Ok(edited) = apply(&edits, "x", text.as_bytes())
    {
        assert!(!apply(&edits, "x", edited.new.as_bytes()).unwrap().changed());
        let _ = edited.diff("x");
        done = true;
    }
    let masker = Masker::new();
    if masker.add("line", line.as_bytes()).is_ok() {
        let mut stream = masker.stream();
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(1 + random.below(200)) {
            stream.push_into(piece, &mut out);
        }
        out.extend(stream.finish());
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, masker.mask_str(text));
        assert!(!out.contains(line.trim()) || "[secret line]".contains(line.trim()));
    }
    done
}

/// What is tried in a case, and the text.
fn case(number: u64, corpus: &Corpus) -> (Random, u64, String) {
    let mut random = Random(number.wrapping_mul(0xd134_2543_de82_ef95));
    let what = random.next() % 8;
    let text = match what {
        0..=3 => damaged(&mut random, corpus),
        4..=6 => expression(&mut random, corpus),
        _ => damaged(&mut random, corpus),
    };
    (random, what, text)
}

/// Tries a case; which of [`WHAT`] it was, and whether the text was good for something.
fn try_it(number: u64, corpus: &Corpus, before: impl FnOnce(&str)) -> (usize, bool) {
    let (mut random, what, text) = case(number, corpus);
    before(&text);
    match what {
        0..=3 => (0, read_it(&text)),
        4..=6 => (1, evaluate_it(&text, &corpus.scope)),
        _ => (2, edit_it(&mut random, &text)),
    }
}

/// What cases are about.
const WHAT: [&str; 3] = ["runbooks", "expressions", "edits"];

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn damaged_texts() {
    let corpus = corpus();
    if let Some(number) = variable("RUNBOOK_FUZZ_CASE") {
        try_it(number, &corpus, |text| println!("{text}\n{text:?}"));
        return;
    }
    let wanted = variable("RUNBOOK_FUZZ");
    let count = wanted.unwrap_or(USUAL);
    let next = AtomicU64::new(0);
    let failed: Mutex<Vec<(u64, String)>> = Mutex::default();
    let slowest: Mutex<(Duration, u64)> = Mutex::default();
    let good: [AtomicU64; WHAT.len()] = Default::default();
    let start = Instant::now();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (corpus, next, failed, slowest, good) = (&corpus, &next, &failed, &slowest, &good);
            // The stack is that of any thread: nothing may need more.
            scope.spawn(move || {
                let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{thread}.txt"));
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || failed.lock().unwrap().len() >= 5 {
                        break;
                    }
                    let began = Instant::now();
                    let outcome = catch_unwind(AssertUnwindSafe(|| {
                        try_it(number, corpus, |text| {
                            if wanted.is_some() {
                                fs::write(&trace, format!("case {number}\n{text}")).unwrap();
                            }
                        })
                    }));
                    if let Ok((what, true)) = outcome {
                        good[what].fetch_add(1, Ordering::Relaxed);
                    }
                    let took = (began.elapsed(), number);
                    let mut longest = slowest.lock().unwrap();
                    *longest = (*longest).max(took);
                    if outcome.is_err() {
                        let text = case(number, corpus).2;
                        failed.lock().unwrap().push((number, text));
                    }
                }
            });
        }
    });
    let (longest, number) = *slowest.lock().unwrap();
    println!("{count} cases in {:?}; the slowest, {number}, took {longest:?}", start.elapsed());
    let failed = failed.into_inner().unwrap();
    for (what, good) in WHAT.iter().zip(&good) {
        let good = good.load(Ordering::Relaxed);
        println!("{good} {what} were good for something");
        // Texts that are refused at the first byte would prove nothing.
        assert!(good >= count / 100 || !failed.is_empty(), "only {good} {what} of {count} cases");
    }
    assert!(failed.is_empty(), "cases that fail, and their texts: {failed:#?}");
}
