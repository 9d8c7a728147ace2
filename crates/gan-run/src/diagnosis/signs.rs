//! Signs: what one reading says for or against each ailment; every threshold stands here.

use std::collections::VecDeque;

use super::ailment::Ailment;
use crate::reading::Reading;
use crate::text::thousands;

/// The word of a reading for or against one ailment.
///
/// Between the threshold that speaks for a finding and the one that speaks against it lies a band
/// that says neither, so that a number that wavers about a threshold does not make it come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Present,
    Unclear,
    Absent,
}

/// The part of earlier readings that later ones are compared with.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// The latest value of every number, so that a look counts until the next one.
    last: Reading,
    /// The step of the latest look.
    looked: u64,
    /// Diversity and nearest distance at the latest [`LOOKS`] looks.
    looks: VecDeque<[f64; 2]>,
    /// The largest diversity that two looks in a row had.
    most_diversity: f64,
    /// The largest norm of G's gradient.
    generator_peak: f64,
    /// The most modes found at two looks in a row; at a single one it may be luck.
    most_modes: f64,
    /// The largest gradient norm of each player up to [`RECENT`] readings ago, and those since.
    calm: [f64; 2],
    recent: VecDeque<[f64; 2]>,
}

/// D errs on less than this share of data and of samples where it wins: one row of a minibatch of
/// 100.
const NO_ERRORS: f64 = 0.01;
/// V where it wins, at least, in nats: 0 is certainty, and −0.1 is D(x) = 1 − D(G(z)) = 0.95.
const WON_VALUE: f64 = -0.1;
/// Either error rate from which on D does not win.
const SOME_ERRORS: f64 = 0.03;
/// Norm of G's gradient, as a share of its largest, that is nothing: momentum and Adam aside, G is
/// a hundred times slower than it was.
const VANISHED: f64 = 0.01;
/// And the share at which it is back.
const RETURNED: f64 = 0.05;
/// Sum of both error rates from which on D is guessing, which makes 1.
const GUESSING: f64 = 0.9;
/// And below which it is not.
const TELLING: f64 = 0.8;
/// Diversities between which samples may be as good as data, so that D has a right to guess.
const GOOD_DIVERSITY: [f64; 2] = [2.0 / 3.0, 1.5];
/// Diversities beyond which they cannot be.
const BAD_DIVERSITY: [f64; 2] = [0.5, 2.0];
/// Looks whose median counts: a G that runs from one mode to the next is spread out between them.
const LOOKS: usize = 5;
/// Diversity of samples that are about the same. One mode of eight in a ring has 0.01; a single
/// digit of MNIST has 0.66 (the ones) to 0.99 (the twos), so this is no measure of digits lost.
const COLLAPSED: f64 = 0.25;
/// And at which they are not.
const SPREAD_OUT: f64 = 0.4;
/// Nearest distance, as a share of the records', of samples that are copies of a few. With the
/// authors' MNIST settings it is 0.02 at step 300, 0.05 at step 500 and 0.2 at step 1000.
const COPIES: f64 = 0.03;
/// And of samples that are not.
const NO_COPIES: f64 = 0.08;
/// Share of the modes that may be found at most where they are lost: six of eight.
const MODES_LOST: f64 = 0.75;
/// And from which on they are not: seven of eight.
const MODES_FOUND: f64 = 0.85;
/// Share of samples close to a mode from which on G has settled on the modes that it has. Before,
/// its samples fall between modes too, and which of them happen to be close to one changes from
/// look to look: the preset `ring8` finds 4 to 8 of its modes on the way to all of them.
const SETTLED: f64 = 0.5;
/// Share of the most modes found so far that may be found at most where a G that has not settled
/// has lost some.
const FEWER: f64 = 0.5;
/// An objective, in nats, beyond every game: D gives all of a minibatch a probability of e⁻⁵⁰.
const LARGE_OBJECTIVE: f64 = 50.0;
/// And one that games have.
const SMALL_OBJECTIVE: f64 = 20.0;
/// A gradient norm that is so many times the largest of all but the recent readings grows without
/// bound. Where weights begin small, gradients of healthy games grow as fast, but from nothing:
/// the authors' MNIST settings take G's from 0.0002 to 2 in 400 iterations.
const GROWTH: f64 = 100.0;
/// Below this, a gradient norm is that of a game which is only waking up.
const AWAKE: f64 = 10.0;
/// Lost values that a finding names.
const NAMED: usize = 4;
/// Readings that count as recent.
const RECENT: usize = 20;

impl Memory {
    /// Takes the next reading in.
    pub(super) fn take(&mut self, reading: &Reading) {
        if let (Some(before), Some(now)) = (self.last.modes_found, reading.modes_found) {
            self.most_modes = self.most_modes.max(before.min(now));
        }
        let norms = [reading.discriminator_gradient, reading.generator_gradient]
            .map(|norm| norm.unwrap_or(0.0));
        self.generator_peak = self.generator_peak.max(norms[1]);
        self.recent.push_back(norms);
        if self.recent.len() > RECENT
            && let Some(old) = self.recent.pop_front()
        {
            self.calm = [0, 1].map(|player| self.calm[player].max(old[player]));
        }
        if let (Some(diversity), Some(nearest)) = (reading.diversity, reading.nearest) {
            if let Some(before) = self.last.diversity {
                self.most_diversity = self.most_diversity.max(before.min(diversity));
            }
            self.looked = reading.step;
            self.looks.push_back([diversity, nearest]);
            if self.looks.len() > LOOKS {
                self.looks.pop_front();
            }
        }
        let (old, new) = (std::mem::take(&mut self.last), reading.clone());
        self.last = Reading {
            diversity: new.diversity.or(old.diversity),
            nearest: new.nearest.or(old.nearest),
            saturation: new.saturation.or(old.saturation),
            probe_samples: new.probe_samples.or(old.probe_samples),
            modes_found: new.modes_found.or(old.modes_found),
            modes: new.modes.or(old.modes),
            high_quality: new.high_quality.or(old.high_quality),
            lost_values: new.lost_values.or(old.lost_values),
            ..new
        };
    }

    /// The medians of diversity and of nearest distance over the latest looks.
    fn usual_look(&self) -> Option<[f64; 2]> {
        let median = |part: usize| {
            let mut values: Vec<f64> = self.looks.iter().map(|look| look[part]).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Some([median(0)?, median(1)?])
    }

    /// The norm of a player's gradient as a multiple of its largest earlier one, for the player where it
    /// is larger.
    fn growth(&self) -> f64 {
        let latest = self.recent.back().copied().unwrap_or_default();
        let growth = |player: usize| {
            let known = self.calm[player] > 0.0 && latest[player] > AWAKE;
            let growth = known.then_some(latest[player] / self.calm[player]);
            growth.unwrap_or(0.0)
        };
        growth(0).max(growth(1))
    }
}

/// The sign of `reading`, which `memory` has taken in, for or against `ailment`.
pub(super) fn sign(ailment: Ailment, reading: &Reading, memory: &Memory) -> Sign {
    if ailment != Ailment::Diverging && diverging(reading, memory) == Some(Sign::Present) {
        // Numbers of a game that blows up mean nothing else.
        return Sign::Unclear;
    }
    let found = match ailment {
        Ailment::Diverging => diverging(reading, memory),
        Ailment::GradientVanished => vanished(reading, memory),
        Ailment::DiscriminatorWins => wins(reading, memory),
        Ailment::DiscriminatorBlind => blind(reading, memory),
        Ailment::GeneratorCollapsed => collapsed(reading, memory),
        Ailment::ModesLost => modes_lost(reading, memory),
        Ailment::ValuesLost => values_lost(reading, memory),
    };
    // What was not measured says nothing.
    found.unwrap_or(Sign::Unclear)
}

fn between(present: bool, absent: bool) -> Option<Sign> {
    Some(match (present, absent) {
        (true, _) => Sign::Present,
        (false, true) => Sign::Absent,
        (false, false) => Sign::Unclear,
    })
}

fn diverging(reading: &Reading, memory: &Memory) -> Option<Sign> {
    let objective = largest_objective(reading)?;
    let growth = memory.growth();
    between(
        objective > LARGE_OBJECTIVE || growth > GROWTH,
        objective < SMALL_OBJECTIVE && growth < GROWTH / 10.0,
    )
}

fn largest_objective(reading: &Reading) -> Option<f64> {
    let [d, g] = [reading.discriminator_objective, reading.generator_objective];
    Some(d?.abs().max(g?.abs()))
}

fn vanished(reading: &Reading, memory: &Memory) -> Option<Sign> {
    let share = reading.generator_gradient? / memory.generator_peak;
    let errors = larger_error(reading)?;
    between(
        share <= VANISHED && errors <= NO_ERRORS,
        share >= RETURNED || errors >= SOME_ERRORS,
    )
}

fn larger_error(reading: &Reading) -> Option<f64> {
    Some(reading.false_negatives?.max(reading.false_positives?))
}

fn wins(reading: &Reading, memory: &Memory) -> Option<Sign> {
    // Said there already, and more.
    if vanished(reading, memory) == Some(Sign::Present) {
        return None;
    }
    let errors = larger_error(reading)?;
    between(
        errors <= NO_ERRORS && reading.value? >= WON_VALUE,
        errors >= SOME_ERRORS,
    )
}

fn blind(reading: &Reading, memory: &Memory) -> Option<Sign> {
    // Counted once per look.
    reading.diversity?;
    let [diversity, _] = memory.usual_look()?;
    let errors = memory.last.false_negatives? + memory.last.false_positives?;
    let outside = |[low, high]: [f64; 2]| !(low..=high).contains(&diversity);
    between(
        errors >= GUESSING && outside(BAD_DIVERSITY),
        errors <= TELLING || !outside(GOOD_DIVERSITY),
    )
}

fn collapsed(reading: &Reading, memory: &Memory) -> Option<Sign> {
    // Counted once per look.
    reading.diversity?;
    let [diversity, nearest] = memory.usual_look()?;
    between(
        (diversity <= COLLAPSED || nearest <= COPIES) && !untaught(reading, memory),
        diversity >= SPREAD_OUT && nearest >= NO_COPIES,
    )
}

/// True where G never had diversity, for which a D that teaches it nothing is to blame.
fn untaught(reading: &Reading, memory: &Memory) -> bool {
    let no_teacher = [blind, vanished, wins]
        .iter()
        .any(|sign| sign(reading, memory) == Some(Sign::Present));
    no_teacher && memory.most_diversity < SPREAD_OUT
}

fn modes_lost(reading: &Reading, memory: &Memory) -> Option<Sign> {
    // Whoever has collapsed has lost them too.
    if collapsed(reading, memory) == Some(Sign::Present) {
        return None;
    }
    let (found, modes) = (reading.modes_found?, reading.modes?);
    let settled = reading.high_quality? >= SETTLED;
    // Half of one or two modes is nothing that was ever there.
    let fewer = memory.most_modes >= FEWER * modes && found <= FEWER * memory.most_modes;
    between(
        found <= MODES_LOST * modes && (settled || fewer),
        found > MODES_FOUND * modes,
    )
}

fn values_lost(reading: &Reading, memory: &Memory) -> Option<Sign> {
    // Whoever has collapsed, or never learnt, has lost them too.
    if collapsed(reading, memory) == Some(Sign::Present) || untaught(reading, memory) {
        return None;
    }
    let lost = reading.lost_values.as_ref()?;
    between(!lost.is_empty(), lost.is_empty())
}

/// The numbers that speak for `ailment`.
pub(super) fn evidence(ailment: Ailment, memory: &Memory) -> String {
    let last = &memory.last;
    let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let percent = |value: Option<f64>| 100.0 * number(value);
    let errors = [last.false_negatives, last.false_positives].map(percent);
    let [diversity, nearest] = memory.usual_look().unwrap_or([f64::NAN; 2]);
    // So that nobody takes it for a count of other samples at another step.
    let look = last.probe_samples.map_or(String::new(), |samples| {
        format!(" ({samples} samples of step {})", memory.looked)
    });
    match ailment {
        Ailment::Diverging => match last.first_non_finite {
            Some(step) => {
                let step = thousands(step as usize);
                format!("the objective of step {step} is not a finite number")
            }
            None => format!(
                "objectives of D {} and G {} nats, gradient norms {} and {}",
                short(last.discriminator_objective),
                short(last.generator_objective),
                short(last.discriminator_gradient),
                short(last.generator_gradient),
            ),
        },
        Ailment::GradientVanished => format!(
            "its norm is {:.1e}, once {:.1e}, with V = {:.4} nats",
            number(last.generator_gradient),
            memory.generator_peak,
            number(last.value),
        ),
        Ailment::DiscriminatorWins => format!(
            "it errs on {:.1} % of data and {:.1} % of samples, V = {:.3} nats",
            errors[0],
            errors[1],
            number(last.value),
        ),
        Ailment::DiscriminatorBlind => format!(
            "it errs on {:.0} % of data and {:.0} % of samples, whose diversity is {diversity:.2}",
            errors[0], errors[1],
        ),
        Ailment::GeneratorCollapsed => format!(
            "its samples differ {diversity:.3} times as much as records, nearest ones {nearest:.3} \
             times{look}"
        ),
        Ailment::ModesLost => format!(
            "{} of {} found, {} once, {:.0} % of samples close to one{look}",
            number(last.modes_found),
            number(last.modes),
            memory.most_modes,
            percent(last.high_quality),
        ),
        Ailment::ValuesLost => {
            let lost = last.lost_values.as_deref().unwrap_or_default();
            let named: Vec<_> = lost.iter().take(NAMED).map(ToString::to_string).collect();
            let more = match lost.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!("; {more} more"),
            };
            format!("{}{more}{look}", named.join("; "))
        }
    }
}

/// Three digits after the point, where that is short.
fn short(value: Option<f64>) -> String {
    match value.unwrap_or(f64::NAN) {
        large if large.abs() >= 1e4 => format!("{large:.1e}"),
        number => format!("{number:.3}"),
    }
}
