//! The arithmetic of an update on a GPU: in the epilogue of a product, or of a gradient that was summed
//! before.

use cubecl::prelude::*;

use super::Update;
use crate::cube::operand::Vec4;
use crate::cube::philox::RATES;
use crate::cube::{DeviceState, RATE_WORDS};

/// Numbers of an update that do not change from step to step.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Constants {
    beta1: f32,
    beta2: f32,
    /// 1 − β, taken in f64: in f32 the difference would lose β's last digits.
    others1: f32,
    others2: f32,
    epsilon: f32,
    /// Where the rates of the slot begin in the state.
    rates: u32,
}

/// The constants of an operation's update, of which all but Adam's leave most unread.
#[track_caller]
pub(crate) fn constants(
    op: &str,
    update: Update,
    state: &DeviceState,
    slot: usize,
) -> ConstantsLaunch {
    let slots = state.slots;
    assert!(
        update == Update::Store || slot < slots,
        "{op}: slot {slot} of a state with {slots}"
    );
    let [beta1, beta2, epsilon] = match update {
        Update::Adam(adam) => [adam.beta1, adam.beta2, adam.epsilon],
        Update::Store | Update::Momentum => [0.0; 3],
    };
    ConstantsLaunch::new(
        beta1 as f32,
        beta2 as f32,
        (1.0 - beta1) as f32,
        (1.0 - beta2) as f32,
        epsilon as f32,
        (RATES + slot * RATE_WORDS) as u32,
    )
}

/// Weights or biases, and what their update keeps of earlier gradients: nothing, a velocity, or the
/// first and the second moment.
#[derive(CubeType, CubeLaunch)]
pub(crate) struct Parameters {
    pub(crate) values: Box<[Vec4]>,
    pub(crate) moments: Sequence<Box<[Vec4]>>,
}

/// The use of a gradient, in the compile-time key: see [`Update`].
#[derive_cube_comptime]
pub(crate) enum Rule {
    Store,
    Momentum,
    Adam,
}

impl Rule {
    pub(crate) fn of(update: Update) -> Self {
        match update {
            Update::Store => Self::Store,
            Update::Momentum => Self::Momentum,
            Update::Adam(_) => Self::Adam,
        }
    }
}

/// A unit's parameters before an update, and their moments: a vector of each for every pass.
#[derive(CubeType)]
pub(crate) struct Fetched {
    w: Array<Vec4>,
    first: Array<Vec4>,
    second: Array<Vec4>,
}

#[cube]
pub(crate) fn new_fetched(#[comptime] passes: usize) -> Fetched {
    Fetched {
        w: Array::<Vec4>::new(passes),
        first: Array::<Vec4>::new(passes),
        second: Array::<Vec4>::new(passes),
    }
}

/// Fetches what an update needs of the vector `at`.
#[cube]
pub(crate) fn fetch(
    from: &Parameters,
    at: usize,
    fetched: &mut Fetched,
    #[comptime] pass: usize,
    #[comptime] rule: Rule,
) {
    if comptime!(rule != Rule::Store) {
        fetched.w[pass] = from.values[at];
        fetched.first[pass] = from.moments.index(0usize)[at];
    }
    if comptime!(rule == Rule::Adam) {
        fetched.second[pass] = from.moments.index(1usize)[at];
    }
}

/// A vector of parameters and of their moments.
#[derive(CubeType)]
pub(crate) struct Updated {
    pub(crate) w: Vec4,
    first: Vec4,
    second: Vec4,
}

/// A pass's parameters after an update by their gradient.
#[cube]
pub(crate) fn updated(
    before: &Fetched,
    #[comptime] pass: usize,
    g: Vec4,
    state: &[u32],
    constants: &Constants,
    #[comptime] rule: Rule,
) -> Updated {
    let rates = constants.rates as usize;
    let mut after = Updated {
        w: g,
        first: g,
        second: g,
    };
    match rule {
        Rule::Store => {}
        Rule::Momentum => {
            let eta = f32::reinterpret(state[rates]);
            let mu = f32::reinterpret(state[rates + 1]);
            after.first = Vec4::new(mu) * before.first[pass] - Vec4::new(eta) * g;
            after.w = before.w[pass] + after.first;
        }
        Rule::Adam => {
            let eta = f32::reinterpret(state[rates + 2]);
            let correction = f32::reinterpret(state[rates + 3]);
            let (beta1, beta2) = (Vec4::new(constants.beta1), Vec4::new(constants.beta2));
            let (others1, others2) = (Vec4::new(constants.others1), Vec4::new(constants.others2));
            after.first = beta1 * before.first[pass] + others1 * g;
            after.second = beta2 * before.second[pass] + others2 * g * g;
            let mut w = before.w[pass];
            #[unroll]
            for lane in 0..4usize {
                let below = (after.second.extract(lane) * correction).sqrt() + constants.epsilon;
                let change = eta * after.first.extract(lane) / below;
                w.insert(lane, w.extract(lane) - change);
            }
            after.w = w;
        }
    }
    after
}

/// Writes the parameters `w` and the moments of `after` to the vector `at`.
#[cube]
pub(crate) fn store(
    into: &mut Parameters,
    at: usize,
    w: Vec4,
    after: &Updated,
    #[comptime] rule: Rule,
) {
    into.values[at] = w;
    if comptime!(rule != Rule::Store) {
        into.moments.index_mut(0usize)[at] = after.first;
    }
    if comptime!(rule == Rule::Adam) {
        into.moments.index_mut(1usize)[at] = after.second;
    }
}
