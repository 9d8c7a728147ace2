//! Which instructions code is compiled for, chosen at run time.

/// The instruction sets that tiles and rows are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isa {
    /// What every processor of the target has.
    Baseline,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512.
    Avx512,
    /// The tiles of AVX-512 in baseline code, so that their edges are tested on any processor.
    #[cfg(test)]
    WideTile,
}

impl Isa {
    /// The best that this processor has.
    pub(crate) fn detect() -> Self {
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

    /// Rows and columns of a tile: as many accumulators as there are registers to hold them.
    pub(crate) fn tile<T>(self) -> (usize, usize) {
        let doubled = if size_of::<T>() == 4 { 2 } else { 1 };
        match self {
            Self::Baseline => (4, 4 * doubled),
            Self::Avx2 => (6, 8 * doubled),
            Self::Avx512 => (12, 16 * doubled),
            #[cfg(test)]
            Self::WideTile => (12, 16 * doubled),
        }
    }

    /// Runs `body` compiled for this instruction set, as far as it is inlined.
    ///
    /// The same bits on all of them: no product is fused with a sum that the code does not fuse.
    #[inline(always)]
    pub(crate) fn run<R>(self, body: impl FnOnce() -> R) -> R {
        match self {
            // SAFETY: `detect` found the instructions.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { run_avx512(body) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { run_avx2(body) },
            _ => body(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
unsafe fn run_avx512<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn run_avx2<R>(body: impl FnOnce() -> R) -> R {
    body()
}
