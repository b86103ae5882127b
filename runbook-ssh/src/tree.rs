//! Files and trees on the engine's machine: packed to be sent, and put into their place.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A tree as one file, and how many bytes the files in it have.
pub(crate) fn pack(tree: &Path) -> io::Result<(File, u64)> {
    let mut archive = tar::Builder::new(tempfile::tempfile()?);
    archive.follow_symlinks(false);
    archive.append_dir_all(".", tree)?;
    let mut file = archive.into_inner()?;
    file.flush()?;
    file.rewind()?;
    let mut bytes = 0;
    for entry in tar::Archive::new(&mut file).entries()? {
        bytes += entry?.size();
    }
    file.rewind()?;
    Ok((file, bytes))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts what was fetched at `to`, which may be a directory.
pub(crate) fn place_file(mut body: File, mode: u32, from: &Path, to: &Path) -> io::Result<u64> {
    let to = std::fs::canonicalize(to).unwrap_or_else(|_| to.to_owned());
    let to = if to.is_dir() { to.join(from.file_name().unwrap_or_default()) } else { to };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", to.display()));
    let mut place = || {
        let mut file = tempfile::Builder::new().prefix(".runbook-").tempfile_in(parent(&to))?;
        let bytes = io::copy(&mut body, &mut file)?;
        file.as_file().set_permissions(PermissionsExt::from_mode(mode & 0o7777))?;
        file.as_file().sync_all()?;
        file.persist(&to)?;
        File::open(parent(&to))?.sync_all()?;
        Ok(bytes)
    };
    place().map_err(named)
}

/// The same for a tree, which takes the place of what is there.
pub(crate) fn place_tree(body: File, to: &Path) -> io::Result<u64> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", to.display()));
    let place = || {
        let aside = tempfile::Builder::new().prefix(".runbook-").tempdir_in(parent(to))?;
        let tree = aside.path().join("tree");
        std::fs::create_dir(&tree)?;
        let mut archive = tar::Archive::new(body);
        archive.set_preserve_permissions(true);
        archive.set_preserve_mtime(true);
        let mut bytes = 0;
        for entry in archive.entries()? {
            let mut entry = entry?;
            bytes += entry.size();
            // Entries that lead out of the tree are left out.
            entry.unpack_in(&tree)?;
        }
        match std::fs::rename(to, aside.path().join("old")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::rename(&tree, to)?,
        }
        File::open(parent(to))?.sync_all()?;
        Ok(bytes)
    };
    place().map_err(named)
}
