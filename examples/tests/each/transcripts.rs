//! The heads of the examples: what they print at the start, and what the commands below that print, is as it is shown there.

use crate::process::{Example, TempDir, binary, run};
use std::path::Path;
use std::{fs, iter};

/// The folder of the examples.
fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A command, and the lines that it prints.
type Step = (String, Vec<String>);

/// What stands in the first block of the head: a command behind each `$`, which goes on behind a `\\`, and what it prints.
fn steps(source: &str) -> Vec<Step> {
    let head = source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let mut lines = head.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```");
    let mut steps: Vec<Step> = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(command) = line.strip_prefix("$ ") {
            let mut command = command.to_owned();
            while command.ends_with('\\') {
                command = command.trim_end_matches('\\').to_owned() + lines.next().unwrap();
            }
            steps.push((command, Vec::new()));
        } else if let Some((_, printed)) = steps.last_mut() {
            printed.push(line.to_owned());
        }
    }
    for (_, printed) in &mut steps {
        printed.truncate(printed.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1));
    }
    steps
}

/// Whether this was printed. `..` at the end of a line stands for its rest.
fn is_printed(expected: &[String], printed: &str) -> bool {
    let lines: Vec<&str> = printed.trim_end().lines().collect();
    let is_like = |(expected, line): (&String, &&str)| match expected.strip_suffix("..") {
        Some(begin) => line.starts_with(begin),
        None => expected == line,
    };
    lines.len() == expected.len() && iter::zip(expected, &lines).all(is_like)
}

/// An example that was started as its head says, and what stands in the head for an address that it has now.
struct Stage {
    _example: Example,
    replaced: Vec<(String, String)>,
}

impl Stage {
    fn new(name: &str, (command, shown): &Step, replaced: Vec<(String, String)>) -> Self {
        let (_, options) = command.split_once(" -- ").expect("it has options");
        let mut options = options.to_owned();
        replaced.iter().for_each(|(text, by)| options = options.replace(text, by));
        for line in shown {
            if let Some((_, addr)) = address(line) {
                options = options.replace(addr, "127.0.0.1:0");
            }
        }
        let program = format!("exec {} {options}", binary(name).display());
        let example = Example::of(Path::new("sh"), ["-c", &program]);
        let mut stage = Self { _example: example, replaced };
        for line in shown.iter().take_while(|line| !line.is_empty() && !line.starts_with('{')) {
            let printed = stage._example.line();
            if let (Some((what, addr)), Some((printed, own))) = (address(line), address(&printed)) {
                assert_eq!(what, printed, "{name}");
                stage
                    .replaced
                    .extend([":", " ", "/"].map(|by| (addr.replace(':', by), own.replace(':', by))));
            } else {
                assert_eq!(printed, stage.now(line), "{name}");
            }
        }
        stage
    }

    /// A text of the head, with the addresses that there are now.
    fn now(&self, text: &str) -> String {
        self.replaced.iter().fold(text.to_owned(), |text, (shown, own)| text.replace(shown, own))
    }

    #[track_caller]
    fn check(&self, (command, shown): &Step) {
        // Without the progress that it shows otherwise.
        let command = self.now(command).replace("curl ", "curl -sS ");
        let Some(finished) = run("bash", ["-c", &command], "") else { return };
        let printed = String::from_utf8(finished.stdout).unwrap();
        let expected: Vec<String> = shown.iter().map(|line| self.now(line)).collect();
        assert!(
            is_printed(&expected, &printed),
            "{command}\nprints\n{printed}\nand not\n{}",
            expected.join("\n")
        );
    }
}

/// The address in a line such as `listening on 127.0.0.1:8080`.
fn address(line: &str) -> Option<(&str, &str)> {
    let (what, addr) = line.rsplit_once(' ')?;
    matches!(what, "listening on" | "datagrams at").then_some((what, addr))
}

#[test]
fn the_commands_in_the_heads_print_what_stands_there() {
    let has_all = ["curl", "nc"].iter().all(|program| run(program, ["-h"], "").is_some());
    if !has_all {
        return;
    }
    let dir = TempDir::new("transcripts");
    let own = |path: &Path| path.canonicalize().unwrap().display().to_string();
    for (name, count) in [
        ("hello", 1),
        ("banner", 3),
        ("gate", 1),
        ("testing", 2),
        ("rest", 5),
        ("metrics", 3),
        ("upload", 1),
        ("files", 1),
        ("embedded_loop", 1),
    ] {
        let source = fs::read_to_string(folder().join(name).with_extension("rs")).unwrap();
        let mut steps = steps(&source).into_iter().skip_while(|(command, _)| !command.contains(" -- "));
        let start = steps.next().expect("a command that starts it");
        let folders = [
            // First, because this repository may itself be below that folder.
            ("/tmp".to_owned(), own(dir.path())),
            (" docs".to_owned(), " ".to_owned() + &own(&folder().join("../docs"))),
        ];
        let stage = Stage::new(name, &start, folders.into());
        let checked = steps.inspect(|step| stage.check(step)).count();
        assert_eq!(checked, count, "commands in the head of {name}");
    }
}

#[test]
fn what_is_printed_is_compared() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(is_printed(&lines("a\nDate: .."), "a\r\nDate: now\r\n\r\n"));
    assert!(
        !is_printed(&lines("a"), "a\nb") && !is_printed(&lines("a\nb"), "a") && !is_printed(&lines("a"), "b")
    );
    let source = "//! ```text\n//! $ a \\\n//!     b\n//! c\n//!\n//! $ d\n//! ```\n//! $ e\n";
    assert_eq!(steps(source), [("a b".to_owned(), lines("c")), ("d".to_owned(), vec![])]);
}
