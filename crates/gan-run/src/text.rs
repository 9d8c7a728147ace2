//! Numbers, durations, words and paths as people read and type them.

use std::borrow::Cow;
use std::path::Path;

pub use gan_eval::thousands;
use serde::{Serialize, Serializer};

/// A number with three significant digits where it is below 1000: `2.50`, `25.0`, `2500`.
#[must_use]
pub fn three_digits(number: f64) -> String {
    match number {
        small if small < 10.0 => format!("{small:.2}"),
        middle if middle < 100.0 => format!("{middle:.1}"),
        large => format!("{large:.0}"),
    }
}

/// A number with four significant digits, or all those of a whole number: `0.1668`, `-10,000`.
#[must_use]
pub fn four_digits(number: f64) -> String {
    let size = number.abs();
    if number.fract() == 0.0 && size < 1e15 {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}{}", thousands(size as usize));
    }
    match size {
        large if large >= 1000.0 => format!("{number:.1}"),
        tiny if tiny < 1e-4 => format!("{number:.2e}"),
        _ => format!("{number:.*}", (3.0 - size.log10().floor()) as usize),
    }
}

/// A number rounded to five significant digits, as short as it can be: `1`, `0.25`, `-12.346`.
#[must_use]
pub fn five_digits(number: f64) -> String {
    let rounded: f64 = format!("{number:.4e}").parse().unwrap_or(number);
    // No "-0".
    (rounded + 0.0).to_string()
}

/// Decimals that show two digits of an error, but only one decimal of an error above 1.
pub(crate) fn decimals_of_error(error: f64) -> usize {
    match error.abs() {
        large if large >= 0.95 => 1,
        tiny if tiny < 1e-6 => 6,
        small => (1.0 - small.log10().floor()) as usize,
    }
}

/// Seconds as `1:02:03`, `2:03` or `4.5 s`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A number of bytes in the largest unit of which there is at least one: `2.0 GiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut amount = count as f64;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{amount:.digits$} {}", UNITS[unit])
}

/// The beginning of a long text, such as a word of the command line.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const SHOWN: usize = 80;
    cut(text, SHOWN)
}

/// The first `most` letters of a text, with a sign if there are more.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// True for what a terminal or a page obeys rather than shows: control characters, and the signs that
/// turn the direction of a text.
fn is_obeyed(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

/// `text` with `word` of each character that would be obeyed rather than shown in its place.
pub fn replace_obeyed(text: &str, word: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_obeyed(c) {
            true => shown += &word(c),
            false => shown.push(c),
        }
    }
    shown.into()
}

/// `text` as one line that is shown and not obeyed: an escape character is `\u{1b}`.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    replace_obeyed(text, |c| c.escape_default().to_string())
}

/// Bytes of a digest as two digits each.
#[must_use]
pub fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The candidate that `word` was probably meant to be.
pub fn nearest_word<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    /// Two words that are less alike are unrelated.
    const ALIKE: f64 = 0.7;
    /// Words of other programs that look more like something else here.
    const ELSEWHERE: [(&str, &str); 3] = [
        ("lrelu", "leaky-relu"),
        ("linear", "identity"),
        ("logistic", "sigmoid"),
    ];
    let word = word.to_lowercase();
    let meant = ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == word);
    let likeness = |candidate| match meant {
        Some((_, here)) if *here == candidate => 1.0,
        _ => strsim::jaro_winkler(&word, candidate),
    };
    candidates
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(alike, _)| *alike > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Writes a path as text for JSON, which holds nothing else, with � in place of what is none.
///
/// # Errors
/// As `to` has them.
pub(crate) fn path_as_text<S: Serializer>(
    path: &impl AsRef<Path>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_str(&path.as_ref().display())
}

/// The same, of a path that need not be there.
///
/// # Errors
/// As `to` has them.
pub(crate) fn path_as_text_if_any<S: Serializer>(
    path: &Option<impl AsRef<Path>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    let path = path
        .as_ref()
        .map(|path| path.as_ref().display().to_string());
    path.serialize(to)
}

/// `path` as a word of a command that can be typed into a shell; one with bytes that are no text, or
/// no letters, in a form that bash, zsh and ksh read.
#[must_use]
pub fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let Some(text) = path.to_str().filter(|text| !text.contains(is_obeyed)) else {
        let quoted = bytes.utf8_chunks().map(|chunk| {
            let escape = |byte: &u8| format!("\\x{byte:02x}");
            let letter = |c: char| match c {
                '\'' | '\\' => format!("\\{c}"),
                c if is_obeyed(c) => {
                    let mut bytes = [0; 4];
                    c.encode_utf8(&mut bytes)
                        .bytes()
                        .map(|byte| escape(&byte))
                        .collect()
                }
                c => c.to_string(),
            };
            let invalid = chunk.invalid().iter().map(escape);
            chunk
                .valid()
                .chars()
                .map(letter)
                .chain(invalid)
                .collect::<String>()
        });
        return format!("$'{}'", quoted.collect::<String>());
    };
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    // In zsh, what begins with = is the path of a program.
    if !text.is_empty() && !text.starts_with('=') && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_mean_something() {
        assert_eq!(four_digits(-10_000.0), "-10,000");
        assert_eq!(four_digits(0.166_81), "0.1668");
        assert_eq!(four_digits(-12.345_6), "-12.35");
        assert_eq!(four_digits(0.000_012_3), "1.23e-5");
        assert_eq!(
            [0.999_999_9, 0.25, -12.345_6, -0.0].map(five_digits),
            ["1", "0.25", "-12.346", "0"]
        );
        assert_eq!([2.1, 0.013, 0.0].map(decimals_of_error), [1, 3, 6]);
        assert_eq!(
            [2.5, 25.0, 2500.0].map(three_digits),
            ["2.50", "25.0", "2500"]
        );
    }

    #[test]
    fn nothing_that_is_obeyed_is_passed_on() {
        for (text, expected) in [
            ("28×28, p̂ “x”", "28×28, p̂ “x”"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("a\rb\nc\td", "a\\rb\\nc\\td"),
            ("\u{9b}2J\u{7f}", "\\u{9b}2J\\u{7f}"),
            ("\u{202e}gnp.a", "\\u{202e}gnp.a"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(duration(4.54), "4.5 s");
        assert_eq!(duration(62.0), "1:02");
        assert_eq!(duration(3723.4), "1:02:03");
    }

    #[test]
    fn bytes_are_in_the_largest_unit_that_fits() {
        assert_eq!(bytes(1023), "1023 bytes");
        assert_eq!(bytes(2_147_483_647), "2.0 GiB");
    }

    #[test]
    fn nearest_finds_the_typo_and_nothing_far_away() {
        let known = ["learning_rate", "momentum", "schedule"];
        assert_eq!(nearest_word("learnin_rate", known), Some("learning_rate"));
        assert_eq!(nearest_word("Momentun", known), Some("momentum"));
        assert_eq!(nearest_word("zebra", known), None);
        let activations = ["identity", "relu", "leaky-relu", "sigmoid"];
        assert_eq!(nearest_word("lrelu", activations), Some("leaky-relu"));
        assert_eq!(nearest_word("lrelu", ["relu", "maxout"]), Some("relu"));
    }

    #[test]
    fn shell_words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(shell_word(Path::new("runs/ring8-1")), "runs/ring8-1");
        assert_eq!(shell_word(Path::new("my runs/a")), "'my runs/a'");
        assert_eq!(shell_word(Path::new("it's")), r"'it'\''s'");
        assert_eq!(shell_word(Path::new("a;b")), "'a;b'");
        assert_eq!(shell_word(Path::new("seed=1")), "seed=1");
        assert_eq!(shell_word(Path::new("=ls")), "'=ls'");
        assert_eq!(shell_word(Path::new("a\n'b")), r"$'a\x0a\'b'");
        assert_eq!(shell_word(Path::new("\u{202e}ä")), r"$'\xe2\x80\xaeä'");
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            let bytes = std::ffi::OsStr::from_bytes(b"r\xffa \xe4\xb8");
            assert_eq!(shell_word(Path::new(bytes)), r"$'r\xffa \xe4\xb8'");
        }
    }
}
