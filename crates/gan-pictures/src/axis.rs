//! The axes of charts: where values lie on them, and which values are named.

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm; values that are not above 0 have no place.
    Logarithmic,
    /// By their square root, which gives room to the first of many iterations.
    SquareRoot,
}

impl Scale {
    fn forward(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
            Self::SquareRoot => value.sqrt(),
        }
    }

    /// True if `value` has a place on an axis of this scale.
    pub(crate) fn shows(self, value: f64) -> bool {
        self.forward(value).is_finite()
    }
}

/// An axis: its scale and the values at its ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

/// A value that is named on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// The value.
    pub value: f64,
    /// Its name.
    pub label: String,
}

impl Axis {
    /// A linear axis from `low` to `high`.
    #[must_use]
    pub fn linear(low: f64, high: f64) -> Self {
        Self::new(Scale::Linear, low, high)
    }

    /// An axis of any scale from `low` to `high`.
    #[must_use]
    pub fn new(scale: Scale, low: f64, high: f64) -> Self {
        // An axis needs a length; where no values are known, any does.
        let shown = scale.shows(low) && scale.shows(high) && low < high;
        let (low, high) = match scale {
            _ if shown => (low, high),
            Scale::Logarithmic => (1.0, 10.0),
            Scale::Linear | Scale::SquareRoot => (0.0, 1.0),
        };
        Self { scale, low, high }
    }

    /// An axis that shows `values` and `marks` with a margin, which is a share of its length.
    ///
    /// Where the smallest and the largest of the values, a share of `tails` each, would squeeze the
    /// others to a third of the axis or less, they are left out.
    pub(crate) fn around(
        scale: Scale,
        values: impl Iterator<Item = f64>,
        marks: impl Iterator<Item = f64>,
        tails: f64,
        margin: f64,
    ) -> Self {
        let mut places: Vec<f64> = values.map(|value| scale.forward(value)).collect();
        places.retain(|place| place.is_finite());
        places.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let index = (places.len().saturating_sub(1) as f64 * share) as usize;
            places.get(index).copied()
        };
        let marks: Vec<f64> = marks.map(|mark| scale.forward(mark)).collect();
        let ends = |tails: f64| {
            let ends = [quantile(tails), quantile(1.0 - tails)].into_iter();
            let ends = ends.flatten().chain(marks.iter().copied());
            ends.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], end| {
                [low.min(end), high.max(end)]
            })
        };
        let (all, most) = (ends(0.0), ends(tails));
        let squeezed = all[1] - all[0] > 3.0 * (most[1] - most[0]);
        let [low, high] = if squeezed { most } else { all };
        if low > high {
            return Self::new(scale, 0.0, 0.0);
        }
        let size = low.abs().max(high.abs());
        let margin = match high - low > 1e-3 * size {
            true => margin * (high - low),
            false => 1e-6 + 0.05 * size,
        };
        let back = |place: f64| match scale {
            Scale::Linear => place,
            Scale::Logarithmic => 10f64.powf(place),
            Scale::SquareRoot => place.max(0.0).powi(2),
        };
        Self::new(scale, back(low - margin), back(high + margin))
    }

    /// The values at both ends.
    pub(crate) fn ends(&self) -> [f64; 2] {
        [self.low, self.high]
    }

    /// True if `value` lies between the ends.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// The place of `value`: 0 at the low end of the axis, 1 at its high end.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let [value, low, high] = [value, self.low, self.high].map(|it| self.scale.forward(it));
        (value - low) / (high - low)
    }

    /// Round values on the axis, about `wanted` of them.
    #[must_use]
    pub fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let values = match self.scale {
            Scale::Linear => round_values(self.low, self.high, wanted),
            Scale::Logarithmic => self.powers(wanted),
            Scale::SquareRoot => self.spread_values(wanted),
        };
        let named = |value| Tick {
            value,
            label: label(value),
        };
        values.into_iter().map(named).collect()
    }

    /// Powers of ten, or 1, 2 and 5 times them where those are few.
    fn powers(&self, wanted: usize) -> Vec<f64> {
        let [low, high] = [self.low.log10(), self.high.log10()];
        if high - low > 2.5 {
            let whole = round_values(low, high, wanted).into_iter();
            let whole = whole.filter(|power| power.fract() == 0.0);
            return whole.map(|power| 10f64.powi(power as i32)).collect();
        }
        (low.floor() as i32..=high.floor() as i32)
            .flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)))
            .filter(|&value| self.contains(value))
            .collect()
    }

    /// 0, and 1, 2 and 5 times powers of ten that do not crowd each other.
    fn spread_values(&self, wanted: usize) -> Vec<f64> {
        let mut kept = vec![self.low];
        let mut before = 0.0;
        for power in 0..12 {
            for value in [1.0, 2.0, 5.0].map(|digit| digit * 10f64.powi(power)) {
                let share = self.share(value);
                if share <= 1.0 && share - before > 1.0 / wanted as f64 {
                    kept.push(value);
                    before = share;
                }
            }
        }
        kept
    }
}

/// Multiples of 1, 2 or 5 times a power of ten between `low` and `high`.
fn round_values(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) {
        return Vec::new();
    }
    let raw = span / wanted.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= raw)
        .unwrap_or(raw);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|index| index as f64 * step).collect()
}

/// A number on an axis, as short as it can be: `−0.5`, `20k`, `3M`, `1e−4`.
pub(crate) fn label(value: f64) -> String {
    let size = value.abs();
    let text = if size > 0.0 && size < 1e-3 {
        let power = size.log10().floor();
        let digits = (size / 10f64.powf(power) * 1e3).round() / 1e3;
        format!("{digits}e{power}")
    } else if size >= 1e6 && size % 1e5 == 0.0 {
        format!("{}M", size / 1e6)
    } else if size >= 1e4 && size % 1e3 == 0.0 {
        format!("{}k", size / 1e3)
    } else {
        format!("{}", (size * 1e6).round() / 1e6)
    };
    let sign = if value < 0.0 { "−" } else { "" };
    format!("{sign}{}", text.replace('-', "−"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: Axis, wanted: usize) -> Vec<String> {
        let ticks = axis.ticks(wanted).into_iter();
        ticks.map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(
            names(Axis::linear(-1.3, 1.2), 5),
            ["−1", "−0.5", "0", "0.5", "1"]
        );
        assert_eq!(names(Axis::linear(0.0, 23450.0), 5).last().unwrap(), "20k");
        let logarithmic = |low, high| names(Axis::new(Scale::Logarithmic, low, high), 4);
        assert_eq!(logarithmic(0.4, 6.3), ["0.5", "1", "2", "5"]);
        assert_eq!(logarithmic(1e-5, 16.0), ["1e−4", "0.01", "1"]);
        let iterations = |last| names(Axis::new(Scale::SquareRoot, 0.0, last), 11);
        assert_eq!(
            iterations(12_000.0),
            ["0", "100", "500", "2000", "5000", "10k"]
        );
        assert_eq!(iterations(1.0), ["0", "1"]);
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(label(-0.0), "0");
        assert_eq!(label(-1.5), "−1.5");
        assert_eq!(label(0.30000000000000004), "0.3");
        assert_eq!(label(20000.0), "20k");
        assert_eq!(label(1e6), "1M");
        assert_eq!(label(0.0005), "5e−4");
    }

    #[test]
    fn axis_around_values_leaves_the_far_off_aside() {
        let values = (0..1000)
            .map(|i| f64::from(i) / 1000.0)
            .chain([1e9, f64::NAN]);
        let axis = Axis::around(Scale::Linear, values, std::iter::empty(), 0.002, 0.15);
        let [low, high] = axis.ends();
        assert!(low > -0.3 && high < 1.3, "{axis:?}");
    }

    #[test]
    fn axis_without_values_has_a_length() {
        for values in [vec![], vec![f64::NAN], vec![3.0], vec![0.0]] {
            for scale in [Scale::Linear, Scale::Logarithmic, Scale::SquareRoot] {
                let values = values.iter().copied();
                let axis = Axis::around(scale, values, std::iter::empty(), 0.0, 0.1);
                let [low, high] = axis.ends();
                assert!(low < high && axis.share(low) == 0.0, "{scale:?} {axis:?}");
            }
        }
    }
}
