//! What a key may hold.

use std::fmt::Write as _;

/// What a key may hold.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// Anything.
    Any,
    /// Nothing at all (`ps:`).
    Nothing,
    /// A text as it is.
    Text,
    /// A text that may have `${{ }}` in it.
    Template,
    /// A bare expression.
    Expression,
    /// `true` or `false`.
    Bool,
    /// A whole number in this range.
    Whole(u64, u64),
    /// A number.
    Number,
    /// A length of time with units.
    Duration,
    /// A number of targets or items, or a percentage of them.
    Share,
    /// A number of bytes, with or without a unit.
    Size,
    /// A regular expression.
    Regex,
    /// A day.
    Date,
    /// A name that expressions can use.
    Identifier,
    /// The name of a file's content: small letters, digits, `-`, `_`, `.`.
    Name,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A list that may be empty.
    List(&'static Shape),
    /// A list with at least one item.
    Items(&'static Shape),
    /// A map of names to values.
    Map(Names, &'static Shape),
    /// A map with the keys of this place.
    Place(&'static str),
    /// One of these.
    Either(&'static [Shape]),
}

/// What the keys of a free map may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Names {
    /// Any text.
    Any,
    /// Names that expressions can use.
    Identifiers,
    /// Names of environment variables.
    Variables,
}

/// One text or several.
pub(super) const TEXTS: Shape = Shape::Either(&[Shape::Template, Shape::Items(&Shape::Template)]);
/// A list of steps.
pub(super) const STEPS: Shape = Shape::Items(&Shape::Place("step"));
/// One check or several.
pub(super) const CHECKS: Shape = Shape::Either(&[CHECK, Shape::Items(&CHECK)]);
const CHECK: Shape = Shape::Either(&[Shape::Place("check"), Shape::Expression]);
/// Named values with expressions in their texts.
pub(super) const VALUES: Shape = Shape::Map(Names::Identifiers, &Shape::Any);
/// Environment variables.
pub(super) const ENV: Shape = Shape::Map(Names::Variables, &Shape::Template);
/// Names with expressions.
pub(super) const OUTPUTS: Shape = Shape::Map(Names::Identifiers, &Shape::Expression);
/// A number from 1.
pub(super) const COUNT: Shape = Shape::Whole(1, u32::MAX as u64);

impl Shape {
    /// What it is, in a few words of Markdown.
    pub fn describe(&self) -> String {
        match self {
            Shape::Any => "anything".to_owned(),
            Shape::Nothing => "nothing".to_owned(),
            Shape::Text => "text".to_owned(),
            Shape::Template => "text with `${{ }}`".to_owned(),
            Shape::Expression => "expression".to_owned(),
            Shape::Bool => "`true` or `false`".to_owned(),
            Shape::Whole(least, most) if *most >= u64::from(u32::MAX) => format!("whole number from {least}"),
            Shape::Whole(least, most) => format!("whole number from {least} to {most}"),
            Shape::Number => "number".to_owned(),
            Shape::Duration => "duration".to_owned(),
            Shape::Share => "number or percentage".to_owned(),
            Shape::Size => "size".to_owned(),
            Shape::Regex => "regular expression".to_owned(),
            Shape::Date => "date".to_owned(),
            Shape::Identifier => "identifier".to_owned(),
            Shape::Name => "name".to_owned(),
            Shape::Words(words) => {
                let mut text = String::new();
                for (place, word) in words.iter().enumerate() {
                    let between = match place {
                        0 => "",
                        last if last + 1 == words.len() => " or ",
                        _ => ", ",
                    };
                    // Writing into a text cannot fail.
                    let _ = write!(text, "{between}`{word}`");
                }
                text
            }
            Shape::List(item) | Shape::Items(item) => format!("list of {}", item.plural()),
            Shape::Map(_, value) => format!("map of names to {}", value.plural()),
            Shape::Place(name) => match super::place(name) {
                Some(place) if place.what.starts_with('`') => "map".to_owned(),
                Some(place) => place.what.trim_start_matches("an ").trim_start_matches("a ").to_owned(),
                None => (*name).to_owned(),
            },
            Shape::Either(shapes) => {
                let mut texts: Vec<String> = Vec::new();
                for text in shapes.iter().map(Shape::describe) {
                    if !texts.contains(&text) {
                        texts.push(text);
                    }
                }
                texts.join(", or ")
            }
        }
    }

    fn plural(&self) -> String {
        match self {
            Shape::Any => "values".to_owned(),
            Shape::Text => "texts".to_owned(),
            Shape::Template => "texts with `${{ }}`".to_owned(),
            Shape::Either(shapes) => shapes.iter().map(Shape::plural).collect::<Vec<_>>().join(" or "),
            Shape::List(_) | Shape::Items(_) => self.describe().replacen("list", "lists", 1),
            Shape::Bool | Shape::Words(_) => self.describe(),
            other => format!("{}s", other.describe()),
        }
    }
}
