//! A world that answers the machine: at random as long as there are random numbers, well after that.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use runbook_core::ids::NodeId;
use runbook_core::model::{Action, Each, Over};
use runbook_core::plan::{Item, Plan, Role};
use runbook_core::run::{
    Answerer, CheckOutcome, CheckStage, Choice, Decision, Ending, Entry, Event, GateQuestion, Machine, Phase,
    Resolution, State, StepResult, Undoing, Want,
};

/// The world's own numbers; none left means that everything goes well.
#[derive(Clone, Debug)]
pub(crate) struct Dice<'a> {
    numbers: &'a [u16],
}

impl Dice<'_> {
    fn roll(&mut self) -> Option<usize> {
        let (first, rest) = self.numbers.split_first()?;
        self.numbers = rest;
        Some(usize::from(*first))
    }

    /// One of `n`; 0, which everywhere means that it goes well, when there are no numbers left.
    fn one_of(&mut self, n: usize) -> usize {
        self.roll().map_or(0, |number| number % n)
    }
}

/// A run with everything that was seen of it.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The plan before the run.
    pub(crate) book: Arc<Plan>,
    /// The plan as it has grown.
    pub(crate) plan: Arc<Plan>,
    pub(crate) log: Vec<Entry>,
    /// The state after each entry.
    pub(crate) states: Vec<State>,
    /// What was wanted before each entry, and when. Empty wants stand before entries nobody asked for.
    pub(crate) wants: Vec<(Timestamp, Vec<Want>)>,
    pub(crate) machine: Machine,
    pub(crate) now: Timestamp,
}

/// What kind of world it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// Whether people answer.
    pub(crate) people: bool,
    /// Whether engines are lost and people interrupt, give up and come back later.
    pub(crate) chaos: bool,
}

pub(crate) fn me() -> Answerer {
    Answerer::new("somebody", "a test")
}

pub(crate) fn attached() -> Event {
    Event::Attached { by: "somebody".into(), engine: "test".into() }
}

/// A whole run of `plan`.
pub(crate) fn run(plan: Arc<Plan>, numbers: &[u16], world: World) -> Trace {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut trace = Trace {
        machine: Machine::new(Arc::clone(&plan)),
        book: Arc::clone(&plan),
        plan,
        log: Vec::new(),
        states: Vec::new(),
        wants: Vec::new(),
        now,
    };
    trace.push(attached(), Vec::new());
    trace.go_on(&mut Dice { numbers }, world);
    trace
}

impl Trace {
    /// A run that has come this far, taken up by another engine.
    pub(crate) fn resumed(plan: Arc<Plan>, log: &[Entry]) -> Trace {
        let machine = Machine::replay(Arc::clone(&plan), log);
        let mut trace = Trace {
            book: plan,
            plan: Arc::clone(machine.plan()),
            machine,
            log: log.to_vec(),
            states: Vec::new(),
            wants: Vec::new(),
            now: log.last().map_or(Timestamp::UNIX_EPOCH, |entry| entry.at),
        };
        if trace.machine.admit(&attached()).is_ok() {
            trace.push(attached(), Vec::new());
        }
        trace
    }

    /// Goes on to the end in a world in which everything goes well.
    pub(crate) fn go_on_well(&mut self) {
        self.go_on(&mut Dice { numbers: &[] }, World { people: true, chaos: false });
    }

    /// Goes on as far as it goes without people.
    pub(crate) fn go_on_alone(&mut self) {
        self.go_on(&mut Dice { numbers: &[] }, World { people: false, chaos: false });
    }

    pub(crate) fn push(&mut self, event: Event, wants: Vec<Want>) {
        if let Err(why) = self.machine.admit(&event) {
            panic!("{event:?} was wanted but is refused: {why}\n{}", self.show());
        }
        let entry = Entry { seq: self.log.len() as u64 + 1, at: self.now, event };
        self.machine.apply(&entry);
        self.log.push(entry);
        if let Err(why) = self.machine.check_invariants() {
            panic!("{why}\n{}", self.show());
        }
        self.states.push(self.machine.state().clone());
        self.wants.push((self.now, wants));
        if self.plan.nodes.len() != self.machine.plan().nodes.len() {
            self.plan = Arc::clone(self.machine.plan());
            self.pad();
        }
    }

    /// Lets every state know every node: what was not there yet was idle.
    pub(crate) fn pad(&mut self) {
        let nodes = self.plan.nodes.len();
        for state in &mut self.states {
            state.nodes.resize_with(nodes, Default::default);
        }
    }

    /// The log, for people who look for the reason of a failed law.
    pub(crate) fn show(&self) -> String {
        let lines = self.log.iter().map(|entry| format!("{:3} {} {:?}\n", entry.seq, entry.at, entry.event));
        let nodes = self.plan.iter().map(|(id, node)| {
            let state = self.machine.state().node(id);
            format!(
                "{} {} {:?} needs {:?} {:?} acted {} tolerated {}\n",
                id.0, node.key, node.spec.on_failure, node.needs, state.phase, state.acted, state.tolerated
            )
        });
        lines.chain(nodes).collect()
    }

    fn go_on(&mut self, dice: &mut Dice<'_>, world: World) {
        let numbers = dice.numbers.len();
        let mut steps = 0;
        while steps < numbers + 60 * self.plan.nodes.len() + 200 {
            steps += 1;
            if self.machine.state().finished.is_some() {
                if !(world.chaos && dice.one_of(4) == 3 && self.come_back_later()) {
                    return;
                }
                continue;
            }
            let wants = self.machine.wants(self.now);
            let under_way = self.under_way();
            if world.chaos && dice.roll().is_some_and(|number| self.chaos(number, &wants)) {
                continue;
            }
            let answerable: Vec<&Want> = wants
                .iter()
                .filter(|want| !matches!(want, Want::Wake(_)) && (world.people || !want.is_for_people()))
                .collect();
            let choices = answerable.len() + under_way.len();
            let event = if choices == 0 {
                let Some(at) = wake(&wants) else {
                    assert!(
                        !world.people && wants.iter().any(Want::is_for_people),
                        "nothing is wanted and nothing is under way\n{}",
                        self.show()
                    );
                    return;
                };
                self.now = at;
                continue;
            } else {
                let chosen = dice.one_of(choices);
                match answerable.get(chosen) {
                    Some(want) => self.answer(want, dice),
                    None => self.end(under_way[chosen - answerable.len()], dice),
                }
            };
            self.push(event, wants);
            self.now += SignedDuration::from_secs(dice.one_of(3) as i64);
        }
        panic!("the run does not come to rest\n{}", self.show());
    }

    /// Things that happen unasked. Whether one did.
    fn chaos(&mut self, number: usize, wants: &[Want]) -> bool {
        let event = match number % 64 {
            0..4 => match wake(wants) {
                Some(at) => {
                    self.now = at;
                    return true;
                }
                None => return false,
            },
            4..7 => attached(),
            7 => Event::Interrupted { by: me() },
            8 if number > 50_000 => Event::Abandoned { reason: "enough".into(), by: me() },
            9 => Event::Suspended { waiting: Vec::new() },
            _ => return false,
        };
        let fits = self.machine.admit(&event).is_ok();
        if fits {
            self.push(event, Vec::new());
        }
        fits
    }

    fn come_back_later(&mut self) -> bool {
        let event = Event::RollbackDecided { decision: Undoing::Begin, by: me() };
        let fits = self.machine.admit(&event).is_ok();
        if fits {
            self.push(attached(), Vec::new());
            self.push(event, Vec::new());
        }
        fits
    }

    /// Actions that an executor has in its hands.
    fn under_way(&self) -> Vec<NodeId> {
        let acting = |id: &NodeId| self.machine.state().node(*id).phase == Phase::Acting;
        let own = |id: &NodeId| matches!(self.plan.node(*id).spec.action, Action::Wait(_));
        self.plan.iter().map(|(id, _)| id).filter(|id| acting(id) && !own(id)).collect()
    }

    fn end(&self, node: NodeId, dice: &mut Dice<'_>) -> Event {
        let attempt = self.machine.state().node(node).attempt;
        let result = match dice.one_of(20) {
            14 | 15 => StepResult::failure(Ending::Completed, "exit code 1"),
            16 => StepResult::failure(Ending::TimedOut, "too long"),
            17 => StepResult::failure(Ending::NotStarted, "no connection"),
            18 | 19 => StepResult::failure(Ending::Unknown, "connection lost"),
            _ => StepResult::success(),
        };
        Event::Ended { node, attempt, result: Box::new(result) }
    }

    fn answer(&self, want: &Want, dice: &mut Dice<'_>) -> Event {
        let state = self.machine.state();
        let ended = |node, attempt, result| Event::Ended { node, attempt, result: Box::new(result) };
        match want {
            Want::CheckBook => Event::BookChecked { checks: checks(dice.one_of(6) < 5, dice) },
            Want::Evaluate(node) => match dice.one_of(8) {
                3..6 if self.is_case(*node) => Event::Condition { node: *node, holds: false },
                6 => Event::Condition { node: *node, holds: false },
                7 => Event::Unusable { node: *node, reason: "no such output".into() },
                _ => Event::Condition { node: *node, holds: true },
            },
            Want::Enter(node) => {
                if dice.one_of(10) == 9 {
                    return Event::Unusable { node: *node, reason: "no such output".into() };
                }
                match &self.plan.node(*node).spec.action {
                    Action::Each(each) => Event::Expanded { node: *node, items: items(each, dice) },
                    _ => Event::Called { node: *node, inputs: Default::default(), vars: Default::default() },
                }
            }
            Want::Return(node) => match dice.one_of(6) {
                5 => ended(*node, 1, StepResult::failure(Ending::Completed, "no such output")),
                _ => ended(*node, 1, StepResult::success()),
            },
            Want::Check(node, CheckStage::Goal) => Event::Checked {
                node: *node,
                stage: CheckStage::Goal,
                checks: checks(dice.one_of(7) < 2, dice),
            },
            Want::Check(node, stage) => {
                let rolled = dice.one_of(8);
                if rolled == 7 && matches!(state.node(*node).phase, Phase::DoneWhen | Phase::Preconditions) {
                    return Event::Unusable { node: *node, reason: "no such output".into() };
                }
                let good = rolled < 5;
                let passed = if *stage == CheckStage::DoneWhen { !good } else { good };
                Event::Checked { node: *node, stage: *stage, checks: checks(passed, dice) }
            }
            Want::OpenGate(node) => match dice.one_of(10) {
                9 => Event::Unusable { node: *node, reason: "no such output".into() },
                _ => self.open_gate(*node, dice),
            },
            Want::AskGate(node) => {
                let Phase::Gate { question, .. } = &state.node(*node).phase else {
                    panic!("no gate is open\n{}", self.show())
                };
                let digest = question.digest.clone();
                let decision = match dice.one_of(8) {
                    6 => return self.open_gate(*node, dice),
                    7 => Decision::Deny,
                    _ => Decision::Approve,
                };
                self.decide(*node, decision, digest, dice)
            }
            Want::ExpireGate(node) => Event::GateExpired { node: *node },
            Want::Act(node, attempt) => {
                let spec = &self.plan.node(*node).spec;
                let own = !spec.action.is_external() && !matches!(spec.action, Action::Wait(_));
                match dice.one_of(16) {
                    13 => Event::Unusable { node: *node, reason: "no such output".into() },
                    14 => ended(*node, *attempt, StepResult::failure(Ending::NotStarted, "no connection")),
                    15 if spec.confirm.is_some() => self.open_gate(*node, dice),
                    12 if own => {
                        ended(*node, *attempt, StepResult::failure(Ending::Completed, "does not hold"))
                    }
                    n if own && n < 8 => ended(*node, *attempt, StepResult::success()),
                    _ => Event::Started { node: *node, attempt: *attempt, digest: "d".into() },
                }
            }
            Want::AskManual(node) => {
                let mut result = match dice.one_of(6) {
                    5 => StepResult::failure(Ending::Completed, "did not work"),
                    _ => StepResult::success(),
                };
                result.by = Some(person(1));
                ended(*node, state.node(*node).attempt + 1, result)
            }
            Want::ExpireManual(node) => {
                let result = StepResult::failure(Ending::TimedOut, "nobody answered");
                ended(*node, state.node(*node).attempt + 1, result)
            }
            Want::EndWait(node, attempt) => ended(*node, *attempt, StepResult::success()),
            Want::Stop(node) => {
                let result = match dice.one_of(4) {
                    3 => StepResult::success(),
                    2 => StepResult::failure(Ending::Unknown, "connection lost"),
                    _ => StepResult::failure(Ending::Cancelled, "stopped"),
                };
                ended(*node, state.node(*node).attempt, result)
            }
            Want::Recover(node, _) => match dice.one_of(6) {
                4 => self.resolve(*node, Resolution::Unknown),
                5 => self.resolve(*node, Resolution::Retry),
                _ => self.end(*node, dice),
            },
            Want::AskDoubt(node) => {
                let found = [Resolution::Done, Resolution::Failed, Resolution::Retry, Resolution::Unknown];
                self.resolve(*node, found[dice.one_of(4)])
            }
            Want::AskFailure(node) => {
                let choices = [Choice::Stop, Choice::Skip, Choice::Rollback, Choice::Retry];
                let choice = choices[dice.one_of(4)];
                let event = Event::Chosen { node: *node, choice, by: me() };
                match self.machine.admit(&event) {
                    Ok(()) => event,
                    Err(_) => Event::Chosen { node: *node, choice: Choice::Stop, by: me() },
                }
            }
            Want::TimeOut(node) => Event::TimedOut { node: *node },
            Want::AskRollback => {
                let decision = [Undoing::Begin, Undoing::Decline, Undoing::Defer][dice.one_of(3)];
                Event::RollbackDecided { decision, by: me() }
            }
            Want::Escalate(level) => {
                let quiet = dice.one_of(6);
                Event::Escalated {
                    level: *level,
                    sent: if quiet < 4 { vec!["somebody".into()] } else { Vec::new() },
                    failed: Vec::new(),
                    held_back: (quiet >= 4).then(|| "it is over".to_owned()),
                    over: quiet == 5,
                    late: None,
                }
            }
            Want::Finish(outcome) => Event::Finished { outcome: *outcome, outputs: Default::default() },
            other => panic!("{other:?} has no answer"),
        }
    }

    fn is_case(&self, node: NodeId) -> bool {
        let group = self.plan.node(node).parent;
        group.is_some_and(|group| self.plan.node(group).spec.action == Action::Choose)
    }

    fn resolve(&self, node: NodeId, resolution: Resolution) -> Event {
        Event::Resolved { node, resolution, by: me() }
    }

    fn open_gate(&self, node: NodeId, dice: &mut Dice<'_>) -> Event {
        let spec = &self.plan.node(node).spec;
        let mut question = question(format!("d{}", dice.one_of(3)));
        question.effect = self.plan.gate_effect(self.plan.node(node));
        if let Some(confirm) = &spec.confirm {
            question.roles.clone_from(&confirm.roles);
            question.approvers_min = confirm.approvers_min;
            question.by_others = !confirm.allows_requester(question.effect);
        }
        Event::GateOpened { node, question }
    }

    /// Somebody decides whose decision counts; a yes may hold for a few seconds only.
    fn decide(&self, node: NodeId, decision: Decision, digest: String, dice: &mut Dice<'_>) -> Event {
        let first = dice.one_of(PEOPLE.len());
        let short =
            (dice.one_of(4) == 3).then(|| self.now + SignedDuration::from_secs(dice.one_of(5) as i64 + 1));
        let tries =
            [short, None].into_iter().flat_map(|expires| (0..PEOPLE.len()).map(move |n| (expires, n)));
        for (expires, n) in tries {
            let by = person((first + n) % PEOPLE.len());
            let event = Event::GateDecided { node, decision, digest: digest.clone(), by, expires };
            if self.machine.admit(&event).is_ok() {
                return event;
            }
        }
        panic!("nobody can decide at {}\n{}", self.plan.node(node).key, self.show())
    }
}

/// Who starts runs, and who else is there; all but the first and the last vouched for as `dba`.
pub(crate) const PEOPLE: [&str; 4] = ["somebody", "anna", "clara", "boris"];

pub(crate) fn person(n: usize) -> Answerer {
    let roles = (n == 1 || n == 2).then(|| "dba".to_owned());
    Answerer::new(PEOPLE[n], "a test").with_roles(roles)
}

/// Some question.
pub(crate) fn question(digest: String) -> GateQuestion {
    GateQuestion {
        message: "may it?".into(),
        action: "true".into(),
        target: "local".into(),
        effect: runbook_core::model::Effect::Change,
        undo: Vec::new(),
        show: None,
        preview: None,
        phrase: None,
        roles: Vec::new(),
        approvers_min: 1,
        by_others: false,
        irreversible: false,
        asked_by: Vec::new(),
        digest,
    }
}

fn checks(passed: bool, dice: &mut Dice<'_>) -> Vec<CheckOutcome> {
    let one = |passed, warn_only| CheckOutcome {
        title: "a check".into(),
        passed,
        warn_only,
        reason: None,
        tries: 1,
    };
    let mut checks = vec![one(passed, false)];
    if dice.one_of(4) == 3 {
        checks.push(one(false, true));
    }
    checks
}

/// What a step is repeated for.
fn items(each: &Each, dice: &mut Dice<'_>) -> Vec<Item> {
    match &each.over {
        Over::Targets(targets) => {
            let item = |name: &String| Item { value: name.clone().into(), target: Some(name.clone()) };
            targets.iter().map(item).collect()
        }
        Over::Items(_) => {
            let count = [2, 1, 3, 4, 0][dice.one_of(5)];
            (0..count).map(|n: u32| Item { value: n.into(), target: None }).collect()
        }
    }
}

fn wake(wants: &[Want]) -> Option<Timestamp> {
    wants.iter().filter_map(|want| if let Want::Wake(at) = want { Some(*at) } else { None }).min()
}

/// Whether a node is of the body.
pub(crate) fn in_body(plan: &Plan, id: NodeId) -> bool {
    plan.node(id).role == Role::Body
}
