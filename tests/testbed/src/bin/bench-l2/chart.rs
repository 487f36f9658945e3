//! How are outages drawn? One curve for each way to fail: which share of the trials was over after so long. Pure.

use std::fmt::{self, Write as _};

use roadstead_testbed::figures::Distribution;

/// One curve.
#[derive(Clone, Debug)]
pub(crate) struct Curve<'a> {
    /// What was done, in a word or two.
    pub(crate) name: &'a str,
    /// How long clients got no answer, in milliseconds.
    pub(crate) outages: &'a Distribution,
}

/// A line at a duration, such as a goal or somebody else's median.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark<'a> {
    /// In milliseconds.
    pub(crate) at: f64,
    pub(crate) label: &'a str,
}

/// The whole picture.
#[derive(Clone, Debug)]
pub(crate) struct Chart<'a> {
    pub(crate) title: &'a str,
    /// What was measured, on what.
    pub(crate) subtitle: &'a str,
    pub(crate) curves: &'a [Curve<'a>],
    pub(crate) marks: &'a [Mark<'a>],
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 78.0;
const PLOT_HEIGHT: f64 = 260.0;
/// One row of the legend below the plot.
const ROW: f64 = 20.0;
/// From what a client can just tell, to what users of other announcers wait.
const DECADES: (i32, i32) = (-1, 4);
/// Colours that people who see red and green alike tell apart, on white and on black.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.quiet{fill:#57606a;font-size:12px}\
.title{font-size:16px;font-weight:600}.grid{stroke:#d0d7de}.mark{stroke:#57606a;stroke-dasharray:4 3}\
.curve{fill:none;stroke-width:2}.paper{fill:#fff}@media(prefers-color-scheme:dark){text{fill:#e6edf3}\
.quiet{fill:#9198a1}.grid{stroke:#30363d}.mark{stroke:#9198a1}.paper{fill:#0d1117}}";

// === impl Chart ===

impl Chart<'_> {
    /// As an SVG document that needs nothing else.
    pub(crate) fn svg(&self) -> Result<String, fmt::Error> {
        let rows: f64 = self.curves.iter().map(|_| ROW).sum();
        let height = TOP + PLOT_HEIGHT + 62.0 + rows;
        let mut svg = String::new();
        writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">"
        )?;
        writeln!(
            svg,
            "<title>{}</title><style>{STYLE}</style>",
            escaped(self.title)
        )?;
        writeln!(
            svg,
            "<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>"
        )?;
        text(&mut svg, (LEFT, 26.0), "title", "start", self.title)?;
        text(&mut svg, (LEFT, 46.0), "quiet", "start", self.subtitle)?;
        grid(&mut svg)?;
        for (place, mark) in self.marks.iter().enumerate() {
            // Neighbours would write over one another.
            let lift = if place % 2 == 0 { 6.0 } else { 20.0 };
            line(
                &mut svg,
                "mark",
                (x(mark.at), TOP),
                (x(mark.at), TOP + PLOT_HEIGHT),
            )?;
            // One near the right edge is written to the left of its line.
            let (anchor, beside) = if x(mark.at) > WIDTH * 0.75 {
                ("end", 4.0)
            } else {
                ("middle", 0.0)
            };
            text(
                &mut svg,
                (x(mark.at) + beside, TOP - lift),
                "quiet",
                anchor,
                mark.label,
            )?;
        }
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            writeln!(
                svg,
                "<path class=\"curve\" stroke=\"{colour}\" d=\"{}\"/>",
                steps(curve.outages)?
            )?;
        }
        self.legend(&mut svg)?;
        svg.push_str("</svg>\n");
        Ok(svg)
    }

    fn legend(&self, svg: &mut String) -> fmt::Result {
        let mut y = TOP + PLOT_HEIGHT + 66.0;
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let Curve { name, outages } = curve;
            writeln!(
                svg,
                "<rect x=\"{LEFT}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>",
                y - 6.0
            )?;
            let figures = format!(
                "{name}: p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms, {} trials",
                outages.quantile(0.5),
                outages.quantile(0.99),
                outages.longest(),
                outages.count()
            );
            text(svg, (LEFT + 22.0, y), "", "start", &figures)?;
            y += ROW;
        }
        Ok(())
    }
}

/// The scale of durations is logarithmic: a handover and a crash lie two orders of magnitude apart.
fn x(milliseconds: f64) -> f64 {
    let (first, last) = (f64::from(DECADES.0), f64::from(DECADES.1));
    let share = (milliseconds
        .max(f64::MIN_POSITIVE)
        .log10()
        .clamp(first, last)
        - first)
        / (last - first);
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

fn y(share: f64) -> f64 {
    TOP + PLOT_HEIGHT * (1.0 - share)
}

fn grid(svg: &mut String) -> fmt::Result {
    let bottom = TOP + PLOT_HEIGHT;
    for decade in DECADES.0..=DECADES.1 {
        let at = 10f64.powi(decade);
        line(svg, "grid", (x(at), TOP), (x(at), bottom))?;
        let label = if at < 1_000.0 {
            format!("{at} ms")
        } else {
            format!("{} s", at / 1_000.0)
        };
        text(svg, (x(at), bottom + 18.0), "quiet", "middle", &label)?;
    }
    for quarter in 0..=4 {
        let share = f64::from(quarter) / 4.0;
        line(svg, "grid", (LEFT, y(share)), (WIDTH - RIGHT, y(share)))?;
        let label = format!("{} %", quarter * 25);
        text(svg, (LEFT - 8.0, y(share) + 4.0), "quiet", "end", &label)?;
    }
    let below = (f64::midpoint(LEFT, WIDTH - RIGHT), bottom + 38.0);
    text(
        svg,
        below,
        "quiet",
        "middle",
        "share of trials in which the client was answered again after at most so long",
    )
}

/// Rises by one trial's share at each outage.
fn steps(outages: &Distribution) -> Result<String, fmt::Error> {
    let mut path = String::new();
    write!(path, "M{:.1} {:.1}", x(0.0), y(0.0))?;
    for (share, outage) in outages.cumulated() {
        write!(path, "H{:.1}V{:.1}", x(outage), y(share))?;
    }
    write!(path, "H{:.1}", WIDTH - RIGHT)?;
    Ok(path)
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) -> fmt::Result {
    writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    )
}

fn text(svg: &mut String, at: (f64, f64), class: &str, anchor: &str, words: &str) -> fmt::Result {
    writeln!(
        svg,
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
        at.0,
        at.1,
        escaped(words)
    )
}

fn escaped(words: &str) -> String {
    words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_reaches_the_top_at_its_longest_outage_and_legend_says_the_figures() {
        let outages: Distribution = [300.0, 320.0, 340.0, 400.0].into_iter().collect();
        let curves = [Curve {
            name: "node <crash>",
            outages: &outages,
        }];
        let marks = [Mark {
            at: 500.0,
            label: "goal",
        }];
        let chart = Chart {
            title: "Outages",
            subtitle: "",
            curves: &curves,
            marks: &marks,
        };
        let svg = chart.svg().unwrap();
        let end = format!("H{:.1}V{:.1}", x(400.0), TOP);
        assert!(svg.contains(&end), "{svg}");
        assert!(
            svg.contains(
                "node &lt;crash&gt;: p50 320.0 ms, p99 400.0 ms, longest 400.0 ms, 4 trials"
            ),
            "{svg}"
        );
        assert!(x(400.0) < x(500.0) && x(500.0) < x(5_000.0));
    }
}
