//! As which user commands run.

use super::keys;
use super::reader::Reader;
use crate::expr::Template;
use crate::model::Become;
use crate::yaml::Node;

impl Reader<'_> {
    /// As which user: `true` is root, `false` takes a default back.
    pub(super) fn becomes(&mut self, node: &Node) -> Option<Become> {
        if node.as_scalar().is_some() {
            return match self.bool(node, "`become`")? {
                true => Some(Become { user: Template::literal("root"), password: None }),
                false => None,
            };
        }
        let fields = self.fields(node, "`become`", &[keys::BECOME])?;
        fields.get("method").and_then(|node| self.word(node, "`method`", &[("sudo", ())]));
        let user = match fields.get("user") {
            Some(node) => self.template(node, "`user`")?,
            None => Template::literal("root"),
        };
        let password = fields.get("password").and_then(|node| self.template(node, "`password`"));
        Some(Become { user, password })
    }
}
