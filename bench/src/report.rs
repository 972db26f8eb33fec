//! The results as a file for programs and, made from it, a page for people. It must never keep a figure of a part that
//! was measured again, nor touch those of another part.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;
use serde_json::{Map, Value, json};

use crate::figures::{Figure, HEADS, cells, remarks};
use crate::machine;
use crate::parts::{Bench, Part};

const INTRODUCTION: &str = include_str!("text/introduction.md");

/// Puts a part's figures into the results and writes the page anew.
pub fn write(bench: &Bench, part: Part, before: Value, figures: &[Figure]) -> Result<()> {
    let (results, page) = files(bench);
    let mut parts: Map<String, Value> = match fs::read_to_string(&results) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{}", results.display()))?,
        Err(_) => Map::new(),
    };
    let figures: Vec<Value> = figures.iter().map(Figure::to_json).collect();
    let measured = json!({ "run": before, "load_after": machine::load(), "figures": figures });
    parts.insert(part.name().into(), measured);
    for (file, text) in [(results, format!("{:#}\n", Value::Object(parts.clone()))), (page, document(&parts))]
    {
        let context = || format!("{}", file.display());
        fs::create_dir_all(file.parent().with_context(context)?)?;
        fs::write(&file, text).with_context(context)?;
        println!("written to {}", file.display());
    }
    Ok(())
}

/// A quick run is no measurement: it writes to where nobody looks for one.
fn files(bench: &Bench) -> (PathBuf, PathBuf) {
    if bench.quick {
        let folder = bench.root.join("target/bench");
        (folder.join("results.json"), folder.join("benchmarks.md"))
    } else {
        (bench.root.join("bench/results.json"), bench.root.join("docs/benchmarks.md"))
    }
}

fn document(parts: &Map<String, Value>) -> String {
    let mut text = INTRODUCTION.to_owned();
    for part in Part::value_variants() {
        let (title, explanation) = part.text();
        text += &format!("\n## {title}\n\n{explanation}\n");
        match parts.get(part.name()) {
            Some(measured) => text += &section(measured),
            None => text += "Not measured yet.\n",
        }
    }
    text
}

fn section(measured: &Value) -> String {
    let none = Vec::new();
    let figures = measured["figures"].as_array().unwrap_or(&none);
    let row = |cells: [String; 6]| format!("| {} |\n", cells.join(" | "));
    let mut text = row(HEADS.map(str::to_owned)) + "| --- | ---: | ---: | ---: | ---: | ---: |\n";
    text.extend(figures.iter().filter_map(cells).map(row));
    let remarks = remarks(figures, "- ");
    if !remarks.is_empty() {
        text += &format!("\n{}\n", remarks.join("\n"));
    }
    text + &format!("\n{}\n", circumstances(measured))
}

/// When, where and with what.
fn circumstances(measured: &Value) -> String {
    let (run, machine) = (&measured["run"], &measured["run"]["machine"]);
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let versions = run["versions"].as_object().into_iter().flatten();
    let versions = versions.filter(|(_, version)| !version.is_null());
    let versions: Vec<String> = versions.map(|(name, version)| format!("{name} {}", word(version))).collect();
    let quick = if run["quick"] == true { " A quick run: these are no measurements." } else { "" };
    format!(
        "Measured {} on {} cores of {}, {}, Linux {}; load averages {} before and {} after. Versions: {}.{quick}",
        word(&run["date"]),
        word(&machine["cores"]),
        word(&machine["cpu"]),
        word(&machine["memory"]),
        word(&machine["kernel"]),
        word(&machine["load_before"]),
        word(&measured["load_after"]),
        versions.join(", "),
    )
}
