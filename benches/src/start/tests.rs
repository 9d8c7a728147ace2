//! The folder against the trainer that it is from.

use std::io::BufReader;

use npyz::{Deserialize, NpyFile};

use super::*;

/// Name, shape and type of each array.
fn arrays() -> Vec<(String, Vec<u64>, &'static str)> {
    let n = ITERATIONS as u64;
    let mut arrays = vec![
        ("step".into(), vec![1], "<i8"),
        ("data".into(), vec![50_000, 784], "|u1"),
        ("latents".into(), vec![n, 200, 100], "<f4"),
        ("rows".into(), vec![n, 100], "<i8"),
        ("rates".into(), vec![n, 2], "<f8"),
        ("losses".into(), vec![n, 2], "<f8"),
    ];
    for (player, rows) in [("discriminator", 200), ("generator", 100)] {
        for (layer, cols) in [784, 240, 240].into_iter().enumerate() {
            let name = format!("kept.{player}.{layer}");
            arrays.push((name, vec![n, rows, cols], "|u1"));
        }
    }
    let players = [
        ("generator", [(100, 1200), (1200, 1200), (1200, 784)]),
        ("discriminator", [(784, 1200), (240, 1200), (240, 1)]),
    ];
    for (player, layers) in players {
        for (layer, (rows, cols)) in layers.into_iter().enumerate() {
            for moment in ["", "moment0."] {
                let name = format!("{player}.{layer}.{moment}");
                arrays.push((format!("{name}w"), vec![rows, cols], "<f4"));
                arrays.push((format!("{name}b"), vec![cols], "<f4"));
            }
        }
    }
    arrays
}

fn open(dir: &Path, name: &str) -> NpyFile<BufReader<File>> {
    // Values are read one by one, of which the file has many millions.
    let file = BufReader::new(File::open(dir.join(format!("{name}.npy"))).unwrap());
    NpyFile::new(file).unwrap()
}

fn read<T: Deserialize>(dir: &Path, name: &str) -> Vec<T> {
    open(dir, name).into_vec().unwrap()
}

/// x·W + b of the layer `name`, and how many columns that has.
fn linear(dir: &Path, name: &str, x: &[f32]) -> (Vec<f32>, usize) {
    let [w, b]: [Vec<f32>; 2] = ["w", "b"].map(|part| read(dir, &format!("{name}.{part}")));
    let rows = x.chunks_exact(w.len() / b.len());
    let z = rows.flat_map(|x| {
        let mut z = b.clone();
        for (x, w) in x.iter().zip(w.chunks_exact(b.len())) {
            z.iter_mut().zip(w).for_each(|(z, w)| *z += x * w);
        }
        z
    });
    (z.collect(), b.len())
}

/// D's loss in the first iteration of the folder, under the masks of iteration `masks`.
fn first_loss(dir: &Path, masks: usize) -> f64 {
    let data: Vec<u8> = read(dir, "data");
    let rows: Vec<i64> = read(dir, "rows");
    let images = rows[..100]
        .iter()
        .flat_map(|&row| &data[row as usize * 784..][..784]);
    let mut x: Vec<f32> = images.map(|&byte| f32::from(byte) / 255.0).collect();
    let mut h = read::<f32>(dir, "latents")[..100 * 100].to_vec();
    for layer in ["generator.0", "generator.1"] {
        h = linear(dir, layer, &h).0;
        h.iter_mut().for_each(|h| *h = h.max(0.0));
    }
    let samples = linear(dir, "generator.2", &h).0;
    x.extend(samples.iter().map(|z| 1.0 / (1.0 + (-z).exp())));
    for (layer, keep) in [0.8, 0.5, 0.5].into_iter().enumerate() {
        let kept: Vec<u8> = read(dir, &format!("kept.discriminator.{layer}"));
        let kept = kept.chunks_exact(x.len()).nth(masks).unwrap();
        let masked = x.iter().zip(kept);
        x = masked
            .map(|(x, &kept)| x * f32::from(kept) / keep)
            .collect();
        let (z, cols) = linear(dir, &format!("discriminator.{layer}"), &x);
        let pieces = if cols == 1 { 1 } else { 5 };
        let units = z.chunks_exact(pieces);
        x = units
            .map(|unit| unit.iter().copied().fold(f32::MIN, f32::max))
            .collect();
    }
    let softplus = |l: f64| l.exp().ln_1p();
    let signs = (0..200).map(|row| if row < 100 { -1.0 } else { 1.0 });
    let logits = x.iter().zip(signs);
    let terms = logits.map(|(&l, sign)| softplus(sign * f64::from(l)));
    terms.sum::<f64>() / 100.0
}

#[test]
fn folder_holds_the_trainers_own_game() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let losses = write_after(dir, 20).unwrap();
    for (name, shape, descr) in arrays() {
        let file = open(dir, &name);
        assert_eq!(file.shape(), shape, "{name}");
        assert_eq!(file.dtype().descr(), format!("'{descr}'"), "{name}");
    }
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), arrays().len());
    for mask in &MASKS {
        let kept: Vec<u8> = read(dir, mask.name);
        let share = kept.iter().map(|&kept| f64::from(kept)).sum::<f64>() / kept.len() as f64;
        assert!((share - mask.keep).abs() < 5e-3, "{}: {share}", mask.name);
    }
    let gap = |masks| (first_loss(dir, masks) / losses[0][0] - 1.0).abs();
    assert!(gap(0) < 5e-8, "D's loss differs by {}", gap(0));
    assert!(gap(1) > 5e-7, "other masks make no difference: {}", gap(1));
}
