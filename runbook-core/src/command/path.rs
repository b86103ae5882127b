//! Paths as far as they are known, and where they lead.

use super::arg::Arg;

/// How many directories a command may be in before nothing is known any more.
const MAX_PLACES: usize = 8;

/// The directories in which a command may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cwd {
    /// None stands for a directory nobody knows.
    places: Vec<Option<String>>,
}

impl Cwd {
    /// One directory, known or not.
    pub fn at(place: Option<&str>) -> Self {
        Cwd { places: vec![place.filter(|p| p.starts_with('/')).map(clean)] }
    }

    pub(super) fn places(&self) -> &[Option<String>] {
        &self.places
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        self.places = vec![None];
    }

    /// The command may have changed to `to`, or may have failed to.
    pub(super) fn change(&mut self, to: Option<&str>) {
        let mut next = self.places.clone();
        for place in &self.places {
            let new = to.and_then(|to| join(place.as_deref(), to));
            if !next.contains(&new) {
                next.push(new);
            }
        }
        self.places = if next.len() > MAX_PLACES { vec![None] } else { next };
    }
}

/// `path` in the directory `cwd`; none when that is not known.
pub(super) fn join(cwd: Option<&str>, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return Some(clean(path));
    }
    if path.starts_with('~') {
        return None;
    }
    cwd.map(|cwd| clean(&format!("{cwd}/{path}")))
}

/// `path` without `.`, `..` and double slashes.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether writing to `path` leaves no trace.
pub(super) fn is_sink(path: &str) -> bool {
    let descriptor = path.strip_prefix("/dev/fd/").is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    matches!(path, "/dev/null" | "/dev/stdout" | "/dev/stderr" | "/dev/tty") || descriptor
}

/// The last component of what is known of a path.
pub(super) fn last_component(path: &Arg) -> String {
    let shown = path.show();
    shown.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned()
}
