//! Files of several named arrays: NumPy's `.npz`, a ZIP archive of `.npy` files, and safetensors.

use std::io::Read;

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipSliceArchive};
use safetensors::{Dtype, SafeTensors};

use crate::array::{self, Element, Kind};
use crate::error::{DataError, DataProblem, excerpt};
use crate::input::{ARRAY_MEMORY, Content, Input, check_memory};
use crate::npy;
use crate::record::Loaded;
use crate::source::Keys;

/// Bytes that deflate makes of one at most (RFC 1951).
const DEFLATE_RATIO: u64 = 1032;

/// Loads one of the arrays of an `.npz` file.
pub(crate) fn load_npz(input: Input, keys: Keys<'_>) -> Result<Loaded, DataError> {
    let path = input.path().to_path_buf();
    let at = |problem: DataProblem| problem.at(&path);
    let bytes = input.archive()?;
    let damaged = |error: rawzip::Error| DataProblem::Archive(error.to_string()).at(&path);
    let archive = ZipArchive::from_slice(&*bytes).map_err(damaged)?;
    let (mut arrays, mut members) = (Vec::new(), Vec::new());
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(damaged)? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        let Some(name) = name.strip_suffix(".npy") else {
            continue;
        };
        let member = Member {
            at: entry.wayfinder(),
            method: entry.compression_method(),
            most: entry
                .compressed_size_hint()
                .saturating_mul(DEFLATE_RATIO)
                .min(entry.uncompressed_size_hint()),
        };
        let start = member.bytes(&archive, npy::LONGEST_START).map_err(at)?;
        arrays.push(Array {
            name: name.to_owned(),
            shape: npy::shape(&mut Input::of(&path, start))?,
        });
        members.push(member);
    }
    let (chosen, note) = choose(&arrays, keys.array).map_err(at)?;
    let member = &members[chosen];
    let input = match (&bytes, member.stored(&archive).map_err(at)?) {
        (Content::Mapped(part), Some(stored)) => {
            Input::of_part(&path, part.part(part.place(stored)))
        }
        _ => Input::of(&path, member.whole(&archive).map_err(at)?),
    };
    let mut loaded = npy::load(input, keys)?;
    loaded.notes.extend(note);
    Ok(loaded)
}

/// An array's place in a ZIP archive.
struct Member {
    at: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    /// Its bytes, as the archive claims and its compression allows.
    most: u64,
}

impl Member {
    /// Its first bytes.
    fn bytes(&self, archive: &ZipSliceArchive<&[u8]>, count: u64) -> Result<Vec<u8>, DataProblem> {
        let entry = archive.get_entry(self.at).map_err(damaged)?;
        let mut bytes = Vec::new();
        let read = self
            .reader(entry.data())?
            .take(count)
            .read_to_end(&mut bytes);
        read.map_err(|error| DataProblem::Archive(error.to_string()))?;
        Ok(bytes)
    }

    /// All of them; their checksum must be the archive's.
    fn whole(&self, archive: &ZipSliceArchive<&[u8]>) -> Result<Vec<u8>, DataProblem> {
        check_memory(self.most.saturating_mul(ARRAY_MEMORY))?;
        let entry = archive.get_entry(self.at).map_err(damaged)?;
        let mut bytes = Vec::new();
        let reader = entry.verifying_reader(self.reader(entry.data())?);
        let read = reader
            .take(self.most.saturating_add(1))
            .read_to_end(&mut bytes);
        read.map_err(|error| DataProblem::Archive(error.to_string()))?;
        Ok(bytes)
    }

    /// The same where they stand, if they are not compressed.
    fn stored<'a>(
        &self,
        archive: &'a ZipSliceArchive<&'a [u8]>,
    ) -> Result<Option<&'a [u8]>, DataProblem> {
        if self.method != CompressionMethod::STORE {
            return Ok(None);
        }
        let entry = archive.get_entry(self.at).map_err(damaged)?;
        let mut reader = entry.verifying_reader(entry.data());
        let read = std::io::copy(&mut reader, &mut std::io::sink());
        read.map_err(|error| DataProblem::Archive(error.to_string()))?;
        Ok(Some(entry.data()))
    }

    fn reader<'a>(&self, data: &'a [u8]) -> Result<Box<dyn Read + 'a>, DataProblem> {
        match self.method {
            CompressionMethod::STORE => Ok(Box::new(data)),
            CompressionMethod::DEFLATE => Ok(Box::new(DeflateDecoder::new(data))),
            _ => Err(DataProblem::Archive(
                "a compression other than deflate".into(),
            )),
        }
    }
}

fn damaged(error: rawzip::Error) -> DataProblem {
    DataProblem::Archive(error.to_string())
}

/// Loads one of the tensors of a safetensors file.
pub(crate) fn load_safetensors(input: Input, keys: Keys<'_>) -> Result<Loaded, DataError> {
    let path = input.path().to_path_buf();
    let at = |problem: DataProblem| problem.at(&path);
    let bytes = input.archive()?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| DataProblem::Archive(error.to_string()).at(&path))?;
    let mut all = tensors.tensors();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let array = |(name, tensor): &(String, safetensors::tensor::TensorView<'_>)| Array {
        name: name.clone(),
        shape: tensor.shape().iter().map(|&size| size as u64).collect(),
    };
    let arrays: Vec<_> = all.iter().map(array).collect();
    let (chosen, note) = choose(&arrays, keys.array).map_err(at)?;
    let (_, tensor) = &all[chosen];
    let Some(element) = element(tensor.dtype()) else {
        let found = format!("a tensor of type {:?}", tensor.dtype());
        let expected = "booleans, integers or floats";
        return Err(at(DataProblem::Unsupported { found, expected }));
    };
    if tensor.data().is_empty() || tensor.shape().is_empty() {
        return Err(at(DataProblem::NoRecords));
    }
    let content = match &bytes {
        Content::Mapped(part) => Content::Mapped(part.part(part.place(tensor.data()))),
        Content::Held(_) => Content::Held(tensor.data().to_vec()),
    };
    let raw = element.array(content, tensor.shape(), false);
    let mut loaded = array::records(raw, tensor.shape(), keys.image).map_err(at)?;
    loaded.notes.extend(note);
    Ok(loaded)
}

/// The element that safetensors calls `dtype`.
fn element(dtype: Dtype) -> Option<Element> {
    let (kind, size) = match dtype {
        Dtype::BOOL => (Kind::Bool, 1),
        Dtype::U8 => (Kind::Unsigned, 1),
        Dtype::U16 => (Kind::Unsigned, 2),
        Dtype::U32 => (Kind::Unsigned, 4),
        Dtype::U64 => (Kind::Unsigned, 8),
        Dtype::I8 => (Kind::Signed, 1),
        Dtype::I16 => (Kind::Signed, 2),
        Dtype::I32 => (Kind::Signed, 4),
        Dtype::I64 => (Kind::Signed, 8),
        Dtype::F16 => (Kind::Float, 2),
        Dtype::F32 => (Kind::Float, 4),
        Dtype::F64 => (Kind::Float, 8),
        _ => return None,
    };
    Some(Element {
        kind,
        size,
        big_endian: false,
    })
}

/// An array of a file, and its sizes.
struct Array {
    name: String,
    shape: Vec<u64>,
}

impl Array {
    fn describe(&self) -> String {
        let sizes: Vec<_> = self.shape.iter().map(u64::to_string).collect();
        format!("{} ({})", excerpt(&self.name), sizes.join("×"))
    }
}

/// The array that `key` names; without it the only one, or the only one that has records of several
/// values, with a remark.
fn choose(arrays: &[Array], key: Option<&str>) -> Result<(usize, Option<String>), DataProblem> {
    let several = |found: Option<&str>| DataProblem::Arrays {
        found: found.map(str::to_owned),
        expected: arrays.iter().map(Array::describe).collect(),
        example: arrays.first().map_or(String::new(), |it| it.name.clone()),
    };
    if let Some(key) = key {
        let at = arrays.iter().position(|array| array.name == key);
        return at.map(|at| (at, None)).ok_or_else(|| several(Some(key)));
    }
    if arrays.len() == 1 {
        return Ok((0, None));
    }
    let mut records = (0..arrays.len()).filter(|&at| arrays[at].shape.len() > 1);
    match (records.next(), records.next()) {
        (Some(at), None) => {
            let note = format!(
                "the array {} is read, the only one of {} with several values a record; data.array \
                 names another",
                arrays[at].describe(),
                arrays.len()
            );
            Ok((at, Some(note)))
        }
        _ => Err(several(None)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use rawzip::ZipArchiveWriter;
    use safetensors::tensor::TensorView;

    use super::*;
    use crate::config::DataConfig;
    use crate::dataset::load;

    /// A `.npy` file of bytes.
    fn npy(shape: &[u64], bytes: &[u8]) -> Vec<u8> {
        let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({sizes}), }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [npy::MAGIC, &[1, 0], &length, header.as_bytes(), bytes].concat()
    }

    /// A `.npz` file.
    pub(crate) fn npz(members: &[(&str, Vec<u8>)], is_deflated: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut archive = ZipArchiveWriter::new(&mut out);
        for (name, content) in members {
            let method = match is_deflated {
                true => CompressionMethod::DEFLATE,
                false => CompressionMethod::STORE,
            };
            let builder = archive.new_file(name).compression_method(method);
            let (mut entry, config) = builder.start().unwrap();
            let descriptor = if is_deflated {
                let encoder = DeflateEncoder::new(&mut entry, Compression::default());
                let mut writer = config.wrap(encoder);
                writer.write_all(content).unwrap();
                let (encoder, descriptor) = writer.finish().unwrap();
                encoder.finish().unwrap();
                descriptor
            } else {
                let mut writer = config.wrap(&mut entry);
                writer.write_all(content).unwrap();
                writer.finish().unwrap().1
            };
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        out
    }

    type Message = (String, Option<String>);

    /// Columns and notes of a file of these bytes; or the message and the hint.
    fn loaded(
        name: &str,
        bytes: &[u8],
        array: Option<&str>,
    ) -> Result<(usize, Vec<String>), Message> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let config = DataConfig {
            array: array.map(str::to_owned),
            ..DataConfig::new(path.display().to_string())
        };
        match load(&config, 1) {
            Ok(data) => Ok((data.records.cols(), data.notes)),
            Err(error) => Err((error.problem.to_string(), error.hint())),
        }
    }

    fn two() -> [(&'static str, Vec<u8>); 2] {
        let values: Vec<u8> = (0..60).collect();
        [
            ("x.npy", npy(&[20, 3], &values)),
            ("y.npy", npy(&[20], &values[..20])),
        ]
    }

    #[test]
    fn an_array_of_an_archive_is_read_by_name_or_as_the_only_one_with_records() {
        for is_deflated in [false, true] {
            let bytes = npz(&two(), is_deflated);
            let (cols, notes) = loaded("a.npz", &bytes, None).unwrap();
            assert_eq!(cols, 3);
            assert!(
                notes.iter().any(|note| note.contains("x (20×3)")),
                "{notes:?}"
            );
            assert_eq!(loaded("a.npz", &bytes, Some("x")).unwrap().0, 3);
            assert_eq!(loaded("a.npz", &bytes, Some("y")).unwrap().0, 1);
        }
    }

    #[test]
    fn an_array_that_is_not_there_or_not_clear_is_named_with_those_that_are() {
        let [x, y] = two();
        let bytes = npz(&[x.clone(), ("z.npy", x.1.clone()), y], true);
        let (message, hint) = loaded("a.npz", &bytes, None).unwrap_err();
        assert!(message.contains("x (20×3), z (20×3), y (20)"), "{message}");
        assert_eq!(hint.unwrap(), "name the array with data.array=\"x\"");
        let (message, _) = loaded("a.npz", &bytes, Some("w")).unwrap_err();
        assert!(message.contains("found \"w\""), "{message}");
    }

    #[test]
    fn archives_of_no_arrays_are_told() {
        let readme = npz(&[("readme.txt", b"none".to_vec())], false);
        let empty = safetensors::serialize::<_, TensorView<'_>, _>([] as [(&str, _); 0], None);
        for (name, bytes) in [
            ("a.npz", npz(&[], false)),
            ("a.npz", readme),
            ("a.safetensors", empty.unwrap()),
        ] {
            let (message, hint) = loaded(name, &bytes, None).unwrap_err();
            assert_eq!(message, "found no array, expected at least one", "{name}");
            assert_eq!(hint.unwrap(), "bring a file with records in it");
        }
    }

    #[test]
    fn damage_is_found() {
        let bytes = npz(&two(), false);
        let at = bytes
            .windows(4)
            .position(|it| it == [20, 21, 22, 23])
            .unwrap();
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        for damaged in [&flipped[..], &bytes[..bytes.len() - 30], &bytes[..40]] {
            let (message, hint) = loaded("a.npz", damaged, Some("x")).unwrap_err();
            assert!(message.contains("damaged archive"), "{message}");
            assert!(hint.is_some());
        }
    }

    #[test]
    fn a_tensor_of_safetensors_is_read() {
        let values: Vec<u8> = (0..60u8)
            .flat_map(|it| f32::from(it).to_le_bytes())
            .collect();
        let tensor = |rows| TensorView::new(Dtype::F32, vec![rows, 60 / rows], &values).unwrap();
        let bytes = safetensors::serialize([("a", tensor(20)), ("b", tensor(30))], None).unwrap();
        assert_eq!(loaded("d.safetensors", &bytes, Some("a")).unwrap().0, 3);
        assert_eq!(loaded("d.safetensors", &bytes, Some("b")).unwrap().0, 2);
        let (message, _) = loaded("d.safetensors", &bytes, None).unwrap_err();
        assert!(message.contains("a (20×3), b (30×2)"), "{message}");
        let (message, _) = loaded("d.safetensors", &bytes[..100], Some("a")).unwrap_err();
        assert!(message.contains("damaged archive"), "{message}");
    }
}
