//! Small pictures in one line of text: values over time, and how values are spread.

/// Eight heights, the lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character for each value, as high as its share of the largest; a space for none.
pub fn line(values: &[Option<f64>]) -> String {
    let top = values.iter().flatten().copied().fold(0.0_f64, f64::max);
    values.iter().map(|value| value.map_or(' ', |v| bar(v, top))).collect()
}

/// How ascending values are spread from the smallest to the largest, in `width` classes of equal ratio: the middle of
/// a picture is √(min · max). A space is an empty class. Empty with fewer than two values, or if all are equal.
pub fn spread(sorted: &[f64], width: usize) -> String {
    let (Some(&first), Some(&last)) = (sorted.first(), sorted.last()) else { return String::new() };
    if last <= first || width == 0 {
        return String::new();
    }
    // Times that are 0 are counted in the first class; a microsecond is the shortest that differs.
    let low = first.max(last * 1e-6).max(f64::MIN_POSITIVE);
    let scale = (last / low).ln();
    let mut counts = vec![0_usize; width];
    for value in sorted {
        let share = if scale > 0.0 { (value.max(low) / low).ln() / scale } else { 0.0 };
        counts[((share * width as f64) as usize).min(width - 1)] += 1;
    }
    let top = counts.iter().max().copied().unwrap_or_default() as f64;
    counts.into_iter().map(|n| if n == 0 { ' ' } else { bar(n as f64, top) }).collect()
}

/// A bar from left to right, `width` characters long for `top`; empty for none.
pub fn bar_of(value: Option<f64>, top: f64, width: usize) -> String {
    let share = value.filter(|_| top > 0.0).map_or(0.0, |v| (v / top).clamp(0.0, 1.0));
    let eighths = (share * width as f64 * 8.0).round() as usize;
    let part = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'].get((eighths % 8).wrapping_sub(1));
    "█".repeat(eighths / 8).chars().chain(part.copied()).collect()
}

fn bar(value: f64, top: f64) -> char {
    let share = if top > 0.0 { value / top } else { 0.0 };
    BARS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_shares_of_the_largest() {
        let values: Vec<Option<f64>> = (0..=8).map(|n| Some(f64::from(n))).chain([None, Some(4.1)]).collect();
        assert_eq!(line(&values), "▁▁▂▃▄▅▆▇█ ▅");
        assert_eq!(line(&[]), "");
        assert_eq!(line(&[Some(0.0), None]), "▁ ");
    }

    #[test]
    fn bars_end_at_an_eighth() {
        let bars = [0.0, 0.125, 1.0, 1.5, 2.0, 9.0].map(|v| bar_of(Some(v), 2.0, 2));
        assert_eq!(bars, ["", "▏", "█", "█▌", "██", "██"]);
        assert_eq!((bar_of(None, 2.0, 2), bar_of(Some(1.0), 0.0, 2)), (String::new(), String::new()));
    }

    #[test]
    fn classes_have_equal_ratios() {
        // 1 to 16 in four classes: [1, 2), [2, 4), [4, 8), [8, 16].
        assert_eq!(spread(&[1.0, 1.5, 2.0, 9.0, 12.0, 15.0, 16.0], 4), "▄▂ █");
        assert_eq!(spread(&[5.0, 5.0], 4), "");
        assert_eq!(spread(&[], 4), "");
        assert_eq!(spread(&[0.0, 10.0], 3), "█ █");
    }
}
