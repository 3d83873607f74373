//! Medians and their kin.

/// The value below which a share of the samples lies; `None` without samples.
pub fn percentile(samples: &mut [f64], share: f64) -> Option<f64> {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().checked_sub(1)?;
    // Positions are small enough for a float to count exactly.
    samples.get((last as f64 * share).round() as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn the_median_of_three_is_the_middle_one() {
        assert_eq!(percentile(&mut [9.0, 1.0, 5.0], 0.5), Some(5.0));
        assert_eq!(percentile(&mut [9.0, 1.0, 5.0], 0.99), Some(9.0));
        assert_eq!(percentile(&mut [], 0.5), None);
    }
}
