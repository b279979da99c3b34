//! Reads options out of tables, and keeps what is wrong with them.

use crate::config::file::fields::field;
use crate::config::file::value::{FromValue, Value};
use crate::config::limits::Limits;

/// What is wrong so far.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<String>,
}

impl Reader {
    /// What a value has to be.
    pub(crate) fn read<T: FromValue>(&mut self, path: &str, value: &Value) -> Option<T> {
        let read = T::from_value(value);
        if read.is_none() {
            self.faults.push(format!("`{path}` must be {}", T::WHAT));
        }
        read
    }

    /// Options with one set to a value.
    pub(crate) fn set<O, T: FromValue>(
        &mut self,
        options: O,
        path: &str,
        value: &Value,
        set: impl FnOnce(O, T) -> O,
    ) -> O {
        match self.read(path, value) {
            Some(value) => set(options, value),
            None => options,
        }
    }

    /// There is no such option, but these.
    pub(crate) fn unknown(&mut self, path: &str, known: &[&str]) {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        self.faults.push(format!("`{path}` is not an option; the options are {}", known.join(", ")));
    }

    /// Formats that let a key stand twice must not: one of the values would be lost. And of options of which one only makes
    /// sense there must be one.
    pub(crate) fn check(&mut self, path: &str, options: &[(String, Value)], exclusive: &[&str]) {
        for (at, (key, _)) in options.iter().enumerate() {
            if options[..at].iter().any(|(before, _)| before == key) {
                self.faults.push(format!("`{path}{key}` is given twice"));
            }
        }
        let given = exclusive.iter().filter(|name| options.iter().any(|(key, _)| key == *name));
        let given: Vec<String> = given.map(|name| format!("`{path}{name}`")).collect();
        if given.len() > 1 {
            self.faults.push(format!("{} contradict each other: give one", given.join(" and ")));
        }
    }

    /// The changes of limits that a table asks for.
    pub(crate) fn limits(
        &mut self,
        path: &str,
        value: &Value,
    ) -> impl Fn(&mut Limits) + Send + Sync + 'static {
        let mut changes = Vec::new();
        self.collect(path, "", value, &mut changes);
        move |limits| {
            for (field_path, value) in &changes {
                // It could be set when it was read.
                let _ = field(limits, field_path).map(|slot| slot.set(value));
            }
        }
    }

    /// `within`: where the value belongs in `Limits`, as `field` wants it.
    fn collect(&mut self, path: &str, within: &str, value: &Value, changes: &mut Vec<(String, Value)>) {
        if let Value::Table(options) = value {
            self.check(&format!("{path}{within}."), options, &[]);
            return options.iter().for_each(|(key, value)| {
                self.collect(path, &format!("{within}.{key}"), value, changes);
            });
        }
        match field(&mut Limits::default(), within).map(|slot| slot.set(value)) {
            Some(Ok(())) => changes.push((within.to_owned(), value.clone())),
            Some(Err(what)) => self.faults.push(format!("`{path}{within}` must be {what}")),
            None => {
                self.faults
                    .push(format!("`{path}{within}` is not a limit: the limits are the fields of `Limits`"));
            }
        }
    }
}
