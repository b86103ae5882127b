//! The static half: what is known before anything is carried out.

use serde_json::json;

use super::super::{Kept, ensure};
use super::bench::{Bench, distorted, unharmed};
use crate::diag::{Code, Severity};
use crate::model::Effect;

pub(super) async fn its_key_is_an_identifier(bench: &Bench) -> Kept {
    let (one, two) = (bench.kind(), bench.kind());
    let key = one.key();
    let fits = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    ensure(fits, || format!("`{key}` is no key of a step: small letters, digits and `_`, a letter first"))?;
    ensure(key == two.key(), || "its key is another each time".to_owned())
}

pub(super) async fn good_parameters_are_accepted(bench: &Bench) -> Kept {
    for sample in bench.samples.good.iter().chain(&bench.samples.slow).chain(&bench.samples.secret) {
        let text = bench.text(sample)?;
        let errors: Vec<String> = bench
            .reported(&text)?
            .into_iter()
            .filter(|problem| problem.severity == Severity::Error)
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect();
        ensure(errors.is_empty(), || format!("{text}: {}", errors.join("; ")))?;
    }
    Ok(())
}

pub(super) async fn unknown_parameters_are_reported(bench: &Bench) -> Kept {
    for sample in &bench.samples.good {
        let mut params = bench.params(sample)?;
        let Some(fields) = params.as_object_mut() else { continue };
        fields.insert("no_such_parameter".to_owned(), json!(1));
        let found = bench.reported(&params.to_string())?;
        let said = found.iter().any(|problem| {
            problem.code == Code::UNKNOWN_KEY && problem.message.contains("no_such_parameter")
        });
        ensure(said, || format!("`no_such_parameter` in {params} is not reported as an unknown key"))?;
    }
    Ok(())
}

pub(super) async fn refused_parameters_are_reported(bench: &Bench) -> Kept {
    for sample in &bench.samples.refused {
        let text = bench.text(sample)?;
        let said = bench.reported(&text)?.iter().any(|problem| problem.severity == Severity::Error);
        ensure(said, || format!("{text} is accepted"))?;
    }
    Ok(())
}

pub(super) async fn nothing_that_is_written_makes_it_panic(bench: &Bench) -> Kept {
    let kind = bench.kind();
    for sample in bench.samples.good.iter().chain(&bench.samples.refused).chain(&bench.samples.slow) {
        for params in distorted(&bench.params(sample)?) {
            let shown = params.to_string();
            // NUL cannot stand in a file of YAML.
            if !shown.contains("\\u0000") {
                bench.reported(&shown)?;
            }
            unharmed(&format!("the static half of {shown}"), || {
                let _ = (kind.effect(&params), kind.is_idempotent(&params), kind.is_channel(&params));
                let _ = (kind.keeps_before(&params), kind.show(&params));
            })?;
        }
    }
    Ok(())
}

pub(super) async fn people_see_one_line(bench: &Bench) -> Kept {
    let kind = bench.kind();
    for sample in &bench.samples.good {
        let params = bench.params(sample)?;
        let shown = unharmed("`show`", || kind.show(&params))?;
        ensure(!shown.trim().is_empty() && !shown.trim_end().contains('\n'), || {
            format!("what people see of {params} is not one line: {shown:?}")
        })?;
        let same = kind.effect(&params) == kind.effect(&params);
        ensure(same, || format!("the effect of {params} is another each time"))?;
        let read = kind.effect(&params) == Effect::Read;
        let idempotent = kind.is_idempotent(&params);
        ensure(!read || idempotent, || format!("{params} only looks, and may not be done again"))?;
    }
    Ok(())
}
