//! The letters of a drawing: DejaVu Sans, cut down to what figures say.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};

const FILE: &[u8] = include_bytes!("../../../assets/DejaVuSans-subset.ttf");

/// `None` would be a damaged build, which draws no letters; a test keeps it from happening.
static FONT: LazyLock<Option<FontRef<'static>>> =
    LazyLock::new(|| FontRef::try_from_slice(FILE).ok());

/// Width of a run of letters of `size`, which is that of the em.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let mut width = 0.0;
    each(text, size, |_, _, advance| width += advance);
    width
}

/// Hands over each pixel that letters of `size` cover, from the base line at `x`, `y` on, with the
/// part of it that is covered; returns where they end.
pub(super) fn cover(
    text: &str,
    [x, y]: [f64; 2],
    size: f64,
    mut pixel: impl FnMut(i64, i64, f32),
) -> f64 {
    let Some(font) = &*FONT else { return x };
    let mut pen = x;
    each(text, size, |glyph, scale, advance| {
        let glyph = glyph.with_scale_and_position(scale, point(pen as f32, y as f32));
        if let Some(outline) = font.outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|dx, dy, share| {
                pixel(
                    corner.x as i64 + i64::from(dx),
                    corner.y as i64 + i64::from(dy),
                    share,
                );
            });
        }
        pen += advance;
    });
    pen
}

fn each(text: &str, size: f64, mut letter: impl FnMut(GlyphId, PxScale, f64)) {
    let Some(font) = &*FONT else { return };
    let em = f64::from(font.units_per_em().unwrap_or(1.0));
    let scale = PxScale::from((size * f64::from(font.height_unscaled()) / em) as f32);
    let scaled = font.as_scaled(scale);
    for char in text.chars() {
        let glyph = font.glyph_id(char);
        letter(glyph, scale, scaled.h_advance(glyph).into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn font_has_every_letter_that_figures_use() {
        let font = FONT.as_ref().unwrap();
        for char in (' '..='~').chain("−‖·≤≥±½√→×".chars()) {
            assert_ne!(font.glyph_id(char).0, 0, "{char}");
        }
        // The em of DejaVu Sans is 2048 units, its x 1212 wide.
        assert!((width("x", 20.48) - 12.12).abs() < 0.01);
    }
}
