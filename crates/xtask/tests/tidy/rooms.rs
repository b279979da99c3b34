//! The rooms of a crate: who may take from whom, and that no files take from each other in a circle.
//!
//! A room is a folder or a file of `src/`. ARCHITECTURE.md has their order in the section `## Rooms`, a line for each
//! crate. The environment variable `JACKFIELD_ROOMS` has lines to be tried in place of those, with `;` between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::modules::{Import, Kind, Modules};
use crate::readers::numbered;
use crate::tree::{Offence, Tree};

const MAP: &str = "ARCHITECTURE.md";
const HEADING: &str = "## Rooms";

/// The order of rooms in one crate, or in a folder of its `src/`.
struct Order {
    /// Where it is written, as path and line.
    place: (String, usize),
    name: String,
    /// The floors with their rooms, the lowest first.
    floors: Vec<Vec<String>>,
}

/// What `name: room room < room` says; a text without a colon is a name without rooms.
fn order(place: (String, usize), text: &str) -> Option<Order> {
    let (name, floors) = text.split_once(':').unwrap_or((text, ""));
    let floors = floors.split('<').map(|floor| floor.split_whitespace().map(str::to_owned).collect());
    let order = Order { place, name: name.trim().to_owned(), floors: floors.collect() };
    (!order.name.is_empty()).then_some(order)
}

/// The orders in ARCHITECTURE.md, those from the environment in their places.
fn orders(tree: &Tree) -> Vec<Order> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let (mut inside, mut fenced) = (false, false);
    for (number, line) in numbered(tree.get(MAP).map_or("", |map| &map.text)) {
        if line.starts_with("## ") {
            inside = line.trim_end() == HEADING;
        }
        let fence = line.starts_with("```");
        if fence {
            fenced = line == "```text";
        }
        match lines.last_mut() {
            _ if !inside || !fenced || fence => {}
            Some((_, begun)) if line.starts_with(' ') => begun.push_str(line),
            _ => lines.push((number, line.to_owned())),
        }
    }
    let written = lines.iter().filter_map(|(number, line)| order((MAP.to_owned(), *number), line));
    let tried = tree.plan().split(';').filter_map(|line| order(("JACKFIELD_ROOMS".to_owned(), 1), line));
    let mut tried: Vec<Order> = tried.collect();
    let is_tried = |written: &Order| tried.iter().any(|order| order.name == written.name);
    let mut orders: Vec<Order> = written.filter(|order| !is_tried(order)).collect();
    orders.append(&mut tried);
    orders
}

/// Imports upwards or along a floor, from the root or of all names, circles of files, and rooms that are not as listed.
pub(crate) fn rooms_are_in_order(tree: &Tree) -> Vec<Offence> {
    let orders = orders(tree);
    if orders.is_empty() && tree.get(MAP).is_some() {
        return vec![Offence::new(
            MAP,
            1,
            format!("has no section `{HEADING}` with a block of lines `crate: room < room`"),
        )];
    }
    let mut offences = crates_without_order(tree, &orders);
    for (index, order) in orders.iter().enumerate() {
        if orders[..index].iter().any(|other| other.name == order.name) {
            let (path, line) = &order.place;
            offences.push(Offence::new(path, *line, format!("`{}` has a line already", order.name)));
        }
        let (crate_, folder) = order.name.split_once('/').unwrap_or((&order.name, ""));
        let Some(modules) = Modules::of(tree, &format!("crates/{crate_}")) else {
            let (path, line) = &order.place;
            offences.push(Offence::new(path, *line, format!("there is no crate crates/{crate_}")));
            continue;
        };
        let imports = modules.imports();
        let house = House { order, folder, modules: &modules };
        offences.extend(house.rooms_differ(&imports));
        offences.extend(imports.iter().filter_map(|import| house.wrong_way(import)));
        if folder.is_empty() {
            offences.extend(imports.iter().filter_map(|import| house.hidden(import)));
            offences.extend(circles(&modules, &imports));
        }
    }
    offences
}

fn crates_without_order(tree: &Tree, orders: &[Order]) -> Vec<Offence> {
    let roots = tree.rust().filter_map(|source| {
        let inner = source.path.strip_prefix("crates/")?;
        let name = inner.strip_suffix("/src/lib.rs").or_else(|| inner.strip_suffix("/src/main.rs"))?;
        (!name.contains('/')).then_some((source, name))
    });
    let astray =
        roots.filter(|(_, name)| tree.get(MAP).is_some() && orders.iter().all(|order| order.name != *name));
    astray
        .map(|(root, name)| root.offence(1, format!("`{name}` has no line under `{HEADING}` of {MAP}")))
        .collect()
}

/// One crate, or a folder of it, and the order that it shall have.
struct House<'a> {
    order: &'a Order,
    /// Where the rooms lie, seen from `src/`; empty for all of it.
    folder: &'a str,
    modules: &'a Modules,
}

impl House<'_> {
    /// The room that a file is in, if that is one of this house.
    fn room(&self, file: usize) -> Option<&str> {
        let inner = self.modules.files()[file].strip_prefix(self.folder)?;
        let inner = if self.folder.is_empty() { inner } else { inner.strip_prefix('/')? };
        let room = inner.split('/').next()?;
        Some(room.strip_suffix(".rs").unwrap_or(room))
    }

    fn floor(&self, room: &str) -> Option<usize> {
        self.order.floors.iter().position(|floor| floor.iter().any(|listed| listed == room))
    }

    /// Rooms that are not listed, and listed ones that are not there or are there twice.
    fn rooms_differ(&self, imports: &[Import]) -> Vec<Offence> {
        let Order { place: (path, line), name, floors } = self.order;
        let mut offences = Vec::new();
        let files = 0..self.modules.files().len();
        let rooms: BTreeMap<&str, usize> =
            files.rev().filter_map(|file| Some((self.room(file)?, file))).collect();
        for (room, file) in rooms.iter().filter(|(room, _)| self.floor(room).is_none()) {
            let above: BTreeSet<&str> =
                self.taken(imports).filter(|(_, to)| to == room).map(|(from, _)| from).collect();
            let below: BTreeSet<&str> =
                self.taken(imports).filter(|(from, _)| from == room).map(|(_, to)| to).collect();
            let message = format!(
                "the room `{room}` is not listed: put it into the line of `{name}` under `{HEADING}` of {MAP}, above {} and below {}",
                listing(&below),
                listing(&above)
            );
            offences.push(Offence::new(&self.modules.path(*file), 1, message));
        }
        let mut seen = BTreeSet::new();
        for room in floors.iter().flatten() {
            if !rooms.contains_key(room.as_str()) {
                offences.push(Offence::new(
                    path,
                    *line,
                    format!("`{name}` has no room `{room}`: strike it from the line, or mend its name"),
                ));
            }
            if !seen.insert(room) {
                offences.push(Offence::new(
                    path,
                    *line,
                    format!("the room `{room}` of `{name}` is listed twice"),
                ));
            }
        }
        offences
    }

    /// From which room to which other one something is taken.
    fn taken<'b>(&'b self, imports: &'b [Import]) -> impl Iterator<Item = (&'b str, &'b str)> {
        let rooms = imports.iter().filter_map(|import| {
            let Kind::File(file) = import.kind else { return None };
            Some((self.room(import.from)?, self.room(file)?))
        });
        rooms.filter(|(from, to)| from != to)
    }

    /// An import that doesn't go down.
    fn wrong_way(&self, import: &Import) -> Option<Offence> {
        let Kind::File(file) = import.kind else { return None };
        let (from, to) = (self.room(import.from)?, self.room(file)?);
        let (lower, upper) = (self.floor(from)?, self.floor(to)?);
        if from == to || lower > upper {
            return None;
        }
        let (path, target) = (&import.path, &self.modules.files()[file]);
        let why = if lower == upper {
            format!("is an import along a floor: `{from}` and `{to}` may not take from each other")
        } else {
            format!("is an import upwards: `{from}` stands below `{to}`")
        };
        let what = "move the definition to a lower room, or hand the value in as an argument";
        Some(self.offence(import, format!("`{path}` of {target} {why}; {what}")))
    }

    /// An import that hides where a name comes from.
    fn hidden(&self, import: &Import) -> Option<Offence> {
        let path = &import.path;
        let message = match &import.kind {
            Kind::File(_) => return None,
            Kind::Root(target) => {
                format!("`{path}` is only handed on by the root of the crate; take `{target}`")
            }
            Kind::Glob => format!("`{path}::*` hides what is taken; name it"),
        };
        Some(self.offence(import, message))
    }

    fn offence(&self, import: &Import, message: String) -> Offence {
        Offence::new(&self.modules.path(import.from), import.line, message)
    }
}

fn listing(rooms: &BTreeSet<&str>) -> String {
    let rooms: Vec<&str> = rooms.iter().copied().collect();
    if rooms.is_empty() { "nothing".to_owned() } else { format!("`{}`", rooms.join(" ")) }
}

/// Circles of files that have no import in common, the short ones first.
fn circles(modules: &Modules, imports: &[Import]) -> Vec<Offence> {
    let mut ways: BTreeMap<usize, BTreeMap<usize, &Import>> = BTreeMap::new();
    for import in imports {
        if let Kind::File(to) = import.kind {
            ways.entry(import.from).or_default().entry(to).or_insert(import);
        }
    }
    let mut offences = Vec::new();
    while let Some(circle) =
        ways.keys().filter_map(|start| shortest_circle(&ways, *start)).min_by_key(Vec::len)
    {
        let name = |file: usize| &modules.files()[file];
        let mut steps = Vec::new();
        for (index, from) in circle.iter().enumerate() {
            let to = circle[(index + 1) % circle.len()];
            let import = ways.get_mut(from).and_then(|ways| ways.remove(&to)).expect("a way of the circle");
            steps.push((
                import,
                format!("{}:{} takes `{}` of {}", name(*from), import.line, import.path, name(to)),
            ));
        }
        let what = "move what one of them takes to a file below both";
        let texts: Vec<&str> = steps.iter().map(|(_, text)| text.as_str()).collect();
        let message = format!("a circle of {} files: {}; {what}", circle.len(), texts.join(", "));
        let first = steps[0].0;
        offences.push(Offence::new(&modules.path(first.from), first.line, message));
    }
    offences
}

/// The files of the shortest circle from one file back to it, that file first.
fn shortest_circle(ways: &BTreeMap<usize, BTreeMap<usize, &Import>>, start: usize) -> Option<Vec<usize>> {
    let mut before: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for to in ways.get(&file).into_iter().flat_map(BTreeMap::keys) {
            if *to == start {
                let mut circle = vec![file];
                while let Some(file) = circle.last().filter(|file| **file != start) {
                    circle.push(before[file]);
                }
                circle.reverse();
                return Some(circle);
            }
            if !before.contains_key(to) {
                before.insert(*to, file);
                queue.push_back(*to);
            }
        }
    }
    None
}
