//! A wrong argument panics with the operation's name, the operand's, and both shapes.

#![allow(clippy::unwrap_used)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use gan_kernels::random::{Purpose, Stream};
use gan_kernels::{
    Activation, Adam, Advance, Average, Backend, Below, Dropout, GatherRows, InputPenalty,
    Interpolate, LearningRate, LimitSpectrum, LinearBwdData, LinearBwdParams, LinearFwd,
    LinearLogitLoss, LinearTangent, LogitLoss, Matrix, Momentum, Native, Objective, Parzen,
    Penalty, Rates, Records, Repack, Schedule, SlotSchedule, StepState, Update, Values,
};

type Cpu = Native<f32>;
type Size = (usize, usize);

/// Asserts that `body` panics with all of `parts` in its message, in this order.
#[track_caller]
fn panics_with(parts: &[&str], body: impl FnOnce(&Cpu)) {
    let cpu = Cpu::new(Some(1)).unwrap();
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&cpu))) else {
        panic!("no panic, expected {parts:?}");
    };
    let message = panic.downcast::<String>().map(|message| *message);
    let message = message.unwrap_or_else(|other| other.downcast_ref::<&str>().unwrap().to_string());
    let mut rest = &*message;
    for part in parts {
        let Some(at) = rest.find(part) else {
            panic!("{message:?} does not name {part:?}");
        };
        rest = &rest[at + part.len()..];
    }
}

fn matrix(cpu: &Cpu, (rows, cols): Size) -> Matrix<Cpu> {
    cpu.matrix(rows, cols)
}

const STATE: StepState = StepState {
    seed: 1,
    step: 0,
    rates: Vec::new(),
};
const MAXOUT: Activation = Activation::Maxout { pieces: 2 };
const DROPOUT: Dropout = Dropout {
    keep: 0.5,
    scale: 2.0,
    stream: Stream::new(Purpose::Dropout, 0, 0),
    first_row: 0,
};

#[derive(Clone, Copy)]
struct Forward {
    x: Size,
    w: Size,
    b: Size,
    y: Size,
    act: Activation,
    winners: Option<Size>,
    dropout: Option<Dropout>,
}

impl Forward {
    const RELU: Self = Self {
        x: (3, 5),
        w: (5, 14),
        b: (1, 14),
        y: (3, 14),
        act: Activation::Relu,
        winners: None,
        dropout: Some(DROPOUT),
    };
    const MAXOUT: Self = Self {
        y: (3, 7),
        act: MAXOUT,
        winners: Some((3, 7)),
        ..Self::RELU
    };

    fn run(self, cpu: &Cpu) {
        let [x, w, b, mut y] = [self.x, self.w, self.b, self.y].map(|size| matrix(cpu, size));
        let mut winners = self.winners.map(|(rows, cols)| cpu.winners(rows, cols));
        cpu.linear_fwd(LinearFwd {
            x: x.all(),
            w: &w,
            b: &b,
            y: y.all_mut(),
            act: self.act,
            winners: winners.as_mut().map(|winners| winners.from_row_mut(0)),
            dropout: self.dropout,
            state: &STATE,
        });
    }
}

#[test]
fn linear_fwd_wrong_operands_are_named() {
    let cpu = Cpu::new(Some(1)).unwrap();
    let (relu, maxout) = (Forward::RELU, Forward::MAXOUT);
    relu.run(&cpu);
    maxout.run(&cpu);
    let kept = |keep, scale| {
        Some(Dropout {
            keep,
            scale,
            ..DROPOUT
        })
    };
    // Four blocks of words a row.
    let beyond = Some(Dropout {
        first_row: 1 << 30,
        ..DROPOUT
    });
    #[rustfmt::skip] // One wrong operand a line.
    let table: &[(Forward, &[&str])] = &[
        (Forward { dropout: beyond, ..relu }, &["row 1073741827 of a dropout mask", "address space"]),
        (Forward { x: (3, 6), ..relu }, &["w", "(5, 14)", "(6, 14)"]),
        (Forward { w: (6, 14), ..relu }, &["w", "(6, 14)", "(5, 14)"]),
        (Forward { w: (5, 7), ..maxout }, &["w", "(5, 7)", "(5, 14)"]),
        (Forward { b: (1, 13), ..relu }, &["b", "(1, 13)", "(1, 14)"]),
        (Forward { b: (2, 14), ..relu }, &["b", "(2, 14)", "(1, 14)"]),
        (Forward { y: (4, 14), ..relu }, &["y", "(4, 14)", "(3, 14)"]),
        (Forward { y: (3, 13), ..relu }, &["w", "(5, 14)", "(5, 13)"]),
        (Forward { winners: Some((3, 6)), ..maxout }, &["winners", "(3, 6)", "(3, 7)"]),
        (Forward { winners: Some((2, 7)), ..maxout }, &["winners", "(2, 7)", "(3, 7)"]),
        (Forward { winners: None, ..maxout }, &["maxout needs winners"]),
        (Forward { winners: Some((3, 14)), ..relu }, &["winners without maxout"]),
        (Forward { act: Activation::Maxout { pieces: 1 }, ..maxout }, &["1 pieces", "2 to 255"]),
        (Forward { act: Activation::Maxout { pieces: 256 }, ..maxout }, &["256 pieces"]),
        (Forward { dropout: kept(0.0, 1.0), ..relu }, &["dropout", "0 at scale 1"]),
        (Forward { dropout: kept(1.0, 1.0), ..relu }, &["dropout", "1 at scale 1"]),
        (Forward { dropout: kept(0.5, 0.0), ..relu }, &["dropout", "0.5 at scale 0"]),
    ];
    for (forward, parts) in table {
        panics_with(&[&["linear_fwd: "], *parts].concat(), |cpu| {
            forward.run(cpu)
        });
    }
}

#[derive(Clone, Copy)]
struct Data {
    dz: Size,
    w: Size,
    y: Size,
    act: Activation,
    winners: Option<Size>,
    dropout: Option<Dropout>,
    dz_below: Size,
}

impl Data {
    const RELU: Self = Self {
        dz: (3, 5),
        w: (7, 5),
        y: (3, 7),
        act: Activation::Relu,
        winners: None,
        dropout: None,
        dz_below: (3, 7),
    };
    const MAXOUT: Self = Self {
        act: MAXOUT,
        winners: Some((3, 7)),
        dz_below: (3, 14),
        ..Self::RELU
    };

    fn run(self, cpu: &Cpu) {
        let sizes = [self.dz, self.w, self.y, self.dz_below];
        let [dz, w, y, mut dz_below] = sizes.map(|size| matrix(cpu, size));
        let winners = self.winners.map(|(rows, cols)| cpu.winners(rows, cols));
        cpu.linear_bwd_data(LinearBwdData {
            dz: dz.all(),
            w: &w,
            below: Below {
                y: y.all(),
                act: self.act,
                winners: winners.as_ref().map(|winners| winners.from_row(0)),
                dropout: self.dropout,
            },
            dz_below: dz_below.all_mut(),
            state: &STATE,
        });
    }
}

#[test]
fn linear_bwd_data_wrong_operands_are_named() {
    let cpu = Cpu::new(Some(1)).unwrap();
    let (relu, maxout) = (Data::RELU, Data::MAXOUT);
    relu.run(&cpu);
    maxout.run(&cpu);
    let certain = Some(Dropout {
        keep: 1.0,
        ..DROPOUT
    });
    #[rustfmt::skip] // One wrong operand a line.
    let table: &[(Data, &[&str])] = &[
        (Data { dz: (3, 4), ..relu }, &["w", "(7, 5)", "(7, 4)"]),
        (Data { dz: (2, 5), ..relu }, &["below.y", "(3, 7)", "(2, 7)"]),
        (Data { w: (7, 4), ..relu }, &["w", "(7, 4)", "(7, 5)"]),
        (Data { w: (6, 5), ..relu }, &["below.y", "(3, 7)", "(3, 6)"]),
        (Data { y: (3, 8), ..relu }, &["below.y", "(3, 8)", "(3, 7)"]),
        (Data { dz_below: (3, 8), ..relu }, &["dz_below", "(3, 8)", "(3, 7)"]),
        (Data { dz_below: (4, 7), ..relu }, &["dz_below", "(4, 7)", "(3, 7)"]),
        (Data { dz_below: (3, 7), ..maxout }, &["dz_below", "(3, 7)", "(3, 14)"]),
        (Data { winners: Some((3, 6)), ..maxout }, &["below.winners", "(3, 6)", "(3, 7)"]),
        (Data { winners: Some((2, 7)), ..maxout }, &["below.winners", "(2, 7)", "(3, 7)"]),
        (Data { winners: None, ..maxout }, &["maxout needs winners"]),
        (Data { winners: Some((3, 7)), ..relu }, &["winners without maxout"]),
        (Data { act: Activation::Maxout { pieces: 0 }, ..relu }, &["0 pieces", "2 to 255"]),
        (Data { dropout: certain, ..relu }, &["dropout", "1 at scale 2"]),
    ];
    for (data, parts) in table {
        panics_with(&[&["linear_bwd_data: "], *parts].concat(), |cpu| {
            data.run(cpu)
        });
    }
}

#[derive(Clone, Copy)]
struct Params {
    x: Size,
    dz: Size,
    s: Option<Size>,
    w: Size,
    b: Size,
    moments: [Size; 4],
    slot: usize,
}

impl Params {
    const GOOD: Self = Self {
        x: (3, 5),
        dz: (3, 7),
        s: Some((3, 1)),
        w: (5, 7),
        b: (1, 7),
        moments: [(5, 7), (1, 7), (5, 7), (1, 7)],
        slot: 0,
    };

    fn run(self, cpu: &Cpu, adam: bool) {
        let [x, dz, mut w, mut b] = [self.x, self.dz, self.w, self.b].map(|s| matrix(cpu, s));
        let [w1, b1, w2, b2] = self.moments.map(|s| matrix(cpu, s));
        let mut moments = [[w1, b1], [w2, b2]];
        let s = self.s.map(|size| matrix(cpu, size));
        let update = if adam {
            Update::Adam(Adam {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
            })
        } else {
            Update::Momentum
        };
        let rates = Rates {
            learning_rate: 0.1,
            momentum: 0.5,
            first_correction: 1.0,
            second_correction: 1.0,
        };
        cpu.linear_bwd_params(LinearBwdParams {
            x: x.all(),
            dz: dz.all(),
            bias_weights: s.as_ref().map(Matrix::all),
            w: &mut w,
            b: &mut b,
            moments: &mut moments[..update.moments()],
            update,
            slot: self.slot,
            max_column_norm: None,
            state: &StepState {
                rates: vec![rates],
                ..STATE
            },
            monitor: None,
        });
    }
}

#[test]
fn linear_bwd_params_wrong_operands_are_named() {
    let cpu = Cpu::new(Some(1)).unwrap();
    let good = Params::GOOD;
    let moment = |which: usize, size| {
        let mut moments = good.moments;
        moments[which] = size;
        Params { moments, ..good }
    };
    #[rustfmt::skip] // One wrong operand a line.
    let table: &[(Params, &[&str])] = &[
        (Params { x: (3, 6), ..good }, &["w", "(5, 7)", "(6, 7)"]),
        (Params { x: (2, 5), ..good }, &["dz", "(3, 7)", "(2, 7)"]),
        (Params { dz: (4, 7), ..good }, &["dz", "(4, 7)", "(3, 7)"]),
        (Params { s: Some((2, 1)), ..good }, &["bias_weights", "(2, 1)", "(3, 1)"]),
        (Params { s: Some((3, 7)), ..good }, &["bias_weights", "(3, 7)", "(3, 1)"]),
        (Params { w: (5, 8), ..good }, &["w", "(5, 8)", "(5, 7)"]),
        (Params { b: (1, 8), ..good }, &["b", "(1, 8)", "(1, 7)"]),
        (Params { slot: 1, ..good }, &["slot 1", "with 1"]),
        (moment(0, (5, 8)), &["moment of w", "(5, 8)", "(5, 7)"]),
        (moment(1, (2, 7)), &["moment of b", "(2, 7)", "(1, 7)"]),
    ];
    for adam in [false, true] {
        good.run(&cpu, adam);
        Params { s: None, ..good }.run(&cpu, adam);
        for (params, parts) in table {
            panics_with(&[&["linear_bwd_params: "], *parts].concat(), |cpu| {
                params.run(cpu, adam)
            });
        }
    }
    for (which, size, operand) in [(2, (4, 7), "moment of w"), (3, (1, 6), "moment of b")] {
        let size_text = format!("{size:?}");
        panics_with(&["linear_bwd_params: ", operand, &size_text], |cpu| {
            moment(which, size).run(cpu, true);
        });
    }
}

#[test]
fn logit_loss_wrong_operands_are_named() {
    let loss = |logits, dz, objective| {
        move |cpu: &Cpu| {
            let [logits, mut dz] = [logits, dz].map(|size| matrix(cpu, size));
            cpu.logit_loss(LogitLoss {
                logits: logits.all(),
                objective,
                weight: 1.0,
                dz: dz.all_mut(),
                monitors: &mut cpu.monitors(),
                state: &STATE,
            });
        }
    };
    let (g, d) = (Objective::Minimax, Objective::Discriminator);
    panics_with(
        &["logit_loss: logits", "(4, 2)", "(4, 1)"],
        loss((4, 2), (4, 1), g),
    );
    panics_with(
        &["logit_loss: dz", "(3, 1)", "(4, 1)"],
        loss((4, 1), (3, 1), g),
    );
    for of_halves in [d, Objective::RelativisticGenerator] {
        panics_with(
            &["logit_loss: ", "3 rows are no two halves"],
            loss((3, 1), (3, 1), of_halves),
        );
    }
    panics_with(&["logit_loss: no rows"], loss((0, 1), (0, 1), g));
}

#[test]
fn linear_logit_loss_names_wrong_operands_as_its_parts_do() {
    let run = |w, below| {
        move |cpu: &Cpu| {
            let [x, w, b] = [(4, 3), w, (1, 1)].map(|size| matrix(cpu, size));
            let [mut logits, mut dz, mut dz_below] =
                [(4, 1), (4, 1), below].map(|size| matrix(cpu, size));
            let lower = Below {
                y: x.all(),
                act: Activation::Relu,
                winners: None,
                dropout: None,
            };
            cpu.linear_logit_loss(LinearLogitLoss {
                x: x.all(),
                w: &w,
                b: &b,
                logits: logits.all_mut(),
                objective: Objective::Minimax,
                weight: 1.0,
                dz: dz.all_mut(),
                below: Some((lower, dz_below.all_mut())),
                monitors: &mut cpu.monitors(),
                state: &STATE,
            });
        }
    };
    run((3, 1), (4, 3))(&Cpu::new(Some(1)).unwrap());
    panics_with(&["linear_fwd: w", "(2, 1)", "(3, 1)"], run((2, 1), (4, 3)));
    panics_with(
        &["linear_bwd_data: dz_below", "(4, 2)", "(4, 3)"],
        run((3, 1), (4, 2)),
    );
}

#[test]
fn gather_rows_wrong_operands_are_named() {
    let gather = |records: usize, y, [of, minibatch]: [usize; 2], keep| {
        move |cpu: &Cpu| {
            let records = Records::new(5, Values::Floats(vec![0.0; 5 * records]));
            cpu.gather_rows(GatherRows {
                records: &cpu.resident(records),
                y: matrix(cpu, y).all_mut(),
                minibatches_per_step: of,
                minibatch,
                dropout: Some(Dropout { keep, ..DROPOUT }),
                state: &STATE,
            });
        }
    };
    panics_with(
        &["gather_rows: y", "(3, 4)", "(3, 5)"],
        gather(9, (3, 4), [1, 0], 0.5),
    );
    panics_with(&["gather_rows: no records"], gather(0, (3, 5), [1, 0], 0.5));
    panics_with(
        &["gather_rows: minibatch 2 of 2"],
        gather(9, (3, 5), [2, 2], 0.5),
    );
    panics_with(
        &["gather_rows: dropout", "1.5"],
        gather(9, (3, 5), [1, 0], 1.5),
    );
}

#[test]
fn parzen_wrong_operands_are_named() {
    let parzen = |points, samples, sigma| {
        move |cpu: &Cpu| {
            let [points, samples] = [points, samples].map(|size| matrix(cpu, size));
            let (points, samples) = (points.all(), samples.all());
            let op = Parzen {
                points,
                samples,
                sigmas: &[0.5, sigma],
            };
            cpu.parzen(op).unwrap();
        }
    };
    panics_with(
        &["parzen: samples", "(4, 6)", "(4, 5)"],
        parzen((3, 5), (4, 6), 1.0),
    );
    panics_with(&["parzen: no samples"], parzen((3, 5), (0, 5), 1.0));
    panics_with(&["parzen: sigma"], parzen((3, 5), (4, 5), 0.0));
    panics_with(&["parzen: sigma"], parzen((3, 5), (4, 5), f64::NAN));
}

#[test]
fn advance_with_another_schedule_is_named() {
    let slot = SlotSchedule {
        learning_rate: LearningRate::Constant { initial: 1.0 },
        momentum: Momentum::constant(0.0),
        betas: [0.9, 0.999],
        updates_per_step: 1,
        position: 0,
    };
    let schedule = Schedule {
        slots: vec![slot],
        records_per_step: 1,
        records: 1,
    };
    panics_with(&["advance: ", "0 slots", "expected 1"], |cpu| {
        cpu.advance(Advance {
            state: &mut STATE.clone(),
            schedule: &schedule,
        });
    });
}

#[derive(Clone, Copy)]
struct Tangent {
    c: Size,
    s: Size,
    w: Size,
    b: Size,
    y: Size,
    act: Activation,
    winners: Option<Size>,
    c_above: Size,
}

impl Tangent {
    const RELU: Self = Self {
        c: (3, 5),
        s: (3, 1),
        w: (5, 14),
        b: (1, 14),
        y: (3, 14),
        act: Activation::Relu,
        winners: None,
        c_above: (3, 14),
    };
    const MAXOUT: Self = Self {
        y: (3, 7),
        act: MAXOUT,
        winners: Some((3, 7)),
        c_above: (3, 7),
        ..Self::RELU
    };

    fn run(self, cpu: &Cpu) {
        let sizes = [self.c, self.s, self.w, self.b, self.y, self.c_above];
        let [c, s, w, b, y, mut c_above] = sizes.map(|size| matrix(cpu, size));
        let winners = self.winners.map(|(rows, cols)| cpu.winners(rows, cols));
        cpu.linear_tangent(LinearTangent {
            c: c.all(),
            s: s.all(),
            w: &w,
            b: &b,
            y: y.all(),
            act: self.act,
            winners: winners.as_ref().map(|winners| winners.from_row(0)),
            c_above: c_above.all_mut(),
        });
    }
}

#[test]
fn linear_tangent_wrong_operands_are_named() {
    let cpu = Cpu::new(Some(1)).unwrap();
    let (relu, maxout) = (Tangent::RELU, Tangent::MAXOUT);
    relu.run(&cpu);
    maxout.run(&cpu);
    #[rustfmt::skip] // One wrong operand a line.
    let table: &[(Tangent, &[&str])] = &[
        (Tangent { c: (3, 6), ..relu }, &["w", "(5, 14)", "(6, 14)"]),
        (Tangent { c: (2, 5), ..relu }, &["s", "(3, 1)", "(2, 1)"]),
        (Tangent { s: (3, 14), ..relu }, &["s", "(3, 14)", "(3, 1)"]),
        (Tangent { w: (5, 7), ..maxout }, &["w", "(5, 7)", "(5, 14)"]),
        (Tangent { b: (3, 14), ..relu }, &["b", "(3, 14)", "(1, 14)"]),
        (Tangent { y: (4, 14), ..relu }, &["y", "(4, 14)", "(3, 14)"]),
        (Tangent { c_above: (3, 14), ..maxout }, &["c_above", "(3, 14)", "(3, 7)"]),
        (Tangent { c_above: (2, 14), ..relu }, &["c_above", "(2, 14)", "(3, 14)"]),
        (Tangent { winners: Some((3, 6)), ..maxout }, &["winners", "(3, 6)", "(3, 7)"]),
        (Tangent { winners: Some((2, 7)), ..maxout }, &["winners", "(2, 7)", "(3, 7)"]),
        (Tangent { winners: None, ..maxout }, &["maxout needs winners"]),
        (Tangent { winners: Some((3, 14)), ..relu }, &["winners without maxout"]),
        (Tangent { act: Activation::Maxout { pieces: 256 }, ..maxout }, &["256 pieces"]),
    ];
    for (tangent, parts) in table {
        panics_with(&[&["linear_tangent: "], *parts].concat(), |cpu| {
            tangent.run(cpu)
        });
    }
}

#[test]
fn input_penalty_wrong_operands_are_named() {
    let zero = Penalty::ZeroCentred {
        data: 1.0,
        samples: 0.0,
    };
    let unit = Penalty::UnitNorm { weight: 1.0 };
    let run = |[x, q, s, c]: [Size; 4], penalty| {
        move |cpu: &Cpu| {
            let [x, q, s, mut c] = [x, q, s, c].map(|size| matrix(cpu, size));
            cpu.input_penalty(InputPenalty {
                x: x.all(),
                q: q.all(),
                s: s.all(),
                c: c.all_mut(),
                penalty,
                monitors: &mut cpu.monitors(),
            });
        }
    };
    let cpu = Cpu::new(Some(1)).unwrap();
    for penalty in [zero, unit] {
        run([(6, 5), (6, 5), (6, 1), (6, 5)], penalty)(&cpu);
    }
    #[rustfmt::skip] // One wrong operand a line.
    let table: [([Size; 4], Penalty, &[&str]); 6] = [
        ([(6, 5), (6, 4), (6, 1), (6, 5)], zero, &["q", "(6, 4)", "(6, 5)"]),
        ([(6, 5), (6, 5), (6, 5), (6, 5)], zero, &["s", "(6, 5)", "(6, 1)"]),
        ([(6, 5), (6, 5), (6, 1), (4, 5)], unit, &["c", "(4, 5)", "(6, 5)"]),
        ([(3, 5), (3, 5), (3, 1), (3, 5)], zero, &["3 rows are no 2 equal parts"]),
        ([(4, 5), (4, 5), (4, 1), (4, 5)], unit, &["4 rows are no 3 equal parts"]),
        ([(0, 5), (0, 5), (0, 1), (0, 5)], unit, &["0 rows are no 3 equal parts"]),
    ];
    for (sizes, penalty, parts) in table {
        let parts = [&["input_penalty: "], parts].concat();
        panics_with(&parts, run(sizes, penalty));
    }
}

#[test]
fn interpolate_and_repack_wrong_operands_are_named() {
    let between = |a, b, y| {
        move |cpu: &Cpu| {
            let [a, b, mut y] = [a, b, y].map(|size| matrix(cpu, size));
            cpu.interpolate(Interpolate {
                a: a.all(),
                b: b.all(),
                y: y.all_mut(),
                stream: DROPOUT.stream,
                state: &STATE,
            });
        }
    };
    panics_with(
        &["interpolate: b", "(2, 5)", "(3, 5)"],
        between((3, 5), (2, 5), (3, 5)),
    );
    panics_with(
        &["interpolate: y", "(3, 4)", "(3, 5)"],
        between((3, 5), (3, 5), (3, 4)),
    );
    let repack = |x, y| {
        move |cpu: &Cpu| {
            let [x, mut y] = [x, y].map(|size| matrix(cpu, size));
            let (x, y) = (x.all(), y.all_mut());
            cpu.repack(Repack { x, y });
        }
    };
    panics_with(&["repack: y", "(2, 8)", "(3, 5)"], repack((3, 5), (2, 8)));
}

#[test]
fn average_and_limit_spectrum_wrong_operands_are_named() {
    let average = |size, decay| {
        move |cpu: &Cpu| {
            let [w, mut average] = [(3, 5), size].map(|size| matrix(cpu, size));
            cpu.average(Average {
                w: &w,
                average: &mut average,
                decay,
            });
        }
    };
    panics_with(
        &["average: average", "(5, 3)", "(3, 5)"],
        average((5, 3), 0.5),
    );
    for decay in [1.0, -0.1, f64::NAN] {
        panics_with(&["average: decay", "below 1"], average((3, 5), decay));
    }
    let limit = |size, limit| {
        move |cpu: &Cpu| {
            let [mut w, mut direction] = [(3, 5), size].map(|size| matrix(cpu, size));
            cpu.limit_spectrum(LimitSpectrum {
                w: &mut w,
                direction: &mut direction,
                limit,
            });
        }
    };
    panics_with(
        &["limit_spectrum: direction", "(1, 3)", "(1, 5)"],
        limit((1, 3), 1.0),
    );
    for none in [0.0, f64::NAN] {
        panics_with(&["limit_spectrum: limit", "above 0"], limit((1, 5), none));
    }
}

#[test]
fn memory_wrong_sizes_are_named() {
    panics_with(&["write: ", "5", "6"], |cpu| {
        cpu.write(&mut cpu.matrix(2, 3), &[0.0; 5])
    });
    panics_with(&["matrix: rows 3+2 of 4"], |cpu| {
        let _ = cpu.matrix(4, 1).rows(3, 2);
    });
    panics_with(&["matrix: rows 0+5 of 4"], |cpu| {
        drop(cpu.matrix(4, 1).rows_mut(0, 5))
    });
    panics_with(&["matrix: stride 2", "3 columns"], |cpu| {
        drop(cpu.matrix_with_stride(1, 3, 2))
    });
}
