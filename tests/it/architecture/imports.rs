//! Reads what each file of `src` names of the crate and of other crates: `use` items, with their
//! groups, `super::` and renames, and the paths in the code and in macros.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMacro, ItemMod, ItemUse, Macro, Meta, UseTree, Visibility};

/// A module's path below the crate: `http::gateway`. The crate itself is empty.
pub type Module = Vec<String>;

/// One file of the source.
#[derive(Default)]
pub struct Source {
    /// Its path below the package: `src/http/gateway.rs`.
    pub file: String,
    /// The full paths of this crate that it names, without `crate::`.
    pub own: BTreeSet<Module>,
    /// Those that it shows to others by `pub use`.
    pub shown: BTreeSet<Module>,
    /// The first segments of other paths: other crates, and local names.
    pub other: BTreeSet<String>,
}

impl Source {
    /// All paths of this crate that it names.
    pub fn named(&self) -> impl Iterator<Item = &Module> {
        self.own.iter().chain(&self.shown)
    }
}

/// All files of `src` without those that exist for tests alone.
pub static SOURCES: LazyLock<BTreeMap<Module, Source>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    collect(&folder, &mut Vec::new(), &mut texts);
    read(texts)
});

fn collect(folder: &Path, above: &mut Module, texts: &mut BTreeMap<Module, (String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of the source") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        if path.is_dir() {
            above.push(name);
            collect(&path, above, texts);
            above.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_root = above.is_empty() && matches!(&*name, "lib" | "main");
            let mut module = above.clone();
            if name != "mod" && !is_root {
                module.push(name.clone());
            }
            let shown = format!("src/{}", [&above[..], &[name]].concat().join("/")) + ".rs";
            if !(is_root && shown == "src/main.rs") {
                texts.insert(module, (shown, fs::read_to_string(&path).expect("a source")));
            }
        }
    }
}

/// Reads these files, each given as module, name and text.
pub fn read(texts: BTreeMap<Module, (String, String)>) -> BTreeMap<Module, Source> {
    let mut found = BTreeMap::new();
    let mut of_tests = Vec::new();
    for (module, (file, text)) in texts {
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut reader = Reader { inside: module.clone(), ..Reader::default() };
        reader.visit_file(&parsed);
        of_tests.append(&mut reader.of_tests);
        found.insert(module, (file, reader));
    }
    found.retain(|module, _| !of_tests.iter().any(|test| module.starts_with(test)));
    let all: BTreeMap<Module, BTreeMap<String, Module>> =
        found.iter().map(|(module, (_, reader))| (module.clone(), reader.shown.clone())).collect();
    let source = |(module, (file, reader)): (Module, (String, Reader))| {
        let mut source = Source { file, ..Source::default() };
        reader.resolve(&all, &mut source);
        (module, source)
    };
    found.into_iter().map(source).collect()
}

/// Collects the paths of one file.
#[derive(Default)]
struct Reader {
    /// The module that is being read, which may be inside the file's.
    inside: Module,
    /// The modules that exist for tests alone.
    of_tests: Vec<Module>,
    /// The paths as written, each with the module it is written in.
    written: Vec<(Module, Vec<String>)>,
    /// The same of `pub use`.
    shown_as_written: Vec<(Module, Vec<String>)>,
    /// What `use` calls by which name.
    names: BTreeMap<String, Vec<String>>,
    /// What `pub use` shows to others, by its name.
    shown: BTreeMap<String, Module>,
    /// The modules from which `use` takes all names.
    globs: Vec<Vec<String>>,
}

fn is_of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(_) | Meta::NameValue(_) => false,
    })
}

impl Visit<'_> for Reader {
    fn visit_file(&mut self, file: &File) {
        file.items.iter().for_each(|item| self.visit_item(item));
    }

    fn visit_item(&mut self, item: &Item) {
        let attributes = match item {
            Item::Const(item) => &item.attrs[..],
            Item::Enum(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Macro(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Static(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !is_of_tests(attributes) {
            visit::visit_item(self, item);
        } else if let Item::Mod(item) = item {
            let mut test = self.inside.clone();
            test.push(item.ident.to_string());
            self.of_tests.push(test);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        if !is_of_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &ItemMod) {
        self.inside.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &ItemUse) {
        let is_shown = !matches!(item.vis, Visibility::Inherited);
        let first = if item.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
        self.tree(&item.tree, first, is_shown);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let segments = path.segments.iter().map(|segment| segment.ident.to_string());
        self.written.push((self.inside.clone(), segments.collect()));
        visit::visit_path(self, path);
    }

    fn visit_item_macro(&mut self, item: &ItemMacro) {
        self.tokens(item.mac.tokens.clone());
    }

    fn visit_macro(&mut self, item: &Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
    }

    // `pub(in crate::http)` imports nothing.
    fn visit_visibility(&mut self, _: &Visibility) {}
}

impl Reader {
    fn tree(&mut self, tree: &UseTree, mut path: Vec<String>, is_shown: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.tree(&step.tree, path, is_shown);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(item, path.clone(), is_shown));
            }
            UseTree::Glob(_) => {
                self.written.push((self.inside.clone(), path.clone()));
                self.globs.push(path);
            }
            UseTree::Name(name) => self.named(&name.ident, &name.ident, path, is_shown),
            UseTree::Rename(name) => self.named(&name.ident, &name.rename, path, is_shown),
        }
    }

    fn named(&mut self, ident: &syn::Ident, name: &syn::Ident, mut path: Module, is_shown: bool) {
        let mut name = name.to_string();
        if ident == "self" {
            name = path.last().filter(|_| name == "self").cloned().unwrap_or(name);
        } else {
            path.push(ident.to_string());
        }
        let written = if is_shown { &mut self.shown_as_written } else { &mut self.written };
        written.push((self.inside.clone(), path.clone()));
        if let Some(path) = relative(&self.inside, &path).filter(|_| is_shown) {
            self.shown.insert(name.clone(), path);
        }
        self.names.insert(name, path);
    }

    /// Takes the paths from code that is not parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) if colons == 2 => path.push(ident.to_string()),
                other => {
                    self.written.push((self.inside.clone(), std::mem::take(&mut path)));
                    match other {
                        TokenTree::Ident(ident) => path.push(ident.to_string()),
                        TokenTree::Group(group) => self.tokens(group.stream()),
                        TokenTree::Punct(_) | TokenTree::Literal(_) => {}
                    }
                }
            }
            colons = 0;
        }
        self.written.push((self.inside.clone(), path));
    }

    /// Fills in the file's paths of this crate, and the first segments of the others.
    fn resolve(&self, all: &BTreeMap<Module, BTreeMap<String, Module>>, source: &mut Source) {
        let written = self.written.iter().map(|one| (false, one));
        for (is_shown, (inside, path)) in
            written.chain(self.shown_as_written.iter().map(|one| (true, one)))
        {
            let is_a_path = path.len() > 1 || path.first().is_some_and(|step| step == "crate");
            if !is_a_path {
                continue;
            }
            let Some(full) = self.full(inside, path, all) else {
                source.other.insert(path[0].clone());
                continue;
            };
            let own = if is_shown { &mut source.shown } else { &mut source.own };
            own.extend(through(&full, all));
            own.insert(full);
        }
    }

    fn full(
        &self,
        inside: &Module,
        path: &[String],
        all: &BTreeMap<Module, BTreeMap<String, Module>>,
    ) -> Option<Module> {
        if let Some(full) = relative(inside, path) {
            return Some(full);
        }
        let (first, rest) = path.split_first()?;
        // A name that begins with itself is another crate's: `use url::{self, Url}`.
        if let Some(meant) = self.names.get(first) {
            let is_own = meant.first() != Some(first);
            let meant = is_own.then(|| self.full(inside, meant, all)).flatten()?;
            return Some([&meant, rest].concat());
        }
        let above = self.globs.iter().filter_map(|glob| relative(inside, glob));
        let mut places = std::iter::once(inside.clone()).chain(above);
        let place = places
            .find(|place| all.contains_key(&[&place[..], std::slice::from_ref(first)].concat()))?;
        Some([&place, path].concat())
    }
}

/// A path that begins with `crate`, `self` or `super`, from the crate down.
fn relative(inside: &Module, path: &[String]) -> Option<Module> {
    let steps = path.iter().take_while(|step| matches!(&***step, "self" | "super")).count();
    let mut full = match path.first().map(String::as_str) {
        Some("crate") => return Some(path[1..].to_vec()),
        Some("self" | "super") => inside.clone(),
        _ => return None,
    };
    let up = path[..steps].iter().filter(|step| *step == "super").count();
    full.truncate(full.len().saturating_sub(up));
    full.extend_from_slice(&path[steps..]);
    Some(full)
}

/// Where a path leads that goes through a `pub use`.
fn through(path: &Module, all: &BTreeMap<Module, BTreeMap<String, Module>>) -> Option<Module> {
    let at = module_of(path, all)?;
    let shown = all.get(&path[..at])?.get(path.get(at)?)?;
    let full = [&shown[..], &path[at + 1..]].concat();
    Some(through(&full, all).unwrap_or(full))
}

/// How many segments of a path name the file it leads to.
fn module_of<T>(path: &Module, all: &BTreeMap<Module, T>) -> Option<usize> {
    (1..=path.len()).rev().find(|at| all.contains_key(&path[..*at]))
}

/// The file that a path leads to.
pub fn target<'a, T>(path: &'a Module, all: &BTreeMap<Module, T>) -> Option<&'a [String]> {
    module_of(path, all).map(|at| &path[..at])
}
