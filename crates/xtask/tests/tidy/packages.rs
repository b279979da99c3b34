//! What a package must have when it leaves the repository.

use crate::readers::{numbered, quoted, resolve};
use crate::tree::{Offence, Source, Tree};

const SERVER_MANIFEST: &str = "crates/jackfield/Cargo.toml";

/// Features that are no user's business.
const INTERNAL: [&str; 2] = ["default", "planted-bugs"];

/// A file that the code of a published package includes has to be in that package.
pub(crate) fn packages_include_their_own_files(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.rust().filter(|source| source.is_in_src()) {
        let Some((package, _)) =
            source.path.split_once("/src/").filter(|(package, _)| is_published(tree, package))
        else {
            continue;
        };
        for (number, line) in numbered(&source.text) {
            let Some(file) = included(line) else { continue };
            let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let is_inside =
                resolve(folder, file).is_some_and(|path| path.starts_with(&format!("{package}/")));
            if !is_inside {
                offences.push(source.offence(number, format!("`{file}` is not in the package {package}")));
            }
        }
    }
    offences
}

fn is_published(tree: &Tree, package: &str) -> bool {
    let manifest = tree.get(&format!("{package}/Cargo.toml"));
    manifest.is_none_or(|manifest| !manifest.text.contains("publish = false"))
}

/// The file that a line includes.
fn included(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("include_str!(").or_else(|| line.split_once("include_bytes!("))?;
    quoted(rest)
}

/// README.md has a line in a table for each feature, and says which are on by default.
pub(crate) fn the_features_are_in_the_readme(tree: &Tree) -> Vec<Offence> {
    let (Some(manifest), Some(readme)) = (tree.get(SERVER_MANIFEST), tree.get("README.md")) else {
        return Vec::new();
    };
    let on = default_features(manifest);
    let mut offences = Vec::new();
    for (name, _) in features(manifest).filter(|(name, _)| !INTERNAL.contains(name)) {
        let rows = numbered(&readme.text).filter(|(_, line)| line.starts_with("| "));
        match rows
            .into_iter()
            .find(|(_, line)| line.split('|').nth(1).unwrap_or_default().contains(&format!("`{name}`")))
        {
            None => offences.push(readme.offence(1, format!("has no line for the feature `{name}`"))),
            Some((number, line)) if line.ends_with("| on |") != on.contains(&name) => {
                offences.push(
                    readme.offence(number, format!("says something else of `{name}` than its default")),
                );
            }
            Some(_) => {}
        }
    }
    offences
}

/// The features of a manifest, each with what it has.
fn features(manifest: &Source) -> impl Iterator<Item = (&str, &str)> {
    let lines = manifest.section("[features]").filter(|line| !line.trim_start().starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, has)| (name.trim(), has))
}

fn default_features(manifest: &Source) -> Vec<&str> {
    let has = features(manifest).find(|(name, _)| *name == "default").map_or("", |(_, has)| has);
    has.split('"').skip(1).step_by(2).collect()
}
