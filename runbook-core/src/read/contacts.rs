//! People to be told, the ways to reach them, and the step that does it.

use super::fields::Fields;
use super::keys;
use super::reader::{Reader, as_written};
use crate::diag::{Code, Diagnostic};
use crate::model::{Channel, Command, Contact, Notify, Via};
use crate::source::{Span, Spanned};
use crate::yaml::Node;

impl Reader<'_> {
    /// `contacts` and `channels` of one file.
    pub(super) fn people(&mut self, fields: &Fields<'_>) {
        if let Some(node) = fields.get("channels") {
            self.channels(node);
        }
        if let Some(node) = fields.get("contacts") {
            self.contacts(node);
        }
    }

    fn contacts(&mut self, node: &Node) {
        let Some(map) = node.as_map() else {
            self.unread.contacts = true;
            return self.wrong_type(node, "`contacts`", "a map of names, such as `{L1: {channel: oncall}}`");
        };
        for (name, node) in map.iter() {
            if !self.may_be_told(name, "a contact") {
                continue;
            }
            match self.contact(node) {
                Some(contact) => self.shared.contacts.push((name.clone(), contact)),
                None => self.unread.contacts = true,
            }
        }
    }

    fn channels(&mut self, node: &Node) {
        let Some(map) = node.as_map() else {
            self.unread.contacts = true;
            let expected = "a map of names, such as `{oncall: {command: [argv]}}`";
            return self.wrong_type(node, "`channels`", expected);
        };
        for (name, node) in map.iter() {
            if !self.may_be_told(name, "a channel") {
                continue;
            }
            match self.channel(node) {
                Some(channel) => self.shared.channels.push((name.clone(), channel)),
                None => self.unread.contacts = true,
            }
        }
    }

    /// Whether `name` can stand under `to`, and nothing else has it.
    fn may_be_told(&mut self, name: &Spanned<String>, what: &str) -> bool {
        let fits = name.value.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        if !fits {
            let message = format!("`{}` cannot be the name of {what}", name.value);
            let problem = Diagnostic::error(Code::BAD_NAME, name.span, message);
            self.report(
                problem.note("such names are Latin letters, digits, `_` and `-`, and begin with a letter"),
            );
            self.unread.contacts = true;
            return false;
        }
        // One name space: `to` takes both.
        let contacts = self.shared.contacts.iter().map(|(name, _)| name);
        let mut names = contacts.chain(self.shared.channels.iter().map(|(name, _)| name));
        if let Some(first) = names.find(|first| first.value == name.value).map(|first| first.span) {
            self.unread.contacts = true;
            self.defined_twice("contact or channel", name, first);
            return false;
        }
        true
    }

    fn contact(&mut self, node: &Node) -> Option<Contact> {
        let fields = self.fields(node, "a contact", &[keys::CONTACT])?;
        let text = |reader: &mut Self, key: &str| {
            fields.get(key).and_then(|node| reader.text(node, &format!("`{key}`")))
        };
        Some(Contact {
            role: text(self, "role"),
            name: text(self, "name"),
            channel: fields.get("channel").and_then(|node| self.spanned_text(node, "`channel`")),
            phone: text(self, "phone"),
            email: text(self, "email"),
            handle: text(self, "handle"),
            labels: fields.get("labels").map(|node| self.labels(node)).unwrap_or_default(),
        })
    }

    fn channel(&mut self, node: &Node) -> Option<Channel> {
        let fields = self.fields(node, "a channel", &[keys::CHANNEL, keys::CHANNEL_KINDS])?;
        let around = ["env", "timeout"];
        let mut kinds = fields.map.iter().filter(|(key, _)| {
            let known = keys::CHANNEL.iter().chain(keys::CHANNEL_KINDS).any(|(name, _)| *name == key.value);
            !around.contains(&key.value.as_str()) && (known || self.kinds.action(&key.value).is_some())
        });
        let first = kinds.next();
        let second = kinds.next();
        let Some((kind, value)) = first else {
            if !fields.has_hints() && !fields.puzzling {
                let problem = Diagnostic::error(Code::MISSING_KEY, node.span, "this channel leads nowhere");
                self.report(problem.help("add one of `command`, `file`, `http`"));
            }
            return None;
        };
        if let Some((second, _)) = second {
            let message = format!("`{}` and `{}` in one channel", kind.value, second.value);
            self.report(
                Diagnostic::error(Code::SEVERAL_ACTIONS, second.span, message)
                    .also(kind.span, "the first way")
                    .help("make two channels of it"),
            );
        }
        let env = fields.get("env").map(|node| self.env(node)).unwrap_or_default();
        if fields.has("env") && kind.value != "command" {
            let message = format!("`env` means nothing for `{}`", kind.value);
            let problem = Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("env"), message);
            self.report(problem.help("remove `env`"));
        }
        let timeout = fields.get("timeout").and_then(|node| self.limit(node, "`timeout`"));
        let via = match kind.value.as_str() {
            "command" if value.as_scalar().is_some() => {
                let message = "the command of a channel is a list: no shell reads it";
                let problem = Diagnostic::error(Code::WRONG_TYPE, value.span, message);
                self.report(problem.help("write `command: [mail, -s, \"${{ subject }}\", oncall]`"));
                return None;
            }
            "command" if value.as_seq().is_some_and(<[Node]>::is_empty) => {
                let message = "`command` holds no command";
                self.report(Diagnostic::error(Code::EMPTY_LIST, value.span, message));
                return None;
            }
            "command" => match self.command(value)? {
                Command::Argv(argv) => {
                    self.judge_words(value, &argv);
                    Via::Command { argv, env }
                }
                Command::Script(_) => return None,
            },
            "file" => Via::File(self.template(value, "`file`")?),
            other => Via::Custom(self.channel_of(other, value, &fields)?),
        };
        Some(Channel { via, timeout: timeout.unwrap_or(Channel::PATIENCE) })
    }

    /// A channel that an executor brings: one that tells people something and does nothing else.
    fn channel_of(
        &mut self,
        key: &str,
        node: &Node,
        around: &Fields<'_>,
    ) -> Option<crate::model::CustomAction> {
        let custom = self.custom(key, node, around)?;
        let tells = self.kinds.action(key).is_some_and(|kind| kind.is_channel(&as_written(&custom.params)));
        if !tells {
            let message = format!("`{key}` acts on systems, so it cannot be a channel");
            let problem = Diagnostic::error(Code::NOT_A_CHANNEL, around.key_span(key), message);
            self.report(
                problem.help("a channel is a `command`, a `file`, or an `http` request that posts a message"),
            );
            return None;
        }
        Some(custom)
    }

    /// The action `notify`.
    pub(super) fn notify(&mut self, node: &Node) -> Option<Notify> {
        if node.as_scalar().is_some() {
            let message = "`notify` says who is told what";
            let problem = Diagnostic::error(Code::WRONG_TYPE, node.span, message);
            self.report(problem.help("write `notify: {to: oncall, message: …}`"));
            return None;
        }
        let fields = self.fields(node, "`notify`", &[keys::NOTIFY])?;
        let to = self.require(&fields, "to", "`notify`").map(|node| self.recipients(node));
        let message =
            self.require(&fields, "message", "`notify`").and_then(|node| self.template(node, "`message`"));
        let subject = fields.get("subject").and_then(|node| self.template(node, "`subject`"));
        Some(Notify { to: to?, message: message?, subject })
    }

    /// Who is told: one name or several.
    pub(super) fn recipients(&mut self, node: &Node) -> Vec<Spanned<String>> {
        let nodes = match node.as_scalar() {
            Some(_) => std::slice::from_ref(node),
            None => self.items(node, "`to`"),
        };
        if nodes.is_empty() && node.as_seq().is_some() {
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`to` names nobody"));
        }
        let mut names: Vec<Spanned<String>> = Vec::new();
        for node in nodes {
            let Some(name) = self.spanned_text(node, "a name under `to`") else {
                self.unread.contacts = true;
                continue;
            };
            if name.value.contains("${{") {
                self.computed_name(node.span);
            } else if let Some(first) = names.iter().find(|first| first.value == name.value).map(|n| n.span) {
                let message = format!("`{}` would be told twice", name.value);
                let problem = Diagnostic::error(Code::DUPLICATE_NAME, name.span, message);
                self.report(problem.also(first, "first here").help("remove one of them"));
            } else {
                names.push(name);
            }
        }
        names
    }

    fn computed_name(&mut self, span: Span) {
        let message = "who is told must be readable here, not computed";
        let problem = Diagnostic::error(Code::DYNAMIC_REFERENCE, span, message);
        self.report(problem.help("name contacts or channels; or make two steps with `when`"));
    }
}
