//! The modules of one crate: what each defines, what it takes, and from which file. As much of Rust's name resolution
//! as it needs to follow a name over `pub use`, `super::` and `child::` to the file that defines it.
//!
//! Code under `#[cfg(test)]` and `#[cfg(doctest)]` is left out.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::Tree;

/// How many `use` may stand between a name and its definition. Only a circle of them has more.
const HOPS_MAX: usize = 32;
/// The words behind which an item's name stands.
const KINDS: [&str; 8] = ["fn", "struct", "enum", "trait", "type", "union", "static", "const"];

/// The modules of one crate, the root first.
pub(crate) struct Modules {
    folder: String,
    /// The files, seen from `src/`.
    files: Vec<String>,
    modules: Vec<Module>,
}

#[derive(Default)]
struct Module {
    file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defines: BTreeSet<String>,
    uses: Vec<Use>,
    /// The paths that stand in code, each once with its first line.
    paths: BTreeMap<Vec<String>, usize>,
    /// Words of the code outside of `use`, those that go on a path left out.
    words: BTreeSet<String>,
}

/// One name of a `use`.
#[derive(Clone)]
struct Use {
    path: Vec<String>,
    /// What the name is called here; `*` stands for all.
    name: String,
    line: usize,
    is_public: bool,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Target {
    Module(usize),
    /// Something that this module defines.
    Item(usize),
}

/// A name that one file takes from elsewhere.
#[derive(Debug)]
pub(crate) struct Import {
    /// The index of the file that takes it.
    pub(crate) from: usize,
    pub(crate) line: usize,
    /// As it is written there.
    pub(crate) path: String,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// From the file with this index, which defines it.
    File(usize),
    /// From the root of the crate, which only hands it on from this path.
    Root(String),
    /// All that a module has.
    Glob,
}

impl Modules {
    /// The modules of the crate in this folder, if there is one.
    pub(crate) fn of(tree: &Tree, folder: &str) -> Option<Modules> {
        let root =
            ["lib.rs", "main.rs"].into_iter().find(|root| tree.exists(&format!("{folder}/src/{root}")))?;
        let mut modules = Modules { folder: folder.to_owned(), files: Vec::new(), modules: Vec::new() };
        modules.read_file(tree, root.to_owned(), "", None);
        Some(modules)
    }

    /// The path of a file from the root of the repository.
    pub(crate) fn path(&self, file: usize) -> String {
        format!("{}/src/{}", self.folder, self.files[file])
    }

    /// The files, seen from `src/`.
    pub(crate) fn files(&self) -> &[String] {
        &self.files
    }

    /// All that files take from other files, in the order of the files. Each path comes once for a file and a target.
    pub(crate) fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (index, module) in self.modules.iter().enumerate() {
            for use_ in &module.uses {
                self.import_used(index, use_, &mut imports);
            }
            for (path, line) in &module.paths {
                self.import_in_code(index, path, *line, &mut imports);
            }
        }
        imports.sort_by_key(|import| (import.from, import.line));
        imports
    }

    fn import_used(&self, index: usize, use_: &Use, imports: &mut Vec<Import>) {
        let module = &self.modules[index];
        let target = self.resolve(index, &use_.path, 0);
        let import = |kind| Import { from: module.file, line: use_.line, path: use_.path.join("::"), kind };
        if let Some(root) = self.handed_on_by_root(index, &use_.path) {
            imports.push(import(Kind::Root(root)));
        }
        let file = match target {
            Some(Target::Module(_)) if use_.name == "*" => return imports.push(import(Kind::Glob)),
            // What is taken from a folder shows where it is used.
            Some(Target::Module(target)) if !self.is_leaf(target) => return,
            Some(Target::Module(target) | Target::Item(target)) => {
                let only_handed_on = use_.is_public && !module.words.contains(&use_.name);
                if only_handed_on && self.is_inside(target, index) {
                    return;
                }
                self.modules[target].file
            }
            None => return,
        };
        if file != module.file {
            imports.push(import(Kind::File(file)));
        }
    }

    fn import_in_code(&self, index: usize, path: &[String], line: usize, imports: &mut Vec<Import>) {
        let module = &self.modules[index];
        let import = |kind| Import { from: module.file, line, path: path.join("::"), kind };
        if let Some(root) = self.handed_on_by_root(index, path) {
            imports.push(import(Kind::Root(root)));
        }
        let is_taken_by_use = module.uses.iter().any(|use_| use_.name == path[0]);
        if is_taken_by_use {
            match self.resolve(index, &path[..1], 0) {
                Some(Target::Module(folder)) if !self.is_leaf(folder) => {}
                _ => return,
            }
        }
        if let Some(Target::Item(target)) = self.resolve(index, path, 0) {
            let file = self.modules[target].file;
            if file != module.file {
                imports.push(import(Kind::File(file)));
            }
        }
    }

    /// The path that the root of the crate hands on under the name that `path` takes from it, if it does no more.
    fn handed_on_by_root(&self, index: usize, path: &[String]) -> Option<String> {
        let steps =
            path.iter().take_while(|step| matches!(step.as_str(), "crate" | "self" | "super")).count();
        let name = path.get(steps).filter(|_| steps > 0 && index != 0)?;
        let Some(Target::Module(0)) = self.resolve(index, &path[..steps], 0) else { return None };
        let root = &self.modules[0];
        if root.children.contains_key(name) || root.defines.contains(name) {
            return None;
        }
        let use_ = root.uses.iter().find(|use_| use_.name == *name)?;
        let is_here = self.resolve(0, &use_.path, 0).is_some() && use_.path[0] != "crate";
        let crate_ = if is_here { "crate::" } else { "" };
        Some(format!("{crate_}{}", use_.path.join("::")))
    }

    /// Where a path leads that stands in this module; nothing if it leaves the crate.
    fn resolve(&self, index: usize, path: &[String], hops: usize) -> Option<Target> {
        let mut target = Target::Module(index);
        for (position, step) in path.iter().enumerate() {
            let Target::Module(at) = target else { break };
            target = match (step.as_str(), position) {
                ("crate", 0) => Target::Module(0),
                ("self", 0) => Target::Module(at),
                ("super", _) => Target::Module(self.modules[at].parent?),
                (name, 0) => self.find(at, name, hops)?,
                // A name that a macro makes is taken for one that the module defines.
                (name, _) if self.knows(at, name) => self.find(at, name, hops)?,
                _ => Target::Item(at),
            };
        }
        Some(target)
    }

    fn knows(&self, index: usize, name: &str) -> bool {
        let module = &self.modules[index];
        let is_used = module.uses.iter().any(|use_| use_.name == name);
        module.children.contains_key(name) || module.defines.contains(name) || is_used
    }

    fn find(&self, index: usize, name: &str, hops: usize) -> Option<Target> {
        let module = &self.modules[index];
        if let Some(child) = module.children.get(name) {
            return Some(Target::Module(*child));
        }
        if module.defines.contains(name) {
            return Some(Target::Item(index));
        }
        // Under different features a name may be taken from different places.
        let mut uses = module.uses.iter().filter(|use_| use_.name == name && hops < HOPS_MAX);
        uses.find_map(|use_| self.resolve(index, &use_.path, hops + 1))
    }

    fn is_leaf(&self, index: usize) -> bool {
        self.modules[index].children.is_empty()
    }

    /// Whether a module is another one or stands somewhere in it.
    fn is_inside(&self, index: usize, other: usize) -> bool {
        index == other || self.modules[index].parent.is_some_and(|parent| self.is_inside(parent, other))
    }

    /// Reads a file and those of its modules. `children` is the folder in which these lie.
    fn read_file(&mut self, tree: &Tree, file: String, children: &str, parent: Option<usize>) -> usize {
        self.files.push(file);
        let file = self.files.len() - 1;
        let index = self.add(file, parent);
        let source = tree.get(&self.path(file));
        let tokens = tokens(source.map_or("", |source| source.code()));
        Reader { tree, tokens: &tokens, at: 0 }.items(self, index, children);
        index
    }

    fn add(&mut self, file: usize, parent: Option<usize>) -> usize {
        self.modules.push(Module { file, parent, ..Module::default() });
        self.modules.len() - 1
    }
}

/// A reader of the items of one file.
struct Reader<'a> {
    tree: &'a Tree,
    tokens: &'a [(usize, &'a str)],
    at: usize,
}

impl Reader<'_> {
    /// Reads items up to the brace that closes their module, or to the end.
    fn items(&mut self, modules: &mut Modules, index: usize, folder: &str) {
        let (mut is_test, mut is_public) = (false, false);
        while let Some(token) = self.peek(0) {
            match token {
                "}" => return self.at += 1,
                "#" => {
                    let end = self.end_of_group();
                    let text: Vec<&str> = self.words(self.at, end).collect();
                    is_test |=
                        matches!(text[..], ["cfg", "test" | "doctest", ..] | ["cfg", "all", "test", ..]);
                    self.at = end;
                }
                "pub" => {
                    is_public = true;
                    self.at = if self.peek(1) == Some("(") { self.end_of_group() } else { self.at + 1 };
                }
                _ => {
                    if is_test {
                        self.at = self.end_of_item();
                    } else {
                        self.item(modules, index, folder, is_public);
                    }
                    (is_test, is_public) = (false, false);
                }
            }
        }
    }

    fn item(&mut self, modules: &mut Modules, index: usize, folder: &str, is_public: bool) {
        let (start, end) = (self.at, self.end_of_item());
        match self.peek(0) {
            Some("mod") => return self.module(modules, index, folder),
            Some("use") => self.use_items(&mut modules.modules[index].uses, start, end, is_public),
            _ => {
                let module = &mut modules.modules[index];
                module.defines.extend(self.name().map(str::to_owned));
                self.code(module, start, end);
            }
        }
        self.at = end;
    }

    /// A module in a file of its own, or inline.
    fn module(&mut self, modules: &mut Modules, index: usize, folder: &str) {
        let name = self.peek(1).unwrap_or_default().to_owned();
        let inner = format!("{folder}{name}/");
        let is_inline = self.peek(2) == Some("{");
        self.at += 3;
        let child = if is_inline {
            let child = modules.add(modules.modules[index].file, Some(index));
            self.items(modules, child, &inner);
            child
        } else {
            let own = format!("{inner}mod.rs");
            let is_there = self.tree.exists(&format!("{}/src/{own}", modules.folder));
            let file = if is_there { own } else { format!("{folder}{name}.rs") };
            modules.read_file(self.tree, file, &inner, Some(index))
        };
        modules.modules[index].children.insert(name, child);
    }

    /// The name that the item defines which begins here.
    fn name(&self) -> Option<&str> {
        if self.peek(0) == Some("macro_rules") {
            return self.peek(2);
        }
        let head = self.tokens[self.at..].iter().map(|(_, token)| *token);
        let head: Vec<&str> = head
            .take_while(|token| is_word(token) || *token == "\"")
            .take_while(|token| *token != "impl")
            .collect();
        let kind = head.iter().rposition(|token| KINDS.contains(token))?;
        head.get(kind + 1).copied().or_else(|| self.peek(kind + 1))
    }

    /// Notes what is taken by the code between two places.
    fn code(&self, module: &mut Module, start: usize, end: usize) {
        let mut at = start;
        while at < end {
            let (line, token) = self.tokens[at];
            let before = at.checked_sub(1).map_or("", |before| self.tokens[before].1);
            if token == "use" && self.token(at + 1) != "<" {
                let length = self.tokens[at..end].iter().take_while(|(_, token)| *token != ";").count();
                self.use_items(&mut module.uses, at, at + length, false);
                at += length;
                continue;
            }
            if is_word(token) && before != "::" && before != "." {
                let path = self.path(at, end);
                module.words.insert(token.to_owned());
                at += path.len() * 2 - 1;
                if path.len() > 1 {
                    module.paths.entry(path).or_insert(line);
                }
                continue;
            }
            at += 1;
        }
    }

    /// The words from here on that `::` joins.
    fn path(&self, start: usize, end: usize) -> Vec<String> {
        let mut path = vec![self.tokens[start].1.to_owned()];
        let mut at = start + 1;
        while at + 1 < end && self.tokens[at].1 == "::" && is_word(self.tokens[at + 1].1) {
            path.push(self.tokens[at + 1].1.to_owned());
            at += 2;
        }
        path
    }

    /// Adds the names of a `use` that begins at `start` and ends before `end`.
    fn use_items(&self, uses: &mut Vec<Use>, start: usize, end: usize, is_public: bool) {
        let mut stack: Vec<Vec<String>> = Vec::new();
        let mut path: Vec<String> = Vec::new();
        let mut name: Option<&str> = None;
        let mut line = 0;
        let mut add = |path: &[String], name: Option<&str>, line| {
            let Some(last) = path.last() else { return };
            let is_self = last == "self" && path.len() > 1;
            let is_glob = last == "*";
            let path = &path[..path.len() - usize::from(is_self || is_glob)];
            let own = if is_glob { "*" } else { path.last().map_or("", String::as_str) };
            let name = name.unwrap_or(own).to_owned();
            uses.push(Use { path: path.to_vec(), name, line, is_public });
        };
        for at in start + 1..end {
            match self.tokens[at].1 {
                "{" => stack.push(path.clone()),
                "}" | "," | ";" => {
                    if line > 0 {
                        add(&path, name.take(), line);
                        line = 0;
                    }
                    if self.tokens[at].1 == "}" {
                        stack.pop();
                    }
                    path = stack.last().cloned().unwrap_or_default();
                }
                "::" | "as" => {}
                word if self.tokens[at - 1].1 == "as" => name = Some(word),
                word => {
                    path.push(word.to_owned());
                    line = self.tokens[at].0;
                }
            }
        }
        if line > 0 {
            add(&path, name, line);
        }
    }

    /// The place behind the first group of brackets from here on.
    fn end_of_group(&self) -> usize {
        let mut depth = 0;
        for (at, (_, token)) in self.tokens.iter().enumerate().skip(self.at) {
            depth += depth_of(token);
            if depth == 0 && matches!(*token, ")" | "]" | "}") {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    /// The place behind the item that begins here.
    fn end_of_item(&self) -> usize {
        let is_use = self.peek(0) == Some("use");
        let mut depth = 0;
        for (at, (_, token)) in self.tokens.iter().enumerate().skip(self.at) {
            depth += depth_of(token);
            if depth == 0 && (*token == ";" || *token == "}" && !is_use) {
                return at + 1;
            }
        }
        self.tokens.len()
    }

    fn words(&self, start: usize, end: usize) -> impl Iterator<Item = &str> {
        self.tokens[start..end].iter().map(|(_, token)| *token).filter(|token| is_word(token))
    }

    fn peek(&self, ahead: usize) -> Option<&str> {
        self.tokens.get(self.at + ahead).map(|(_, token)| *token)
    }

    fn token(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |(_, token)| token)
    }
}

fn depth_of(token: &str) -> i32 {
    match token {
        "(" | "[" | "{" => 1,
        ")" | "]" | "}" => -1,
        _ => 0,
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words and marks of blank code with their lines, from one. `::` is one mark.
fn tokens(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let of_word = |c: char| c.is_alphanumeric() || c == '_';
        let length = match first {
            _ if of_word(first) => rest.find(|c| !of_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        line += usize::from(first == '\n');
        if !first.is_whitespace() {
            found.push((line, &rest[..length]));
        }
        rest = &rest[length..];
    }
    found
}
