//! Who uses the program, as the operating system sees it. Environment variables are not believed.

use runbook_core::model::Role;
use runbook_core::run::Answerer;

/// The person at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name of the operating-system user, or `uid N` when the user database does not know one.
    pub(crate) user: String,
    /// The groups of this process: their names, or `gid N`.
    groups: Vec<String>,
}

impl Identity {
    /// Whoever runs this process.
    pub(crate) fn of_process() -> Self {
        let database = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let name = |gid: u32| name_in(&database, gid).unwrap_or_else(|| format!("gid {gid}"));
        let more = rustix::process::getgroups().unwrap_or_default();
        let own = std::iter::once(rustix::process::getgid()).chain(more);
        let mut groups: Vec<String> = own.map(|gid| name(gid.as_raw())).collect();
        groups.sort();
        groups.dedup();
        Identity { user: user(), groups }
    }

    /// An answer of theirs, given in the way `how`, where some of `roles` is needed: it says which they have.
    pub(crate) fn answers(&self, how: &str, roles: &[Role]) -> Answerer {
        let has = |name: &&String| self.groups.contains(name);
        let names = roles.iter().filter(|role| role.people.is_none()).map(|role| &role.name);
        Answerer::new(&self.user, how).with_roles(names.filter(has).cloned())
    }
}

/// The name of the operating-system user, or `uid N` when the user database does not know one.
pub(crate) fn user() -> String {
    let uid = rustix::process::getuid().as_raw();
    let database = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&database, uid).unwrap_or_else(|| format!("uid {uid}"))
}

/// The name with this number in a database of users or groups.
fn name_in(database: &str, number: u32) -> Option<String> {
    database.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        (fields.nth(1)?.parse::<u32>().ok()? == number).then(|| name.to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_databases_of_users_and_groups() {
        let database = "# comment\nroot:x:0:0:root:/root:/bin/sh\n:x:7:7::/:/bin/false\nанна:x:1000:1000::/home/a:/bin/sh\n";
        assert_eq!(name_in(database, 0).as_deref(), Some("root"));
        assert_eq!(name_in(database, 1000).as_deref(), Some("анна"));
        assert_eq!(name_in(database, 7), None);
        assert_eq!(name_in(database, 100), None);
        assert_eq!(name_in("wheel:x:10:anna\ndba:x:500:anna,boris\n", 500).as_deref(), Some("dba"));
    }

    #[test]
    fn only_groups_that_are_asked_for_are_told_and_none_for_roles_that_name_people() {
        let anna = Identity { user: "anna".into(), groups: vec!["dba".into(), "staff".into()] };
        let role = |name: &str, people: Option<Vec<String>>| Role { name: name.into(), people };
        let roles = [role("dba", None), role("staff", Some(vec!["boris".into()])), role("admins", None)];
        assert_eq!(anna.answers("terminal", &roles).roles, ["dba"]);
    }
}
