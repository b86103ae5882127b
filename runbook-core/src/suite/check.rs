//! Whether tests fit their runbook: every name known, every mock and answer of the right kind.

use super::names::{CHECK_LISTS, Known, Named, Names, Question, base_of};
use crate::check::{Role, Suggest};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{
    Answer, AnswerValue, AnswerWord, Case, Expected, ExpectedSteps, Mock, MockEnd, MockValue, Runbook,
    Script, Suite,
};
use crate::source::{Span, Spanned};
use crate::value::Value;

/// Adds everything to `found` in which the tests do not fit `runbook`.
pub(super) fn check(suite: &Suite, runbook: &Runbook, found: &mut Diagnostics) {
    let names = Names::of(runbook);
    let mut checker = Checker { names: &names, runbook, found, suggest: Suggest::default() };
    checker.script(&suite.shared);
    for (index, case) in suite.tests.iter().enumerate() {
        let mut before = suite.tests.iter().take(index);
        if let Some(first) = before.find(|other| other.name.value == case.name.value) {
            let message = format!("the test `{}` twice", case.name.value);
            checker.found.push(
                Diagnostic::error(Code::DUPLICATE_TEST, case.name.span, message)
                    .label("again here")
                    .also(first.name.span, "first here")
                    .help("rename one of them"),
            );
        }
        checker.script(&case.script);
        checker.missing_inputs(suite, case);
        for step in case.from.iter().chain(&case.only) {
            checker.body_step(step);
        }
        checker.expected(&case.expect);
    }
}

struct Checker<'c> {
    names: &'c Names,
    runbook: &'c Runbook,
    found: &'c mut Diagnostics,
    suggest: Suggest,
}

impl<'c> Checker<'c> {
    fn script(&mut self, script: &Script) {
        script.inputs.iter().for_each(|(name, value)| self.input(name, value));
        script.mocks.iter().for_each(|mock| self.mock(mock));
        script.answers.iter().for_each(|answer| self.answer(answer));
    }

    fn input(&mut self, name: &Spanned<String>, value: &Spanned<Value>) {
        let inputs = &self.runbook.inputs;
        let Some(input) = inputs.iter().find(|input| input.name.value == name.value) else {
            let message = format!("the runbook has no input `{}`", name.value);
            let problem = Diagnostic::error(Code::UNKNOWN_INPUT, name.span, message);
            let problem = self
                .suggest
                .add(problem, &name.value, || inputs.iter().map(|input| input.name.value.as_str()));
            return self.found.push(problem);
        };
        if let Err(why) = input.check(&value.value) {
            let message = format!("the value of input `{}` does not fit", name.value);
            self.found.push(Diagnostic::error(Code::BAD_INPUT, value.span, message).label(why.to_string()));
        }
    }

    fn missing_inputs(&mut self, suite: &Suite, case: &Case) {
        for input in self
            .runbook
            .inputs
            .iter()
            .filter(|input| input.required && input.default.is_none() && !input.sensitive)
        {
            let name = &input.name.value;
            if !super::inputs(suite, case).any(|(given, _)| given.value == *name) {
                let message = format!("the test `{}` gives no value for the input `{name}`", case.name.value);
                self.found.push(
                    Diagnostic::error(Code::MISSING_INPUT, case.name.span, message)
                        .help(format!("add `inputs: {{{name}: …}}`, here or for the whole file")),
                );
            }
        }
    }

    /// The step that `name` means; reported when there is none.
    fn step(&mut self, name: &Spanned<String>) -> Option<&'c Known> {
        let names = self.names;
        match names.find(&name.value) {
            Named::Step(step) => return Some(step),
            Named::NoSuchRepetition(step) => self.no_such_repetition(name, step),
            Named::Check(_) | Named::NoSuchCheck(_) => {
                let message = format!("`{}` is a check, not a step", name.value);
                self.found.push(Diagnostic::error(Code::TEST_UNKNOWN_STEP, name.span, message));
            }
            Named::Nothing => self.no_such_step(name),
        }
        None
    }

    fn no_such_step(&mut self, name: &Spanned<String>) {
        let message = format!("the runbook has no step `{}`", name.value);
        let problem = Diagnostic::error(Code::TEST_UNKNOWN_STEP, name.span, message);
        let names = self.names;
        let base = base_of(&name.value);
        let mut problem = self.suggest.add(problem, base, || names.all());
        if problem.help.is_empty() {
            // A check of a step that is misspelt.
            let step =
                base.rsplit_once('.').and_then(|(list, _)| list.rsplit_once('.')).map(|(step, _)| step);
            if let Some(step) = step {
                problem = self.suggest.add(problem, step, || names.all());
            }
        }
        self.found.push(problem);
    }

    fn no_such_repetition(&mut self, name: &Spanned<String>, step: &Known) {
        let message = format!("there is no `{}`", name.value);
        let problem = Diagnostic::error(Code::TEST_UNKNOWN_STEP, name.span, message);
        self.found.push(match step.repeated {
            true => {
                let known = step.targets.iter().map(|target| format!("`{}@{target}`", step.name));
                problem.help(format!("its repetitions are {}", known.collect::<Vec<_>>().join(", ")))
            }
            false => problem.help(format!("`{}` is not repeated", step.name)),
        });
    }

    fn mock(&mut self, mock: &Mock) {
        let name = &mock.name;
        let nothing = |what: String, help: &str| {
            Diagnostic::error(Code::TEST_NOTHING_TO_MOCK, name.span, what).help(help)
        };
        match self.names.find(&name.value) {
            Named::Check(question) => {
                mock.values.iter().for_each(|value| self.value_of_check(value, question));
            }
            Named::Step(step) if step.reaches_out => {
                mock.values.iter().for_each(|value| self.value_of_step(value, step.command, false));
            }
            Named::Step(step) => {
                let what = format!("`{}` needs no mock", name.value);
                let problem = match (&step.fields, step.group) {
                    (Some(_), _) => nothing(what, "people carry it out: write what they say under `answers`"),
                    (_, true) => nothing(what, "it only holds other steps; mock those"),
                    _ => nothing(what, "it is carried out as it is")
                        .note(format!("`{}` does not touch the world", step.action)),
                };
                self.found.push(problem);
            }
            Named::NoSuchRepetition(step) => self.no_such_repetition(name, step),
            Named::NoSuchCheck(lists) => {
                let mut known: Vec<String> = CHECK_LISTS
                    .iter()
                    .filter_map(|list| Some((list, lists.get(list)?.len())))
                    .map(|(list, count)| match count {
                        1 => format!("`{list}.1`"),
                        _ => format!("`{list}.1` to `{list}.{count}`"),
                    })
                    .collect();
                if known.is_empty() {
                    known.push("none".to_owned());
                }
                let message = format!("there is no check `{}`", name.value);
                self.found.push(
                    Diagnostic::error(Code::TEST_UNKNOWN_CHECK, name.span, message)
                        .help(format!("the checks of that step: {}", known.join(", "))),
                );
            }
            Named::Nothing if name.value.starts_with("preconditions.") => {
                let message = format!("there is no check `{}`", name.value);
                let count = self.names.book.len();
                self.found.push(
                    Diagnostic::error(Code::TEST_UNKNOWN_CHECK, name.span, message)
                        .help(format!("the runbook itself has {count} precondition(s)")),
                );
            }
            Named::Nothing => self.no_such_step(name),
        }
    }

    fn misfit(&mut self, span: Span, what: &str, help: &str) {
        self.found
            .push(Diagnostic::error(Code::TEST_MOCK_MISFIT, span, what.to_owned()).help(help.to_owned()));
    }

    fn value_of_step(&mut self, value: &MockValue, command: bool, is_check: bool) {
        if let Some(file) = &value.file {
            self.misfit(file.span, "only a `file` check has a size and an age", "mock what the step yields");
        }
        let own = value.fields.iter().find(|(name, _)| !is_check || name.value != "note");
        if let Some((name, _)) = own.filter(|_| command) {
            let what = format!("a command has no `{}`", name.value);
            self.misfit(name.span, &what, "a command yields `stdout`, `stderr` and `exit_code`");
        }
        if let Some(code) = value.exit_code.as_ref().filter(|_| value.end != MockEnd::Completed) {
            let good = code.value == 0;
            if good || !matches!(value.end, MockEnd::Failed(_)) {
                self.misfit(code.span, "`exit_code` of something that does not end by itself", "remove one");
            }
        }
    }

    fn value_of_check(&mut self, value: &MockValue, question: Question) {
        let written = value.stdout.iter().chain(&value.stderr).map(|text| text.span);
        let result = written.chain(value.exit_code.iter().map(|code| code.span));
        let mut result = result.chain(value.fields.iter().map(|(name, _)| name.span));
        match question {
            Question::Command => self.value_of_step(value, true, true),
            Question::Other => self.value_of_step(value, false, true),
            Question::File => {
                if let Some(span) = result.next() {
                    let what = "a file has no such result";
                    self.misfit(span, what, "write `exists`, `size` and `age`, or `true` or `false`");
                }
            }
            Question::Port | Question::Expression => {
                if let Some(span) = result.next().or(value.file.as_ref().map(|file| file.span)) {
                    let what = "this check is only answered with yes or no";
                    self.misfit(span, what, "write `true`, `false`, or `{fail: reason}`");
                }
            }
        }
    }

    fn answer(&mut self, answer: &Answer) {
        let about_rollback = answer.replies.iter().all(|reply| reply.word.is_about_rollback());
        if answer.name.value == "rollback" && about_rollback {
            return;
        }
        if answer.name.value == "rollback" && self.names.step("rollback").is_none() {
            for reply in answer.replies.iter().filter(|reply| !reply.word.is_about_rollback()) {
                self.answer_misfit(reply, "whether completed work is undone", "`yes`, `no` or `later`");
            }
            return;
        }
        let Some(step) = self.step(&answer.name) else { return };
        if !step.gate && step.fields.is_none() && !step.asks_after_failure && !step.external {
            let message = format!("`{}` asks nothing", answer.name.value);
            self.found.push(
                Diagnostic::error(Code::TEST_NOTHING_ASKED, answer.name.span, message)
                    .note("it has no gate, is not manual, and nobody chooses when it fails"),
            );
            return;
        }
        for reply in &answer.replies {
            self.reply(reply, step);
        }
    }

    fn reply(&mut self, reply: &AnswerValue, step: &Known) {
        let manual = step.fields.is_some();
        let doubt = step.external;
        let (fits, what) = match reply.word {
            AnswerWord::Approve | AnswerWord::Deny => (step.gate, "it has no gate"),
            AnswerWord::Done | AnswerWord::Failed => {
                (manual || doubt, "it is not manual and cannot end in doubt")
            }
            AnswerWord::Retry => {
                (step.asks_after_failure || doubt, "nobody chooses when it fails (`on_failure: ask`)")
            }
            AnswerWord::Skip | AnswerWord::Rollback | AnswerWord::Stop => {
                (step.asks_after_failure, "nobody chooses when it fails (`on_failure: ask`)")
            }
            AnswerWord::Silent => (true, ""),
            AnswerWord::Yes | AnswerWord::No | AnswerWord::Later => {
                (false, "this answers `rollback`, whether completed work is undone")
            }
        };
        if !fits {
            let message = format!("`{}` is no answer to `{}`", reply.word.name(), step.name);
            self.found.push(Diagnostic::error(Code::TEST_ANSWER_MISFIT, reply.span, message).note(what));
            return;
        }
        let Some(fields) = &step.fields else {
            if let Some((name, _)) = reply.fields.first() {
                let message = format!("`{}` has no fields: it is not manual", step.name);
                self.found.push(Diagnostic::error(Code::TEST_ANSWER_MISFIT, name.span, message));
            }
            return;
        };
        for (name, value) in &reply.fields {
            let Some(field) = fields.iter().find(|field| field.name.value == name.value) else {
                let message = format!("`{}` has no field `{}`", step.name, name.value);
                let problem = Diagnostic::error(Code::TEST_ANSWER_MISFIT, name.span, message);
                let problem = self
                    .suggest
                    .add(problem, &name.value, || fields.iter().map(|field| field.name.value.as_str()));
                self.found.push(problem);
                continue;
            };
            if let Err(why) = field.check(&value.value) {
                let message = format!("the value of `{}` does not fit", name.value);
                self.found.push(
                    Diagnostic::error(Code::TEST_ANSWER_MISFIT, value.span, message).label(why.to_string()),
                );
            }
        }
        let missing = fields.iter().find(|field| {
            let given = reply.fields.iter().any(|(name, _)| name.value == field.name.value);
            field.required && field.default.is_none() && !given
        });
        if let Some(field) = missing.filter(|_| reply.word == AnswerWord::Done) {
            let message = format!("the answer gives no value for the field `{}`", field.name.value);
            self.found.push(Diagnostic::error(Code::TEST_ANSWER_MISFIT, reply.span, message));
        }
    }

    fn answer_misfit(&mut self, reply: &AnswerValue, question: &str, takes: &str) {
        let message = format!("`{}` is no answer to the question {question}", reply.word.name());
        self.found.push(
            Diagnostic::error(Code::TEST_ANSWER_MISFIT, reply.span, message).help(format!("write {takes}")),
        );
    }

    fn body_step(&mut self, name: &Spanned<String>) {
        if let Some(step) = self.step(name)
            && step.role != Role::Body
        {
            let message = format!("`{}` cannot be selected: it is not in the body", name.value);
            self.found.push(Diagnostic::error(Code::UNKNOWN_SELECTION, name.span, message));
        }
    }

    fn expected(&mut self, expected: &Expected) {
        let lists = [&expected.ran, &expected.not_run, &expected.rolled_back, &expected.order];
        for name in lists.into_iter().flatten().flat_map(|list| &list.names) {
            self.step(name);
        }
        let misfit = |span, message: String| Diagnostic::error(Code::TEST_EXPECTATION_MISFIT, span, message);
        for name in names(&expected.ran).chain(names(&expected.rolled_back)) {
            if let Some(other) = names(&expected.not_run).find(|other| other.value == name.value) {
                let message = format!("`{}` cannot both act and not run", name.value);
                self.found.push(misfit(other.span, message).also(name.span, "it is expected to act here"));
            }
        }
        for name in names(&expected.rolled_back) {
            if let Named::Step(step) = self.names.find(&name.value)
                && !step.rolls_back
            {
                let message = format!("`{}` has no `rollback`, so it is never rolled back", name.value);
                self.found.push(misfit(name.span, message));
            }
        }
        for (name, wanted) in &expected.steps {
            let Some(step) = self.step(name) else { continue };
            for (output, _) in &wanted.outputs {
                self.output(step, output);
            }
        }
        for (name, _) in &expected.outputs {
            let outputs = &self.runbook.outputs;
            if !outputs.iter().any(|(output, _)| output.value == name.value) {
                let problem = misfit(name.span, format!("the runbook has no output `{}`", name.value));
                let candidates = || outputs.iter().map(|(output, _)| output.value.as_str());
                let problem = self.suggest.add(problem, &name.value, candidates);
                self.found.push(problem);
            }
        }
        for (name, _) in &expected.gates {
            if let Some(step) = self.step(name)
                && !step.gate
            {
                self.found.push(misfit(name.span, format!("`{}` has no gate", name.value)));
            }
        }
        for (name, _) in &expected.commands {
            match self.names.find(&name.value) {
                Named::Check(Question::Expression) => {
                    let message = format!("`{}` is an expression, not a command", name.value);
                    self.found.push(misfit(name.span, message));
                }
                Named::Check(_) => {}
                Named::Step(step) if !step.reaches_out => {
                    let message = format!("`{}` has no command", name.value);
                    self.found.push(misfit(name.span, message));
                }
                _ => drop(self.step(name)),
            }
        }
    }

    fn output(&mut self, step: &Known, output: &Spanned<String>) {
        // What a call returns is only known when the plan is made.
        if step.action == "call" || step.outputs.contains(&output.value) {
            return;
        }
        let message = format!("`{}` has no output `{}`", step.name, output.value);
        let problem = Diagnostic::error(Code::TEST_EXPECTATION_MISFIT, output.span, message);
        let problem = self.suggest.add(problem, &output.value, || step.outputs.iter().map(String::as_str));
        self.found.push(problem);
    }
}

fn names(list: &Option<ExpectedSteps>) -> impl Iterator<Item = &Spanned<String>> {
    list.iter().flat_map(|list| &list.names)
}
