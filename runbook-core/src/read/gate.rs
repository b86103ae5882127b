//! What waits for people: gates, manual steps, and the roles of those who may answer.

use super::fields::Fields;
use super::keys;
use super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::expr::Template;
use crate::model::{Confirm, Manual, OnGateTimeout, Requester, Role};
use crate::yaml::Node;

impl Reader<'_> {
    /// `roles` of one file: who has which.
    pub(super) fn role_holders(&mut self, node: &Node) {
        let Some(map) = node.as_map() else {
            return self.wrong_type(node, "`roles`", "a map of lists, such as `{dba: [anna, boris]}`");
        };
        for (name, node) in map.iter() {
            if let Some((first, _)) = self.shared.roles.iter().find(|(first, _)| first.value == name.value) {
                let first = first.span;
                self.defined_twice("role", name, first);
                continue;
            }
            let people = self.names(node, "a role", "a person");
            self.shared.roles.push((name.clone(), people));
        }
    }

    /// A list of texts that is not empty.
    fn names(&mut self, node: &Node, what: &str, one: &str) -> Vec<String> {
        let items = match node.as_scalar() {
            Some(_) => std::slice::from_ref(node),
            None => self.items(node, what),
        };
        if items.is_empty() && node.as_seq().is_some() {
            let message = format!("{what} names nobody");
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
        }
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for name in items.iter().filter_map(|node| self.text(node, one)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// `roles` of a gate or a manual step, with the people that the runbook names for them.
    fn roles(&mut self, fields: &Fields<'_>) -> Vec<Role> {
        let Some(node) = fields.get("roles") else { return Vec::new() };
        let names = self.names(node, "`roles`", "a role");
        let holders = |name: &str| {
            let found = self.shared.roles.iter().find(|(role, _)| role.value == name);
            found.map(|(_, people)| people.clone())
        };
        names.into_iter().map(|name| Role { people: holders(&name), name }).collect()
    }

    pub(super) fn confirm(&mut self, node: &Node) -> Option<Confirm> {
        if let Some(scalar) = node.as_scalar() {
            let is_switch = ["yes", "no", "on", "off"].contains(&scalar.text().to_lowercase().as_str());
            if scalar.is_plain() && (is_switch || scalar.resolve().is_boolean()) {
                self.report(
                    Diagnostic::error(
                        Code::WRONG_TYPE,
                        node.span,
                        "`confirm` is the question to ask, not a switch",
                    )
                    .help("write what the person agrees to: `confirm: Restart the service?`"),
                );
                return None;
            }
            return self.template(node, "`confirm`").map(Confirm::plain);
        }
        let fields = self.fields(node, "`confirm`", &[keys::CONFIRM])?;
        let message =
            self.require(&fields, "message", "`confirm`").and_then(|node| self.template(node, "`message`"));
        let silence = [("deny", OnGateTimeout::Deny), ("fail", OnGateTimeout::Fail)];
        let requester = [("allow", Requester::Allow), ("forbid", Requester::Forbid)];
        let confirm = Confirm {
            show: fields.get("show").and_then(|node| self.template(node, "`show`")),
            phrase: fields.get("phrase").and_then(|node| self.template(node, "`phrase`")),
            roles: self.roles(&fields),
            approvers_min: fields
                .get("approvers_min")
                .and_then(|node| self.count(node, "`approvers_min`"))
                .unwrap_or(1),
            requester: fields.get("self").and_then(|node| self.word(node, "`self`", &requester)),
            timeout: fields.get("timeout").and_then(|node| self.duration(node, "`timeout`")),
            on_timeout: fields
                .get("on_timeout")
                .and_then(|node| self.word(node, "`on_timeout`", &silence))
                .unwrap_or_default(),
            ..Confirm::plain(Template::default())
        };
        self.enough_people(&confirm, &fields);
        Some(Confirm { message: message?, ..confirm })
    }

    /// A gate for which not enough people are named would never open.
    fn enough_people(&mut self, confirm: &Confirm, fields: &Fields<'_>) {
        let mut people: Vec<&String> = Vec::new();
        for role in &confirm.roles {
            match &role.people {
                Some(named) => people.extend(named),
                // How many there are is known where the answer is given.
                None => return,
            }
        }
        people.sort();
        people.dedup();
        let named = people.len();
        if confirm.roles.is_empty() || named >= confirm.approvers_min as usize {
            return;
        }
        let message = match named {
            0 => "nobody is named for these roles".to_owned(),
            named => {
                format!("{} people must agree, but these roles name only {named}", confirm.approvers_min)
            }
        };
        let span = if fields.has("approvers_min") {
            fields.value_span("approvers_min")
        } else {
            fields.value_span("roles")
        };
        self.report(
            Diagnostic::error(Code::GATE_CANNOT_OPEN, span, message)
                .also(fields.value_span("roles"), "whoever answers must have one of these")
                .help("name more people under the runbook's `roles`, or ask for fewer"),
        );
    }

    pub(super) fn manual(&mut self, node: &Node) -> Option<Manual> {
        let plain = |instructions| Manual {
            instructions,
            checklist: Vec::new(),
            links: Vec::new(),
            fields: Vec::new(),
            roles: Vec::new(),
            timeout: None,
        };
        if node.as_scalar().is_some() {
            return self.template(node, "`manual`").map(plain);
        }
        let fields = self.fields(node, "`manual`", &[keys::MANUAL])?;
        let instructions = self
            .require(&fields, "instructions", "`manual`")
            .and_then(|node| self.template(node, "`instructions`"));
        let checklist = fields.get("checklist").map(|n| self.templates(n, "`checklist`")).unwrap_or_default();
        let links = self.links(&fields);
        let roles = self.roles(&fields);
        let timeout = fields.get("timeout").and_then(|node| self.limit(node, "`timeout`"));
        let inputs = fields.get("fields").map(|node| self.inputs(node, "a field")).unwrap_or_default();
        Some(Manual { checklist, links, fields: inputs, roles, timeout, ..plain(instructions?) })
    }
}
