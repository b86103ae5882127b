//! A second opinion: what the grammar of `tree-sitter-bash` takes for a command is one that was looked at.

use runbook_core::command::Effect;
use runbook_core::shell::Dialect;
use tree_sitter::{Node, Parser, Tree};

use crate::{corpus, labelled, look};

fn tree(text: &str) -> Tree {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).unwrap();
    parser.parse(text, None).unwrap()
}

/// The names of commands in a tree that are plain words.
fn names<'t>(node: Node<'t>, text: &'t str, found: &mut Vec<&'t str>) {
    if node.kind() == "command_name" {
        let name = &text[node.byte_range()];
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c)) {
            found.push(name);
        }
    }
    for child in node.children(&mut node.walk()) {
        names(child, text, found);
    }
}

#[test]
fn no_command_is_overlooked() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    let wrapped = crate::wrappings::wrappings().into_iter().map(|text| text.replace('@', "rm -rf /data"));
    for text in corpus::commands().into_iter().chain(labelled::commands()).chain(wrapped) {
        let tree = tree(&text);
        if tree.root_node().has_error() {
            continue;
        }
        let mut theirs = Vec::new();
        names(tree.root_node(), &text, &mut theirs);
        let found = look(&text, Dialect::Bash);
        // A text that is refused is not looked at to its end.
        if found.effect >= Effect::Unknown && found.hidden().is_some() {
            continue;
        }
        let ours: Vec<String> =
            found.commands.iter().map(|c| c.show().split(' ').next().unwrap().to_owned()).collect();
        compared += theirs.len();
        // The reserved word is no command, and a word goes on behind a continued line.
        let counts = |name: &&&str| **name != "time" && !text.contains("\\\n");
        for name in theirs.iter().filter(counts).filter(|name| !ours.iter().any(|our| our == *name)) {
            wrong.push(format!("{name} in {text:?}: {ours:?}"));
        }
    }
    assert!(compared >= 800, "{compared}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Why that grammar is not what decides: a tree without an error that is not what the shell runs.
#[test]
fn its_trees_are_not_what_runs() {
    let text = "find </dev/null /data -delete";
    let tree = tree(text);
    assert!(!tree.root_node().has_error());
    let shown = tree.root_node().to_sexp();
    assert!(shown.contains("(command name: (command_name (word)))"), "{shown}");
    assert_eq!(look(text, Dialect::Bash).effect, Effect::Destroy);
}
