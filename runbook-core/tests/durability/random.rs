//! Kills at random moments.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use runbook_core::drive::{RunEnd, doubt_token};
use runbook_core::port::Reply;
use runbook_core::run::{Event, Resolution, Status};
use rustix::process::{Signal, kill_process};

use crate::support::{Holder, Place, ROLLED_BACK, is_in_doubt, is_rolled_back, whoever_holds_it};

whoever_holds_it!(a_thousand_kills_at_random_moments_lose_nothing_and_repeat_nothing);

/// Numbers that differ from run to run; the moments of kills are not repeatable anyway.
struct Chance(RandomState, u64);

impl Chance {
    fn new() -> Self {
        Chance(RandomState::new(), 0)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.1 += 1;
        self.0.hash_one(self.1) % limit
    }
}

/// Kills the engines of one run after another, until there were `wanted` kills. Says how many runs it took.
async fn kill(wanted: u32, holder: Holder) -> (u32, u32) {
    let mut chance = Chance::new();
    let (mut kills, mut runs) = (0, 0);
    while kills < wanted {
        let place = Place::new(ROLLED_BACK, holder);
        loop {
            let mut engine = place.engine(None);
            engine.is_ready();
            tokio::time::sleep(Duration::from_micros(chance.below(60_000))).await;
            if !engine.kill() {
                break;
            }
            kills += 1;
            if place.is_over().await {
                break;
            }
        }
        runs += 1;
        is_rolled_back(&place.effects()).unwrap();
        assert!(!is_in_doubt(&place.log().await));
        place.store().verify(&place.run().await.unwrap()).await.unwrap();
        place.keepers_go().await;
    }
    (kills, runs)
}

async fn a_thousand_kills_at_random_moments_lose_nothing_and_repeat_nothing(holder: Holder) {
    let start = Instant::now();
    let (one, other) = (tokio::spawn(kill(500, holder)), tokio::spawn(kill(500, holder)));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let (kills, runs) = (one.0 + other.0, one.1 + other.1);
    println!("{kills} kills in {runs} runs, {:.0?}", start.elapsed());
    assert!(kills >= 1_000);
}

/// Says of everything in doubt what really happened, once it is certain.
async fn tell_the_truth(place: &Place, end: &RunEnd) {
    place.commands_end().await;
    let (plan, state) = (end.machine.plan(), end.machine.state());
    assert!(!state.suspended.is_empty(), "it waits for nobody");
    for node in &state.suspended {
        assert_eq!(state.status(*node), Status::InDoubt);
        let key = &plan.node(*node).key;
        let started = place.log().await.into_iter().rev().find_map(|entry| match entry.event {
            Event::Started { node: other, attempt, .. } if other == *node => Some(attempt),
            _ => None,
        });
        // Steps are called as what they do.
        let resolution = match place.effects().contains(key) {
            true if key == "fails" => Resolution::Failed,
            true => Resolution::Done,
            false => Resolution::Retry,
        };
        place.leave_answer(doubt_token(key, started.unwrap()), Reply::Doubt { resolution }).await;
    }
}

/// Kills keepers too, with their engine or without. Says how many kills of keepers and how many doubts.
async fn kill_keepers(wanted: u32) -> (u32, u32) {
    let mut chance = Chance::new();
    let (mut kills, mut doubts) = (0, 0);
    while kills < wanted {
        let place = Place::new(ROLLED_BACK, Holder::Keeper);
        for _ in 0..3 {
            let mut engine = place.engine(None);
            engine.is_ready();
            tokio::time::sleep(Duration::from_micros(chance.below(120_000))).await;
            for keeper in place.keepers() {
                kills += u32::from(kill_process(keeper, Signal::KILL).is_ok());
            }
            if chance.below(2) == 0 {
                tokio::time::sleep(Duration::from_micros(chance.below(20_000))).await;
            }
            if !engine.kill() || place.is_over().await {
                break;
            }
        }
        while !place.is_over().await {
            let end = place.carry_out().await;
            if end.outcome.is_none() {
                doubts += 1;
                tell_the_truth(&place, &end).await;
            }
        }
        is_rolled_back(&place.effects()).unwrap();
        place.store().verify(&place.run().await.unwrap()).await.unwrap();
        place.keepers_go().await;
    }
    (kills, doubts)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_keepers_leave_doubts_at_worst_and_the_truth_ends_them() {
    let (one, other) = (tokio::spawn(kill_keepers(150)), tokio::spawn(kill_keepers(150)));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let (kills, doubts) = (one.0 + other.0, one.1 + other.1);
    println!("{kills} keepers killed, {doubts} times in doubt");
    assert!(doubts > 0 && doubts < kills, "{doubts} doubts of {kills} kills");
}
