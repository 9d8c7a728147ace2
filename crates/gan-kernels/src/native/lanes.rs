//! SIMD registers, as far as a tile of a product needs them.
//!
//! Left to itself the compiler finds these registers in loops over arrays, but not in every shape
//! of the loop; a tile is no place for luck.

use crate::Real;

/// A register of several numbers of type `T`.
pub trait Lanes<T>: Copy {
    /// The number of them.
    const LEN: usize;

    /// All zero.
    fn zero() -> Self;

    /// The first `LEN` numbers of `from`.
    ///
    /// # Safety
    /// They exist, and the code runs where the processor has the instructions.
    unsafe fn load(from: *const T) -> Self;

    /// `value` in every lane.
    ///
    /// # Safety
    /// The code runs where the processor has the instructions.
    unsafe fn splat(value: T) -> Self;

    /// `self + a · b` in every lane.
    ///
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn add_product(self, a: Self, b: Self) -> Self;

    /// `self + other` in every lane.
    ///
    /// # Safety
    /// As [`Lanes::splat`].
    unsafe fn add(self, other: Self) -> Self;

    /// Writes the numbers.
    ///
    /// # Safety
    /// `to` has room for `LEN` numbers; as [`Lanes::splat`].
    unsafe fn store(self, to: *mut T);

    /// Writes those of the first `LEN` numbers of `from` that are not zero one after the other, and
    /// where they were, counted from `first`; how many they are.
    ///
    /// # Safety
    /// There are `LEN` numbers, and room for as many `values` and `places`, whatever is written;
    /// as [`Lanes::splat`].
    #[inline(always)]
    unsafe fn keep(from: *const T, first: u16, values: *mut T, places: *mut u16) -> usize
    where
        T: Real,
    {
        let mut kept = 0;
        for lane in 0..Self::LEN {
            // Without branches: which are zero is as good as random.
            // SAFETY: the caller's promise.
            unsafe {
                let value = *from.add(lane);
                *values.add(kept) = value;
                *places.add(kept) = first + lane as u16;
                kept += usize::from(value != T::ZERO);
            }
        }
        kept
    }
}

/// The registers that tiles of a type are made of.
pub trait Registers: Sized {
    /// Those of every processor of the target.
    type Baseline: Lanes<Self>;
    /// As many lanes as AVX-512's, in baseline code.
    #[cfg(test)]
    type Wide: Lanes<Self>;
    /// Those of AVX2.
    #[cfg(target_arch = "x86_64")]
    type Avx2: Lanes<Self>;
    /// Those of AVX-512.
    #[cfg(target_arch = "x86_64")]
    type Avx512: Lanes<Self>;
    /// Those of AVX-512 with factors rounded to bf16; where there are none, AVX-512's.
    #[cfg(target_arch = "x86_64")]
    type Avx512Bf16: Lanes<Self>;
}

impl Registers for f32 {
    type Baseline = Plain<f32, 4>;
    #[cfg(test)]
    type Wide = Plain<f32, 16>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = std::arch::x86_64::__m256;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512;
    #[cfg(target_arch = "x86_64")]
    type Avx512Bf16 = x86::Pairs;
}

impl Registers for f64 {
    type Baseline = Plain<f64, 2>;
    #[cfg(test)]
    type Wide = Plain<f64, 8>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = std::arch::x86_64::__m256d;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = std::arch::x86_64::__m512d;
    #[cfg(target_arch = "x86_64")]
    type Avx512Bf16 = std::arch::x86_64::__m512d;
}

/// Lanes as an array: what the compiler makes of it is up to the target.
#[derive(Clone, Copy)]
pub struct Plain<T, const LEN: usize>([T; LEN]);

macro_rules! plain {
    ($number:ty) => {
        impl<const LEN: usize> Lanes<$number> for Plain<$number, LEN> {
            const LEN: usize = LEN;

            #[inline(always)]
            fn zero() -> Self {
                Self([0.0; LEN])
            }

            #[inline(always)]
            unsafe fn load(from: *const $number) -> Self {
                // SAFETY: the caller's promise; an array needs no more alignment than its numbers.
                Self(unsafe { *from.cast() })
            }

            #[inline(always)]
            unsafe fn splat(value: $number) -> Self {
                Self([value; LEN])
            }

            #[inline(always)]
            unsafe fn add_product(self, a: Self, b: Self) -> Self {
                // aarch64 has the fused one in its baseline; x86-64's would call the C library.
                Self(std::array::from_fn(|lane| {
                    if cfg!(target_arch = "aarch64") {
                        a.0[lane].mul_add(b.0[lane], self.0[lane])
                    } else {
                        self.0[lane] + a.0[lane] * b.0[lane]
                    }
                }))
            }

            #[inline(always)]
            unsafe fn add(self, other: Self) -> Self {
                Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $number) {
                // SAFETY: the caller's promise.
                unsafe { *to.cast() = self.0 };
            }
        }
    };
}

plain!(f32);
plain!(f64);

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256d, __m512, __m512bh, __m512d, _CMP_NEQ_UQ, _mm256_add_pd, _mm256_add_ps,
        _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_loadu_pd, _mm256_loadu_ps, _mm256_set1_pd,
        _mm256_set1_ps, _mm256_storeu_pd, _mm256_storeu_ps, _mm256_storeu_si256, _mm512_add_epi32,
        _mm512_add_pd, _mm512_add_ps, _mm512_cmp_ps_mask, _mm512_cvtepi32_epi16, _mm512_dpbf16_ps,
        _mm512_fmadd_pd, _mm512_fmadd_ps, _mm512_loadu_pd, _mm512_loadu_ps,
        _mm512_maskz_compress_epi32, _mm512_maskz_compress_ps, _mm512_set1_epi32, _mm512_set1_pd,
        _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps, _mm512_storeu_pd, _mm512_storeu_ps,
    };

    use super::Lanes;

    macro_rules! lanes {
        ($register:ty, $number:ty, $load:ident, $splat:ident, $fma:ident, $add:ident, $store:ident $(, $keep:item)?) => {
            impl Lanes<$number> for $register {
                const LEN: usize = size_of::<$register>() / size_of::<$number>();

                #[inline(always)]
                fn zero() -> Self {
                    // SAFETY: every pattern of bits is a register's, and zeros are zeros.
                    unsafe { std::mem::zeroed() }
                }

                #[inline(always)]
                unsafe fn load(from: *const $number) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn splat(value: $number) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn add_product(self, a: Self, b: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $fma(a, b, self) }
                }

                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $add(self, other) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $number) {
                    // SAFETY: the caller's promise.
                    unsafe { $store(to, self) }
                }

                $($keep)?
            }
        };
    }

    lanes!(
        __m256,
        f32,
        _mm256_loadu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_storeu_ps
    );
    lanes!(
        __m256d,
        f64,
        _mm256_loadu_pd,
        _mm256_set1_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        _mm256_storeu_pd
    );
    lanes!(
        __m512,
        f32,
        _mm512_loadu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_storeu_ps,
        #[inline(always)]
        unsafe fn keep(from: *const f32, first: u16, values: *mut f32, places: *mut u16) -> usize {
            // SAFETY: the caller's promise. Kept numbers are moved together in a register, since
            // some processors are slow to do it on the way to memory.
            unsafe {
                let all = _mm512_loadu_ps(from);
                let kept = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(all, _mm512_setzero_ps());
                _mm512_storeu_ps(values, _mm512_maskz_compress_ps(kept, all));
                let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
                let all = _mm512_add_epi32(lanes, _mm512_set1_epi32(i32::from(first)));
                let of_kept = _mm512_maskz_compress_epi32(kept, all);
                _mm256_storeu_si256(places.cast(), _mm512_cvtepi32_epi16(of_kept));
                kept.count_ones() as usize
            }
        }
    );
    lanes!(
        __m512d,
        f64,
        _mm512_loadu_pd,
        _mm512_set1_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd,
        _mm512_storeu_pd
    );

    /// As a sum sixteen f32 numbers, as a factor sixteen pairs of bf16 numbers in their place.
    #[derive(Clone, Copy)]
    pub struct Pairs(__m512);

    impl Lanes<f32> for Pairs {
        const LEN: usize = 16;

        #[inline(always)]
        fn zero() -> Self {
            Self(<__m512 as Lanes<f32>>::zero())
        }

        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller's promise.
            Self(unsafe { _mm512_loadu_ps(from) })
        }

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the caller's promise.
            Self(unsafe { _mm512_set1_ps(value) })
        }

        /// Both products of a pair are added to its sum.
        #[inline(always)]
        unsafe fn add_product(self, a: Self, b: Self) -> Self {
            // SAFETY: the caller's promise; registers of one size, whatever is in them.
            unsafe {
                let a = std::mem::transmute::<__m512, __m512bh>(a.0);
                let b = std::mem::transmute::<__m512, __m512bh>(b.0);
                Self(_mm512_dpbf16_ps(self.0, a, b))
            }
        }

        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: the caller's promise.
            Self(unsafe { _mm512_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe { _mm512_storeu_ps(to, self.0) }
        }
    }
}
