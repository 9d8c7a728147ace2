//! Encodings against the values that they are of.

use super::*;

const NONE: f64 = f64::NAN;

/// The encoding of one column, all of whose values train, and what it makes of each.
fn encoded(values: &[f64], texts: Option<usize>) -> (Encoding, Vec<Vec<f32>>) {
    let (encoding, records) = Encoding::fit(values, &[texts], 0..values.len(), 3);
    let row = |index: usize| {
        let mut row = vec![0.0; records.cols()];
        records.copy_row(index, &mut row);
        row
    };
    encoding.check(&[texts]).unwrap();
    assert_eq!(encoding.shares().len(), encoding.width());
    let rows = (0..values.len()).map(row).collect();
    (encoding, rows)
}

/// Values from 1000 on, all different.
fn different(count: usize) -> Vec<f64> {
    // 7919 is prime, so that they are in no order.
    (0..count)
        .map(|i| 1000.0 + (i * 7919 % count) as f64)
        .collect()
}

#[test]
fn columns_are_levels_or_scalars_or_both() {
    let head = |scalar, levels| Head { scalar, levels };
    let blanks = [vec![NONE; 3], different(30)].concat();
    let zeros = [different(90), vec![0.0; 10]].concat();
    let both = [vec![NONE; 4], zeros.clone(), vec![-9.0; 50]].concat();
    for (name, values, texts, expected, levels) in [
        (
            "texts",
            vec![0.0, 2.0, 0.0],
            Some(3),
            head(false, 3),
            vec![0.0, 1.0, 2.0],
        ),
        (
            "texts and a blank",
            vec![0.0, NONE, 0.0],
            Some(1),
            head(false, 2),
            vec![0.0],
        ),
        (
            "few",
            vec![2.5, -1.0, 2.5, 7.0],
            None,
            head(false, 3),
            vec![-1.0, 2.5, 7.0],
        ),
        (
            "few and blanks",
            vec![NONE, 1.0, 2.0],
            None,
            head(false, 3),
            vec![1.0, 2.0],
        ),
        ("25", different(25), None, head(false, 25), different(25)),
        ("26", different(26).repeat(5), None, head(true, 0), vec![]),
        ("blanks", blanks, None, head(true, 2), vec![]),
        ("zeros", zeros, None, head(true, 2), vec![0.0]),
        ("all", both, None, head(true, 4), vec![-9.0, 0.0]),
        ("one number", vec![4.0; 3], None, head(true, 0), vec![]),
    ] {
        let (encoding, rows) = encoded(&values, texts);
        assert_eq!(encoding.heads(), [expected], "{name}");
        let mut levels = levels;
        levels.sort_by(f64::total_cmp);
        assert_eq!(encoding.columns()[0].values(), levels, "{name}");
        for (row, value) in rows.iter().zip(&values) {
            // One level holds, and the scalar is 0 under any but its own.
            let (scalar, hot) = row.split_at(usize::from(expected.scalar));
            assert_eq!(
                hot.iter().sum::<f32>(),
                f32::from(u8::from(!hot.is_empty())),
                "{name}"
            );
            assert!(hot.iter().all(|hot| *hot == 0.0 || *hot == 1.0), "{name}");
            if hot.first() == Some(&0.0) {
                assert!(scalar.iter().all(|scalar| *scalar == 0.0), "{name}");
            }
            // Of different values each comes back to its last digits.
            let back = encoding.user_row(row)[0];
            let is_back = (back - value).abs() < 1e-3 || (back.is_nan() && value.is_nan());
            assert!(is_back, "{name}: {back}, not {value}");
            let again = encoding.user_row(&encoding.player_row(&[back]))[0];
            assert!(
                (again - value).abs() < 1e-3 || (again.is_nan() && value.is_nan()),
                "{name}"
            );
        }
    }
}

#[test]
fn shares_are_those_of_the_training_records() {
    let values = [vec![0.0; 10], different(28), vec![NONE; 2]].concat();
    let (encoding, _) = encoded(&values, None);
    assert_eq!(encoding.shares(), [0.0, 0.7, 0.25, 0.05]);
    assert_eq!(encoding.columns()[0].blanks(), Some(0.05));
    assert_eq!(encoding.columns()[0].range(), Some([0.0, 1027.0]));
    // What only the others have is a level as well, with a share of 0.
    for (texts, values) in [
        (Some(3), [0.0, 0.0, 1.0, 2.0, NONE]),
        (None, [5.0, 5.0, 6.0, 7.0, NONE]),
    ] {
        let (encoding, records) = Encoding::fit(&values, &[texts], 0..3, 1);
        assert_eq!(encoding.shares(), [2.0 / 3.0, 1.0 / 3.0, 0.0, 0.0]);
        let mut row = [0.0_f32; 4];
        records.copy_row(3, &mut row);
        assert_eq!(row, [0.0, 0.0, 1.0, 0.0]);
        records.copy_row(4, &mut row);
        assert_eq!(row, [0.0, 0.0, 0.0, 1.0]);
    }
}

#[test]
fn held_out_numbers_are_encoded_beside_few_training_records() {
    // 20 records train, each of whose values is a spike; others have 100 different ones.
    for (train, expected) in [
        (different(100)[..20].to_vec(), 20),
        (vec![7.0; 20], 26),
        (vec![NONE; 20], 27),
    ] {
        let values = [train, different(100)].concat();
        let (encoding, records) = Encoding::fit(&values, &[None], 0..20, 1);
        encoding.check(&[None]).unwrap();
        assert_eq!(encoding.heads()[0].levels, expected);
        let mut row = vec![0.0_f32; records.cols()];
        for index in 0..values.len() {
            records.copy_row(index, &mut row);
            assert_eq!(row.iter().sum::<f32>(), 1.0);
        }
    }
}

#[test]
fn scalars_are_normal_scores_whatever_the_values_are() {
    // Skewed, with ties everywhere but none that is a spike.
    let value = |i: i32| (100.0 * (f64::from(i % 400) / 40.0).exp()).round();
    let values: Vec<f64> = (0..20_000).map(value).collect();
    let (encoding, rows) = encoded(&values, None);
    assert_eq!(
        encoding.heads(),
        [Head {
            scalar: true,
            levels: 0
        }]
    );
    let count = rows.len() as f64;
    let scores = || rows.iter().map(|row| f64::from(row[0]));
    let mean = scores().sum::<f64>() / count;
    let second = scores().map(|z| z * z).sum::<f64>() / count;
    let fourth = scores().map(|z| z.powi(4)).sum::<f64>() / count;
    assert!(
        mean.abs() < 0.01 && (second - 1.0).abs() < 0.02,
        "{mean} {second}"
    );
    assert!((fourth - 3.0).abs() < 0.15, "{fourth}");
    // Ties have random ranks, and come back as they were or between it and the next.
    for (row, value) in rows.iter().zip(&values) {
        let back = encoding.user_row(row)[0];
        assert!((back - value).abs() <= 0.15 * value, "{back}, not {value}");
    }
    // Nothing leaves the range seen, whatever the players make.
    let [low, high] = encoding.columns()[0].range().unwrap();
    assert_eq!((low, high), (100.0, value(399)));
    for (z, expected) in [
        (f32::NEG_INFINITY, low),
        (-40.0, low),
        (9.0, high),
        (f32::MAX, high),
    ] {
        assert_eq!(encoding.user_row(&[z]), [expected]);
    }
    assert!(encoding.user_row(&[f32::NAN])[0].is_finite());
}

#[test]
fn ranks_of_ties_depend_on_seed_row_and_column_alone() {
    let column = different(400)
        .into_iter()
        .map(|value| (value / 10.0).floor());
    let values: Vec<f64> = column.flat_map(|value| [value, value]).collect();
    let fit = |rows: usize, seed| {
        let (_, records) = Encoding::fit(&values[..2 * rows], &[None; 2], 0..300, seed);
        let mut row = [0.0_f32; 2];
        let mut all = Vec::new();
        for index in 0..rows {
            records.copy_row(index, &mut row);
            all.extend(row);
        }
        all
    };
    let all = fit(400, 1);
    assert_eq!(fit(350, 1), all[..700]);
    assert_ne!(fit(400, 2), all);
    assert!(all.chunks(2).any(|row| row[0] != row[1]));
}

#[test]
fn encoding_comes_back_from_text_to_its_last_bit() {
    let third = [0.0, 1.0 / 3.0, 0.1 + 0.2, 5e-324, 1e300];
    let values = [different(50), third.repeat(30)].concat();
    let (encoding, _) = encoded(&values, None);
    let text = serde_json::to_string(&encoding).unwrap();
    assert_eq!(serde_json::from_str::<Encoding>(&text).unwrap(), encoding);
}

#[test]
fn check_refuses_what_no_encoding_is() {
    let text = |column: &str| format!(r#"{{"columns":[{column}]}}"#);
    let column = |values: &str, blank: bool, order: &str, shares: &str| {
        text(&format!(
            r#"{{"values":"{values}","blank":{blank},"order":"{order}","shares":"{shares}"}}"#
        ))
    };
    let check = |text: &str, texts: Option<usize>| {
        let encoding: Encoding = serde_json::from_str(text).map_err(|error| error.to_string())?;
        encoding.check(&[texts])
    };
    assert_eq!(
        check(&column("0 1", true, "", "0.5 0.25 0.25"), Some(2)),
        Ok(())
    );
    assert_eq!(check(&column("", false, "1 1 2", ""), None), Ok(()));
    let many = "1 ".repeat(ORDER + 1);
    for (text, texts, found) in [
        (text(""), None, "0 encodings of 1 columns"),
        (column("", false, "", ""), None, "0 levels in column 1"),
        (column("1", false, "", "1"), None, "1 levels"),
        (
            column("1 0", false, "", "0.5 0.5"),
            None,
            "levels out of order",
        ),
        (
            column("1 1", false, "", "0.5 0.5"),
            None,
            "levels out of order",
        ),
        (
            column("1 NaN", false, "", "0.5 0.5"),
            None,
            "levels out of order",
        ),
        (column("", false, "2 1", ""), None, "order statistics"),
        (column("", false, "1 inf", ""), None, "order statistics"),
        (column("", false, &many, ""), None, "more than 4096"),
        (
            column("0 1", false, "", "0.5"),
            None,
            "1 shares for 2 levels",
        ),
        (
            column("0 1", false, "", "0.5 -3"),
            None,
            "2 shares for 2 levels",
        ),
        (
            column("0 1", false, "", "0.5 0.5"),
            Some(3),
            "2 levels of 3 texts",
        ),
        (
            column("0 2", false, "", "0.5 0.5"),
            Some(2),
            "2 levels of 2 texts",
        ),
        (
            column("0 1", false, "5", "0.5 0.5 0"),
            Some(2),
            "2 levels of 2 texts",
        ),
        (
            column("0 x", false, "", "0.5 0.5"),
            None,
            "no number among numbers",
        ),
    ] {
        let message = check(&text, texts).unwrap_err();
        assert!(message.contains(found), "{message}, not {found}");
    }
}
