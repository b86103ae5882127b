//! `004-calendar-assistant/verify-backup.yaml` on real archives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::support::{Ended, Place, has};

const BOOK: &str = "004-calendar-assistant/verify-backup.yaml";
const ARCHIVE: &str = "backups/20260111_030000.tar.gz";
const NEWER: &str = "backups/20260112_030000.tar.gz";

/// Three files that do not compress: an archive of about four thousand bytes.
fn archive(place: &Place, name: &str) {
    fs::create_dir_all(place.at("backups")).unwrap();
    fs::create_dir_all(place.at("data")).unwrap();
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut byte = || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 24) as u8
    };
    for file in ["radicale", "bot", "настройки"] {
        fs::write(place.at("data").join(file), (0..1300).map(|_| byte()).collect::<Vec<u8>>()).unwrap();
    }
    let mut tar = Command::new("tar");
    assert!(
        tar.arg("czf")
            .arg(place.at(name))
            .arg("-C")
            .arg(place.at(""))
            .arg("data")
            .status()
            .unwrap()
            .success()
    );
}

fn cut(place: &Place, from: &str, to: &str, length: usize) {
    let bytes = fs::read(place.at(from)).unwrap();
    assert!(bytes.len() > length);
    fs::write(place.at(to), &bytes[..length]).unwrap();
}

fn age(place: &Place, name: &str, hours: u64) {
    let file = fs::File::options().append(true).open(place.at(name)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
}

fn verify(place: &Place) -> Ended {
    place.run(BOOK, &[&place.input("backup_dir", "backups")])
}

#[test]
fn a_good_backup_is_valid() {
    let place = Place::new();
    archive(&place, ARCHIVE);
    verify(&place).code(0);
    let run = place.last();
    assert_eq!(run["outputs"]["backup"], place.text(ARCHIVE));
    assert_eq!(run["outputs"]["files"], 4);
    assert_eq!(run["outputs"]["size"], fs::metadata(place.at(ARCHIVE)).unwrap().len());
    assert_eq!(place.status("latest"), "succeeded");
    assert_eq!(place.status("decrypted"), "skipped");
}

#[test]
fn the_newest_one_is_looked_at_and_nothing_else() {
    let place = Place::new();
    archive(&place, ARCHIVE);
    age(&place, ARCHIVE, 24);
    fs::write(place.at("backups/20260110_030000.tar.gz"), "broken, but older").unwrap();
    age(&place, "backups/20260110_030000.tar.gz", 48);
    // What `ls -t *.tar.gz*` would have taken for the latest backup.
    fs::write(place.at("backups/20260112_030000.tar.gz.part"), "half").unwrap();
    fs::write(place.at("backups/20260112_030000.tar.gz.sha256"), "sum").unwrap();
    fs::create_dir(place.at("backups/directory.tar.gz")).unwrap();
    verify(&place).code(0);
    assert_eq!(place.last()["outputs"]["backup"], place.text(ARCHIVE));
}

#[test]
fn a_name_may_be_anything() {
    let place = Place::new();
    for name in ["backups/-rf бэкап \"2026\" $(touch x).tar.gz", "backups/a b.tar.gz"] {
        archive(&place, name);
        verify(&place).code(0);
        assert_eq!(place.last()["outputs"]["backup"], place.text(name));
        fs::remove_file(place.at(name)).unwrap();
    }
}

#[test]
fn a_truncated_backup_fails() {
    let place = Place::new();
    archive(&place, ARCHIVE);
    cut(&place, ARCHIVE, NEWER, 2000);
    verify(&place).code(1).says(&format!("архив повреждён: {}", place.text(NEWER)));
    assert_eq!(place.status("listed"), "failed");
}

#[test]
fn what_is_no_archive_fails() {
    let place = Place::new();
    fs::create_dir(place.at("backups")).unwrap();
    fs::write(place.at(ARCHIVE), "<html>503</html>".repeat(100)).unwrap();
    verify(&place).code(1).says("архив повреждён");
}

#[test]
fn an_empty_or_small_backup_fails() {
    for size in [0, 1, 999] {
        let place = Place::new();
        archive(&place, ARCHIVE);
        cut(&place, ARCHIVE, NEWER, size);
        let said = verify(&place).code(1).says("бэкап пустой или слишком маленький");
        said.says(&format!("has {size} bytes, at least 1000 are expected"));
        assert_eq!(place.status("listed"), "pending", "nothing is looked into after that");
    }
}

#[test]
fn no_backup_at_all_fails() {
    let place = Place::new();
    verify(&place).code(1).says("нет директории с бэкапами");
    fs::create_dir(place.at("backups")).unwrap();
    verify(&place).code(1).says("Взять последний бэкап: exit code 1: в ");
}

#[test]
fn an_old_backup_is_a_warning() {
    let place = Place::new();
    archive(&place, ARCHIVE);
    age(&place, ARCHIVE, 26);
    verify(&place).code(0).says("ночной бэкап (03:00) не создавался");
    assert_eq!(place.status("latest"), "warned");
    age(&place, ARCHIVE, 24);
    verify(&place).code(0);
    assert_eq!(place.status("latest"), "succeeded");
}

/// A key ring of its own whose agent ends with it.
struct KeyRing<'p>(&'p Place);

impl<'p> KeyRing<'p> {
    fn new(place: &'p Place) -> Self {
        fs::create_dir(place.at("gpg")).unwrap();
        fs::set_permissions(place.at("gpg"), fs::Permissions::from_mode(0o700)).unwrap();
        KeyRing(place)
    }

    fn gpg(&self, arguments: &[&str]) {
        let mut gpg = Command::new("gpg");
        gpg.env("GNUPGHOME", self.0.at("gpg")).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
        assert!(gpg.args(arguments).status().unwrap().success(), "{arguments:?}");
    }

    /// Encrypts `name` with the passphrase in `passphrase`, and removes what was not encrypted.
    fn encrypt(&self, name: &str, passphrase: &str) {
        fs::write(self.0.at("passphrase"), passphrase).unwrap();
        self.gpg(&["--passphrase-file", &self.0.text("passphrase"), "--symmetric", &self.0.text(name)]);
        fs::remove_file(self.0.at(name)).unwrap();
    }
}

impl Drop for KeyRing<'_> {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").env("GNUPGHOME", self.0.at("gpg")).args(["--kill", "all"]).status();
    }
}

fn verify_encrypted(place: &Place, passphrase: &str) -> Ended {
    fs::write(place.at("given"), passphrase).unwrap();
    place.run(BOOK, &[&place.input("backup_dir", "backups"), &place.input("passphrase_file", "given")])
}

const SECRET: &str = "correct horse \"батарея\" $HOME\n";

#[test]
fn an_encrypted_backup_is_decrypted_and_read() {
    if !has("gpg") {
        return;
    }
    let place = Place::new();
    let ring = KeyRing::new(&place);
    archive(&place, ARCHIVE);
    ring.encrypt(ARCHIVE, SECRET);
    verify_encrypted(&place, SECRET).code(0);
    assert_eq!(place.last()["outputs"]["files"], 4);
    assert_eq!(place.status("listed"), "skipped");
    // The passphrase is nowhere in what is kept of the run.
    let kept = Command::new("grep").args(["-rlF", "correct horse"]).arg(place.at("state")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept.stdout), "");
}

#[test]
fn a_wrong_passphrase_fails() {
    if !has("gpg") {
        return;
    }
    let place = Place::new();
    let ring = KeyRing::new(&place);
    archive(&place, ARCHIVE);
    ring.encrypt(ARCHIVE, SECRET);
    verify_encrypted(&place, "wrong\n").code(1).says("gpg не расшифровал архив, пароль неверен");
    assert_eq!(place.status("decrypted"), "failed");
    assert!(place.last()["outputs"]["files"].is_null());
}

#[test]
fn without_a_passphrase_nothing_hangs() {
    if !has("gpg") {
        return;
    }
    let place = Place::new();
    let ring = KeyRing::new(&place);
    archive(&place, ARCHIVE);
    ring.encrypt(ARCHIVE, SECRET);
    verify(&place).code(1).says("gpg не расшифровал архив");
    let missing = place.input("passphrase_file", "nowhere");
    let ended = place.run(BOOK, &[&place.input("backup_dir", "backups"), &missing]);
    ended.code(3).says(&format!("нет файла с паролем {}", place.text("nowhere")));
    assert_eq!(place.status("decrypted"), "blocked");
}

#[test]
fn an_encrypted_backup_that_is_truncated_fails() {
    if !has("gpg") {
        return;
    }
    let place = Place::new();
    let ring = KeyRing::new(&place);
    archive(&place, ARCHIVE);
    ring.encrypt(ARCHIVE, SECRET);
    cut(&place, &format!("{ARCHIVE}.gpg"), &format!("{NEWER}.gpg"), 2000);
    verify_encrypted(&place, SECRET)
        .code(1)
        .says("gpg не расшифровал архив, пароль неверен или файл повреждён");
}

#[test]
fn a_damaged_archive_that_was_encrypted_fails() {
    if !has("gpg") {
        return;
    }
    let place = Place::new();
    let ring = KeyRing::new(&place);
    archive(&place, ARCHIVE);
    cut(&place, ARCHIVE, NEWER, 2000);
    fs::remove_file(place.at(ARCHIVE)).unwrap();
    ring.encrypt(NEWER, SECRET);
    verify_encrypted(&place, SECRET).code(1).says("архив расшифрован, но повреждён");
}
