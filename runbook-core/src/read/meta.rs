//! What says who and what a runbook is, and decides nothing.

use jiff::civil::Date;

use super::fields::Fields;
use super::keys;
use super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::ids::is_name;
use crate::model::{Link, LintException, Metadata};
use crate::schedule::{Schedule, ScheduleError};
use crate::source::Span;
use crate::yaml::Node;

impl Reader<'_> {
    pub(super) fn metadata(&mut self, fields: &Fields<'_>) -> Metadata {
        let mut meta = Metadata::default();
        let name =
            self.require(fields, "name", "a runbook").and_then(|node| self.spanned_text(node, "`name`"));
        if let Some(name) = name {
            if !is_name(&name.value) {
                let message = format!("`{}` cannot be a runbook's name", name.value);
                self.report(
                    Diagnostic::error(Code::BAD_NAME, name.span, message)
                        .note("names of runbooks are small letters, digits, `-`, `_` and `.`")
                        .help("put text for people under `title`"),
                );
            }
            meta.name = name.value;
        }
        let mut text = |key: &str| fields.get(key).and_then(|node| self.text(node, &format!("`{key}`")));
        meta.title = text("title");
        meta.description = text("description");
        meta.owner = text("owner");
        meta.severity = text("severity");
        meta.labels = fields.get("labels").map(|node| self.labels(node)).unwrap_or_default();
        meta.links = self.links(fields);
        meta.review_by = fields.get("review_by").and_then(|node| self.date(node));
        meta.schedule = fields.get("schedule").and_then(|node| self.schedule(node));
        self.lint_exceptions(fields, Span { start: 0, end: u32::MAX, ..fields.span });
        meta
    }

    /// What lints do not report of what is written `within`.
    pub(super) fn lint_exceptions(&mut self, fields: &Fields<'_>, within: Span) {
        let Some(node) = fields.get("lint_exceptions") else { return };
        let Some(exceptions) = self.fields(node, "`lint_exceptions`", &[keys::LINT_EXCEPTIONS]) else {
            return;
        };
        for (lint, node) in exceptions.map.iter() {
            let Some(reason) = self.text(node, &format!("`{}`", lint.value)) else { continue };
            if reason.trim().is_empty() {
                let message = format!("`{}` is silenced without a reason", lint.value);
                self.report(
                    Diagnostic::error(Code::LINT_EXCEPTION_WITHOUT_REASON, node.span, message)
                        .help("say why the lint is wrong here"),
                );
            }
            self.shared.lint_exceptions.push(LintException { lint: lint.clone(), reason, within });
        }
    }

    pub(super) fn links(&mut self, fields: &Fields<'_>) -> Vec<Link> {
        let mut links = Vec::new();
        for node in fields.get("links").map(|node| self.items(node, "`links`")).unwrap_or_default() {
            let Some(link) = self.fields(node, "a link", &[keys::LINK]) else { continue };
            let title = self.require(&link, "title", "a link").and_then(|n| self.text(n, "`title`"));
            let url = self.require(&link, "url", "a link").and_then(|n| self.text(n, "`url`"));
            if let (Some(title), Some(url)) = (title, url) {
                links.push(Link { title, url });
            }
        }
        links
    }

    fn schedule(&mut self, node: &Node) -> Option<Schedule> {
        let fields = self.fields(node, "`schedule`", &[keys::SCHEDULE])?;
        let zone = fields.get("timezone").and_then(|node| self.spanned_text(node, "`timezone`"));
        let cron =
            self.require(&fields, "cron", "`schedule`").and_then(|node| self.spanned_text(node, "`cron`"))?;
        let problems = match Schedule::new(&cron.value, zone.as_ref().map(|zone| zone.value.as_str())) {
            Ok(schedule) => return Some(schedule),
            Err(problems) => problems,
        };
        for problem in problems {
            let message = problem.to_string();
            self.report(match problem {
                ScheduleError::Zone { meant, .. } => {
                    let span = zone.as_ref().map_or(node.span, |zone| zone.span);
                    let problem = Diagnostic::error(Code::BAD_TIMEZONE, span, message);
                    match meant {
                        Some(name) => problem.help(format!("did you mean `{name}`?")),
                        None => problem.help("write a name of the tz database, such as `Europe/Moscow` or `UTC`"),
                    }
                }
                _ => Diagnostic::error(Code::BAD_CRON, cron.span, "`cron` is not a time that can be scheduled")
                    .label(message)
                    .help("write five fields such as `30 3 * * 1-5` (minute, hour, day of the month, month, day of the week), or `@daily`"),
            });
        }
        None
    }

    fn date(&mut self, node: &Node) -> Option<Date> {
        let text = self.text(node, "`review_by`")?;
        let date = text.parse().ok();
        if date.is_none() {
            self.report(
                Diagnostic::error(Code::BAD_DATE, node.span, format!("`{text}` is not a date"))
                    .help("write for example `2027-01-31`"),
            );
        }
        date
    }
}
