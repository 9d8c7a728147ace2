//! Rows of images under a line that says what they are.

use gan_pictures::{Anchor, Color, Drawing, PictureError, Pixels, Stroke, text_width};

use super::model::ImageShape;
use super::panel::{GREY, INK};

const GAP: f64 = 3.0;
const MARGIN: f64 = 16.0;
const HEAD: f64 = 54.0;
/// Before a column that is set apart.
const APART: f64 = 14.0;
/// Around a column that is set apart; the paper's is yellow, too.
const FRAME: Color = [235, 180, 0];
/// Images are enlarged to about so many units a side.
const SIDE: usize = 56;

/// Rows of images, planes of values from 0 to 255, as `cols` say how many in each.
pub(super) struct Sheet<'a> {
    pub(super) images: &'a [f32],
    pub(super) shape: ImageShape,
    pub(super) cols: usize,
    /// Whether the last column is something else than the others.
    pub(super) last_apart: bool,
    pub(super) title: &'a str,
    pub(super) note: &'a str,
}

impl Sheet<'_> {
    /// Draws it.
    ///
    /// # Errors
    /// If an image is empty.
    pub(super) fn draw(&self) -> Result<Drawing, PictureError> {
        let [height, width, channels] = self.shape;
        let enlarged = (SIDE / height.max(width).max(1)).clamp(1, 8);
        let [w, h] = [width, height].map(|side| (side * enlarged) as f64);
        let images: Vec<Vec<u8>> = self
            .images
            .chunks_exact(height * width * channels)
            .map(|image| Pixels::from_planes(image, self.shape).to_png())
            .collect::<Result<_, _>>()?;
        let rows = images.len().div_ceil(self.cols);
        let apart = if self.last_apart { APART } else { 0.0 };
        let across = |col: usize| {
            let apart = if col + 1 == self.cols { apart } else { 0.0 };
            MARGIN + col as f64 * (w + GAP) + apart
        };
        let down = |row: usize| HEAD + row as f64 * (h + GAP);
        let text = text_width(self.title, 14.0).max(text_width(self.note, 11.0));
        let mut drawing = Drawing::new(
            (across(self.cols - 1) + w).max(MARGIN + text).ceil() + MARGIN,
            down(rows) - GAP + MARGIN,
        );
        drawing.text([MARGIN, 24.0], Anchor::Start, 14.0, INK, self.title);
        drawing.text([MARGIN, 42.0], Anchor::Start, 11.0, GREY, self.note);
        for (index, image) in images.into_iter().enumerate() {
            let (row, col) = (index / self.cols, index % self.cols);
            let corner = [across(col), down(row)];
            drawing.image(corner, [w, h], image);
            if self.last_apart && col + 1 == self.cols {
                let [left, top] = corner.map(|place| place - 1.0);
                let (right, bottom) = (left + w + 2.0, top + h + 2.0);
                drawing.line(
                    vec![
                        [left, top],
                        [right, top],
                        [right, bottom],
                        [left, bottom],
                        [left, top],
                    ],
                    Stroke::new(FRAME, 2.0),
                );
            }
        }
        Ok(drawing)
    }
}
