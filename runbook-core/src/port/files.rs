//! Files of a target.

use std::path::Path;

use async_trait::async_trait;

/// Access to the files of a target. Every change is whole or not at all: who reads a file meanwhile sees
/// the old one or the new one.
#[async_trait]
pub trait TargetFiles: Send + Sync {
    /// The content of the file at `path`; `None` when there is none. A file of more than `most` bytes is refused.
    async fn read(&self, path: &str, most: usize) -> Result<Option<Vec<u8>>, String>;

    /// Puts a file with `content` at `path`. Without a `mode` it keeps that of the file before it, and a new
    /// file is for its owner alone to write.
    async fn write(&self, path: &str, content: &[u8], look: &FileLook) -> Result<(), String>;

    /// Keeps what is at `path`, or that nothing is, under the name `backup`, unless that was done before.
    async fn keep(&self, path: &str, backup: &str) -> Result<(), String>;

    /// Puts back what [`keep`](Self::keep) kept. `false` when nothing was kept.
    async fn put_back(&self, path: &str, backup: &str) -> Result<bool, String>;

    /// Brings the file or tree `from` of the engine's machine to `path`; says how many bytes that were.
    async fn put(&self, from: &Path, path: &str, look: &FileLook) -> Result<u64, String>;

    /// Brings the file or tree at `path` to the engine's machine; says how many bytes that were.
    async fn get(&self, path: &str, to: &Path) -> Result<u64, String>;
}

/// Who may do what with a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileLook {
    /// Permission bits, such as `0o640`.
    pub mode: Option<u32>,
    /// Owner, such as `app` or `app:www-data`.
    pub owner: Option<String>,
}
