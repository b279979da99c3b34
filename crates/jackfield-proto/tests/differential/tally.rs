//! Counts what readers make of inputs, and refuses what has no explanation.

use std::collections::BTreeMap;

use crate::classes::{Reader, class_of};
use crate::compare::{Departure, Kind, endings, first_departure};
use crate::reading::Reading;
use crate::strict::{Rule, has_odd_bytes};
use crate::{client, http_parser, hyper_server, ours, strict};

/// What all inputs so far have shown.
pub(crate) struct Tally {
    pub(crate) inputs: usize,
    /// Requests that the strict reader took.
    pub(crate) requests: usize,
    /// Inputs of responses, each of which is shown as an answer to `GET` and to `HEAD`.
    pub(crate) answers: usize,
    /// Inputs that each reader reads as the strict one does.
    pub(crate) alike: [usize; 4],
    /// Inputs that each reader takes in spite of a rule.
    pub(crate) lax: BTreeMap<Rule, Row>,
    /// Inputs of each class, by its place.
    pub(crate) classes: BTreeMap<usize, Row>,
    /// Targets with odd bytes that each reader takes.
    pub(crate) odd: Row,
    /// What fits nothing, with the first input of each sort and what was made of it.
    pub(crate) unexplained: BTreeMap<String, String>,
    endings: Vec<Vec<u8>>,
}

/// How many inputs there were for each reader, and the shortest of them.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) counts: [usize; 4],
    pub(crate) example: Option<Vec<u8>>,
}

impl Row {
    fn add(&mut self, reader: Reader, bytes: &[u8]) {
        self.counts[reader as usize] += 1;
        if self.example.as_ref().is_none_or(|known| bytes.len() < known.len()) {
            self.example = Some(bytes.to_vec());
        }
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            inputs: 0,
            requests: 0,
            answers: 0,
            alike: [0; 4],
            lax: BTreeMap::new(),
            classes: BTreeMap::new(),
            odd: Row::default(),
            unexplained: BTreeMap::new(),
            endings: endings(),
        }
    }

    /// Shows a request to all readers of them.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let strict = strict::read(bytes);
        self.inputs += 1;
        self.requests += strict.requests.len();
        for reader in Reader::SERVERS {
            let other = read(reader, bytes);
            self.take_odd(reader, bytes, &strict, &other);
            self.compare(reader, bytes, &strict, &other);
        }
    }

    /// Shows responses to the reader of them.
    pub(crate) fn take_answer(&mut self, bytes: &[u8]) {
        for methods in [["GET", "GET"], ["HEAD", "GET"]] {
            self.answers += 1;
            let strict = strict::responses::read(bytes, &methods);
            self.compare(Reader::Client, bytes, &strict, &client::read(bytes, &methods));
        }
    }

    fn compare(&mut self, reader: Reader, bytes: &[u8], strict: &Reading<Rule>, other: &Reading<String>) {
        let Some(departure) = first_departure(bytes, strict, other) else {
            self.alike[reader as usize] += 1;
            return;
        };
        if let Err(what) = self.note(reader, &departure) {
            let what = format!("{}: {what}", reader.name());
            self.unexplained.entry(what).or_insert_with(|| complaint(bytes, strict, other));
        }
    }

    fn take_odd(&mut self, reader: Reader, bytes: &[u8], strict: &Reading<Rule>, other: &Reading<String>) {
        let mut both = strict.requests.iter().zip(&other.requests);
        if both.any(|(one, two)| has_odd_bytes(&one.target) && one.target == two.target) {
            self.odd.add(reader, bytes);
        }
    }

    /// Counts a departure, or says what is unknown about it.
    fn note(&mut self, reader: Reader, departure: &Departure<'_>) -> Result<(), String> {
        if let Kind::Laxer(rule) = departure.kind {
            if matches!(reader, Reader::Ours | Reader::Client) {
                return Err(format!("takes what {rule:?} refuses"));
            }
            if reader.is_known_to_take(rule) {
                self.lax.entry(rule).or_default().add(reader, departure.bytes);
                return Ok(());
            }
        }
        let class = match reader {
            Reader::Ours => self.class_of_ours(departure)?,
            _ => class_of(reader, departure),
        };
        let class = class.ok_or_else(|| format!("{:?} {}", departure.kind, departure.fault))?;
        self.classes.entry(class).or_default().add(reader, departure.bytes);
        Ok(())
    }

    /// Where one of the two has not seen enough, all endings are tried behind the input: ours must take none of them
    /// that the strict reader refuses, and one that the strict reader takes tells the class.
    fn class_of_ours(&self, departure: &Departure<'_>) -> Result<Option<usize>, String> {
        // What goes beyond a bound would be read 160 times in its whole length, to say what is known.
        let is_long = departure.bytes.len() > ENDED_BYTES_MAX;
        if is_long || !matches!(departure.kind, Kind::Earlier | Kind::Later(_)) {
            return Ok(class_of(Reader::Ours, departure));
        }
        for ending in &self.endings {
            let bytes = [departure.bytes, ending].concat();
            let (strict, ours) = (strict::read(&bytes), ours::read(&bytes));
            if matches!(departure.kind, Kind::Later(_)) && ours.requests.len() > departure.index {
                return Err(format!(
                    "takes the input with {:?} behind it",
                    ending.escape_ascii().to_string()
                ));
            }
            if strict.requests.len() > departure.index {
                let whole = first_departure(&bytes, &strict, &ours);
                let whole = whole.filter(|whole| whole.index == departure.index);
                return Ok(whole.and_then(|whole| class_of(Reader::Ours, &whole)));
            }
        }
        Ok(class_of(Reader::Ours, departure))
    }
}

fn read(reader: Reader, bytes: &[u8]) -> Reading<String> {
    match reader {
        Reader::Ours => ours::read(bytes),
        Reader::Hyper => hyper_server::read(bytes),
        Reader::HttpParser => http_parser::read(bytes),
        Reader::Client => client::read(bytes, &[]),
    }
}

fn complaint(bytes: &[u8], strict: &Reading<Rule>, other: &Reading<String>) -> String {
    format!("input  b\"{}\"\nstrict {strict:?}\nother  {other:?}", bytes.escape_ascii())
}

/// Bytes of an input that endings are tried behind.
const ENDED_BYTES_MAX: usize = 2000;
