//! The curves of a run: which readings stand in which panel.

use std::f64::consts::LN_2;

use gan_pictures::{
    BLUE, Color, Curve, Curves, CurvesPanel, Drawing, Event, GREEN, ORANGE, Reference, Scale,
};

use crate::reading::{History, Reading};

/// A curve: its name, its colour and its value in a reading.
type Series = (&'static str, Color, fn(&Reading) -> Option<f64>);

/// Curves of one quantity.
struct Panel {
    title: &'static str,
    series: &'static [Series],
    /// The value that theory has for p_g = p_data.
    reference: Option<Reference<'static>>,
    /// The ends of the axis; without them it follows the values.
    range: Option<[f64; 2]>,
    scale: Scale,
}

const CANNOT_TELL: Option<Reference<'static>> = Some(Reference {
    value: 0.5,
    name: "1/2: D cannot tell",
});

/// All panels; those without a value are left out.
const PANELS: [Panel; 7] = [
    Panel {
        title: "value V(D, G), nats",
        series: &[("V(D, G)", BLUE, |r| r.value)],
        reference: Some(Reference {
            value: -2.0 * LN_2,
            name: "−log 4: p_{g} = p_{data} and the best D",
        }),
        range: None,
        scale: Scale::Linear,
    },
    Panel {
        title: "objectives (each player minimises its own)",
        series: &[
            ("discriminator", BLUE, |r| r.discriminator_objective),
            ("generator", ORANGE, |r| r.generator_objective),
        ],
        reference: None,
        range: None,
        scale: Scale::Linear,
    },
    Panel {
        title: "outputs of D",
        series: &[
            ("mean D(x)", BLUE, |r| r.d_data),
            ("mean D(G(z))", ORANGE, |r| r.d_samples),
            ("saturation: 1 − mean 4·D·(1 − D)", GREEN, |r| {
                r.saturation
            }),
        ],
        reference: CANNOT_TELL,
        range: Some([0.0, 1.0]),
        scale: Scale::Linear,
    },
    Panel {
        title: "error rates of D",
        series: &[
            ("data taken for samples", BLUE, |r| r.false_negatives),
            ("samples taken for data", ORANGE, |r| r.false_positives),
        ],
        reference: CANNOT_TELL,
        range: Some([0.0, 1.0]),
        scale: Scale::Linear,
    },
    Panel {
        title: "gradient norms",
        series: &[
            ("discriminator", BLUE, |r| r.discriminator_gradient),
            ("generator", ORANGE, |r| r.generator_gradient),
        ],
        reference: None,
        range: None,
        scale: Scale::Logarithmic,
    },
    Panel {
        title: "distances of samples over those of records",
        series: &[
            ("of all pairs (diversity)", BLUE, |r| r.diversity),
            ("to the nearest", ORANGE, |r| r.nearest),
        ],
        reference: Some(Reference {
            value: 1.0,
            name: "1: as the data",
        }),
        // Far below 1 is collapse; how far above it the first samples lie would hide that.
        range: Some([0.0, 2.0]),
        scale: Scale::Linear,
    },
    Panel {
        title: "modes",
        series: &[
            ("modes of the data", BLUE, |r| r.modes),
            ("modes found in the samples", ORANGE, |r| r.modes_found),
        ],
        reference: None,
        range: None,
        scale: Scale::Linear,
    },
];

/// More points than this would not be seen.
const POINTS: usize = 600;

/// The curves of `history`, with a vertical line for each of `events`.
pub(crate) fn curves(history: &History, events: Vec<Event<'_>>, title: &str) -> Drawing {
    let readings = history.thinned(POINTS);
    let curve = |&(name, color, value): &Series| Curve {
        name,
        color,
        points: readings
            .iter()
            .filter_map(|reading| Some([reading.step as f64, value(reading)?]))
            .collect(),
    };
    let panels = PANELS.iter().map(|panel| CurvesPanel {
        title: panel.title,
        curves: panel.series.iter().map(curve).collect(),
        reference: panel.reference,
        range: panel.range,
        scale: panel.scale,
    });
    let curves = Curves {
        title,
        panels: panels.collect(),
        events,
    };
    curves.draw()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(lines: impl Iterator<Item = serde_json::Value>) -> String {
        let mut history = History::default();
        lines.for_each(|line| history.push(Reading::of(&line).unwrap()));
        curves(&history, vec![], "run").to_svg()
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
