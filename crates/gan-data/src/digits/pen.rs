//! Ink on paper: how dark each pixel gets.

use super::SIDE;
use super::hand::Touch;

/// Half the width of the soft edge of a line, in pixels.
const EDGE: f32 = 0.75;

/// Draws polylines into `image`, [`SIDE`]×[`SIDE`] bytes, 255 for full ink.
pub(super) fn ink(strokes: &[Vec<Touch>], image: &mut [u8]) {
    image.fill(0);
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        draw_piece(pair[0], pair[1], image);
    }
}

/// A line between two discs, within its bounding box; a pixel keeps the darkest piece over it.
fn draw_piece(from: Touch, to: Touch, image: &mut [u8]) {
    let reach = from.radius.max(to.radius) + EDGE;
    let columns = pixels(from.x.min(to.x) - reach, from.x.max(to.x) + reach);
    let rows = pixels(from.y.min(to.y) - reach, from.y.max(to.y) + reach);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let inverse = 1.0 / (dx * dx + dy * dy).max(1e-9);
    for row in rows {
        let y = row as f32 + 0.5 - from.y;
        for column in columns.clone() {
            let x = column as f32 + 0.5 - from.x;
            let along = ((x * dx + y * dy) * inverse).clamp(0.0, 1.0);
            let (away_x, away_y) = (x - along * dx, y - along * dy);
            let distance = (away_x * away_x + away_y * away_y).sqrt();
            let radius = from.radius + along * (to.radius - from.radius);
            let pixel = &mut image[row * SIDE + column];
            *pixel = darkness(radius - distance).max(*pixel);
        }
    }
}

/// Darkness of a point `depth` pixels inside the edge of a line.
fn darkness(depth: f32) -> u8 {
    let t = ((depth + EDGE) / (2.0 * EDGE)).clamp(0.0, 1.0);
    (255.0 * t * t * (3.0 - 2.0 * t)) as u8
}

/// Pixels that the interval touches, within the image.
fn pixels(low: f32, high: f32) -> std::ops::Range<usize> {
    // Casts from float saturate, so what lies outside becomes an empty range at the border.
    (low.floor() as usize).min(SIDE)..(high.ceil() as usize).min(SIDE)
}
