//! The page of one run, section by section.

use std::path::Path;

use gan_model::LayerConfig;
use gan_rivals::{Chains, RivalConfig};
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::evaluation::evaluation;
use super::facts::RunFacts;
use super::pictures::{frames, source};
use crate::diagnosis::SHORTEST_SPAN;
use crate::pictures;
use crate::rival::SHOWN_STEPS;
use crate::run_dir;
use crate::text::{cut, four_digits, printable, shell_word, thousands};

/// Findings that are shown, the newest ones; a game that wavers may have hundreds.
const MOST_FINDINGS: usize = 40;
/// Letters of a text of the user's, such as the names of a thousand columns, that are shown.
const LONGEST: usize = 2_000;
/// And of a configuration.
const LONGEST_CONFIG: usize = 100_000;

/// All sections; pictures that stand in the page take what is left of `most` bytes.
pub(super) fn sections(facts: &RunFacts, most: usize) -> Markup {
    let head = head(facts);
    let rest = html! {
        @if facts.rival().is_none() { (findings(facts)) (curves(facts)) }
        (evaluation(facts))
        (data(facts))
        @match facts.rival() {
            Some(run) => (rival(facts, &run.rival)),
            None => (players(facts)),
        }
        (repeat(facts))
    };
    let left = most.saturating_sub(head.0.len() + rest.0.len());
    // A rival has two pictures, each of which may take half.
    let half = if facts.rival().is_some() {
        left / 2
    } else {
        left
    };
    html! { (head) (samples(facts, half)) (chains(facts, left - half)) (rest) }
}

fn head(facts: &RunFacts) -> Markup {
    let numbers = [
        ("V(D, G)", "value", " nats"),
        ("D(x)", "d_data", ""),
        ("D(G(z))", "d_samples", ""),
        ("told from held-out records", "told_apart", ""),
        (
            "cross-entropy of reconstructions",
            "reconstruction",
            " nats",
        ),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, key, unit)| {
        let reading = facts.number(key)?;
        Some((name, format!("{}{unit}", four_digits(reading))))
    });
    let modes = facts.number("modes_found").zip(facts.number("modes"));
    let modes = modes.map(|(found, of)| ("modes found", format!("{found} of {of}")));
    let best = facts.about.as_ref().and_then(|about| about.best_step);
    let best = best.filter(|step| *step < facts.step && !facts.is_training());
    let best = best.map(|step| ("best step", thousands(step as usize)));
    let verdict = facts
        .evaluation
        .as_ref()
        .and_then(|found| found.verdict.first());
    let verdict = verdict.map(|finding| ("verdict", finding.finds.word().to_owned()));
    html! {
        section #head {
            p.state.(facts.state.word()) { (facts.state_in_words()) }
            dl.numbers {
                @for (name, number) in numbers.chain(modes).chain(best).chain(verdict) {
                    div { dt { (name) } dd { (number) } }
                }
            }
            @for remark in facts.remarks.iter().take(MOST_FINDINGS) {
                p.warning { (shortened(remark, LONGEST)) }
            }
        }
    }
}

fn samples(facts: &RunFacts, most: usize) -> Markup {
    let frames = frames(facts, most);
    let last = frames.len().saturating_sub(1);
    let left_out = facts.pictures.len() - frames.len();
    html! {
        section #samples {
            h2 { "Samples over time" }
            @if frames.is_empty() { p.quiet { "No picture of samples yet." } }
            @else {
                figure.frames {
                    ol {
                        @for (at, (step, source)) in frames.iter().enumerate() {
                            li.current[at == last] data-step=(step) {
                                img src=(source) alt={ "samples after step " (step) } loading="lazy";
                            }
                        }
                    }
                    div.controls hidden {
                        button type="button" data-move="-1" aria-label="the picture before" { "‹" }
                        input type="range" min="0" max=(last) value=(last) aria-label="picture of samples";
                        button type="button" data-move="1" aria-label="the next picture" { "›" }
                    }
                    figcaption {
                        @if facts.rival().is_none() { "from the same latents, " }
                        "after step "
                        output { (frames[last].0) }
                    }
                }
                @if left_out > 0 {
                    p.quiet { (left_out) " of " (facts.pictures.len()) " pictures are left out; all are in samples/." }
                }
            }
        }
    }
}

/// The chains of a rival; nothing of a game.
fn chains(facts: &RunFacts, most: usize) -> Markup {
    let path = facts.rival().and_then(|_| run_dir::chains(&facts.path));
    let picture = path.and_then(|path| source(facts, &path, most));
    html! {
        @if let Some(picture) = picture {
            section #chains {
                h2 { "Chains" }
                figure {
                    img src=(picture) alt="chains of the model, one in each row" loading="lazy";
                    figcaption {
                        "A chain in each row, as it moves away from where it began: after "
                        (SHOWN_STEPS.map(|step| step.to_string()).join(", ")) " steps."
                    }
                }
            }
        }
    }
}

fn findings(facts: &RunFacts) -> Markup {
    let hidden = facts.findings.len().saturating_sub(MOST_FINDINGS);
    html! {
        section #findings {
            h2 { "Findings" }
            @if facts.findings.is_empty() {
                p.quiet {
                    "Nothing was found wrong with the game."
                    @if facts.step < SHORTEST_SPAN {
                        " So short a run is judged for numbers that blow up alone."
                    }
                }
            }
            @else {
                @if hidden > 0 { p.quiet { "The first " (hidden) " are left out." } }
                ul {
                    @for finding in &facts.findings[hidden..] {
                        li.over[finding.passed.is_some()] {
                            (printable(&finding.with_remedy(&facts.remedy(finding))))
                        }
                    }
                }
            }
        }
    }
}

fn curves(facts: &RunFacts) -> Markup {
    let svg = pictures::curves(&facts.readings, &facts.findings, "").to_svg();
    html! {
        section #curves {
            h2 { "Curves" }
            @if facts.readings.is_empty() { p.quiet { "No reading yet." } }
            @else {
                figure.chart.drawn role="img" aria-label="curves of the run" { (PreEscaped(svg)) }
            }
        }
    }
}

/// Rows of a name and what is known of it.
fn rows(rows: &[(&str, Option<String>)]) -> Markup {
    html! {
        div.wide {
            table {
                tbody {
                    @for (name, value) in rows {
                        @if let Some(value) = value {
                            tr { th scope="row" { (name) } td { (shortened(value, LONGEST)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A text of the user's, as far as it is shown.
fn shortened(text: &str, most: usize) -> String {
    cut(&printable(text), most)
}

fn data(facts: &RunFacts) -> Markup {
    let about = facts.about.as_deref();
    html! {
        section #data {
            h2 { "What it was trained on" }
            (rows(&[
                ("data", about.map(|about| about.data.clone())),
                ("records", about.map(|about| about.shape.clone())),
                ("to train", about.map(|about| thousands(about.train_records))),
                ("SHA-256 of these", about.map(|about| about.fingerprint.clone())),
            ]))
        }
    }
}

fn players(facts: &RunFacts) -> Markup {
    let parameters = facts
        .about
        .as_ref()
        .map(|about| about.parameters.map(thousands));
    let cols = facts.about.as_ref().map(|about| about.cols);
    html! {
        section #players {
            h2 { "The players" }
            @if let Some(config) = facts.game() {
                @let (g, d, rules) = (&config.generator, &config.discriminator, &config.game);
                @let optimizer = |own| inline(own).or_else(|| inline(Some(&config.optimizer)));
                (rows(&[
                    ("generator", Some(format!("{} {} → {}", g.latent, plain(&g.prior), layers(&g.layers, cols)))),
                    ("its parameters", parameters.as_ref().map(|[g, _]| g.clone())),
                    ("its optimiser", optimizer(g.optimizer.as_ref())),
                    ("discriminator", Some(format!("record → {}", layers(&d.layers, Some(1))))),
                    ("its parameters", parameters.as_ref().map(|[_, d]| d.clone())),
                    ("its optimiser", optimizer(d.optimizer.as_ref())),
                    ("rules", inline(Some(rules))),
                ]))
            }
            @else { p.quiet { "The configuration cannot be read." } }
        }
    }
}

/// A rival in the place of players.
fn rival(facts: &RunFacts, config: &RivalConfig) -> Markup {
    let about = facts.about.as_deref();
    let layers = about.map(|about| {
        let units = config.layers(about.cols).into_iter().map(thousands);
        units.collect::<Vec<_>>().join(" – ")
    });
    let Chains {
        chains,
        burn_in,
        thin,
    } = config.chain();
    let chain = format!(
        "{chains} side by side, {burn_in} steps before the first sample, {thin} between two"
    );
    html! {
        section #players {
            h2 { "The model" }
            (rows(&[
                ("kind", Some(config.in_words().to_owned())),
                ("units of its layers", layers),
                ("its parameters", about.map(|about| thousands(about.parameters[0]))),
                ("chains of its samples", Some(chain)),
            ]))
        }
    }
}

/// Layers in a line: `1200 relu → 784 sigmoid`; `cols` are the units of the last.
fn layers(layers: &[LayerConfig], cols: Option<usize>) -> String {
    let last = layers.len().saturating_sub(1);
    let layer = |(at, layer): (usize, &LayerConfig)| {
        let units = layer.units.or(cols.filter(|_| at == last));
        let units = units.map_or(String::new(), |units| format!("{units} "));
        let mut words = format!("{units}{}", plain(&layer.activation));
        if let Some(pieces) = layer.pieces {
            words += &format!(" of {pieces} pieces");
        }
        if layer.keep < 1.0 {
            words += &format!(" (input kept with {})", layer.keep);
        }
        words
    };
    let words: Vec<_> = layers.iter().enumerate().map(layer).collect();
    words.join(" → ")
}

/// A value of a configuration without its quotation marks.
fn plain(value: &impl Serialize) -> String {
    inline(Some(value)).unwrap_or_default().replace('"', "")
}

/// A part of a configuration, as TOML has it in one line.
fn inline<T: Serialize>(part: Option<&T>) -> Option<String> {
    Some(toml::Value::try_from(part?).ok()?.to_string())
}

fn repeat(facts: &RunFacts) -> Markup {
    let run = shell_word(&facts.path);
    // Names of its own, so that the commands of two runs do not meet.
    let again = shell_word(Path::new(&format!("{}-again", facts.name)));
    let about = facts.about.as_deref();
    let seed = facts.game().map(|game| game.seed);
    let seed = seed.or(facts.rival().map(|run| run.seed));
    let command = if facts.rival().is_some() {
        "rival"
    } else {
        "train"
    };
    let device = facts.device.as_deref();
    let flag = match device {
        Some(device) if device.starts_with("cpu") => " --device cpu",
        _ => "",
    };
    let extension = match about {
        Some(about) if about.is_image => "png",
        _ => "csv",
    };
    let samples = shell_word(Path::new(&format!("{}-samples.{extension}", facts.name)));
    let evaluated = facts.evaluation.as_ref().map(|found| {
        format!(
            "gan-cli evaluate {run} --samples {} --seed {}",
            found.samples, found.seed
        )
    });
    html! {
        section #repeat {
            h2 { "To repeat it" }
            p {
                "The same configuration, data and device give the same run. Where the directory of the run \
                 is not at hand, the configuration below is its "
                code { "config.toml" } "; where the data is elsewhere, " code { "--data PATH" } " says where."
            }
            pre.commands {
                "gan-cli " (command) " " (shell_word(&facts.path.join("config.toml"))) " --out " (again) (flag) "\n"
                "gan-cli sample " (run) " -n 100 --seed 2 --out " (samples) "\n"
                @if let Some(command) = evaluated { (command) "\n" }
                "gan-cli info " (run) "\n"
            }
            (rows(&[
                ("trained by", about.and_then(|about| about.written_by.clone())),
                ("report by", Some(concat!("gan-cli ", env!("CARGO_PKG_VERSION")).to_owned())),
                ("checkpoint format", Some(gan_model::FORMAT_VERSION.to_string())),
                ("preset", about.map(|about| about.preset.clone())),
                ("seed", seed.map(|seed| seed.to_string())),
                ("device", device.map(str::to_owned)),
                ("iterations", facts.execution.clone()),
                ("SHA-256 of the configuration", about.map(|about| about.config_hash.clone())),
            ]))
            details #config {
                summary { "config.toml" }
                pre { (config_text(&facts.config_text)) }
            }
        }
    }
}

/// A configuration with its lines as they are.
fn config_text(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(printable).collect();
    cut(&lines.join("\n"), LONGEST_CONFIG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RunConfig;

    #[test]
    fn players_are_said_in_a_line() {
        let config = RunConfig::preset("mnist").unwrap();
        assert_eq!(
            layers(&config.generator.layers, Some(784)),
            "1200 relu → 1200 relu → 784 sigmoid"
        );
        assert!(
            layers(&config.discriminator.layers, Some(1))
                .starts_with("240 maxout of 5 pieces (input kept with 0.8) → ")
        );
        assert_eq!(plain(&config.generator.prior), "uniform");
        let rules = inline(Some(&config.game)).unwrap();
        assert!(
            rules.contains("minibatch = 100") && !rules.contains('\n'),
            "{rules}"
        );
    }

    #[test]
    fn long_texts_are_cut_and_lines_of_a_configuration_stay() {
        assert_eq!(shortened("äöü\u{1b}", 2), "äö…");
        assert_eq!(shortened("ä\u{1b}", 20), "ä\\u{1b}");
        assert_eq!(
            config_text("a = 1\nb = \"\u{202e}\"\n"),
            "a = 1\nb = \"\\u{202e}\""
        );
    }
}
