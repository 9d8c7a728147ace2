//! A run as a page: one file to hand out, or the same sections on a server that follows the run.
//!
//! A page is made from what is in directories alone, so that one of a finished run can be made anew.
//! It fetches nothing from elsewhere: style, script and pictures of a file stand in it, and a policy
//! in its head forbids everything else. Whatever comes from users or from files is escaped by the
//! templates, and no character of it turns the direction of a text.

mod comparison;
mod evaluation;
mod facts;
mod outcome;
mod pictures;
mod run;

use std::path::{Path, PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use crate::problem::Problem;
use crate::run_dir;
use crate::text::printable;

pub use facts::{About, RunFacts, is_done};
pub use outcome::{Measure, Outcome};

/// The look of all pages.
pub const STYLE: &str = include_str!("page.css");
/// What pages do: lead through pictures, and follow runs.
pub const SCRIPT: &str = include_str!("page.js");

/// Bytes of a page that is a file, at most.
pub(crate) const MOST_BYTES: usize = 2_000_000;
/// Bytes that are kept free for what stands around the sections.
const FRAME: usize = 10_000;

/// Where a page is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    /// In a file of its own.
    File,
    /// On a server, where it follows the runs.
    Server {
        /// The address of the list of all runs, where there is one.
        list: Option<&'a str>,
    },
}

/// The page of a run, or of several side by side, as one file that needs nothing else.
#[must_use]
pub fn file(runs: &[&RunFacts]) -> String {
    page(runs, Place::File)
}

/// The same as a page on a server, which has the [style](STYLE) at `/page.css` and the
/// [script](SCRIPT) at `/page.js`, and at `list`, if that is somewhere, the [list] of its runs; where
/// pictures are, [`RunFacts::served_at`] has said.
#[must_use]
pub fn served(runs: &[&RunFacts], list: Option<&str>) -> String {
    page(runs, Place::Server { list })
}

/// Makes the report of a run anew, in its directory.
///
/// # Errors
/// If it is no run, or the report cannot be written.
pub fn write(run: &Path) -> Result<PathBuf, Problem> {
    write_of(&RunFacts::read(run, None)?)
}

/// The same by the process that has trained the run, and still holds it, at its end.
pub(crate) fn write_at_end(run: &Path) -> Result<PathBuf, Problem> {
    write_of(&RunFacts::read(run, None)?.ended())
}

fn write_of(facts: &RunFacts) -> Result<PathBuf, Problem> {
    let path = run_dir::report(&facts.path);
    run_dir::replace(&path, file(&[facts]).as_bytes())?;
    Ok(path)
}

fn page(runs: &[&RunFacts], place: Place<'_>) -> String {
    let most = MOST_BYTES - FRAME - STYLE.len() - SCRIPT.len();
    let (title, sections) = match runs {
        [facts] => (
            printable(&facts.name).into_owned(),
            run::sections(facts, most),
        ),
        _ => {
            let title = format!("{} runs", runs.len());
            (title, comparison::sections(runs, most))
        }
    };
    whole(&title, &sections, place)
}

/// The runs that a server has: links to their pages, and a form to choose some to compare, by the
/// names that each has in addresses.
#[must_use]
pub fn list(title: &str, runs: &[(&str, &RunFacts)]) -> String {
    let verdict = |facts: &RunFacts| {
        let verdict = &facts.evaluation.as_ref()?.verdict;
        Some(verdict.first()?.finds.word())
    };
    let sections = html! {
        section #head {
            @if runs.is_empty() { p.quiet { "No runs here yet: gan-cli train begins one." } }
            @else {
                form action="/compare" {
                    ul.runs {
                        @for (name, facts) in runs {
                            li {
                                input type="checkbox" name="run" value=(name) id=(name);
                                " "
                                a href={ "/run/" (name) } { (printable(&facts.name)) }
                                ": " (facts.state_in_words())
                                @if let Some(verdict) = verdict(facts) { "; " (verdict) }
                            }
                        }
                    }
                    @if runs.len() > 1 { p { button { "Compare those that are ticked" } } }
                }
            }
        }
    };
    whole(&printable(title), &sections, Place::Server { list: None })
}

/// The document around `sections`.
fn whole(title: &str, sections: &Markup, place: Place<'_>) -> String {
    let is_file = place == Place::File;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                @if is_file {
                    meta http-equiv="Content-Security-Policy" content=(policy_of_a_file());
                }
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – gan" }
                @if is_file { style { (PreEscaped(STYLE)) } }
                @else { link rel="stylesheet" href="/page.css"; }
            }
            body {
                header {
                    @if let Place::Server { list } = place {
                        p.quiet {
                            @if let Some(list) = list { a href=(list) { "all runs" } " " }
                            span #lost hidden { "gan-cli watch no longer answers; this is what it said last." }
                        }
                    }
                    h1 { (title) }
                }
                main data-live[!is_file] { (sections) }
                @if is_file { script { (PreEscaped(SCRIPT)) } }
                @else { script src="/page.js" {} }
            }
        }
    }
    .into_string()
}

/// What a page in a file may load and run: its own style and script by their digests, and pictures
/// that stand in it.
fn policy_of_a_file() -> String {
    let digest = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; img-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

#[cfg(test)]
mod tests;
