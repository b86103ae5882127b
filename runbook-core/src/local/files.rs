//! Files of this machine.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::LocalConnection;
use crate::port::{FileLook, TargetFiles};

/// What the name of a backup ends with when it says that nothing was there.
const ABSENT: &str = ".absent";

#[async_trait]
impl TargetFiles for LocalConnection {
    async fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, String> {
        let path = PathBuf::from(path);
        aside(path, move |path| {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            };
            if file.metadata()?.is_dir() {
                return Err(io::Error::other("it is a directory"));
            }
            let mut content = Vec::new();
            file.take(most as u64 + 1).read_to_end(&mut content)?;
            if content.len() > most {
                return Err(io::Error::other(format!("it has more than {most} bytes")));
            }
            Ok(Some(content))
        })
        .await
    }

    async fn write(&self, path: &str, content: &[u8], look: &FileLook) -> Result<(), String> {
        let (content, look) = (content.to_vec(), look.clone());
        aside(PathBuf::from(path), move |path| {
            let path = through_links(path)?;
            let before = fs::metadata(&path).ok();
            let mut file = beside(&path)?;
            file.write_all(&content)?;
            dress(file.as_file(), file.path(), &look, before.as_ref())?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            settle(&path)
        })
        .await
    }

    async fn keep(&self, path: &str, backup: &str) -> Result<(), String> {
        let backup = PathBuf::from(backup);
        aside(PathBuf::from(path), move |path| {
            let path = through_links(path)?;
            let absent = with_ending(&backup, ABSENT);
            if fs::symlink_metadata(&backup).is_ok() || absent.exists() {
                return Ok(());
            }
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => copy_tree(&path, &backup).map(drop)?,
                // A link costs nothing, and whoever replaces the file leaves it alone.
                Ok(_) => fs::hard_link(&path, &backup).or_else(|_| fs::copy(&path, &backup).map(drop))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&absent).map(drop)?;
                }
                Err(error) => return Err(error),
            }
            settle(&backup)
        })
        .await
    }

    async fn put_back(&self, path: &str, backup: &str) -> Result<bool, String> {
        let backup = PathBuf::from(backup);
        aside(PathBuf::from(path), move |path| {
            let path = through_links(path)?;
            let absent = with_ending(&backup, ABSENT);
            if absent.exists() {
                remove(&path)?;
                fs::remove_file(&absent)?;
                settle(&path)?;
                return Ok(true);
            }
            match fs::symlink_metadata(&backup) {
                Ok(meta) if meta.is_dir() => remove(&path)?,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            }
            fs::rename(&backup, &path)?;
            // Of two links to one file `rename` leaves both.
            remove(&backup)?;
            settle(&path)?;
            Ok(true)
        })
        .await
    }

    async fn put(&self, from: &Path, path: &str, look: &FileLook) -> Result<u64, String> {
        let (from, look) = (from.to_owned(), look.clone());
        aside(PathBuf::from(path), move |path| bring(&from, path, &look)).await
    }

    async fn get(&self, path: &str, to: &Path) -> Result<u64, String> {
        let to = to.to_owned();
        aside(PathBuf::from(path), move |path| bring(path, &to, &FileLook::default())).await
    }
}

/// Does `work` with `path` where it may block.
async fn aside<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::task::spawn_blocking(move || {
        work(&path).map_err(|error| format!("`{}`: {error}", path.display()))
    });
    done.await.unwrap_or_else(|error| Err(format!("the task that does it ended: {error}")))
}

/// The file that is meant: what links lead to is replaced, not the link.
fn through_links(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file that can take the place of `path` in one step.
fn beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new().prefix(".runbook-").tempfile_in(parent(path))
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Makes what has happened to `path` outlast the machine.
fn settle(path: &Path) -> io::Result<()> {
    File::open(parent(path))?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Gives `file`, which is at `path`, its permissions and owner.
fn dress(file: &File, path: &Path, look: &FileLook, before: Option<&fs::Metadata>) -> io::Result<()> {
    let mode = look.mode.or(before.map(|before| before.mode() & 0o7777)).unwrap_or(0o644);
    let is_ours = before.is_none_or(|before| {
        rustix::process::geteuid().as_raw() == before.uid()
            && rustix::process::getegid().as_raw() == before.gid()
    });
    match (&look.owner, before) {
        (Some(owner), _) => change_owner(path, owner)?,
        (None, Some(before)) if !is_ours => {
            std::os::unix::fs::chown(path, Some(before.uid()), Some(before.gid()))?;
        }
        _ => {}
    }
    // After the owner: changing that takes some of them away.
    file.set_permissions(Permissions::from_mode(mode))
}

fn change_owner(path: &Path, owner: &str) -> io::Result<()> {
    // Names are looked up where the system keeps them, which `chown` knows.
    let done = std::process::Command::new("chown").arg("--").arg(owner).arg(path).output()?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(io::Error::other(format!("its owner cannot be `{owner}`: {}", said.trim())))
}

/// Brings the file or tree `from` to `to`.
fn bring(from: &Path, to: &Path, look: &FileLook) -> io::Result<u64> {
    let name = |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", from.display()));
    let meta = fs::metadata(from).map_err(name)?;
    if !meta.is_dir() {
        let to = through_links(to)?;
        let to = if to.is_dir() { to.join(from.file_name().unwrap_or_default()) } else { to };
        let before = fs::metadata(&to).ok();
        let mut file = beside(&to)?;
        let bytes = io::copy(&mut File::open(from).map_err(name)?, &mut file)?;
        let look = FileLook { mode: look.mode.or(Some(meta.mode() & 0o7777)), ..look.clone() };
        dress(file.as_file(), file.path(), &look, before.as_ref())?;
        file.as_file().sync_all()?;
        file.persist(&to)?;
        settle(&to)?;
        return Ok(bytes);
    }
    let new = tempfile::Builder::new().prefix(".runbook-").tempdir_in(parent(to))?;
    let tree = new.path().join("tree");
    let bytes = copy_tree(from, &tree)?;
    if let Some(owner) = &look.owner {
        change_owner(&tree, owner)?;
    }
    if let Some(mode) = look.mode {
        fs::set_permissions(&tree, Permissions::from_mode(mode))?;
    }
    let old = new.path().join("old");
    match fs::rename(to, &old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::rename(&tree, to)?,
    }
    settle(to)?;
    Ok(bytes)
}

/// Copies a tree; links stay links.
fn copy_tree(from: &Path, to: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let mut left = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = left.pop() {
        let meta = fs::symlink_metadata(&from)?;
        if meta.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
        } else if meta.is_dir() {
            fs::create_dir(&to)?;
            fs::set_permissions(&to, Permissions::from_mode(meta.mode() & 0o7777 | 0o700))?;
            for entry in fs::read_dir(&from)? {
                let entry = entry?;
                left.push((entry.path(), to.join(entry.file_name())));
            }
        } else if meta.is_file() {
            bytes += fs::copy(&from, &to)?;
            File::open(&to)?.sync_all()?;
        } else {
            return Err(io::Error::other(format!("`{}` is neither a file nor a directory", from.display())));
        }
    }
    Ok(bytes)
}
