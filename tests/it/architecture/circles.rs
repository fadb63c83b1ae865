//! Finds files that import each other in a circle.
//!
//! A parent module may list its children by `mod` and show what they have by `pub use`. Whatever else
//! it names of them counts as it does between any two files.

use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Module, Source, target};

/// What each file names of each other.
type Ties<'a> = BTreeMap<&'a Module, BTreeMap<Module, BTreeSet<String>>>;

/// Each circle as lines: file, file it imports from, what it names there.
pub fn circles(sources: &BTreeMap<Module, Source>) -> Vec<String> {
    let ties = ties(sources);
    let below: BTreeMap<&Module, BTreeSet<Module>> =
        ties.keys().map(|from| (*from, reached(from, &ties))).collect();
    let reaches = |from: &Module, to: &Module| below.get(from).is_some_and(|all| all.contains(to));
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for module in ties.keys().filter(|module| reaches(module, module)) {
        if told.contains(*module) {
            continue;
        }
        let together = |other: &&&Module| reaches(module, other) && reaches(other, module);
        let circle: BTreeSet<&Module> = ties.keys().filter(together).copied().collect();
        let mut lines = Vec::new();
        for from in &circle {
            for (to, names) in ties[*from].iter().filter(|(to, _)| circle.contains(to)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let (from, to) = (&sources[*from].file, &sources[to].file);
                lines.push(format!("  {from} imports from {to}: {}", names.join(", ")));
            }
        }
        told.extend(circle);
        circles.push(lines.join("\n"));
    }
    circles
}

fn ties(sources: &BTreeMap<Module, Source>) -> Ties<'_> {
    let mut ties = Ties::new();
    for (from, source) in sources.iter().filter(|(module, _)| !module.is_empty()) {
        let own = source.own.iter().map(|path| (path, false));
        for (path, is_shown) in own.chain(source.shown.iter().map(|path| (path, true))) {
            let Some(to) = target(path, sources) else { continue };
            let is_a_childs = is_shown && to.starts_with(from);
            if to == &from[..] || is_a_childs {
                continue;
            }
            let name = path.get(to.len()).map_or("the module", String::as_str).to_owned();
            ties.entry(from).or_default().entry(to.to_vec()).or_default().insert(name);
        }
    }
    ties
}

/// All that a file imports, and what that imports, and so on.
fn reached(from: &Module, ties: &Ties<'_>) -> BTreeSet<Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = vec![from];
    while let Some(module) = next.pop() {
        for to in ties.get(module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to.clone()) {
                next.push(to);
            }
        }
    }
    reached
}
