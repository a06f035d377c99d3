//! The house rules that no ready tool checks: direction of the crates, length of files, words, headers, paths,
//! links.
//!
//! Every finding is one sentence that names the place and what to do. The checks read text only, so they work on a tree
//! that does not compile; what the compiler or Clippy can tell is left to them.

mod files;
mod layers;
mod links;
mod text;
mod words;

use std::path::Path;

use anyhow::{Result, bail};

/// One broken rule, as a sentence.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding(String);

/// Prints all findings of the tree under `root`; fails if there is one.
pub fn check(root: &Path) -> Result<()> {
    let findings = findings(root)?;
    for Finding(sentence) in &findings {
        println!("{sentence}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("1 house rule is broken"),
        many => bail!("{many} house rules are broken"),
    }
}

fn findings(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = layers::check(root)?;
    for file in files::all(root)? {
        findings.extend(text::check(&file));
        findings.extend(words::check(&file));
        findings.extend(links::check(root, &file));
    }
    findings.sort();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn sentences(tree: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in tree {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        findings(folder.path()).unwrap().into_iter().map(|Finding(sentence)| sentence).collect()
    }

    #[test]
    fn a_clean_tree_has_no_findings() {
        let tree = [
            ("crates/model/Cargo.toml", "[package]\nname = \"model\"\n"),
            ("crates/model/src/lib.rs", "//! Words.\n"),
            ("crates/clock/Cargo.toml", "[package]\nname = \"clock\"\n[dependencies]\nmodel.workspace = true\n"),
            ("ui/src/chart/plot.ts", "export const lanes = 3;\n"),
            ("README.md", "Every reading has a time.\n"),
        ];
        assert_eq!(sentences(&tree), Vec::<String>::new());
    }

    #[test]
    fn an_edge_upward_is_an_error() {
        let tree = [(
            "crates/model/Cargo.toml",
            "[package]\nname = \"model\"\n[dependencies]\nstore.workspace = true\nserde.workspace = true\n",
        )];
        assert_eq!(
            sentences(&tree),
            ["crates/model/Cargo.toml: model (layer 0) may not use store (layer 2); it may use no crate of ours."]
        );
    }

    #[test]
    fn peers_and_foreign_ports_are_errors_even_for_tests() {
        let tree = [
            ("crates/wal/Cargo.toml", "[package]\nname = \"wal\"\n[dev-dependencies]\nframe = { workspace = true }\n"),
            (
                "crates/broker/Cargo.toml",
                "[package]\nname = \"broker\"\n[dependencies]\nstore.workspace = true\nsource.workspace = true\n",
            ),
        ];
        assert_eq!(
            sentences(&tree),
            [
                "crates/broker/Cargo.toml: broker (layer 4) may not use store (layer 2); it may use layers 0 to 1 and source.",
                "crates/wal/Cargo.toml: wal (layer 1) may not use frame (layer 1); it may use layer 0.",
            ]
        );
    }

    #[test]
    fn inner_crates_start_no_tasks_outside_their_tests() {
        let tree = [
            ("crates/frame/Cargo.toml", "[package]\nname = \"frame\"\n[dev-dependencies]\ntokio = \"1\"\n"),
            ("crates/wal/Cargo.toml", "[package]\nname = \"wal\"\n[dependencies]\ntokio.workspace = true\n"),
        ];
        assert_eq!(
            sentences(&tree),
            ["crates/wal/Cargo.toml: wal (layer 1) starts no task and opens no connection; it may not use tokio."]
        );
    }

    #[test]
    fn a_crate_without_a_place_is_an_error() {
        let tree = [("crates/extra/Cargo.toml", "[package]\nname = \"extra\"\n")];
        assert_eq!(
            sentences(&tree),
            [
                "crates/extra/Cargo.toml: extra has no place in the table of layers; give it one in xtask/src/tidy/layers.rs."
            ]
        );
    }

    #[test]
    fn a_name_that_differs_from_the_folder_is_an_error() {
        let tree = [("crates/model/Cargo.toml", "[package]\nname = \"words\"\n")];
        assert_eq!(
            sentences(&tree),
            ["crates/model/Cargo.toml: the package is called words and its folder model; both have one name."]
        );
    }

    #[test]
    fn long_files_are_errors_and_generated_ones_are_not() {
        let long = "let lanes = 3;\n".repeat(501);
        let tree = [("ui/src/chart/plot.ts", long.as_str()), ("ui/src/api/schema.d.ts", long.as_str())];
        assert_eq!(
            sentences(&tree),
            ["ui/src/chart/plot.ts: 501 lines are more than 500; split the file along an idea."]
        );
    }

    #[test]
    fn headers_module_names_and_tasks_without_issue() {
        let tree = [
            ("crates/model/src/time.rs", "use std::fmt;\n// TODO: name it\n// TODO(#12): fine\n"),
            ("crates/model/src/utils.rs", "//! Things.\n"),
            ("ui/src/helpers/plot.ts", "export const lanes = 3;\n"),
        ];
        assert_eq!(
            sentences(&tree),
            [
                "crates/model/src/time.rs:1: the module does not open with `//!`; say what it is, what it is not, its invariants.",
                "crates/model/src/time.rs:2: a TODO without an issue; write `TODO(#7)` or do it.",
                "crates/model/src/utils.rs: `utils` names no idea of the domain; call the module by what it holds.",
                "ui/src/helpers/plot.ts: `helpers` names no idea of the domain; call the module by what it holds.",
            ]
        );
    }

    #[test]
    fn banned_words_are_found_inside_names() {
        let tree = [
            ("crates/model/src/lib.rs", "//! Words.\nstruct TimeBucket;\nfn sample_count() {}\n"),
            ("ui/src/chart/plot.ts", "const dataPoints = 3; // and rollups\n"),
            ("crates/decode/testdata/samples.jsonl", "{\"bucket\":1}\n"),
            ("README.md", "The messages of `samples.jsonl`.\n"),
        ];
        assert_eq!(
            sentences(&tree),
            [
                "crates/model/src/lib.rs:2: `bucket` is not a word of ours; say window.",
                "crates/model/src/lib.rs:3: `sample` is not a word of ours; say reading.",
                "ui/src/chart/plot.ts:1: `data points` is not a word of ours; say readings.",
                "ui/src/chart/plot.ts:1: `rollups` is not a word of ours; say windows.",
            ]
        );
    }

    #[test]
    fn links_lead_to_files_and_to_the_names_in_them() {
        let tree = [
            ("crates/model/src/lib.rs", "//! Words.\npub fn parse_all() {}\npub struct Topic;\n"),
            ("docs/a.md", "[`Topic`](../crates/model/src/lib.rs) [`model::parse`](../crates/model/src/lib.rs)\n"),
            ("README.md", "[gone](docs/b.md) [here](docs/a.md#top) [far](https://example.org/x) [top](#top)\n"),
        ];
        assert_eq!(
            sentences(&tree),
            [
                "README.md:1: docs/b.md does not exist.",
                "docs/a.md:1: ../crates/model/src/lib.rs does not define `parse`.",
            ]
        );
    }

    #[test]
    fn paths_of_one_machine_and_package_hosts() {
        let tree = [
            ("README.md", "See /home/anna/x.\nNot `/ingest/home/kitchen`, not home/kitchen.\n"),
            ("ui/package-lock.json", "{\"resolved\": \"https://registry.npmjs.org/x\"}\n"),
        ];
        assert_eq!(
            sentences(&tree),
            [
                "README.md:1: a path of one machine; write it relative to the repository.",
                "ui/package-lock.json:1: a host of packages; the clients know where packages are.",
            ]
        );
    }
}
