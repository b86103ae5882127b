//! Files of a real server, sockets of it, and other users on it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use runbook_core::port::{Connection, ExecEnd, ExecJob, FileLook, ForwardTo, RunAs, TargetFiles};
use runbook_core::value::Duration;

use crate::support::{Jobs, Sshd, exec, kill, sshd, until};

fn path(sshd: &Sshd, name: &str) -> String {
    sshd.at(name).to_str().unwrap().to_owned()
}

fn files(connection: &Arc<dyn Connection>) -> &dyn TargetFiles {
    connection.files().unwrap()
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn look(mode: u32) -> FileLook {
    FileLook { mode: Some(mode), owner: None }
}

#[tokio::test]
async fn files_are_read_and_written_whole() {
    let sshd = sshd!();
    let t = sshd.connect().await;
    let (f, name) = (files(&t), "ключ 'x' $HOME");
    assert_eq!(f.read(&path(&sshd, name), 100).await, Ok(None));
    f.write(&path(&sshd, name), b"one\0\xff", &FileLook::default()).await.unwrap();
    assert_eq!(fs::read(sshd.at(name)).unwrap(), b"one\0\xff");
    assert_eq!(mode(&sshd.at(name)), 0o644);
    f.write(&path(&sshd, name), b"two", &look(0o640)).await.unwrap();
    assert_eq!(f.read(&path(&sshd, name), 100).await.unwrap().unwrap(), b"two");
    assert_eq!(mode(&sshd.at(name)), 0o640);
    f.write(&path(&sshd, name), b"", &FileLook::default()).await.unwrap();
    assert_eq!((mode(&sshd.at(name)), fs::read(sshd.at(name)).unwrap().len()), (0o640, 0));
    f.write(&path(&sshd, name), b"three", &FileLook::default()).await.unwrap();
    assert!(f.read(&path(&sshd, name), 4).await.unwrap_err().contains("more than 4 bytes"));
    assert!(f.read(sshd.root().to_str().unwrap(), 4).await.unwrap_err().contains("directory"));
    let missing = f.write(&path(&sshd, "no/such/file"), b"x", &FileLook::default()).await.unwrap_err();
    assert!(missing.contains("does not exist"), "{missing}");
    std::os::unix::fs::symlink(sshd.at(name), sshd.at("link")).unwrap();
    f.write(&path(&sshd, "link"), b"through", &FileLook::default()).await.unwrap();
    assert!(sshd.at("link").is_symlink());
    assert_eq!(fs::read(sshd.at(name)).unwrap(), b"through");
    assert!(
        !fs::read_dir(sshd.root()).unwrap().any(|entry| entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".runbook-"))
    );
    let facts = t.file_facts(&path(&sshd, name)).await.unwrap().unwrap();
    assert_eq!((facts.size, facts.is_directory), (7, false));
    assert_eq!(t.file_facts(&path(&sshd, "nothing")).await, Ok(None));
    assert!(t.file_facts(sshd.root().to_str().unwrap()).await.unwrap().unwrap().is_directory);
}

#[tokio::test]
async fn what_was_there_is_kept_and_put_back() {
    let sshd = sshd!();
    let t = sshd.connect().await;
    let f = files(&t);
    let (at, backup) = (path(&sshd, "app.conf"), path(&sshd, "app.conf.before"));
    assert_eq!(f.put_back(&at, &backup).await, Ok(false));
    f.keep(&at, &backup).await.unwrap();
    f.write(&at, b"made", &FileLook::default()).await.unwrap();
    f.keep(&at, &backup).await.unwrap();
    assert_eq!(f.put_back(&at, &backup).await, Ok(true));
    assert!(!sshd.at("app.conf").exists());
    fs::write(sshd.at("app.conf"), "old").unwrap();
    f.keep(&at, &backup).await.unwrap();
    f.write(&at, b"new", &FileLook::default()).await.unwrap();
    assert_eq!(f.put_back(&at, &backup).await, Ok(true));
    assert_eq!(fs::read_to_string(sshd.at("app.conf")).unwrap(), "old");
    assert!(!sshd.at("app.conf.before").exists());
    fs::create_dir(sshd.at("tree")).unwrap();
    fs::write(sshd.at("tree/a"), "a").unwrap();
    let (tree, kept) = (path(&sshd, "tree"), path(&sshd, "tree.before"));
    f.keep(&tree, &kept).await.unwrap();
    fs::write(sshd.at("tree/a"), "changed").unwrap();
    assert_eq!(f.put_back(&tree, &kept).await, Ok(true));
    assert_eq!(fs::read_to_string(sshd.at("tree/a")).unwrap(), "a");
}

#[tokio::test]
async fn files_and_trees_travel_both_ways() {
    let sshd = sshd!();
    let t = sshd.connect().await;
    let f = files(&t);
    let here = tempfile::tempdir().unwrap();
    let big: Vec<u8> = (0..3_000_000u32).flat_map(|n| n.to_le_bytes()).collect();
    fs::write(here.path().join("big"), &big).unwrap();
    fs::set_permissions(here.path().join("big"), PermissionsExt::from_mode(0o750)).unwrap();
    assert_eq!(
        f.put(&here.path().join("big"), &path(&sshd, "big"), &FileLook::default()).await,
        Ok(big.len() as u64)
    );
    assert!(fs::read(sshd.at("big")).unwrap() == big && mode(&sshd.at("big")) == 0o750);
    assert_eq!(f.get(&path(&sshd, "big"), &here.path().join("back")).await, Ok(big.len() as u64));
    assert!(fs::read(here.path().join("back")).unwrap() == big && mode(&here.path().join("back")) == 0o750);
    let tree = here.path().join("tree");
    fs::create_dir_all(tree.join("deep/er")).unwrap();
    fs::write(tree.join("deep/er/file"), "leaf").unwrap();
    fs::set_permissions(tree.join("deep/er/file"), PermissionsExt::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("deep/er/file", tree.join("link")).unwrap();
    for _ in 0..2 {
        assert_eq!(f.put(&tree, &path(&sshd, "there"), &FileLook::default()).await, Ok(4));
        assert_eq!(fs::read_to_string(sshd.at("there/link")).unwrap(), "leaf");
        assert_eq!(mode(&sshd.at("there/deep/er/file")), 0o600);
        assert_eq!(f.get(&path(&sshd, "there"), &here.path().join("copy")).await, Ok(4));
        assert_eq!(fs::read_to_string(here.path().join("copy/link")).unwrap(), "leaf");
    }
    let missing = f.get(&path(&sshd, "nothing"), &here.path().join("x")).await.unwrap_err();
    assert!(missing.contains("does not exist"), "{missing}");
}

#[tokio::test]
async fn a_copy_that_is_cut_off_begins_again() {
    let sshd = sshd!();
    let t = sshd.connect().await;
    let here = tempfile::tempdir().unwrap();
    let big: Vec<u8> = (0..8_000_000u32).flat_map(|n| n.to_le_bytes()).collect();
    fs::write(here.path().join("big"), &big).unwrap();
    let (from, to) = (here.path().join("big"), path(&sshd, "big"));
    let copying = files(&t).put(&from, &to, &FileLook { mode: None, owner: None });
    let cutting = async {
        until("it has begun", || {
            fs::read_dir(sshd.root())
                .unwrap()
                .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(".runbook-"))
        })
        .await;
        sshd.sessions().into_iter().for_each(kill);
    };
    let (copied, ()) = tokio::join!(copying, cutting);
    assert_eq!(copied, Ok(big.len() as u64));
    assert!(fs::read(sshd.at("big")).unwrap() == big);
}

#[tokio::test]
async fn sockets_of_the_target_are_brought_here() {
    let sshd = sshd!();
    let t = sshd.connect().await;
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(sshd.at("socket")).unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || server.accept().unwrap().0.write_all(b"over tcp"));
    std::thread::spawn(move || unix.accept().unwrap().0.write_all(b"over unix"));
    for (to, expected) in [
        (ForwardTo::Tcp { host: "localhost".into(), port }, "over tcp"),
        (ForwardTo::Unix(path(&sshd, "socket")), "over unix"),
    ] {
        let forward = t.forward(&to).await.unwrap();
        let mut got = String::new();
        UnixStream::connect(forward.path()).unwrap().read_to_string(&mut got).unwrap();
        assert_eq!(got, expected);
        assert_eq!(mode(forward.path()) & 0o077, 0);
        let path = forward.path().to_owned();
        drop(forward);
        until("it is closed", || UnixStream::connect(&path).is_err()).await;
    }
}

#[tokio::test]
async fn ports_are_tried_from_the_target() {
    let sshd = sshd!();
    let t = sshd.connect().await;
    assert_eq!(t.tcp("127.0.0.1", sshd.port).await, Ok(()));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert!(t.tcp("127.0.0.1", closed).await.unwrap_err().contains("no connection"));
}

#[tokio::test]
async fn commands_run_as_another_user() {
    let (sshd, jobs) = (sshd!(), Jobs::new());
    if !rustix::process::geteuid().is_root() || !std::path::Path::new("/usr/bin/sudo").exists() {
        eprintln!("SKIPPED: needs root and sudo");
        return;
    }
    let t = sshd.connect().await;
    for password in [None, Some("not asked for".to_owned())] {
        let other = RunAs { user: "nobody".into(), password };
        for job in jobs.both(jobs.script("id -un; printf '%s' \"$A\"; cat; exit 9")) {
            let job = ExecJob {
                run_as: Some(other.clone()),
                env: vec![("A".into(), "it's".into())],
                stdin: Some(b"data\n".to_vec()),
                cwd: Some("/".into()),
                ..job
            };
            let report = exec(&t, &job).await;
            assert_eq!(
                (report.end, report.stdout.head.as_str()),
                (ExecEnd::Exited(9), "nobody\nit'sdata\n"),
                "{:?}",
                report.stderr
            );
        }
        for job in jobs.both(jobs.script("trap '' TERM; setsid sleep 1000 & while :; do sleep 1 || :; done"))
        {
            let job = ExecJob {
                run_as: Some(other.clone()),
                timeout: Some(Duration::from_millis(800)),
                grace: Duration::from_millis(300),
                ..job
            };
            let report = exec(&t, &job).await;
            assert_eq!((report.end, report.note), (ExecEnd::TimedOut, None));
        }
        let left = crate::support::processes_of("nobody", "sleep 1000");
        assert_eq!(left, Vec::<i32>::new());
    }
}
