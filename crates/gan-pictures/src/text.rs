//! Lines of text: their font, DejaVu Sans reduced to the letters of Latin, Greek and Cyrillic
//! writing and to what pictures use beyond them, and subscripts.

use std::fmt::Write;
use std::sync::LazyLock;

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// Name of the font's family, for SVG viewers and for the rasteriser.
pub(crate) const FAMILY: &str = "DejaVu Sans";

pub(crate) const FONT_FILE: &[u8] = include_bytes!("../assets/DejaVuSans-subset.ttf");

/// `None` would mean a damaged build, whose texts have no width; a test keeps it from happening.
static FONT: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| FontRef::new(FONT_FILE).ok());

/// Width of a line of text in units.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let Some(font) = &*FONT else { return 0.0 };
    let letters = font.charmap();
    let width = |(run, level): (&str, Level)| -> f64 {
        let size = Size::new((size * level.scale()) as f32);
        let metrics = font.glyph_metrics(size, LocationRef::default());
        let advance = |letter| metrics.advance_width(letters.map(letter).unwrap_or_default());
        run.chars().filter_map(advance).map(f64::from).sum()
    };
    runs(text).map(width).sum()
}

/// The beginning of a text that fits into `room`, with dots in place of what is left out.
pub(crate) fn fitting(text: &str, size: f64, room: f64) -> String {
    if text_width(text, size) <= room {
        return text.to_owned();
    }
    let ends = text
        .char_indices()
        .map(|(end, _)| format!("{}...", &text[..end]));
    let fits = |short: &String| text_width(short, size) <= room;
    // A text may be as long as a cell of a table: no end far beyond the room is tried.
    ends.take_while(fits)
        .last()
        .unwrap_or_else(|| "...".to_owned())
}

/// A length, rounded to a hundredth of a unit.
pub(crate) fn short(length: f64) -> f64 {
    (100.0 * length).round() / 100.0
}

/// The height at which letters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    BaseLine,
    Subscript,
}

impl Level {
    /// Size of its letters, as a share of the text's size.
    fn scale(self) -> f64 {
        match self {
            Self::BaseLine => 1.0,
            Self::Subscript => 0.72,
        }
    }

    /// Distance below the base line, as a share of the text's size.
    fn drop(self) -> f64 {
        match self {
            Self::BaseLine => 0.0,
            Self::Subscript => 0.22,
        }
    }
}

/// The parts of a text: a subscript begins at `_{` and ends at `}`.
fn runs(text: &str) -> impl Iterator<Item = (&str, Level)> {
    text.split("_{").enumerate().flat_map(|(index, part)| {
        let (below, line) = match part.split_once('}') {
            Some((below, line)) if index > 0 => (below, line),
            _ => ("", part),
        };
        [(below, Level::Subscript), (line, Level::BaseLine)]
            .into_iter()
            .filter(|(run, _)| !run.is_empty())
    })
}

/// A text of `size` as the contents of an SVG element.
///
/// The attribute `dy` also moves whatever follows, so what follows a subscript moves back.
pub(crate) fn spans(text: &str, size: f64) -> String {
    let mut spans = String::new();
    let mut base = 0.0;
    for (run, level) in runs(text) {
        let run = escaped(run);
        let drop = level.drop() * size;
        if drop == 0.0 && base == 0.0 {
            spans.push_str(&run);
            continue;
        }
        let (size, dy) = (short(level.scale() * size), short(drop - base));
        // Writing to a string cannot fail.
        let _ = write!(
            spans,
            "<tspan font-size=\"{size}\" dy=\"{dy}\">{run}</tspan>"
        );
        base = drop;
    }
    spans
}

/// Text without what has a meaning in XML, and without control characters, which it forbids.
fn escaped(text: &str) -> String {
    text.replace(char::is_control, " ")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn font_has_every_letter_that_pictures_use() {
        let letters = FONT.as_ref().unwrap().charmap();
        let words = "−‖·≤≥±½√→× Größe Café Łódź σ Возраст Ήλιος".chars();
        for letter in (' '..='~').chain(words) {
            assert!(letters.map(letter).is_some(), "{letter}");
        }
        // The em of DejaVu Sans is 2048 units, its x 1212 wide.
        assert!((text_width("x", 20.48) - 12.12).abs() < 0.01);
        assert!(text_width("p_{data}", 10.0) < text_width("pdata", 10.0));
        assert_eq!(text_width("", 10.0), 0.0);
    }

    #[test]
    fn texts_are_cut_to_fit() {
        assert_eq!(fitting("short", 10.0, 100.0), "short");
        let cut = fitting(&"äö".repeat(5000), 10.0, 60.0);
        assert!(cut.starts_with("äöä") && cut.ends_with("..."), "{cut}");
        assert!(text_width(&cut, 10.0) <= 60.0);
        assert_eq!(fitting("no room", 10.0, 1.0), "...");
    }

    #[test]
    fn braces_enclose_subscripts_and_what_follows_is_raised_again() {
        assert_eq!(spans("JSD {1} < & \u{1b}", 10.0), "JSD {1} &lt; &amp;  ");
        assert_eq!(
            spans("p_{data}, p_{g}", 10.0),
            "p<tspan font-size=\"7.2\" dy=\"2.2\">data</tspan>\
             <tspan font-size=\"10\" dy=\"-2.2\">, p</tspan>\
             <tspan font-size=\"7.2\" dy=\"2.2\">g</tspan>"
        );
    }
}
