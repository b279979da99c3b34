//! The files of the repository, or of a sample, and what is wrong with them.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::readers::{blank, numbered};

/// The text files of the repository.
pub(crate) struct Tree {
    root: String,
    sources: Vec<Source>,
    /// All files and folders, those that are not text included.
    paths: BTreeSet<String>,
    /// Orders of rooms that are to be tried.
    plan: String,
}

impl Tree {
    /// What git knows or would add; without git, what lies there except the products of builds.
    pub(crate) fn load(root: &Path) -> Tree {
        let mut files = git_files(root);
        if files.is_empty() {
            println!("git lists no files here, so the folders are walked");
            walk(root, "", &mut files);
        }
        let read =
            |path: &String| fs::read_to_string(root.join(path)).ok().map(|text| Source::new(path, text));
        let sources = files.iter().filter_map(read).collect();
        let absolute =
            fs::canonicalize(root).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
        // Right under the root of the file system a checkout is called like any other word with a slash.
        let root = if absolute.matches('/').count() > 1 { absolute } else { String::new() };
        let plan = env::var("JACKFIELD_ROOMS").unwrap_or_default();
        Tree { plan, ..Tree::new(root, sources, files) }
    }

    /// A sample. In its texts, `«a|9»` means nine times `a`.
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let sources = files.iter().map(|(path, text)| Source::new(path, expand(text))).collect();
        Tree::new("/srv/checkout".into(), sources, files.iter().map(|(path, _)| (*path).to_owned()).collect())
    }

    fn new(root: String, sources: Vec<Source>, files: Vec<String>) -> Tree {
        let mut paths = BTreeSet::from([String::new()]);
        for file in files {
            for (end, _) in file.match_indices('/') {
                paths.insert(file[..end].to_owned());
            }
            paths.insert(file);
        }
        Tree { root, sources, paths, plan: String::new() }
    }

    /// The absolute path of the repository; empty if it couldn't be told from other words.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    pub(crate) fn with_plan(self, plan: &str) -> Tree {
        Tree { plan: plan.to_owned(), ..self }
    }

    /// Orders of rooms that are to be tried in place of those in ARCHITECTURE.md, with `;` between them.
    pub(crate) fn plan(&self) -> &str {
        &self.plan
    }

    /// Whether there is a file or folder of this path from the root.
    pub(crate) fn exists(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter()
    }

    pub(crate) fn with_extension(
        &self,
        extensions: &'static [&'static str],
    ) -> impl Iterator<Item = &Source> {
        self.sources().filter(|source| source.has_extension(extensions))
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.with_extension(&["rs"])
    }

    /// The manifests of the members of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Source> {
        let patterns = self.get("Cargo.toml").map(|root| member_patterns(&root.text)).unwrap_or_default();
        let is_member = move |folder: &str| {
            patterns.iter().any(|pattern| match pattern.strip_suffix("/*") {
                Some(parent) => folder.rsplit_once('/').is_some_and(|(above, _)| above == parent),
                None => folder == pattern,
            })
        };
        self.sources().filter(move |source| source.path.strip_suffix("/Cargo.toml").is_some_and(&is_member))
    }

    /// The examples with their names: a file in the folder, or the main file of a folder in it.
    pub(crate) fn examples(&self) -> impl Iterator<Item = (&Source, &str)> {
        self.sources().filter_map(|source| {
            let inner = source.path.strip_prefix("examples/")?;
            let name = inner.strip_suffix("/main.rs").or_else(|| inner.strip_suffix(".rs"))?;
            (!name.contains('/')).then_some((source, name))
        })
    }

    /// The offences that `judge` finds in single lines of the files with these extensions.
    pub(crate) fn lines(
        &self,
        extensions: &'static [&'static str],
        judge: impl Fn(&str) -> Option<String>,
    ) -> Vec<Offence> {
        let mut offences = Vec::new();
        for source in self.with_extension(extensions) {
            // Unlike `lines`, this leaves a carriage return where it is.
            for (index, line) in source.text.split('\n').enumerate() {
                offences.extend(judge(line).map(|message| source.offence(index + 1, message)));
            }
        }
        offences
    }
}

/// One text file.
pub(crate) struct Source {
    /// From the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: String) -> Source {
        let code = if path.ends_with(".rs") { blank(&text) } else { String::new() };
        Source { path: path.to_owned(), text, code }
    }

    /// For Rust, the text with comments and the insides of literals blank, line for line; else nothing.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        numbered(&self.code)
    }

    /// The lines of a manifest under this heading, all of its occurrences together.
    pub(crate) fn section<'a>(&'a self, heading: &'a str) -> impl Iterator<Item = &'a str> {
        let mut inside = false;
        self.text.lines().filter(move |line| {
            let is_heading = line.starts_with('[');
            inside = if is_heading { line.trim_end() == heading } else { inside };
            inside && !is_heading
        })
    }

    pub(crate) fn is_in_src(&self) -> bool {
        self.path.contains("/src/")
    }

    /// How many lines there are before those that only tests have: all of them, where there are none.
    pub(crate) fn tests_begin(&self) -> usize {
        let is_test = self.path.contains("/tests/") || self.path.ends_with("tests.rs");
        let lines: Vec<&str> = self.code.lines().map(str::trim).collect();
        let is_begin =
            |two: &[&str]| two[0] == "#[cfg(test)]" && two[1].starts_with("mod ") && two[1].ends_with('{');
        if is_test { 0 } else { lines.windows(2).position(is_begin).unwrap_or(lines.len()) }
    }

    pub(crate) fn offence(&self, line: usize, message: impl Into<String>) -> Offence {
        Offence::new(&self.path, line, message)
    }

    fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }
}

/// What is wrong, and where. Lines count from one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    path: String,
    line: usize,
    message: String,
}

impl Offence {
    pub(crate) fn new(path: &str, line: usize, message: impl Into<String>) -> Offence {
        Offence { path: path.to_owned(), line, message: message.into() }
    }

    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

fn git_files(root: &Path) -> Vec<String> {
    let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let Ok(output) = Command::new("git").args(arguments).current_dir(root).output() else {
        return Vec::new();
    };
    let list = String::from_utf8_lossy(&output.stdout);
    // A file that was deleted and not yet committed as such is still listed.
    let present = list.split('\0').filter(|path| root.join(path).is_file());
    present.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

fn walk(root: &Path, folder: &str, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if entry.path().is_file() {
            files.push(path);
        } else if !matches!(name.as_str(), ".git" | "target" | "artifacts" | "report") {
            walk(root, &path, files);
        }
    }
}

fn member_patterns(manifest: &str) -> Vec<String> {
    let Some((_, rest)) = manifest.split_once("\nmembers") else { return Vec::new() };
    let list = rest.split(']').next().unwrap_or_default();
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn expand(text: &str) -> String {
    let mut parts = text.split('«');
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (repeated, rest) = part.split_once('»').expect("a closing mark");
        let (unit, times) = repeated.rsplit_once('|').expect("a number of times");
        expanded.push_str(&unit.repeat(times.parse().expect("a number")));
        expanded.push_str(rest);
    }
    expanded
}
