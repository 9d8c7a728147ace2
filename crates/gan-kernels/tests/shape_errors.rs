//! A wrong argument panics with the operation's name, the operand's, and both shapes.

#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Activation, Adam, Advance, Average, Backend, Below, ColumnParts, Dropout, FillLatent,
    GatherConditions, GatherRows, Given, InputPenalty, Interpolate, LearningRate, LimitSpectrum,
    LinearBwdData, LinearBwdParams, LinearFwd, LinearLogitLoss, LinearTangent, LogitLoss, Matrix,
    Momentum, Native, Objective, Parzen, Penalty, PlaceConditions, Prior, Rates, Records, Repack,
    RowGroups, Schedule, SlotSchedule, SquaredError, StepColumns, StepState, Update, Values,
    Winners,
};

/// By operation: arguments that it takes, and below them, one a line, what is changed and what the
/// operation says of it.
///
/// `y 4x7, not 3x7` is short for `y has shape (4, 7), expected (3, 7)`.
const TABLE: &str = "
linear_fwd: x 3x5, w 5x14, b 1x14, y 3x14, keep 0.5, scale 2, first row 0
    x 3x6: w 5x14, not 6x14
    w 6x14: w 6x14, not 5x14
    b 1x13: b 1x13, not 1x14
    b 2x14: b 2x14, not 1x14
    y 4x14: y 4x14, not 3x14
    y 3x13: w 5x14, not 5x13
    keep 0, scale 1: dropout keeps 0 at scale 1
    keep 1, scale 1: dropout keeps 1 at scale 1
    scale 0: dropout keeps 0.5 at scale 0
    first row 1073741824: row 1073741827 of a dropout mask lies beyond the address space
    winners 3x14: winners without maxout
linear_fwd: x 3x5, w 5x14, b 1x14, y 3x7, pieces 2, winners 3x7
    w 5x7: w 5x7, not 5x14
    winners 3x6: winners 3x6, not 3x7
    winners 2x7: winners 2x7, not 3x7
    winners none: maxout needs winners
    pieces 1: 1 pieces, expected 2 to 255
    pieces 256: 256 pieces
linear_bwd_data: dz 3x5, w 7x5, y 3x7, dz_below 3x7
    dz 3x4: w 7x5, not 7x4
    dz 2x5: below.y 3x7, not 2x7
    w 7x4: w 7x4, not 7x5
    w 6x5: below.y 3x7, not 3x6
    y 3x8: below.y 3x8, not 3x7
    dz_below 3x8: dz_below 3x8, not 3x7
    dz_below 4x7: dz_below 4x7, not 3x7
    winners 3x7: winners without maxout
    keep 1, scale 2: dropout keeps 1 at scale 2
linear_bwd_data: dz 3x5, w 7x5, y 3x7, dz_below 3x14, pieces 2, winners 3x7
    dz_below 3x7: dz_below 3x7, not 3x14
    winners 3x6: below.winners 3x6, not 3x7
    winners 2x7: below.winners 2x7, not 3x7
    winners none: maxout needs winners
    pieces 0: 0 pieces, expected 2 to 255
linear_bwd_params: x 3x5, dz 3x7, w 5x7, b 1x7, update 0
    update 1: 0 pairs of moments, expected 1
    moments of w 5x7, moments of b 1x7: 1 pairs of moments, expected 0
    limit 1: a limit on the columns of a stored gradient, expected none
linear_bwd_params: x 3x5, dz 3x7, w 5x7, b 1x7, update 1, moments of w 5x7, moments of b 1x7
    update 2: 1 pairs of moments, expected 2
    slot 1: slot 1 of a state with 1
    s 2x1: bias_weights 2x1, not 3x1
    moments of w 5x8: moment of w 5x8, not 5x7
    moments of b 2x7: moment of b 2x7, not 1x7
linear_bwd_params: x 3x5, dz 3x7, s 3x1, w 5x7, b 1x7, update 2, \
    moments of w 5x7, moments of b 1x7, second moments of w 5x7, second moments of b 1x7
    x 3x6: w 5x7, not 6x7
    x 2x5: dz 3x7, not 2x7
    dz 4x7: dz 4x7, not 3x7
    s 2x1: bias_weights 2x1, not 3x1
    s 3x7: bias_weights 3x7, not 3x1
    w 5x8: w 5x8, not 5x7
    b 1x8: b 1x8, not 1x7
    moments of w 5x8: moment of w 5x8, not 5x7
    moments of b 2x7: moment of b 2x7, not 1x7
    second moments of w 4x7: moment of w 4x7, not 5x7
    second moments of b 1x6: moment of b 1x6, not 1x7
    slot 1: slot 1 of a state with 1
logit_loss: logits 4x1, dz 4x1, objective 0
    logits 4x2: logits 4x2, not 4x1
    dz 3x1: dz 3x1, not 4x1
    logits 0x1, dz 0x1: no rows
    logits 3x1, dz 3x1, objective 1: 3 rows are no two halves
    logits 3x1, dz 3x1, objective 2: 3 rows are no two halves
linear_logit_loss: x 4x3, w 3x1, b 1x1, logits 4x1, dz 4x1, dz_below 4x3
    w 2x1: linear_fwd: w has shape (2, 1), expected (3, 1)
    dz 3x1: logit_loss: dz has shape (3, 1), expected (4, 1)
    dz_below 4x2: linear_bwd_data: dz_below has shape (4, 2), expected (4, 3)
squared_error: y 3x5, targets 3x5, dz 3x5
    targets 3x4: targets 3x4, not 3x5
    targets 2x5: targets 2x5, not 3x5
    dz 5x3: dz 5x3, not 3x5
    y 0x5, targets 0x5, dz 0x5: no elements
    pieces 2: maxout is no output
fill_latent: z 3x5, first row 2147483645
    first row 2147483646: row 2147483649 lies beyond the address space
gather_rows: records 9x5, y 3x5, first row 5
    y 3x4: y 3x4, not 3x5
    records 0x5: no records
    first row 6: rows up to 9 of 8
    keep 1.5, scale 2: dropout keeps 1.5
parzen: points 3x5, samples 4x5, sigma 1
    samples 4x6: samples 4x6, not 4x5
    samples 0x5: no samples
    sigma 0: sigma
    sigma NaN: sigma
advance: slots 1
    slots 0: state has 0 slots, expected 1
linear_tangent: c 3x5, s 3x1, w 5x14, b 1x14, y 3x14, c_above 3x14
    c 3x6: w 5x14, not 6x14
    c 2x5: s 3x1, not 2x1
    s 3x14: s 3x14, not 3x1
    b 3x14: b 3x14, not 1x14
    y 4x14: y 4x14, not 3x14
    c_above 2x14: c_above 2x14, not 3x14
    winners 3x14: winners without maxout
linear_tangent: c 3x5, s 3x1, w 5x14, b 1x14, y 3x7, c_above 3x7, pieces 2, winners 3x7
    w 5x7: w 5x7, not 5x14
    c_above 3x14: c_above 3x14, not 3x7
    winners 3x6: winners 3x6, not 3x7
    winners 2x7: winners 2x7, not 3x7
    winners none: maxout needs winners
    pieces 256: 256 pieces
input_penalty: x 6x5, q 6x5, s 6x1, c 6x5
    q 6x4: q 6x4, not 6x5
    s 6x5: s 6x5, not 6x1
    c 4x5: c 4x5, not 6x5
    x 3x5, q 3x5, s 3x1, c 3x5: 3 rows are no 2 equal parts
input_penalty: x 6x5, q 6x5, s 6x1, c 6x5, unit norm 1
    q 6x4: q 6x4, not 6x5
    s 6x5: s 6x5, not 6x1
    c 4x5: c 4x5, not 6x5
    x 4x5, q 4x5, s 4x1, c 4x5: 4 rows are no 3 equal parts
    x 0x5, q 0x5, s 0x1, c 0x5: 0 rows are no 3 equal parts
interpolate: a 3x5, b 3x5, y 3x5
    b 2x5: b 2x5, not 3x5
    y 3x4: y 3x4, not 3x5
gather_conditions: records 9x5, z 3x4, y 3x6
    y 3x5: y 3x5, not 3x6
    z 2x4: y 3x6, not 2x6
    records 9x3: the value at place 3 is given, of a record of 3 values
    records 0x5: no records
    groups 8: groups of 8 records, expected 9
place_conditions: x 3x6, y 3x5
    x 2x6: x 2x6, not 3x6
    x 3x1: x 3x1, not 3x2
    y 3x3: the value at place 3 is given, of a record of 3 values
repack: x 3x5, y 5x3
    y 2x8: y has shape (2, 8), expected as many values as x of shape (3, 5)
average: w 3x5, average 3x5, decay 0.5
    average 5x3: average 5x3, not 3x5
    decay 1: decay 1, expected at least 0, below 1
    decay -0.1: decay -0.1, expected at least 0, below 1
    decay NaN: decay NaN, expected at least 0, below 1
column_parts: w 3x5, b 1x5, parts 8x3
    b 1x4: b 1x4, not 1x5
    parts 7x3: parts 7x3, not 8x3
    parts 8x4: parts 8x4, not 8x3
    parts 0x5: parts 0x5, not 4x5
step_columns: before 4x5, gradients 8x5, parameters 4x5, update 0
    before 3x5: before 3x5, not 4x5
    gradients 7x5: gradients 7x5, not 8x5
    gradients 8x4: gradients 8x4, not 8x5
    gradients 0x5: no gradients
    update 1: 0 moments, expected 1
    moments 4x5: 1 moments, expected 0
    limit 1: a limit on the columns of a stored gradient, expected none
step_columns: before 4x5, gradients 8x5, parameters 4x5, update 1, moments 4x5
    slot 1: slot 1 of a state with 1
    moments 3x5: moment 3x5, not 4x5
limit_spectrum: w 3x5, direction 1x5, limit 1
    direction 1x3: direction 1x3, not 1x5
    limit 0: limit 0, expected above 0
    limit NaN: limit NaN, expected above 0
";

#[test]
fn wrong_arguments_are_named() {
    let (mut op, mut right) = ("", Arguments::new(""));
    for line in TABLE.lines().skip(1) {
        let (before, after) = line.split_once(": ").unwrap();
        let Some(change) = before.strip_prefix("    ") else {
            (op, right) = (before, Arguments::new(after));
            right.run(op);
            continue;
        };
        let says = match after.split_once(", not ") {
            None => after.to_owned(),
            Some((found, expected)) => {
                let (name, found) = found.rsplit_once(' ').unwrap();
                let (found, expected) = (size(found), size(expected));
                format!("{name} has shape {found:?}, expected {expected:?}")
            }
        };
        let text = match op {
            // Its parts speak for themselves.
            "linear_logit_loss" => says,
            _ => format!("{op}: {says}"),
        };
        panics_with(&text, || right.with(change).run(op));
    }
}

#[test]
fn memory_wrong_sizes_are_named() {
    panics_with("write: number of values\n  left: 5\n right: 6", || {
        cpu().write(&mut cpu().matrix(2, 3), &[0.0; 5])
    });
    panics_with("matrix: rows 3+2 of 4", || {
        let _ = cpu().matrix(4, 1).rows(3, 2);
    });
    panics_with("matrix: rows 0+5 of 4", || {
        drop(cpu().matrix(4, 1).rows_mut(0, 5))
    });
}

/// Asserts that `body` panics with `text` in its message.
#[track_caller]
fn panics_with(text: &str, body: impl FnOnce()) {
    let Err(panic) = catch_unwind(AssertUnwindSafe(body)) else {
        panic!("no panic, expected {text:?}");
    };
    let message = panic.downcast::<String>().map(|message| *message);
    let message = message.unwrap_or_else(|other| other.downcast_ref::<&str>().unwrap().to_string());
    assert!(message.contains(text), "{message:?} is not {text:?}");
}

type Cpu = Native<f32>;

fn cpu() -> Cpu {
    Cpu::new(Some(1)).unwrap()
}

fn size(text: &str) -> (usize, usize) {
    let (rows, cols) = text.split_once('x').unwrap();
    (rows.parse().unwrap(), cols.parse().unwrap())
}

const STREAM: Stream = Stream::new(Purpose::Dropout, 0, 0);
const STATE: StepState = StepState::without_rates(1, 0);

/// A state with the rates of one slot.
fn rated() -> StepState {
    let rates = Rates {
        learning_rate: 0.1,
        momentum: 0.5,
        first_correction: 1.0,
        second_correction: 1.0,
    };
    StepState {
        rates: vec![rates],
        ..STATE
    }
}

/// The arguments of an operation by name, read from a list such as `x 3x5, keep 0.5`.
#[derive(Clone)]
struct Arguments<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Arguments<'a> {
    fn new(list: &'a str) -> Self {
        let arguments = list.split(", ").map(str::trim);
        Self(arguments.filter_map(|it| it.rsplit_once(' ')).collect())
    }

    /// The same, but for those that `list` gives another value.
    fn with(&self, list: &'a str) -> Self {
        let mut all = Self::new(list).0;
        all.extend(&self.0);
        Self(all)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let argument = self.0.iter().find(|(known, _)| *known == name)?;
        (argument.1 != "none").then_some(argument.1)
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name).map(|number| number.parse().unwrap())
    }

    /// A whole number, 0 where there is none.
    fn index(&self, name: &str) -> usize {
        self.number(name).unwrap_or(0.0) as usize
    }

    fn matrix(&self, name: &str) -> Option<Matrix<Cpu>> {
        let (rows, cols) = size(self.get(name)?);
        Some(cpu().matrix(rows, cols))
    }

    fn matrices<const N: usize>(&self, names: [&str; N]) -> [Matrix<Cpu>; N] {
        names.map(|name| self.matrix(name).unwrap())
    }

    fn winners(&self) -> Option<Winners<Cpu>> {
        let (rows, cols) = size(self.get("winners")?);
        Some(cpu().winners(rows, cols))
    }

    fn act(&self) -> Activation {
        match self.get("pieces") {
            Some(_) => Activation::Maxout {
                pieces: self.index("pieces"),
            },
            None => Activation::Relu,
        }
    }

    fn dropout(&self) -> Option<Dropout> {
        Some(Dropout {
            keep: self.number("keep")?,
            scale: self.number("scale")?,
            stream: STREAM,
            first_row: self.index("first row"),
        })
    }

    fn run(&self, op: &str) {
        match op {
            "linear_fwd" => self.linear_fwd(),
            "linear_bwd_data" => self.linear_bwd_data(),
            "linear_bwd_params" => self.linear_bwd_params(),
            "logit_loss" => self.logit_loss(),
            "linear_logit_loss" => self.linear_logit_loss(),
            "linear_tangent" => self.linear_tangent(),
            "input_penalty" => self.input_penalty(),
            "squared_error" => self.squared_error(),
            _ => self.run_of_few(op),
        }
    }

    fn linear_fwd(&self) {
        let [x, w, b, mut y] = self.matrices(["x", "w", "b", "y"]);
        let mut winners = self.winners();
        cpu().linear_fwd(LinearFwd {
            act: self.act(),
            winners: winners.as_mut().map(|winners| winners.from_row_mut(0)),
            dropout: self.dropout(),
            ..LinearFwd::affine(x.all(), &w, &b, y.all_mut(), &STATE)
        });
    }

    fn linear_bwd_data(&self) {
        let [dz, w, y, mut dz_below] = self.matrices(["dz", "w", "y", "dz_below"]);
        let winners = self.winners();
        cpu().linear_bwd_data(LinearBwdData {
            dz: dz.all(),
            w: &w,
            below: Below {
                act: self.act(),
                winners: winners.as_ref().map(|winners| winners.from_row(0)),
                dropout: self.dropout(),
                ..Below::linear(y.all())
            },
            dz_below: dz_below.all_mut(),
            state: &STATE,
        });
    }

    fn update(&self) -> Update {
        let adam = Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        };
        [Update::Store, Update::Momentum, Update::Adam(adam)][self.index("update")]
    }

    fn linear_bwd_params(&self) {
        let [x, dz, mut w, mut b] = self.matrices(["x", "dz", "w", "b"]);
        let bias_weights = self.matrix("s");
        let pairs = ["moments", "second moments"].map(|moments| {
            let [w, b] = ["w", "b"].map(|of| self.matrix(&format!("{moments} of {of}")));
            Some([w?, b?])
        });
        let state = rated();
        cpu().linear_bwd_params(LinearBwdParams {
            bias_weights: bias_weights.as_ref().map(Matrix::all),
            moments: &mut pairs.into_iter().flatten().collect::<Vec<_>>(),
            update: self.update(),
            slot: self.index("slot"),
            max_column_norm: self.number("limit"),
            ..LinearBwdParams::gradient(x.all(), dz.all(), &mut w, &mut b, &state)
        });
    }

    fn logit_loss(&self) {
        const OBJECTIVES: [Objective; 3] = [
            Objective::Minimax,
            Objective::Discriminator,
            Objective::RelativisticGenerator,
        ];
        let [logits, mut dz] = self.matrices(["logits", "dz"]);
        cpu().logit_loss(LogitLoss {
            logits: logits.all(),
            objective: OBJECTIVES[self.index("objective")],
            weight: 1.0,
            dz: dz.all_mut(),
            monitors: &mut cpu().monitors(),
            state: &STATE,
        });
    }

    fn linear_logit_loss(&self) {
        let [x, w, b] = self.matrices(["x", "w", "b"]);
        let [mut logits, mut dz, mut dz_below] = self.matrices(["logits", "dz", "dz_below"]);
        cpu().linear_logit_loss(LinearLogitLoss {
            x: x.all(),
            w: &w,
            b: &b,
            logits: logits.all_mut(),
            objective: Objective::Minimax,
            weight: 1.0,
            dz: dz.all_mut(),
            below: Some((Below::linear(x.all()), dz_below.all_mut())),
            monitors: &mut cpu().monitors(),
            state: &STATE,
        });
    }

    fn linear_tangent(&self) {
        let [c, s, w, b] = self.matrices(["c", "s", "w", "b"]);
        let [y, mut c_above] = self.matrices(["y", "c_above"]);
        let winners = self.winners();
        cpu().linear_tangent(LinearTangent {
            c: c.all(),
            s: s.all(),
            w: &w,
            b: &b,
            y: y.all(),
            act: self.act(),
            winners: winners.as_ref().map(|winners| winners.from_row(0)),
            c_above: c_above.all_mut(),
        });
    }

    fn squared_error(&self) {
        let [y, targets, mut dz] = self.matrices(["y", "targets", "dz"]);
        cpu().squared_error(SquaredError {
            y: y.all(),
            targets: targets.all(),
            act: self.act(),
            dz: dz.all_mut(),
            monitors: &mut cpu().monitors(),
        });
    }

    fn input_penalty(&self) {
        let [x, q, s, mut c] = self.matrices(["x", "q", "s", "c"]);
        let (data, samples) = (1.0, 0.0);
        let zero_centred = Penalty::ZeroCentred { data, samples };
        let unit_norm = |weight| Penalty::UnitNorm { weight };
        cpu().input_penalty(InputPenalty {
            x: x.all(),
            q: q.all(),
            s: s.all(),
            c: c.all_mut(),
            penalty: self.number("unit norm").map_or(zero_centred, unit_norm),
            monitors: &mut cpu().monitors(),
        });
    }

    /// Runs an operation of few arguments.
    fn run_of_few(&self, op: &str) {
        let (cpu, state) = (cpu(), &STATE);
        match op {
            "fill_latent" => cpu.fill_latent(FillLatent {
                z: self.matrix("z").unwrap().all_mut(),
                prior: Prior::Uniform,
                stream: STREAM,
                first_row: self.index("first row"),
                state,
            }),
            "gather_rows" => {
                let (records, cols) = size(self.get("records").unwrap());
                cpu.gather_rows(GatherRows {
                    records: &Records::new(cols, Values::Floats(vec![0.0; cols * records])),
                    y: self.matrix("y").unwrap().all_mut(),
                    rows_per_step: 2 * 4,
                    first_row: self.index("first row"),
                    groups: None,
                    dropout: self.dropout(),
                    state,
                });
            }
            "parzen" => {
                let [points, samples] = self.matrices(["points", "samples"]);
                let sigmas = &[0.5, self.number("sigma").unwrap()];
                let (points, samples) = (points.all(), samples.all());
                let op = Parzen {
                    points,
                    samples,
                    sigmas,
                };
                cpu.parzen(op).unwrap();
            }
            "advance" => {
                let slot = SlotSchedule {
                    learning_rate: LearningRate::Constant { initial: 1.0 },
                    momentum: Momentum::constant(0.0),
                    betas: [0.9, 0.999],
                    updates_per_step: 1,
                    position: 0,
                };
                let schedule = &Schedule {
                    slots: vec![slot],
                    records_per_step: 1,
                    records: 1,
                };
                let mut state = schedule.state(1, 0);
                state.rates.truncate(self.index("slots"));
                let state = &mut state;
                cpu.advance(Advance { state, schedule });
            }
            "interpolate" => {
                let [a, b, mut y] = self.matrices(["a", "b", "y"]);
                let (a, b, y, stream) = (a.all(), b.all(), y.all_mut(), STREAM);
                cpu.interpolate(Interpolate {
                    a,
                    b,
                    y,
                    stream,
                    state,
                });
            }
            "gather_conditions" => {
                let (records, cols) = size(self.get("records").unwrap());
                let [z, mut y] = self.matrices(["z", "y"]);
                let groups = self.number("groups").map(|count| {
                    let group_of = vec![0; count as usize];
                    RowGroups::new(&cpu, &group_of, &[1.0])
                });
                cpu.gather_conditions(GatherConditions {
                    records: &Records::new(cols, Values::Floats(vec![0.0; cols * records])),
                    given: &Given::new(&cpu, vec![1, 3]),
                    z: z.all(),
                    y: y.all_mut(),
                    rows_per_step: 3,
                    first_row: 0,
                    groups: groups.as_ref(),
                    state,
                });
            }
            "place_conditions" => {
                let [x, mut y] = self.matrices(["x", "y"]);
                let given = Given::new(&cpu, vec![1, 3]);
                let (given, x, y) = (&given, Some(x.all()), y.all_mut());
                cpu.place_conditions(PlaceConditions { given, x, y });
            }
            "repack" => {
                let [x, mut y] = self.matrices(["x", "y"]);
                let (x, y) = (x.all(), y.all_mut());
                cpu.repack(Repack { x, y });
            }
            "average" => {
                let [w, mut average] = self.matrices(["w", "average"]);
                let (w, average, decay) = (&w, &mut average, self.number("decay").unwrap());
                cpu.average(Average { w, average, decay });
            }
            "column_parts" => {
                let [w, b, mut parts] = self.matrices(["w", "b", "parts"]);
                let (w, b, parts) = (&w, &b, &mut parts);
                cpu.column_parts(ColumnParts::Cut { w, b, parts });
            }
            "step_columns" => {
                let [gradients, mut parameters] = self.matrices(["gradients", "parameters"]);
                let before = self.matrix("before");
                cpu.step_columns(StepColumns {
                    before: before.as_ref().map(Matrix::all),
                    gradients: gradients.all(),
                    parameters: parameters.all_mut(),
                    moments: &mut self.matrix("moments").into_iter().collect::<Vec<_>>(),
                    update: self.update(),
                    slot: self.index("slot"),
                    max_column_norm: self.number("limit"),
                    state: &rated(),
                    monitor: None,
                });
            }
            "limit_spectrum" => {
                let [mut w, mut direction] = self.matrices(["w", "direction"]);
                cpu.limit_spectrum(LimitSpectrum {
                    w: &mut w,
                    direction: &mut direction,
                    limit: self.number("limit").unwrap(),
                });
            }
            _ => panic!("no operation {op}"),
        }
    }
}
