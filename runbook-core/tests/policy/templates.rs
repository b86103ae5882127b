//! Scripts as runbooks have them: with values that are known later.

use runbook_core::command::{Effect, Script, Words};
use runbook_core::diag::Diagnostics;
use runbook_core::expr::{Origin, Template};
use runbook_core::policy::{ActionView, PolicySet, Stage};
use runbook_core::shell::Dialect;
use runbook_core::source::Span;

use crate::policy;

fn template(text: &str) -> Template {
    let mut found = Diagnostics::default();
    let origin = Origin { span: Span::default(), place: &|_| Span::default() };
    Template::parse(text, &origin, &mut found).unwrap()
}

fn policies() -> PolicySet {
    PolicySet::new([policy(
        "forbid:\n  - {id: a, command: git (reset|checkout), reason: r}\n  - {id: b, writes: /etc/, reason: r}\n",
    )])
}

#[test]
fn a_template_is_judged_before_and_after_its_values_are_known() {
    let policies = policies();
    let template = template("cd /opt && git ${{ inputs.verb }} --hard > '/${{ inputs.dir }}/x'");
    let early = policies.judge(&ActionView::script(&Script::from_template(&template, Dialect::Sh)), None);
    assert!(!early.refuses(Stage::Early) && early.refuses(Stage::Final), "{early:?}");
    let judge = |verb: &str, dir: &str| {
        let value = |source: &str| if source == "inputs.verb" { verb.to_owned() } else { dir.to_owned() };
        let script = Script::rendered(&template, Dialect::Sh, |expr| Some(value(expr.source())));
        let verdict = policies.judge(&ActionView::script(&script), None);
        verdict.forbidden.iter().map(|v| v.rule.clone()).collect::<Vec<_>>()
    };
    assert_eq!(judge("reset", "tmp"), ["a"]);
    assert_eq!(judge("pull", "etc"), ["b"]);
    assert_eq!(judge("pull", "tmp/../etc"), ["b"]);
    assert_eq!(judge("pull", "tmp"), Vec::<String>::new());
    // Data does not become program.
    assert_eq!(judge("pull; git reset", "tmp' ; git reset '"), Vec::<String>::new());
}

#[test]
fn raw_values_are_program_text() {
    let policies = policies();
    let template = template("git pull ${{ inputs.more | raw }}");
    let unknown = policies.judge(&ActionView::script(&Script::from_template(&template, Dialect::Sh)), None);
    assert!(
        !unknown.refuses(Stage::Early) && unknown.refuses(Stage::Final) && unknown.effect == Effect::Unknown
    );
    let script = Script::rendered(&template, Dialect::Sh, |_| Some("; git reset".to_owned()));
    assert!(policies.judge(&ActionView::script(&script), None).refuses(Stage::Early));
}

#[test]
fn a_list_of_templates_is_a_program_with_arguments() {
    let policies = policies();
    let templates = [template("git"), template("${{ inputs.verb }}"), template("--hard")];
    let verdict = policies.judge(&ActionView::words(&Words::from_templates(&templates)), None);
    assert!(!verdict.refuses(Stage::Early) && verdict.refuses(Stage::Final));
}
