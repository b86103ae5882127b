//! Gates: who must agree before an effect, and until when.

use serde::{Deserialize, Serialize};

use crate::expr::Template;
use crate::value::Duration;

/// A gate before an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirm {
    /// The question.
    pub message: Template,
    /// What to show with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<Template>,
    /// A text that must be typed to agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phrase: Option<Template>,
    /// Who may answer; anybody when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// How many different people must agree; at least 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub approvers_min: u32,
    /// Whether whoever started the run may agree; when nothing is said, only to what does not destroy.
    #[serde(default, rename = "self", skip_serializing_if = "Option::is_none")]
    pub requester: Option<Requester>,
    /// How long to wait for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// What silence means after that.
    pub on_timeout: OnGateTimeout,
}

impl Confirm {
    /// A question that anybody may answer, at any time.
    pub fn plain(message: Template) -> Self {
        Confirm {
            message,
            show: None,
            phrase: None,
            roles: Vec::new(),
            approvers_min: 1,
            requester: None,
            timeout: None,
            on_timeout: OnGateTimeout::default(),
        }
    }

    /// Whether whoever started the run may agree to an action with this effect.
    pub fn allows_requester(&self, effect: super::Effect) -> bool {
        match self.requester {
            Some(Requester::Allow) => true,
            Some(Requester::Forbid) => false,
            None => effect != super::Effect::Destroy,
        }
    }
}

fn one() -> u32 {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

/// Whether whoever started a run may agree to its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Requester {
    /// They may, also to what destroys.
    Allow,
    /// Somebody else must.
    Forbid,
}

/// What somebody must be to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Who has it, by identity. `None`: whoever the approver vouches for, which on a terminal are the members of the
    /// operating system's group of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<String>>,
}

impl Role {
    /// Whether somebody called `who`, for whom the approver vouches with `roles`, has it.
    pub fn is_held_by(&self, who: &str, roles: &[String]) -> bool {
        match &self.people {
            Some(people) => people.iter().any(|one| one == who),
            None => roles.contains(&self.name),
        }
    }
}

/// Somebody with one of `roles` who is none of `others`, for walks in which nobody is really asked: `name` where
/// anybody will do, and the roles to vouch for.
pub fn somebody_with(roles: &[Role], name: &str, others: &[&str]) -> (String, Vec<String>) {
    let vouched = roles.iter().filter(|role| role.people.is_none()).map(|role| role.name.clone()).collect();
    let mut named = roles.iter().flat_map(|role| role.people.iter().flatten());
    let named = if roles.iter().any(|role| role.people.is_none()) {
        None
    } else {
        named.find(|one| !others.contains(&one.as_str()))
    };
    (named.cloned().unwrap_or_else(|| name.to_owned()), vouched)
}

/// What silence at a gate means; never consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnGateTimeout {
    /// As if somebody had said no.
    #[default]
    Deny,
    /// The step fails.
    Fail,
}
