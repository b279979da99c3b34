//! What the compiler and clippy do not check: the shape of the files in this repository.
//!
//! Each rule is a function from the [`Tree`] to the offences it found, listed in [`RULES`] together with samples that
//! break it, so that a rule which has stopped looking is noticed. A new rule is one function and one entry.
//!
//! Rules about code look at [`Source::code_lines`], where comments and the insides of literals are blank: a rule may be
//! described, and a sample may be written down, without being broken by it. Words that no code may contain are put
//! together from pieces all the same, so that a plain search for them finds nothing here.

#[path = "tidy/faces.rs"]
mod faces;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/packages.rs"]
mod packages;
#[path = "tidy/readers.rs"]
mod readers;
#[path = "tidy/rooms.rs"]
mod rooms;
#[path = "tidy/rooms_samples.rs"]
mod rooms_samples;
#[path = "tidy/tree.rs"]
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use faces::{the_most_used_types_have_an_example, what_is_handed_on_is_described_for_its_users};
use packages::{packages_include_their_own_files, the_features_are_in_the_readme};
use readers::{
    anchors, contains_absolute, contains_word, documentation, functions, links, named_files, numbered,
    quoted, resolve, squeeze,
};
use tree::{Offence, Source, Tree};

/// Longest line of a `.rs` file, in characters. Where rustfmt left a longer one, it is to be broken by hand.
const LINE_MAX: usize = 140;
/// Longest file under `crates/*/src`, in lines. A longer one holds more than one subject.
const FILE_MAX: usize = 900;
/// Longest function, in lines. A longer one doesn't fit a screen; it is listed.
const FUNCTION_MAX: usize = 70;
/// How many of a hundred functions may be longer than that all the same.
const LONG_FUNCTIONS_PERCENT_MAX: usize = 3;

const PROTO_MANIFEST: &str = "crates/jackfield-proto/Cargo.toml";
const REACTOR_MANIFEST: &str = "crates/jackfield-reactor/Cargo.toml";
/// The crates that may hold `unsafe`, and that the lower crates may use. They have lints of their own.
const UNSAFE_CRATES: [&str; 2] = ["crates/jackfield-simd/", "crates/jackfield-sys/"];
const SERVER_MANIFEST: &str = "crates/jackfield/Cargo.toml";
const EXAMPLES_MANIFEST: &str = "examples/Cargo.toml";
/// The package of the examples that need other libraries. Its paths begin with `../`.
const LIBRARIES_MANIFEST: &str = "examples/libraries/Cargo.toml";

/// Tests that may look at a clock of the machine, or at what the system knows of processes, and why.
const CLOCKS: [(&str, &str); 4] = [
    ("crates/jackfield/tests/support/real.rs", "what does not come about is waited for with an end"),
    ("examples/tests/browser/devtools.rs", "the same for what a page shall show"),
    ("examples/tests/browser/process.rs", "the same for a browser that starts or ends"),
    ("crates/lab/tests/lab/compare.rs", "whether a process has ended, not what it has used"),
];

#[test]
fn the_repository_is_tidy() {
    let tree = Tree::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    assert!(tree.get("Cargo.toml").is_some(), "the root of the repository was not found");
    print_long_functions(&tree);
    for (path, why) in CLOCKS {
        assert!(tree.get(path).is_some(), "{path} is listed ({why}), and is not there");
    }
    let offences: Vec<String> =
        RULES.iter().flat_map(|rule| (rule.find)(&tree)).map(|offence| offence.to_string()).collect();
    assert!(offences.is_empty(), "offences: {}\n{}", offences.len(), offences.join("\n"));
}

#[test]
fn every_rule_can_fail() {
    for Rule { find, bad, good } in RULES {
        assert!(!bad.is_empty() && !good.is_empty());
        for (place, files) in *bad {
            let found = find(&Tree::of(files));
            let places: Vec<String> = found.iter().map(Offence::place).collect();
            assert_eq!(places, [*place], "found in the bad sample: {found:?}");
        }
        for files in *good {
            assert_eq!(find(&Tree::of(files)), [], "found in a good sample");
        }
    }
}

/// Files of a sample, as path and text. In a text, `«a|9»` means nine times `a`.
type Files = &'static [(&'static str, &'static str)];

/// A rule, and the proof that it looks.
struct Rule {
    find: fn(&Tree) -> Vec<Offence>,
    /// Samples with exactly one offence, and where that is, as path and line.
    bad: &'static [(&'static str, Files)],
    /// Samples that come close without breaking the rule.
    good: &'static [Files],
}

const RULES: &[Rule] = &[
    Rule {
        find: lines_are_short,
        bad: &[("a.rs:2", &[("a.rs", "// «x|137»\n// «x|138»\n")])],
        good: &[&[("a.rs", "// «ü|137»\n"), ("a.md", "«x|200»\n")]],
    },
    Rule {
        find: lines_end_with_their_text,
        bad: &[("a.md:2", &[("a.md", "text\nspace \n")]), ("a.rs:1", &[("a.rs", "// return\r\n")])],
        good: &[&[("a.md", "text\n\n  indented\n"), ("golden.txt", "space \n")]],
    },
    Rule {
        find: no_tabs,
        bad: &[("a.rs:2", &[("a.rs", "fn a() {\n\tb();\n}\n")])],
        good: &[&[("a.rs", "fn a() {\n    b();\n}\n"), ("Makefile", "a:\n\tb\n")]],
    },
    Rule {
        find: members_use_the_workspace_lints,
        bad: &[
            (
                "crates/a/Cargo.toml:1",
                &[ROOT, ("crates/a/Cargo.toml", "[package]\n[lints]\n[b]\nworkspace = true\n")],
            ),
            ("benches/Cargo.toml:1", &[ROOT, ("benches/Cargo.toml", "[lints]\nworkspace = false\n")]),
        ],
        good: &[&[
            ROOT,
            ("crates/a/Cargo.toml", "[package]\n[lints]\nworkspace = true\n"),
            ("crates/jackfield-simd/Cargo.toml", "[package]\n[lints.rust]\n"),
            ("benches/Cargo.toml", "[lints]\nworkspace=true\n"),
            ("fuzz/Cargo.toml", "[package]\n"),
            ("crates/a/tests/b/Cargo.toml", "[package]\n"),
        ]],
    },
    Rule {
        find: members_use_the_workspace_rust_version,
        bad: &[
            ("benches/Cargo.toml:1", &[ROOT, ("benches/Cargo.toml", "[package]\nrust-version = \"1.70\"\n")]),
            ("crates/a/Cargo.toml:1", &[ROOT, ("crates/a/Cargo.toml", "[package]\nname = \"a\"\n")]),
        ],
        good: &[&[
            ROOT,
            ("crates/a/Cargo.toml", "[package]\nrust-version.workspace = true\n"),
            ("benches/Cargo.toml", "[package]\nrust-version = { workspace = true }\n"),
        ]],
    },
    Rule {
        find: files_are_short,
        bad: &[("crates/a/src/b.rs:901", &[("crates/a/src/b.rs", "«\n|901»")])],
        good: &[&[("crates/a/src/b.rs", "«\n|900»"), ("crates/a/tests/b.rs", "«\n|901»")]],
    },
    Rule {
        find: files_say_what_they_are,
        bad: &[("crates/a/src/b.rs:1", &[("crates/a/src/b.rs", "// Not a doc comment.\n//! Too late.\n")])],
        good: &[&[("crates/a/src/b.rs", "//! Says it.\n"), ("examples/c.rs", "fn main() {}\n")]],
    },
    Rule {
        find: functions_are_short,
        bad: &[("a.rs:2", &[("a.rs", "\nfn a() {«\n|70»}\n«fn b() {}|32»\n")])],
        good: &[
            &[("a.rs", "\nfn a() {«\n|70»}\n«fn b() {}|33»\n")],
            &[("a.rs", "fn a() {«\n|69»}\n«fn b();|9»\n")],
        ],
    },
    Rule {
        find: no_forbidden_code,
        bad: &[
            ("a.rs:2", &[("a.rs", concat!("fn a() {\n    un", "safe { b() }\n}\n"))]),
            ("a.rs:1", &[("a.rs", concat!("fn a() { to", "do!() }\n"))]),
            ("a.rs:1", &[("a.rs", concat!("fn a() { std::unimpl", "emented!() }\n"))]),
            ("a.rs:1", &[("a.rs", concat!("fn a() { d", "bg!(b) }\n"))]),
            ("a.rs:2", &[("a.rs", concat!("#[test]\n#[ig", "nore = \"slow\"]\nfn a() {}\n"))]),
        ],
        good: &[
            &[(
                "a.rs",
                concat!("#![forbid(un", "safe_code)]\n// un", "safe\nconst A: &str = \"to", "do!()\";\n"),
            )],
            &[("a.rs", concat!("fn a() { to", "do(); x_d", "bg!(b) }\n")), ("a.md", concat!("un", "safe\n"))],
        ],
    },
    Rule { find: rooms::rooms_are_in_order, bad: rooms_samples::BAD, good: rooms_samples::GOOD },
    Rule {
        find: the_lower_crates_stand_alone,
        bad: &[
            (
                "crates/jackfield-proto/Cargo.toml:3",
                &[(PROTO_MANIFEST, "[dependencies]\nslab = \"1\"\njackfield-reactor.workspace = true\n")],
            ),
            (
                "crates/jackfield-reactor/Cargo.toml:1",
                &[(REACTOR_MANIFEST, "[dev-dependencies.jackfield-proto]\nworkspace = true\n")],
            ),
            (
                "crates/jackfield-reactor/Cargo.toml:2",
                &[(REACTOR_MANIFEST, "[dependencies]\nproto = { package = \"jackfield-proto\" }\n")],
            ),
        ],
        good: &[&[
            (PROTO_MANIFEST, "[package]\nname = \"jackfield-proto\"\n[dependencies]\nitoa = \"1\"\n"),
            (REACTOR_MANIFEST, "[dependencies] # not on jackfield-proto\n[features]\ntls = []\n"),
            (SERVER_MANIFEST, "[dependencies]\njackfield-proto.workspace = true\n"),
        ]],
    },
    Rule {
        find: the_protocols_do_no_io,
        bad: &[
            ("crates/jackfield-proto/src/a.rs:2", &[(PROTO_SOURCE, "//! A.\nuse std::net::TcpStream;\n")]),
            ("crates/jackfield-proto/src/a.rs:1", &[(PROTO_SOURCE, "use std::time::{Duration, Instant};\n")]),
            (
                "crates/jackfield-proto/src/a.rs:3",
                &[(PROTO_SOURCE, "use std::{\n    mem,\n    thread::spawn,\n};\n")],
            ),
        ],
        good: &[
            &[(PROTO_SOURCE, "//! No `std::net` here.\nuse std::{fmt, mem};\nuse std::time::Duration;\n")],
            &[(PROTO_SOURCE, "struct Instantly;\nfn net(thread: u8) {}\n")],
            &[("crates/jackfield-reactor/src/a.rs", "use std::net::TcpStream;\n")],
        ],
    },
    Rule {
        find: tests_measure_no_time,
        bad: &[
            ("crates/a/tests/b.rs:1", &[("crates/a/tests/b.rs", "use std::time::{Duration, Instant};\n")]),
            (
                "crates/a/tests/b.rs:1",
                &[("crates/a/tests/b.rs", "fn c() { assert!(began.elapsed() < d) }\n")],
            ),
            ("crates/a/tests/b.rs:1", &[("crates/a/tests/b.rs", "let a = SystemTime::now();\n")]),
            (
                "crates/a/tests/b.rs:2",
                &[("crates/a/tests/b.rs", "fn c() {\n    read(\"/proc/self/stat\")\n}\n")],
            ),
            ("crates/a/tests/b.rs:1", &[("crates/a/tests/b.rs", "let a = clock_gettime(b);\n")]),
            (
                "crates/a/src/b.rs:4",
                &[(
                    "crates/a/src/b.rs",
                    "use std::time::Instant;\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
                )],
            ),
            ("crates/a/src/b/tests.rs:1", &[("crates/a/src/b/tests.rs", "use std::time::Instant;\n")]),
        ],
        good: &[
            &[(
                "crates/a/src/b.rs",
                "use std::time::Instant;\n#[cfg(test)]\nuse c::D;\nfn e() { Instant::now(); }\n",
            )],
            &[(
                "crates/a/tests/b.rs",
                "// Instant\nuse std::time::Duration;\nassert_eq!(report.elapsed, MS);\n",
            )],
            &[("crates/a/tests/b.rs", "read(\"/proc/self/status\");\nlet a = \"Instant\";\n")],
            &[("crates/jackfield/tests/support/real.rs", "use std::time::Instant;\n")],
            &[("benches/b.rs", "use std::time::Instant;\n")],
        ],
    },
    Rule {
        find: what_is_handed_on_is_described_for_its_users,
        bad: &[
            (
                "crates/jackfield-proto/src/a.rs:1",
                &[
                    ("crates/jackfield/src/lib.rs", "pub use jackfield_proto::a::{B,\n    Message};\n"),
                    (
                        "crates/jackfield-proto/src/a.rs",
                        "/// From [`Machine::step`].\n#[derive(Debug)]\npub enum Message {}\n",
                    ),
                ],
            ),
            (
                "crates/jackfield-reactor/src/a.rs:4",
                &[
                    ("crates/jackfield/src/lib.rs", "pub use jackfield_reactor::Time;\n"),
                    (
                        "crates/jackfield-reactor/src/a.rs",
                        "/// Good.\npub struct Time;\nimpl Time {\n    /// See `Wires`.\n    fn a() {}\n}\n",
                    ),
                ],
            ),
        ],
        good: &[&[
            (
                "crates/jackfield/src/lib.rs",
                "pub use jackfield_proto::a::Message;\npub use jackfield_reactor as reactor;\n",
            ),
            (
                "crates/jackfield-proto/src/a.rs",
                "/// Good.\npub struct Message;\n\n/// The `Machine`.\npub struct A;\nimpl A {\n    /// Its `Machine`.\n    fn a() {}\n}\n",
            ),
        ]],
    },
    Rule {
        find: the_most_used_types_have_an_example,
        bad: &[
            (
                "crates/jackfield/src/client/raw.rs:3",
                &[("crates/jackfield/src/client/raw.rs", "/// ```\n\npub struct Raw;\n")],
            ),
            (
                "crates/jackfield/src/client/raw.rs:1",
                &[("crates/jackfield/src/client/raw.rs", "struct Raw;\n")],
            ),
        ],
        good: &[
            &[(
                "crates/jackfield/src/client/raw.rs",
                "/// A.\n///\n/// ```\n/// ```\n#[a]\npub struct Raw;\n",
            )],
            &[("crates/jackfield/src/client/rare.rs", "pub struct Raw;\n")],
        ],
    },
    Rule {
        find: pages_have_no_links_to_elsewhere,
        bad: &[
            ("a.html:2", &[("a.html", "<a href=\"b.rs\">\n<a href=\"https://a.example/\">\n")]),
            ("a.html:1", &[("a.html", "<img src=\"a.png\"><img src=\"//a.example/a.png\">\n")]),
        ],
        good: &[&[
            ("a.html", "<a href=\"b.rs\">https://a.example/\n"),
            ("a.md", "<a href=\"http://a.example\">\n"),
        ]],
    },
    Rule {
        find: no_paths_of_one_machine,
        bad: &[
            ("a.toml:2", &[("a.toml", concat!("a = 1\npath = \"/ho", "me/me/b\"\n"))]),
            ("a.sh:1", &[("a.sh", concat!("cd C:\\Us", "ers\\me\n"))]),
            ("a.rs:1", &[("a.rs", "// See /srv/checkout/docs.\n")]),
        ],
        good: &[&[
            ("a.rs", concat!("router.get(\"/ho", "me\", a); // in ../ho", "me/x or /srv/checkouts\n")),
            ("a.md", concat!("The folder Us", "ers.\n")),
        ]],
    },
    Rule {
        find: examples_are_declared,
        bad: &[(
            "examples/chat.rs:1",
            &[(EXAMPLES_MANIFEST, DECLARED), ("examples/echo.rs", ""), ("examples/chat.rs", "")],
        )],
        good: &[&[(EXAMPLES_MANIFEST, DECLARED), ("examples/echo.rs", ""), ("examples/chat.html", "")]],
    },
    Rule {
        find: examples_are_mentioned,
        bad: &[("examples/chat.rs:1", &[("README.md", "A `chatty` example.\n"), ("examples/chat.rs", "")])],
        good: &[
            &[
                ("README.md", "See `chat` and examples/clock/.\n"),
                ("examples/chat.rs", ""),
                ("examples/clock/main.rs", ""),
            ],
            &[
                ("README.md", "examples/echo.rs\n--example a\n"),
                ("examples/echo.rs", ""),
                ("examples/a.rs", ""),
            ],
            &[("examples/chat.rs", "")],
        ],
    },
    Rule {
        find: packages_include_their_own_files,
        bad: &[
            (
                "crates/a/src/b.rs:2",
                &[("crates/a/src/b.rs", "//! A.\n#[doc = include_str!(\"../../c.md\")]\n")],
            ),
            (
                "crates/a/src/b/c.rs:1",
                &[("crates/a/src/b/c.rs", "let d = include_bytes!(\"../../../d\");\n")],
            ),
        ],
        good: &[&[
            ("crates/a/src/b/c.rs", "let d = include_str!(\"../../d.md\");\nlet e = include_str!(\"e\");\n"),
            ("examples/options/lib.rs", "#[doc = include_str!(\"../../README.md\")]\n"),
            ("crates/f/Cargo.toml", "[package]\npublish = false\n"),
            ("crates/f/src/g.rs", "let h = include_str!(\"../../../h\");\n"),
        ]],
    },
    Rule {
        find: the_features_are_in_the_readme,
        bad: &[
            ("README.md:1", &[(SERVER_MANIFEST, FEATURES), ("README.md", "`b` is one\n| `a` | A | on |\n")]),
            ("README.md:1", &[(SERVER_MANIFEST, FEATURES), ("README.md", "| `a` | A | |\n| `b` | B | |\n")]),
            (
                "README.md:2",
                &[(SERVER_MANIFEST, FEATURES), ("README.md", "| `a` | | on |\n| `b` | | on |\n")],
            ),
        ],
        good: &[&[(SERVER_MANIFEST, FEATURES), ("README.md", "| `a`, `c` | A | on |\n| `b` | B | |\n")]],
    },
    Rule {
        find: links_lead_somewhere,
        bad: &[
            (
                "docs/a.md:3",
                &[("docs/a.md", "# Top\n[here](#top)\n[there](../b.md#part)\n"), ("docs/b.md", "")],
            ),
            ("a.md:2", &[("a.md", "# Top\n[here](#bottom)\n")]),
            ("a.md:1", &[("a.md", "[there](b.md#one)\n"), ("b.md", "# Two\n```text\n# One\n```\n")]),
            ("a.md:3", &[("a.md", "See [b].\n\n[b]: b.md\n")]),
            ("a.md:1", &[("a.md", "[out](../a.md)\n")]),
        ],
        good: &[
            &[
                ("docs/a.md", "[up](../b.md#part \"title\") [web](https://a.b#c) [dir](../docs/)\n"),
                ("b.md", "# Part\n"),
            ],
            &[(
                "b.md",
                "[1](#the-parts-of-a_b-once) [2](#again-1)\n## The `parts` of a_b, once!\n# Again\n# Again\n",
            )],
            &[("b.md", "`[code](none.md)`\n```\n[fence](none.md)\n```\n[b].\n\n[b]: <https://b>\n")],
        ],
    },
    Rule {
        find: links_of_documentation_lead_somewhere,
        bad: &[
            ("crates/a/src/b.rs:2", &[("crates/a/src/b.rs", "//! A.\n//! [c](../c.md)\n"), ("c.md", "")]),
            ("a.rs:1", &[("a.rs", "/// [c](c.md#part)\nfn a() {}\n"), ("c.md", "# Other\n")]),
            ("a.rs:1", &[("a.rs", "/// [`Limits`](struct.Limits.html)\n")]),
        ],
        good: &[&[
            (
                "a.rs",
                "//! [c](c.md#part) [d](https://d.e) [e](crate::e) [f](Limits) [g](#h) `[h](h.md)`\nlet a = \"[i](i.md)\";\n",
            ),
            ("c.md", "# Part\n"),
        ]],
    },
    Rule {
        find: pages_of_the_documents_name_files,
        bad: &[(
            "docs/a.html:2",
            &[("docs/a.html", "<p>\n<a href=\"b.svg\"> <img src=\"c.svg\">\n"), ("docs/b.svg", "")],
        )],
        good: &[&[
            (
                "docs/a.html",
                "<a href=\"../b.md\"> <a href=\"#b\"> <img src=\"data:,\"> <a href=\"https://a\">\n",
            ),
            ("b.md", ""),
            ("examples/a.html", "<img src=\"of-the-server.svg\">\n"),
        ]],
    },
];

const ROOT: (&str, &str) =
    ("Cargo.toml", "[workspace]\nmembers = [\n    \"crates/*\",\n    \"benches\",\n]\n");
const FEATURES: &str =
    "[features]\ndefault = [\"a\"]\n# b = [\"c\"]\na = []\nb = [\"a\"]\nplanted-bugs = []\n[b]\nc = 1\n";
const PROTO_SOURCE: &str = "crates/jackfield-proto/src/a.rs";
const DECLARED: &str = "[[example]]\nname = \"echo\"\npath = \"echo.rs\"\n";

fn lines_are_short(tree: &Tree) -> Vec<Offence> {
    let long = |line: &str| line.chars().count() > LINE_MAX;
    tree.lines(&["rs"], |line| long(line).then(|| format!("a line of more than {LINE_MAX} characters")))
}

fn lines_end_with_their_text(tree: &Tree) -> Vec<Offence> {
    // Other kinds of file may be data whose every byte counts.
    tree.lines(&["rs", "toml", "md"], |line| {
        line.ends_with(char::is_whitespace).then(|| "white space at the end of the line".into())
    })
}

fn no_tabs(tree: &Tree) -> Vec<Offence> {
    tree.lines(&["rs"], |line| {
        line.contains('\t').then(|| "a tab; write four spaces, or \\t in a literal".into())
    })
}

fn may_have_unsafe(source: &Source) -> bool {
    UNSAFE_CRATES.iter().any(|name| source.path.starts_with(name))
}

fn members_use_the_workspace_lints(tree: &Tree) -> Vec<Offence> {
    let follows =
        |manifest: &Source| manifest.section("[lints]").any(|line| squeeze(line) == "workspace=true");
    let astray = tree.members().filter(|manifest| !may_have_unsafe(manifest) && !follows(manifest));
    astray.map(|manifest| manifest.offence(1, "lacks [lints] with workspace = true")).collect()
}

fn members_use_the_workspace_rust_version(tree: &Tree) -> Vec<Offence> {
    let forms = ["rust-version.workspace=true", "rust-version={workspace=true}"];
    let follows =
        |manifest: &Source| manifest.section("[package]").any(|line| forms.contains(&squeeze(line).as_str()));
    let astray = tree.members().filter(|manifest| !follows(manifest));
    astray.map(|manifest| manifest.offence(1, "lacks rust-version.workspace = true")).collect()
}

fn files_are_short(tree: &Tree) -> Vec<Offence> {
    let sources = tree.rust().filter(|source| source.path.starts_with("crates/") && source.is_in_src());
    let lengths = sources.map(|source| (source, source.text.lines().count()));
    let long = lengths.filter(|(_, length)| *length > FILE_MAX);
    long.map(|(source, length)| source.offence(length, format!("a file of more than {FILE_MAX} lines")))
        .collect()
}

fn files_say_what_they_are(tree: &Tree) -> Vec<Offence> {
    let silent = tree.rust().filter(|source| source.is_in_src() && !source.text.starts_with("//!"));
    silent.map(|source| source.offence(1, "does not begin with a //! that says what it is")).collect()
}

fn functions_are_short(tree: &Tree) -> Vec<Offence> {
    let (long, count) = long_functions(tree);
    if long.len() * 100 <= count * LONG_FUNCTIONS_PERCENT_MAX { Vec::new() } else { long }
}

fn no_forbidden_code(tree: &Tree) -> Vec<Offence> {
    let words =
        [concat!("un", "safe"), concat!("to", "do!"), concat!("unimpl", "emented!"), concat!("d", "bg!")];
    let attribute = concat!("#[ig", "nore");
    let mut offences = Vec::new();
    for source in tree.rust() {
        for (line, code) in source.code_lines() {
            let words = if may_have_unsafe(source) { &words[1..] } else { &words[..] };
            for word in words.iter().filter(|word| contains_word(code, word)) {
                offences.push(source.offence(line, format!("`{word}` has no place here")));
            }
            if code.contains(attribute) {
                offences.push(source.offence(line, format!("`{attribute}`: a test runs, or it is not kept")));
            }
        }
    }
    offences
}

fn the_lower_crates_stand_alone(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for manifest in [PROTO_MANIFEST, REACTOR_MANIFEST].iter().filter_map(|path| tree.get(path)) {
        let mut dependencies = false;
        for (line, text) in numbered(&manifest.text) {
            let text = text.split('#').next().unwrap_or_default();
            if text.starts_with('[') {
                dependencies = text.contains("dependencies");
            }
            let may_have_unsafe =
                UNSAFE_CRATES.iter().any(|name| text.starts_with(&name["crates/".len()..name.len() - 1]));
            // Its own tests may ask for its features.
            let is_itself = text.contains(r#"path = ".""#);
            if dependencies && text.contains("jackfield") && !may_have_unsafe && !is_itself {
                offences.push(manifest.offence(line, "depends on another crate of the workspace"));
            }
        }
    }
    offences
}

fn the_protocols_do_no_io(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.rust().filter(|source| source.path.starts_with("crates/jackfield-proto/src/")) {
        let mut in_group = false;
        for (line, code) in source.code_lines() {
            in_group |= code.contains("use std::{");
            let full = contains_word(code, "std::net") || contains_word(code, "std::thread");
            let grouped = in_group && (contains_word(code, "net") || contains_word(code, "thread"));
            if full || grouped || contains_word(code, "Instant") {
                offences.push(source.offence(
                    line,
                    "a socket, thread or clock; bytes and time are arguments here (addresses: core::net)",
                ));
            }
            in_group &= !code.contains(';');
        }
    }
    offences
}

fn no_paths_of_one_machine(tree: &Tree) -> Vec<Offence> {
    let homes =
        [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/"), concat!(":\\Us", "ers\\")];
    let foreign = |text: &str| homes.iter().chain([&tree.root()]).any(|path| contains_absolute(text, path));
    let mut offences = Vec::new();
    for source in tree.sources() {
        let lines = numbered(&source.text).filter(|(_, text)| foreign(text));
        offences.extend(lines.map(|(line, _)| source.offence(line, "a path that only one machine has")));
    }
    offences
}

fn tests_measure_no_time(tree: &Tree) -> Vec<Offence> {
    let clocks = ["Instant", "SystemTime", "elapsed()", "clock_gettime", "getrusage"];
    let files = ["/stat\"", "/schedstat\"", "/loadavg\""];
    let mut offences = Vec::new();
    for source in tree.rust().filter(|source| CLOCKS.iter().all(|(path, _)| *path != source.path)) {
        let texts = source.text.lines();
        for ((line, code), text) in source.code_lines().zip(texts).skip(source.tests_begin()) {
            let clock = clocks.iter().find(|clock| contains_word(code, clock));
            let file = files.iter().find(|file| text.contains(**file) && !code.trim().is_empty());
            if let Some(what) = clock.or(file) {
                let what = what.trim_matches('"');
                let why = "a busy machine makes such a test fail: count turns, attempts or events";
                offences.push(source.offence(line, format!("`{what}` in a test; {why}")));
            }
        }
    }
    offences
}

fn examples_are_declared(tree: &Tree) -> Vec<Offence> {
    let Some(manifest) = tree.get(EXAMPLES_MANIFEST) else { return Vec::new() };
    let manifests = [Some(manifest), tree.get(LIBRARIES_MANIFEST)].into_iter().flatten();
    let lines = manifests.flat_map(|manifest| manifest.section("[[example]]"));
    let paths = lines.filter_map(|line| line.strip_prefix("path").and_then(quoted));
    let declared: BTreeSet<&str> = paths.map(|path| path.trim_start_matches("../")).collect();
    let unknown =
        tree.examples().filter(|(source, _)| !declared.contains(source.path.trim_start_matches("examples/")));
    unknown
        .map(|(source, _)| {
            source.offence(1, format!("is no [[example]] of {EXAMPLES_MANIFEST} or {LIBRARIES_MANIFEST}"))
        })
        .collect()
}

fn examples_are_mentioned(tree: &Tree) -> Vec<Offence> {
    let Some(readme) = tree.get("README.md") else {
        println!("skipped: there is no README.md yet that could mention the examples");
        return Vec::new();
    };
    let mentioned = |name: &str| {
        let file = format!("examples/{name}.rs");
        let forms = [file, format!("examples/{name}/"), format!("`{name}`"), format!("--example {name}")];
        forms.iter().any(|form| contains_word(&readme.text, form))
    };
    let unknown = tree.examples().filter(|(_, name)| !mentioned(name));
    unknown.map(|(source, _)| source.offence(1, "is not mentioned in README.md")).collect()
}

fn links_lead_somewhere(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.with_extension(&["md"]) {
        for (line, target) in links(&source.text) {
            if !target.contains(':') && !leads_somewhere(tree, source, target) {
                offences.push(source.offence(line, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    offences
}

/// Links of documentation to files. A link to an item, such as `[a](Limits)`, has neither a dot nor a slash.
fn links_of_documentation_lead_somewhere(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.rust() {
        for (line, target) in links(&documentation(&source.text)) {
            let is_file = target.contains(['.', '/']) && !target.contains(':');
            if is_file && !leads_somewhere(tree, source, target) {
                offences.push(source.offence(line, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    offences
}

/// What the pages below docs/ name, which no server serves. Links of a page to its own server are followed by the tests in
/// Chromium.
fn pages_of_the_documents_name_files(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.with_extension(&["html"]).filter(|source| source.path.starts_with("docs/")) {
        for (number, line) in numbered(&source.text) {
            let files = named_files(line).filter(|target| !target.contains(':'));
            let unknown = files.filter(|target| !leads_somewhere(tree, source, target));
            offences.extend(unknown.map(|target| source.offence(number, format!("there is no `{target}`"))));
        }
    }
    offences
}

/// Nothing checks whether such a link is dead.
fn pages_have_no_links_to_elsewhere(tree: &Tree) -> Vec<Offence> {
    let mut offences = Vec::new();
    for source in tree.with_extension(&["html"]) {
        let leads_away = |line: &str| {
            named_files(line)
                .any(|target| ["http:", "https:", "//"].iter().any(|begin| target.starts_with(begin)))
        };
        let lines = numbered(&source.text).filter(|(_, line)| leads_away(line));
        offences.extend(lines.map(|(number, _)| source.offence(number, "the link leads to another server")));
    }
    offences
}

/// Whether a link within the repository leads to a file, and to one of its headings if it names one.
fn leads_somewhere(tree: &Tree, source: &Source, target: &str) -> bool {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = path.split('?').next().unwrap_or_default();
    let folder = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = if path.is_empty() { Some(source.path.clone()) } else { resolve(folder, path) };
    let Some(path) = path.filter(|path| tree.exists(path)) else { return false };
    let is_text = path.ends_with(".md");
    let has_anchor = |page: &Source| anchors(&page.text).iter().any(|known| known == anchor);
    anchor.is_empty() || !is_text || tree.get(&path).is_some_and(has_anchor)
}

/// Functions that don't fit a screen, as offences, and the number of all functions.
fn long_functions(tree: &Tree) -> (Vec<Offence>, usize) {
    let mut long = Vec::new();
    let mut count = 0;
    for source in tree.rust() {
        let found = functions(source.code());
        count += found.len();
        for function in found.iter().filter(|function| function.lines > FUNCTION_MAX) {
            let message = format!("fn {} has {} lines", function.name, function.lines);
            long.push(source.offence(function.line, message));
        }
    }
    (long, count)
}

fn print_long_functions(tree: &Tree) {
    let (long, count) = long_functions(tree);
    println!("{} of {count} functions have more than {FUNCTION_MAX} lines", long.len());
    for offence in long {
        println!("{offence}");
    }
}
