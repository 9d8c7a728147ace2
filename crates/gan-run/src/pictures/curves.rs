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
    let panel = |title, note, curves| Panel {
        title,
        note,
        curves,
        reference: None,
        range: None,
        scale: Scale::Linear,
    };
    let of_both = |title, note, of_d, of_g| {
        let curves = vec![
            curve("discriminator", BLUE, of_d),
            curve("generator", ORANGE, of_g),
        ];
        panel(title, note, curves)
    };
    let of_probabilities = |title, note, curves| Panel {
        reference: Some((0.5, "1/2: D cannot tell")),
        range: Some([0.0, 1.0]),
        ..panel(title, note, curves)
    };
    let panels = vec![
        Panel {
            reference: Some((-2.0 * LN_2, "−log 4: p_{g} = p_{data} and the best D")),
            ..panel(
                "value V(D, G), nats",
                "D raises it, G lowers it: 0 where D is certain and right, −1.39 where it cannot tell \
                 data from samples",
                vec![curve("V(D, G)", BLUE, |r| r.value)],
            )
        },
        of_both(
            "objectives (each player minimises its own)",
            "they are a matter of the other player too: they need not fall while samples become better",
            |r| r.discriminator_objective,
            |r| r.generator_objective,
        ),
        of_probabilities(
            "outputs of D",
            "the probability of being data that D gives to data, D(x), and to samples, D(G(z)); \
             saturation: 0 where it says 1/2, 1 where it is certain",
            vec![
                curve("mean D(x)", BLUE, |r| r.d_data),
                curve("mean D(G(z))", ORANGE, |r| r.d_samples),
                curve("saturation, 1 − mean 4·D·(1 − D)", GREEN, |r| {
                    r.saturation
                }),
            ],
        ),
        of_probabilities(
            "error rates of D",
            "data to which D gives less than 1/2, and samples to which it gives more",
            vec![
                curve("data taken for samples", BLUE, |r| r.false_negatives),
                curve("samples taken for data", ORANGE, |r| r.false_positives),
            ],
        ),
        Panel {
            scale: Scale::Logarithmic,
            ..of_both(
                "gradient norms",
                "how strongly each player is told to move: G learns nothing where its own is gone, and \
                 both grow without bound where the game diverges",
                |r| r.discriminator_gradient,
                |r| r.generator_gradient,
            )
        },
        Panel {
            reference: Some((1.0, "1: as the data")),
            // Decades: collapse is far below 1, and the nearest samples of a ring are ten times as far
            // apart as its records.
            scale: Scale::Logarithmic,
            ..panel(
                "distances among samples / among records",
                "far below 1, samples are all about the same (of two) or copies of a few (to the \
                 nearest); far above, they are scattered",
                vec![
                    curve("of two (diversity)", BLUE, |r| r.diversity),
                    curve("to the nearest", ORANGE, |r| r.nearest),
                ],
            )
        },
        panel(
            "modes",
            "a mode is found with a fifth of an even share of the samples within 3 standard deviations",
            vec![
                curve("of the data", BLUE, |r| r.modes),
                curve("found in the samples", ORANGE, |r| r.modes_found),
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
    fn distances_of_a_ring_lie_within_their_axis_and_every_panel_is_explained() {
        let svg = svg((1..=40).map(|step| {
            let (nearest, diversity) = (13.0 - 0.2 * f64::from(step), 0.02 * f64::from(step));
            serde_json::json!({
                "step": step, "value": -1.0, "discriminator_objective": 1.0,
                "generator_objective": 1.0, "d_data": 0.5, "d_samples": 0.5, "saturation": 0.1,
                "false_negatives": 0.5, "false_positives": 0.5, "discriminator_gradient": 1.0,
                "generator_gradient": 1.0, "modes": 8, "modes_found": 7, "nearest": nearest,
                "diversity": diversity,
            })
        }));
        assert!(
            svg.contains(">distances among") && !svg.contains("beyond the axis"),
            "{svg}"
        );
        // A note of its own for each of the seven panels.
        assert_eq!(svg.matches("fill=\"#6e6e6e\"").count(), 7, "{svg}");
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
