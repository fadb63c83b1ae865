//! The links between documents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// All documents: the README and what is below `docs/`.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines of a document outside its code blocks.
fn prose(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).unwrap();
    let mut is_code = false;
    let outside = |line: &&str| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    };
    text.lines().filter(outside).map(str::to_owned).collect()
}

/// The fragments by which a document's headings are linked to, as GitHub makes them.
fn anchors(document: &Path) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(document) {
        let Some((marks, heading)) = line.split_once(' ') else { continue };
        if marks.is_empty() || !marks.chars().all(|mark| mark == '#') {
            continue;
        }
        let kept = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
        let plain: String = heading.to_lowercase().chars().filter(|c| kept(*c)).collect();
        let anchor = plain.replace(' ', "-");
        let next = (1..).map(|count| format!("{anchor}-{count}"));
        let free = std::iter::once(anchor.clone()).chain(next).find(|one| !anchors.contains(one));
        anchors.extend(free);
    }
    anchors
}

/// The targets of the links in a line: `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target)
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    let mut checked = 0;
    for document in documents() {
        for line in prose(&document) {
            for target in targets(&line).filter(|target| !target.starts_with("http")) {
                checked += 1;
                let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
                let path = match file {
                    "" => document.clone(),
                    file => document.parent().unwrap().join(file),
                };
                let leads =
                    path.exists() && (fragment.is_empty() || anchors(&path).contains(fragment));
                if !leads {
                    broken.push(format!("{}: {target}", document.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 50, "links were found: {checked}");
}

#[test]
fn every_document_is_in_the_index() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let index = std::fs::read_to_string(root.join("README.md")).unwrap();
    for document in documents() {
        let Ok(name) = document.strip_prefix(&root) else { continue };
        let name = name.display().to_string();
        let is_there = name == "README.md" || index.contains(&format!("]({name})"));
        assert!(is_there || name.starts_with("upstream/"), "docs/README.md lists {name}");
    }
}
