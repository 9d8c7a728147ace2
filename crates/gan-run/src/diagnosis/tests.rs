//! The diagnosis of readings that are made up.

use super::{Ailment, Diagnosis, Finding};
use crate::reading::Reading;
use gan_eval::ValueShare;

/// A healthy game, with a look at every fifth reading.
fn healthy(index: u64, log: u64) -> Reading {
    let looked = index.is_multiple_of(5);
    let look = |value: f64| looked.then_some(value);
    Reading {
        step: index * log,
        value: Some(-1.1),
        d_data: Some(0.6),
        d_samples: Some(0.4),
        false_negatives: Some(0.2),
        false_positives: Some(0.3),
        discriminator_objective: Some(1.1),
        generator_objective: Some(1.2),
        discriminator_gradient: Some(1.5),
        generator_gradient: Some(2.0),
        first_non_finite: None,
        diversity: look(0.95),
        nearest: look(1.1),
        saturation: look(0.3),
        modes_found: look(8.0),
        modes: look(8.0),
        high_quality: look(0.9),
        probe_samples: looked.then_some(256),
        lost_values: looked.then(Vec::new),
        told_apart: None,
        told_from_training: None,
    }
}

/// The findings in `count` readings, one every `log` iterations, that `change` spoils.
fn say(count: u64, log: u64, change: impl Fn(u64, &mut Reading)) -> Vec<Finding> {
    let mut diagnosis = Diagnosis::default();
    let mut said = Vec::new();
    for index in 1..=count {
        let mut reading = healthy(index, log);
        change(reading.step, &mut reading);
        said.extend(diagnosis.observe(&reading).cloned());
    }
    said
}

/// The one finding of a game that has no other.
#[track_caller]
fn only(said: Vec<Finding>) -> Finding {
    let [finding] = said.try_into().unwrap_or_else(|said| panic!("{said:?}"));
    finding
}

fn d_wins(reading: &mut Reading) {
    reading.value = Some(-0.01);
    (reading.false_negatives, reading.false_positives) = (Some(0.0), Some(0.004));
}

/// Changes a number of the probe where it looked.
fn look(part: &mut Option<f64>, value: f64) {
    *part = part.map(|_| value);
}

#[test]
fn healthy_game_is_silent_at_any_pace() {
    for log in [1, 7, 100] {
        assert_eq!(say(3000, log, |_, _| {}), []);
    }
}

#[test]
fn d_wins_is_said_once_and_so_is_its_end() {
    let said = say(1000, 10, |step, reading| {
        if (2000..6000).contains(&step) {
            d_wins(reading);
        }
    });
    assert_eq!(said.len(), 2, "{said:?}");
    assert_eq!(said[0].kind, Ailment::DiscriminatorWins);
    assert_eq!((said[0].since, said[0].found), (2000, 3000));
    assert_eq!(said[0].passed, None);
    assert_eq!((said[1].since, said[1].passed), (2000, Some(7000)));
    let text = said[1].to_string();
    assert!(
        text.contains("since step 2000: it errs on 0.0 % of data and 0.4 %"),
        "{text}"
    );
    assert!(text.ends_with("; over at step 7000"), "{text}");
}

#[test]
fn d_that_wins_for_the_first_300_iterations_is_no_finding() {
    for log in [1, 10, 100] {
        let said = say(2000 / log, log, |step, reading| {
            if step < 700 {
                d_wins(reading);
                look(&mut reading.diversity, 0.02);
            }
        });
        assert_eq!(said, [], "{log}");
    }
}

#[test]
fn number_that_wavers_about_its_threshold_is_said_once() {
    let said = say(1000, 10, |step, reading| {
        if step > 1000 {
            d_wins(reading);
            // Above what speaks for it, below what speaks against it.
            let wavers = if step % 30 == 0 { 0.02 } else { 0.005 };
            reading.false_positives = Some(wavers);
        }
    });
    assert_eq!(only(said).since, 1010);
}

#[test]
fn gradient_that_vanishes_is_named_with_its_fall() {
    let said = say(1000, 10, |step, reading| {
        if step > 1000 {
            d_wins(reading);
            reading.generator_gradient = Some(0.001);
        }
    });
    let found = only(said);
    assert_eq!(found.kind, Ailment::GradientVanished);
    assert!(found.evidence.contains("1.0e-3, once 2.0e0"), "{found}");
}

#[test]
fn collapse_to_a_point_and_to_a_few_are_collapses() {
    let point = |reading: &mut Reading| look(&mut reading.diversity, 0.1);
    let few = |reading: &mut Reading| look(&mut reading.nearest, 0.01);
    for spoil in [point, few] {
        let said = say(1000, 10, |step, reading| {
            if step > 3000 {
                spoil(reading);
                // Lost with it, and not a finding of its own.
                look(&mut reading.modes_found, 1.0);
            }
        });
        let found = only(said);
        assert_eq!(found.kind, Ailment::GeneratorCollapsed);
        // The median of five looks, one every 50 iterations.
        assert_eq!(found.since, 3150);
    }
}

#[test]
fn samples_that_never_differed_are_the_fault_of_a_d_that_wins() {
    let said = say(1000, 10, |_, reading| {
        d_wins(reading);
        look(&mut reading.diversity, 0.05);
    });
    assert_eq!(only(said).kind, Ailment::DiscriminatorWins);
}

#[test]
fn d_that_guesses_is_blind_only_if_samples_are_not_like_data() {
    let guesses = |diversity: f64| {
        say(1000, 10, |_, reading| {
            (reading.false_negatives, reading.false_positives) = (Some(0.5), Some(0.48));
            look(&mut reading.diversity, diversity);
        })
    };
    assert_eq!(guesses(1.02), []);
    for diversity in [0.01, 5.0] {
        let found = only(guesses(diversity));
        assert_eq!(found.kind, Ailment::DiscriminatorBlind);
    }
}

#[test]
fn modes_are_lost_where_g_has_settled_or_had_them() {
    let findings_of = |good: f64, found: fn(u64) -> f64| {
        say(1000, 10, |step, reading| {
            look(&mut reading.high_quality, good);
            look(&mut reading.modes_found, found(step));
        })
    };
    assert_eq!(only(findings_of(0.9, |_| 5.0)).kind, Ailment::ModesLost);
    let found = only(findings_of(0.1, |step| if step < 3000 { 8.0 } else { 3.0 }));
    assert!(
        found.evidence.starts_with("3 of 8 found, 8 once"),
        "{found}"
    );
    // On the way to all of them.
    assert_eq!(findings_of(0.1, |step| (step / 1250) as f64), []);
    assert_eq!(findings_of(0.1, |step| 5.0 + (step / 50 % 3) as f64), []);
}

#[test]
fn values_that_vanish_are_named_with_the_samples_that_were_looked_at() {
    let nurse = ValueShare {
        column: "job".into(),
        value: "nurse".into(),
        records: 0.25,
        samples: 0.004,
    };
    let lose = |reading: &mut Reading| {
        if let Some(lost) = &mut reading.lost_values {
            lost.push(nurse.clone());
        }
    };
    let found = only(say(1000, 10, |step, reading| {
        if step > 3000 {
            lose(reading);
        }
    }));
    assert_eq!((found.kind, found.since), (Ailment::ValuesLost, 3050));
    let words = "job = nurse is in 0.4 % of samples, and in 25.0 % of records (256 samples of step \
                 5050)";
    assert_eq!(found.evidence, words);
    // For a while, as on the way to all of them, and with a collapse that explains it.
    assert_eq!(
        say(1000, 10, |step, reading| {
            if step < 1900 {
                lose(reading);
            }
        }),
        []
    );
    let collapsed = only(say(1000, 10, |step, reading| {
        if step > 3000 {
            look(&mut reading.diversity, 0.1);
        }
        if step > 3200 {
            lose(reading);
        }
    }));
    assert_eq!(collapsed.kind, Ailment::GeneratorCollapsed);
}

#[test]
fn open_findings_come_with_the_numbers_of_the_last_look() {
    let mut diagnosis = Diagnosis::default();
    for index in 1..=1000 {
        let mut reading = healthy(index, 10);
        look(
            &mut reading.modes_found,
            if index < 500 { 5.0 } else { 4.0 },
        );
        diagnosis.observe(&reading);
    }
    let said = &diagnosis.findings()[0].evidence;
    assert!(
        said.starts_with("5 of 8 found") && said.ends_with("of step 1050)"),
        "{said}"
    );
    let now = diagnosis.open().next().unwrap().evidence;
    assert!(
        now.starts_with("4 of 8 found") && now.ends_with("of step 10000)"),
        "{now}"
    );
}

#[test]
fn numbers_that_blow_up_are_named_at_once() {
    let said = say(60, 100, |step, reading| {
        if step > 4000 {
            let beyond = (step - 4000) as f64;
            reading.generator_gradient = Some(2.0 * beyond);
            d_wins(reading);
        }
    });
    let found = only(said);
    assert_eq!((found.kind, found.since), (Ailment::Diverging, 4200));

    let said = say(40, 10, |step, reading| {
        if step == 200 {
            reading.discriminator_objective = None;
            reading.first_non_finite = Some(193);
        }
    });
    assert_eq!((said[0].kind, said[0].since), (Ailment::Diverging, 193));
}

#[test]
fn gradients_that_wake_up_are_no_divergence() {
    let said = say(200, 10, |step, reading| {
        let norm = 2.0 / (1.0 + (-(step as f64 - 300.0) / 30.0).exp());
        (reading.discriminator_gradient, reading.generator_gradient) = (Some(norm), Some(norm));
    });
    assert_eq!(said, []);
}

#[test]
fn readings_without_looks_find_what_they_can() {
    let said = say(1000, 10, |step, reading| {
        (reading.diversity, reading.nearest, reading.modes_found) = (None, None, None);
        if step > 1000 {
            d_wins(reading);
        }
    });
    only(said);
}
