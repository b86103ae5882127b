//! Targets, groups of targets, and what stands under `target`.

use std::collections::HashSet;

use super::keys;
use super::reader::Reader;
use super::sets::{Part, Pick, Piece, TargetSet};
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
                self.shared.incomplete = true;
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
                None => self.shared.incomplete = true,
            }
        }
    }

    /// Where a target or group called `name` is declared.
    fn name_of_place(&self, name: &str) -> Option<Span> {
        let target = self.shared.inventory.target(name).map(|target| target.name.span);
        target.or_else(|| self.shared.groups.iter().find(|(g, ..)| g.value == name).map(|(g, ..)| g.span))
    }

    fn named_target(&mut self, name: &Spanned<String>, node: &Node) -> Option<NamedTarget> {
        let fields = self.fields(node, "a target", &[keys::TARGET, keys::TARGET_KINDS])?;
        let is_kind = |key: &str| {
            keys::TARGET_KINDS.iter().any(|(kind, _)| *kind == key) || self.kinds.target(key).is_some()
        };
        let mut kinds = fields.map.iter().filter(|(key, _)| is_kind(&key.value));
        let Some((kind, params)) = kinds.next() else {
            if !fields.has_hints() {
                let problem =
                    Diagnostic::error(Code::MISSING_KEY, node.span, "this target says not what it is");
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
                self.shared.incomplete = true;
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
            let mut set = TargetSet::default();
            for node in nodes {
                let Some(text) = self.spanned_text(node, "a member of a group") else { continue };
                match TargetSet::parse(&text.value) {
                    Ok(part) => set.pieces.extend(part.pieces),
                    Err(why) => self.bad_set(&text, &why),
                }
            }
            self.shared.groups.push((name.clone(), set, node.span));
        }
    }

    fn bad_set(&mut self, text: &Spanned<String>, why: &str) {
        self.shared.incomplete = true;
        let message = format!("`{}` is not a set of targets: {why}", text.value);
        self.report(
            Diagnostic::error(Code::BAD_GROUP, text.span, message)
                .help("write `web`, `web:db` (both), `web:!web1` (without), `web:&eu` (in both), `web.first` or `web.rest`"),
        );
    }

    /// Resolves every group, once all files are read.
    pub(super) fn resolve_groups(&mut self) {
        self.resolve_groups_from(0);
    }

    /// The same for those from `first` on.
    pub(super) fn resolve_groups_from(&mut self, first: usize) {
        for index in first..self.shared.groups.len() {
            let (name, set, span) = self.shared.groups[index].clone();
            let written = Spanned::new(name.value.clone(), span);
            let members = self.members(&set, &written, &mut HashSet::from([name.value.clone()]));
            self.shared.inventory.groups.push((name, members.unwrap_or_default()));
        }
    }

    /// The targets of `set`, in order and each once; none when something in it is not known.
    fn members(
        &mut self,
        set: &TargetSet,
        written: &Spanned<String>,
        around: &mut HashSet<String>,
    ) -> Option<Vec<String>> {
        let mut members: Vec<String> = Vec::new();
        for Piece { pick, name, part } in &set.pieces {
            let mut named = self.members_of(name, written, around)?;
            match part {
                None => {}
                Some(Part::First) => named.truncate(1),
                Some(Part::Rest) => drop(named.drain(..named.len().min(1))),
            }
            match pick {
                Pick::Add => named.into_iter().for_each(|member| {
                    if !members.contains(&member) {
                        members.push(member);
                    }
                }),
                Pick::Without => members.retain(|member| !named.contains(member)),
                Pick::Within => members.retain(|member| named.contains(member)),
            }
        }
        Some(members)
    }

    fn members_of(
        &mut self,
        name: &str,
        written: &Spanned<String>,
        around: &mut HashSet<String>,
    ) -> Option<Vec<String>> {
        if name == "local" || self.shared.inventory.target(name).is_some() {
            return Some(vec![name.to_owned()]);
        }
        if name == "all" {
            return Some(self.shared.inventory.targets.iter().map(|t| t.name.value.clone()).collect());
        }
        let group = self.shared.groups.iter().find(|(group, ..)| group.value == name);
        let Some((_, set, _)) = group.cloned() else {
            if !self.shared.incomplete {
                let message = format!("there is no target and no group `{name}`");
                let problem = Diagnostic::error(Code::UNKNOWN_TARGET, written.span, message);
                let targets = self.shared.inventory.targets.iter().map(|target| target.name.value.as_str());
                let groups = self.shared.groups.iter().map(|(group, ..)| group.value.as_str());
                let names: Vec<&str> = targets.chain(groups).chain(["local", "all"]).collect();
                let problem = problem.did_you_mean(name, names);
                self.report(problem.help(
                    "`local` is the machine that runs the engine; others are declared under `targets` and `groups`",
                ));
            }
            return None;
        };
        if !around.insert(name.to_owned()) {
            let message = format!("the group `{name}` contains itself");
            self.report(
                Diagnostic::error(Code::BAD_GROUP, written.span, message).help("remove it from its members"),
            );
            self.shared.incomplete = true;
            return None;
        }
        let members = self.members(&set, written, around);
        around.remove(name);
        members
    }

    /// What stands under `target`: one place, or the members of a group.
    pub(super) fn place(&mut self, node: &Node) -> Option<Place> {
        let text = self.spanned_text(node, "`target`")?;
        if text.value.contains("${{") {
            return self.template(node, "`target`").map(|name| Place::One(TargetRef::Computed(name)));
        }
        if is_identifier(&text.value)
            && (text.value == "local" || self.shared.inventory.target(&text.value).is_some())
        {
            return Some(Place::One(TargetRef::Named(text.value)));
        }
        let set = match TargetSet::parse(&text.value) {
            Ok(set) => set,
            Err(why) => {
                self.bad_set(&text, &why);
                return None;
            }
        };
        let members = self.members(&set, &text, &mut HashSet::new())?;
        if members.is_empty() && !self.shared.incomplete {
            let message = format!("`{}` is an empty set of targets", text.value);
            self.report(Diagnostic::error(Code::EMPTY_GROUP, text.span, message));
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
}
