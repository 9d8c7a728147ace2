//! Conditions choose records, and say what is wrong with them.

use super::*;

/// A record of a mixed table: age, cabin and day, with blanks, income and a constant.
fn record() -> RecordInfo {
    let shape = r#"{"table":{"header":true,"delimiter":",","columns":[
        {"name":"age","blank":"NA","role":{"values":{"number":{
            "marks":{"decimal":".","thousands":null},"prefix":"","suffix":"",
            "decimals":1,"fixed":false,"scientific":false}}}},
        {"name":"unit","role":{"constant":"kg"}},
        {"name":"cabin","blank":"","role":{"values":{"category":["C85","E 46","e 46","None"]}}},
        {"name":"income","role":{"values":{"category":["<=50K",">50K"]}}},
        {"name":"a=b","role":{"values":{"truth":["no","Yes"]}}},
        {"name":"day","role":{"values":{"time":"%Y-%m-%d"}}}]}}"#;
    let encoding = r#"{"columns":{"columns":[
        {"values":"0","blank":true,"order":"17 30 90","shares":"0.5 0.4 0.1"},
        {"values":"0 1 2 3","blank":true,"order":"","shares":"0.2 0.2 0.2 0.2 0.2"},
        {"values":"0 1","blank":false,"order":"","shares":"0.5 0.5"},
        {"values":"0 1","blank":false,"order":"","shares":"0.5 0.5"},
        {"values":"","blank":false,"order":"0 10 20000","shares":""}]}}"#;
    let record = RecordInfo {
        preset: String::new(),
        data: String::new(),
        fingerprint: String::new(),
        train_records: 1,
        shape: serde_json::from_str(shape).unwrap(),
        transform: serde_json::from_str(encoding).unwrap(),
        labels: None,
    };
    record.check(4 + 5 + 2 + 2 + 1, "a").unwrap();
    record
}

#[test]
fn conditions_choose_the_records_that_satisfy_them() {
    let record = record();
    let blank = f64::NAN;
    // Age, cabin, income, a=b, day.
    let rows = [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [30.5, 1.0, 1.0, 1.0, 10.0],
        [90.0, blank, 1.0, 1.0, 19_000.0],
        [blank, 3.0, 0.0, 0.0, 59.0],
    ];
    for (text, expected) in [
        ("age>30", &[1, 2][..]),
        ("age>=30.5", &[1, 2]),
        ("age = 30.5", &[1]),
        ("age<1e1", &[0]),
        ("age<=30.5", &[0, 1]),
        ("age!=30.5", &[0, 2, 3]),
        ("age=", &[3]),
        ("age=NA", &[3]),
        ("age!=", &[0, 1, 2]),
        ("cabin=", &[2]),
        ("cabin=C85", &[0]),
        ("cabin=c85", &[0]),
        ("cabin=E 46", &[1]),
        ("cabin!=None", &[0, 1, 2]),
        ("income=<=50K", &[0, 3]),
        ("income!=<=50K", &[1, 2]),
        ("a=b=YES", &[1, 2]),
        ("day>=1970-01-11", &[1, 2, 3]),
        ("day<1970-03-01", &[0, 1]),
    ] {
        let conditions = Where::of(&[text.to_owned()], &record, None).unwrap();
        let chosen = (0..rows.len()).filter(|&row| conditions.hold(&rows[row]));
        assert_eq!(chosen.collect::<Vec<_>>(), expected, "{text}");
    }
    let both = ["age>30", "income=>50K"].map(str::to_owned);
    let both = Where::of(&both, &record, None).unwrap();
    assert!(both.hold(&rows[1]) && !both.hold(&rows[0]) && !both.is_empty());
}

#[test]
fn conditions_that_mean_nothing_say_what_would() {
    let record = record();
    for (text, expected) in [
        ("aeg>3", "aeg: found no such column, expected one of age, "),
        (
            "unit=kg",
            "unit: found a column that is not learnt, expected one of",
        ),
        ("age", "found no =, !=, <, <=, > or >="),
        (
            "cabin=C58",
            "found no \"C58\" in column cabin, expected one of C85, ",
        ),
        ("cabin<C85", "found an order of texts, expected = or !="),
        ("cabin>", "found an order of blanks, expected = or !="),
        ("income=", "found no blank in column income"),
        ("age>old", "found \"old\", expected a value such as 0"),
        (
            "day>11.1.1970",
            "found \"11.1.1970\", expected a value such as 1970-01-01",
        ),
        (
            "age>90",
            "no sample satisfies: column age has values from 0 to 90",
        ),
        ("age=-1", "from 0 to 90"),
        ("day<1970-01-01", "from 1970-01-01 to 2024-10-04"),
    ] {
        let problem = Where::of(&[text.to_owned()], &record, None).unwrap_err();
        assert!(
            problem.message.contains(expected),
            "{}, not {expected}",
            problem.message
        );
        assert!(
            problem.message.starts_with(&format!("--where {text}: ")),
            "{problem}"
        );
    }
    let mut other = record;
    other.shape = RecordShape::Vector {
        columns: None,
        double: false,
        whole: Vec::new(),
    };
    let problem = Where::of(&["a=1".to_owned()], &other, None).unwrap_err();
    assert!(problem.message.contains("no table"), "{problem}");
}

/// Of the record's columns income and a=b are given: no record has both at their first level.
fn given() -> Conditions {
    let text = r#"{"columns":[{"start":9,"end":11},{"start":11,"end":13}],
        "levels":[0,1,1,0,1,1],"counts":[3000,5,7]}"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn conditions_on_what_is_given_choose_it_and_are_not_drawn_for() {
    let (record, given) = (record(), given());
    for (texts, expected, is_drawn) in [
        (&["income=<=50K"][..], &[0][..], false),
        (&["income!=<=50K"], &[1, 2], false),
        (&["income=>50K", "a=b=yes"], &[2], false),
        (&["income=>50K", "age>30"], &[1, 2], true),
        (&["age>30"], &[0, 1, 2], true),
    ] {
        let texts: Vec<_> = texts.iter().map(|&text| text.to_owned()).collect();
        let conditions = Where::of(&texts, &record, Some(&given)).unwrap();
        let all = given.combinations().enumerate();
        let chosen = all.filter(|(_, (levels, _))| conditions.hold_for(levels));
        assert_eq!(chosen.map(|(index, _)| index).collect::<Vec<_>>(), expected);
        assert_eq!(conditions.is_empty(), !is_drawn, "{texts:?}");
        assert_eq!(conditions.choose(), expected.len() < 3, "{texts:?}");
    }
    let both = ["income=<=50K", "a=b=no"].map(str::to_owned);
    let problem = Where::of(&both, &record, Some(&given)).unwrap_err();
    for part in [
        "--where income=<=50K and a=b=no: found no training record",
        "3,000 have income=<=50K, 5 have a=b=no",
    ] {
        assert!(problem.message.contains(part), "{problem}, not {part}");
    }
}

#[test]
fn images_are_chosen_by_a_label_that_is_given() {
    let mut record = record();
    (record.transform, record.labels) = (Transform::Identity, Some(3));
    record.shape = RecordShape::Image {
        height: 2,
        width: 2,
        channels: 1,
    };
    let text = r#"{"columns":[{"start":4,"end":7}],"levels":[0,1,2],"counts":[1,2,3]}"#;
    let given: Conditions = serde_json::from_str(text).unwrap();
    for (text, expected) in [
        ("label=1", &[1][..]),
        ("label >= 1", &[1, 2]),
        ("label!=2", &[0, 1]),
    ] {
        let conditions = Where::of(&[text.to_owned()], &record, Some(&given)).unwrap();
        let chosen = (0..3).filter(|&level| conditions.hold_for(&[level]));
        assert_eq!(chosen.collect::<Vec<_>>(), expected, "{text}");
        assert!(conditions.is_empty());
    }
    for (text, expected) in [
        ("label=3", "found \"3\", expected one of 0, 1, 2"),
        ("label=two", "expected one of 0, 1, 2"),
        ("label", "found another column than label"),
        ("age>3", "found another column than label"),
        ("label>2", "found no training record"),
    ] {
        let problem = Where::of(&[text.to_owned()], &record, Some(&given)).unwrap_err();
        assert!(problem.message.contains(expected), "{problem}");
    }
    // A generator that was given none.
    let problem = Where::of(&["label=1".to_owned()], &record, None).unwrap_err();
    assert!(problem.message.contains("no table"), "{problem}");
}

#[test]
fn what_is_rare_is_told_with_how_rare_it_is() {
    let conditions = Where::of(&["age>89".to_owned()], &record(), None).unwrap();
    assert_eq!(Where::most_draws(5), 1_000_000);
    assert_eq!(Where::most_draws(5000), 5_000_000);
    let problem = conditions.too_rare(4, 10, 1_000_000);
    assert!(problem.message.contains("about one in 250000"), "{problem}");
    assert!(problem.hint.unwrap().contains("-n 4,"));
    let problem = conditions.too_rare(0, 10, 1_000_000);
    assert!(
        problem.message.contains("rarer than one in 1000000"),
        "{problem}"
    );
}
