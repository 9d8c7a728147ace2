//! Files whose checksums fit what they hold.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// For kinds without checksums.
pub(crate) fn none(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// The bytes, compressed.
pub(crate) fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The bytes as one frame of zstd data.
pub(crate) fn zstd(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(compress_to_vec(bytes, CompressionLevel::Fastest))
}

/// The bytes as the array of an archive.
pub(crate) fn npz(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    let (mut entry, config) = archive.new_file("x.npy").start().ok()?;
    let mut writer = config.wrap(&mut entry);
    writer.write_all(bytes).ok()?;
    let (_, descriptor) = writer.finish().ok()?;
    entry.finish(descriptor).ok()?;
    archive.finish().ok()?;
    Some(out)
}

/// The picture with the checksum of each chunk mended, as far as there are chunks.
pub(crate) fn png(bytes: &[u8]) -> Option<Vec<u8>> {
    const SIGNATURE: usize = 8;
    let mut out = bytes.to_vec();
    let mut rest = out.get_mut(SIGNATURE..)?;
    while let Some((length, _)) = rest.split_first_chunk() {
        let end = (u32::from_be_bytes(*length) as usize).saturating_add(8);
        let Some((chunk, behind)) = rest.split_at_mut_checked(end) else {
            break;
        };
        let Some((checksum, next)) = behind.split_first_chunk_mut() else {
            break;
        };
        let mut crc = Crc::new();
        crc.update(&chunk[4..]);
        *checksum = crc.sum().to_be_bytes();
        rest = next;
    }
    Some(out)
}

/// The checkpoint without hashes of tensors, as older programs wrote it, and with the one of its
/// configuration mended; `None` where its header is none.
pub(crate) fn checkpoint(bytes: &[u8]) -> Option<Vec<u8>> {
    const KEY: &str = "gan_checkpoint";
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (head, tensors) = rest.split_at_checked(length)?;
    let mut head: Value = serde_json::from_slice(head).ok()?;
    let about = head.get_mut("__metadata__")?.get_mut(KEY)?;
    let mut about_run: Value = serde_json::from_str(about.as_str()?).ok()?;
    let fields = about_run.as_object_mut()?;
    fields.remove("header_sha256");
    fields.remove("tensors_sha256");
    let config = fields.get("config")?.as_str()?;
    let hash = Sha256::digest(config);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    fields.insert("config_sha256".into(), hash.into());
    *about = about_run.to_string().into();
    let head = head.to_string();
    let mut out = (head.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(tensors);
    Some(out)
}
