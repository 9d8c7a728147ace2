//! Maps of the relations of all pairs of columns: of one table beside those of another.

use crate::drawing::{Anchor, BLUE, Color, Drawing, INK, ORANGE, Point, Stroke};
use crate::text::{fitting, text_width};

/// A picture of matrices of correlations.
#[derive(Clone, Debug)]
pub struct CorrelationMaps<'a> {
    /// Written above the maps.
    pub title: &'a str,
    /// The names of the columns.
    pub columns: Vec<&'a str>,
    /// The maps from left to right.
    pub maps: Vec<CorrelationMap<'a>>,
}

/// One matrix.
#[derive(Clone, Debug)]
pub struct CorrelationMap<'a> {
    /// Written above it.
    pub name: &'a str,
    /// The values, row by row, from −1 to 1; NaN where there is none.
    pub values: Vec<f64>,
}

const MARGIN: f64 = 16.0;
const SIZE: f64 = 12.0;
/// Width of a map, as far as its cells allow.
const MAP: f64 = 300.0;
const CELL: [f64; 2] = [5.0, 24.0];
const GAP: f64 = 22.0;
/// Longest name of a column.
const NAMES: f64 = 120.0;
const NONE: Color = [205, 205, 205];

impl CorrelationMaps<'_> {
    /// Draws the picture; blue is −1, white 0, orange 1 and grey nothing.
    #[must_use]
    pub fn draw(&self) -> Drawing {
        let count = self.columns.len();
        let cell = (MAP / count.max(1) as f64).clamp(CELL[0], CELL[1]);
        let letters = (cell - 1.0).min(11.0);
        let widths = self.columns.iter().map(|name| text_width(name, letters));
        let names = widths.fold(0.0_f64, f64::max).min(NAMES) + 8.0;
        let side = cell * count as f64;
        let step = side.max(90.0) + GAP;
        let width = (MARGIN + names + step * self.maps.len() as f64).max(460.0);
        let top = 52.0 + names;
        let mut drawing = Drawing::new(width, top + side + 46.0);
        drawing.title([MARGIN, 22.0], width - 2.0 * MARGIN, self.title);
        for (row, name) in self.columns.iter().enumerate() {
            let at = [
                MARGIN + names - 6.0,
                top + cell * (row as f64 + 0.5) + 0.35 * letters,
            ];
            drawing.text(
                at,
                Anchor::End,
                letters,
                INK,
                &fitting(name, letters, NAMES),
            );
        }
        for (index, map) in self.maps.iter().enumerate() {
            let corner = [MARGIN + names + step * index as f64, top];
            // Few columns leave little room for it.
            let size = SIZE * ((step - 8.0) / text_width(map.name, SIZE)).min(1.0);
            drawing.text([corner[0], 44.0], Anchor::Start, size, INK, map.name);
            for (column, name) in self.columns.iter().enumerate() {
                let x = corner[0] + cell * (column as f64 + 0.5) + 0.35 * letters;
                let name = fitting(name, letters, NAMES);
                drawing.text_upwards([x, top - 6.0], letters, INK, &name);
            }
            let place = |at: usize| {
                [
                    corner[0] + cell * (at % count) as f64,
                    top + cell * (at / count) as f64,
                ]
            };
            let cells = map.values.iter().take(count * count).enumerate();
            drawing.tiles(cells.map(|(at, &value)| (place(at), [cell, cell], color(value))));
            let [left, right] = [corner[0], corner[0] + side];
            let frame = [
                [left, top],
                [right, top],
                [right, top + side],
                [left, top + side],
                [left, top],
            ];
            drawing.line(&frame, Stroke::new(INK, 0.8));
        }
        scale(&mut drawing, [MARGIN + names, top + side + 14.0]);
        drawing
    }
}

/// The colours and their values.
fn scale(drawing: &mut Drawing, [left, top]: Point) {
    const STEPS: u32 = 40;
    const WIDTH: f64 = 160.0;
    let step = WIDTH / f64::from(STEPS);
    let value = |at: u32| 2.0 * f64::from(at) / f64::from(STEPS - 1) - 1.0;
    let tile = |at: u32| {
        (
            [left + step * f64::from(at), top],
            [step, 9.0],
            color(value(at)),
        )
    };
    drawing.tiles((0..STEPS).map(tile));
    for (share, text) in [(0.0, "−1"), (0.5, "0"), (1.0, "1")] {
        let at = [left + share * WIDTH, top + 22.0];
        drawing.text(at, Anchor::Middle, 10.0, INK, text);
    }
}

/// From blue over white to orange.
fn color(value: f64) -> Color {
    if value.is_nan() {
        return NONE;
    }
    let full = if value < 0.0 { BLUE } else { ORANGE };
    let share = value.abs().min(1.0);
    full.map(|part| (255.0 + share * (f64::from(part) - 255.0)).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_run_from_blue_over_white_to_orange() {
        let found = [-1.0, 0.0, 1.0, f64::NAN, 7.0].map(color);
        assert_eq!(found, [BLUE, [255; 3], ORANGE, NONE, ORANGE]);
    }

    #[test]
    fn each_pair_has_a_cell_in_each_map() {
        let maps = |columns: usize| CorrelationMaps {
            title: "people, step 7",
            columns: vec!["a < b"; columns],
            maps: ["training rows", "samples"]
                .map(|name| CorrelationMap {
                    name,
                    values: vec![0.25; columns * columns],
                })
                .into(),
        };
        for columns in [0, 1, 3, 60] {
            let drawing = maps(columns).draw();
            #[cfg(feature = "png")]
            assert!(drawing.to_png(1.0).is_ok());
            let svg = drawing.to_svg();
            let cells = svg.matches("fill=\"#f5d4c4\"").count();
            assert_eq!(cells, 2 * columns * columns, "{columns} columns");
            assert!(!svg.contains("NaN"));
        }
    }
}
