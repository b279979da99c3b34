//! The crates can be published, and none of them needs a runtime.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn cargo(args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages of the workspace.
fn packages() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Those that are not have an empty list of registries.
fn is_published(package: &Value) -> bool {
    package["publish"].is_null()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn folder(package: &Value) -> &Path {
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap()
}

/// Every file below a folder that ends so.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
}

#[test]
fn e2_there_is_no_async_and_no_runtime() {
    let packages = packages();
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| is_published(package)) {
        files(&folder(package).join("src"), ".rs", &mut found);
    }
    for path in found {
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let words = ["async fn", "async move", "async {", ".await;", ".await?", ".await."];
            let is_async = words.iter().any(|word| code.contains(word));
            assert!(!is_async, "{}:{}", path.display(), number + 1);
        }
    }
}

/// What each package needs to be built, with all features and on all systems, by its name. The lock file says it, so that nothing
/// has to be downloaded.
fn needs(packages: &[Value]) -> HashMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let lock: Value = toml::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut needs: HashMap<String, Vec<String>> = HashMap::new();
    for package in lock["package"].as_array().unwrap() {
        // Several versions of a package count as one; then the version is behind the name.
        let all = needs.entry(name(package).to_owned()).or_default();
        let entries = package["dependencies"].as_array().into_iter().flatten().filter_map(Value::as_str);
        all.extend(entries.map(|entry| entry.split(' ').next().unwrap_or_default().to_owned()));
    }
    // Of packages of the workspace the lock file also has what only their tests need.
    for package in packages {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let built = dependencies.filter(|dependency| dependency["kind"] != "dev");
        needs.insert(name(package).to_owned(), built.map(name).map(str::to_owned).collect());
    }
    needs
}

/// With what the dependencies need in turn.
#[test]
fn e2_no_dependency_is_a_runtime() {
    let packages = packages();
    let needs = needs(&packages);
    assert!(needs.contains_key("hyper"), "some tests need a runtime");
    for published in packages.iter().filter(|package| is_published(package)).map(name) {
        let (mut seen, mut open) = (HashSet::new(), vec![published]);
        while let Some(needed) = open.pop() {
            let family = needed.split('-').next().unwrap_or_default();
            let is_runtime = ["async", "futures", "hyper", "smol", "tokio"].contains(&family);
            assert!(!is_runtime, "{published} needs {needed}");
            if seen.insert(needed) {
                open.extend(needs[needed].iter().map(String::as_str));
            }
        }
    }
}

/// `cargo package` also builds each package, unless it gets `--no-verify`.
#[test]
fn e7_all_published_crates_are_packaged_before_a_change_goes_in() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ci/run");
    let script = fs::read_to_string(script).unwrap();
    let mut lines = script.lines().filter(|line| line.starts_with("cargo package "));
    let mut excluded = lines.next().unwrap().split(" --exclude ");
    assert_eq!((excluded.next(), lines.next()), (Some("cargo package --workspace"), None));
    let mut excluded: Vec<_> = excluded.collect();
    let packages = packages();
    let mut others: Vec<_> = packages.iter().filter(|package| !is_published(package)).map(name).collect();
    excluded.sort_unstable();
    others.sort_unstable();
    assert_eq!(excluded, others);
}

/// `cargo package` itself is a step of `.ci/run`; here is what it would take and the registry ask for.
#[test]
fn e7_every_published_crate_has_the_registrys_metadata() {
    let packages = packages();
    let published: Vec<_> = packages.iter().filter(|package| is_published(package)).collect();
    let mut names: Vec<_> = published.iter().map(|package| name(package)).collect();
    names.sort_unstable();
    let expected = ["", "-cli", "-fuzz", "-proto", "-reactor", "-redis", "-simd", "-sys"];
    assert_eq!(names, expected.map(|end| format!("jackfield{end}")));
    // Whose documentation has items of optional features.
    for name in ["jackfield", "jackfield-proto", "jackfield-reactor", "jackfield-redis"] {
        let package = packages.iter().find(|package| package["name"] == name).unwrap();
        let docs_rs = &package["metadata"]["docs"]["rs"];
        let expected = serde_json::json!({ "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] });
        assert_eq!(docs_rs, &expected, "{name}: docs.rs would not show optional features");
        let root = fs::read_to_string(folder(package).join("src/lib.rs")).unwrap();
        let marks = root.lines().any(|line| line == "#![cfg_attr(docsrs, feature(doc_cfg))]");
        assert!(marks, "{name}: docs.rs would not say to which feature an item belongs");
    }
    for package in published {
        let name = name(package);
        for field in ["description", "license", "repository", "readme", "rust_version"] {
            assert!(package[field].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {field}");
        }
        for field in ["keywords", "categories"] {
            assert!(
                package[field].as_array().is_some_and(|all| (1..=5).contains(&all.len())),
                "{name}: {field}"
            );
        }
        assert!(folder(package).join(package["readme"].as_str().unwrap()).exists(), "{name} has no README");
        let files = cargo(&["package", "--list", "--offline", "--allow-dirty", "-p", name]);
        for file in ["Cargo.toml", "README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"] {
            let has =
                files.lines().any(|line| line == file || (file == "src/lib.rs" && line == "src/main.rs"));
            assert!(has, "{name}: {file} is not in the package");
        }
        // Versions of others of ours are there, or the registry refuses it.
        for dependency in package["dependencies"].as_array().unwrap() {
            let is_ours =
                dependency["name"].as_str().unwrap().starts_with("jackfield") && dependency["kind"].is_null();
            assert!(
                !is_ours || dependency["req"] != "*",
                "{name} needs {} without a version",
                dependency["name"]
            );
        }
    }
}
