//! The font of every picture: DejaVu Sans, reduced to the letters that pictures use.

use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// Name of the family inside of the file, for SVG viewers and for the rasteriser.
pub(crate) const FAMILY: &str = "DejaVu Sans";

pub(crate) const FILE: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");

/// `None` would mean a damaged build, whose texts have no width; a test keeps it from happening.
static FONT: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| FontRef::new(FILE).ok());

/// Width of letters on one level; `size` is the size of the em.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let Some(font) = &*FONT else { return 0.0 };
    let metrics = font.glyph_metrics(Size::new(size as f32), LocationRef::default());
    let letters = font.charmap();
    let advance = |letter| metrics.advance_width(letters.map(letter).unwrap_or_default());
    text.chars().filter_map(advance).map(f64::from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn font_has_every_letter_that_pictures_use() {
        let letters = FONT.as_ref().unwrap().charmap();
        for letter in (' '..='~').chain("−‖·≤≥±½√→×".chars()) {
            assert!(letters.map(letter).is_some(), "{letter}");
        }
        // The em of DejaVu Sans is 2048 units, its x 1212 wide.
        assert!((width("x", 20.48) - 12.12).abs() < 0.01);
    }
}
