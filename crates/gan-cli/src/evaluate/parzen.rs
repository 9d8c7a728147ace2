//! The paper's number, and those without which it says little.

use gan_eval::{
    Bandwidth, Control, Controls, Kind, LogLikelihood, PROTOCOL_VERSION, ParzenProtocol, Points,
    Row, Section, Uncertainty,
};
use gan_kernels::Backend;
use serde_json::json;

use super::cache::Cache;
use super::{Subject, explained};
use crate::progress::Stage;
use crate::session::thousands;

/// The MNIST column of the paper's Table 1.
const PUBLISHED: [(&str, &str, f64, f64); 4] = [
    ("published_dbn", "DBN", 138.0, 2.0),
    ("published_stacked_cae", "Stacked CAE", 121.0, 1.6),
    ("published_deep_gsn", "Deep GSN", 214.0, 1.1),
    ("published_gan", "Adversarial nets", 225.0, 2.0),
];

/// The log-likelihood of samples and controls.
pub(super) fn section<B: Backend>(subject: &Subject<'_, B>) -> anyhow::Result<Section> {
    let Subject { data, output, .. } = *subject;
    let bandwidth = match (subject.sigma, data.range()) {
        (Some(sigma), _) => Bandwidth::Fixed(sigma),
        (None, Some(_)) => Bandwidth::Authors,
        (None, None) => Bandwidth::Growing,
    };
    for (points, what) in [
        (data.train(), "training records"),
        (data.valid(), "validation records"),
        (data.test(), "test records"),
    ] {
        points.check_range(what).map_err(explained)?;
    }
    let protocol = ParzenProtocol::new(subject.backend, data.valid(), data.test(), bandwidth);
    let model = {
        let mut stage = Stage::new(output, "log-likelihood of the samples");
        let scored = protocol.score(subject.samples, &mut |done| stage.tick(done));
        scored.map_err(explained)?
    };
    let controls = controls(subject, &protocol, bandwidth)?;

    let mut notes = vec![reading(&model, &controls)];
    notes.extend(data.only_set().map(only_set));
    notes.extend(about_sigma(&model, bandwidth));
    let samples = subject.samples.rows();
    notes.extend((data.is_mnist() && samples != 10_000).then(|| {
        format!(
            "the published numbers are of 10,000 samples, these of {}: more samples score higher",
            thousands(samples)
        )
    }));
    Ok(Section {
        id: "parzen".into(),
        title: title(subject, bandwidth, protocol.records_for_sigma()),
        rows: rows(subject, &model, &controls),
        notes,
    })
}

/// The quantity, and what it is of.
fn title<B: Backend>(subject: &Subject<'_, B>, bandwidth: Bandwidth, for_sigma: usize) -> String {
    let data = subject.data;
    let sigma = match bandwidth {
        Bandwidth::Fixed(_) => "as given".to_owned(),
        _ => format!(
            "the best on {} {} records",
            thousands(for_sigma),
            data.only_set().unwrap_or("validation")
        ),
    };
    format!(
        "Parzen-window log-likelihood in nats, of {} {} records under {} samples (units: {}; \
         sigma: {sigma})",
        thousands(data.test().rows()),
        data.only_set().unwrap_or("test"),
        thousands(subject.samples.rows()),
        data.units()
    )
}

/// The samples' number, the controls' and, for MNIST, the paper's.
fn rows<B: Backend>(
    subject: &Subject<'_, B>,
    model: &LogLikelihood,
    controls: &[(Control, usize, LogLikelihood)],
) -> Vec<Row> {
    let name = format!("samples, step {}", thousands(subject.step as usize));
    let samples = subject.samples.rows();
    let mut rows = vec![row("samples", name, Kind::Model, model, samples)];
    rows.extend(controls.iter().map(|(control, count, found)| {
        let row = row(control.id(), control.name(), Kind::Control, found, *count);
        match control {
            Control::Records => row.with_note("what an honest sampler cannot beat"),
            Control::Centroids => row.with_note("blurred copies"),
            _ => row,
        }
    }));
    rows.extend(subject.data.mean_log_density().map(|(mean, error)| {
        Row::new("density", "the density itself", Kind::Control, mean)
            .with_uncertainty(Uncertainty::StandardError(error))
            .with_note("what nothing can beat on average")
    }));
    if subject.data.is_mnist() {
        rows.extend(PUBLISHED.map(|(id, name, value, error)| {
            Row::new(id, name, Kind::Published, value)
                .with_uncertainty(Uncertainty::StandardError(error))
                .with_note("Goodfellow et al. 2014, Table 1")
        }));
    }
    rows
}

/// Each control with its number of points, from the cache or computed.
fn controls<B: Backend>(
    subject: &Subject<'_, B>,
    protocol: &ParzenProtocol<'_, B>,
    bandwidth: Bandwidth,
) -> anyhow::Result<Vec<(Control, usize, LogLikelihood)>> {
    let (data, output) = (subject.data, subject.output);
    let samples = subject.samples.rows();
    let key = json!({
        "protocol": PROTOCOL_VERSION, "data_sha256": data.digest(), "samples": samples,
        "bandwidth": bandwidth, "precision": format!("{:?}", subject.precision),
    });
    let mut cache = Cache::open("parzen-controls", key, output);
    let mut controls = Controls::new(subject.backend, data.train(), samples, data.range());
    let mut found = Vec::new();
    for control in Control::ALL {
        let count = controls.count(control);
        if count == 0 {
            continue;
        }
        let number = match cache.get(control.id()) {
            Some(number) => number,
            None => {
                let mut stage = Stage::new(output, format!("control: {}", control.name()));
                let points = controls.draw(control, &mut |done| stage.tick(done));
                let points = points.map_err(explained)?;
                drop(stage);
                let name = format!("log-likelihood of the {}", control.name());
                let mut stage = Stage::new(output, name);
                let points = Points::new(&points, data.cols());
                let scored = protocol.score(points, &mut |done| stage.tick(done));
                let number = scored.map_err(explained)?;
                cache.put(control.id(), &number);
                number
            }
        };
        found.push((control, count, number));
    }
    // Computed in the order of their cost, read in the order of their meaning.
    found.sort_by_key(|(control, ..)| *control);
    Ok(found)
}

fn row(id: &str, name: impl Into<String>, kind: Kind, found: &LogLikelihood, points: usize) -> Row {
    Row::new(id, name, kind, found.mean)
        .with_uncertainty(Uncertainty::StandardError(found.standard_error))
        .with_detail("sigma", found.sigma)
        .with_detail("points", points as f64)
}

/// What the model's number says among those of the controls.
fn reading(model: &LogLikelihood, controls: &[(Control, usize, LogLikelihood)]) -> String {
    let of = |wanted: Control| {
        let found = controls.iter().find(|(control, ..)| *control == wanted);
        found.map(|(.., number)| *number)
    };
    // Two standard errors, those of the model's and the control's number taken together.
    let above = |number: &LogLikelihood| {
        model.mean - number.mean > 2.0 * model.standard_error.hypot(number.standard_error)
    };
    let below = |number: &LogLikelihood| {
        number.mean - model.mean > 2.0 * model.standard_error.hypot(number.standard_error)
    };
    let Some(records) = of(Control::Records) else {
        return "no control to compare with".into();
    };
    if above(&records) {
        return "above the training records' own number: the samples are smoother than data or \
                copies of them, not better"
            .into();
    }
    if !below(&records) {
        return "no different from the training records' own number, which copies of them reach \
                too: see how close the samples are to training records"
            .into();
    }
    let beaten = [Control::PrincipalGaussian, Control::Gaussian, Control::Mean]
        .into_iter()
        .filter_map(|control| Some((control, of(control)?)))
        .filter(|(_, number)| above(number))
        .max_by(|a, b| a.1.mean.total_cmp(&b.1.mean));
    match beaten {
        Some((Control::Mean, _)) => {
            "better than the mean record alone, no better than a Gaussian".into()
        }
        Some((control, _)) => format!(
            "better than {}, and below the training records' own number",
            match control {
                Control::PrincipalGaussian => "a Gaussian in 50 principal components",
                _ => "a Gaussian of the same covariance",
            }
        ),
        None => "no better than the mean record alone".into(),
    }
}

fn only_set(set: &str) -> String {
    format!(
        "the data has one held-out set: sigma is chosen on the {set} records that the number is \
         on, which makes it a little too high"
    )
}

/// What there is to say of how σ came about.
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
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    if text.contains('.') {
        trimmed.to_owned()
    } else {
        text
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
        assert_eq!(short(0.166_810_053), "0.1668");
        assert_eq!(short(0.1), "0.1");
        assert_eq!(short(1.0), "1");
        assert_eq!(short(1000.0), "1000");
        assert_eq!(short(0.001_291_55), "0.001292");
    }
}
