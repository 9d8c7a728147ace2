//! The curves of a run: which readings stand in which panel.

use std::f64::consts::LN_2;

use gan_pictures::{
    BLUE, Color, Curve, Curves, Drawing, Event, GREEN, ORANGE, Panel, Scale, Stroke,
};

use crate::diagnosis::Finding;
use crate::reading::Reading;

/// More points than this would not be seen.
const POINTS: usize = 600;

/// The curves of a run's `readings`, with a vertical line for each of `findings`.
pub(crate) fn curves(readings: &[Reading], findings: &[Finding], title: &str) -> Drawing {
    let event = |finding: &Finding| Event {
        x: finding.since as f64,
        name: finding.kind.label(),
    };
    let events = findings.iter().map(event).collect();
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
        Panel {
            reference: Some((0.5, "1/2: not at all")),
            ..panel(
                "how well samples are told from records",
                "the area under the ROC curve of a few gradient-boosted trees; below 1/2 of training \
                 records, samples repeat them",
                vec![
                    curve("from held-out records", BLUE, |r| r.told_apart),
                    curve("from training records", ORANGE, |r| r.told_from_training),
                ],
            )
        },
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

/// Points of all curves of a panel that compares runs.
const COMPARED_POINTS: usize = 2400;
/// Colours of runs; the ninth has that of the first, in dashes.
const RUN_COLORS: [Color; 8] = [
    BLUE,
    ORANGE,
    GREEN,
    [139, 75, 179],
    [176, 133, 42],
    [192, 40, 60],
    [31, 138, 143],
    [107, 107, 107],
];

/// The curves of several runs over one another, each by the name that stands beside its readings.
pub(crate) fn comparison(runs: &[(&str, &[Reading])]) -> Drawing {
    let most = (COMPARED_POINTS / runs.len().max(1)).clamp(20, POINTS);
    let panel = |title, scale, value: fn(&Reading) -> Option<f64>| Panel {
        title,
        note: "",
        curves: runs
            .iter()
            .enumerate()
            .map(|(at, &(name, readings))| {
                let stroke = Stroke::new(RUN_COLORS[at % RUN_COLORS.len()], 1.4);
                Curve {
                    name,
                    stroke: match at / RUN_COLORS.len() {
                        0 => stroke,
                        round => stroke.dashed(2.0 + 3.0 * round as f64, 3.0),
                    },
                    dots: false,
                    points: thinned(readings, most, value),
                }
            })
            .collect(),
        reference: None,
        range: None,
        scale,
    };
    let panels = vec![
        panel("value V(D, G), nats", Scale::Linear, |r| r.value),
        panel("D(x), mean over data", Scale::Linear, |r| r.d_data),
        panel("D(G(z)), mean over samples", Scale::Linear, |r| r.d_samples),
        panel("G's objective", Scale::Linear, |r| r.generator_objective),
        panel("norm of G's gradient", Scale::Logarithmic, |r| {
            r.generator_gradient
        }),
        panel(
            "distance of two samples / of two records",
            Scale::Logarithmic,
            |r| r.diversity,
        ),
        panel(
            "distance to the nearest sample / of records",
            Scale::Logarithmic,
            |r| r.nearest,
        ),
        panel("modes found", Scale::Linear, |r| r.modes_found),
        panel("told from held-out records", Scale::Linear, |r| {
            r.told_apart
        }),
        panel("told from training records", Scale::Linear, |r| {
            r.told_from_training
        }),
    ];
    let curves = Curves {
        title: "",
        x_name: "iterations",
        x_scale: Scale::Linear,
        panels,
        events: Vec::new(),
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
        curves(&readings, &[], "run").to_svg()
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
                "diversity": diversity, "told_apart": 0.6, "told_from_training": 0.6,
            })
        }));
        assert!(
            svg.contains(">distances among") && !svg.contains("beyond the axis"),
            "{svg}"
        );
        // A note of its own for each of the eight panels.
        assert_eq!(svg.matches("fill=\"#6e6e6e\"").count(), 8, "{svg}");
    }

    #[test]
    fn runs_are_drawn_over_one_another_however_many() {
        let readings: Vec<_> = (1..5000)
            .map(|step| Reading {
                step,
                value: Some(-1.0 - 0.1 * (step % 9) as f64),
                ..Reading::default()
            })
            .collect();
        for count in [0, 1, 2, 40] {
            let names: Vec<_> = (0..count).map(|at| format!("run {at}")).collect();
            let runs = names.iter().map(|name| (name.as_str(), &readings[..]));
            let svg = comparison(&runs.collect::<Vec<_>>()).to_svg();
            for name in &names {
                assert!(svg.contains(&format!(">{name}<")), "{name}");
            }
            // Other panels have no values.
            assert!(!svg.contains("told from"), "{svg}");
            assert!(svg.len() < 80_000, "{count} runs: {}", svg.len());
        }
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
