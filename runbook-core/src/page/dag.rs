//! Steps and what they wait for, as a picture.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{Tone, html, short};

/// A box of the picture; with members it is drawn around them.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// What others call it in their `needs`.
    pub(crate) id: usize,
    /// Its first line.
    pub(crate) key: String,
    /// Its second line.
    pub(crate) title: String,
    /// A few words in its corner.
    pub(crate) mark: String,
    pub(crate) tone: Tone,
    /// The boxes above it, by id.
    pub(crate) needs: Vec<usize>,
    pub(crate) members: Vec<Shape>,
}

const GAP: f64 = 18.0;
const LAYER_GAP: f64 = 26.0;
const PAD: f64 = 14.0;
const HEAD: f64 = 48.0;
const NODE: f64 = 46.0;
/// How many boxes stand side by side at most.
const ABREAST: usize = 4;
/// How many characters of a line are shown.
const COLUMNS: usize = 34;

/// A box with its place.
struct Placed<'s> {
    shape: &'s Shape,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
    members: Vec<Placed<'s>>,
}

impl Placed<'_> {
    fn shift(&mut self, x: f64, y: f64) {
        self.x += x;
        self.y += y;
        self.members.iter_mut().for_each(|member| member.shift(x, y));
    }
}

/// The picture of `shapes`; empty without any.
pub(crate) fn dag(shapes: &[Shape], label: &str) -> String {
    if shapes.is_empty() {
        return String::new();
    }
    let (placed, width, height) = layers(shapes);
    let (width, height) = (width + 4.0, height + 4.0);
    let mut places = HashMap::new();
    note(&placed, &mut places);
    let mut boxes = String::new();
    placed.iter().for_each(|one| draw(one, &mut boxes));
    let mut edges = String::new();
    placed.iter().for_each(|one| connect(one, &places, &mut edges));
    format!(
        "<div class=\"picture\"><svg viewBox=\"-2 -2 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"{}\">\n{boxes}{edges}</svg></div>\n",
        html(label)
    )
}

/// The boxes, each below what it waits for, with the size of all together.
fn layers(shapes: &[Shape]) -> (Vec<Placed<'_>>, f64, f64) {
    let mut of: HashMap<usize, usize> = HashMap::new();
    for (place, shape) in shapes.iter().enumerate() {
        ids(shape, &mut |id| {
            of.insert(id, place);
        });
    }
    // Needs may be written before what is needed, so depths are settled by repetition.
    let mut depth = vec![0_usize; shapes.len()];
    for _ in 0..shapes.len() {
        let mut changed = false;
        for (place, shape) in shapes.iter().enumerate() {
            let mut needs = Vec::new();
            all_needs(shape, &mut needs);
            let above = needs.iter().filter_map(|need| of.get(need)).filter(|other| **other != place);
            let wanted = above.map(|other| depth[*other] + 1).max().unwrap_or(0);
            if wanted > depth[place] && wanted < shapes.len() {
                depth[place] = wanted;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let deepest = depth.iter().copied().max().unwrap_or(0);
    let mut rows: Vec<Vec<Placed<'_>>> = Vec::new();
    for layer in 0..=deepest {
        let inside = shapes.iter().zip(&depth).filter(|(_, depth)| **depth == layer);
        let mut row: Vec<Placed<'_>> = Vec::new();
        for (shape, _) in inside {
            if row.len() == ABREAST {
                rows.push(std::mem::take(&mut row));
            }
            row.push(place(shape));
        }
        rows.push(row);
    }
    rows.retain(|row| !row.is_empty());
    let breadth = |row: &Vec<Placed<'_>>| {
        row.iter().map(|one| one.width).sum::<f64>() + GAP * (row.len().saturating_sub(1)) as f64
    };
    let width = rows.iter().map(breadth).fold(0.0, f64::max);
    let mut y = 0.0;
    let mut placed = Vec::new();
    for mut row in rows {
        let mut x = (width - breadth(&row)) / 2.0;
        let height = row.iter().map(|one| one.height).fold(0.0, f64::max);
        for one in &mut row {
            one.shift(x, y);
            x += one.width + GAP;
        }
        y += height + LAYER_GAP;
        placed.append(&mut row);
    }
    (placed, width, (y - LAYER_GAP).max(0.0))
}

fn ids(shape: &Shape, each: &mut dyn FnMut(usize)) {
    each(shape.id);
    shape.members.iter().for_each(|member| ids(member, each));
}

fn all_needs(shape: &Shape, needs: &mut Vec<usize>) {
    needs.extend(&shape.needs);
    shape.members.iter().for_each(|member| all_needs(member, needs));
}

fn place(shape: &Shape) -> Placed<'_> {
    let columns = |text: &str| text.chars().count().min(COLUMNS) as f64;
    let own = (columns(&shape.key) * 7.6).max(columns(&shape.title) * 6.5) + 28.0;
    let own = own.max(columns(&shape.key) * 7.6 + columns(&shape.mark) * 6.4 + 44.0).max(130.0);
    if shape.members.is_empty() {
        return Placed { shape, x: 0.0, y: 0.0, width: own, height: NODE, members: Vec::new() };
    }
    let (mut members, width, height) = layers(&shape.members);
    let outer = (width + 2.0 * PAD).max(own);
    members.iter_mut().for_each(|one| one.shift((outer - width) / 2.0, HEAD));
    Placed { shape, x: 0.0, y: 0.0, width: outer, height: height + HEAD + PAD, members }
}

fn note<'s>(placed: &[Placed<'s>], places: &mut HashMap<usize, (f64, f64, f64, f64)>) {
    for one in placed {
        places.insert(one.shape.id, (one.x, one.y, one.width, one.height));
        note(&one.members, places);
    }
}

fn draw(placed: &Placed<'_>, text: &mut String) {
    let Placed { shape, x, y, width, height, members } = placed;
    let class = if members.is_empty() { "node" } else { "group" };
    // Writing into a text cannot fail.
    let _ = writeln!(
        text,
        "<g class=\"{}\"><title>{}</title><rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"7\"/>",
        shape.tone.class(),
        html(&format!("{} {}", shape.key, shape.title)),
    );
    let lines = if shape.title.is_empty() { 28.0 } else { 19.0 };
    let _ = writeln!(
        text,
        "<text class=\"key\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        x + 12.0,
        y + lines,
        html(&short(&shape.key, COLUMNS))
    );
    if !shape.title.is_empty() {
        let _ = writeln!(
            text,
            "<text class=\"sub\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + 12.0,
            y + 34.5,
            html(&short(&shape.title, COLUMNS))
        );
    }
    if !shape.mark.is_empty() {
        let _ = writeln!(
            text,
            "<text class=\"mark\" text-anchor=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            x + width - 11.0,
            y + lines,
            html(&short(&shape.mark, COLUMNS))
        );
    }
    members.iter().for_each(|member| draw(member, text));
    text.push_str("</g>\n");
}

fn connect(placed: &Placed<'_>, places: &HashMap<usize, (f64, f64, f64, f64)>, text: &mut String) {
    let (to_x, to_y) = (placed.x + placed.width / 2.0, placed.y);
    for need in &placed.shape.needs {
        let Some((x, y, width, height)) = places.get(need) else { continue };
        let (from_x, from_y) = (x + width / 2.0, y + height);
        let bend = ((to_y - from_y) / 2.0).max(8.0);
        let _ = writeln!(
            text,
            "<path class=\"edge\" d=\"M{from_x:.1} {from_y:.1}C{from_x:.1} {:.1} {to_x:.1} {:.1} {to_x:.1} {:.1}\"/>\
             <path class=\"tip\" d=\"M{:.1} {:.1}L{to_x:.1} {to_y:.1}L{:.1} {:.1}Z\"/>",
            from_y + bend,
            to_y - bend,
            to_y - 5.0,
            to_x - 4.0,
            to_y - 7.0,
            to_x + 4.0,
            to_y - 7.0,
        );
    }
    placed.members.iter().for_each(|member| connect(member, places, text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(id: usize, needs: &[usize], members: Vec<Shape>) -> Shape {
        Shape {
            id,
            key: format!("step{id}"),
            title: String::new(),
            mark: String::new(),
            tone: Tone::Quiet,
            needs: needs.to_vec(),
            members,
        }
    }

    #[test]
    fn everything_stands_below_what_it_waits_for() {
        let shapes = [
            shape(3, &[1, 2], vec![shape(4, &[], vec![]), shape(5, &[4], vec![])]),
            shape(1, &[0], vec![]),
            shape(2, &[0], vec![]),
            shape(0, &[], vec![]),
        ];
        let (placed, _, _) = layers(&shapes);
        let mut places = HashMap::new();
        note(&placed, &mut places);
        for (below, above) in [(1, 0), (2, 0), (3, 1), (3, 2), (5, 4)] {
            let (_, y, _, height) = places[&above];
            assert!(places[&below].1 >= y + height, "{below} and {above}");
        }
        let (_, y, _, height) = places[&3];
        assert!(places[&5].1 + places[&5].3 <= y + height && places[&4].1 >= y, "members stand inside");
    }

    #[test]
    fn a_circle_ends() {
        let shapes = [shape(0, &[1], vec![]), shape(1, &[0], vec![])];
        assert!(dag(&shapes, "x").contains("step1"));
    }
}
