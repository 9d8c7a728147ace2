//! Samples over data in two dimensions.

use super::canvas::{Canvas, Color, FAINT, INK, text_width};
use super::{Backdrop, bounds, label, ticks};

const SIZE: usize = 640;
const LEFT: f32 = 52.0;
const TOP: f32 = 34.0;
const RIGHT: f32 = 624.0;
const BOTTOM: f32 = 600.0;

const DATA: Color = [120, 160, 205];
const SAMPLES: Color = [214, 84, 20];

/// The first two of `cols` columns of `samples` over those of the backdrop's data.
pub(super) fn draw(
    samples: &[f32],
    cols: usize,
    backdrop: &Backdrop,
    names: Option<[&str; 2]>,
) -> Result<Vec<u8>, png::EncodingError> {
    let points = |values: &'_ [f32]| -> Vec<(f32, f32)> {
        values
            .chunks_exact(cols)
            .map(|row| (row[0], row[1]))
            .collect()
    };
    let (samples, data) = (points(samples), points(&backdrop.data));
    // The data set the view, so that pictures of one run can be compared.
    let view = if data.is_empty() { &samples } else { &data };
    let (x0, x1) = bounds(view.iter().map(|point| point.0));
    let (y0, y1) = bounds(view.iter().map(|point| point.1));
    let place = |(x, y): (f32, f32)| {
        (
            LEFT + (x - x0) / (x1 - x0) * (RIGHT - LEFT),
            BOTTOM - (y - y0) / (y1 - y0) * (BOTTOM - TOP),
        )
    };
    let mut canvas = Canvas::new(SIZE, SIZE);
    axes(&mut canvas, (x0, x1), (y0, y1), &place);
    let mut outside = 0;
    for (points, color, radius, share) in [(&data, DATA, 1.6, 0.55), (&samples, SAMPLES, 1.5, 0.6)]
    {
        for &point in points {
            let (x, y) = place(point);
            if (LEFT..=RIGHT).contains(&x) && (TOP..=BOTTOM).contains(&y) {
                canvas.dot(x, y, radius, color, share);
            } else if color == SAMPLES {
                outside += 1;
            }
        }
    }
    legend(&mut canvas, !data.is_empty(), outside);
    if let Some([x, y]) = names {
        let middle = ((LEFT + RIGHT) / 2.0) as i64 - text_width(x) / 2;
        canvas.text(middle, BOTTOM as i64 + 26, x, INK, 1);
        canvas.text(LEFT as i64, TOP as i64 - 12, y, INK, 1);
    }
    canvas.to_png()
}

fn axes(
    canvas: &mut Canvas,
    x: (f32, f32),
    y: (f32, f32),
    place: &dyn Fn((f32, f32)) -> (f32, f32),
) {
    for tick in ticks(x.0.into(), x.1.into(), 6) {
        let (at, _) = place((tick as f32, y.0));
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
    for tick in ticks(y.0.into(), y.1.into(), 6) {
        let (_, at) = place((x.0, tick as f32));
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
}

fn legend(canvas: &mut Canvas, with_data: bool, outside: usize) {
    let mut right = RIGHT as i64;
    let outside = match outside {
        0 => String::new(),
        n => format!(" ({n} outside)"),
    };
    let mut entry = |text: &str, color| {
        right -= text_width(text);
        canvas.text(right, 14, text, INK, 1);
        canvas.dot(right as f32 - 9.0, 17.5, 3.5, color, 1.0);
        right -= 34;
    };
    entry(&format!("samples{outside}"), SAMPLES);
    if with_data {
        entry("data", DATA);
    }
}
