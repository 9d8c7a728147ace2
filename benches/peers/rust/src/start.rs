//! The folder that `benches/src/start.rs` writes.

use std::fs;
use std::path::Path;

use crate::Result;

/// The paper's m.
pub const M: usize = 100;
/// Values of a latent, and of an image.
pub const LATENT: usize = 100;
pub const PIXELS: usize = 784;
/// Maxout units of D's hidden layers, and pieces of each.
pub const UNITS: usize = 240;
pub const PIECES: usize = 5;
/// What dropout keeps of the inputs of D's three layers.
pub const KEEP: [f64; 3] = [0.8, 0.5, 0.5];
/// Values of the inputs of D's three layers.
pub const COLS: [usize; 3] = [PIXELS, UNITS, UNITS];

/// One layer: w with a row per input, b, and their velocities.
#[derive(Clone)]
pub struct Layer {
    pub rows: usize,
    pub cols: usize,
    /// w, b, w's velocity, b's velocity.
    pub arrays: [Vec<f32>; 4],
}

pub struct Start {
    pub step: u64,
    pub iterations: usize,
    pub data: Vec<u8>,
    latents: Vec<f32>,
    rows: Vec<i64>,
    /// D's own pass, then G's; input by input of D's layers.
    kept: [[Vec<u8>; 3]; 2],
    pub generator: Vec<Layer>,
    pub discriminator: Vec<Layer>,
}

impl Start {
    pub fn read(folder: &Path) -> Result<Self> {
        let bytes = |name: &str| array(folder, name, |[byte]: [u8; 1]| byte);
        let floats = |name: &str| array(folder, name, f32::from_le_bytes);
        let rows = array(folder, "rows", i64::from_le_bytes)?;
        let layer = |player: &str, index: usize| -> Result<Layer> {
            let name = |part: &str| format!("{player}.{index}.{part}");
            let parts = ["w", "b", "moment0.w", "moment0.b"];
            let arrays = parts.map(|part| floats(&name(part)));
            let [w, b, vw, vb] = arrays;
            let (w, b) = (w?, b?);
            Ok(Layer {
                rows: w.len() / b.len(),
                cols: b.len(),
                arrays: [w, b, vw?, vb?],
            })
        };
        let player = |name: &str| {
            (0..3)
                .map(|index| layer(name, index))
                .collect::<Result<Vec<_>>>()
        };
        let mut discriminator = player("discriminator")?;
        discriminator[..2].iter_mut().for_each(piece_by_piece);
        let kept = |player: &str, index: usize| bytes(&format!("kept.{player}.{index}"));
        let kept = |player: &str| -> Result<[Vec<u8>; 3]> {
            Ok([kept(player, 0)?, kept(player, 1)?, kept(player, 2)?])
        };
        Ok(Self {
            step: array(folder, "step", u64::from_le_bytes)?[0],
            iterations: rows.len() / M,
            data: bytes("data")?,
            latents: floats("latents")?,
            rows,
            kept: [kept("discriminator")?, kept("generator")?],
            generator: player("generator")?,
            discriminator,
        })
    }

    /// Latents of iteration `i`.
    pub fn latents(&self, i: usize) -> &[f32] {
        &self.latents[i * 2 * M * LATENT..][..2 * M * LATENT]
    }

    /// Records of iteration `i`.
    pub fn rows(&self, i: usize) -> &[i64] {
        &self.rows[i * M..][..M]
    }

    /// What is kept of the input of D's layer `layer` in its own pass, 0, or in G's, 1.
    pub fn kept(&self, i: usize, pass: usize, layer: usize) -> impl Iterator<Item = f32> {
        let count = (2 - pass) * M * COLS[layer];
        let scale = (1.0 / KEEP[layer]) as f32;
        self.kept[pass][layer][i * count..][..count]
            .iter()
            .map(move |&kept| f32::from(kept) * scale)
    }
}

/// The authors' learning rate and momentum in iteration `step`.
pub fn rates(step: u64) -> [f64; 2] {
    let epochs = (step as usize * M / 50_000) as f64;
    let eta = (0.1 * 1.000_004_f64.powf(-(step as f64))).max(1e-6);
    [eta, 0.5 + 0.2 * (epochs / 249.0).min(1.0)]
}

/// Lays maxout units out piece by piece, so that the maximum runs over whole rows: the same units
/// in another order.
fn piece_by_piece(layer: &mut Layer) {
    for array in &mut layer.arrays {
        for row in array.chunks_exact_mut(layer.cols) {
            let old = row.to_vec();
            for (at, value) in row.iter_mut().enumerate() {
                let (piece, unit) = (at / UNITS, at % UNITS);
                *value = old[unit * PIECES + piece];
            }
        }
    }
}

/// The values of `NAME.npy`, whose type and shape the caller knows.
fn array<T, const N: usize>(
    folder: &Path,
    name: &str,
    value: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>> {
    let path = folder.join(format!("{name}.npy"));
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let header = u16::from_le_bytes([bytes[8], bytes[9]]);
    let values = bytes[10 + usize::from(header)..].as_chunks().0;
    Ok(values.iter().map(|&bytes| value(bytes)).collect())
}
