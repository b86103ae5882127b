//! `002-ai-library-bot/`: ingestion off and on again, both ways the document knows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::support::{Ended, Place, tree};

/// How ingestion is switched off: the name in the files, and where the books are meanwhile.
const VARIANTS: [(&str, &str); 2] = [("rename", "books.disabled"), ("move", "books_backup")];

fn turn(place: &Place, what: &str, variant: &str) -> Ended {
    place.run(
        &format!("002-ai-library-bot/{what}-ingestion-{variant}.yaml"),
        &[&place.input("books", "data/books")],
    )
}

/// Books with names that shells and options stumble over.
fn library(place: &Place) {
    let books = place.at("data/books");
    fs::create_dir_all(books.join("вложенная папка/.скрытая")).unwrap();
    for name in [
        "-rf",
        "--help.pdf",
        "Война и мир.epub",
        ".hidden",
        "a * b?.txt",
        "line\nbreak.txt",
        "$(touch pwned)",
        "quote\"'.fb2",
        "вложенная папка/глава 1.txt",
        "вложенная папка/.скрытая/x",
    ] {
        fs::write(books.join(name), format!("содержание {name}")).unwrap();
    }
    fs::set_permissions(books.join("-rf"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&books, fs::Permissions::from_mode(0o750)).unwrap();
    fs::create_dir(place.at("data/index")).unwrap();
    fs::write(place.at("data/index/faiss"), "не трогать").unwrap();
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn off_and_on_again_changes_nothing() {
    for (variant, kept) in VARIANTS {
        let place = Place::new();
        library(&place);
        let before = tree(&place.at("data"));
        let books = tree(&place.at("data/books"));

        turn(&place, "disable", variant).code(0);
        assert!(is_empty(&place.at("data/books")), "{variant}");
        let away = tree(&place.at("data").join(kept));
        assert!(away.iter().skip(1).eq(books.iter().skip(1)), "{variant}: every book is kept");
        let mode = |name: &str| fs::metadata(place.at(name)).unwrap().permissions().mode();
        assert_eq!(mode("data/books") & 0o777, 0o750, "{variant}: the bot can still read the directory");

        turn(&place, "enable", variant).code(0);
        assert_eq!(tree(&place.at("data")), before, "{variant}");
    }
}

#[test]
fn each_may_be_repeated() {
    for (variant, _) in VARIANTS {
        let place = Place::new();
        library(&place);
        let on = tree(&place.at("data"));
        turn(&place, "enable", variant).code(0);
        assert_eq!(tree(&place.at("data")), on, "{variant}: it was on");
        turn(&place, "disable", variant).code(0);
        let off = tree(&place.at("data"));
        assert_ne!(off, on);
        turn(&place, "disable", variant).code(0);
        assert_eq!(tree(&place.at("data")), off, "{variant}: it was off");
        turn(&place, "enable", variant).code(0);
        turn(&place, "enable", variant).code(0);
        assert_eq!(tree(&place.at("data")), on, "{variant}");
        let steps = place.last()["steps"].clone();
        let acted = steps.as_array().unwrap().iter().filter(|step| step["effect"] == "change");
        let acted: Vec<_> =
            acted.filter(|step| step["role"] == "body" && step["status"] != "skipped").collect();
        assert!(acted.is_empty(), "{variant}: {acted:?}");
    }
}

#[test]
fn an_empty_directory_is_no_failure() {
    for (variant, _) in VARIANTS {
        let place = Place::new();
        fs::create_dir_all(place.at("data/books")).unwrap();
        let before = tree(&place.at("data"));
        turn(&place, "disable", variant).code(0);
        turn(&place, "enable", variant).code(0);
        assert_eq!(tree(&place.at("data")), before, "{variant}");
    }
}

#[test]
fn without_books_nothing_happens() {
    for (variant, _) in VARIANTS {
        let place = Place::new();
        fs::create_dir(place.at("data")).unwrap();
        for what in ["disable", "enable"] {
            turn(&place, what, variant).code(3);
            assert!(is_empty(&place.at("data")), "{what} {variant}");
        }
    }
}

#[test]
fn books_that_came_meanwhile_are_neither_mixed_in_nor_lost() {
    for (variant, _) in VARIANTS {
        let place = Place::new();
        library(&place);
        turn(&place, "disable", variant).code(0);
        // The same name as a book that was put away.
        fs::write(place.at("data/books/Война и мир.epub"), "другое издание").unwrap();
        let before = tree(&place.at("data"));
        turn(&place, "enable", variant).code(3).says("есть файлы; перенесите их");
        assert_eq!(tree(&place.at("data")), before, "{variant}");
        turn(&place, "disable", variant).code(3).says("ingestion уже отключали");
        assert_eq!(tree(&place.at("data")), before, "{variant}");
    }
}

#[test]
fn a_rename_that_stopped_half_way_is_finished() {
    let place = Place::new();
    library(&place);
    let before = tree(&place.at("data"));
    fs::rename(place.at("data/books"), place.at("data/books.disabled")).unwrap();
    turn(&place, "disable", "rename").code(0);
    assert_eq!(place.status("rename"), "skipped");
    assert!(is_empty(&place.at("data/books")));
    fs::remove_dir(place.at("data/books")).unwrap();
    turn(&place, "enable", "rename").code(0);
    assert_eq!(tree(&place.at("data")), before);
}

#[test]
fn a_move_that_stopped_half_way_is_finished_by_switching_on() {
    let place = Place::new();
    library(&place);
    let before = tree(&place.at("data"));
    turn(&place, "disable", "move").code(0);
    fs::rename(place.at("data/books_backup/-rf"), place.at("data/books/-rf")).unwrap();
    turn(&place, "enable", "move").code(3).says("есть файлы; перенесите их");
    fs::rename(place.at("data/books/-rf"), place.at("data/books_backup/-rf")).unwrap();
    turn(&place, "enable", "move").code(0);
    assert_eq!(tree(&place.at("data")), before);
}

#[test]
fn what_was_done_can_be_undone_later() {
    for (variant, _) in VARIANTS {
        for what in ["disable", "enable"] {
            let place = Place::new();
            library(&place);
            if what == "enable" {
                turn(&place, "disable", variant).code(0);
            }
            let before = tree(&place.at("data"));
            turn(&place, what, variant).code(0);
            assert_ne!(tree(&place.at("data")), before);
            place.runbook(&["rollback", "last", "--yes"]).code(4);
            assert_eq!(tree(&place.at("data")), before, "{what} {variant}");
        }
    }
}

#[test]
fn without_a_yes_nothing_changes() {
    for (variant, _) in VARIANTS {
        let place = Place::new();
        library(&place);
        let before = tree(&place.at("data"));
        let file = format!("002-ai-library-bot/disable-ingestion-{variant}.yaml");
        let books = place.input("books", "data/books");
        let gate = if variant == "move" { "move" } else { "rename" };
        place.runbook(&["run", &file, "-i", &books]).code(6);
        assert_eq!(tree(&place.at("data")), before, "{variant}");
        place.runbook(&["deny", "last", gate]).code(0);
        place.runbook(&["resume", "last"]).code(7);
        assert_eq!(tree(&place.at("data")), before, "{variant}");
    }
}

#[test]
fn a_failure_half_way_is_rolled_back() {
    let place = Place::new();
    library(&place);
    let before = tree(&place.at("data"));
    // `chown` is the last command of the second step; one that fails leaves the work half done.
    let tools = place.at("tools");
    fs::create_dir(&tools).unwrap();
    fs::write(tools.join("chown"), "#!/bin/sh\necho 'chown: operation not permitted' >&2\nexit 1\n").unwrap();
    fs::set_permissions(tools.join("chown"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.to_str().unwrap(), std::env::var("PATH").unwrap());
    let file = "002-ai-library-bot/disable-ingestion-rename.yaml";
    let books = place.input("books", "data/books");
    let arguments = ["run", file, "--yes", "-i", &books, "--rollback", "auto"];
    let output = place.process(&arguments).env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(tree(&place.at("data")), before);
}
