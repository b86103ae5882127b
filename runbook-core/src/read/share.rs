//! What several runbooks share: included files, targets, groups, procedures.

use std::collections::HashSet;

use super::keys;
use super::reader::{Fields, Reader};
use super::sets::{Pick, Piece, TargetSet};
use super::{Defaults, File};
use crate::diag::{Code, Diagnostic};
use crate::ids::is_identifier;
use crate::model::{Action, Inventory, NamedTarget, Procedure, Step, StepSpec, TargetRef, ValueTemplate};
use crate::source::{Source, SourceId, Span, Spanned};
use crate::yaml::{self, Node};

/// How many files may be read for one runbook.
const MOST_FILES: usize = 200;

/// What has been read from this file and those it includes.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) inventory: Inventory,
    /// Groups as they are written, until all are known.
    groups: Vec<(Spanned<String>, TargetSet, Span)>,
    pub(super) vars: Vec<(Spanned<String>, ValueTemplate)>,
    pub(super) procedures: Vec<Procedure>,
    /// Names of the files that are read, in the order in which they were begun.
    pub(super) files: Vec<String>,
    /// Those that are being read.
    pub(super) open: Vec<String>,
    /// Whether something was refused that may have defined targets.
    pub(super) incomplete: bool,
}

impl Shared {
    /// Nothing yet, while the file `name` is being read.
    pub(super) fn of(name: &str) -> Self {
        let names = vec![name.to_owned()];
        Shared { files: names.clone(), open: names, ..Shared::default() }
    }
}

impl Reader<'_> {
    /// The files named under `include`.
    pub(super) fn includes(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("include") else { return };
        let nodes = match node.as_scalar() {
            Some(_) => std::slice::from_ref(node),
            None => self.items(node, "`include`"),
        };
        for node in nodes {
            let Some(path) = self.spanned_text(node, "a path in `include`") else { continue };
            let Some((file, root)) = self.open_file(&path) else { continue };
            if let Some(root) = root {
                self.included(&root, &path);
            }
            self.shared.open.retain(|open| *open != file);
        }
    }

    /// Reads the file at `path`, relative to the file that names it. The tree is absent when it was read before.
    fn open_file(&mut self, path: &Spanned<String>) -> Option<(String, Option<Node>)> {
        let from = self.shared.open.last().cloned().unwrap_or_default();
        let refused = |reader: &mut Self, code, message: String, help: &str| {
            reader.shared.incomplete = true;
            reader.report(Diagnostic::error(code, path.span, message).help(help));
            None
        };
        let File { name, text } = match self.files.read(&path.value, &from) {
            Ok(file) => file,
            Err(why) => {
                let message = format!("`{}` cannot be read: {why}", path.value);
                let help = "paths are relative to the file that names them";
                return refused(self, Code::INCLUDE_FAILED, message, help);
            }
        };
        if let Some(at) = self.shared.open.iter().position(|open| *open == name) {
            let mut circle = self.shared.open[at..].to_vec();
            circle.push(name);
            let message = format!("files that include each other in a circle: {}", circle.join(" → "));
            return refused(self, Code::INCLUDE_CIRCLE, message, "move what both need into a third file");
        }
        if self.shared.files.contains(&name) {
            return Some((name, None));
        }
        if self.shared.files.len() >= MOST_FILES {
            let message = format!("more than {MOST_FILES} files for one runbook");
            return refused(self, Code::INCLUDE_FAILED, message, "include fewer files");
        }
        self.shared.files.push(name.clone());
        self.shared.open.push(name.clone());
        let id: SourceId = self.sources.add(Source::new(name.clone(), text.as_str()));
        let root = yaml::parse(id, &text, self.found);
        self.shared.incomplete |= root.is_none();
        Some((name, root))
    }

    fn included(&mut self, root: &Node, path: &Spanned<String>) {
        let kind = root.as_map().and_then(|map| map.get("kind")).and_then(Node::as_str).unwrap_or("");
        match kind {
            "Inventory" => {
                if let Some(fields) = self.fields(root, "an inventory", &[keys::INVENTORY]) {
                    self.version(&fields, "an inventory");
                    self.tables(&fields);
                    if let Some(node) = fields.get("vars") {
                        let vars = self.vars(node);
                        self.add_vars(vars);
                    }
                }
            }
            "Runbook" => {
                if let Some(fields) = self.fields(root, "a runbook", &[keys::RUNBOOK]) {
                    self.version(&fields, "a runbook");
                    self.tables(&fields);
                    if let Some(node) = fields.get("vars") {
                        let vars = self.vars(node);
                        self.add_vars(vars);
                    }
                    let defaults = std::mem::take(&mut self.defaults);
                    if let Some(node) = fields.get("defaults") {
                        self.defaults = self.read_defaults(node);
                    }
                    self.procedures(&fields);
                    self.defaults = defaults;
                }
            }
            "Policy" => self.not_yet(path.span, "an included policy"),
            "RunbookTest" => {
                let message = format!("`{}` is a test, which cannot be included", path.value);
                self.report(Diagnostic::error(Code::INCLUDE_FAILED, path.span, message));
            }
            other => {
                self.shared.incomplete = true;
                let found = if other.is_empty() {
                    "it has no `kind`".to_owned()
                } else {
                    format!("its kind is `{other}`")
                };
                let message = format!("`{}` cannot be included: {found}", path.value);
                self.report(
                    Diagnostic::error(Code::INCLUDE_FAILED, path.span, message)
                        .help("begin the file with `apiVersion: runbook/v1` and `kind: Inventory`"),
                );
            }
        }
    }

    /// `include`, `targets` and `groups` of one file.
    pub(super) fn tables(&mut self, fields: &Fields<'_>) {
        self.includes(fields);
        if let Some(node) = fields.get("targets") {
            self.targets(node);
        }
        if let Some(node) = fields.get("groups") {
            self.groups(node);
        }
    }

    /// Adds variables of an included file before those of the file itself.
    pub(super) fn add_vars(&mut self, vars: Vec<(Spanned<String>, ValueTemplate)>) {
        for (name, value) in vars {
            if let Some((first, _)) = self.shared.vars.iter().find(|(first, _)| first.value == name.value) {
                let first = first.span;
                self.defined_twice("variable", &name, first);
            } else {
                self.shared.vars.push((name, value));
            }
        }
    }

    pub(super) fn defined_twice(&mut self, what: &str, name: &Spanned<String>, first: Span) {
        let message = format!("the {what} `{}` twice", name.value);
        self.report(
            Diagnostic::error(Code::DUPLICATE_NAME, name.span, message)
                .label("again here")
                .also(first, "first here")
                .help("rename one of them"),
        );
    }

    fn targets(&mut self, node: &Node) {
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
            ValueTemplate::Value(crate::value::Value::Null)
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

    fn groups(&mut self, node: &Node) {
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
        for index in 0..self.shared.groups.len() {
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
                Some(super::sets::Part::First) => named.truncate(1),
                Some(super::sets::Part::Rest) => drop(named.drain(..named.len().min(1))),
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

    /// The procedures of one file.
    pub(super) fn procedures(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("procedures") else { return };
        let Some(map) = node.as_map() else {
            return self.wrong_type(node, "`procedures`", "a map of names to lists of steps");
        };
        for (name, node) in map.iter() {
            self.identifier(name, "a procedure");
            let first =
                self.shared.procedures.iter().find(|p| p.name.value == name.value).map(|p| p.name.span);
            if let Some(first) = first {
                self.defined_twice("procedure", name, first);
                continue;
            }
            if let Some(procedure) = self.procedure(name, node) {
                self.shared.procedures.push(procedure);
            }
        }
    }

    fn procedure(&mut self, name: &Spanned<String>, node: &Node) -> Option<Procedure> {
        let target = self.defaults.target.replace(TargetRef::Around);
        let procedure = self.procedure_steps(name, node);
        self.defaults.target = target;
        procedure
    }

    fn procedure_steps(&mut self, name: &Spanned<String>, node: &Node) -> Option<Procedure> {
        let mut procedure = Procedure {
            name: name.clone(),
            span: node.span,
            title: None,
            inputs: Vec::new(),
            vars: Vec::new(),
            steps: Vec::new(),
            outputs: Vec::new(),
        };
        if node.as_seq().is_some() {
            procedure.steps = self.steps(node, "a procedure");
            return Some(procedure);
        }
        let fields = self.fields(node, "a procedure", &[keys::PROCEDURE])?;
        procedure.title = fields.get("title").and_then(|node| self.text(node, "`title`"));
        procedure.inputs = fields.get("inputs").map(|n| self.inputs(n, "an input")).unwrap_or_default();
        procedure.vars = fields.get("vars").map(|node| self.vars(node)).unwrap_or_default();
        procedure.steps = self
            .require(&fields, "steps", "a procedure")
            .map(|node| self.steps(node, "`steps`"))
            .unwrap_or_default();
        procedure.outputs = fields.get("outputs").map(|node| self.outputs(node)).unwrap_or_default();
        Some(procedure)
    }

    /// Another runbook as a procedure; says what it is called in the model.
    pub(super) fn called_file(&mut self, path: &Spanned<String>) -> Option<Spanned<String>> {
        let (name, root) = self.open_file(path)?;
        let own = Spanned::new(name.clone(), path.span);
        if let Some(root) = root {
            let defaults = std::mem::take(&mut self.defaults);
            let depth = std::mem::take(&mut self.depth);
            let place = self.shared.procedures.len();
            if let Some(procedure) = self.book_as_procedure(&own, &root) {
                self.shared.procedures.insert(place.min(self.shared.procedures.len()), procedure);
            }
            (self.defaults, self.depth) = (defaults, depth);
            self.shared.open.retain(|open| *open != name);
        } else if !self.shared.procedures.iter().any(|procedure| procedure.name.value == name) {
            let message = format!("`{}` is included, so it cannot be called", path.value);
            self.report(
                Diagnostic::error(Code::INCLUDE_FAILED, path.span, message)
                    .help("move its steps into a procedure and call that"),
            );
            return None;
        }
        Some(own)
    }

    fn book_as_procedure(&mut self, name: &Spanned<String>, root: &Node) -> Option<Procedure> {
        if !self.header(root) {
            return None;
        }
        let fields = self.fields(root, "a runbook", &[keys::RUNBOOK])?;
        let before = self.shared.vars.len();
        let groups = self.shared.groups.len();
        self.tables(&fields);
        for index in groups..self.shared.groups.len() {
            let (group, set, span) = self.shared.groups[index].clone();
            let written = Spanned::new(group.value.clone(), span);
            let members = self.members(&set, &written, &mut HashSet::from([group.value.clone()]));
            self.shared.inventory.groups.push((group, members.unwrap_or_default()));
        }
        // Variables of files that it includes are its own.
        let mut vars = self.shared.vars.split_off(before);
        for key in ["on_failure", "lock", "escalation"] {
            if fields.has(key) {
                let message = format!("a runbook that is called cannot have `{key}`");
                self.report(
                    Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span(key), message)
                        .also(name.span, "it is called here")
                        .help(
                            "what follows a failure, and what excludes another run, is for the caller to say",
                        ),
                );
            }
        }
        let meta = self.metadata(&fields);
        let inputs = fields.get("inputs").map(|node| self.inputs(node, "an input")).unwrap_or_default();
        vars.extend(fields.get("vars").map(|node| self.vars(node)).unwrap_or_default());
        self.defaults = match fields.get("defaults") {
            Some(node) => self.read_defaults(node),
            None => Defaults::default(),
        };
        self.procedures(&fields);
        let target = self.defaults.target.get_or_insert(TargetRef::Around).clone();
        let preconditions =
            fields.get("preconditions").map(|n| self.checks(n, "`preconditions`")).unwrap_or_default();
        let steps = self
            .require(&fields, "steps", "a runbook")
            .map(|node| self.steps(node, "`steps`"))
            .unwrap_or_default();
        let cleanup = fields.get("finally").map(|node| self.steps(node, "`finally`")).unwrap_or_default();
        let outputs = fields.get("outputs").map(|node| self.outputs(node)).unwrap_or_default();
        let steps = if preconditions.is_empty() && cleanup.is_empty() {
            steps
        } else {
            let spec =
                StepSpec { preconditions, target, ..StepSpec::plain(Action::Group { parallel: false }) };
            vec![Step {
                span: root.span,
                spec: Box::new(spec),
                needs: None,
                children: steps,
                rollback: Vec::new(),
                cleanup,
            }]
        };
        Some(Procedure {
            name: name.clone(),
            span: name.span,
            title: meta.title,
            inputs,
            vars,
            steps,
            outputs,
        })
    }
}

/// What stands under `target`.
pub(super) enum Place {
    /// One place.
    One(TargetRef),
    /// The members of a group.
    Many(Vec<String>),
}
