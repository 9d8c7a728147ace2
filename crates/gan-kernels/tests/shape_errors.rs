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
/// An operand's name, its size and what the operation says of it.
type Wrong<'a> = (&'a str, Size, &'a str);

/// Asserts that `body` panics with `text` in its message.
#[track_caller]
fn panics_with(text: &str, body: impl FnOnce(&Cpu)) {
    let cpu = Cpu::new(Some(1)).unwrap();
    let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&cpu))) else {
        panic!("no panic, expected {text:?}");
    };
    let message = panic.downcast::<String>().map(|message| *message);
    let message = message.unwrap_or_else(|other| other.downcast_ref::<&str>().unwrap().to_string());
    assert!(message.contains(text), "{message:?} is not {text:?}");
}

/// Asserts that `run` takes operands of the sizes `right`, and names each wrong one of `wrong`.
#[track_caller]
fn wrong_sizes_are_named<const N: usize>(
    op: &str,
    right: [(&str, Size); N],
    run: impl Fn(&Cpu, [Size; N]),
    wrong: &[Wrong<'_>],
) {
    run(&Cpu::new(Some(1)).unwrap(), right.map(|(_, size)| size));
    for &(operand, size, text) in wrong {
        let sizes = right.map(|(name, right)| if name == operand { size } else { right });
        panics_with(&format!("{op}: {text}"), |cpu| run(cpu, sizes));
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
const RELU: Activation = Activation::Relu;
const MAXOUT: Activation = maxout(2);
const DROPOUT: Dropout = Dropout {
    keep: 0.5,
    scale: 2.0,
    stream: Stream::new(Purpose::Dropout, 0, 0),
    first_row: 0,
};

const fn maxout(pieces: usize) -> Activation {
    Activation::Maxout { pieces }
}

fn keep(keep: f64, scale: f64) -> Option<Dropout> {
    Some(Dropout {
        keep,
        scale,
        ..DROPOUT
    })
}

/// A forward pass from x, w and b into y; `winners` tells whether there are any.
fn forward(
    act: Activation,
    winners: bool,
    dropout: Option<Dropout>,
) -> impl Fn(&Cpu, [Size; 5]) + Copy {
    move |cpu, [x, w, b, y, (rows, cols)]| {
        let [x, w, b, mut y] = [x, w, b, y].map(|size| matrix(cpu, size));
        let mut winners = winners.then(|| cpu.winners(rows, cols));
        cpu.linear_fwd(LinearFwd {
            x: x.all(),
            w: &w,
            b: &b,
            y: y.all_mut(),
            act,
            winners: winners.as_mut().map(|winners| winners.from_row_mut(0)),
            dropout,
            state: &STATE,
        });
    }
}

#[test]
fn linear_fwd_wrong_operands_are_named() {
    let relu = [
        ("x", (3, 5)),
        ("w", (5, 14)),
        ("b", (1, 14)),
        ("y", (3, 14)),
        ("winners", (3, 14)),
    ];
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("x", (3, 6), "w has shape (5, 14), expected (6, 14)"),
        ("w", (6, 14), "w has shape (6, 14), expected (5, 14)"),
        ("b", (1, 13), "b has shape (1, 13), expected (1, 14)"),
        ("b", (2, 14), "b has shape (2, 14), expected (1, 14)"),
        ("y", (4, 14), "y has shape (4, 14), expected (3, 14)"),
        ("y", (3, 13), "w has shape (5, 14), expected (5, 13)"),
    ];
    let run = forward(RELU, false, Some(DROPOUT));
    wrong_sizes_are_named("linear_fwd", relu, run, &wrong);
    let mut of_maxout = relu;
    of_maxout[3].1 = (3, 7);
    of_maxout[4].1 = (3, 7);
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("w", (5, 7), "w has shape (5, 7), expected (5, 14)"),
        ("winners", (3, 6), "winners has shape (3, 6), expected (3, 7)"),
        ("winners", (2, 7), "winners has shape (2, 7), expected (3, 7)"),
    ];
    let run = forward(MAXOUT, true, Some(DROPOUT));
    wrong_sizes_are_named("linear_fwd", of_maxout, run, &wrong);
    // Four blocks of words a row.
    let beyond = Some(Dropout {
        first_row: 1 << 30,
        ..DROPOUT
    });
    #[rustfmt::skip] // One wrong variant a line.
    let table = [
        (RELU, false, beyond, "row 1073741827 of a dropout mask lies beyond the address space"),
        (RELU, false, keep(0.0, 1.0), "dropout keeps 0 at scale 1"),
        (RELU, false, keep(1.0, 1.0), "dropout keeps 1 at scale 1"),
        (RELU, false, keep(0.5, 0.0), "dropout keeps 0.5 at scale 0"),
        (RELU, true, None, "winners without maxout"),
        (MAXOUT, false, None, "maxout needs winners"),
        (maxout(1), true, None, "1 pieces, expected 2 to 255"),
        (maxout(256), true, None, "256 pieces"),
    ];
    for (act, winners, dropout, text) in table {
        let sizes = if act == RELU { relu } else { of_maxout }.map(|(_, size)| size);
        panics_with(&format!("linear_fwd: {text}"), |cpu| {
            forward(act, winners, dropout)(cpu, sizes)
        });
    }
}

/// The way back from dz through w to the layer below, whose output is y.
fn backward(
    act: Activation,
    winners: bool,
    dropout: Option<Dropout>,
) -> impl Fn(&Cpu, [Size; 5]) + Copy {
    move |cpu, [dz, w, y, dz_below, (rows, cols)]| {
        let [dz, w, y, mut dz_below] = [dz, w, y, dz_below].map(|size| matrix(cpu, size));
        let winners = winners.then(|| cpu.winners(rows, cols));
        cpu.linear_bwd_data(LinearBwdData {
            dz: dz.all(),
            w: &w,
            below: Below {
                y: y.all(),
                act,
                winners: winners.as_ref().map(|winners| winners.from_row(0)),
                dropout,
            },
            dz_below: dz_below.all_mut(),
            state: &STATE,
        });
    }
}

#[test]
fn linear_bwd_data_wrong_operands_are_named() {
    let relu = [
        ("dz", (3, 5)),
        ("w", (7, 5)),
        ("y", (3, 7)),
        ("dz_below", (3, 7)),
        ("winners", (3, 7)),
    ];
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("dz", (3, 4), "w has shape (7, 5), expected (7, 4)"),
        ("dz", (2, 5), "below.y has shape (3, 7), expected (2, 7)"),
        ("w", (7, 4), "w has shape (7, 4), expected (7, 5)"),
        ("w", (6, 5), "below.y has shape (3, 7), expected (3, 6)"),
        ("y", (3, 8), "below.y has shape (3, 8), expected (3, 7)"),
        ("dz_below", (3, 8), "dz_below has shape (3, 8), expected (3, 7)"),
        ("dz_below", (4, 7), "dz_below has shape (4, 7), expected (3, 7)"),
    ];
    wrong_sizes_are_named("linear_bwd_data", relu, backward(RELU, false, None), &wrong);
    let mut of_maxout = relu;
    of_maxout[3].1 = (3, 14);
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("dz_below", (3, 7), "dz_below has shape (3, 7), expected (3, 14)"),
        ("winners", (3, 6), "below.winners has shape (3, 6), expected (3, 7)"),
        ("winners", (2, 7), "below.winners has shape (2, 7), expected (3, 7)"),
    ];
    let run = backward(MAXOUT, true, None);
    wrong_sizes_are_named("linear_bwd_data", of_maxout, run, &wrong);
    for (act, winners, dropout, text) in [
        (MAXOUT, false, None, "maxout needs winners"),
        (RELU, true, None, "winners without maxout"),
        (maxout(0), false, None, "0 pieces, expected 2 to 255"),
        (RELU, false, keep(1.0, 2.0), "dropout keeps 1 at scale 2"),
    ] {
        let sizes = of_maxout.map(|(_, size)| size);
        let sizes = if act == RELU {
            relu.map(|(_, size)| size)
        } else {
            sizes
        };
        panics_with(&format!("linear_bwd_data: {text}"), |cpu| {
            backward(act, winners, dropout)(cpu, sizes)
        });
    }
}

/// An update of w and b, whose moments are those of w and of b, and again.
fn update(update: Update, slot: usize, is_weighted: bool) -> impl Fn(&Cpu, [Size; 9]) + Copy {
    move |cpu, [x, dz, s, w, b, w1, b1, w2, b2]| {
        let [x, dz, s] = [x, dz, s].map(|size| matrix(cpu, size));
        let [mut w, mut b] = [w, b].map(|size| matrix(cpu, size));
        let mut moments = [[w1, b1], [w2, b2]].map(|pair| pair.map(|size| matrix(cpu, size)));
        let rates = Rates {
            learning_rate: 0.1,
            momentum: 0.5,
            first_correction: 1.0,
            second_correction: 1.0,
        };
        cpu.linear_bwd_params(LinearBwdParams {
            x: x.all(),
            dz: dz.all(),
            bias_weights: is_weighted.then_some(s.all()),
            w: &mut w,
            b: &mut b,
            moments: &mut moments[..update.moments()],
            update,
            slot,
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
    let right = [
        ("x", (3, 5)),
        ("dz", (3, 7)),
        ("s", (3, 1)),
        ("w", (5, 7)),
        ("b", (1, 7)),
        ("first of w", (5, 7)),
        ("first of b", (1, 7)),
        ("second of w", (5, 7)),
        ("second of b", (1, 7)),
    ];
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("x", (3, 6), "w has shape (5, 7), expected (6, 7)"),
        ("x", (2, 5), "dz has shape (3, 7), expected (2, 7)"),
        ("dz", (4, 7), "dz has shape (4, 7), expected (3, 7)"),
        ("s", (2, 1), "bias_weights has shape (2, 1), expected (3, 1)"),
        ("s", (3, 7), "bias_weights has shape (3, 7), expected (3, 1)"),
        ("w", (5, 8), "w has shape (5, 8), expected (5, 7)"),
        ("b", (1, 8), "b has shape (1, 8), expected (1, 7)"),
        ("first of w", (5, 8), "moment of w has shape (5, 8), expected (5, 7)"),
        ("first of b", (2, 7), "moment of b has shape (2, 7), expected (1, 7)"),
        // Adam alone has these.
        ("second of w", (4, 7), "moment of w has shape (4, 7), expected (5, 7)"),
        ("second of b", (1, 6), "moment of b has shape (1, 6), expected (1, 7)"),
    ];
    let adam = Update::Adam(Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
    });
    let sizes = right.map(|(_, size)| size);
    for (rule, wrong) in [(Update::Momentum, &wrong[..9]), (adam, &wrong[..])] {
        wrong_sizes_are_named("linear_bwd_params", right, update(rule, 0, true), wrong);
        update(rule, 0, false)(&Cpu::new(Some(1)).unwrap(), sizes);
        panics_with("linear_bwd_params: slot 1 of a state with 1", |cpu| {
            update(rule, 1, true)(cpu, sizes)
        });
    }
}

#[test]
fn logit_loss_wrong_operands_are_named() {
    let loss = |objective| {
        move |cpu: &Cpu, sizes: [Size; 2]| {
            let [logits, mut dz] = sizes.map(|size| matrix(cpu, size));
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
    let wrong = [
        ("logits", (4, 2), "logits has shape (4, 2), expected (4, 1)"),
        ("dz", (3, 1), "dz has shape (3, 1), expected (4, 1)"),
    ];
    let right = [("logits", (4, 1)), ("dz", (4, 1))];
    wrong_sizes_are_named("logit_loss", right, loss(Objective::Minimax), &wrong);
    for of_halves in [Objective::Discriminator, Objective::RelativisticGenerator] {
        panics_with("logit_loss: 3 rows are no two halves", |cpu| {
            loss(of_halves)(cpu, [(3, 1), (3, 1)]);
        });
    }
    panics_with("logit_loss: no rows", |cpu| {
        loss(Objective::Minimax)(cpu, [(0, 1), (0, 1)]);
    });
}

#[test]
fn linear_logit_loss_names_wrong_operands_as_its_parts_do() {
    let run = |cpu: &Cpu, [w, below]: [Size; 2]| {
        let [x, w, b] = [(4, 3), w, (1, 1)].map(|size| matrix(cpu, size));
        let [mut logits, mut dz, mut dz_below] =
            [(4, 1), (4, 1), below].map(|size| matrix(cpu, size));
        let lower = Below {
            y: x.all(),
            act: RELU,
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
    };
    let right = [("w", (3, 1)), ("dz_below", (4, 3))];
    let wrong = [("w", (2, 1), "w has shape (2, 1), expected (3, 1)")];
    wrong_sizes_are_named("linear_fwd", right, run, &wrong);
    let text = "dz_below has shape (4, 2), expected (4, 3)";
    wrong_sizes_are_named("linear_bwd_data", right, run, &[("dz_below", (4, 2), text)]);
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
    for (records, y, minibatches, keep, text) in [
        (
            9,
            (3, 4),
            [1, 0],
            0.5,
            "y has shape (3, 4), expected (3, 5)",
        ),
        (0, (3, 5), [1, 0], 0.5, "no records"),
        (9, (3, 5), [2, 2], 0.5, "minibatch 2 of 2"),
        (9, (3, 5), [1, 0], 1.5, "dropout keeps 1.5"),
    ] {
        let text = format!("gather_rows: {text}");
        panics_with(&text, gather(records, y, minibatches, keep));
    }
}

#[test]
fn parzen_wrong_operands_are_named() {
    let parzen = |samples, sigma| {
        move |cpu: &Cpu| {
            let [points, samples] = [(3, 5), samples].map(|size| matrix(cpu, size));
            let (points, samples) = (points.all(), samples.all());
            let op = Parzen {
                points,
                samples,
                sigmas: &[0.5, sigma],
            };
            cpu.parzen(op).unwrap();
        }
    };
    for (samples, sigma, text) in [
        ((4, 6), 1.0, "samples has shape (4, 6), expected (4, 5)"),
        ((0, 5), 1.0, "no samples"),
        ((4, 5), 0.0, "sigma"),
        ((4, 5), f64::NAN, "sigma"),
    ] {
        panics_with(&format!("parzen: {text}"), parzen(samples, sigma));
    }
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
    panics_with("advance: state has 0 slots, expected 1", |cpu| {
        cpu.advance(Advance {
            state: &mut STATE.clone(),
            schedule: &schedule,
        });
    });
}

/// A layer's tangent, from c, s, w, b and y into c_above.
fn tangent(act: Activation, winners: bool) -> impl Fn(&Cpu, [Size; 7]) + Copy {
    move |cpu, [c, s, w, b, y, c_above, (rows, cols)]| {
        let [c, s, w, b, y] = [c, s, w, b, y].map(|size| matrix(cpu, size));
        let mut c_above = matrix(cpu, c_above);
        let winners = winners.then(|| cpu.winners(rows, cols));
        cpu.linear_tangent(LinearTangent {
            c: c.all(),
            s: s.all(),
            w: &w,
            b: &b,
            y: y.all(),
            act,
            winners: winners.as_ref().map(|winners| winners.from_row(0)),
            c_above: c_above.all_mut(),
        });
    }
}

#[test]
fn linear_tangent_wrong_operands_are_named() {
    let relu = [
        ("c", (3, 5)),
        ("s", (3, 1)),
        ("w", (5, 14)),
        ("b", (1, 14)),
        ("y", (3, 14)),
        ("c_above", (3, 14)),
        ("winners", (3, 14)),
    ];
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("c", (3, 6), "w has shape (5, 14), expected (6, 14)"),
        ("c", (2, 5), "s has shape (3, 1), expected (2, 1)"),
        ("s", (3, 14), "s has shape (3, 14), expected (3, 1)"),
        ("b", (3, 14), "b has shape (3, 14), expected (1, 14)"),
        ("y", (4, 14), "y has shape (4, 14), expected (3, 14)"),
        ("c_above", (2, 14), "c_above has shape (2, 14), expected (3, 14)"),
    ];
    wrong_sizes_are_named("linear_tangent", relu, tangent(RELU, false), &wrong);
    let mut of_maxout = relu;
    (4..7).for_each(|operand| of_maxout[operand].1 = (3, 7));
    #[rustfmt::skip] // One wrong operand a line.
    let wrong = [
        ("w", (5, 7), "w has shape (5, 7), expected (5, 14)"),
        ("c_above", (3, 14), "c_above has shape (3, 14), expected (3, 7)"),
        ("winners", (3, 6), "winners has shape (3, 6), expected (3, 7)"),
        ("winners", (2, 7), "winners has shape (2, 7), expected (3, 7)"),
    ];
    wrong_sizes_are_named("linear_tangent", of_maxout, tangent(MAXOUT, true), &wrong);
    for (act, winners, sizes, text) in [
        (MAXOUT, false, of_maxout, "maxout needs winners"),
        (RELU, true, relu, "winners without maxout"),
        (maxout(256), true, of_maxout, "256 pieces"),
    ] {
        panics_with(&format!("linear_tangent: {text}"), |cpu| {
            tangent(act, winners)(cpu, sizes.map(|(_, size)| size))
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
    let run = |penalty| {
        move |cpu: &Cpu, sizes: [Size; 4]| {
            let [x, q, s, mut c] = sizes.map(|size| matrix(cpu, size));
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
    let right = [("x", (6, 5)), ("q", (6, 5)), ("s", (6, 1)), ("c", (6, 5))];
    let wrong = [
        ("q", (6, 4), "q has shape (6, 4), expected (6, 5)"),
        ("s", (6, 5), "s has shape (6, 5), expected (6, 1)"),
        ("c", (4, 5), "c has shape (4, 5), expected (6, 5)"),
    ];
    for penalty in [zero, unit] {
        wrong_sizes_are_named("input_penalty", right, run(penalty), &wrong);
    }
    for (rows, penalty, parts) in [(3, zero, 2), (4, unit, 3), (0, unit, 3)] {
        let text = format!("input_penalty: {rows} rows are no {parts} equal parts");
        panics_with(&text, |cpu| {
            run(penalty)(cpu, [(rows, 5), (rows, 5), (rows, 1), (rows, 5)]);
        });
    }
}

#[test]
fn interpolate_and_repack_wrong_operands_are_named() {
    let between = |cpu: &Cpu, sizes: [Size; 3]| {
        let [a, b, mut y] = sizes.map(|size| matrix(cpu, size));
        cpu.interpolate(Interpolate {
            a: a.all(),
            b: b.all(),
            y: y.all_mut(),
            stream: DROPOUT.stream,
            state: &STATE,
        });
    };
    let right = [("a", (3, 5)), ("b", (3, 5)), ("y", (3, 5))];
    let wrong = [
        ("b", (2, 5), "b has shape (2, 5), expected (3, 5)"),
        ("y", (3, 4), "y has shape (3, 4), expected (3, 5)"),
    ];
    wrong_sizes_are_named("interpolate", right, between, &wrong);
    let repack = |cpu: &Cpu, sizes: [Size; 2]| {
        let [x, mut y] = sizes.map(|size| matrix(cpu, size));
        let (x, y) = (x.all(), y.all_mut());
        cpu.repack(Repack { x, y });
    };
    let text = "y has shape (2, 8), expected as many values as x of shape (3, 5)";
    let right = [("x", (3, 5)), ("y", (5, 3))];
    wrong_sizes_are_named("repack", right, repack, &[("y", (2, 8), text)]);
}

#[test]
fn average_and_limit_spectrum_wrong_operands_are_named() {
    let average = |decay| {
        move |cpu: &Cpu, sizes: [Size; 2]| {
            let [w, mut average] = sizes.map(|size| matrix(cpu, size));
            cpu.average(Average {
                w: &w,
                average: &mut average,
                decay,
            });
        }
    };
    let right = [("w", (3, 5)), ("average", (3, 5))];
    let text = "average has shape (5, 3), expected (3, 5)";
    wrong_sizes_are_named("average", right, average(0.5), &[("average", (5, 3), text)]);
    for decay in [1.0, -0.1, f64::NAN] {
        let text = format!("average: decay {decay}, expected at least 0, below 1");
        panics_with(&text, |cpu| average(decay)(cpu, [(3, 5), (3, 5)]));
    }
    let limit = |limit| {
        move |cpu: &Cpu, sizes: [Size; 2]| {
            let [mut w, mut direction] = sizes.map(|size| matrix(cpu, size));
            cpu.limit_spectrum(LimitSpectrum {
                w: &mut w,
                direction: &mut direction,
                limit,
            });
        }
    };
    let right = [("w", (3, 5)), ("direction", (1, 5))];
    let text = "direction has shape (1, 3), expected (1, 5)";
    let wrong = [("direction", (1, 3), text)];
    wrong_sizes_are_named("limit_spectrum", right, limit(1.0), &wrong);
    for none in [0.0, f64::NAN] {
        let text = format!("limit_spectrum: limit {none}, expected above 0");
        panics_with(&text, |cpu| limit(none)(cpu, [(3, 5), (1, 5)]));
    }
}

#[test]
fn memory_wrong_sizes_are_named() {
    panics_with("write: number of values\n  left: 5\n right: 6", |cpu| {
        cpu.write(&mut cpu.matrix(2, 3), &[0.0; 5])
    });
    panics_with("matrix: rows 3+2 of 4", |cpu| {
        let _ = cpu.matrix(4, 1).rows(3, 2);
    });
    panics_with("matrix: rows 0+5 of 4", |cpu| {
        drop(cpu.matrix(4, 1).rows_mut(0, 5))
    });
    panics_with("matrix: stride 2 is less than 3 columns", |cpu| {
        drop(cpu.matrix_with_stride(1, 3, 2))
    });
}
