//! Kills at random moments.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::support::{Place, ROLLED_BACK, is_in_doubt, is_rolled_back};

/// Numbers that differ from run to run; the moments of kills are not repeatable anyway.
struct Chance(RandomState, u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.1 += 1;
        self.0.hash_one(self.1) % limit
    }
}

/// Kills the engines of one run after another, until there were `wanted` kills. Says how many runs it took.
async fn kill(wanted: u32) -> (u32, u32) {
    let mut chance = Chance(RandomState::new(), 0);
    let (mut kills, mut runs) = (0, 0);
    while kills < wanted {
        let place = Place::new(ROLLED_BACK);
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
    }
    (kills, runs)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_kills_at_random_moments_lose_nothing_and_repeat_nothing() {
    let start = Instant::now();
    let (one, other) = (tokio::spawn(kill(500)), tokio::spawn(kill(500)));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    let (kills, runs) = (one.0 + other.0, one.1 + other.1);
    println!("{kills} kills in {runs} runs, {:.0?}", start.elapsed());
    assert!(kills >= 1_000);
}
