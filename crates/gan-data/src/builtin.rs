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
    Ok(match density(source) {
        None => digits::draw(count, seed),
        Some(mixture) => draw_mixture(mixture, source, count, seed),
    })
}

/// The density that `source` draws from, where it has a formula.
fn density(source: Source) -> Option<Mixture> {
    Some(match source {
        Source::Digits => return None,
        Source::Figure1 => Mixture::figure1(),
        Source::Ring8 => Mixture::ring8(),
        Source::Grid25 => Mixture::grid25(),
        Source::Bells => Mixture::bells(),
        Source::Line => Mixture::line(),
        Source::Moons => Mixture::moons(),
        Source::Spirals => Mixture::spirals(),
        Source::Clusters => Mixture::clusters(),
    })
}

/// The density that the built-in source `name` draws from, where it has a formula: a mixture, whose
/// components need not be modes.
#[must_use]
pub fn builtin_density(name: &str) -> Option<Mixture> {
    density(Source::named(name)?.0)
}

/// Draws from a mixture; the label of each record is its component, if there is more than one.
fn draw_mixture(mixture: Mixture, source: Source, count: usize, seed: u64) -> Loaded {
    let components = mixture.modes();
    let curves = mixture.curves;
    let (data, labels) = draw_rows(count, mixture.cols, |index, row: &mut [f32]| {
        let mut rng = source.rng(seed, index);
        let component = rng.random_range(0..components as u8);
        for (value, centre) in row.iter_mut().zip(mixture.centre(component.into())) {
            let noise: f32 = StandardNormal.sample(&mut rng);
            *value = centre + mixture.sigma * noise;
        }
        match curves {
            None => component,
            // The curve that it is on; all are of one number of components.
            Some(curves) => (usize::from(component) * curves / components) as u8,
        }
    });
    let loaded = Loaded {
        auto: Normalize::None,
        // The components of a curve run into each other, and are no modes to be found or lost.
        mixture: curves.is_none().then(|| mixture.clone()),
        ..Loaded::vectors(mixture.cols, Raw::Singles(data))
    };
    match curves.unwrap_or(components) {
        1 => loaded,
        classes => loaded.with_labels(labels, classes),
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
    fn components_are_modes_where_they_are_apart_and_curves_have_classes() {
        for (name, components, classes, has_modes) in [
            ("digits", None, Some(10), false),
            ("figure1", Some(1), None, true),
            ("ring8", Some(8), Some(8), true),
            ("bells", Some(2), Some(2), true),
            ("line", Some(96), None, false),
            ("moons", Some(128), Some(2), false),
            ("spirals", Some(192), Some(2), false),
            ("clusters", Some(5), Some(5), true),
        ] {
            let density = builtin_density(name);
            assert_eq!(density.as_ref().map(Mixture::modes), components, "{name}");
            let (source, _) = Source::named(name).unwrap();
            let loaded = draw(source, name, 2000, 1).unwrap();
            assert_eq!(loaded.classes, classes, "{name}");
            assert_eq!(loaded.mixture.is_some(), has_modes, "{name}");
            let Some(density) = density.filter(|_| !has_modes) else {
                continue;
            };
            // Along a curve the density hardly wavers, and its points are on the curve of their class.
            let along: Vec<f64> = density
                .centres
                .chunks(2)
                .map(|x| density.density(x))
                .collect();
            let middle = &along[10..along.len() / density.curves.unwrap() - 10];
            let [least, most] =
                [f64::min, f64::max].map(|of| middle.iter().copied().reduce(of).unwrap());
            assert!(most < 1.2 * least, "{name}: {least} to {most}");
            let Raw::Singles(data) = &loaded.raw else {
                panic!("floats expected")
            };
            for (row, x) in data.chunks(2).enumerate() {
                let (component, sigmas) = density.nearest(x);
                let class = component * density.curves.unwrap() / density.modes();
                let label = loaded.labels.as_ref().map_or(0, |labels| labels[row]);
                assert!(
                    sigmas < 5.0 && class == usize::from(label),
                    "{name} {row}: {sigmas}"
                );
            }
        }
        assert_eq!(builtin_density("ring9"), None);
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
