//! Small crates whose rooms are in order or not, one for each way in which an import can be written.

use crate::Files;
use crate::rooms::rooms_are_in_order;
use crate::tree::Tree;

const MAP: (&str, &str) = (
    "ARCHITECTURE.md",
    "# Map\n\n## Rooms\n\n```text\na: sync < low side\n   < high < lib\n```\n\n## Next\n\n```text\nb: c\n\
     ```\n",
);
const LIB: (&str, &str) =
    ("crates/a/src/lib.rs", "mod high;\nmod low;\nmod side;\nmod sync;\n\npub use high::High;\n");
const SYNC: (&str, &str) = ("crates/a/src/sync.rs", "pub(crate) struct Lock;\n");
const SIDE: (&str, &str) =
    ("crates/a/src/side.rs", "use crate::sync::Lock;\n\npub(crate) struct Side(Lock);\n");
const LOW: (&str, &str) = ("crates/a/src/low.rs", "pub(crate) struct Low;\n");
const HIGH: (&str, &str) = ("crates/a/src/high/mod.rs", "mod inner;\npub use inner::High;\n");
const INNER: (&str, &str) = ("crates/a/src/high/inner.rs", "pub struct High;\n");

/// A crate in order but for its `low.rs`.
macro_rules! low {
    ($text:expr) => {
        &[MAP, LIB, SYNC, SIDE, HIGH, INNER, ("crates/a/src/low.rs", $text)]
    };
}

/// A crate in order but for the inside of `high/`.
macro_rules! high {
    ($mod_rs:expr, $inner:expr, $outer:expr) => {
        &[
            MAP,
            LIB,
            SYNC,
            SIDE,
            LOW,
            ("crates/a/src/high/mod.rs", $mod_rs),
            ("crates/a/src/high/inner.rs", $inner),
            ("crates/a/src/high/outer.rs", $outer),
        ]
    };
}

/// A crate with this map and these two rooms, which take nothing.
macro_rules! two_rooms {
    ($map:expr) => {
        &[
            ("ARCHITECTURE.md", $map),
            ("crates/a/src/lib.rs", "mod b;\nmod c;\n"),
            ("crates/a/src/b.rs", ""),
            ("crates/a/src/c.rs", ""),
        ]
    };
}

pub(crate) const BAD: &[(&str, Files)] = &[
    // Upwards: through the `pub use` of a mod.rs, in a tree, renamed, in a path of code, by way of `super`, a folder
    // or an inline module, in a macro, in a function, and where only a feature needs it.
    ("crates/a/src/low.rs:1", low!("use crate::high::High;\n")),
    ("crates/a/src/low.rs:3", low!("use crate::{\n    sync::Lock,\n    high::{High as Other},\n};\n")),
    ("crates/a/src/low.rs:2", low!("pub(crate) fn low() {\n    crate::high::High::new();\n}\n")),
    ("crates/a/src/low.rs:1", low!("use super::high::High;\n")),
    ("crates/a/src/low.rs:3", low!("use crate::high;\n\nstruct Low(high::High);\n")),
    ("crates/a/src/low.rs:2", low!("mod inline {\n    use super::super::high::High;\n}\n")),
    ("crates/a/src/low.rs:2", low!("macro_rules! low {\n    () => { $crate::high::High }\n}\n")),
    ("crates/a/src/low.rs:2", low!("fn low() {\n    use crate::high::High;\n    High;\n}\n")),
    ("crates/a/src/low.rs:2", low!("#[cfg(feature = \"x\")]\nuse crate::high::High;\n")),
    ("crates/a/src/low.rs:1", low!("pub use crate::high::High;\n")),
    ("crates/a/src/low.rs:1", low!("impl<T: From<crate::high::High>> Low<T> {}\n")),
    // A name that the module seems not to have may come from a macro.
    ("crates/a/src/low.rs:1", low!("use crate::high::Made;\n")),
    // What the root itself defines stands above all.
    (
        "crates/a/src/low.rs:1",
        &[
            MAP,
            ("crates/a/src/lib.rs", "mod high;\nmod low;\nmod side;\nmod sync;\npub enum Step {}\n"),
            SYNC,
            SIDE,
            HIGH,
            INNER,
            ("crates/a/src/low.rs", "use crate::Step;\n"),
        ],
    ),
    // Along a floor.
    ("crates/a/src/low.rs:1", low!("use crate::side::Side;\n")),
    ("crates/a/src/low.rs:1", low!("fn low() -> super::side::Side {}\n")),
    // From the root, which only hands it on: a name of this crate, and one of another crate.
    (
        "crates/a/src/high/inner.rs:1",
        high!("mod inner;\nmod outer;\npub use outer::High;\n", "use crate::High;\n", "pub struct High;\n"),
    ),
    (
        "crates/a/src/low.rs:2",
        &[
            MAP,
            (
                "crates/a/src/lib.rs",
                "mod high;\nmod low;\nmod side;\nmod sync;\npub use std::io::Error as Fault;\n",
            ),
            SYNC,
            SIDE,
            HIGH,
            INNER,
            ("crates/a/src/low.rs", "fn low() {\n    super::Fault::new();\n}\n"),
        ],
    ),
    // Hidden by a star.
    ("crates/a/src/low.rs:1", low!("use crate::sync::*;\n")),
    // Circles inside of a room: of two files, over a `pub use` of the mod.rs, with the mod.rs itself because it needs
    // what it hands on, and of three.
    (
        "crates/a/src/high/inner.rs:1",
        high!(
            "mod inner;\nmod outer;\npub use inner::High;\n",
            "use super::outer::Outer;\npub struct High(Outer);\n",
            "use super::inner::High;\npub struct Outer(High);\n"
        ),
    ),
    (
        "crates/a/src/high/inner.rs:1",
        high!(
            "mod inner;\nmod outer;\npub use inner::High;\n",
            "use super::outer::Outer;\npub struct High(Outer);\n",
            "use crate::high::High;\npub struct Outer(High);\n"
        ),
    ),
    (
        "crates/a/src/high/mod.rs:2",
        high!(
            "mod inner;\npub use inner::High;\npub struct Top(High);\n",
            "use super::Top;\npub struct High(Top);\n",
            ""
        ),
    ),
    (
        "crates/a/src/high/mod.rs:3",
        high!(
            "mod inner;\nmod outer;\nuse inner::High;\npub struct Top(High);\n",
            "use super::outer;\npub struct High(outer::Outer);\n",
            "pub struct Outer(super::Top);\n"
        ),
    ),
    // The rooms and the list differ.
    ("crates/a/src/c.rs:1", two_rooms!("## Rooms\n```text\na: b < lib\n```\n")),
    ("ARCHITECTURE.md:3", two_rooms!("## Rooms\n```text\na: b c d < lib\n```\n")),
    ("ARCHITECTURE.md:3", two_rooms!("## Rooms\n```text\na: b < c b < lib\n```\n")),
    ("ARCHITECTURE.md:4", two_rooms!("## Rooms\n```text\na: b c < lib\nz: b\n```\n")),
    ("ARCHITECTURE.md:4", two_rooms!("## Rooms\n```text\na: b c < lib\nz, b < c\n```\n")),
    ("ARCHITECTURE.md:4", two_rooms!("## Rooms\n```text\na: b c < lib\na: b < c < lib\n```\n")),
    ("ARCHITECTURE.md:1", two_rooms!("# Map\n\nNo rooms.\n")),
    (
        "crates/z/src/main.rs:1",
        &[
            ("ARCHITECTURE.md", "## Rooms\n```text\na: lib\n```\n"),
            ("crates/a/src/lib.rs", ""),
            ("crates/z/src/main.rs", ""),
        ],
    ),
    // The rooms of a folder.
    (
        "crates/a/src/b/c.rs:1",
        &[
            ("ARCHITECTURE.md", "## Rooms\n```text\na: b < lib\na/b: mod < c d\n```\n"),
            ("crates/a/src/lib.rs", "mod b;\n"),
            ("crates/a/src/b/mod.rs", "mod c;\nmod d;\npub(crate) struct B;\n"),
            ("crates/a/src/b/c.rs", "use super::d::D;\nuse super::B;\n"),
            ("crates/a/src/b/d.rs", "pub(crate) struct D;\n"),
        ],
    ),
];

pub(crate) const GOOD: &[Files] = &[
    low!("use crate::sync::Lock;\nuse std::fmt;\n\npub(crate) struct Low(Lock);\n"),
    // Tests, comments and literals take nothing; words of another crate and of the own code are no rooms.
    low!(
        "// crate::high::High\nconst A: &str = \"crate::high::High\";\n#[cfg(test)]\n\
         mod tests {\n    use crate::high::High;\n    use super::*;\n}\n"
    ),
    low!(
        "#[cfg(test)]\nuse crate::high::High;\n#[cfg(all(test, unix))]\n\
         fn test() {\n    crate::high::High;\n}\n"
    ),
    low!(
        "use other::high::High;\n\
         fn low(high: u8) -> impl Sized + use<'_> {\n    high::<u8>();\n    self.high::<u8>();\n    ::high::b();\n\
         }\n"
    ),
    low!(
        "use self::inline::high;\n\
         mod inline {\n    pub(super) mod high {\n        pub(crate) struct High;\n    }\n}\n\
         struct Low(high::High);\n"
    ),
    // Downwards; and a mod.rs that hands on what its files define takes nothing.
    high!(
        "mod inner;\nmod outer;\npub use inner::High;\npub(crate) use self::outer::{Outer, HEAD};\n\
         pub struct Top;\n",
        "use super::{Outer, Top};\nuse crate::low::Low;\npub struct High(Outer, Top, Low);\n",
        "pub struct Outer;\npub const HEAD: u8 = if true { 1 } else { 2 };\n"
    ),
    // Two names for one thing, of which one is right under each feature.
    high!(
        "mod inner;\n#[cfg(a)]\nuse std::sync::Lock;\n#[cfg(b)]\nuse crate::sync::Lock;\n\
         pub struct Top(Lock);\npub use inner::High;\n",
        "use super::Lock;\npub struct High(Lock);\n",
        ""
    ),
    // A room that is a file with a folder, and one that only tests have.
    &[
        ("ARCHITECTURE.md", "## Rooms\n```text\na: b < lib\n```\n"),
        ("crates/a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod b_tests;\n"),
        ("crates/a/src/b.rs", "mod c;\npub(crate) struct B;\n"),
        ("crates/a/src/b/c.rs", "use super::B;\nimpl B {}\n"),
        ("crates/a/src/b_tests.rs", "use crate::b::B;\n"),
    ],
    two_rooms!("## Rooms\n\nNo block: `a: d`.\n\n```text\na: b < c < lib\n```\n```sh\na: d\n```\n"),
];

#[test]
fn a_failure_says_what_to_do() {
    let check = |files: Files, expected: &str| {
        let found: Vec<String> =
            rooms_are_in_order(&Tree::of(files)).iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected]);
    };
    check(
        low!("use crate::high::High;\n"),
        "crates/a/src/low.rs:1: `crate::high::High` of high/inner.rs is an import upwards: `low` stands below `high`; \
         move the definition to a lower room, or hand the value in as an argument",
    );
    check(
        low!("use crate::side::Side;\n"),
        "crates/a/src/low.rs:1: `crate::side::Side` of side.rs is an import along a floor: `low` and `side` may not \
         take from each other; move the definition to a lower room, or hand the value in as an argument",
    );
    check(
        high!(
            "mod inner;\nmod outer;\n",
            "use super::outer::B;\npub struct A;\n",
            "use super::inner::A;\npub struct B;\n"
        ),
        "crates/a/src/high/inner.rs:1: a circle of 2 files: high/inner.rs:1 takes `super::outer::B` of high/outer.rs, \
         high/outer.rs:1 takes `super::inner::A` of high/inner.rs; move what one of them takes to a file below both",
    );
    check(
        high!("mod inner;\nmod outer;\npub use outer::High;\n", "use crate::High;\n", "pub struct High;\n"),
        "crates/a/src/high/inner.rs:1: `crate::High` is only handed on by the root of the crate; take `crate::high::High`",
    );
}

#[test]
fn an_unlisted_room_is_reported_with_its_place() {
    let files: Files = &[
        ("ARCHITECTURE.md", "## Rooms\n```text\na: low < high < lib\n```\n"),
        ("crates/a/src/lib.rs", "mod low;\nmod new;\nmod high;\n"),
        ("crates/a/src/low.rs", "pub struct Low;\n"),
        ("crates/a/src/new.rs", "pub struct New(crate::low::Low);\n"),
        ("crates/a/src/high.rs", "pub struct High(crate::new::New);\n"),
    ];
    let found: Vec<String> = rooms_are_in_order(&Tree::of(files)).iter().map(ToString::to_string).collect();
    let expected = "crates/a/src/new.rs:1: the room `new` is not listed: put it into the line of `a` under `## Rooms` of \
                    ARCHITECTURE.md, above `low` and below `high`";
    assert_eq!(found, [expected]);
}

#[test]
fn a_plan_takes_the_place_of_what_is_written() {
    let tree = |plan: &str| Tree::of(low!("use crate::side::Side;\n")).with_plan(plan);
    assert_eq!(rooms_are_in_order(&tree("a: sync < side < low < high < lib")), []);
    assert_eq!(rooms_are_in_order(&tree("")).len(), 1);
    assert_eq!(rooms_are_in_order(&tree("z: b; a: sync < low < side < high < lib")).len(), 2);
}
