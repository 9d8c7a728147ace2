//! Which instructions code is compiled for, chosen at run time.

use std::sync::OnceLock;

/// The instruction sets that tiles and rows are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// The instructions that every processor of the target has.
    Baseline,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512.
    Avx512,
    /// The same with products of f32 numbers rounded to bf16, two at a time.
    Avx512Bf16,
    /// The tiles of AVX-512 in baseline code, so that their edges are tested on any processor.
    #[cfg(test)]
    WideTile,
}

impl Isa {
    /// The best that this processor has.
    pub(crate) fn detect() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(Self::look)
    }

    fn look() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            // Knights Landing has the first of these alone.
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Baseline
    }

    /// This one with factors rounded to bf16, if the processor multiplies them.
    pub(crate) fn with_bf16(self) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if self == Self::Avx512 && is_x86_feature_detected!("avx512bf16") {
            return Some(Self::Avx512Bf16);
        }
        None
    }

    /// This one without rounding of factors.
    pub(crate) fn exact(self) -> Self {
        match self {
            Self::Avx512Bf16 => Self::Avx512,
            exact => exact,
        }
    }

    /// Terms of a sum that one packed number holds.
    pub(crate) fn terms(self) -> usize {
        if self == Self::Avx512Bf16 { 2 } else { 1 }
    }

    /// Rows and columns of a tile: as many accumulators as there are registers to hold them.
    pub(crate) fn tile<T>(self) -> (usize, usize) {
        let doubled = if size_of::<T>() == 4 { 2 } else { 1 };
        match self {
            Self::Baseline => (4, 4 * doubled),
            Self::Avx2 => (6, 8 * doubled),
            Self::Avx512 | Self::Avx512Bf16 => (12, 16 * doubled),
            #[cfg(test)]
            Self::WideTile => (12, 16 * doubled),
        }
    }
}
