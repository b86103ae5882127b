//! Sets of targets as they are written: `web`, `web:db`, `web:!web1`, `web:&eu`, `web.first`, `web.rest`.

use crate::ids::is_identifier;
use crate::source::Spanned;

/// A group as it is written, until all are known.
#[derive(Clone, Debug)]
pub(super) struct WrittenGroup {
    pub(super) name: Spanned<String>,
    /// Its members, each with its place.
    pub(super) parts: Vec<Spanned<TargetSet>>,
    /// The targets in it, once that is known; none when it names something that is not.
    pub(super) resolved: Option<Option<Vec<String>>>,
}

/// A set of targets, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TargetSet {
    pub(super) pieces: Vec<Piece>,
}

/// One name in a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) pick: Pick,
    pub(super) name: String,
    pub(super) part: Option<Part>,
}

/// What a name does to the set before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Add,
    Without,
    Within,
}

/// A part of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    First,
    Rest,
}

impl TargetSet {
    /// The set that `text` writes; `Err` says why it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces: Vec<Piece> = Vec::new();
        for piece in text.split([':', ',']) {
            let piece = piece.trim();
            let (pick, rest) = match (piece.strip_prefix('!'), piece.strip_prefix('&')) {
                (Some(rest), _) => (Pick::Without, rest),
                (_, Some(rest)) => (Pick::Within, rest),
                _ => (Pick::Add, piece),
            };
            if pick != Pick::Add && pieces.is_empty() {
                return Err(format!("`{piece}` has nothing before it to choose from"));
            }
            let (name, part) = match rest.split_once('.') {
                Some((name, "first")) => (name, Some(Part::First)),
                Some((name, "rest")) => (name, Some(Part::Rest)),
                Some((_, other)) => return Err(format!("`.{other}` is neither `.first` nor `.rest`")),
                None => (rest, None),
            };
            if !is_identifier(name) {
                let why = if name.is_empty() {
                    "a name is missing".to_owned()
                } else {
                    format!("`{name}` is not a name")
                };
                return Err(why);
            }
            pieces.push(Piece { pick, name: name.to_owned(), part });
        }
        Ok(TargetSet { pieces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_names_with_what_they_do() {
        let set = TargetSet::parse("web:!web1:&eu, db.first").map(|set| set.pieces);
        let piece = |pick, name: &str, part| Piece { pick, name: name.to_owned(), part };
        let expected = vec![
            piece(Pick::Add, "web", None),
            piece(Pick::Without, "web1", None),
            piece(Pick::Within, "eu", None),
            piece(Pick::Add, "db", Some(Part::First)),
        ];
        assert_eq!(set, Ok(expected));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "web:", "!web", "web.second", "web db", ":", "a::b"] {
            assert!(TargetSet::parse(text).is_err(), "{text}");
        }
    }
}
