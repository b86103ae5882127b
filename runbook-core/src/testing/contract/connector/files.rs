//! What is known of a target's files and ports, and how files come and go.

use super::super::{Kept, ensure};
use super::bench::Bench;
use crate::port::FileLook;

/// The largest file that is read here, in bytes.
const MOST: usize = 1 << 20;

pub(super) async fn facts_of_files_are_known(bench: &Bench) -> Kept {
    let connection = bench.connect().await?;
    let file = bench.path("файл с пробелом");
    bench.ask(&format!("printf 12345 >'{file}'")).await?;
    let facts = connection.file_facts(&file).await?.ok_or("a file that is there is not found")?;
    ensure(facts.size == 5 && !facts.is_directory, || format!("a file of five bytes is {facts:?}"))?;
    let age = jiff::Timestamp::now().duration_since(facts.modified);
    ensure(age.as_secs().abs() < 3600, || format!("a file of this moment is from {}", facts.modified))?;
    let parent = file.rsplit_once('/').map_or("/", |(parent, _)| parent);
    let facts = connection.file_facts(parent).await?.ok_or("a directory that is there is not found")?;
    ensure(facts.is_directory, || "a directory is taken for a file".to_owned())?;
    for absent in [bench.path("absent"), format!("{file}/below")] {
        let found = connection.file_facts(&absent).await?;
        ensure(found.is_none(), || format!("a file that is not there is {found:?}"))?;
    }
    connection.close().await;
    Ok(())
}

pub(super) async fn a_closed_port_refuses(bench: &Bench) -> Kept {
    let connection = bench.connect().await?;
    // Nobody listens on the first port.
    let found = connection.tcp("127.0.0.1", 1).await;
    connection.close().await;
    match found {
        Err(why) => ensure(!why.trim().is_empty(), || "nothing says why".to_owned()),
        Ok(()) => Err("a port on which nobody listens accepts".to_owned()),
    }
}

pub(super) async fn files_are_whole_or_not_there(bench: &Bench) -> Kept {
    let connection = bench.connect().await?;
    let Some(files) = connection.files() else { return Ok(()) };
    let path = bench.path("письмо с пробелом");
    let found = files.read(&path, MOST).await?;
    ensure(found.is_none(), || "a file that is not there is read".to_owned())?;
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for content in [content.as_slice(), b"", "привет\n".as_bytes()] {
        let look = FileLook { mode: Some(0o640), owner: None };
        files.write(&path, content, &look).await?;
        let found = files.read(&path, MOST).await?;
        ensure(found.as_deref() == Some(content), || format!("{} bytes came back otherwise", content.len()))?;
        let mode = bench.ask(&format!("ls -l '{path}' | cut -c 1-10")).await?;
        ensure(mode == "-rw-r-----", || format!("mode 0640 became {mode}"))?;
    }
    let refused = files.read(&path, 3).await;
    ensure(refused.is_err(), || "a file that is larger than what may be read is read".to_owned())?;
    let below = format!("{path}/below");
    ensure(files.write(&below, b"x", &FileLook::default()).await.is_err(), || {
        "a file is written below a file".to_owned()
    })?;
    let (here, there) = (bench.directory(), bench.path("tree"));
    let trouble = |error: std::io::Error| error.to_string();
    tokio::fs::create_dir_all(here.join("внутри")).await.map_err(trouble)?;
    tokio::fs::write(here.join("внутри/a.bin"), &content).await.map_err(trouble)?;
    tokio::fs::write(here.join("b"), "b").await.map_err(trouble)?;
    let bytes = files.put(&here, &there, &FileLook::default()).await?;
    ensure(bytes == content.len() as u64 + 1, || format!("{bytes} bytes are said to be brought"))?;
    let back = bench.directory();
    let bytes = files.get(&there, &back).await?;
    ensure(bytes == content.len() as u64 + 1, || format!("{bytes} bytes are said to be fetched"))?;
    let found = tokio::fs::read(back.join("внутри/a.bin")).await.map_err(trouble)?;
    connection.close().await;
    ensure(found == content, || "a tree came back otherwise".to_owned())
}

pub(super) async fn what_is_kept_can_be_put_back(bench: &Bench) -> Kept {
    let connection = bench.connect().await?;
    let Some(files) = connection.files() else { return Ok(()) };
    let (path, look) = (bench.path("settings"), FileLook::default());
    let backup = format!("{path}.before");
    ensure(!files.put_back(&path, &backup).await?, || "what was never kept is put back".to_owned())?;
    files.write(&path, b"first", &look).await?;
    files.keep(&path, &backup).await?;
    files.write(&path, b"second", &look).await?;
    // Done again by an engine that lost track: the first copy counts.
    files.keep(&path, &backup).await?;
    ensure(files.put_back(&path, &backup).await?, || "what was kept is not put back".to_owned())?;
    let found = files.read(&path, MOST).await?;
    ensure(found.as_deref() == Some(b"first".as_slice()), || {
        "what is put back is not what was kept".to_owned()
    })?;
    let (path, backup) = (bench.path("new"), bench.path("new.before"));
    files.keep(&path, &backup).await?;
    files.write(&path, b"new", &look).await?;
    ensure(files.put_back(&path, &backup).await?, || "that there was nothing is not put back".to_owned())?;
    let found = files.read(&path, MOST).await?;
    connection.close().await;
    ensure(found.is_none(), || "a file that was not there before is still there".to_owned())
}
