//! Reads files that may be damaged or hostile: nothing is believed before it is checked.
//!
//! A loader reads its header, states with [`Input::content`] how many bytes it expects, and gets
//! them or an error; a plain file's length is compared before anything is allocated, a compressed
//! one is decompressed piece by piece and no further than the header asked for.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use gan_kernels::free_memory;
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use crate::error::{DataError, DataProblem};
use crate::mapped::{self, Part};

/// Bytes that [`Input::prefix`] shows, enough for every magic and a line of a table.
const PREFIX: u64 = 4096;

/// Deflate expands at most 1,032 times: 258 bytes from two bits (RFC 1951); zstd expands more, but
/// no records that anybody learns from.
const DEFLATE_RATIO: u64 = 1032;

/// The most that is ever decompressed from one file, 16 GiB.
const MAX_DECOMPRESSED: u64 = 16 << 30;

/// A file is decompressed to so many times its size at most, and so many bytes more: rows and
/// pixels that repeat compress well, but what compresses better was made to fill the memory.
const RATIO: u64 = 100;
const SMALL: u64 = 64 << 20;

/// Bytes of memory per byte of an array at the peak, and of a table whose cells are not empty: read
/// into one vector and converted into another.
pub(crate) const ARRAY_MEMORY: u64 = 2;
const MEMORY: u64 = 3;

/// A file that is being read.
pub(crate) struct Input {
    path: PathBuf,
    reader: Box<dyn Read>,
    prefix: Vec<u8>,
    consumed: u64,
    length: Length,
    source: Source,
}

/// The content of a file, or of a part of one.
pub(crate) enum Content {
    Held(Vec<u8>),
    Mapped(Part),
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Mapped(part) => part,
        }
    }
}

/// What can be mapped of a file.
enum Source {
    /// All of it.
    File(Arc<File>),
    /// A part, which is.
    Part(Part),
    /// Nothing: it is compressed, or in memory already.
    Nothing,
}

#[derive(Clone, Copy)]
enum Length {
    /// Length of a plain file.
    Exact(u64),
    /// The most that a compressed file can hold.
    AtMost(u64),
}

impl Input {
    /// Opens `path` and decompresses it if its content is gzip or zstd.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let unreadable = |source| DataProblem::unreadable(source).at(path);
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if let Some(found) = not_a_file(&metadata) {
            return Err(DataProblem::NotAFile(found).at(path));
        }
        let mut file = Arc::new(File::open(path).map_err(unreadable)?);
        let prefix = take(&mut file, PREFIX).map_err(unreadable)?;
        if prefix.is_empty() {
            return Err(DataProblem::Empty.at(path));
        }
        let gzip = prefix.starts_with(&[0x1f, 0x8b]);
        let zstd = prefix.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
        let plain = io::Cursor::new(prefix.clone()).chain(Arc::clone(&file));
        let mut input = Self {
            path: path.into(),
            reader: Box::new(plain),
            prefix,
            consumed: 0,
            length: Length::Exact(metadata.len()),
            source: Source::File(file),
        };
        if gzip {
            input.decompress(|plain| Ok(Box::new(MultiGzDecoder::new(plain))))?;
        } else if zstd {
            input.decompress(|plain| Ok(Box::new(Zstd::new(plain)?)))?;
        }
        Ok(input)
    }

    /// Content that is in memory already, a part of the file at `path`.
    pub(crate) fn of(path: &Path, content: Vec<u8>) -> Self {
        let length = content.len() as u64;
        Self {
            path: path.into(),
            prefix: content[..content.len().min(PREFIX as usize)].to_vec(),
            reader: Box::new(io::Cursor::new(content)),
            consumed: 0,
            length: Length::Exact(length),
            source: Source::Nothing,
        }
    }

    /// A part of the file at `path`, which is mapped.
    pub(crate) fn of_part(path: &Path, part: Part) -> Self {
        let start = part[..part.len().min(PREFIX as usize)].to_vec();
        Self {
            reader: Box::new(io::Cursor::new(part.clone())),
            length: Length::Exact(part.len() as u64),
            source: Source::Part(part),
            ..Self::of(path, start)
        }
    }

    fn decompress(
        &mut self,
        decoder: impl FnOnce(Plain) -> io::Result<Box<dyn Read>>,
    ) -> Result<(), DataError> {
        let plain = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        self.source = Source::Nothing;
        let stored = self.length();
        let most = stored.saturating_mul(DEFLATE_RATIO);
        let sane = stored.saturating_mul(RATIO).saturating_add(SMALL);
        self.length = Length::AtMost(most.min(sane).min(MAX_DECOMPRESSED));
        let decoder = decoder(BufReader::with_capacity(1 << 16, plain));
        let mut decoder = decoder.map_err(|source| self.read_error(source))?;
        self.prefix = take(&mut decoder, PREFIX).map_err(|source| self.read_error(source))?;
        self.reader = Box::new(io::Cursor::new(self.prefix.clone()).chain(decoder));
        Ok(())
    }

    /// The path, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The error that `problem` is of this file.
    pub(crate) fn error(&self, problem: DataProblem) -> DataError {
        problem.at(&self.path)
    }

    /// The first bytes of the content, 4,096 at most.
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The first four bytes as IDX files keep their magic, if there are four.
    pub(crate) fn magic(&self) -> Option<u32> {
        Some(u32::from_be_bytes(*self.prefix.first_chunk()?))
    }

    /// Length of a plain file in bytes; of a compressed file, the most that it can hold.
    pub(crate) fn length(&self) -> u64 {
        let (Length::Exact(length) | Length::AtMost(length)) = self.length;
        length
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let bytes = self.bytes(N)?;
        Ok(std::array::from_fn(|index| bytes[index]))
    }

    /// The next `count` bytes, a header's worth.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<Vec<u8>, DataError> {
        let bytes = take(&mut self.reader, count as u64);
        let bytes = bytes.map_err(|source| self.read_error(source))?;
        let expected = self.consumed + count as u64;
        self.consumed += bytes.len() as u64;
        if bytes.len() < count {
            return Err(self.truncated(expected));
        }
        Ok(bytes)
    }

    /// The next big-endian word.
    pub(crate) fn word(&mut self) -> Result<u32, DataError> {
        self.array().map(u32::from_be_bytes)
    }

    /// The rest of the file, which must be exactly `count` bytes: mapped if it is so large, and can
    /// be.
    ///
    /// `None` stands for a count that overflowed, described by `shape`.
    pub(crate) fn content(
        &mut self,
        count: Option<u64>,
        shape: &str,
    ) -> Result<Content, DataError> {
        let count = self.expect(count, shape)?;
        match self.mapped(count)? {
            Some(part) => Ok(Content::Mapped(
                part.part(self.consumed as usize..part.len()),
            )),
            None => self.rest(count).map(Content::Held),
        }
    }

    /// Likewise, in memory.
    pub(crate) fn payload(
        &mut self,
        count: Option<u64>,
        shape: &str,
    ) -> Result<Vec<u8>, DataError> {
        let count = self.expect(count, shape)?;
        self.rest(count)
    }

    /// Checks that `count` bytes may follow and nothing else.
    fn expect(&mut self, count: Option<u64>, shape: &str) -> Result<u64, DataError> {
        let total = count.and_then(|count| count.checked_add(self.consumed));
        let (Some(count), Some(total)) = (count, total) else {
            return Err(self.too_large(shape));
        };
        match self.length {
            Length::Exact(length) if length < total => {
                self.consumed = length;
                Err(self.truncated(total))
            }
            Length::Exact(length) if length > total => Err(self.trailing(length, total)),
            Length::AtMost(length) if length < total => Err(self.too_large(shape)),
            _ => Ok(count),
        }
    }

    /// The next `count` bytes, behind which nothing may follow.
    fn rest(&mut self, count: u64) -> Result<Vec<u8>, DataError> {
        self.check_memory(count.saturating_mul(ARRAY_MEMORY))?;
        let (mut out, total) = (Vec::new(), self.consumed + count);
        if let Length::Exact(_) = self.length {
            out.reserve_exact(usize::try_from(count).unwrap_or(0));
        }
        let found = (&mut self.reader).take(count).read_to_end(&mut out);
        self.consumed += found.map_err(|source| self.read_error(source))? as u64;
        if self.consumed < total {
            return Err(self.truncated(total));
        }
        let rest = take(&mut self.reader, 1).map_err(|source| self.read_error(source))?;
        if !rest.is_empty() {
            return Err(self.trailing(total + 1, total));
        }
        Ok(out)
    }

    /// The whole content, mapped, if `count` bytes of it are too many to be held and it can be.
    pub(crate) fn mapped(&self, count: u64) -> Result<Option<Part>, DataError> {
        let is_too_large = mapped::is_too_large_to_hold(count);
        match &self.source {
            _ if !is_too_large.map_err(|problem| self.error(problem))? => Ok(None),
            Source::Nothing => Ok(None),
            Source::Part(part) => Ok(Some(part.clone())),
            Source::File(file) => {
                let part = Part::of(file, self.length());
                part.map(Some).map_err(|source| self.read_error(source))
            }
        }
    }

    /// The whole content, of a file of arrays.
    pub(crate) fn archive(self) -> Result<Content, DataError> {
        match self.mapped(self.length())? {
            Some(part) => Ok(Content::Mapped(part)),
            None => self.whole().map(Content::Held),
        }
    }

    /// The whole content, of a table.
    pub(crate) fn whole(mut self) -> Result<Vec<u8>, DataError> {
        let most = self.length();
        if let Length::Exact(length) = self.length {
            self.check_memory(length.saturating_mul(MEMORY))?;
        }
        let bytes = take(&mut self.reader, most).map_err(|source| self.read_error(source))?;
        let rest = take(&mut self.reader, 1).map_err(|source| self.read_error(source))?;
        if !rest.is_empty() {
            return Err(self.error(DataProblem::Expands { expected: most }));
        }
        Ok(bytes)
    }

    /// Refuses what would take more memory than there is.
    fn check_memory(&self, needed: u64) -> Result<(), DataError> {
        check_memory(needed).map_err(|problem| self.error(problem))
    }

    fn read_error(&self, source: io::Error) -> DataError {
        self.error(match self.length {
            Length::AtMost(_) => DataProblem::Compressed(source),
            Length::Exact(_) => DataProblem::unreadable(source),
        })
    }

    fn truncated(&self, expected: u64) -> DataError {
        let found = self.consumed;
        self.error(DataProblem::Truncated { found, expected })
    }

    fn trailing(&self, found: u64, expected: u64) -> DataError {
        self.error(DataProblem::Trailing { found, expected })
    }

    fn too_large(&self, shape: &str) -> DataError {
        let (found, expected) = (shape.into(), self.length());
        self.error(DataProblem::TooLarge { found, expected })
    }
}

/// Refuses what would take more memory than there is.
pub(crate) fn check_memory(needed: u64) -> Result<(), DataProblem> {
    // So much is there, or nothing works.
    let free = (needed > SMALL).then(free_memory).flatten();
    match free {
        Some(free) if needed > free => Err(DataProblem::Memory {
            found: needed,
            expected: free,
        }),
        _ => Ok(()),
    }
}

/// Opens a file to read; a directory, and a device or a pipe, which may have no end, are refused.
///
/// # Errors
/// The system's answer, or what was found in the place of a file.
pub fn open_file(path: &Path) -> io::Result<File> {
    match not_a_file(&fs::metadata(path)?) {
        None => File::open(path),
        Some(found) => Err(io::Error::other(format!(
            "found a {found}, expected a file"
        ))),
    }
}

/// What is in the place of a file, if there is something else.
fn not_a_file(metadata: &fs::Metadata) -> Option<&'static str> {
    match (metadata.is_file(), metadata.is_dir()) {
        (true, _) => None,
        (_, true) => Some("directory"),
        _ => Some("pipe or device"),
    }
}

/// What a decompressor reads.
type Plain = BufReader<Box<dyn Read>>;

/// What zstd's frames hold, one after the other; each must have the checksum that it claims.
struct Zstd {
    /// `None` behind the last.
    frame: Option<StreamingDecoder<Plain, FrameDecoder>>,
}

impl Zstd {
    fn new(plain: Plain) -> io::Result<Self> {
        let frame = StreamingDecoder::new(plain).map_err(io::Error::other)?;
        Ok(Self { frame: Some(frame) })
    }
}

impl Read for Zstd {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(mut frame) = self.frame.take() {
            let read = frame.read(out)?;
            if read > 0 || out.is_empty() {
                self.frame = Some(frame);
                return Ok(read);
            }
            let (mut plain, decoder) = frame.into_parts();
            let claimed = decoder.get_checksum_from_data();
            if claimed.is_some() && claimed != decoder.get_calculated_checksum() {
                return Err(io::Error::other("wrong checksum"));
            }
            if !plain.fill_buf()?.is_empty() {
                *self = Self::new(plain)?;
            }
        }
        Ok(0)
    }
}

/// Up to `count` bytes of `reader`, fewer at the end of the file.
fn take(reader: &mut impl Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(count).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Sorted names in a directory, which need not be text; directories end in `/`.
pub(crate) fn list(path: &Path) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let mut name = entry.file_name();
        if entry.path().is_dir() {
            name.push("/");
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// Names as text, for messages and to find known ones among them.
pub(crate) fn as_text(names: &[OsString]) -> Vec<String> {
    let text = names.iter().map(|name| name.to_string_lossy().into_owned());
    text.collect()
}

/// The extension of a file, compressed or not.
pub(crate) fn extension(path: &Path) -> String {
    let of = |path: &Path| {
        let extension = path.extension().unwrap_or_default();
        extension.to_string_lossy().to_lowercase()
    };
    match of(path) {
        compressed if ["gz", "zst"].contains(&compressed.as_str()) => of(&path.with_extension("")),
        plain => plain,
    }
}
