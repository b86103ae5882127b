//! Where the file is, how it is opened, and which tables are in it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::fault::{Fault, is_busy, is_damage};
use crate::port::StoreError;

/// The file in the store's directory.
const FILE: &str = "runs.db";

/// The version of the tables below. Raise it with every change, and migrate the older ones.
const VERSION: i64 = 1;

/// How long a statement waits for other processes. Their transactions are short, so whoever waits longer
/// waits for something broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// Statements kept prepared on each connection: more than there are.
const STATEMENTS: usize = 64;

/// The plan has a table of its own because the row of a run is rewritten with every append.
const TABLES: &str = "
    CREATE TABLE runs (
        key     INTEGER PRIMARY KEY,
        id      TEXT NOT NULL UNIQUE,
        runbook TEXT NOT NULL,
        title   TEXT,
        file    TEXT,
        started TEXT NOT NULL,
        digest  TEXT NOT NULL,
        status  TEXT NOT NULL,
        updated TEXT NOT NULL,
        length  INTEGER NOT NULL,
        head    TEXT NOT NULL,
        claim   TEXT
    ) STRICT;
    CREATE TABLE plans (
        run  INTEGER PRIMARY KEY REFERENCES runs (key),
        plan TEXT NOT NULL
    ) STRICT;
    CREATE TABLE entries (
        run   INTEGER NOT NULL REFERENCES runs (key),
        seq   INTEGER NOT NULL,
        at    TEXT NOT NULL,
        entry TEXT NOT NULL,
        hash  TEXT NOT NULL,
        PRIMARY KEY (run, seq)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE locks (
        key TEXT PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs (key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE answers (
        number INTEGER PRIMARY KEY,
        run    INTEGER NOT NULL REFERENCES runs (key),
        token  TEXT NOT NULL,
        answer TEXT NOT NULL,
        UNIQUE (run, token)
    ) STRICT;
";

/// The directory and the very file that was opened.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    file: PathBuf,
    /// Device and inode of the file.
    identity: (u64, u64),
}

impl Place {
    /// The store in `dir`, made when it is not there.
    pub(super) fn create(dir: PathBuf) -> Result<Self, StoreError> {
        let failed = |error| unavailable(&dir, &error);
        make_dir(&dir).map_err(failed)?;
        let file = dir.join(FILE);
        make_file(&file).map_err(failed)?;
        let metadata = fs::metadata(&file).map_err(failed)?;
        Self::prepare(dir, file, &metadata)
    }

    /// The store in `dir` if there is one.
    pub(super) fn find(dir: PathBuf) -> Result<Option<Self>, StoreError> {
        let file = dir.join(FILE);
        match fs::metadata(&file) {
            Ok(metadata) => Self::prepare(dir, file, &metadata).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(&dir, &error)),
        }
    }

    fn prepare(dir: PathBuf, file: PathBuf, metadata: &Metadata) -> Result<Self, StoreError> {
        let place = Place { dir, file, identity: identity(metadata) };
        let connection = place.connect()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match prepare(&connection) {
                // Turning on the log mode does not wait for other processes that do the same.
                Err(Fault::Sql(error)) if is_busy(&error) && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(fault) => return Err(place.explain(fault)),
                Ok(()) => break,
            }
        }
        Ok(place)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A connection to the file, which must be there.
    pub(super) fn connect(&self) -> Result<Connection, StoreError> {
        let open = || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&self.file, flags)?;
            connection.busy_timeout(PATIENCE)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS);
            // Where a sync leaves data in the disk's cache (macOS), ask for more.
            connection.pragma_update(None, "fullfsync", true)?;
            Ok(connection)
        };
        open().map_err(|error| self.explain(Fault::Sql(error)))
    }

    /// Refuses to go on when the file is not there any more: SQLite would write to the deleted file, and
    /// the log would be lost without a word.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match fs::metadata(&self.file) {
            Ok(metadata) if identity(&metadata) == self.identity => Ok(()),
            Ok(_) => Err(self.unavailable("the file was replaced while it was in use")),
            Err(error) => Err(self.unavailable(&format!("the file cannot be reached any more: {error}"))),
        }
    }

    /// The error that callers see.
    pub(super) fn explain(&self, fault: Fault) -> StoreError {
        match fault {
            Fault::Found(error) => error,
            Fault::Sql(error) => self.explain_sql(&error),
        }
    }

    /// The error that callers see for `error`.
    pub(super) fn explain_sql(&self, error: &rusqlite::Error) -> StoreError {
        if is_damage(error) {
            StoreError::Damaged(format!("{}: {error}", self.file.display()))
        } else {
            self.unavailable(&error.to_string())
        }
    }

    fn unavailable(&self, why: &str) -> StoreError {
        StoreError::Unavailable(format!("{}: {why}", self.file.display()))
    }
}

fn unavailable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("{}: {error}", path.display()))
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Makes sure that the tables are there and are of this version.
fn prepare(connection: &Connection) -> Result<(), Fault> {
    if version(connection)? != VERSION {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let result = migrate(connection).and_then(|()| Ok(connection.execute_batch("COMMIT")?));
        if !connection.is_autocommit() {
            // What went wrong before it says more.
            let _ = connection.execute_batch("ROLLBACK");
        }
        result?;
    }
    // Asked for on its own, so that an open of a file that has it already writes nothing.
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        if mode != "wal" {
            let text = format!("its file system allows no write-ahead log (mode `{mode}`)");
            return Err(StoreError::Unavailable(text).into());
        }
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the tables to this version, inside a transaction.
fn migrate(connection: &Connection) -> Result<(), Fault> {
    match version(connection)? {
        // Somebody else was faster.
        VERSION => Ok(()),
        0 => {
            let tables: i64 =
                connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            if tables > 0 {
                let text = "the file belongs to another program".to_owned();
                return Err(StoreError::Damaged(text).into());
            }
            connection.execute_batch(TABLES)?;
            connection.pragma_update(None, "user_version", VERSION)?;
            Ok(())
        }
        other => {
            let text = format!("its format is version {other}, this program knows up to version {VERSION}");
            Err(StoreError::Damaged(text).into())
        }
    }
}

/// Makes `dir`, for its owner only, and whatever leads to it. In a directory that is shared by its group, for the group.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dir(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) if is_shared(parent) => fs::set_permissions(dir, Permissions::from_mode(SHARED | 0o770))?,
        Err(error) if !dir.is_dir() => return Err(error),
        _ => {}
    }
    // The directory's name must survive the death of the machine, or the log in it would not.
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// What is made in such a directory belongs to the directory's group.
const SHARED: u32 = 0o2000;

/// Whether somebody has made `directory` for a group to share: its members write into it, and what they make is the
/// group's.
fn is_shared(directory: Option<&Path>) -> bool {
    let mode = directory.and_then(|directory| fs::metadata(directory).ok()).map_or(0, |found| found.mode());
    mode & (SHARED | 0o020) == SHARED | 0o020
}

/// Makes `file`, for its owner only, unless it is there; in a directory that is shared by its group, for the group.
fn make_file(file: &Path) -> io::Result<()> {
    // Closing a file gives up all locks that this process has on it, those of other connections included.
    // So it is opened here only if it is not there, and by one thread at a time.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        // SQLite gives its log and its index the same permissions.
        Ok(_) if is_shared(file.parent()) => fs::set_permissions(file, Permissions::from_mode(0o660)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
