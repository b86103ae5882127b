//! The automaton that finds all spellings at once, byte by byte.

use std::collections::BTreeMap;

use aho_corasick::automaton::Automaton as _;
use aho_corasick::automaton::StateID;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

/// What a run of masked bytes becomes when its name cannot be shown.
const ANONYMOUS: &str = "***";

/// The spellings, compiled. Without any it matches nothing.
#[derive(Default)]
pub(super) struct Matcher {
    automaton: Option<Automaton>,
}

struct Automaton {
    nfa: NFA,
    start: StateID,
    /// For each state how many of the last bytes may be the beginning of a spelling.
    depths: Vec<u32>,
    /// Bytes that no spelling begins with.
    idle: Box<[bool; 256]>,
    /// For each spelling its length and the place of its marker.
    spellings: Vec<(usize, usize)>,
    markers: Vec<String>,
}

/// The spelling that ends where the matcher stands.
pub(super) struct Found {
    pub(super) length: usize,
    /// The place of its marker.
    pub(super) marker: usize,
}

/// Where in a text the matcher stands.
#[derive(Clone, Copy)]
pub(super) struct State(Option<StateID>);

impl Matcher {
    pub(super) fn new(names: &[String], spellings: &BTreeMap<Vec<u8>, usize>) -> Result<Matcher, String> {
        let patterns: Vec<&[u8]> = spellings.keys().map(|spelling| spelling.as_slice()).collect();
        let nfa = NFA::builder()
            .match_kind(MatchKind::Standard)
            .build(&patterns)
            .map_err(|error| error.to_string())?;
        let start = nfa.start_state(Anchored::No).map_err(|error| error.to_string())?;
        // In a trie with links for failure, the state after the first n bytes of a pattern is that beginning's own.
        let mut depths: Vec<u32> = Vec::new();
        for pattern in &patterns {
            let mut state = start;
            for (depth, byte) in (1..).zip(pattern.iter()) {
                state = nfa.next_state(Anchored::No, state, *byte);
                let place = state.as_usize();
                if depths.len() <= place {
                    depths.resize(place + 1, 0);
                }
                if let Some(known) = depths.get_mut(place) {
                    *known = depth;
                }
            }
        }
        let mut idle = Box::new([false; 256]);
        for (byte, idle) in (0..=u8::MAX).zip(idle.iter_mut()) {
            *idle = nfa.next_state(Anchored::No, start, byte) == start;
        }
        // A name may contain a secret, its own or another's.
        let markers = names.iter().map(|name| {
            let marker = format!("[secret {name}]");
            let tells = patterns.iter().any(|pattern| contains(marker.as_bytes(), pattern));
            if tells { ANONYMOUS.to_owned() } else { marker }
        });
        let markers = markers.collect();
        let spellings = spellings.iter().map(|(spelling, name)| (spelling.len(), *name)).collect();
        Ok(Matcher { automaton: Some(Automaton { nfa, start, depths, idle, spellings, markers }) })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.automaton.is_none()
    }

    pub(super) fn start(&self) -> State {
        State(self.automaton.as_ref().map(|automaton| automaton.start))
    }

    /// Where a text that began at `state` stands after `byte`.
    pub(super) fn step(&self, state: State, byte: u8) -> State {
        match (&self.automaton, state.0) {
            (Some(automaton), Some(at)) => State(Some(automaton.nfa.next_state(Anchored::No, at, byte))),
            _ => state,
        }
    }

    /// How many bytes at the beginning of `bytes` leave the matcher at its start.
    pub(super) fn idle(&self, state: State, bytes: &[u8]) -> usize {
        match (&self.automaton, state.0) {
            (Some(automaton), Some(at)) if at == automaton.start => {
                let begins = |byte: &u8| !automaton.idle.get(usize::from(*byte)).copied().unwrap_or(false);
                bytes.iter().position(begins).unwrap_or(bytes.len())
            }
            (Some(_), _) => 0,
            (None, _) => bytes.len(),
        }
    }

    /// How many of the last bytes may be the beginning of a spelling.
    pub(super) fn depth(&self, state: State) -> usize {
        let depth = match (&self.automaton, state.0) {
            (Some(automaton), Some(at)) => automaton.depths.get(at.as_usize()).copied().unwrap_or(0),
            _ => 0,
        };
        usize::try_from(depth).unwrap_or(usize::MAX)
    }

    /// The longest spelling that ends at `state`.
    pub(super) fn found(&self, state: State) -> Option<Found> {
        let (automaton, at) = (self.automaton.as_ref()?, state.0?);
        if !automaton.nfa.is_match(at) {
            return None;
        }
        let ends = (0..automaton.nfa.match_len(at)).map(|index| automaton.nfa.match_pattern(at, index));
        let longest = ends
            .filter_map(|pattern| automaton.spellings.get(pattern.as_usize()))
            .max_by_key(|(length, _)| *length);
        longest.map(|(length, marker)| Found { length: *length, marker: *marker })
    }

    /// What stands in the place of a secret.
    pub(super) fn marker(&self, marker: usize) -> &str {
        let markers =
            self.automaton.as_ref().map(|automaton| automaton.markers.as_slice()).unwrap_or_default();
        markers.get(marker).map_or(ANONYMOUS, String::as_str)
    }

    /// Whether any spelling occurs in `bytes`.
    pub(super) fn occurs_in(&self, bytes: &[u8]) -> bool {
        let mut state = self.start();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..) {
            at += self.idle(state, rest);
            let Some(byte) = bytes.get(at) else { break };
            state = self.step(state, *byte);
            if self.automaton.as_ref().zip(state.0).is_some_and(|(automaton, at)| automaton.nfa.is_match(at))
            {
                return true;
            }
            at += 1;
        }
        false
    }
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && whole.windows(part.len()).any(|window| window == part)
}
