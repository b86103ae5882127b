//! A text as lines that keep their ends.

/// The lines of a text. What is not touched comes out as it went in.
pub(super) struct Document {
    /// A byte order mark, if the text begins with one.
    mark: &'static str,
    lines: Vec<Line>,
    /// How new lines end.
    ending: &'static str,
}

struct Line {
    text: String,
    ending: &'static str,
}

const MARK: &str = "\u{feff}";

impl Document {
    pub(super) fn new(text: &str) -> Self {
        let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |rest| (MARK, rest));
        let lines: Vec<Line> = text
            .split_inclusive('\n')
            .map(|line| match (line.strip_suffix("\r\n"), line.strip_suffix('\n')) {
                (Some(text), _) => Line { text: text.to_owned(), ending: "\r\n" },
                (None, Some(text)) => Line { text: text.to_owned(), ending: "\n" },
                (None, None) => Line { text: line.to_owned(), ending: "" },
            })
            .collect();
        let ending =
            lines.first().map(|line| line.ending).filter(|ending| !ending.is_empty()).unwrap_or("\n");
        Document { mark, lines, ending }
    }

    pub(super) fn text(&self) -> String {
        let mut text = self.mark.to_owned();
        for line in &self.lines {
            text.push_str(&line.text);
            text.push_str(line.ending);
        }
        text
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line at `index`, without its end.
    pub(super) fn line(&self, index: usize) -> &str {
        self.lines.get(index).map_or("", |line| &line.text)
    }

    /// All lines, without their ends.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|line| line.text.as_str())
    }

    /// Gives the line at `index` another text.
    pub(super) fn replace(&mut self, index: usize, text: String) {
        if let Some(line) = self.lines.get_mut(index) {
            line.text = text;
        }
    }

    /// Puts lines before the one at `index`; at the end a missing last line break stays missing.
    pub(super) fn insert(&mut self, index: usize, texts: Vec<String>) {
        let index = index.min(self.lines.len());
        let ending = self.ending;
        let mut new: Vec<Line> = texts.into_iter().map(|text| Line { text, ending }).collect();
        if index == self.lines.len()
            && let (Some(before), Some(last)) = (self.lines.last_mut(), new.last_mut())
            && before.ending.is_empty()
        {
            before.ending = ending;
            last.ending = "";
        }
        self.lines.splice(index..index, new);
    }

    /// Takes out the lines from `start` up to `end`.
    pub(super) fn remove(&mut self, start: usize, end: usize) {
        let end = end.min(self.lines.len());
        self.lines.drain(start.min(end)..end);
    }

    /// Keeps the lines for which `keep` holds.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.lines.retain(|line| keep(&line.text));
    }
}

/// The numbers of lines as people count them: `3 and 7`.
pub(super) fn numbers(indices: &[usize]) -> String {
    let numbers: Vec<String> = indices.iter().map(|index| (index + 1).to_string()).collect();
    match numbers.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
