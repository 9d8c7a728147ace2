//! Text from bytes, in the encodings that tables come in.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes that are looked at to tell UTF-16 without a mark.
const LOOKED_AT: usize = 4096;

/// The text of `bytes` and the encoding that it was taken for, or nothing if it is no text.
///
/// A byte order mark decides; without one UTF-16 shows by its zeros, and what is no UTF-8 is taken
/// for Windows-1252, as which European programs of old write.
pub(crate) fn decode(bytes: Vec<u8>) -> Option<(String, &'static Encoding)> {
    let encoding = match Encoding::for_bom(&bytes) {
        Some((encoding, _)) => encoding,
        None => without_mark(&bytes),
    };
    let mut text = match String::from_utf8(bytes) {
        // The mark is no part of the text.
        Ok(text) => match text.strip_prefix('\u{feff}') {
            Some(text) if encoding == UTF_8 => text.to_owned(),
            _ if encoding == UTF_8 => text,
            _ => encoding.decode(text.as_bytes()).0.into_owned(),
        },
        Err(error) => encoding.decode(error.as_bytes()).0.into_owned(),
    };
    // Programs of DOS ended a text with Control-Z.
    if let Some(before) = text.trim_end().strip_suffix('\u{1a}') {
        text.truncate(before.len());
    }
    (!text.contains('\0')).then_some((text, encoding))
}

/// The line, from 1, of the first byte that is no UTF-8, if there is one.
pub(crate) fn line_of_other_encoding(bytes: &[u8]) -> Option<u64> {
    let valid = std::str::from_utf8(bytes).err()?.valid_up_to();
    let bytes = &bytes[..valid];
    // `\r\n` is one end of a line.
    let ends = bytes.iter().zip(bytes.iter().skip(1).chain([&0]));
    let ends = ends.filter(|(byte, next)| **byte == b'\n' || (**byte == b'\r' && **next != b'\n'));
    Some(ends.count() as u64 + 1)
}

fn without_mark(bytes: &[u8]) -> &'static Encoding {
    let looked_at = &bytes[..bytes.len().min(LOOKED_AT)];
    let zeros = |parity: usize| {
        let bytes = looked_at.iter().skip(parity).step_by(2);
        bytes.filter(|&&byte| byte == 0).count()
    };
    // Digits and delimiters, of which tables consist, have one zero byte of two.
    let many = looked_at.len() / 4;
    match (zeros(0), zeros(1)) {
        (0, odd) if odd > many => UTF_16LE,
        (even, 0) if even > many => UTF_16BE,
        _ if std::str::from_utf8(bytes).is_ok() => UTF_8,
        _ => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_same_in_every_encoding() {
        let text = "größe,b\n1,2\n";
        let utf16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(to_bytes).collect()
        };
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), UTF_8),
            (marked(b"\xef\xbb\xbf", text.as_bytes()), UTF_8),
            (utf16(u16::to_le_bytes), UTF_16LE),
            (utf16(u16::to_be_bytes), UTF_16BE),
            (marked(b"\xff\xfe", &utf16(u16::to_le_bytes)), UTF_16LE),
            (marked(b"\xfe\xff", &utf16(u16::to_be_bytes)), UTF_16BE),
            (b"gr\xf6\xdfe,b\n1,2\n".to_vec(), WINDOWS_1252),
        ] {
            assert_eq!(decode(bytes), Some((text.to_owned(), encoding)));
        }
        assert_eq!(decode(b"\x89PNG\0\0\0".to_vec()), None);
    }
}
