//! The curves of a run: which readings stand in which panel.

use std::f64::consts::LN_2;

use gan_pictures::{
    BLUE, Color, Curve, Curves, Drawing, Event, GREEN, ORANGE, Panel, Scale, Stroke,
};

use crate::reading::Reading;

/// More points than this would not be seen.
const POINTS: usize = 600;

/// The curves of a run's `readings`, with a vertical line for each of `events`.
pub(crate) fn curves(readings: &[Reading], events: Vec<Event<'_>>, title: &str) -> Drawing {
    let curve = |name, color: Color, value: fn(&Reading) -> Option<f64>| Curve {
        name,
        stroke: Stroke::new(color, 1.4),
        dots: false,
        points: thinned(readings, POINTS, value),
    };
    let panel = |title, curves| Panel {
        title,
        curves,
        reference: None,
        range: None,
        scale: Scale::Linear,
    };
    let of_both = |title, of_d, of_g| {
        let curves = vec![
            curve("discriminator", BLUE, of_d),
            curve("generator", ORANGE, of_g),
        ];
        panel(title, curves)
    };
    let of_probabilities = |title, curves| Panel {
        reference: Some((0.5, "1/2: D cannot tell")),
        range: Some([0.0, 1.0]),
        ..panel(title, curves)
    };
    let panels = vec![
        Panel {
            reference: Some((-2.0 * LN_2, "−log 4: p_{g} = p_{data} and the best D")),
            ..panel(
                "value V(D, G), nats",
                vec![curve("V(D, G)", BLUE, |r| r.value)],
            )
        },
        of_both(
            "objectives (each player minimises its own)",
            |r| r.discriminator_objective,
            |r| r.generator_objective,
        ),
        of_probabilities(
            "outputs of D",
            vec![
                curve("mean D(x)", BLUE, |r| r.d_data),
                curve("mean D(G(z))", ORANGE, |r| r.d_samples),
                curve("saturation: 1 − mean 4·D·(1 − D)", GREEN, |r| {
                    r.saturation
                }),
            ],
        ),
        of_probabilities(
            "error rates of D",
            vec![
                curve("data taken for samples", BLUE, |r| r.false_negatives),
                curve("samples taken for data", ORANGE, |r| r.false_positives),
            ],
        ),
        Panel {
            scale: Scale::Logarithmic,
            ..of_both(
                "gradient norms",
                |r| r.discriminator_gradient,
                |r| r.generator_gradient,
            )
        },
        Panel {
            reference: Some((1.0, "1: as the data")),
            // Far below 1 is collapse; how far above it the first samples lie would hide that.
            range: Some([0.0, 2.0]),
            ..panel(
                "distances, samples / records",
                vec![
                    curve("all pairs (diversity)", BLUE, |r| r.diversity),
                    curve("nearest", ORANGE, |r| r.nearest),
                ],
            )
        },
        panel(
            "modes",
            vec![
                curve("modes of the data", BLUE, |r| r.modes),
                curve("modes found in the samples", ORANGE, |r| r.modes_found),
            ],
        ),
    ];
    let curves = Curves {
        title,
        x_name: "iterations",
        x_scale: Scale::Linear,
        panels,
        events,
    };
    curves.draw()
}

/// At most `most` points: the means of some consecutive readings each, at the step of the last.
fn thinned(readings: &[Reading], most: usize, value: fn(&Reading) -> Option<f64>) -> Vec<[f64; 2]> {
    let mean = |group: &[Reading]| {
        let values: Vec<f64> = group.iter().filter_map(value).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (!values.is_empty()).then_some([group.last()?.step as f64, mean])
    };
    let group = readings.len().div_ceil(most).max(1);
    readings.chunks(group).filter_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(lines: impl Iterator<Item = serde_json::Value>) -> String {
        let readings: Vec<_> = lines.map(|line| Reading::of(&line).unwrap()).collect();
        curves(&readings, vec![], "run").to_svg()
    }

    #[test]
    fn thinned_readings_are_means_of_what_was_measured() {
        let readings = [1, 2, 3, 4, 5, 6].map(|step| Reading {
            step,
            value: Some(step as f64),
            diversity: (step == 2).then_some(0.5),
            ..Reading::default()
        });
        assert_eq!(thinned(&readings, 2, |r| r.value), [[3.0, 2.0], [6.0, 5.0]]);
        assert_eq!(thinned(&readings, 2, |r| r.diversity), [[3.0, 0.5]]);
    }

    #[test]
    fn readings_without_numbers_leave_gaps_and_no_panels() {
        assert!(svg(std::iter::empty()).ends_with("</svg>\n"));
        let svg = svg((1..2000).map(|step| {
            let value = (step % 7 > 0).then_some(-1.4 + 0.001 * f64::from(step));
            serde_json::json!({ "step": step, "value": value, "d_data": null })
        }));
        assert!(
            svg.contains("value V(D, G)") && !svg.contains("NaN"),
            "{svg}"
        );
        assert!(svg.len() < 60_000, "{}", svg.len());
        // No modes, no gradients: no panels for them.
        assert!(!svg.contains("modes") && !svg.contains("gradient"), "{svg}");
    }

    #[test]
    fn gradients_are_drawn_over_decades() {
        let svg = svg((1..=4).map(|step| {
            let norm = 10f64.powi(step - 3);
            serde_json::json!({
                "step": step, "discriminator_gradient": norm, "generator_gradient": 0.0,
            })
        }));
        assert!(svg.contains(">0.01<") && svg.contains(">1<"), "{svg}");
    }
}
