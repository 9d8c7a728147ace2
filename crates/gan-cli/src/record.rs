//! What one record is.

pub(crate) use gan_run::record::{RecordInfo, fingerprint};
pub(crate) use gan_run::text::hexadecimal;
