//! One dimension, as the paper's Figure 1: p_data, p_g and D.

use super::canvas::{Canvas, Color, FAINT, INK, text_width};
use super::{Backdrop, bounds, label, ticks};

const WIDTH: usize = 720;
const HEIGHT: usize = 440;
const LEFT: f32 = 52.0;
const TOP: f32 = 34.0;
const RIGHT: f32 = 668.0;
const BOTTOM: f32 = 402.0;

// The paper's colours.
const DATA: Color = [20, 20, 20];
const SAMPLES: Color = [30, 140, 50];
const D: Color = [40, 80, 200];

/// p_data dotted, p_g solid over its histogram, D dashed on the right-hand axis.
pub(super) fn draw(samples: &[f32], backdrop: &Backdrop) -> Result<Vec<u8>, png::EncodingError> {
    let view = if backdrop.data.is_empty() {
        samples
    } else {
        &backdrop.data
    };
    let (x0, x1) = bounds(view.iter().copied());
    let grid: Vec<f32> = (0..=300)
        .map(|i| x0 + (x1 - x0) * i as f32 / 300.0)
        .collect();
    let data: Vec<f32> = match &backdrop.mixture {
        Some(mixture) => grid.iter().map(|&x| mixture.density(&[x]) as f32).collect(),
        None => smoothed(&backdrop.data, &grid),
    };
    let generated = smoothed(samples, &grid);
    let bars = histogram(samples, x0, x1);
    let highest = data
        .iter()
        .chain(&generated)
        .chain(&bars)
        .fold(0.0f32, |a, &b| a.max(b));
    let top = if highest > 0.0 { 1.1 * highest } else { 1.0 };

    let across = |x: f32| LEFT + (x - x0) / (x1 - x0) * (RIGHT - LEFT);
    let up = |share: f32| BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP);
    let mut canvas = Canvas::new(WIDTH, HEIGHT);
    for tick in ticks(x0.into(), x1.into(), 8) {
        let at = across(tick as f32);
        canvas.fill((at, TOP), (at + 1.0, BOTTOM), FAINT, 1.0);
        let text = label(tick);
        canvas.text(
            at as i64 - text_width(&text) / 2,
            BOTTOM as i64 + 8,
            &text,
            INK,
            1,
        );
    }
    for tick in ticks(0.0, top.into(), 5) {
        let at = up(tick as f32 / top);
        canvas.fill((LEFT, at), (RIGHT, at + 1.0), FAINT, 1.0);
        let text = label(tick);
        canvas.text(
            LEFT as i64 - text_width(&text) - 6,
            at as i64 - 3,
            &text,
            INK,
            1,
        );
    }
    let width = (RIGHT - LEFT) / bars.len() as f32;
    for (index, &bar) in bars.iter().enumerate() {
        let left = LEFT + index as f32 * width;
        canvas.fill((left, up(bar / top)), (left + width, BOTTOM), SAMPLES, 0.18);
    }
    let line = |values: &[f32], scale: f32| -> Vec<(f32, f32)> {
        let points = grid.iter().zip(values);
        points.map(|(&x, &y)| (across(x), up(y / scale))).collect()
    };
    canvas.curve(&line(&generated, top), SAMPLES, None);
    if !data.is_empty() {
        canvas.curve(&line(&data, top), DATA, Some([2.0, 5.0]));
    }
    let mut entries = vec![("p_g", SAMPLES)];
    if !data.is_empty() {
        entries.insert(0, ("p_data", DATA));
    }
    if !backdrop.discriminator.is_empty() {
        let points: Vec<_> = backdrop
            .discriminator
            .iter()
            .filter(|(x, _)| (x0..=x1).contains(x))
            .map(|&(x, d)| (across(x), up(d)))
            .collect();
        canvas.curve(&points, D, Some([8.0, 6.0]));
        for tick in [0.0, 0.5, 1.0] {
            canvas.text(
                RIGHT as i64 + 7,
                up(tick) as i64 - 3,
                &label(tick.into()),
                D,
                1,
            );
        }
        entries.push(("D(x), right axis", D));
    }
    let mut left = LEFT as i64 + 14;
    for (text, color) in entries {
        canvas.dot(left as f32 - 8.0, 17.5, 3.5, color, 1.0);
        canvas.text(left, 14, text, INK, 1);
        left += text_width(text) + 34;
    }
    canvas.to_png()
}

/// Density of `values` in bars over the axis.
fn histogram(values: &[f32], low: f32, high: f32) -> Vec<f32> {
    let mut bars = vec![0.0; 77];
    let width = (high - low) / bars.len() as f32;
    for value in values {
        let place = (value - low) / width;
        if (0.0..bars.len() as f32).contains(&place) {
            bars[place as usize] += 1.0 / (values.len() as f32 * width);
        }
    }
    bars
}

/// Density of `values` at `grid`, by Gaussians of Silverman's width; empty if there are none.
fn smoothed(values: &[f32], grid: &[f32]) -> Vec<f32> {
    let count = values.len() as f64;
    if values.is_empty() {
        return Vec::new();
    }
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let spread = values
        .iter()
        .map(|&v| (f64::from(v) - mean).powi(2))
        .sum::<f64>()
        / count;
    let step = f64::from(grid[1] - grid[0]);
    let width = (1.06 * spread.sqrt() * count.powf(-0.2)).max(step);
    let height = 1.0 / (count * width * std::f64::consts::TAU.sqrt());
    let bell = |x: f64, v: &f32| (-0.5 * ((x - f64::from(*v)) / width).powi(2)).exp();
    grid.iter()
        .map(|&x| (height * values.iter().map(|v| bell(x.into(), v)).sum::<f64>()) as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothed_density_integrates_to_one() {
        let values: Vec<f32> = (0..500).map(|i| (i as f32 * 0.7).sin()).collect();
        let grid: Vec<f32> = (0..=300).map(|i| -3.0 + 0.02 * i as f32).collect();
        let total: f32 = smoothed(&values, &grid).iter().sum::<f32>() * 0.02;
        assert!((total - 1.0).abs() < 1e-3, "{total}");
        let total: f32 = histogram(&values, -2.0, 2.0).iter().sum::<f32>() * 4.0 / 77.0;
        assert!((total - 1.0).abs() < 1e-3, "{total}");
    }
}
