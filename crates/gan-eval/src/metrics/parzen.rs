//! The paper's log-likelihood, and the controls without which it says little.

use gan_kernels::Backend;

use crate::controls::{Control, Controls};
use crate::evaluation::{ControlSet, Evaluation, Reference, thousands};
use crate::parzen::{Bandwidth, LogLikelihood, ParzenProtocol};
use crate::report::{Row, RowKind};
use crate::verdict::Evidence;
use crate::{Estimate, EvalError, Points, Section};

/// The MNIST column of the paper's Table 1.
const PUBLISHED: [(&str, &str, f64, f64); 4] = [
    ("published_dbn", "DBN", 138.0, 2.0),
    ("published_stacked_cae", "Stacked CAE", 121.0, 1.6),
    ("published_deep_gsn", "Deep GSN", 214.0, 1.1),
    ("published_gan", "Adversarial nets", 225.0, 2.0),
];

/// A control, its number of points, and its log-likelihood.
type Measured = (Control, usize, LogLikelihood);

/// The metric `parzen`.
pub(super) fn section<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    evidence: &mut Evidence,
) -> Result<Section, EvalError> {
    let Evaluation {
        reference, samples, ..
    } = *evaluation;
    let bandwidth = match (evaluation.sigma, reference.range) {
        (Some(sigma), _) => Bandwidth::Fixed(sigma),
        (None, Some(_)) => Bandwidth::Authors,
        (None, None) => Bandwidth::Growing,
    };
    reference.train.check_range("training records")?;
    reference.valid.check_range("validation records")?;
    reference.test.check_range("test records")?;
    let (valid, test) = (reference.valid, reference.test);
    let protocol = ParzenProtocol::new(evaluation.backend, valid, test, bandwidth);
    let model = protocol.score(samples, &mut |done| {
        evaluation.progress("log-likelihood of the samples", done);
    })?;
    let (controls, left_out) = controls(evaluation, &protocol, bandwidth)?;

    // Fewer records than samples would be no fair comparison.
    let fair = reference.train.rows() >= samples.rows();
    let records = of(&controls, Control::Records).filter(|_| fair);
    let estimate = |found: LogLikelihood| Estimate {
        value: found.mean,
        standard_error: found.standard_error,
    };
    evidence.log_likelihood = records.map(|records| [model, records].map(estimate));

    let for_sigma = protocol.records_for_sigma();
    let title = title(reference, samples.rows(), bandwidth, for_sigma);
    let rows = rows(evaluation, &model, &controls);
    let mut section = Section::new("parzen", title, rows);
    let notes = &mut section.notes;
    notes.push(reading(&model, &controls));
    if !left_out.is_empty() {
        notes.push(format!(
            "left out, to take less time: {}; computed once, they are kept for all evaluations on \
             these records",
            left_out.join(", ")
        ));
    }
    notes.extend(reference.only_set.map(|set| {
        format!(
            "the data has one held-out set: sigma is chosen on the {set} records that the number \
             is on, which makes it a little too high"
        )
    }));
    notes.extend(about_sigma(&model, bandwidth));
    if reference.is_mnist && samples.rows() != 10_000 {
        notes.push(format!(
            "the published numbers are of 10,000 samples, these of {}: more samples score higher",
            thousands(samples.rows())
        ));
    }
    Ok(section)
}

/// The quantity, and what it is measured on.
fn title(
    reference: &Reference<'_>,
    samples: usize,
    bandwidth: Bandwidth,
    for_sigma: usize,
) -> String {
    let set = reference.only_set.unwrap_or("validation");
    let sigma = match bandwidth {
        Bandwidth::Fixed(_) => "as given".to_owned(),
        _ => format!("the best on {} {set} records", thousands(for_sigma)),
    };
    format!(
        "Parzen-window log-likelihood in nats, of {} under {} samples (units: {}; sigma: {sigma})",
        reference.test_records(reference.test.rows()),
        thousands(samples),
        reference.units
    )
}

/// The samples' number, the controls' and, for MNIST, the paper's.
fn rows<B: Backend>(
    evaluation: &Evaluation<'_, B>,
    model: &LogLikelihood,
    controls: &[Measured],
) -> Vec<Row> {
    let row = |id: &str, name: &str, kind: RowKind, found: &LogLikelihood, points: usize| {
        Row::new(id, name, kind, found.mean)
            .with_standard_error(found.standard_error)
            .with_detail("sigma", found.sigma)
            .with_detail("points", points as f64)
    };
    let name = format!("samples, step {}", thousands(evaluation.step as usize));
    let samples = evaluation.samples.rows();
    let mut rows = vec![row("samples", &name, RowKind::Model, model, samples)];
    rows.extend(controls.iter().map(|(control, count, found)| {
        let (id, name) = (control.id(), control.name());
        let row = row(id, name, RowKind::Control, found, *count);
        match control {
            Control::Records => row.with_note("what an honest sampler cannot beat"),
            Control::Centroids => row.with_note("blurred copies"),
            _ => row,
        }
    }));
    rows.extend(evaluation.reference.log_density.map(|density| {
        let name = "the density itself";
        Row::new("density", name, RowKind::Control, density.value)
            .with_standard_error(density.standard_error)
            .with_note("what nothing can beat on average")
    }));
    if evaluation.reference.is_mnist {
        rows.extend(PUBLISHED.map(|(id, name, value, error)| {
            Row::new(id, name, RowKind::Published, value)
                .with_standard_error(error)
                .with_note("Goodfellow et al. 2014, Table 1")
        }));
    }
    rows
}

/// The log-likelihood of each control, and the names of those that are left out.
fn controls<B: Backend>(
    evaluation: &mut Evaluation<'_, B>,
    protocol: &ParzenProtocol<'_, B>,
    bandwidth: Bandwidth,
) -> Result<(Vec<Measured>, Vec<&'static str>), EvalError> {
    let Evaluation {
        backend,
        reference,
        samples,
        ..
    } = *evaluation;
    let mut controls = Controls::new(backend, reference.train, samples.rows(), reference.range);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for control in Control::ALL {
        let count = controls.count(control);
        if count == 0 {
            continue;
        }
        // The other bandwidths follow from the data.
        let name = match bandwidth {
            Bandwidth::Fixed(sigma) => format!("{} at sigma {sigma}", control.id()),
            _ => control.id().to_owned(),
        };
        let is_due = evaluation.controls == ControlSet::All || control.is_quick();
        if !is_due && !evaluation.is_kept(&name) {
            left_out.push(control.name());
            continue;
        }
        let number = evaluation.control(&name, |evaluation| {
            let stage = format!("control: {}", control.name());
            let points = controls.draw(control, &mut |done| evaluation.progress(&stage, done))?;
            let stage = format!("log-likelihood of the {}", control.name());
            let points = Points::new(&points, samples.cols());
            protocol.score(points, &mut |done| evaluation.progress(&stage, done))
        })?;
        found.push((control, count, number));
    }
    // Computed in the order of their cost, read in the order of their meaning.
    found.sort_by_key(|(control, ..)| *control);
    Ok((found, left_out))
}

/// The number of one control, if it was taken.
fn of(controls: &[Measured], wanted: Control) -> Option<LogLikelihood> {
    let found = controls.iter().find(|(control, ..)| *control == wanted);
    found.map(|(.., number)| *number)
}

/// The place of the model's number among those of the controls, in words.
fn reading(model: &LogLikelihood, controls: &[Measured]) -> String {
    // Two standard errors, those of both numbers taken together.
    let exceeds = |a: &LogLikelihood, b: &LogLikelihood| {
        a.mean - b.mean > 2.0 * a.standard_error.hypot(b.standard_error)
    };
    let Some(records) = of(controls, Control::Records) else {
        return "no control to compare with".into();
    };
    if exceeds(model, &records) {
        return "above the training records' own number: the samples are smoother than data or \
                copies of them, not better"
            .into();
    }
    if !exceeds(&records, model) {
        return "no different from the training records' own number, which copies of them reach \
                too: see how close the samples are to training records"
            .into();
    }
    let gaussians = [Control::PrincipalGaussian, Control::Gaussian];
    let is_told = gaussians
        .iter()
        .any(|gaussian| of(controls, *gaussian).is_some());
    let beaten = [Control::PrincipalGaussian, Control::Gaussian, Control::Mean]
        .into_iter()
        .filter_map(|control| Some((control, of(controls, control)?)))
        .filter(|(_, number)| exceeds(model, number))
        .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    let gaussian = match beaten {
        None => return "no better than the mean record alone".into(),
        Some((Control::Mean, _)) if !is_told => "the mean record alone",
        Some((Control::Mean, _)) => {
            return "better than the mean record alone, no better than a Gaussian".into();
        }
        Some((Control::PrincipalGaussian, _)) => "a Gaussian in 50 principal components",
        Some(_) => "a Gaussian of the same covariance",
    };
    format!("better than {gaussian}, and below the training records' own number")
}

/// A remark on the choice of σ, where one is due.
fn about_sigma(model: &LogLikelihood, bandwidth: Bandwidth) -> Option<String> {
    let [low, high] = model.grid?;
    let ends = format!("{} to {}", short(low), short(high));
    match bandwidth {
        Bandwidth::Authors if model.at_edge() => Some(format!(
            "sigma {} is at an edge of the authors' grid, {ends}: the best may lie beyond",
            short(model.sigma)
        )),
        Bandwidth::Growing if model.at_edge() => Some(format!(
            "sigma {} is at an edge of the grid, {ends}, which ends where sigma makes no sense \
             beside the spread of the data: many values may be equal, or all samples far away",
            short(model.sigma)
        )),
        Bandwidth::Growing if low < 0.09 || high > 1.1 => Some(format!(
            "sigma is from {ends}: the authors' grid, 0.1 to 1, extended to fit the data"
        )),
        _ => None,
    }
}

/// A σ for people.
fn short(sigma: f64) -> String {
    let digits = (3 - sigma.log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{sigma:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(mean: f64) -> LogLikelihood {
        LogLikelihood {
            mean,
            standard_error: 1.0,
            sigma: 0.2,
            grid: Some([0.1, 1.0]),
        }
    }

    #[test]
    fn reading_places_the_number_among_its_controls() {
        let controls: Vec<_> = [
            (Control::Records, 243.0),
            (Control::Mean, -59.0),
            (Control::Gaussian, 65.0),
            (Control::PrincipalGaussian, 114.0),
            (Control::Centroids, 335.0),
        ]
        .map(|(control, mean)| (control, 10_000, number(mean)))
        .to_vec();
        for (mean, expected) in [
            (300.0, "smoother than data or copies"),
            (244.0, "no different from"),
            (225.0, "better than a Gaussian in 50 principal components"),
            (80.0, "better than a Gaussian of the same covariance"),
            (66.0, "better than the mean record alone"),
            (-60.0, "no better than the mean record"),
        ] {
            let found = reading(&number(mean), &controls);
            assert!(found.contains(expected), "{mean}: {found}");
        }
        // Of a Gaussian that was not measured nothing is said.
        let quick = reading(&number(66.0), &controls[..2]);
        let expected = "better than the mean record alone, and below the training records' own";
        assert!(quick.starts_with(expected), "{quick}");
    }

    #[test]
    fn sigma_is_remarked_on_where_it_needs_a_remark() {
        let found = |sigma, grid, bandwidth| {
            let number = LogLikelihood {
                sigma,
                grid,
                ..number(0.0)
            };
            about_sigma(&number, bandwidth).unwrap_or_default()
        };
        let authors = Some([0.1, 1.0]);
        assert_eq!(found(0.2, authors, Bandwidth::Authors), "");
        assert!(found(0.1, authors, Bandwidth::Authors).contains("0.1 to 1: the best"));
        let grown = Some([0.01, 1.0]);
        assert!(found(0.02, grown, Bandwidth::Growing).contains("extended"));
        assert_eq!(found(0.2, None, Bandwidth::Fixed(0.2)), "");
    }

    #[test]
    fn sigmas_are_short() {
        let found = [0.166_810_053, 0.1, 1.0, 1000.0, 0.001_291_55].map(short);
        assert_eq!(found, ["0.1668", "0.1", "1", "1000", "0.001292"]);
    }
}
