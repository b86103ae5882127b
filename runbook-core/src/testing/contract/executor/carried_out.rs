//! What is carried out, and what is said of it.

use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use super::super::{Kept, ensure};
use super::bench::{Bench, PATIENCE, Unreachable, distorted};
use crate::model::Effect;
use crate::run::{Ending, StepResult};
use crate::value::{Duration, Value};

/// What is not good says why.
fn in_words(result: &StepResult, params: &Value) -> Kept {
    let said = result.reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    ensure(result.ok || said, || format!("it does not say why it failed with {params}: {result:?}"))?;
    ensure(!result.ok || result.ending == Ending::Completed, || {
        format!("it is a success that did not complete: {result:?}")
    })
}

pub(super) async fn good_parameters_succeed(bench: &Bench) -> Kept {
    for sample in &bench.samples.good {
        let params = bench.params(sample)?;
        let result = bench.act_with(params.clone()).await?;
        ensure(result.ok && result.ending == Ending::Completed, || {
            let reason = result.reason.as_deref().unwrap_or("it does not say why");
            format!("{params} ends with {:?}: {reason}", result.ending)
        })?;
        ensure(result.outputs.is_empty(), || {
            "`outputs` are the author's; it has set them itself".to_owned()
        })?;
        ensure(result.by.is_none(), || "it names a person".to_owned())?;
    }
    Ok(())
}

pub(super) async fn results_survive_the_log(bench: &Bench) -> Kept {
    for sample in &bench.samples.good {
        let result = bench.act_with(bench.params(sample)?).await?;
        let text = serde_json::to_string(&result).map_err(|error| error.to_string())?;
        let back: StepResult = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        ensure(back == result, || format!("the log makes another result of it: {text}"))?;
        for name in result.fields.keys() {
            let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            ensure(fits, || format!("no expression can name the field `{name}`"))?;
        }
        ensure(result.to_value().is_object(), || "expressions see no map".to_owned())?;
    }
    Ok(())
}

pub(super) async fn refused_parameters_do_not_begin(bench: &Bench) -> Kept {
    for sample in &bench.samples.refused {
        let params = bench.params(sample)?;
        let result = bench.act_with(params.clone()).await?;
        in_words(&result, &params)?;
        ensure(result.ending == Ending::NotStarted, || {
            format!("the static half refuses {params}; carried out, it ends with {:?}", result.ending)
        })?;
    }
    Ok(())
}

pub(super) async fn strange_parameters_end_in_words(bench: &Bench) -> Kept {
    for sample in bench.samples.good.iter().chain(&bench.samples.refused) {
        for params in distorted(&bench.params(sample)?) {
            let mut context = bench.context(params.clone())?;
            context.timeout = Some(Duration::from_secs(5));
            in_words(&bench.act(&context).await?, &params)?;
        }
    }
    Ok(())
}

pub(super) async fn what_was_stopped_before_does_not_act(bench: &Bench) -> Kept {
    for sample in bench.samples.good.iter().chain(&bench.samples.slow) {
        let params = bench.params(sample)?;
        let mut context = bench.context(params.clone())?;
        context.stop = Bench::stopped();
        let result = bench.act(&context).await?;
        in_words(&result, &params)?;
        let looks = bench.kind().effect(&params) == Effect::Read;
        let rests = matches!(result.ending, Ending::NotStarted | Ending::Cancelled);
        ensure(rests || looks && result.ok, || {
            format!("it was stopped before it began, and ends with {:?}", result.ending)
        })?;
    }
    Ok(())
}

pub(super) async fn the_time_limit_is_kept(bench: &Bench) -> Kept {
    for sample in &bench.samples.slow {
        let params = bench.params(sample)?;
        let mut context = bench.context(params.clone())?;
        context.timeout = Some(Duration::from_millis(300));
        let (begin, result) = (Instant::now(), bench.act(&context).await?);
        ensure(begin.elapsed() < PATIENCE / 2, || "it takes much longer than it may".to_owned())?;
        in_words(&result, &params)?;
        let told = matches!(result.ending, Ending::TimedOut | Ending::Unknown | Ending::NotStarted);
        ensure(told, || format!("its time is over, and it ends with {:?}", result.ending))?;
    }
    Ok(())
}

pub(super) async fn a_stop_is_heard(bench: &Bench) -> Kept {
    for sample in &bench.samples.slow {
        let params = bench.params(sample)?;
        let context = bench.context(params.clone())?;
        let stopping = async {
            // It should have begun by then; when it has not, that is well too.
            tokio::time::sleep(StdDuration::from_millis(200)).await;
            context.stop.cancel();
        };
        let begin = Instant::now();
        let (result, ()) = tokio::join!(bench.act(&context), stopping);
        let result = result?;
        ensure(begin.elapsed() < PATIENCE / 2, || "it goes on long after it was stopped".to_owned())?;
        in_words(&result, &params)?;
        let told = matches!(result.ending, Ending::Cancelled | Ending::Unknown | Ending::NotStarted);
        ensure(told, || format!("it was stopped, and ends with {:?}", result.ending))?;
    }
    Ok(())
}

pub(super) async fn an_unreachable_target_is_no_beginning(bench: &Bench) -> Kept {
    for sample in &bench.samples.good {
        let params = bench.params(sample)?;
        let mut context = bench.context(params.clone())?;
        context.connections = Arc::new(Unreachable);
        let result = bench.act(&context).await?;
        in_words(&result, &params)?;
        // One that needs no connection succeeds.
        ensure(result.ok || result.ending == Ending::NotStarted, || {
            format!("its target cannot be reached, and it ends with {:?}", result.ending)
        })?;
    }
    Ok(())
}

pub(super) async fn what_never_was_is_no_success(bench: &Bench) -> Kept {
    for sample in &bench.samples.good {
        let params = bench.params(sample)?;
        let (executor, context) = (Arc::clone(&bench.executor), bench.context(params.clone())?);
        let asking = tokio::spawn(async move { executor.recover(&context, jiff::Timestamp::now()).await });
        let result = match tokio::time::timeout(PATIENCE, asking).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => return Err(format!("`recover` panics with {params}")),
            Err(_) => return Err(format!("`recover` hangs with {params}")),
        };
        in_words(&result, &params)?;
        let looks = bench.kind().effect(&params) == Effect::Read;
        let honest = matches!(result.ending, Ending::NotStarted | Ending::Unknown);
        ensure(honest || looks, || {
            format!("of an attempt that never was it is said: {:?}, ok {}", result.ending, result.ok)
        })?;
    }
    Ok(())
}

pub(super) async fn looking_ahead_changes_nothing(bench: &Bench) -> Kept {
    for sample in &bench.samples.good {
        let context = bench.context(bench.params(sample)?)?;
        let one = bench.executor.preview(&context).await;
        let two = bench.executor.preview(&context).await;
        ensure(one == two, || format!("a second look shows another change: {one:?}, then {two:?}"))?;
    }
    Ok(())
}
