//! The CPU's [`HeadsFwd`]: noise and exponentials over a whole row at a time, so that they fill
//! SIMD registers however short the heads are.

use super::HeadsFwd;
use crate::Real;
use crate::head::HeadSpan;
use crate::native::{Isa, Native};
use crate::random::{Address, unit_open};

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: HeadsFwd<'_, Native<T>>) {
    let (m, n) = op.check();
    let row = Row {
        spans: &op.heads.spans,
        address: op.state.address(op.stream),
        inverse_temperature: T::from_f64(1.0 / op.temperature),
        decided: op.decided,
        isa: native.isa(),
    };
    let first_row = op.first_row;
    let (z, x) = (op.z.shared(), op.x.shared());
    native.over_rows(m, m * n, |index| {
        // SAFETY: each row is one task's.
        let (z, x) = unsafe { (z.part(index, 0, n), x.part(index, 0, n)) };
        // Rows begin at multiples of four, so that each begins a Philox block.
        row.run(
            (first_row + index) as u64 * n.next_multiple_of(4) as u64,
            z,
            x,
        );
    });
}

/// What all rows have in common.
struct Row<'a, T> {
    spans: &'a [HeadSpan],
    address: Address,
    inverse_temperature: T,
    decided: bool,
    isa: Isa,
}

impl<T: Real> Row<'_, T> {
    /// P in place of Z, and X; the noise begins at index `first`.
    fn run(&self, first: u64, z: &mut [T], x: &mut [T]) {
        // X is scratch until it is decided.
        self.scaled(first, z, x);
        for span in self.spans {
            let levels = &mut x[span.levels.clone()];
            let largest = levels
                .iter()
                .fold(None, |largest: Option<T>, &t| match largest {
                    Some(largest) if t <= largest => Some(largest),
                    _ => Some(t),
                });
            let largest = largest.unwrap_or(T::ZERO);
            levels.iter_mut().for_each(|t| *t = *t - largest);
        }
        self.exponentials(x);
        for span in self.spans {
            let (p, levels) = (&mut z[span.levels.clone()], &mut x[span.levels.clone()]);
            let mut sum = T::ZERO;
            levels.iter().for_each(|&e| sum += e);
            let mut best = 0;
            for (level, (p, &e)) in p.iter_mut().zip(&*levels).enumerate() {
                if e > levels[best] {
                    best = level;
                }
                *p = e / sum;
            }
            if self.decided {
                levels.fill(T::ZERO);
                levels
                    .iter_mut()
                    .skip(best)
                    .take(1)
                    .for_each(|x| *x = T::ONE);
            } else {
                levels.copy_from_slice(p);
            }
            if let Some(scalar) = span.scalar {
                let is_scalar = x[span.levels.clone()].first().copied();
                x[scalar] = z[scalar] * is_scalar.unwrap_or(T::ONE);
            }
        }
    }

    /// (z + g) / τ of every value, as if all were logits.
    fn scaled(&self, first: u64, z: &[T], x: &mut [T]) {
        const CHUNK: usize = 64;
        let (mut words, mut noise) = ([0; CHUNK], [T::ZERO; CHUNK]);
        for (chunk, (z, x)) in z.chunks(CHUNK).zip(x.chunks_mut(CHUNK)).enumerate() {
            let first = first + (chunk * CHUNK) as u64;
            // Some of the next row's, so that registers are full; there is no word after the last.
            let len = z.len().next_multiple_of(16).min((WORDS - first) as usize);
            let (words, noise) = (&mut words[..len], &mut noise[..len]);
            self.address.fill_words(first, words);
            match self.isa {
                // SAFETY: the processor has the instructions.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Avx512Bf16 => unsafe { noise_avx512(words, noise) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => unsafe { noise_avx2(words, noise) },
                _ => noise_of(words, noise),
            }
            for ((x, &z), &noise) in x.iter_mut().zip(z).zip(&*noise) {
                *x = (z - noise) * self.inverse_temperature;
            }
        }
    }

    fn exponentials(&self, x: &mut [T]) {
        match self.isa {
            // SAFETY: the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Avx512Bf16 => unsafe { exp_avx512(x) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { exp_avx2(x) },
            _ => exp(x),
        }
    }
}

/// Words of one stream and step.
const WORDS: u64 = 1 << 34;

/// # Safety
/// The processor has AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq")]
unsafe fn noise_avx512<T: Real>(words: &[u32], noise: &mut [T]) {
    noise_of(words, noise);
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn noise_avx2<T: Real>(words: &[u32], noise: &mut [T]) {
    noise_of(words, noise);
}

/// −g of each word.
#[inline(always)]
fn noise_of<T: Real>(words: &[u32], noise: &mut [T]) {
    for (noise, &word) in noise.iter_mut().zip(words) {
        let u = T::from_f64(f64::from(unit_open(word)));
        *noise = (-u.ln()).ln();
    }
}

/// # Safety
/// The processor has AVX-512.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq")]
unsafe fn exp_avx512<T: Real>(x: &mut [T]) {
    exp(x);
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn exp_avx2<T: Real>(x: &mut [T]) {
    exp(x);
}

#[inline(always)]
fn exp<T: Real>(x: &mut [T]) {
    x.iter_mut().for_each(|x| *x = x.exp());
}
