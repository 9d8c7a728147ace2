//! Which instructions code is compiled for, chosen at run time.

use std::ffi::OsStr;
use std::sync::OnceLock;

use crate::BackendError;

/// The environment variable that chooses another instruction set than the best.
pub const INSTRUCTIONS: &str = "GAN_INSTRUCTIONS";

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

/// The instruction sets that this processor has, as [`INSTRUCTIONS`] names them, the best last.
#[must_use]
pub fn instructions() -> Vec<&'static str> {
    Isa::offered().map(Isa::name).collect()
}

impl Isa {
    /// The sets that [`INSTRUCTIONS`] can name, each of which has those before it.
    const NAMED: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// The one that [`INSTRUCTIONS`] names, or the best that this processor has.
    ///
    /// # Errors
    /// If it names none of this processor's.
    pub(crate) fn chosen() -> Result<Self, BackendError> {
        static CHOSEN: OnceLock<Result<Isa, BackendError>> = OnceLock::new();
        let chosen = CHOSEN.get_or_init(|| Self::named(std::env::var_os(INSTRUCTIONS).as_deref()));
        chosen.clone()
    }

    /// Likewise, for what has the same bits whichever it is: the best where the name is wrong.
    pub(crate) fn detect() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::chosen().unwrap_or_else(|_| Self::look()))
    }

    /// The one called `name`, or the best where there is no name, as in an empty variable.
    fn named(name: Option<&OsStr>) -> Result<Self, BackendError> {
        let Some(name) = name.filter(|name| !name.is_empty()) else {
            return Ok(Self::look());
        };
        let found = Self::offered().find(|isa| isa.name() == name);
        found.ok_or_else(|| BackendError::Instructions {
            asked: name.to_string_lossy().into_owned(),
            offered: instructions().join(", "),
        })
    }

    fn offered() -> impl Iterator<Item = Self> {
        let best = Self::look();
        let last = Self::NAMED.iter().position(|isa| *isa == best);
        Self::NAMED.into_iter().take(last.unwrap_or(0) + 1)
    }

    /// Its name for [`INSTRUCTIONS`].
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Baseline => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 | Self::Avx512Bf16 => "avx512",
            #[cfg(test)]
            Self::WideTile => "wide tiles",
        }
    }

    /// The best that this processor has.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_those_that_are_named_if_the_processor_has_them() {
        let named = |name: &str| Isa::named(Some(name.as_ref()));
        for name in instructions() {
            assert_eq!(named(name).unwrap().name(), name);
        }
        let best = Isa::look();
        assert_eq!(instructions().last(), Some(&best.name()));
        assert_eq!(
            (Isa::named(None).unwrap(), named("").unwrap()),
            (best, best)
        );
        let lacking = Isa::NAMED.map(Isa::name);
        let lacking = lacking
            .into_iter()
            .filter(|name| !instructions().contains(name));
        for name in lacking.chain(["AVX2", "avx", "wide tiles"]) {
            let error = named(name).unwrap_err().to_string();
            let expected = format!(
                "GAN_INSTRUCTIONS: found {name:?}, expected one that this processor has: portable"
            );
            assert!(error.starts_with(&expected), "{error}");
        }
    }
}
