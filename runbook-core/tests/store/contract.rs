//! What every store promises.

use std::collections::BTreeSet;

use runbook_core::ids::NodeId;
use runbook_core::port::{Durability, EngineClaim, LockState, Store, StoreError};
use runbook_core::run::{Ending, Entry, Event, Outcome, StepResult};
use runbook_core::store::{MemoryStore, SqliteStore, resolve, this_process};
use serde_json::json;

use crate::support::{answer, at, dead_claim, entries, entry, id, record};

const BOTH: [Durability; 2] = [Durability::Process, Durability::Machine];

/// One test of the contract, for each store.
macro_rules! contract {
    ($($(#[$doc:meta])* async fn $name:ident($store:ident: &dyn Store) $body:block)*) => {
        $($(#[$doc])* async fn $name($store: &dyn Store) $body)*

        mod memory {
            $(#[tokio::test] async fn $name() {
                super::$name(&super::MemoryStore::new().unwrap()).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test] async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(&super::SqliteStore::open(dir.path().join("state")).unwrap()).await;
            })*
        }
    };
}

contract! {
    async fn a_run_comes_back_as_it_was(store: &dyn Store) {
        for run in ["a", "b"] {
            let mut given = record(run);
            given.file = Some(format!("{run}.yaml"));
            store.create(&given, &this_process()).await.unwrap();
            assert_eq!(store.record(&id(run)).await.unwrap(), given);
            assert_eq!(store.entries(&id(run)).await.unwrap(), []);
            assert_eq!(store.answers(&id(run)).await.unwrap(), []);
        }
    }

    async fn an_id_is_given_once(store: &dyn Store) {
        let first = record("a");
        store.create(&first, &this_process()).await.unwrap();
        let mut second = record("a");
        second.runbook = "other".into();
        let error = store.create(&second, &this_process()).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(run) if run == id("a")));
        assert_eq!(store.record(&id("a")).await.unwrap(), first);
    }

    async fn an_id_cannot_leave_the_directory(store: &dyn Store) {
        for bad in ["", "..", "../x", "a/b", "/etc"] {
            let error = store.create(&record(bad), &this_process()).await.unwrap_err();
            assert!(matches!(error, StoreError::Unavailable(_)), "{bad}: {error}");
            let inside = store.directory(&id("good"));
            let runs = inside.parent().unwrap();
            let path = store.directory(&id(bad));
            assert!(path.starts_with(runs), "{}", path.display());
            assert!(!path.components().any(|part| part == std::path::Component::ParentDir));
        }
        assert_eq!(store.list().await.unwrap(), []);
    }

    async fn what_is_not_there_is_said_to_be_missing(store: &dyn Store) {
        let run = id("none");
        let claim = this_process();
        let errors = [
            store.claim(&run, &claim).await.err(),
            store.release(&run, &claim).await.err(),
            store.append(&run, &[entry(1)], "s", Durability::Process).await.err(),
            store.record(&run).await.err(),
            store.entries(&run).await.err(),
            store.lock("k", &run).await.err(),
            store.leave_answer(&run, &answer("t", "ann")).await.err(),
            store.answers(&run).await.err(),
        ];
        for error in errors {
            assert!(matches!(&error, Some(StoreError::NoSuchRun(name)) if name == "none"), "{error:?}");
        }
        assert_eq!(store.list().await.unwrap(), []);
    }

    async fn entries_come_back_in_order_and_unchanged(store: &dyn Store) {
        store.create(&record("a"), &this_process()).await.unwrap();
        let mut result = StepResult::success();
        result.stdout = runbook_core::run::Captured::of_text("строка\n\0\u{1b}[1m\"\\");
        result.exit_code = Some(-1);
        for (name, value) in [
            ("zebra", json!(1)),
            ("float", json!(0.1)),
            ("big", json!(u64::MAX)),
            ("small", json!(i64::MIN)),
            ("nested", json!({"b": [null, true, {"a": ""}], "a": 1})),
        ] {
            result.fields.insert(name.into(), value);
        }
        let ended = Event::Ended { node: NodeId(0), attempt: 3, result: Box::new(result.clone()) };
        let log = [
            entry(1),
            Entry { seq: 2, at: at(2), event: ended },
            Entry { seq: 3, at: at(3), event: Event::Finished { outcome: Outcome::Stuck, outputs: result.fields } },
        ];
        store.append(&id("a"), &log[..1], "one", Durability::Machine).await.unwrap();
        store.append(&id("a"), &log[1..], "two", Durability::Process).await.unwrap();
        let kept = store.entries(&id("a")).await.unwrap();
        assert_eq!(kept, log);
        let Event::Ended { result, .. } = &kept[1].event else { panic!("{kept:?}") };
        let names: Vec<_> = result.fields.keys().map(String::as_str).collect();
        assert_eq!(names, ["zebra", "float", "big", "small", "nested"], "in the order as written");
        assert_eq!(result.ending, Ending::Completed);
    }

    async fn a_gap_or_a_repetition_is_a_conflict_and_adds_nothing(store: &dyn Store) {
        store.create(&record("a"), &this_process()).await.unwrap();
        for durability in BOTH {
            let length = store.entries(&id("a")).await.unwrap().len() as u64;
            for bad in [
                vec![length],
                vec![length + 2],
                vec![0],
                vec![u64::MAX],
                vec![length + 1, length + 1],
                vec![length + 1, length + 3],
                vec![length + 2, length + 1],
            ] {
                let error = store.append(&id("a"), &entries(bad.clone()), "bad", durability).await.unwrap_err();
                assert!(matches!(error, StoreError::Conflict(run) if run == id("a")), "{bad:?}");
                assert_eq!(store.entries(&id("a")).await.unwrap().len() as u64, length, "{bad:?}");
                assert_ne!(store.list().await.unwrap()[0].status, "bad");
            }
            store.append(&id("a"), &entries([length + 1, length + 2]), "good", durability).await.unwrap();
        }
        assert_eq!(store.entries(&id("a")).await.unwrap(), entries(1..=4));
    }

    async fn logs_do_not_mix(store: &dyn Store) {
        for run in ["a", "b"] {
            store.create(&record(run), &this_process()).await.unwrap();
        }
        store.append(&id("a"), &entries(1..=3), "s", Durability::Process).await.unwrap();
        store.append(&id("b"), &entries(1..=2), "s", Durability::Process).await.unwrap();
        assert_eq!(store.entries(&id("a")).await.unwrap(), entries(1..=3));
        assert_eq!(store.entries(&id("b")).await.unwrap(), entries(1..=2));
    }

    async fn many_appends_at_once_each_get_their_own_result(store: &dyn Store) {
        let runs: Vec<_> = (0..40).map(|n| format!("run-{n}")).collect();
        for run in &runs {
            store.create(&record(run), &this_process()).await.unwrap();
        }
        // Every third one is wrong; they wait together, so a store may write them together.
        let appends = runs.iter().enumerate().map(|(n, run)| async move {
            let first = if n % 3 == 0 { 2 } else { 1 };
            store.append(&id(run), &entries(first..=4), "s", BOTH[n % 2]).await
        });
        let results = join_all(appends).await;
        for (n, (run, result)) in runs.iter().zip(results).enumerate() {
            let kept = store.entries(&id(run)).await.unwrap();
            if n % 3 == 0 {
                assert!(matches!(result, Err(StoreError::Conflict(of)) if of == id(run)));
                assert_eq!(kept, []);
            } else {
                result.unwrap();
                assert_eq!(kept, entries(1..=4));
            }
        }
    }

    async fn a_listing_tells_status_and_times_newest_first(store: &dyn Store) {
        for (run, started) in [("b", 5), ("a", 5), ("d", 0), ("c", 10)] {
            let mut given = record(run);
            given.started = at(started);
            store.create(&given, &dead_claim()).await.unwrap();
        }
        // Times are compared as times: as text, `…01.123Z` would come before `…01Z`.
        let mut whole = record("e");
        whole.started = "2026-11-20T23:45:01Z".parse().unwrap();
        store.create(&whole, &dead_claim()).await.unwrap();
        let listed = store.list().await.unwrap();
        let order: Vec<_> = listed.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(order, ["c", "b", "a", "d", "e"]);
        assert_eq!((listed[0].status.as_str(), listed[0].updated), ("created", at(10)));

        store.append(&id("c"), &entries(1..=2), "waiting", Durability::Process).await.unwrap();
        let listed = &store.list().await.unwrap()[0];
        assert_eq!((listed.runbook.as_str(), listed.title.clone()), ("restart-web", record("c").title));
        assert_eq!((listed.status.as_str(), listed.started, listed.updated), ("waiting", at(10), at(2)));

        store.append(&id("c"), &[], "suspended", Durability::Process).await.unwrap();
        let listed = &store.list().await.unwrap()[0];
        assert_eq!((listed.status.as_str(), listed.updated), ("suspended", at(2)));
    }

    async fn a_run_has_one_engine(store: &dyn Store) {
        let (mine, other) = (this_process(), this_process());
        store.create(&record("a"), &mine).await.unwrap();
        assert!(store.list().await.unwrap()[0].alive);
        store.claim(&id("a"), &mine).await.unwrap();
        match store.claim(&id("a"), &other).await.unwrap_err() {
            StoreError::Busy { run, host, pid } => {
                assert_eq!((run, host, pid), (id("a"), mine.host.clone(), std::process::id()));
            }
            error => panic!("{error}"),
        }
        store.release(&id("a"), &other).await.unwrap();
        assert!(store.claim(&id("a"), &other).await.is_err(), "only its holder gives it up");
        store.release(&id("a"), &mine).await.unwrap();
        assert!(!store.list().await.unwrap()[0].alive);
        store.claim(&id("a"), &other).await.unwrap();
        assert!(matches!(store.claim(&id("a"), &mine).await, Err(StoreError::Busy { .. })));
    }

    async fn a_dead_engine_is_replaced_and_one_far_away_is_not(store: &dyn Store) {
        store.create(&record("a"), &dead_claim()).await.unwrap();
        assert!(!store.list().await.unwrap()[0].alive);
        let mine = this_process();
        store.claim(&id("a"), &mine).await.unwrap();
        store.release(&id("a"), &dead_claim()).await.unwrap();
        assert!(store.list().await.unwrap()[0].alive, "the dead one cannot give up what it lost");

        let far = EngineClaim { host: "far.example.net".into(), ..dead_claim() };
        store.create(&record("b"), &far).await.unwrap();
        assert!(matches!(store.claim(&id("b"), &mine).await, Err(StoreError::Busy { host, .. }) if host == far.host));
    }

    async fn a_lock_is_held_by_one_run_until_it_gives_it_up(store: &dyn Store) {
        let (a, b) = (id("a"), id("b"));
        let claim = this_process();
        store.create(&record("a"), &claim).await.unwrap();
        store.create(&record("b"), &claim).await.unwrap();
        assert_eq!(store.lock("deploy", &a).await.unwrap(), LockState::Held);
        assert_eq!(store.lock("deploy", &a).await.unwrap(), LockState::Held);
        assert_eq!(store.lock("other", &a).await.unwrap(), LockState::Held);
        assert_eq!(store.lock("deploy", &b).await.unwrap(), LockState::HeldBy(a.clone()));
        store.release(&a, &claim).await.unwrap();
        assert_eq!(store.lock("deploy", &b).await.unwrap(), LockState::HeldBy(a.clone()), "no engine, but locked");
        store.unlock(&b).await.unwrap();
        assert_eq!(store.lock("deploy", &b).await.unwrap(), LockState::HeldBy(a.clone()));
        store.unlock(&a).await.unwrap();
        for key in ["deploy", "other"] {
            assert_eq!(store.lock(key, &b).await.unwrap(), LockState::Held);
        }
        store.unlock(&id("none")).await.unwrap();
    }

    async fn a_question_is_answered_once(store: &dyn Store) {
        let (a, b) = (id("a"), id("b"));
        store.create(&record("a"), &this_process()).await.unwrap();
        store.create(&record("b"), &this_process()).await.unwrap();
        assert!(store.leave_answer(&a, &answer("z", "ann")).await.unwrap());
        assert!(store.leave_answer(&a, &answer("y", "bob")).await.unwrap());
        assert!(!store.leave_answer(&a, &answer("z", "bob")).await.unwrap());
        assert!(store.leave_answer(&b, &answer("z", "bob")).await.unwrap());
        assert_eq!(store.answers(&a).await.unwrap(), [answer("z", "ann"), answer("y", "bob")]);
        assert_eq!(store.answers(&b).await.unwrap(), [answer("z", "bob")]);
    }

    async fn every_run_has_a_directory(store: &dyn Store) {
        let runs = ["a", "b"].map(|run| store.directory(&id(run)));
        assert_ne!(runs[0], runs[1]);
        for dir in &runs {
            std::fs::write(dir.join("out"), "x").unwrap();
        }
        assert_eq!(store.directory(&id("a")), runs[0]);
        assert_eq!(std::fs::read_to_string(runs[0].join("out")).unwrap(), "x");
    }

    async fn runs_are_found_by_what_people_type(store: &dyn Store) {
        assert!(matches!(resolve(store, "last").await, Err(StoreError::NoSuchRun(text)) if text == "last"));
        for (run, started) in [("20260101-000000-aaaa", 0), ("20260102-000000-bbbb", 2), ("2026", 1)] {
            let mut given = record(run);
            given.started = at(started);
            store.create(&given, &dead_claim()).await.unwrap();
        }
        for (text, run) in [
            ("last", "20260102-000000-bbbb"),
            ("latest", "20260102-000000-bbbb"),
            ("20260101", "20260101-000000-aaaa"),
            ("20260102-000000-bbbb", "20260102-000000-bbbb"),
            ("2026", "2026"),
        ] {
            assert_eq!(resolve(store, text).await.unwrap(), id(run), "{text}");
        }
        for none in ["", "x", "20260103", "20260102-000000-bbbbb"] {
            assert!(matches!(resolve(store, none).await, Err(StoreError::NoSuchRun(text)) if text == none));
        }
        let StoreError::Ambiguous(text, runs) = resolve(store, "20").await.unwrap_err() else { panic!() };
        let runs: BTreeSet<_> = runs.split(", ").collect();
        assert_eq!((text.as_str(), runs.len()), ("20", 3));
    }
}

/// Polls all of `futures` in turn until all are done.
async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(move |context| {
        for (future, result) in &mut pending {
            if result.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *result = Some(output);
            }
        }
        if pending.iter().any(|(_, result)| result.is_none()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(pending.iter_mut().filter_map(|(_, result)| result.take()).collect())
    })
    .await
}
