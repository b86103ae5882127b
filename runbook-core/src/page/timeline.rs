//! What took how long, as a picture.

use std::fmt::Write as _;

use super::{Tone, elapsed, html, short};

/// One line of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) tone: Tone,
    pub(crate) bars: Vec<Bar>,
}

/// One part of a line, in milliseconds from the beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// `bar`, `wait` (for people) or `after` (the action, while it is verified).
    pub(crate) class: &'static str,
}

const NAMES: f64 = 210.0;
const CHART: f64 = 640.0;
const LINE: f64 = 22.0;
const HEAD: f64 = 22.0;

/// The picture of `rows`, which take `total` milliseconds; empty without any.
pub(crate) fn timeline(rows: &[Row], total: i64) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let total = total.max(1);
    let at = |millis: i64| NAMES + CHART * (millis.clamp(0, total) as f64 / total as f64);
    let height = HEAD + LINE * rows.len() as f64 + 6.0;
    let width = NAMES + CHART + 70.0;
    let mut text = format!(
        "<div class=\"picture time\"><svg viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"What took how long\">\n"
    );
    let step = tick(total);
    let mut mark = 0;
    while mark <= total {
        let x = at(mark);
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "<path class=\"axis\" d=\"M{x:.1} {HEAD:.0}V{height:.0}\"/><text class=\"tick\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"13\">{}</text>",
            tick_name(mark)
        );
        mark += step;
    }
    for (number, row) in rows.iter().enumerate() {
        let y = HEAD + LINE * number as f64;
        let _ = writeln!(
            text,
            "<g class=\"{}\"><title>{}</title><text class=\"sub\" x=\"0\" y=\"{:.1}\">{}</text>",
            row.tone.class(),
            html(&row.name),
            y + 15.0,
            html(&short(&row.name, 31))
        );
        for bar in &row.bars {
            let (from, to) = (at(bar.from), at(bar.to));
            let _ = writeln!(
                text,
                "<rect class=\"{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"12\" rx=\"2\"/>",
                bar.class,
                y + 5.0,
                (to - from).max(2.0)
            );
        }
        let ends = row.bars.iter().map(|bar| bar.to).max().unwrap_or(0);
        let begins = row.bars.iter().map(|bar| bar.from).min().unwrap_or(0);
        let _ = writeln!(
            text,
            "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            at(ends).max(at(begins) + 2.0) + 6.0,
            y + 15.0,
            elapsed(ends - begins)
        );
    }
    text + "</svg></div>\n"
}

/// The distance of two marks: a round length of time, four to eight of them in all.
fn tick(total: i64) -> i64 {
    const ROUND: [i64; 24] = [
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        1_800_000,
        3_600_000,
        7_200_000,
        21_600_000,
        86_400_000,
        604_800_000,
    ];
    ROUND.into_iter().find(|step| total / step <= 7).unwrap_or(total / 4 + 1)
}

fn tick_name(millis: i64) -> String {
    match millis {
        0 => "0".to_owned(),
        1..=999 => format!("{millis} ms"),
        1_000..=59_999 if millis % 1000 == 0 => format!("{} s", millis / 1000),
        1_000..=59_999 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        60_000..=3_599_999 if millis % 60_000 == 0 => format!("{} min", millis / 60_000),
        60_000..=3_599_999 => format!("{}:{:02}", millis / 60_000, millis / 1000 % 60),
        _ => format!("{}:{:02} h", millis / 3_600_000, millis / 60_000 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_neither_too_few_nor_too_many_marks() {
        for total in [1, 7, 80, 999, 12_345, 61_000, 3_600_000, 90_000_000, 10_000_000_000] {
            let marks = total / tick(total) + 1;
            assert!((2..=8).contains(&marks), "{total}: {marks}");
        }
    }
}
