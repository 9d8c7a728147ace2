//! The players as graphs of ONNX.

use std::ops::Range;

use gan_data::{ColumnEncoding, Encoding, RecordShape, Style, TableShape, Transform};
use gan_kernels::Activation;
use gan_model::{Conditions, LayerValues};

use super::onnx::{Graph, Kind, Name, Setting};
use crate::calibration::{Calibrated, Ranks};
use crate::model::Model;
use crate::problem::Problem;

/// D: records in the players' units to the probability that they are data.
pub(super) fn discriminator(layers: &[LayerValues]) -> Result<Graph, Problem> {
    let mut graph = Graph::default();
    let inputs = layers.first().map_or(0, |layer| layer.inputs);
    let records = graph.add_input("records", inputs);
    let probability = run_layers(&mut graph, records, layers)?;
    graph.add_output("probability", Kind::Single, &[1], &probability);
    Ok(graph)
}

/// G: latents, conditions where it is given some, and for a mixed table the uniform numbers that
/// decide its levels, to records in the user's units.
pub(super) fn generator(
    model: &Model,
    layers: &[LayerValues],
    calibrated: Option<&Calibrated>,
) -> Result<Graph, Problem> {
    let mut graph = Graph::default();
    let latents = graph.add_input("latents", model.game()?.generator.latent);
    let given = model.conditions.as_ref();
    let conditions = given.map(|given| graph.add_input("conditions", given.width()));
    let z = match &conditions {
        None => latents,
        Some(conditions) => graph.run_with(
            "Concat",
            &[&latents, conditions],
            vec![Setting::integer("axis", 1)],
        ),
    };
    let made = run_layers(&mut graph, z, layers)?;
    let (shape, transform) = (&model.record.shape, &model.record.transform);
    if let (Transform::Columns(encoding), RecordShape::Table(table)) = (transform, shape) {
        let given = given.zip(conditions.as_ref());
        mixed_table(&mut graph, &made, (encoding, table), given, calibrated);
        return Ok(graph);
    }
    let own = match model.record.labels {
        None => made,
        Some(_) => graph.columns(&made, 0, model.cols),
    };
    let values = user_units(&mut graph, own, transform);
    match shape {
        RecordShape::Image {
            height,
            width,
            channels,
        } => {
            let shape = [*channels, *height, *width];
            let values = graph.cast(&values, Kind::Single);
            let axes = shape.map(|axis| axis as i64);
            let axes = graph.integers(&[4], &[&[0], &axes[..]].concat());
            let images = graph.run("Reshape", &[&values, &axes]);
            graph.add_output("images", Kind::Single, &shape, &images);
        }
        RecordShape::Vector { double, whole, .. } => {
            let kind = if *double { Kind::Double } else { Kind::Single };
            let values = with_whole_columns(&mut graph, values, whole);
            let values = graph.cast(&values, kind);
            graph.add_output("samples", kind, &[model.cols], &values);
        }
        RecordShape::Table(table) => {
            let values = graph.cast(&values, Kind::Double);
            for (at, (name, style)) in table.learnt().enumerate() {
                let value = one_column(&mut graph, &values, at);
                add_cells(&mut graph, name, style, &value);
            }
        }
        other => {
            let text = format!("records of the shape {other:?} have no form in ONNX yet");
            return Err(Problem::failed(text));
        }
    }
    Ok(graph)
}

/// φ(x·W + b), layer after layer.
fn run_layers(graph: &mut Graph, x: Name, layers: &[LayerValues]) -> Result<Name, Problem> {
    let mut x = x;
    for layer in layers {
        let weights = graph.singles(&[layer.inputs, layer.bias.len()], &layer.weights);
        let bias = graph.singles(&[layer.bias.len()], &layer.bias);
        let z = graph.run("Gemm", &[&x, &weights, &bias]);
        x = match layer.activation {
            Activation::Identity => z,
            Activation::Relu => graph.run("Relu", &[&z]),
            Activation::LeakyRelu { slope } => {
                graph.run_with("LeakyRelu", &[&z], vec![Setting::real("alpha", slope)])
            }
            Activation::Sigmoid => graph.run("Sigmoid", &[&z]),
            Activation::Tanh => graph.run("Tanh", &[&z]),
            Activation::Maxout { pieces } => {
                // The pieces of a unit are neighbours; 0 keeps the number of records.
                let shape = [0, layer.units() as i64, pieces as i64];
                let shape = graph.integers(&[3], &shape);
                let pieces = graph.run("Reshape", &[&z, &shape]);
                let along = vec![
                    Setting::integers("axes", &[2]),
                    Setting::integer("keepdims", 0),
                ];
                graph.run_with("ReduceMax", &[&pieces], along)
            }
            other => {
                let text = format!("activation {other:?} has no form in ONNX yet");
                return Err(Problem::failed(text));
            }
        };
    }
    Ok(x)
}

/// The way back of records that are not mixed.
fn user_units(graph: &mut Graph, values: Name, transform: &Transform) -> Name {
    let to_bytes = |graph: &mut Graph, scale: f64, offset: f64| {
        let values = graph.cast(&values, Kind::Double);
        let [scale, offset, low, high] =
            [scale, offset, 0.0, 255.0].map(|number| graph.doubles(&[], &[number]));
        let scaled = graph.run("Mul", &[&values, &scale]);
        let moved = graph.run("Add", &[&scaled, &offset]);
        graph.run("Clip", &[&moved, &low, &high])
    };
    match transform {
        Transform::Pixels => to_bytes(graph, 255.0, 0.0),
        Transform::Gcn {
            norm,
            contrast,
            brightness,
        } => to_bytes(graph, contrast / norm, *brightness),
        Transform::Standardize { mean, std, limits } => {
            let values = graph.cast(&values, Kind::Double);
            let [mean, std] = [mean, std].map(|numbers| graph.doubles(&[numbers.len()], numbers));
            let scaled = graph.run("Mul", &[&values, &std]);
            let mut moved = graph.run("Add", &[&scaled, &mean]);
            for (operation, end) in [("Max", 0), ("Min", 1)] {
                let ends: Vec<f64> = limits.iter().map(|limits| limits[end]).collect();
                if !ends.is_empty() {
                    let ends = graph.doubles(&[ends.len()], &ends);
                    moved = graph.run(operation, &[&moved, &ends]);
                }
            }
            moved
        }
        _ => values,
    }
}

/// Values whose columns that hold `whole` numbers alone are rounded.
fn with_whole_columns(graph: &mut Graph, values: Name, whole: &[bool]) -> Name {
    if !whole.contains(&true) {
        return values;
    }
    let values = graph.cast(&values, Kind::Double);
    let rounded = graph.run("Round", &[&values]);
    let off = graph.run("Sub", &[&rounded, &values]);
    let of_whole: Vec<f64> = whole
        .iter()
        .map(|&whole| f64::from(u8::from(whole)))
        .collect();
    let of_whole = graph.doubles(&[whole.len()], &of_whole);
    let off = graph.run("Mul", &[&off, &of_whole]);
    graph.run("Add", &[&values, &off])
}

/// Column `at` of a matrix, as a vector.
fn one_column(graph: &mut Graph, matrix: &Name, at: usize) -> Name {
    let column = graph.columns(matrix, at, at + 1);
    let axis = graph.integers(&[1], &[1]);
    graph.run("Squeeze", &[&column, &axis])
}

/// The columns of a mixed table, each an output of its own.
fn mixed_table(
    graph: &mut Graph,
    made: &Name,
    (encoding, table): (&Encoding, &TableShape),
    given: Option<(&Conditions, &Name)>,
    calibrated: Option<&Calibrated>,
) {
    let uniforms = graph.add_input("uniforms", encoding.width());
    // Gumbel noise, under which the largest logit is a level drawn by softmax.
    let mut noise = uniforms;
    for _ in 0..2 {
        let logarithm = graph.run("Log", &[&noise]);
        noise = graph.run("Neg", &[&logarithm]);
    }
    let mut noisy = graph.run("Add", &[made, &noise]);
    let mut ranks = calibrated.map_or(&[][..], Calibrated::ranks).iter();
    if let Some(calibrated) = calibrated {
        let summands: Vec<f32> = calibrated.summands().iter().map(|&it| it as f32).collect();
        let summands = graph.singles(&[summands.len()], &summands);
        noisy = graph.run("Add", &[&noisy, &summands]);
    }
    let mut first = 0;
    let mut first_given = 0;
    let columns = encoding.columns().iter().zip(table.learnt_columns());
    for (encoding, (column, style)) in columns {
        let head = encoding.head();
        let levels = first + usize::from(head.scalar)..first + head.width();
        let is_given = given.filter(|(given, _)| given.columns().contains(&levels));
        let level = match is_given {
            Some((_, conditions)) => {
                let own = first_given..first_given + levels.len();
                first_given = own.end;
                Some(largest(graph, conditions, own))
            }
            None => (!levels.is_empty()).then(|| largest(graph, &noisy, levels.clone())),
        };
        let scalar = head.scalar.then(|| {
            let scalar = one_column(graph, made, first);
            let rank = match ranks.next() {
                Some(ranks) => rank_among(graph, &scalar, ranks),
                None => normal_rank(graph, &scalar),
            };
            quantile(graph, &rank, encoding.order())
        });
        first = levels.end;
        let blank = column.blank.clone().unwrap_or_default();
        match (level, scalar, style.levels()) {
            (Some(level), None, Some(texts)) => {
                let known = encoding.values().iter();
                let texts = known.map(|&value| texts.get(value as usize).cloned());
                let blank = encoding.blanks().map(|_| Some(blank));
                let texts: Vec<String> =
                    texts.chain(blank).map(Option::unwrap_or_default).collect();
                let texts = graph.texts(&texts);
                let cells = graph.run("Gather", &[&texts, &level]);
                graph.add_output(&column.name, Kind::Text, &[], &cells);
            }
            (None, Some(value), _) => add_cells(graph, &column.name, style, &value),
            (Some(level), scalar, _) => {
                let value = value_of_level(graph, encoding, &level, scalar);
                add_cells(graph, &column.name, style, &value);
            }
            (None, None, _) => {}
        }
    }
}

/// The place of the largest of some columns.
fn largest(graph: &mut Graph, matrix: &Name, columns: Range<usize>) -> Name {
    let own = graph.columns(matrix, columns.start, columns.end);
    let along = vec![Setting::integer("axis", 1), Setting::integer("keepdims", 0)];
    graph.run_with("ArgMax", &[&own], along)
}

/// The value of a level: level 0 is the scalar's, where there is a scalar.
fn value_of_level(
    graph: &mut Graph,
    encoding: &ColumnEncoding,
    level: &Name,
    scalar: Option<Name>,
) -> Name {
    let mut values = vec![f64::NAN; usize::from(scalar.is_some())];
    values.extend(encoding.values());
    values.extend(encoding.blanks().map(|_| f64::NAN));
    let values = graph.doubles(&[values.len()], &values);
    let value = graph.run("Gather", &[&values, level]);
    let Some(scalar) = scalar else {
        return value;
    };
    let own = graph.integers(&[], &[0]);
    let is_scalar = graph.run("Equal", &[level, &own]);
    graph.run("Where", &[&is_scalar, &scalar, &value])
}

/// The rank of a normal score: its share of the standard normal distribution.
fn normal_rank(graph: &mut Graph, score: &Name) -> Name {
    let [root, one, half] =
        [std::f32::consts::FRAC_1_SQRT_2, 1.0, 0.5].map(|number| graph.singles(&[], &[number]));
    let scaled = graph.run("Mul", &[score, &root]);
    let erf = graph.run("Erf", &[&scaled]);
    let moved = graph.run("Add", &[&erf, &one]);
    let rank = graph.run("Mul", &[&moved, &half]);
    graph.cast(&rank, Kind::Double)
}

/// The rank of a scalar among the draws of a calibration, on the line between its neighbours.
fn rank_among(graph: &mut Graph, scalar: &Name, ranks: &Ranks) -> Name {
    let last = ranks.scalars.len() as i64 - 1;
    let knots = graph.singles(&[1, ranks.scalars.len()], &ranks.scalars);
    let axis = graph.integers(&[1], &[1]);
    let column = graph.run("Unsqueeze", &[scalar, &axis]);
    let are_less = graph.run("Less", &[&knots, &column]);
    let are_less = graph.cast(&are_less, Kind::Integer);
    let keep = vec![Setting::integer("keepdims", 0)];
    let above = graph.run_with("ReduceSum", &[&are_less, &axis], keep);
    let [zero, one, last] = [0, 1, last].map(|number| graph.integers(&[], &[number]));
    let below = graph.run("Sub", &[&above, &one]);
    let [below, above] = [below, above].map(|at| graph.run("Clip", &[&at, &zero, &last]));
    let scalars: Vec<f64> = ranks.scalars.iter().map(|&it| f64::from(it)).collect();
    let [scalars, ranks] = [&scalars, &ranks.ranks].map(|it| graph.doubles(&[it.len()], it));
    let at = |graph: &mut Graph, of: &Name, place: &Name| graph.run("Gather", &[of, place]);
    let [start, end] = [&below, &above].map(|place| at(graph, &scalars, place));
    let [low, high] = [&below, &above].map(|place| at(graph, &ranks, place));
    // Beyond either end both neighbours are the end itself, and no part of nothing is added.
    let span = graph.run("Sub", &[&end, &start]);
    let is_end = graph.run("Equal", &[&below, &above]);
    let whole = graph.doubles(&[], &[1.0]);
    let span = graph.run("Where", &[&is_end, &whole, &span]);
    let scalar = graph.cast(scalar, Kind::Double);
    let from_start = graph.run("Sub", &[&scalar, &start]);
    let part = graph.run("Div", &[&from_start, &span]);
    let rise = graph.run("Sub", &[&high, &low]);
    let rise = graph.run("Mul", &[&part, &rise]);
    graph.run("Add", &[&low, &rise])
}

/// The value at a rank among the order statistics of a column, as
/// [`ColumnEncoding`] decodes it.
fn quantile(graph: &mut Graph, rank: &Name, order: &[f64]) -> Name {
    let last = order.len() - 1;
    let [count, half, zero, last, near, one] =
        [order.len() as f64, 0.5, 0.0, last as f64, 1e-3, 1.0]
            .map(|number| graph.doubles(&[], &[number]));
    let order = graph.doubles(&[order.len()], order);
    let at = graph.run("Mul", &[rank, &count]);
    let at = graph.run("Sub", &[&at, &half]);
    let at = graph.run("Clip", &[&at, &zero, &last]);
    // What 32 bits miss of a value that was there is made good.
    let whole = graph.run("Round", &[&at]);
    let away = graph.run("Sub", &[&at, &whole]);
    let away = graph.run("Abs", &[&away]);
    let is_near = graph.run("Less", &[&away, &near]);
    let at = graph.run("Where", &[&is_near, &whole, &at]);
    let below = graph.run("Floor", &[&at]);
    let part = graph.run("Sub", &[&at, &below]);
    let above = graph.run("Add", &[&below, &one]);
    let above = graph.run("Min", &[&above, &last]);
    let [low, high] = [below, above].map(|place| {
        let place = graph.cast(&place, Kind::Integer);
        graph.run("Gather", &[&order, &place])
    });
    let rest = graph.run("Sub", &[&one, &part]);
    let low_part = graph.run("Mul", &[&low, &rest]);
    let high_part = graph.run("Mul", &[&high, &part]);
    let value = graph.run("Add", &[&low_part, &high_part]);
    let value = graph.run("Max", &[&value, &low]);
    graph.run("Min", &[&value, &high])
}

/// An output of the cells of a column: texts, or numbers rounded as the column is; times are days or
/// seconds since 1970, and blanks NaN.
fn add_cells(graph: &mut Graph, name: &str, style: &Style, value: &Name) {
    if let Some(texts) = style.levels() {
        let whole = graph.run("Round", &[value]);
        let [zero, last] =
            [0.0, texts.len() as f64 - 1.0].map(|number| graph.doubles(&[], &[number]));
        let place = graph.run("Clip", &[&whole, &zero, &last]);
        let place = graph.cast(&place, Kind::Integer);
        let texts = graph.texts(texts);
        let cells = graph.run("Gather", &[&texts, &place]);
        return graph.add_output(name, Kind::Text, &[], &cells);
    }
    let mut value = value.clone();
    if let Some([times, over]) = style.rounding() {
        let [times, over] = [times, over].map(|number| graph.doubles(&[], &[number]));
        for (operation, number) in [("Mul", &times), ("Div", &over)] {
            value = graph.run(operation, &[&value, number]);
        }
        value = graph.run("Round", &[&value]);
        for (operation, number) in [("Mul", &over), ("Div", &times)] {
            value = graph.run(operation, &[&value, number]);
        }
    }
    graph.add_output(name, Kind::Double, &[], &value);
}
