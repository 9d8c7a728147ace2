//! What the server of `gan-cli watch` has: pages about runs, and the pictures of these runs.
//!
//! Nothing of an address becomes a path: runs and pictures are those that are found in the
//! directories, and an address is one of theirs or of nothing. Nothing is ever written.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use gan_run::report::{self, RunFacts};
use gan_run::run_dir;
use gan_run::text::hexadecimal;
use hyper::StatusCode;
use sha2::{Digest, Sha256};

const HTML: &str = "text/html; charset=utf-8";
/// Pages that are kept, since a browser asks for them every few seconds.
const MOST_KEPT: usize = 20;

/// A request, as far as it matters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) host: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The tag of what the browser has already.
    pub(super) known: Option<&'a str>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    /// Differs where the body does.
    pub(super) tag: Option<String>,
    pub(super) body: Vec<u8>,
}

/// A run by its name in addresses.
#[derive(Clone)]
struct Run {
    name: String,
    path: PathBuf,
}

/// The runs, and what was made of them last.
pub(super) struct Site {
    /// Directories of runs, and folders of such.
    from: Vec<PathBuf>,
    port: u16,
    /// Pages by their addresses, with their tags.
    pages: HashMap<String, (String, String)>,
    /// What was read of each run, and the state that it was in: a list of many runs, one of which is
    /// trained, reads that one anew.
    facts: HashMap<PathBuf, (String, RunFacts)>,
}

impl Site {
    pub(super) fn new(from: Vec<PathBuf>, port: u16) -> Self {
        let (pages, facts) = Default::default();
        Self {
            from,
            port,
            pages,
            facts,
        }
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, asked: &Asked<'_>) -> Answer {
        // Another name that leads here is a stranger's page in the browser, which asks as if it were
        // ours.
        let ours = ["127.0.0.1", "localhost"].map(|host| format!("{host}:{}", self.port));
        if !asked
            .host
            .is_some_and(|host| ours.iter().any(|ours| ours == host))
        {
            let text = format!("This server is http://{}/ and nothing else.", ours[0]);
            return refusal(StatusCode::MISDIRECTED_REQUEST, &text);
        }
        if !["GET", "HEAD"].contains(&asked.method) {
            let text = "Runs are read here, and nothing is written.";
            return refusal(StatusCode::METHOD_NOT_ALLOWED, text);
        }
        let found = match asked.path {
            "/page.css" => Some(given("text/css; charset=utf-8", report::STYLE)),
            "/page.js" => Some(given("text/javascript; charset=utf-8", report::SCRIPT)),
            _ => self.find(asked),
        };
        let answer = found
            .unwrap_or_else(|| refusal(StatusCode::NOT_FOUND, "There is nothing at this address."));
        if answer.tag.is_some() && answer.tag.as_deref() == asked.known {
            return Answer {
                status: StatusCode::NOT_MODIFIED,
                body: Vec::new(),
                ..answer
            };
        }
        answer
    }

    /// A page or a picture of the runs that there are now.
    fn find(&mut self, asked: &Asked<'_>) -> Option<Answer> {
        let runs = self.runs();
        let of_name = |name: &str| runs.iter().find(|run| run.name == name).cloned();
        if asked.path == "/" {
            return match &runs[..] {
                // Asked for by itself, it needs no list.
                [run] if self.from == [run.path.clone()] => {
                    self.page("/", std::slice::from_ref(run), |facts| {
                        report::served(facts, None)
                    })
                }
                _ => self.list(&runs),
            };
        }
        if asked.path == "/compare" {
            let chosen = asked.query.split('&');
            let chosen = chosen.filter_map(|part| of_name(part.strip_prefix("run=")?));
            let chosen: Vec<_> = chosen.collect();
            let address = format!("/compare?{}", asked.query);
            return match chosen.is_empty() {
                true => self.list(&runs),
                false => self.page(&address, &chosen, |facts| report::served(facts, Some("/"))),
            };
        }
        let rest = asked.path.strip_prefix("/run/")?;
        match rest.split_once('/') {
            None => {
                let run = of_name(rest)?;
                self.page(asked.path, &[run], |facts| report::served(facts, Some("/")))
            }
            Some((name, picture)) => of_picture(&of_name(name)?.path, picture),
        }
    }

    /// The runs that there are, by name; a link that leads out of its folder is none.
    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for from in &self.from {
            let Ok(whole) = from.canonicalize() else {
                continue;
            };
            for path in run_dir::all(from) {
                let inside = path
                    .canonicalize()
                    .is_ok_and(|path| path.starts_with(&whole));
                let is_taken = |name: &str| runs.iter().any(|run| run.name == name);
                if inside {
                    let name = name_in_addresses(&path, is_taken);
                    runs.push(Run { name, path });
                }
            }
        }
        runs
    }

    fn list(&mut self, runs: &[Run]) -> Option<Answer> {
        let names: Vec<_> = runs.iter().map(|run| run.name.clone()).collect();
        let title = self.from.iter().map(|path| path.display().to_string());
        let title = format!("Runs in {}", title.collect::<Vec<_>>().join(", "));
        self.page("/", runs, |facts| {
            let runs = names.iter().map(String::as_str).zip(facts.iter().copied());
            report::list(&title, &runs.collect::<Vec<_>>())
        })
    }

    /// The page that `make` makes of `runs`, at `address`: the same as before unless they have
    /// changed.
    fn page(
        &mut self,
        address: &str,
        runs: &[Run],
        make: impl FnOnce(&[&RunFacts]) -> String,
    ) -> Option<Answer> {
        let states: Vec<String> = runs.iter().map(|run| state(&run.path)).collect();
        let tag = tag(&format!("{address}\n{}", states.concat()));
        if self
            .pages
            .get(address)
            .is_none_or(|(known, _)| *known != tag)
        {
            for (run, state) in runs.iter().zip(states) {
                self.look(run, state)?;
            }
            let facts = runs.iter().map(|run| Some(&self.facts.get(&run.path)?.1));
            let page = make(&facts.collect::<Option<Vec<_>>>()?);
            if self.pages.len() >= MOST_KEPT {
                self.pages.clear();
            }
            self.pages.insert(address.to_owned(), (tag.clone(), page));
        }
        let (_, page) = self.pages.get(address)?;
        Some(Answer {
            status: StatusCode::OK,
            kind: HTML,
            tag: Some(tag),
            body: page.clone().into_bytes(),
        })
    }

    /// Reads a run that is in `state`, unless that is known.
    fn look(&mut self, run: &Run, state: String) -> Option<()> {
        let known = match self.facts.get(&run.path) {
            Some((before, _)) if *before == state => return Some(()),
            Some((_, facts)) => facts.known(),
            None => None,
        };
        // Runs come and go.
        self.facts.retain(|path, _| path.is_dir());
        let facts = RunFacts::read(&run.path, known).ok()?;
        let facts = facts.served_at(format!("/run/{}", run.name));
        self.facts.insert(run.path.clone(), (state, facts));
        Some(())
    }
}

/// What changes whenever a run has something new to say.
fn state(run: &Path) -> String {
    let evaluations = fs::read_dir(run_dir::evaluation_folder(run));
    let evaluations = evaluations.into_iter().flatten().flatten();
    let evaluations = evaluations.map(|entry| entry.path());
    let mut files: Vec<_> = run_dir::told_by(run)
        .into_iter()
        .chain(evaluations)
        .collect();
    files.sort();
    let mut state = format!("{}\n", run_dir::is_training(run));
    for path in files {
        state += &format!("{path:?} {:?}\n", stamp(&path));
    }
    state
}

/// Time of the last change and size; `None` of what is not there.
fn stamp(path: &Path) -> Option<(std::time::SystemTime, u64)> {
    let file = fs::metadata(path).ok()?;
    Some((file.modified().ok()?, file.len()))
}

/// The picture of a run that is called `name` in addresses.
fn of_picture(run: &Path, name: &str) -> Option<Answer> {
    let path = run_dir::picture(run, name)?;
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        run_dir::open_own(run, &path)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let body = read().ok()?;
    let is_svg = path.extension().is_some_and(|extension| extension == "svg");
    Some(Answer {
        status: StatusCode::OK,
        kind: if is_svg { "image/svg+xml" } else { "image/png" },
        tag: Some(tag(&format!("{:?}", stamp(&path)))),
        body,
    })
}

/// The name of a run in addresses: that of its directory where it is plain and not yet taken.
fn name_in_addresses(path: &Path, is_taken: impl Fn(&str) -> bool) -> String {
    let whole = path.canonicalize();
    let whole = whole.as_deref().unwrap_or(path);
    let name = whole.file_name().unwrap_or_default().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let plain: String = name.chars().filter(|c| is_plain(*c)).collect();
    if plain == name && !plain.trim_matches('.').is_empty() && !is_taken(&plain) {
        return plain;
    }
    let digest = hexadecimal(&Sha256::digest(whole.as_os_str().as_encoded_bytes()));
    format!("run-{}", &digest[..16])
}

fn tag(text: &str) -> String {
    format!("\"{}\"", &hexadecimal(&Sha256::digest(text))[..32])
}

/// A part of the program.
fn given(kind: &'static str, text: &str) -> Answer {
    Answer {
        status: StatusCode::OK,
        kind,
        tag: Some(tag(text)),
        body: text.as_bytes().to_vec(),
    }
}

fn refusal(status: StatusCode, text: &str) -> Answer {
    Answer {
        status,
        kind: "text/plain; charset=utf-8",
        tag: None,
        body: format!("{text}\n").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with two runs, a link to a third, and files of somebody else.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let config = gan_run::config::RunConfig::preset("ring8").unwrap();
        let config = config.to_toml().unwrap();
        for run in ["runs/plain-1", "runs/<b>&\u{202e}", "elsewhere/c"] {
            let run = folder.path().join(run);
            fs::create_dir_all(run.join("samples")).unwrap();
            fs::create_dir_all(run.join("evaluation/step-000001")).unwrap();
            for (file, text) in [
                ("config.toml", &*config),
                ("run.log", "T  INFO done: 1 steps\n"),
                ("metrics.jsonl", "{\"step\":1,\"value\":-1.0}\n"),
                ("samples/step-000001.png", "a picture"),
                ("evaluation/step-000001/evaluation.json", "{}"),
                ("evaluation/step-000001/parzen.svg", "<svg/>"),
                ("evaluation/step-000001/own.svg", "the user's"),
                ("secret.txt", "secret"),
            ] {
                fs::write(run.join(file), text).unwrap();
            }
        }
        #[cfg(unix)]
        {
            let link = |to: &str, at: &str| {
                std::os::unix::fs::symlink(to, folder.path().join(at)).unwrap();
            };
            link("../elsewhere/c", "runs/linked");
            link("../secret.txt", "runs/plain-1/samples/step-000002.png");
            link(
                "../../../elsewhere/c/secret.txt",
                "runs/plain-1/samples/step-000003.png",
            );
        }
        fs::create_dir_all(folder.path().join("runs/notes")).unwrap();
        fs::write(folder.path().join("runs/notes/a.txt"), "a note").unwrap();
        folder
    }

    fn site(folder: &tempfile::TempDir, from: &[&str]) -> Site {
        Site::new(
            from.iter().map(|from| folder.path().join(from)).collect(),
            7,
        )
    }

    fn ask(site: &mut Site, path: &str) -> (u16, String) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let answer = site.answer(&Asked {
            method: "GET",
            host: Some("127.0.0.1:7"),
            path,
            query,
            known: None,
        });
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (answer.status.as_u16(), text)
    }

    #[cfg(unix)]
    #[test]
    fn addresses_lead_to_pages_and_pictures_of_runs_and_to_nothing_else() {
        let folder = folder();
        let mut site = site(&folder, &["runs"]);
        let (_, list) = ask(&mut site, "/");
        let strange = list.split("href=\"/run/run-").nth(1).unwrap();
        let strange = format!("run-{}", strange.split_once('"').unwrap().0);
        for (path, status, part) in [
            ("/", 200, "&lt;b&gt;&amp;\\u{202e}"),
            ("/", 200, "href=\"/run/plain-1\""),
            (
                "/run/plain-1",
                200,
                "src=\"/run/plain-1/samples/step-000001.png\"",
            ),
            ("/run/plain-1", 200, "evaluation.json: is damaged"),
            (&format!("/run/{strange}"), 200, "&lt;b&gt;"),
            ("/compare?run=plain-1", 200, "<h1>plain-1</h1>"),
            (
                &format!("/compare?run=plain-1&run={strange}"),
                200,
                "<h1>2 runs</h1>",
            ),
            ("/compare?run=gone", 200, "Runs in"),
            ("/page.css", 200, "body {"),
            ("/page.js", 200, "use strict"),
            ("/run/plain-1/samples/step-000001.png", 200, "a picture"),
            (
                "/run/plain-1/evaluation/step-000001/parzen.svg",
                200,
                "<svg/>",
            ),
            ("/run/plain-1/evaluation/step-000001/own.svg", 404, ""),
            ("/run/plain-1/samples/step-000002.png", 404, ""),
            ("/run/plain-1/samples/step-000003.png", 404, ""),
            ("/run/plain-1/samples/step-000009.png", 404, ""),
            ("/run/plain-1/samples/", 404, ""),
            ("/run/plain-1/", 404, ""),
            ("/run/plain-1/secret.txt", 404, ""),
            ("/run/plain-1/config.toml", 404, ""),
            ("/run/plain-1/samples/../secret.txt", 404, ""),
            ("/run/plain-1/samples/..%2fsecret.txt", 404, ""),
            ("/run/plain-1/samples/%2e%2e/secret.txt", 404, ""),
            ("/run/plain-1//etc/passwd", 404, ""),
            ("/run/linked", 404, ""),
            ("/run/notes", 404, ""),
            ("/run/..", 404, ""),
            ("/run/../elsewhere/c", 404, ""),
            ("/run/<b>&", 404, ""),
            ("/../run.log", 404, ""),
            ("/runs", 404, ""),
            ("*", 404, ""),
        ] {
            let (found, text) = ask(&mut site, path);
            assert_eq!(found, status, "{path}: {text}");
            assert!(text.contains(part), "{path}: {text}");
            assert!(!text.contains("secret\n") && text != "secret", "{path}");
        }
        assert!(
            !list.contains("linked") && !list.contains("notes"),
            "{list}"
        );
    }

    #[test]
    fn single_run_is_the_whole_site_and_several_are_listed() {
        let folder = folder();
        let (status, page) = ask(&mut site(&folder, &["runs/plain-1"]), "/");
        assert!(status == 200 && page.contains("<h1>plain-1</h1>"), "{page}");
        assert!(!page.contains("all runs"), "{page}");
        // Two of one name.
        let two = &["elsewhere/c", "runs/plain-1", "runs/../elsewhere/c"];
        let (_, page) = ask(&mut site(&folder, two), "/");
        assert!(
            page.contains("/run/c\"") && page.contains("/run/run-"),
            "{page}"
        );
        fs::create_dir(folder.path().join("empty")).unwrap();
        let (status, page) = ask(&mut site(&folder, &["empty"]), "/");
        assert!(status == 200 && page.contains("gan-cli train"), "{page}");
    }

    #[test]
    fn other_hosts_and_methods_are_refused() {
        let folder = folder();
        let mut site = site(&folder, &["runs"]);
        for (method, host, expected) in [
            ("GET", Some("127.0.0.1:7"), 200),
            ("HEAD", Some("localhost:7"), 200),
            ("GET", Some("localhost:8"), 421),
            ("GET", Some("127.0.0.1"), 421),
            ("GET", Some("evil.example:7"), 421),
            ("GET", Some("127.0.0.1:7.evil.example"), 421),
            ("GET", None, 421),
            ("POST", Some("127.0.0.1:7"), 405),
            ("DELETE", Some("127.0.0.1:7"), 405),
        ] {
            let answer = site.answer(&Asked {
                method,
                host,
                path: "/",
                query: "",
                known: None,
            });
            assert_eq!(answer.status.as_u16(), expected, "{method} {host:?}");
            assert_eq!(answer.body.starts_with(b"<!DOCTYPE"), expected == 200);
        }
    }

    #[cfg(unix)]
    #[test]
    fn runs_that_have_not_changed_are_not_read_again() {
        let folder = folder();
        let mut site = site(&folder, &["runs", "elsewhere/c"]);
        let both = "/compare?run=plain-1&run=c";
        assert!(ask(&mut site, both).1.contains(">-1<"));
        // Another number in the place of the old, at the same time.
        let metrics = |run: &str| folder.path().join(run).join("metrics.jsonl");
        let hidden = metrics("elsewhere/c");
        let time = fs::metadata(&hidden).unwrap().modified().unwrap();
        fs::write(&hidden, "{\"step\":1,\"value\":-7.0}\n").unwrap();
        let file = fs::File::options().write(true).open(&hidden).unwrap();
        file.set_modified(time).unwrap();
        let new = "{\"step\":1,\"value\":-3.0}\n{\"step\":2,\"value\":-5.0}\n";
        fs::write(metrics("runs/plain-1"), new).unwrap();
        let (_, page) = ask(&mut site, both);
        assert!(page.contains(">-5<") && page.contains(">-1<") && !page.contains(">-7<"));
    }

    #[test]
    fn page_is_new_when_its_run_is() {
        let folder = folder();
        let mut site = site(&folder, &["runs"]);
        let mut look = |known: Option<&str>| {
            let answer = site.answer(&Asked {
                method: "GET",
                host: Some("127.0.0.1:7"),
                path: "/run/plain-1",
                query: "",
                known,
            });
            (answer.status.as_u16(), answer.tag.unwrap())
        };
        let (status, mut tag) = look(None);
        assert_eq!(status, 200);
        assert_eq!(look(Some(&tag)), (304, tag.clone()));
        let run = folder.path().join("runs/plain-1");
        let line = "{\"step\":1,\"value\":-1.0}\n{\"step\":2,\"value\":-1.0}\n";
        let evaluated = run.join("evaluation/step-000002/evaluation.json");
        for (path, text) in [
            (run.join("metrics.jsonl"), line),
            (run.join("samples/step-000002.png.new"), "a picture"),
            (evaluated, "{\"step\":2}"),
            (run.join("run.log"), "T  INFO done: 2 steps, as it says\n"),
        ] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            let (status, new) = look(Some(&tag));
            assert_eq!(status, 200, "{path:?}");
            tag = new;
        }
        let log = fs::File::open(run.join("run.log")).unwrap();
        log.lock().unwrap();
        assert_eq!(look(Some(&tag)).0, 200);
    }
}
