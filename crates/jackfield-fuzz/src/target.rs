//! What is fuzzed.

use crate::{catch, properties, seeds};
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// Something to fuzz: a property that must hold for any bytes, and inputs to begin with.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, which is also that of its corpus and of its findings: letters, digits and `_`.
    pub name: &'static str,
    /// What holds, in a line.
    pub about: &'static str,
    /// How a test of yours calls [`run`](Self::run): the path of the function. Default: the name.
    pub call: &'static str,
    /// Inputs to begin with. Some that are right, of each kind, get further than many random ones. Default: none.
    pub seeds: &'static [&'static [u8]],
    /// What means something in the protocol: it is put into the inputs now and then. Default: none.
    pub dictionary: &'static [&'static [u8]],
    /// The property: panics if something is wrong with these bytes.
    pub run: fn(&[u8]),
}

impl Target {
    /// A target without seeds and words.
    #[must_use]
    pub const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self { name, about: "", call: name, seeds: &[], dictionary: &[], run }
    }

    /// The target of this name among [`TARGETS`].
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Writes the seeds as files of `DIRECTORY/NAME`, and the words as a dictionary `DIRECTORY/NAME.dict`: for another
    /// fuzzer. What is there already stays, unless it has the same name.
    ///
    /// # Errors
    /// What the file system says.
    pub fn export(&self, directory: &Path) -> io::Result<()> {
        fs::create_dir_all(directory.join(self.name))?;
        self.exported(directory).try_for_each(|(path, bytes)| fs::write(path, bytes))
    }

    /// The files that [`export`](Self::export) writes, by path and content: to look first whether one would be written over.
    pub fn exported(&self, directory: &Path) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
        let corpus = directory.join(self.name);
        let seeds = self.seeds.iter().enumerate();
        let seeds =
            seeds.map(move |(number, seed)| (corpus.join(format!("seed-{number:02}")), seed.to_vec()));
        let entry = |word: &&[u8]| {
            let bytes = word.iter().map(|byte| format!("\\x{byte:02x}"));
            format!("\"{}\"\n", bytes.collect::<String>())
        };
        let dictionary: String = self.dictionary.iter().map(entry).collect();
        seeds.chain([(directory.join(format!("{}.dict", self.name)), dictionary.into_bytes())])
    }

    pub(crate) fn run_in_a_hurry(&self, data: &[u8]) {
        catch::in_a_hurry(|| (self.run)(data));
    }
}

/// Runs the target of this name with few ways to cut the bytes, as a [`Runner`](crate::Runner) does: for another fuzzer.
///
/// # Panics
/// If the property does not hold, or there is no such target.
pub fn fuzz(name: &str, data: &[u8]) {
    let target = Target::named(name).unwrap_or_else(|| panic!("there is no target {name}"));
    target.run_in_a_hurry(data);
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("about", &self.about).finish_non_exhaustive()
    }
}

/// All of Jackfield's own targets, one for each of the [`properties`].
pub const TARGETS: &[Target] = &[
    Target {
        about: "request heads: any split, limits, encoded and read again",
        call: "jackfield_fuzz::properties::http1_head",
        seeds: seeds::HEADS,
        dictionary: seeds::HTTP_WORDS,
        ..Target::new("http1_head", properties::http1_head)
    },
    Target {
        about: "chunked bodies: any split, both roles alike, limits, encoded and read again",
        call: "jackfield_fuzz::properties::http1_chunked",
        seeds: seeds::CHUNKED,
        dictionary: seeds::CHUNK_WORDS,
        ..Target::new("http1_chunked", properties::http1_chunked)
    },
    Target {
        about: "a server's connection: pipelining, bodies, answers, upgrade; a client understands all that is answered",
        call: "jackfield_fuzz::properties::http1_machine",
        seeds: seeds::CONNECTIONS,
        dictionary: seeds::HTTP_WORDS,
        ..Target::new("http1_machine", properties::http1_machine)
    },
    Target {
        about: "responses, as a client reads them: any split, limits, encoded and read again",
        call: "jackfield_fuzz::properties::http1_client",
        seeds: seeds::RESPONSES,
        dictionary: seeds::HTTP_WORDS,
        ..Target::new("http1_client", properties::http1_client)
    },
    Target {
        about: "frames that a server gets: any split, limits, encoded and read again",
        call: "jackfield_fuzz::properties::websocket_server",
        seeds: seeds::MASKED_FRAMES,
        dictionary: seeds::FRAME_WORDS,
        ..Target::new("websocket_server", properties::websocket_server)
    },
    Target {
        about: "frames that a client gets: any split, limits, encoded and read again",
        call: "jackfield_fuzz::properties::websocket_client",
        seeds: seeds::FRAMES,
        dictionary: seeds::FRAME_WORDS,
        ..Target::new("websocket_client", properties::websocket_client)
    },
    Target {
        about: "compressed messages: any split, limits, offers and answers, compressed and read again",
        call: "jackfield_fuzz::properties::websocket_deflate",
        seeds: seeds::COMPRESSED,
        dictionary: seeds::COMPRESSED_WORDS,
        ..Target::new("websocket_deflate", properties::websocket_deflate)
    },
    Target {
        about: "opening handshakes of both roles: what is accepted keeps the rules, and is understood by the other side",
        call: "jackfield_fuzz::properties::websocket_handshake",
        seeds: seeds::HANDSHAKES,
        dictionary: seeds::HANDSHAKE_WORDS,
        ..Target::new("websocket_handshake", properties::websocket_handshake)
    },
    Target {
        about: "event streams: any split, limits, encoded and read again",
        call: "jackfield_fuzz::properties::sse_stream",
        seeds: seeds::EVENT_STREAMS,
        dictionary: seeds::EVENT_WORDS,
        ..Target::new("sse_stream", properties::sse_stream)
    },
    Target {
        about: "PROXY headers: any split, limits, written in the other version and read again",
        call: "jackfield_fuzz::properties::proxy",
        seeds: seeds::PROXY_HEADERS,
        dictionary: seeds::PROXY_WORDS,
        ..Target::new("proxy", properties::proxy)
    },
    Target {
        about: "query strings, cookies and forms with parts: what is read lies in the bytes, and is written and read again",
        call: "jackfield_fuzz::properties::forms",
        seeds: seeds::FORMS,
        dictionary: seeds::FORM_WORDS,
        ..Target::new("forms", properties::forms)
    },
    Target {
        about: "a whole server in simulation, with several peers that the bytes play",
        call: "jackfield_fuzz::properties::server",
        seeds: seeds::SERVERS,
        dictionary: seeds::HTTP_WORDS,
        ..Target::new("server", properties::server)
    },
];
