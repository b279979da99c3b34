//! The crates can be published.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn cargo(args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO")).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// `cargo package` itself is a step of `.ci/run`; here is what it would take and the registry ask for.
#[test]
fn e7_every_published_crate_has_the_registrys_metadata() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--no-deps", "--offline", "--format-version", "1"]))
            .unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    // Those that are not have an empty list of registries.
    let published: Vec<_> = packages.iter().filter(|package| package["publish"].is_null()).collect();
    let names: Vec<_> = published.iter().map(|package| package["name"].as_str().unwrap()).collect();
    for name in [
        "jackfield",
        "jackfield-proto",
        "jackfield-reactor",
        "jackfield-fuzz",
        "jackfield-cli",
        "jackfield-redis",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    // Whose documentation has items of optional features.
    for name in ["jackfield", "jackfield-proto", "jackfield-reactor", "jackfield-redis"] {
        let package = packages.iter().find(|package| package["name"] == name).unwrap();
        let docs_rs = &package["metadata"]["docs"]["rs"];
        let expected = serde_json::json!({ "all-features": true, "rustdoc-args": ["--cfg", "docsrs"] });
        assert_eq!(docs_rs, &expected, "{name}: docs.rs would not show optional features");
    }
    for package in published {
        let name = package["name"].as_str().unwrap();
        for field in ["description", "license", "repository", "readme", "rust_version"] {
            assert!(package[field].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {field}");
        }
        for field in ["keywords", "categories"] {
            assert!(
                package[field].as_array().is_some_and(|all| (1..=5).contains(&all.len())),
                "{name}: {field}"
            );
        }
        let folder = Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap();
        assert!(folder.join(package["readme"].as_str().unwrap()).exists(), "{name} has no README");
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
