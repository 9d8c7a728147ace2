//! Shapes to pixels: every shape is a set of polygons, and a pixel takes the part that they cover.

use ab_glyph_rasterizer::{Rasterizer, point};

use super::{Anchor, Color, Point, Shape, Stroke, font, runs, text_width};

/// A picture in red, green and blue, row by row from the top left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pixels {
    /// Pixels a row.
    pub(crate) width: usize,
    /// Rows.
    pub(crate) height: usize,
    /// Three bytes a pixel.
    pub(crate) rgb: Vec<u8>,
}

/// A smaller part of a pixel is rounding.
const LEAST_SHARE: f32 = 1.0 / 512.0;
/// Corners of the polygon that stands for a small circle.
const CORNERS: usize = 16;

/// Draws `shapes` on white, `scale` pixels a unit.
pub(super) fn draw(size: Point, shapes: &[Shape], scale: f64) -> Pixels {
    let [width, height] = size.map(|side| (side * scale).round() as usize);
    let mut canvas = Pixels {
        width,
        height,
        rgb: vec![255; 3 * width * height],
    };
    for shape in shapes {
        match shape {
            Shape::Line { points, stroke } => {
                let polygons = outline(points, stroke);
                canvas.fill(&polygons, scale, stroke.color, stroke.opacity);
            }
            Shape::Area {
                points,
                color,
                opacity,
            } => canvas.fill(std::slice::from_ref(points), scale, *color, *opacity),
            Shape::Text {
                at,
                anchor,
                size,
                color,
                text,
            } => canvas.write(*at, *anchor, *size, *color, text, scale),
            Shape::Image {
                corner,
                size,
                pixels,
            } => canvas.place(*corner, *size, pixels, scale),
        }
    }
    canvas
}

impl Pixels {
    /// As a PNG file.
    ///
    /// # Errors
    /// If it does not encode, which only its size could cause.
    pub(crate) fn to_png(&self) -> Result<Vec<u8>, png::EncodingError> {
        super::super::canvas::encode(self.width, self.height, 3, &self.rgb)
    }

    fn blend(&mut self, x: i64, y: i64, color: Color, share: f32) {
        let inside = (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y);
        if !inside || share < LEAST_SHARE {
            return;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        for (old, new) in self.rgb[at..at + 3].iter_mut().zip(color) {
            *old = (f32::from(*old) * (1.0 - share) + f32::from(new) * share).round() as u8;
        }
    }

    /// Fills the union of polygons that all run the same way round.
    fn fill(&mut self, polygons: &[Vec<Point>], scale: f64, color: Color, opacity: f64) {
        let corners = polygons.iter().flatten();
        let ends = corners.fold([f64::INFINITY, f64::INFINITY, 0.0, 0.0], |ends, point| {
            let [x, y] = point.map(|place| place * scale);
            [
                ends[0].min(x),
                ends[1].min(y),
                ends[2].max(x),
                ends[3].max(y),
            ]
        });
        let [left, top] = [ends[0], ends[1]].map(|end| end.floor() - 1.0);
        let [width, height] = [ends[2] - left, ends[3] - top].map(|side| side.ceil() as usize + 2);
        // Nothing to draw, or something far outside that would take memory without end.
        if !(left.is_finite() && width * height <= 4 * self.width.max(1) * self.height.max(1)) {
            return;
        }
        let mut rasterizer = Rasterizer::new(width, height);
        for polygon in polygons {
            let place =
                |&[x, y]: &Point| point((x * scale - left) as f32, (y * scale - top) as f32);
            let next = polygon.iter().cycle().skip(1);
            for (from, to) in polygon.iter().zip(next) {
                rasterizer.draw_line(place(from), place(to));
            }
        }
        rasterizer.for_each_pixel_2d(|x, y, share| {
            let (x, y) = (left as i64 + i64::from(x), top as i64 + i64::from(y));
            self.blend(x, y, color, share.min(1.0) * opacity as f32);
        });
    }

    fn write(
        &mut self,
        [x, y]: Point,
        anchor: Anchor,
        size: f64,
        color: Color,
        text: &str,
        scale: f64,
    ) {
        let before = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => 0.5,
            Anchor::End => 1.0,
        };
        let mut pen = scale * (x - before * text_width(text, size));
        for (run, level) in runs(text) {
            let base = scale * (y + level.drop() * size);
            let size = scale * level.scale() * size;
            pen = font::cover(run, [pen, base], size, |x, y, share| {
                self.blend(x, y, color, share.min(1.0));
            });
        }
    }

    fn place(&mut self, corner: Point, size: Point, pixels: &Pixels, scale: f64) {
        let [left, top] = corner.map(|place| (place * scale).round() as i64);
        let [width, height] = size.map(|side| (side * scale).round() as usize);
        for y in 0..height {
            for x in 0..width {
                let from = y * pixels.height / height * pixels.width + x * pixels.width / width;
                let color = [0, 1, 2].map(|channel| pixels.rgb[3 * from + channel]);
                self.blend(left + x as i64, top + y as i64, color, 1.0);
            }
        }
    }
}

/// The polygons whose union a line covers: a rectangle for each stretch, a circle for each corner.
fn outline(points: &[Point], stroke: &Stroke) -> Vec<Vec<Point>> {
    let lines = match stroke.dash {
        None => vec![points.to_vec()],
        Some(dash) => dashes(points, dash),
    };
    let radius = stroke.width / 2.0;
    let mut polygons = Vec::new();
    for line in &lines {
        for pair in line.windows(2) {
            let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            if length > 0.0 {
                let [nx, ny] = [-(y1 - y0), x1 - x0].map(|part| part / length * radius);
                polygons.push(vec![
                    [x0 - nx, y0 - ny],
                    [x1 - nx, y1 - ny],
                    [x1 + nx, y1 + ny],
                    [x0 + nx, y0 + ny],
                ]);
            }
        }
        polygons.extend(line.iter().map(|&[x, y]| {
            let corner = |index| {
                let angle = std::f64::consts::TAU * index as f64 / CORNERS as f64;
                [x + radius * angle.cos(), y + radius * angle.sin()]
            };
            (0..CORNERS).map(corner).collect()
        }));
    }
    polygons
}

/// The stretches of a line that are drawn, each at least a point.
fn dashes(points: &[Point], [on, off]: [f64; 2]) -> Vec<Vec<Point>> {
    let mut lines: Vec<Vec<Point>> = Vec::new();
    // What is left of the dash or gap that the pen is in.
    let (mut drawing, mut left) = (true, on);
    lines.extend(points.first().map(|&first| vec![first]));
    for pair in points.windows(2) {
        let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
        let length = (x1 - x0).hypot(y1 - y0);
        let at = |along: f64| {
            let share = along / length;
            [x0 + share * (x1 - x0), y0 + share * (y1 - y0)]
        };
        let mut along = 0.0;
        while length - along > left {
            along += left;
            if drawing {
                lines
                    .last_mut()
                    .into_iter()
                    .for_each(|line| line.push(at(along)));
            } else {
                lines.push(vec![at(along)]);
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
        left -= length - along;
        if drawing {
            lines
                .last_mut()
                .into_iter()
                .for_each(|line| line.push([x1, y1]));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_go_on_around_corners() {
        let corner = [[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]];
        assert_eq!(
            dashes(&corner, [2.0, 2.0]),
            [vec![[0.0, 0.0], [2.0, 0.0]], vec![[3.0, 1.0], [3.0, 3.0]],]
        );
        // Dots: a line of length 0, every 3 units.
        let dots = dashes(&[[0.0, 0.0], [7.0, 0.0]], [0.0, 3.0]);
        let starts: Vec<f64> = dots.iter().map(|dot| dot[0][0]).collect();
        assert_eq!(starts, [0.0, 3.0, 6.0]);
    }

    #[test]
    fn opaque_line_covers_its_middle_once() {
        let stroke = Stroke::new([10, 20, 30], 4.0);
        // Stretches that overlap at a sharp corner.
        let points = vec![[2.0, 5.0], [20.0, 5.0], [2.0, 6.0]];
        let line = Shape::Line { points, stroke };
        let pixels = draw([24.0, 10.0], &[line], 1.0);
        assert_eq!(pixels.rgb[3 * (5 * 24 + 10)..][..3], [10, 20, 30]);
        assert_eq!(pixels.rgb[..3], [255; 3]);
    }
}
