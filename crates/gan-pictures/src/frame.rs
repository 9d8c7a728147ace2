//! The rectangle of a chart in which values are drawn, between its two axes.

use crate::axis::Axis;
use crate::drawing::{Anchor, Drawing, FAINT, INK, Point, Stroke};

/// Size of the names of values.
pub(crate) const LABEL: f64 = 11.0;

/// A rectangle with an axis across and one upwards.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Where it begins, in units.
    pub left: f64,
    /// Where it begins, in units.
    pub top: f64,
    /// Its width in units.
    pub width: f64,
    /// Its height in units.
    pub height: f64,
    /// The axis across.
    pub x: Axis,
    /// The axis upwards.
    pub y: Axis,
}

impl Frame {
    /// The frame of `size` from its top left `corner` on, in units.
    #[must_use]
    pub fn new([left, top]: Point, [width, height]: Point, x: Axis, y: Axis) -> Self {
        Self {
            left,
            top,
            width,
            height,
            x,
            y,
        }
    }

    /// The right edge.
    #[must_use]
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    /// The bottom edge.
    #[must_use]
    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// The horizontal position of a value.
    #[must_use]
    pub fn across(&self, x: f64) -> f64 {
        self.left + self.x.share(x) * self.width
    }

    /// The vertical position of a value; the nearer edge for one that is beyond the axis.
    #[must_use]
    pub fn up(&self, y: f64) -> f64 {
        self.bottom() - self.y.share(y).clamp(0.0, 1.0) * self.height
    }

    /// The position of a pair of values.
    #[must_use]
    pub fn at(&self, [x, y]: [f64; 2]) -> Point {
        [self.across(x), self.up(y)]
    }

    /// Draws vertical lines at about `wanted` round values.
    pub fn x_grid(&self, drawing: &mut Drawing, wanted: usize) {
        for tick in self.x.ticks(wanted) {
            let x = self.across(tick.value);
            let line = [[x, self.top], [x, self.bottom()]];
            drawing.line(&line, Stroke::new(FAINT, 1.0));
        }
    }

    /// Writes about `wanted` round values below the frame.
    pub fn x_labels(&self, drawing: &mut Drawing, wanted: usize) {
        for tick in self.x.ticks(wanted) {
            let at = [self.across(tick.value), self.bottom() + 16.0];
            drawing.text(at, Anchor::Middle, LABEL, INK, &tick.label);
        }
    }

    /// Draws horizontal lines at about `wanted` round values, which stand beside them.
    pub fn y_grid(&self, drawing: &mut Drawing, wanted: usize) {
        for tick in self.y.ticks(wanted) {
            let y = self.up(tick.value);
            self.level(drawing, tick.value, Stroke::new(FAINT, 1.0));
            let at = [self.left - 7.0, y + 4.0];
            drawing.text(at, Anchor::End, LABEL, INK, &tick.label);
        }
    }

    /// Draws the left and the lower edge.
    pub fn edges(&self, drawing: &mut Drawing) {
        let (left, bottom) = (self.left, self.bottom());
        let edges = [[left, self.top], [left, bottom], [self.right(), bottom]];
        drawing.line(&edges, Stroke::new(INK, 1.0));
    }

    /// Draws a line through pairs of values.
    ///
    /// A stretch that lies beyond the vertical axis runs along the edge, where a triangle marks it.
    pub fn curve(&self, drawing: &mut Drawing, points: &[[f64; 2]], stroke: Stroke) {
        let places: Vec<Point> = points.iter().map(|&point| self.at(point)).collect();
        drawing.line(&places, stroke);
        let [low, high] = self.y.ends();
        let side = |point: &[f64; 2]| match point[1] {
            y if y > high => 1.0,
            y if y < low => -1.0,
            _ => 0.0,
        };
        for stretch in points.chunk_by(|a, b| side(a) == side(b)) {
            let side = side(&stretch[0]);
            if side != 0.0 {
                let [x, edge] = self.at(stretch[stretch.len() / 2]);
                let base = edge - side;
                let tip = [x, base - 6.0 * side];
                let triangle = [[x - 4.0, base], [x + 4.0, base], tip];
                drawing.area(&triangle, stroke.color(), 1.0);
            }
        }
    }

    /// Draws a horizontal line through the frame.
    pub fn level(&self, drawing: &mut Drawing, y: f64, stroke: Stroke) {
        let y = self.up(y);
        drawing.line(&[[self.left, y], [self.right(), y]], stroke);
    }
}
