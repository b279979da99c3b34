//! A plan in a file, with its stages.

use super::values::{
    CONNECTIONS, CONNECTIONS_MAX, PIPELINE_MAX, THREADS_MAX, parse_header, parse_method, parse_path,
};
use crate::base::error::Error;
use crate::base::target::Target;
use crate::base::units::{parse_duration, parse_rate, parse_timeout};
use crate::bench::plan::{OtherRequest, Plan, Play, Tls};
use crate::report::gate::Condition;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One part of a plan, which is a separate run.
#[derive(Debug)]
pub(super) struct Stage {
    /// Letters, digits and -._ only: it is the name of a folder.
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) fail_if: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    target: Option<String>,
    server_pid: Option<u32>,
    connections: Option<u32>,
    threads: Option<u16>,
    pipeline: Option<u32>,
    timeout: Option<String>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    fail_if: Vec<String>,
    #[serde(default)]
    request: Vec<RequestTable>,
    stage: Vec<StageTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestTable {
    path: String,
    weight: Option<u32>,
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageTable {
    name: Option<String>,
    duration: String,
    rate: Option<String>,
    connections: Option<u32>,
    #[serde(default)]
    fail_if: Vec<String>,
}

/// The most stages and requests, and the greatest weight: all weights together are the length of a list.
const STAGES_MAX: usize = 100;
const REQUESTS_MAX: usize = 100;
const WEIGHT_MAX: u32 = 1000;

/// The stages of a plan.
///
/// # Errors
/// The file can't be read, or makes no sense: with its name, and the key that is wrong.
pub(super) fn read(path: &Path) -> Result<Vec<Stage>, Error> {
    let text = fs::read_to_string(path).map_err(|error| Error::File(path.to_owned(), error))?;
    stages(&text).map_err(|why| Error::Usage(format!("{}: {}", path.display(), why.trim_end())))
}

fn stages(text: &str) -> Result<Vec<Stage>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    check_count("stage", file.stage.len(), STAGES_MAX)?;
    let base = file.base()?;
    let mut names = BTreeSet::new();
    let mut stages = Vec::new();
    for (number, table) in file.stage.iter().enumerate() {
        let stage =
            table.stage(number + 1, &file, &base).map_err(|why| format!("stage {}: {why}", number + 1))?;
        if !names.insert(stage.name.clone()) {
            return Err(format!("stage {}: name: there are two of `{}`", number + 1, stage.name));
        }
        stages.push(stage);
    }
    Ok(stages)
}

impl File {
    /// The common part of all stages.
    fn base(&self) -> Result<Plan, String> {
        let target: Option<Target> =
            self.target.as_deref().map(str::parse).transpose().map_err(|why| format!("target: {why}"))?;
        if self.server_pid.is_some() && target.is_none() {
            return Err("server_pid: the built-in server's is known; add a target".into());
        }
        let mut plan = Plan::new(Play::Http, Duration::ZERO);
        if let Some(target) = &target {
            plan.path = target.path.clone().unwrap_or_else(|| "/".into());
        }
        let speaks_tls = target.as_ref().is_some_and(|target| target.is_tls);
        if !speaks_tls && (self.insecure || self.ca_file.is_some()) {
            return Err("insecure and ca_file: they are for a target that begins with https://".into());
        }
        plan.tls = Tls::of(target.as_ref(), self.insecure, self.ca_file.as_deref())?;
        plan.target = target;
        plan.server_pid = self.server_pid;
        plan.threads = between("threads", self.threads.unwrap_or(1), 1, THREADS_MAX)?.into();
        plan.pipeline = between("pipeline", self.pipeline.unwrap_or(1), 1, PIPELINE_MAX)? as usize;
        if let Some(timeout) = &self.timeout {
            plan.timeout = parse_timeout(timeout).map_err(|why| format!("timeout: {why}"))?;
        }
        self.add_requests(&mut plan)?;
        Ok(plan)
    }

    fn add_requests(&self, plan: &mut Plan) -> Result<(), String> {
        if self.request.is_empty() {
            return Ok(());
        }
        check_count("request", self.request.len(), REQUESTS_MAX)?;
        let is_path_twice =
            plan.target.as_ref().and_then(|target| target.path.as_ref()).is_some_and(|path| path != "/");
        if is_path_twice {
            return Err("target: it has a path, and so has each request; leave the first one out".into());
        }
        let read = |(number, table): (usize, &RequestTable)| {
            table.request().map_err(|why| format!("request {}: {why}", number + 1))
        };
        let mut requests =
            self.request.iter().enumerate().map(read).collect::<Result<Vec<OtherRequest>, String>>()?;
        let first = requests.remove(0);
        (plan.method, plan.path, plan.fields) = (first.method, first.path, first.fields);
        (plan.body, plan.weight, plan.others) = (first.body, first.weight, requests);
        Ok(())
    }
}

impl RequestTable {
    fn request(&self) -> Result<OtherRequest, String> {
        let field = |(name, value): (&String, &String)| {
            parse_header(&format!("{name}: {value}")).map_err(|why| format!("headers: {why}"))
        };
        Ok(OtherRequest {
            method: parse_method(self.method.as_deref().unwrap_or("GET"))
                .map_err(|why| format!("method: {why}"))?,
            path: parse_path(&self.path).map_err(|why| format!("path: {why}"))?,
            fields: self.headers.iter().map(field).collect::<Result<_, String>>()?,
            body: self.body.clone().into_bytes(),
            weight: between("weight", self.weight.unwrap_or(1), 1, WEIGHT_MAX)?,
        })
    }
}

impl StageTable {
    fn stage(&self, number: usize, file: &File, base: &Plan) -> Result<Stage, String> {
        let name = self.name.clone().unwrap_or_else(|| number.to_string());
        let is_folder = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(is_folder) {
            return Err(format!(
                "name: `{name}` must be letters, digits and -_. only, and not begin with a dot"
            ));
        }
        let connections = self.connections.or(file.connections).unwrap_or(CONNECTIONS);
        let connections = between("connections", connections, 1, CONNECTIONS_MAX)? as usize;
        if base.threads > connections {
            return Err("threads: each needs a connection, so there must be as many `connections`".into());
        }
        let rate = self.rate.as_deref().map(parse_rate).transpose().map_err(|why| format!("rate: {why}"))?;
        let plan = Plan {
            duration: parse_duration(&self.duration).map_err(|why| format!("duration: {why}"))?,
            connections,
            rate,
            ..base.clone()
        };
        let plan = plan.check()?;
        let condition = |text: &String| {
            let condition: Condition = text.parse()?;
            condition.check(&plan, "server_pid").map(|()| condition)
        };
        let conditions = file.fail_if.iter().chain(&self.fail_if).map(condition);
        let fail_if = conditions.collect::<Result<_, String>>().map_err(|why| format!("fail_if: {why}"))?;
        Ok(Stage { name, plan, fail_if })
    }
}

fn between<T: PartialOrd + std::fmt::Display>(key: &str, value: T, least: T, most: T) -> Result<T, String> {
    if (&least..=&most).contains(&&value) {
        Ok(value)
    } else {
        Err(format!("{key}: {value} is not between {least} and {most}"))
    }
}

fn check_count(key: &str, count: usize, most: usize) -> Result<(), String> {
    if (1..=most).contains(&count) {
        Ok(())
    } else {
        Err(format!("{key}: there are {count}, and there must be 1 to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"
        target = "http://127.0.0.1:8080"
        connections = 10
        fail_if = ["errors>0"]
        [[request]]
        path = "/"
        weight = 9
        [[request]]
        path = "/items"
        method = "POST"
        headers = { Content-Type = "text/plain" }
        body = "x"
        [[stage]]
        name = "usual"
        duration = "2s"
        rate = "2k"
        fail_if = ["p99>20ms"]
        [[stage]]
        duration = "500ms"
        connections = 20
    "#;

    #[test]
    fn a_plan_is_read() {
        let stages = stages(PLAN).expect("it makes sense");
        let [usual, full] = &stages[..] else { panic!("two stages: {stages:?}") };
        assert_eq!((&*usual.name, usual.plan.connections, usual.plan.rate), ("usual", 10, Some(2000.0)));
        assert_eq!((usual.fail_if.len(), full.fail_if.len()), (2, 1));
        assert_eq!((&*full.name, full.plan.connections, full.plan.rate), ("2", 20, None));
        assert_eq!((&*full.plan.path, full.plan.weight), ("/", 9));
        let other = &full.plan.others[0];
        assert_eq!(
            (&*other.method, &*other.path, other.weight, &*other.body),
            ("POST", "/items", 1, &b"x"[..])
        );
        assert_eq!(other.fields, [("Content-Type".to_owned(), "text/plain".to_owned())]);
    }

    #[test]
    fn the_plans_in_the_documents_are_read() {
        let help = super::super::args::PLAN;
        let help = help.split_once(":\n").and_then(|(_, rest)| rest.split_once("\n\nEach stage"));
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tool.md");
        // The package does not have it.
        let page = fs::read_to_string(page).unwrap_or_default();
        let page = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```"));
        for (plan, _) in help.into_iter().chain(page) {
            let stages = stages(plan).unwrap_or_else(|why| panic!("{why}: {plan}"));
            assert_eq!((stages.len(), stages[0].fail_if.len(), stages[1].plan.connections), (2, 2, 256));
        }
        assert!(help.is_some());
    }

    #[test]
    fn an_invalid_value_is_named_with_its_key() {
        for (from, to, words) in [
            ("connections = 10", "conections = 10", "unknown field `conections`"),
            ("weight = 9", "wait = 9", "unknown field `wait`"),
            ("rate = \"2k\"", "rat = \"2k\"", "unknown field `rat`"),
            ("connections = 10", "connections = 0", "stage 1: connections: 0 is not between"),
            ("connections = 10", "connections = \"x\"", "connections = \"x\""),
            ("weight = 9", "weight = 1001", "request 1: weight: 1001"),
            ("path = \"/items\"", "path = \"items\"", "request 2: path: "),
            ("method = \"POST\"", "method = \"CONNECT\"", "request 2: method: "),
            ("Content-Type", "Content-Length", "request 2: headers: `Content-Length`"),
            ("rate = \"2k\"", "rate = \"fast\"", "stage 1: rate: `fast`"),
            ("\"500ms\"", "\"5ms\"", "stage 2: nothing can be measured in less than 50ms"),
            ("p99>20ms", "p98>20ms", "stage 1: fail_if: `p98`"),
            ("name = \"usual\"", "name = \"../x\"", "stage 1: name: `../x`"),
            ("name = \"usual\"", "name = \"2\"", "stage 2: name: there are two of `2`"),
            ("127.0.0.1:8080", "127.0.0.1:8080/a", "target: it has a path"),
            ("http:", "gopher:", "target: `gopher`"),
            ("target = \"http://127.0.0.1:8080\"", "server_pid = 1", "server_pid: "),
            (
                "connections = 10",
                "insecure = true",
                "insecure and ca_file: they are for a target that begins with https://",
            ),
            (
                "connections = 10",
                "threads = 20\nconnections = 10",
                "stage 1: threads: each needs a connection",
            ),
            ("p99>20ms", "memory>20MiB", "stage 1: fail_if: `memory` needs `server_pid` for a server"),
            ("p99>20ms", "full-handshakes>0", "stage 1: fail_if: `full-handshakes` is counted only by"),
            ("errors>0", "memory-per-connection>1k", "stage 1: fail_if: `memory-per-connection` is"),
            // The fault: the file was never read.
            ("connections = 10", "insecure = true\nca_file = \"a.pem\"", "insecure and ca_file: "),
        ] {
            let text = PLAN.replacen(from, to, 1);
            assert_ne!(text, PLAN, "{from}");
            let error = stages(&text).map(drop).expect_err(to);
            assert!(error.contains(words), "{to}: {error}");
        }
        assert!(stages("").is_err_and(|error| error.contains("missing field `stage`")));
    }
}
