//! The files that the corpus includes: those in `included/`, and the file itself.

use std::fs;
use std::path::{Path, PathBuf};

use runbook_core::read::{File, Files};

/// The folder `included`, seen by the corpus file at `own`.
pub(crate) struct Included<'a> {
    pub(crate) own: &'a Path,
}

impl Files for Included<'_> {
    fn read(&self, path: &str, _from: &str) -> Result<File, String> {
        let name = path.trim_start_matches("./").to_owned();
        let own = self.own.file_name().is_some_and(|own| own == name.as_str());
        let path = if own { self.own.to_owned() } else { folder().join(&name) };
        // Not the words of the operating system, which differ.
        let text = fs::read_to_string(path).map_err(|_| "there is no such file".to_owned())?;
        Ok(File { name, text })
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language/included")
}
