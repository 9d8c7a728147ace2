//! What a page can ask.

use serde::Deserialize;

/// A request.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// What there is to choose from.
    Catalogue,
    /// Begins a game; the bytes behind the request are the file that `data.source` names, if it names
    /// one.
    Open(Setup),
    /// Goes on from a checkpoint, whose bytes are behind the request, after `content` bytes of the
    /// file that it was trained on.
    Resume {
        /// The name of the checkpoint's file, for messages.
        name: String,
        /// Bytes of the data.
        #[serde(default)]
        content: usize,
    },
    /// Plays so many iterations, or up to the end of the run.
    Play {
        /// Iterations.
        iterations: u64,
        /// Seconds of training before these, by the clock of the page.
        #[serde(default)]
        seconds: f64,
        /// True to go on after the end of the run.
        #[serde(default)]
        beyond: bool,
    },
    /// Plays the next phase of an iteration.
    Phase,
    /// Looks at the game.
    Look(Look),
    /// A checkpoint, as a file.
    Save,
}

/// A configuration as the command line has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Setup {
    /// The name of a preset, or of the file that `text` is of.
    pub(crate) preset: String,
    /// The text of a configuration file.
    #[serde(default)]
    pub(crate) text: Option<String>,
    /// `key=value` as after `--set`.
    #[serde(default)]
    pub(crate) sets: Vec<String>,
}

/// What to look at; what is 0 or left out is not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Look {
    /// Samples of the run's seed.
    pub(crate) samples: usize,
    /// Records of the data.
    pub(crate) data: usize,
    /// D over so many points along each side of the plane.
    pub(crate) surface: usize,
    /// So many times as much of the plane as the data's own rectangle.
    pub(crate) zoom: f64,
    /// G over so many latents along each side of a grid.
    pub(crate) manifold: usize,
    /// Where the samples of G's last update were pulled.
    pub(crate) pull: bool,
    /// D* over so many cells along each side of the plane.
    pub(crate) optimum: usize,
    /// Bins of the axis of one dimension.
    pub(crate) axis: usize,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            samples: 0,
            data: 0,
            surface: 0,
            zoom: 1.0,
            manifold: 0,
            pull: false,
            optimum: 0,
            axis: 0,
        }
    }
}
