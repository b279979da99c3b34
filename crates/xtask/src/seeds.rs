//! The names of the systems that this one learned from: whoever searches for one finds what does it here.

use crate::names::{self, COMING_FROM, CRATES, Names};
use crate::sources;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names, by system: `System: name name ..`, with lines that go on beginning with a blank.
const SEEDS: &str = include_str!("../seeds.txt");

/// Names that neither the documentation's search nor docs/coming-from.md knows.
pub(crate) fn disagreements(root: &Path) -> Result<Vec<String>, String> {
    let mut aliases = BTreeSet::new();
    for folder in CRATES {
        let mut files = Vec::new();
        sources::collect(&root.join(folder), &mut files)?;
        for file in files {
            let source = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            aliases.extend(aliases_in(&source));
        }
    }
    let document = root.join(COMING_FROM);
    let document = fs::read_to_string(&document).map_err(|error| format!("{COMING_FROM}: {error}"))?;
    Ok(check(SEEDS, &aliases, &names::of(root)?, &document))
}

fn aliases_in(source: &str) -> impl Iterator<Item = String> {
    source.split("doc(alias = \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned)
}

fn check(seeds: &str, aliases: &BTreeSet<String>, names: &Names, document: &str) -> Vec<String> {
    let (mut found, mut system) = (Vec::new(), "");
    for line in seeds.lines().filter(|line| !line.starts_with('#')) {
        let words = match line.split_once(": ") {
            Some((name, words)) => {
                system = name;
                words
            }
            None => line,
        };
        for seed in words.split_whitespace() {
            let row = row_of(document, system, seed);
            if row.is_none() {
                found.push(format!("{COMING_FROM}: `{seed}` of {system} has no row"));
            }
            let is_none = row.is_some_and(|row| row.contains("| *none*") || row.contains("| *planned*"));
            if !is_none && !aliases.contains(seed) && !names.has(seed) {
                found
                    .push(format!("{COMING_FROM}: `{seed}` of {system} is no doc alias and no name of ours"));
            }
        }
    }
    found
}

/// The row of a name in the sections of its system.
fn row_of<'d>(document: &'d str, system: &str, seed: &str) -> Option<&'d str> {
    let sections = document.split("\n## ").filter(|section| section.starts_with(system));
    let code = format!("`{seed}`");
    let has = |row: &&str| row.split('|').nth(1).is_some_and(|theirs| theirs.contains(&code));
    sections.flat_map(str::lines).filter(|line| line.starts_with("| ")).find(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_or_said_to_be_nowhere() {
        let document = "\n## Old: its server\n| `OnA`, `OnB` | `Door` | |\n| `C` | *none* | |\n\n## Other\n| `D` | | |\n";
        let mut names = Names::default();
        names.add("pub struct Door;\n");
        let aliases = BTreeSet::from(["OnA".to_owned()]);
        let faults = |seeds: &str| check(seeds, &aliases, &names, document).len();
        assert_eq!(faults("# a comment\nOld: OnA\n  C\n"), 0);
        assert_eq!(faults("Old: OnB\n"), 1, "it is no alias");
        assert_eq!(faults("Old: D\n"), 2, "it is that of another, and no alias");
        assert_eq!(faults("Old: Door\n"), 1, "it has no row");
    }

    #[test]
    fn each_name_of_the_seeds_leads_somewhere() {
        let found = disagreements(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn the_list_is_whole() {
        let systems = ["CEF", "ICS", "IPWorks", "Qore"];
        let words = SEEDS.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        assert!(words.count() > 250);
        assert!(systems.iter().all(|system| SEEDS.contains(&format!("\n{system}: "))));
    }
}
