//! Reads options from tables, and collects mistakes.

use crate::config::file::fields::field;
use crate::config::file::value::{FromValue, Value};
use crate::config::limits::Limits;

/// The mistakes so far.
#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) faults: Vec<String>,
}

impl Reader {
    /// Reads a value as a type; a mistake is noted.
    pub(crate) fn read<T: FromValue>(&mut self, path: &str, value: &Value) -> Option<T> {
        let read = T::from_value(value);
        if read.is_none() {
            self.faults.push(format!("`{path}` must be {}", T::WHAT));
        }
        read
    }

    /// Sets one option to a value.
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

    /// Notes an unknown option, and names the known ones.
    pub(crate) fn unknown(&mut self, path: &str, known: &[&str]) {
        let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
        self.faults.push(format!("`{path}` is not an option; the options are {}", known.join(", ")));
    }

    /// Notes keys that occur twice, which some formats allow: one of the values would be lost.
    pub(crate) fn check(&mut self, path: &str, options: &[(String, Value)]) {
        for (at, (key, _)) in options.iter().enumerate() {
            if options[..at].iter().any(|(before, _)| before == key) {
                self.faults.push(format!("`{path}{key}` is given twice"));
            }
        }
    }

    /// The changes of limits in a table.
    pub(crate) fn limits(
        &mut self,
        path: &str,
        value: &Value,
    ) -> impl Fn(&mut Limits) + Send + Sync + 'static {
        let mut changes = Vec::new();
        self.collect(path, "", value, &mut changes);
        move |limits| {
            for (field_path, value) in &changes {
                // It can be set, because that was checked when it was read.
                let _ = field(limits, field_path).map(|slot| slot.set(value));
            }
        }
    }

    /// `within`: the path of the value in `Limits`, as in `field`.
    fn collect(&mut self, path: &str, within: &str, value: &Value, changes: &mut Vec<(String, Value)>) {
        if let Value::Table(options) = value {
            self.check(&format!("{path}{within}."), options);
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
