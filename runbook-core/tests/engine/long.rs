//! Long runs.

use std::fmt::Write;

use crate::support::Bench;

/// Each value comes from the step before, so every step has to see it.
fn chain(length: usize) -> String {
    let mut book = "steps:\n  - {id: s0, set: {n: 0}}\n".to_owned();
    for n in 1..length {
        let before = n - 1;
        writeln!(book, "  - {{id: s{n}, set: {{n: '${{{{ steps.s{before}.outputs.n + 1 }}}}'}}}}").unwrap();
    }
    book
}

#[tokio::test]
async fn a_chain_of_ten_thousand_steps_comes_to_its_end() {
    let bench = Bench::new();
    let plan = bench.plan(&chain(10_000));
    let start = std::time::Instant::now();
    let end = crate::support::ended(bench.engine().start(plan, None).await.unwrap()).await;
    println!("carried out in {:.2?}", start.elapsed());
    assert_eq!(end.outcome(), "succeeded");
    assert_eq!(end.output("s9999", "n"), serde_json::json!(9999));
    let start = std::time::Instant::now();
    let (_, machine) = bench.engine().inspect(end.id()).await.unwrap();
    println!("replayed in {:.2?}", start.elapsed());
    assert_eq!(machine.state(), end.0.machine.state());
}
