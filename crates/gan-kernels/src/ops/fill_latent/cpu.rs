//! The CPU's [`FillLatent`].

use super::{FillLatent, Prior};
use crate::Real;
use crate::native::{Native, fill_normal};
use crate::random::unit_open;

#[track_caller]
pub(crate) fn run<T: Real>(native: &Native<T>, mut op: FillLatent<'_, Native<T>>) {
    let (_, n) = op.check();
    let address = op.state.address(op.stream);
    let (prior, first_row) = (op.prior, op.first_row);
    native.each_row(&mut op.z, |row, z| {
        // Rows begin at multiples of four, so that each begins a Philox block.
        let first = (first_row + row) as u64 * n.next_multiple_of(4) as u64;
        const CHUNK: usize = 64;
        let mut words = [0; CHUNK];
        for (chunk, z) in z.chunks_mut(CHUNK).enumerate() {
            // Of a row at the end of the address space there are no more.
            let words = &mut words[..z.len().next_multiple_of(4)];
            address.fill_words(first + (chunk * CHUNK) as u64, words);
            match prior {
                Prior::Uniform => fill_uniform(words, z),
                Prior::Normal | Prior::Spherical => fill_normal(native.isa(), words, z),
            }
        }
        if prior == Prior::Spherical {
            let squares = z.iter().map(|z| z.to_f64() * z.to_f64());
            let norm = squares.sum::<f64>().sqrt();
            z.iter_mut()
                .for_each(|z| *z = T::from_f64(z.to_f64() / norm));
        }
    });
}

fn fill_uniform<T: Real>(words: &[u32], z: &mut [T]) {
    let half_width = T::from_f64(Prior::UNIFORM_END);
    for (z, &word) in z.iter_mut().zip(words) {
        let centred = 2.0 * unit_open(word) - 1.0;
        *z = T::from_f64(f64::from(centred)) * half_width;
    }
}
