//! Targets, groups of targets, and what stands under `target`.

use std::collections::HashSet;

use super::keys;
use super::reader::Reader;
use super::sets::{Part, Pick, Piece, TargetSet, WrittenGroup};
use crate::diag::{Code, Diagnostic};
use crate::ids::is_identifier;
use crate::model::{NamedTarget, TargetRef, ValueTemplate};
use crate::source::{Span, Spanned};
use crate::value::Value;
use crate::yaml::Node;

/// What stands under `target`.
pub(super) enum Place {
    /// One place.
    One(TargetRef),
    /// The members of a group.
    Many(Vec<String>),
}

impl Reader<'_> {
    pub(super) fn targets(&mut self, node: &Node) {
        let Some(map) = node.as_map() else {
            self.shared.incomplete = true;
            return self.wrong_type(node, "`targets`", "a map of names, such as `{app: {ssh: {host: …}}}`");
        };
        for (name, node) in map.iter() {
            if !self.identifier(name, "a target") {
                self.refuse_place(&name.value);
                continue;
            }
            if name.value == "local" {
                let message = "`local` is the machine that runs the engine, and needs no declaration";
                self.report(
                    Diagnostic::error(Code::DUPLICATE_NAME, name.span, message).help("choose another name"),
                );
                continue;
            }
            if let Some(first) = self.name_of_place(&name.value) {
                self.defined_twice("target", name, first);
                continue;
            }
            match self.named_target(name, node) {
                Some(target) => self.shared.inventory.targets.push(target),
                None => self.refuse_place(&name.value),
            }
        }
    }

    /// Where a target or group called `name` is declared.
    fn name_of_place(&self, name: &str) -> Option<Span> {
        let target = self.shared.inventory.target(name).map(|target| target.name.span);
        target.or_else(|| self.shared.groups.iter().find(|g| g.name.value == name).map(|g| g.name.span))
    }

    /// The declaration of `name` was refused: nothing more is said where it is used.
    fn refuse_place(&mut self, name: &str) {
        self.shared.incomplete = true;
        self.shared.refused.insert(name.to_owned());
    }

    fn named_target(&mut self, name: &Spanned<String>, node: &Node) -> Option<NamedTarget> {
        if node.as_map().is_none() {
            let message = format!("a target must be a map, found {}", node.kind_name());
            let problem = Diagnostic::error(Code::WRONG_TYPE, node.span, message);
            self.report(match node.as_str() {
                Some(host) => problem.help(format!("write `{}: {{ssh: {{host: {host}}}}}`", name.value)),
                None if node.as_seq().is_some() => {
                    problem.help("a set of targets is declared under `groups`")
                }
                None => problem.help(format!("write `{}: {{local: {{}}}}`", name.value)),
            });
            return None;
        }
        let fields = self.fields(node, "a target", &[keys::TARGET, keys::TARGET_KINDS])?;
        let is_kind = |key: &str| {
            keys::TARGET_KINDS.iter().any(|(kind, _)| *kind == key) || self.kinds.target(key).is_some()
        };
        let mut kinds = fields.map.iter().filter(|(key, _)| is_kind(&key.value));
        let Some((kind, params)) = kinds.next() else {
            if !fields.has_hints() && !fields.puzzling {
                let problem =
                    Diagnostic::error(Code::MISSING_KEY, node.span, "this target does not say what it is");
                self.report(problem.help("add one of `local`, `ssh`, `container`, `service`"));
            }
            return None;
        };
        if let Some((second, _)) = kinds.next() {
            let message = format!("`{}` and `{}` in one target", kind.value, second.value);
            self.report(
                Diagnostic::error(Code::SEVERAL_ACTIONS, second.span, message)
                    .also(kind.span, "the first kind")
                    .help("make two targets of it"),
            );
        }
        let vars = fields.get("vars").map(|node| self.vars(node)).unwrap_or_default();
        let cwd = fields.get("cwd").and_then(|node| self.template(node, "`cwd`"));
        let title = fields.get("title").and_then(|node| self.text(node, "`title`"));
        let params = if kind.value == "local" {
            let _ = self.fields(params, "`local`", &[&[]])?;
            ValueTemplate::Value(Value::Null)
        } else {
            let Some(known) = self.kinds.target(&kind.value).cloned() else {
                let message = format!("no executor in this program reaches targets of kind `{}`", kind.value);
                self.report(Diagnostic::error(Code::UNKNOWN_ACTION_KIND, kind.span, message));
                return None;
            };
            known.check(params, self.found);
            if !known.available() {
                self.not_yet(kind.span, &format!("targets of kind `{}`", kind.value));
            }
            self.value(params, &kind.value)?
        };
        Some(NamedTarget {
            name: name.clone(),
            kind: kind.value.clone(),
            params,
            cwd,
            vars: vars.into_iter().map(|(name, value)| (name.value, value)).collect(),
            title,
        })
    }

    pub(super) fn groups(&mut self, node: &Node) {
        let Some(map) = node.as_map() else {
            self.shared.incomplete = true;
            return self.wrong_type(node, "`groups`", "a map of names to lists of targets");
        };
        for (name, node) in map.iter() {
            if !self.identifier(name, "a group") {
                self.refuse_place(&name.value);
                continue;
            }
            if let Some(first) = self.name_of_place(&name.value) {
                self.defined_twice("group", name, first);
                continue;
            }
            let nodes = match node.as_scalar() {
                Some(_) => std::slice::from_ref(node),
                None => self.items(node, "a group"),
            };
            let mut parts = Vec::with_capacity(nodes.len());
            for node in nodes {
                let Some(text) = self.spanned_text(node, "a member of a group") else {
                    self.refuse_place(&name.value);
                    continue;
                };
                match self.target_set(&text) {
                    Some(set) => parts.push(Spanned::new(set, text.span)),
                    None => self.refuse_place(&name.value),
                }
            }
            if node.as_scalar().is_none() && node.as_seq().is_none() {
                self.refuse_place(&name.value);
            }
            self.shared.groups.push(WrittenGroup { name: name.clone(), parts, resolved: None });
        }
    }

    /// The set that `text` writes.
    fn target_set(&mut self, text: &Spanned<String>) -> Option<TargetSet> {
        let why = match TargetSet::parse(&text.value) {
            Ok(set) => return Some(set),
            Err(why) => why,
        };
        let refused = |piece: &str| self.shared.refused.contains(piece.trim().trim_start_matches(['!', '&']));
        if !text.value.split([':', ',']).any(refused) {
            let message = format!("`{}` is not a set of targets: {why}", text.value);
            let problem = Diagnostic::error(Code::BAD_GROUP, text.span, message);
            let places: Vec<&str> = self.shared.inventory.names().collect();
            let problem = problem.did_you_mean(&text.value, places);
            let inner = text.value.trim_start_matches('{').trim_end_matches('}').trim();
            let root = inner.split('.').next().unwrap_or_default();
            self.report(match root {
                "inputs" | "vars" | "steps" | "item" | "target" | "env" => {
                    problem.help(format!("a target that is computed is written `${{{{ {inner} }}}}`"))
                }
                _ => problem.help(
                    "write `web`, `web:db` (both), `web:!web1` (without), `web:&eu` (in both), `web.first` or `web.rest`",
                ),
            });
        }
        None
    }

    /// Resolves every group, once all files are read.
    pub(super) fn resolve_groups(&mut self) {
        self.resolve_groups_from(0);
    }

    /// The same for those from `first` on.
    pub(super) fn resolve_groups_from(&mut self, first: usize) {
        for index in first..self.shared.groups.len() {
            let members = self.group(index, &mut Vec::new());
            let name = self.shared.groups[index].name.clone();
            self.shared.inventory.groups.push((name, members.unwrap_or_default()));
        }
    }

    /// The targets of a declared group; `around` are the groups that are being resolved.
    fn group(&mut self, index: usize, around: &mut Vec<usize>) -> Option<Vec<String>> {
        if let Some(resolved) = &self.shared.groups[index].resolved {
            return resolved.clone();
        }
        around.push(index);
        let (mut members, mut known) = (Vec::new(), true);
        for part in self.shared.groups[index].parts.clone() {
            // Every part is looked at, so that all that is wrong is said.
            known &= self.take_part(&mut members, &part, around);
        }
        around.pop();
        let members = known.then_some(members);
        self.shared.groups[index].resolved = Some(members.clone());
        members
    }

    /// Adds to `members`, or takes from them, what `written` says. `false` when something in it is not known.
    fn take_part(
        &mut self,
        members: &mut Vec<String>,
        written: &Spanned<TargetSet>,
        around: &mut Vec<usize>,
    ) -> bool {
        for Piece { pick, name, part } in &written.value.pieces {
            let Some(mut named) = self.members_of(name, written.span, around) else { return false };
            match part {
                None => {}
                Some(Part::First) => named.truncate(1),
                Some(Part::Rest) => drop(named.drain(..named.len().min(1))),
            }
            let named: HashSet<String> = match pick {
                Pick::Add => {
                    let mut seen: HashSet<String> = members.iter().cloned().collect();
                    members.extend(named.into_iter().filter(|member| seen.insert(member.clone())));
                    continue;
                }
                _ => named.into_iter().collect(),
            };
            members.retain(|member| named.contains(member) == (*pick == Pick::Within));
        }
        true
    }

    fn members_of(&mut self, name: &str, written: Span, around: &mut Vec<usize>) -> Option<Vec<String>> {
        if name == "local" || self.shared.inventory.target(name).is_some() {
            return Some(vec![name.to_owned()]);
        }
        if name == "all" {
            return Some(self.shared.inventory.targets.iter().map(|t| t.name.value.clone()).collect());
        }
        let Some(index) = self.shared.groups.iter().position(|group| group.name.value == name) else {
            if !self.shared.incomplete {
                let message = format!("there is no target and no group `{name}`");
                let problem = Diagnostic::error(Code::UNKNOWN_TARGET, written, message);
                let targets = self.shared.inventory.targets.iter().map(|target| target.name.value.as_str());
                let groups = self.shared.groups.iter().map(|group| group.name.value.as_str());
                let names: Vec<&str> = targets.chain(groups).chain(["local", "all"]).collect();
                let problem = problem.did_you_mean(name, names);
                self.report(problem.help(
                    "`local` is the machine that runs the engine; others are declared under `targets` and `groups`",
                ));
            }
            return None;
        };
        if let Some(first) = around.iter().position(|group| *group == index) {
            let mut circle: Vec<&str> =
                around[first..].iter().map(|group| self.shared.groups[*group].name.value.as_str()).collect();
            circle.push(name);
            let message = match circle.len() {
                2 => format!("the group `{name}` contains itself"),
                _ => format!("groups that contain each other in a circle: {}", circle.join(" → ")),
            };
            self.report(
                Diagnostic::error(Code::BAD_GROUP, written, message).help("remove one of these members"),
            );
            return None;
        }
        self.group(index, around)
    }

    /// What stands under `target`: one place, or the members of a group.
    pub(super) fn place(&mut self, node: &Node) -> Option<Place> {
        if node.as_seq().is_some() {
            let message = "`target` must be one name, found a list";
            self.report(
                Diagnostic::error(Code::WRONG_TYPE, node.span, message)
                    .help("write several targets as `web1:web2`, or declare them under `groups`"),
            );
            return None;
        }
        let text = self.spanned_text(node, "`target`")?;
        if text.value.contains("${{") {
            return self.computed_place(node).map(Place::One);
        }
        if is_identifier(&text.value)
            && (text.value == "local" || self.shared.inventory.target(&text.value).is_some())
        {
            return Some(Place::One(TargetRef::Named(text.value)));
        }
        let set = Spanned::new(self.target_set(&text)?, text.span);
        let mut members = Vec::new();
        if !self.take_part(&mut members, &set, &mut Vec::new()) {
            return None;
        }
        if members.is_empty() && !self.shared.incomplete {
            let message = format!("`{}` is an empty set of targets", text.value);
            self.report(
                Diagnostic::error(Code::EMPTY_GROUP, text.span, message)
                    .help("a step on it would do nothing; add a target to the group, or correct the set"),
            );
        }
        Some(Place::Many(members))
    }

    /// Where a `copy` without a `target` acts: `app` of `to: app:/etc/app.conf`.
    pub(super) fn place_of_copy(&self, node: &Node) -> Option<Place> {
        let map = node.as_map()?;
        let paths = ["to", "from"].into_iter().filter_map(|key| map.get(key)?.as_str());
        let mut names = paths.filter_map(|path| path.split_once(':')).map(|(name, _)| name);
        let name = names.find(|name| self.shared.inventory.target(name).is_some())?;
        Some(Place::One(TargetRef::Named(name.to_owned())))
    }

    /// A target whose name is known when the step runs.
    fn computed_place(&mut self, node: &Node) -> Option<TargetRef> {
        let name = self.template(node, "`target`")?;
        let is_set = name.pieces().iter().any(
            |piece| matches!(piece, crate::expr::Piece::Text(text) if text.contains([':', ',', '!', '&'])),
        );
        if is_set {
            let message = "a target that is computed is the name of one target, not a set";
            self.report(
                Diagnostic::error(Code::BAD_GROUP, node.span, message)
                    .help("repeat the step with `for_each` over names, and write `target: ${{ item }}`"),
            );
            return None;
        }
        if let Some(own) = name.expressions().find(|expr| {
            expr.references()
                .iter()
                .any(|reference| reference.path.first().is_some_and(|root| root == "target"))
        }) {
            let message = "a target cannot be computed from `target`";
            self.report(
                Diagnostic::error(Code::UNKNOWN_REFERENCE, own.span(), message)
                    .help("use `inputs`, `vars`, `item` or the result of a step before"),
            );
            return None;
        }
        Some(TargetRef::Computed(name))
    }
}
