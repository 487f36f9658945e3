//! What does a Prometheus text say of a series? Pure.

/// The sum of all samples in a Prometheus text that carry the wanted name and at least the wanted labels.
pub(crate) fn sum_of(text: &str, wanted: &str) -> Option<f64> {
    let (wanted_name, wanted_labels) = split_series(wanted);
    let samples = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            // Nothing after the value: roadstead writes no timestamps.
            let (series, value) = line.rsplit_once(' ')?;
            let (name, labels) = split_series(series);
            let matches =
                name == wanted_name && wanted_labels.iter().all(|label| labels.contains(label));
            if matches {
                value.parse::<f64>().ok()
            } else {
                None
            }
        });
    samples.reduce(|sum, value| sum + value)
}

/// `name{a="1",b="2"}` as its name and labels. A comma within a label's value does not separate.
fn split_series(series: &str) -> (&str, Vec<&str>) {
    let Some((name, labels)) = series.split_once('{') else {
        return (series, Vec::new());
    };
    let (mut quoted, mut escaped) = (false, false);
    let separates = |letter: char| {
        let separates = letter == ',' && !quoted;
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        separates
    };
    let labels = labels.strip_suffix('}').unwrap_or(labels).split(separates);
    (name, labels.filter(|label| !label.is_empty()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"# TYPE roadstead_reconciles counter
roadstead_reconciles_total{outcome="ok",provider="mock"} 3
roadstead_reconciles_total{outcome="ok",provider="aws"} 4
roadstead_reconciles_total{outcome="a, \"b\"",provider="aws"} 5
roadstead_reconciles_total_other 9
roadstead_leader 1
# EOF
"#;

    #[test]
    fn metrics_are_summed_over_the_labels_that_are_left_open() {
        assert_eq!(sum_of(TEXT, "roadstead_leader"), Some(1.0));
        assert_eq!(sum_of(TEXT, "roadstead_reconciles_total"), Some(12.0));
        assert_eq!(
            sum_of(TEXT, r#"roadstead_reconciles_total{outcome="ok"}"#),
            Some(7.0)
        );
        assert_eq!(
            sum_of(
                TEXT,
                r#"roadstead_reconciles_total{provider="aws",outcome="ok"}"#
            ),
            Some(4.0)
        );
        assert_eq!(
            sum_of(TEXT, r#"roadstead_reconciles_total{outcome="a, \"b\""}"#),
            Some(5.0)
        );
        assert_eq!(
            sum_of(TEXT, r#"roadstead_reconciles_total{outcome="no"}"#),
            None
        );
        assert_eq!(sum_of(TEXT, "roadstead_reconciles"), None);
    }
}
