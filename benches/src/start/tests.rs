//! The folder against the trainer that it is from.

use super::*;

/// Of each array: name, shape, bytes per value.
fn arrays() -> Vec<(String, Vec<usize>, usize)> {
    let n = ITERATIONS;
    let mut arrays = vec![
        ("step".into(), vec![1], 8),
        ("data".into(), vec![50_000, 784], 1),
        ("latents".into(), vec![n, 200, 100], 4),
        ("rows".into(), vec![n, 100], 8),
        ("rates".into(), vec![n, 2], 8),
        ("losses".into(), vec![n, 2], 8),
    ];
    for (player, rows) in [("discriminator", 200), ("generator", 100)] {
        for (layer, cols) in [784, 240, 240].into_iter().enumerate() {
            arrays.push((format!("kept.{player}.{layer}"), vec![n, rows, cols], 1));
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
                arrays.push((format!("{name}w"), vec![rows, cols], 4));
                arrays.push((format!("{name}b"), vec![cols], 4));
            }
        }
    }
    arrays
}

/// Header and values of `NAME.npy`.
fn read(dir: &Path, name: &str) -> (String, Vec<u8>) {
    let bytes = fs::read(dir.join(format!("{name}.npy"))).unwrap();
    assert_eq!(bytes[..8], *b"\x93NUMPY\x01\x00", "{name}");
    let end = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!((end % 64, bytes[end - 1]), (0, b'\n'), "{name}");
    (
        String::from_utf8_lossy(&bytes[10..end]).into_owned(),
        bytes[end..].to_vec(),
    )
}

fn floats(dir: &Path, name: &str) -> Vec<f32> {
    let (_, bytes) = read(dir, name);
    let values = bytes.as_chunks().0.iter();
    values.map(|&bytes| f32::from_le_bytes(bytes)).collect()
}

/// x·W + b of the layer `name`, and how many columns that has.
fn linear(dir: &Path, name: &str, x: &[f32]) -> (Vec<f32>, usize) {
    let (w, b) = (
        floats(dir, &format!("{name}.w")),
        floats(dir, &format!("{name}.b")),
    );
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

fn drop(x: &mut [f32], kept: &[u8], keep: f32) {
    assert_eq!(x.len(), kept.len());
    x.iter_mut()
        .zip(kept)
        .for_each(|(x, &kept)| *x *= f32::from(kept) / keep);
}

/// D's loss in the first iteration of the folder, under the masks of iteration `masks`.
fn first_loss(dir: &Path, masks: usize) -> f64 {
    let (_, data) = read(dir, "data");
    let (_, rows) = read(dir, "rows");
    let mut x: Vec<f32> = rows.as_chunks().0[..100]
        .iter()
        .flat_map(|&row| &data[i64::from_le_bytes(row) as usize * 784..][..784])
        .map(|&byte| f32::from(byte) / 255.0)
        .collect();
    let mut h = floats(dir, "latents")[..100 * 100].to_vec();
    for layer in ["generator.0", "generator.1"] {
        h = linear(dir, layer, &h).0;
        h.iter_mut().for_each(|h| *h = h.max(0.0));
    }
    let samples = linear(dir, "generator.2", &h).0;
    x.extend(samples.iter().map(|z| 1.0 / (1.0 + (-z).exp())));
    for (layer, keep) in [0.8, 0.5, 0.5].into_iter().enumerate() {
        let (_, kept) = read(dir, &format!("kept.discriminator.{layer}"));
        let count = x.len();
        drop(&mut x, &kept[masks * count..][..count], keep);
        let (z, cols) = linear(dir, &format!("discriminator.{layer}"), &x);
        let pieces = if cols == 1 { 1 } else { 5 };
        x = z
            .chunks_exact(pieces)
            .map(|unit| unit.iter().copied().fold(f32::MIN, f32::max))
            .collect();
    }
    let softplus = |l: f64| l.exp().ln_1p();
    let signs = (0..200).map(|row| if row < 100 { -1.0 } else { 1.0 });
    let terms = x
        .iter()
        .zip(signs)
        .map(|(&l, sign)| softplus(sign * f64::from(l)));
    terms.sum::<f64>() / 100.0
}

#[test]
fn folder_holds_the_trainers_own_game() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let losses = write_after(dir, 20).unwrap();
    for (name, shape, size) in arrays() {
        let (header, values) = read(dir, &name);
        let axes: String = shape.iter().map(|axis| format!("{axis}, ")).collect();
        assert!(header.contains(&format!("({axes})")), "{name}: {header}");
        assert_eq!(
            values.len(),
            shape.iter().product::<usize>() * size,
            "{name}"
        );
    }
    assert_eq!(fs::read_dir(dir).unwrap().count(), arrays().len());
    for mask in &MASKS {
        let (_, kept) = read(dir, mask.name);
        let share = kept.iter().map(|&kept| f64::from(kept)).sum::<f64>() / kept.len() as f64;
        assert!((share - mask.keep).abs() < 5e-3, "{}: {share}", mask.name);
    }
    let gap = |masks| (first_loss(dir, masks) / losses[0][0] - 1.0).abs();
    assert!(gap(0) < 5e-8, "D's loss differs by {}", gap(0));
    assert!(gap(1) > 5e-7, "other masks make no difference: {}", gap(1));
}
