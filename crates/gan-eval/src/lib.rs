//! How good samples are, when the losses of a game do not say.
//!
//! Functions from records and samples to numbers: nothing here prints, reads a file or a clock.
//! What is expensive runs on any [`gan_kernels::Backend`].
