//! What can be said of an expression before it has values: calls that do not fit, types that never do.

use std::ops::Range;

use super::bind::{Bound, Family, bind};
use super::fault::Fault;
use super::filters::{regexes, times};
use super::operators;
use super::problem::Problem;
use super::tree::{Call, Comparison, Node, What};
use super::types::{self, ANY, BOOL, LIST, MAP, NOTHING, NUMBER, SCALAR, TEXT, Types};

/// Everything that is wrong with the expression at `node` whatever values it gets.
pub(super) fn check(node: &Node) -> Vec<Fault> {
    let mut checker = Checker { faults: Vec::new() };
    checker.types(node);
    checker.faults
}

struct Checker {
    faults: Vec<Fault>,
}

impl Checker {
    /// The types that `node` may yield.
    fn types(&mut self, node: &Node) -> Types {
        match &node.what {
            What::None => NOTHING,
            What::Bool(_) => BOOL,
            What::Number(_) => NUMBER,
            What::Text(_) => TEXT,
            What::Path { .. } => ANY,
            What::List(items) => {
                items.iter().for_each(|item| self.ignore(item));
                LIST
            }
            What::Map(entries) => {
                entries.iter().for_each(|(_, value)| self.ignore(value));
                MAP
            }
            What::Item(parts) => {
                let base = self.types(&parts[0]);
                self.ignore(&parts[1]);
                if base & (LIST | MAP | TEXT) == 0 {
                    let message = format!("{} has no elements", types::described(base));
                    self.faults.push(Fault::operand(parts[0].range.clone(), message));
                }
                ANY
            }
            What::Slice(base, bounds) => {
                let of = self.expect(base, LIST | TEXT, "a part can be taken of");
                for bound in bounds.iter().flatten() {
                    self.expect(bound, NUMBER, "the bounds of a part are made of");
                }
                of & (LIST | TEXT)
            }
            What::Call(call) => self.call(Family::Function, None, call),
            What::Filter(base, call) => self.call(Family::Filter, Some(base), call),
            What::Test { base, call, .. } => self.call(Family::Test, Some(base), call),
            What::Not(operand) => {
                self.condition(operand);
                BOOL
            }
            What::Minus(operand) => {
                self.expect(operand, NUMBER, "`-` needs");
                NUMBER
            }
            What::Arithmetic(first, rest) => self.arithmetic(first, rest),
            What::Compare(comparison, parts) => {
                self.compare(*comparison, parts, &node.range);
                BOOL
            }
            What::Logic(_, operands) => {
                operands.iter().for_each(|operand| self.condition(operand));
                BOOL
            }
            What::If(parts) => {
                let [value, condition, otherwise] = &**parts;
                self.condition(condition);
                self.types(value) | self.types(otherwise)
            }
        }
    }

    fn ignore(&mut self, node: &Node) {
        self.types(node);
    }

    /// Reports `node` when it can be none of `wanted`.
    fn expect(&mut self, node: &Node, wanted: Types, why: &str) -> Types {
        let found = self.types(node);
        if found & wanted == 0 {
            let message = format!("{why} {}, this is {}", types::described(wanted), types::described(found));
            self.faults.push(Fault::operand(node.range.clone(), message));
        }
        found
    }

    fn condition(&mut self, node: &Node) {
        let found = self.types(node);
        if found & BOOL == 0 {
            let problem = operators::not_a_condition(&types::names(found)).at(node.range.clone());
            self.faults.push(Fault::condition(problem));
        }
    }

    fn arithmetic(&mut self, first: &Node, rest: &[(&'static str, Node)]) -> Types {
        let wanted = match rest.first().map(|(operator, _)| *operator) {
            Some("~") => {
                for node in std::iter::once(first).chain(rest.iter().map(|(_, node)| node)) {
                    self.expect(node, SCALAR, "`~` joins what can be written as text:");
                }
                return TEXT;
            }
            Some("+" | "-") if rest.iter().all(|(operator, _)| *operator == "+") => NUMBER | TEXT | LIST,
            _ => NUMBER,
        };
        let found = self.types(first);
        let mut common = found & wanted;
        let mut all = vec![(first, found)];
        for (_, node) in rest {
            let found = self.types(node);
            all.push((node, found));
            common &= found;
        }
        if common != 0 {
            return common;
        }
        let operator = rest.first().map_or("+", |(operator, _)| *operator);
        let misfit = all.iter().find(|(_, found)| found & wanted == 0);
        self.faults.push(match misfit {
            Some((node, found)) => {
                let message = format!(
                    "`{operator}` needs {}, this is {}",
                    types::described(wanted),
                    types::described(*found)
                );
                operators::advise_number(Fault::operand(node.range.clone(), message), *found)
            }
            None => {
                let range =
                    first.range.start..rest.last().map_or(first.range.end, |(_, node)| node.range.end);
                let other = all.last().map_or(0, |(_, found)| *found);
                let message =
                    format!("{} and {} cannot be added", types::described(all[0].1), types::described(other));
                let fault = Fault::operand(range, message);
                if all.iter().any(|(_, found)| *found == TEXT) {
                    fault.help("join texts with `~`")
                } else {
                    fault
                }
            }
        });
        wanted
    }

    fn compare(&mut self, comparison: Comparison, parts: &[Node; 2], range: &Range<usize>) {
        let left = self.types(&parts[0]);
        // Each part of an expression is looked at once: twice at every level would be without end.
        let (right, elements) = match &parts[1].what {
            What::List(items) => (LIST, Some(items.iter().fold(0, |all, item| all | self.types(item)))),
            _ => (self.types(&parts[1]), None),
        };
        let problem = match comparison {
            Comparison::Eq | Comparison::Ne => {
                let fits = (left | right) & NOTHING != 0 || left & right != 0;
                (!fits).then(|| operators::mismatch(left, right))
            }
            Comparison::In | Comparison::NotIn => never_in(left, right, elements),
            _ => (left & right & (NUMBER | TEXT) == 0).then(|| {
                let without_order = [left, right].into_iter().find(|types| types & (NUMBER | TEXT) == 0);
                match without_order {
                    Some(types) if left == right || left.count_ones() + right.count_ones() > 2 => {
                        operators::no_order(types)
                    }
                    _ => operators::mismatch(left, right),
                }
            }),
        };
        if let Some(problem) = problem {
            self.faults.push(Fault::comparison(problem.at(range.clone())));
        }
    }

    fn call(&mut self, family: Family, base: Option<&Node>, call: &Call) -> Types {
        let of = base.map(|base| self.types(base));
        let bound = match bind(family, call) {
            Ok(bound) => bound,
            Err(fault) => {
                self.faults.push(fault);
                call.args.iter().for_each(|arg| self.ignore(&arg.value));
                return ANY;
            }
        };
        let takes = bound.builtin.takes;
        if let (Some(base), Some(of)) = (base, of)
            && of & takes == 0
        {
            let message = format!(
                "`{}` needs {}, this is {}",
                call.name,
                types::described(takes),
                types::described(of)
            );
            self.faults.push(Fault::operand(base.range.clone(), message));
        }
        let mut gives = bound.builtin.gives;
        let args = self.arguments(&bound);
        if let Some(default) = args.iter().find(|(name, _)| *name == "default") {
            gives |= default.1;
        }
        match (bound.builtin.name, of) {
            ("default", Some(of)) => of | args.first().map_or(ANY, |(_, types)| *types),
            ("reverse", Some(of)) => of & gives,
            ("raw", Some(of)) => of,
            _ => gives,
        }
    }

    /// Checks the arguments; the types of those that are given, by parameter.
    fn arguments(&mut self, bound: &Bound<'_>) -> Vec<(&'static str, Types)> {
        let mut given = Vec::new();
        for (param, node) in &bound.args {
            let Some(node) = node else { continue };
            let found = self.types(node);
            if found & param.types == 0 {
                let message = format!(
                    "`{}` of `{}` is {}, this is {}",
                    param.name,
                    bound.builtin.signature.split('(').next().unwrap_or_default(),
                    types::described(param.types),
                    types::described(found)
                );
                self.faults.push(Fault::operand(node.range.clone(), message));
            }
            given.push((param.name, found));
        }
        if let Some((name, range, problem)) = constant_problem(bound) {
            self.faults.push(match name {
                "pattern" => Fault::pattern(range, problem.message),
                _ => Fault::arguments(range, problem.message),
            });
        }
        if let Some(inner) = &bound.inner {
            self.arguments(inner);
        }
        given
    }
}

/// What is wrong with `part in whole`, where `elements` are the types in a list that is written out.
fn never_in(part: Types, whole: Types, elements: Option<Types>) -> Option<Problem> {
    if whole & (LIST | MAP | TEXT) == 0 {
        return Some(operators::contains_nothing(whole));
    }
    if whole & LIST == 0 {
        return (part & TEXT == 0).then(|| operators::no_part(part, whole));
    }
    let elements = elements.filter(|elements| *elements != 0)?;
    let fits = (part | elements) & NOTHING != 0 || part & elements != 0;
    (!fits).then(|| operators::mismatch(part, elements))
}

/// What is wrong with an argument that is written out: a pattern, a format, a duration.
fn constant_problem(bound: &Bound<'_>) -> Option<(&'static str, Range<usize>, Problem)> {
    let constant = |name: &str| {
        bound.args.iter().find(|(param, _)| param.name == name).and_then(|(_, node)| match node {
            Some(Node { what: What::Text(text), range, .. }) => Some((text.as_str(), range.clone())),
            _ => None,
        })
    };
    let check = |name: &'static str, check: &dyn Fn(&str) -> Result<(), Problem>| {
        let (text, range) = constant(name)?;
        check(text).err().map(|problem| (name, range, problem))
    };
    let pattern = || check("pattern", &|pattern| regexes::regex(pattern).map(|_| ()));
    let replacement = || {
        let (pattern, _) = constant("pattern")?;
        check("replacement", &|replacement| regexes::check_replacement(pattern, replacement))
    };
    let offset = || check("offset", &|offset| times::offset(offset).map(|_| ()));
    match bound.builtin.name {
        "matching" | "regex_capture" | "regex_captures" => pattern(),
        "regex_groups" => pattern().or_else(|| {
            check("pattern", &|pattern| regexes::named_groups(&*regexes::regex(pattern)?).map(|_| ()))
        }),
        "regex_replace" => pattern().or_else(replacement),
        "date" => check("format", &times::check_format).or_else(offset),
        "datetime" => check("format", &times::check_parse_format).or_else(offset),
        "plus" | "minus" => check("duration", &|duration| times::duration(duration).map(|_| ())),
        "round" => check("method", &super::filters::numbers::check_method),
        _ => None,
    }
}
