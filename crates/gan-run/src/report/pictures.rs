//! The pictures of a page: addresses on a server, or the pictures themselves.

use std::io::{self, Read};
use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::facts::RunFacts;
use crate::run_dir;

/// Pictures of samples that a page leads through at most.
const MOST_FRAMES: usize = 400;
/// Pictures of samples that are worth being made smaller for.
const FEWEST_FRAMES: usize = 8;
/// No picture of a run is larger; what is would take long to read.
const LARGEST: u64 = 64 << 20;

/// The source of the picture at `path` of a run: in at most `most` bytes of text, where it stands in
/// the page. `None` if it cannot be read.
pub(super) fn source(facts: &RunFacts, path: &Path, most: usize) -> Option<String> {
    if let Some(address) = &facts.address {
        let inside = path.strip_prefix(&facts.path).ok()?;
        let parts: Option<Vec<_>> = inside.iter().map(|part| part.to_str()).collect();
        return Some(format!("{address}/{}", parts?.join("/")));
    }
    // Four letters of text hold three bytes.
    let most = most.saturating_sub(64) / 4 * 3;
    let is_svg = path.extension().is_some_and(|extension| extension == "svg");
    let bytes = read(&facts.path, path).ok()?;
    let (kind, bytes) = match is_svg && bytes.len() <= most {
        true => ("svg+xml", bytes),
        false => {
            let bytes = match is_svg {
                true => read(&facts.path, &path.with_extension("png")).ok()?,
                false => bytes,
            };
            ("png", gan_pictures::png_within(&bytes, most).ok()?)
        }
    };
    let source = format!("data:image/{kind};base64,{}", STANDARD.encode(bytes));
    (source.len() <= most.max(256) * 2).then_some(source)
}

fn read(run: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = run_dir::open_own(run, path)?;
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Steps and sources of pictures of samples, the first and the last among them, and as many evenly
/// spaced ones between as fit into `most` bytes of text.
pub(super) fn frames(facts: &RunFacts, most: usize) -> Vec<(u64, String)> {
    let all = &facts.pictures;
    let mut count = all.len().min(MOST_FRAMES);
    let mut largest = most;
    if facts.address.is_none() {
        largest = most / all.len().clamp(1, FEWEST_FRAMES);
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len() as usize);
        let sizes = all
            .iter()
            .map(|(_, path)| (size(path) / 3 * 4 + 68).min(largest));
        let sizes: Vec<usize> = sizes.collect();
        let total = |count| spaced(all.len(), count).map(|at| sizes[at]).sum::<usize>();
        while count > 1 && total(count) > most {
            count -= 1;
        }
    }
    let chosen = spaced(all.len(), count).map(|at| &all[at]);
    chosen
        .filter_map(|(step, path)| Some((*step, source(facts, path, largest)?)))
        .collect()
}

/// `count` of `all` places, evenly spaced; with more than one the first and the last among them.
fn spaced(all: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |at| match count {
        1 => all - 1,
        _ => at * (all - 1) / (count - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_evenly_spaced_with_both_ends() {
        let of = |all, count| spaced(all, count).collect::<Vec<_>>();
        assert_eq!(of(0, 0), [0; 0]);
        assert_eq!(of(9, 1), [8]);
        assert_eq!(of(9, 3), [0, 4, 8]);
        assert_eq!(of(3, 3), [0, 1, 2]);
    }
}
