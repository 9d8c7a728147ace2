//! Records of the built-in sources, so that a run needs no download: handwritten `digits`, and
//! draws from mixtures of known density.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::config::Normalize;
use crate::digits;
use crate::draw::{Source, draw_rows};
use crate::error::{DataError, DataProblem};
use crate::input::check_memory;
use crate::mixture::Mixture;
use crate::record::{Loaded, Raw};

/// The most records that are drawn, 3 GB of digits.
const MAX_COUNT: usize = 4_000_000;

/// Draws `count` records of `source`, which the configuration calls `name`.
pub(crate) fn draw(
    source: Source,
    name: &str,
    count: usize,
    seed: u64,
) -> Result<Loaded, DataError> {
    if !(1..=MAX_COUNT).contains(&count) {
        let (found, expected) = (count, MAX_COUNT);
        return Err(DataProblem::Count { found, expected }.at(name));
    }
    let cols = match source {
        Source::Digits => digits::PIXELS,
        _ => 2 * size_of::<f32>(),
    };
    check_memory((count * cols) as u64).map_err(|problem| problem.at(name))?;
    let mixture = match source {
        Source::Digits => return Ok(digits::draw(count, seed)),
        Source::Figure1 => Mixture::figure1(),
        Source::Ring8 => Mixture::ring8(),
        Source::Grid25 => Mixture::grid25(),
    };
    Ok(draw_mixture(mixture, source, count, seed))
}

/// Draws from a mixture; the label of each record is its component, if there is more than one.
fn draw_mixture(mixture: Mixture, source: Source, count: usize, seed: u64) -> Loaded {
    let modes = mixture.modes();
    let (data, labels) = draw_rows(count, mixture.cols, |index, row: &mut [f32]| {
        let mut rng = source.rng(seed, index);
        let mode = rng.random_range(0..modes as u8);
        for (value, centre) in row.iter_mut().zip(mixture.centre(mode.into())) {
            let noise: f32 = StandardNormal.sample(&mut rng);
            *value = centre + mixture.sigma * noise;
        }
        mode
    });
    let loaded = Loaded {
        auto: Normalize::None,
        mixture: Some(mixture.clone()),
        ..Loaded::vectors(mixture.cols, Raw::Singles(data))
    };
    match modes {
        1 => loaded,
        _ => loaded.with_labels(labels, modes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_every_source_do_not_depend_on_how_many_are_drawn() {
        for name in crate::draw::builtin_names() {
            let (source, _) = Source::named(name).unwrap();
            let drawn = |count, seed| {
                let loaded = draw(source, name, count, seed).unwrap();
                let values = (0..13 * loaded.cols).map(|index| loaded.raw.at(index));
                let labels = loaded.labels.map(|labels| labels[..13].to_vec());
                (values.collect::<Vec<_>>(), labels)
            };
            assert_eq!(drawn(97, 7), drawn(13, 7), "{name}");
            assert_ne!(drawn(13, 7), drawn(13, 8), "{name}");
        }
    }

    #[test]
    fn draws_of_ring8_have_the_high_quality_share_of_theory() {
        let loaded = draw(Source::Ring8, "ring8", 20_000, 3).unwrap();
        let Raw::Singles(data) = loaded.raw else {
            panic!("floats expected")
        };
        let mixture = loaded.mixture.unwrap();
        let labels = loaded.labels.unwrap();
        let mut high = 0;
        for (x, &label) in data.chunks(2).zip(&labels) {
            let (mode, sigmas) = mixture.nearest(x);
            assert_eq!(mode, usize::from(label));
            high += usize::from(sigmas <= 3.0);
        }
        // P(chi-squared with 2 degrees <= 9) = 1 - exp(-4.5) = 0.9889; 0.003 is four deviations.
        let share = high as f64 / 20_000.0;
        assert!((share - 0.9889).abs() < 0.003, "{share}");
    }
}
