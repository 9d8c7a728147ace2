//! The cases of [`ColumnParts`].

use super::ColumnParts;
use super::reference::cut;
use crate::cases::checker::{Draw, Expected, Found, Operand, Operands, Rounding};
use crate::cases::{Case, Checker, Comparison, Operation, Tolerance};
use crate::recorder::Recorder;
use crate::{Backend, BackendError};

pub(crate) const CASES: &[Case] = &[
    call(7, 13, 4).case(),
    call(7, 13, 4).joined().case(),
    call(3, 16, 2).case(),
    call(3, 16, 2).joined().case(),
    call(1, 1, 1).case(),
    call(1, 1, 1).joined().case(),
    // Parts without columns.
    call(5, 2, 4).case(),
    call(5, 2, 4).joined().case(),
    call(131, 67, 3).case(),
    call(131, 67, 3).joined().case(),
    call(1200, 784, 2).case().paper(),
    call(1200, 784, 2).joined().case().paper(),
];

pub(crate) const TOLERANCE: Tolerance = Tolerance::COPY;

/// Parts of W of k × n over b.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// k.
    pub rows: usize,
    /// n.
    pub cols: usize,
    /// Number of parts.
    pub parts: usize,
    /// True if W and b are made of them.
    pub is_joined: bool,
}

const fn call(rows: usize, cols: usize, parts: usize) -> Call {
    Call {
        rows,
        cols,
        parts,
        is_joined: false,
    }
}

impl Call {
    const fn joined(self) -> Self {
        Self {
            is_joined: true,
            ..self
        }
    }
}

impl Operation for Call {
    fn name(&self) -> String {
        let how = if self.is_joined {
            "joined of"
        } else {
            "cut into"
        };
        format!("{}x{}/{how} {}", self.rows, self.cols, self.parts)
    }

    fn bytes(&self) -> u64 {
        4 * (2 * (self.rows + 1) * self.cols) as u64
    }

    fn prepare<B: Backend>(&self, draw: &Draw<'_, B>) -> Box<dyn Operands<B>> {
        let w = draw.values(44, self.rows, self.cols);
        let b = draw.values(45, 1, self.cols);
        let parts = cut(&w, &b, self.parts);
        let (rows, cols) = (parts.rows, parts.cols);
        let [w, b, parts] = match self.is_joined {
            false => [draw.whole(w), draw.whole(b), draw.output(rows, cols)],
            true => {
                let outputs = [&w, &b].map(|of| draw.output(of.rows, of.cols));
                let [w, b] = outputs;
                [w, b, draw.whole(parts)]
            }
        };
        Box::new(Parts {
            call: *self,
            w,
            b,
            parts,
        })
    }
}

struct Parts<B: Backend> {
    call: Call,
    w: Operand<B>,
    b: Operand<B>,
    parts: Operand<B>,
}

impl<B: Backend> Operands<B> for Parts<B> {
    fn run(&mut self, backend: &B) -> Result<(), BackendError> {
        let Self { w, b, parts, .. } = self;
        let [w, b, parts] = [w, b, parts].map(|operand| &mut operand.matrix);
        backend.column_parts(match self.call.is_joined {
            false => ColumnParts::Cut { w, b, parts },
            true => ColumnParts::Join { parts, w, b },
        });
        Ok(())
    }

    fn results(&mut self, checker: &Checker<'_, B>) -> Result<Vec<Found>, BackendError> {
        let found = match self.call.is_joined {
            false => vec![("parts", &self.parts)],
            true => vec![("w", &self.w), ("b", &self.b)],
        };
        let found = found.into_iter();
        found
            .map(|(name, operand)| operand.read(name, checker.backend))
            .collect()
    }

    fn compare(&self, rounding: Rounding, found: &[Found]) -> Vec<Comparison> {
        let exactly = |found: &Found, value: &dyn Fn(usize, usize) -> f64| {
            found.compare(rounding, |i, j| Expected::exactly(value(i, j)))
        };
        if !self.call.is_joined {
            let parts = cut(&self.w.host, &self.b.host, self.call.parts);
            return vec![exactly(&found[0], &|i, j| parts[(i, j)])];
        }
        let (k, parts) = (self.call.rows, &self.parts.host);
        let value = |i: usize, j: usize| parts[(j / parts.cols * (k + 1) + i, j % parts.cols)];
        vec![
            exactly(&found[0], &value),
            exactly(&found[1], &|_, j| value(k, j)),
        ]
    }
}

impl ColumnParts<'_, Recorder> {
    /// The call.
    pub(crate) fn record(&mut self) -> Case {
        let (k, n, parts) = self.check();
        let call = call(k, n, parts);
        match self {
            Self::Cut { .. } => call.case(),
            Self::Join { .. } => call.joined().case(),
        }
    }
}
