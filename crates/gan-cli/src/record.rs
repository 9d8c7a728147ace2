//! What one record is.

pub(crate) use gan_run::record::fingerprint;
pub(crate) use gan_run::text::hexadecimal;
