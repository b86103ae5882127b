//! Order among many steps: the answers, and how much work they take.

use super::*;
use crate::diag::Diagnostics;
use crate::kind::Kinds;
use crate::model::Runbook;
use crate::read;

fn book(steps: &str) -> Runbook {
    let text = format!("apiVersion: runbook/v1\nkind: Runbook\nname: test\nsteps:\n{steps}");
    let loaded = read::parse("test.yaml", &text, &Kinds::default());
    loaded.runbook.unwrap_or_else(|| panic!("not read: {:?}", loaded.diagnostics.first()))
}

/// Whether each first step ends before its second starts, and the work it took.
fn before(runbook: &Runbook, pairs: &[(&str, &str)]) -> (Vec<bool>, usize) {
    let mut found = Diagnostics::default();
    let graph = Graph::new(runbook, &mut found);
    assert!(found.is_empty());
    let id = |name: &str| graph.find(name).unwrap();
    let pairs: Vec<_> = pairs.iter().map(|(a, b)| (Moment::End(id(a)), Moment::Start(id(b)))).collect();
    graph.order().unwrap().before(&pairs)
}

#[test]
fn a_long_chain_is_answered_without_a_search() {
    let names: Vec<String> = (0..100_000).map(|i| format!("s{i}")).collect();
    let steps: String = names.iter().map(|name| format!("  - {{id: {name}, run: 'true'}}\n")).collect();
    let runbook = book(&steps);
    let to_first: Vec<_> = names[1..].iter().map(|name| (names[0].as_str(), name.as_str())).collect();
    let (answers, work) = before(&runbook, &to_first);
    assert!(answers.iter().all(|answer| *answer));
    assert_eq!(work, 0);
}

#[test]
fn many_beside_each_other_are_answered_in_one_pass() {
    let mut steps = String::from("  - {id: first, run: 'true'}\n  - parallel:\n");
    let names: Vec<String> = (0..20_000).map(|i| format!("s{i}")).collect();
    for name in &names {
        steps += &format!("    - {{id: {name}, run: 'true'}}\n");
    }
    let runbook = book(&steps);
    let pairs: Vec<_> = names.iter().map(|name| ("first", name.as_str())).collect();
    let (answers, work) = before(&runbook, &pairs);
    assert!(answers.iter().all(|answer| *answer));
    assert!(work <= 5 * names.len(), "{work}");
    // None of them comes before another one, and that takes few passes as well.
    let pairs: Vec<_> = names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let (answers, _) = before(&runbook, &pairs[..200]);
    assert!(answers.iter().all(|answer| !answer));
}

#[test]
fn every_step_of_a_group_ends_before_the_next_group() {
    let group = |prefix: &str| {
        let steps = (0..5_000).map(|i| format!("    - {{id: {prefix}{i}, run: 'true'}}\n"));
        format!("  - parallel:\n{}", steps.collect::<String>())
    };
    let runbook = book(&(group("a") + &group("b")));
    let names: Vec<(String, String)> = (0..5_000).map(|i| (format!("a{i}"), format!("b{i}"))).collect();
    let pairs: Vec<_> = names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let (answers, work) = before(&runbook, &pairs);
    assert!(answers.iter().all(|answer| *answer));
    assert_eq!(work, 0);
}

/// Twenty layers of fifty, every step waits for all of the layer before it.
fn layers() -> String {
    let mut steps = String::new();
    for layer in 0..20 {
        let needs: Vec<String> = match layer {
            0 => Vec::new(),
            _ => (0..50).map(|i| format!("s{}_{i}", layer - 1)).collect(),
        };
        for i in 0..50 {
            steps += &format!("  - {{id: s{layer}_{i}, needs: [{}], run: 'true'}}\n", needs.join(", "));
        }
    }
    steps
}

#[test]
fn a_dense_graph_takes_few_passes() {
    let runbook = book(&layers());
    let names: Vec<String> = (0..20).flat_map(|l| (0..50).map(move |i| format!("s{l}_{i}"))).collect();
    // Every step asks for all of the first layer, and for its neighbour, which is not before it.
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (index, name) in names.iter().enumerate() {
        pairs.extend((0..50).map(|i| (names[i].as_str(), name.as_str())));
        pairs.push((names[index / 50 * 50 + (index + 1) % 50].as_str(), name));
    }
    let (answers, work) = before(&runbook, &pairs);
    for ((first, second), answer) in pairs.iter().zip(&answers) {
        let layer = |name: &str| name[1..].split('_').next().unwrap().parse::<u32>().unwrap();
        assert_eq!(*answer, layer(first) < layer(second), "{first} before {second}");
    }
    let edges = 19 * 2_500 + 2 * 1_000;
    assert!(work <= edges * (1_000 / 64 + 2), "{work}");
}

#[test]
fn answers_agree_with_a_plain_search() {
    // A small graph with groups, needs across groups and everything in between; all pairs.
    let runbook = book(
        "  - {id: a, run: 'true'}
  - id: g
    parallel:
      - {id: b, run: 'true'}
      - id: h
        steps:
          - {id: c, run: 'true'}
          - {id: d, needs: [b], run: 'true'}
          - {id: e, run: 'true'}
  - {id: f, needs: [c], run: 'true'}
  - id: k
    needs: [f, a]
    steps:
      - {id: m, needs: [d], run: 'true'}
      - {id: p, run: 'true'}
  - {id: o, needs: [], run: 'true'}
",
    );
    let names = ["a", "g", "b", "h", "c", "d", "e", "f", "k", "m", "p", "o"];
    let mut found = Diagnostics::default();
    let graph = Graph::new(&runbook, &mut found);
    let order = graph.order().unwrap();
    let edges = moments(&graph);
    for first in names {
        for second in names {
            let pair = (Moment::End(graph.find(first).unwrap()), Moment::Start(graph.find(second).unwrap()));
            let count = graph.steps().len();
            let reachable =
                petgraph::algo::has_path_connecting(&edges, index(pair.0, count), index(pair.1, count), None);
            assert_eq!(order.before(&[pair]).0, [reachable], "{first} before {second}");
        }
    }
}
