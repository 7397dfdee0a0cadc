//! A symbol's signals over time, as an SVG.
//!
//! One panel below the other, on one axis of time. A column of the series is one point: a line is
//! the last value of each or, where it says so, the mean; a band is from the lowest to the highest.

use std::fmt::Display;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::Format;
use super::signals::kind::Kind;
use super::signals::report::SignalReport;
use super::signals::series::Series;

const WIDTH: u32 = 1_240;
const HEAD_HEIGHT: u32 = 58;
const PANEL_HEIGHT: u32 = 178;

const INK: RGBColor = RGBColor(38, 43, 51);
const QUIET: RGBColor = RGBColor(120, 128, 140);
const GRID: RGBColor = RGBColor(232, 234, 238);
const BLUE: RGBColor = RGBColor(31, 98, 178);
const ORANGE: RGBColor = RGBColor(214, 110, 24);
const GREEN: RGBColor = RGBColor(38, 140, 92);
const RED: RGBColor = RGBColor(196, 56, 62);
const PALE: RGBColor = RGBColor(156, 186, 222);

/// A line of a panel: its name, its colour, and a value for each column that has one.
struct Line {
    name: &'static str,
    color: RGBColor,
    /// Pieces without a gap.
    pieces: Vec<Vec<(f64, f64)>>,
    /// From the lowest to the highest of each column.
    band: Vec<(f64, f64, f64)>,
}

/// A panel: what it shows, in what unit, and how.
struct Panel {
    title: &'static str,
    unit: String,
    lines: Vec<Line>,
    /// Bars from zero: place, height.
    bars: Vec<(f64, f64, RGBColor)>,
    /// The least that the axis covers.
    covers: Option<(f64, f64)>,
}

/// What a column shows of a signal.
#[derive(Clone, Copy)]
enum Show {
    Last,
    Mean,
}

/// Draws the picture.
///
/// # Errors
/// What the plotting crate says. It writes to memory.
pub(super) fn draw(report: &SignalReport, format: Format) -> anyhow::Result<String> {
    let axis = TimeAxis::of(&report.series);
    let panels = panels(report, &axis);
    let height = HEAD_HEIGHT + PANEL_HEIGHT * panels.len() as u32 + 8;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE).map_err(told)?;
        let (head, body) = root.split_vertically(HEAD_HEIGHT);
        let title = format!("{}: signals", report.symbol);
        head.draw(&Text::new(title, (16, 12), bold(20, &INK))).map_err(told)?;
        let clock = match format {
            Format::Binance => "time in UTC, the recorder's",
            Format::Itch => "time of the exchange",
        };
        let below = format!("{}, {}; {clock}; {}", format.name(), report.seen(), axis.step());
        head.draw(&Text::new(below, (16, 38), font(12, &QUIET))).map_err(told)?;
        let (body, _) = body.split_vertically(PANEL_HEIGHT * panels.len() as u32);
        for (area, panel) in body.split_evenly((panels.len(), 1)).iter().zip(&panels) {
            panel.draw(area, &axis)?;
        }
        root.present().map_err(told)?;
    }
    Ok(svg)
}

fn told(error: impl Display) -> anyhow::Error {
    anyhow::anyhow!("cannot draw: {error}")
}

fn font(size: i32, color: &RGBColor) -> TextStyle<'_> {
    ("sans-serif", size).into_font().color(color)
}

fn bold(size: i32, color: &RGBColor) -> TextStyle<'_> {
    ("sans-serif", size).into_font().style(FontStyle::Bold).color(color)
}

/// Time on the horizontal axis, in a unit whose multiples make good labels.
struct TimeAxis {
    begin_ns: u64,
    step_ns: u64,
    unit_ns: f64,
    columns: usize,
}

impl TimeAxis {
    fn of(series: &Series) -> Self {
        let columns = series.columns.len().max(1);
        let span_ns = series.step_ns as f64 * columns as f64;
        let unit_ns = match span_ns / 1e9 {
            seconds if seconds < 120.0 => 1e9,
            seconds if seconds < 7_200.0 => 60e9,
            _ => 3_600e9,
        };
        Self { begin_ns: series.begin_ns, step_ns: series.step_ns, unit_ns, columns }
    }

    /// The beginning of a column. Time counts from the midnight before the first one.
    fn at(&self, column: usize) -> f64 {
        const DAY_NS: u64 = 86_400_000_000_000;
        let begin_ns = (self.begin_ns % DAY_NS) as f64;
        (begin_ns + self.step_ns as f64 * column as f64) / self.unit_ns
    }

    fn label(&self, at: f64) -> String {
        let seconds = (at * self.unit_ns / 1e9).round() as u64;
        let (hours, minutes, seconds) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
        match seconds {
            0 => format!("{hours:02}:{minutes:02}"),
            _ => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        }
    }

    fn step(&self) -> String {
        let seconds = self.step_ns as f64 / 1e9;
        format!("a point is {seconds} s")
    }
}

/// A line of one signal. A column without an event has the value of the one before, but for the order
/// flow, whose window has passed; where the book has no quote, its signals have a gap.
fn line(
    report: &SignalReport,
    axis: &TimeAxis,
    (kind, show): (Kind, Show),
    (name, color): (&'static str, RGBColor),
) -> Line {
    let of_quotes = matches!(kind, Kind::Mid | Kind::Imbalance | Kind::PredictedMove);
    let mut pieces = Pieces::default();
    let mut last = None;
    for (at, column) in report.series.columns.iter().enumerate() {
        let cell = column.cell(kind);
        let value = match show {
            Show::Last => (cell.count > 0).then_some(cell.last),
            Show::Mean => cell.mean(),
        };
        if kind == Kind::OrderFlow && axis.step_ns >= 1_000_000_000 && last.is_some() {
            last = Some(0.0);
        }
        last = value.or(last);
        pieces.add(axis.at(at), last);
        if of_quotes && column.quoted == Some(false) {
            last = None;
        }
    }
    Line { name, color, pieces: pieces.0, band: Vec::new() }
}

/// A line that is built from left to right.
#[derive(Default)]
struct Pieces(Vec<Vec<(f64, f64)>>);

impl Pieces {
    /// Goes on to a point, or breaks off where there is none.
    fn add(&mut self, at: f64, value: Option<f64>) {
        match (value, self.0.last_mut()) {
            (Some(value), Some(piece)) => piece.push((at, value)),
            (Some(value), None) => self.0.push(vec![(at, value)]),
            (None, Some(piece)) if !piece.is_empty() => self.0.push(Vec::new()),
            (None, _) => {}
        }
    }
}

impl Line {
    fn with_band(mut self, report: &SignalReport, axis: &TimeAxis, kind: Kind) -> Self {
        let columns = report.series.columns.iter().enumerate();
        let known = columns.filter(|(_, column)| column.cell(kind).count > 0);
        self.band = known
            .map(|(at, column)| (axis.at(at), column.cell(kind).min, column.cell(kind).max))
            .collect();
        self
    }

    /// Each value times `factor`.
    fn scaled(mut self, factor: f64) -> Self {
        self.pieces.iter_mut().flatten().for_each(|(_, value)| *value *= factor);
        self.band.iter_mut().for_each(|(_, low, high)| {
            *low *= factor;
            *high *= factor;
        });
        self
    }
}

fn panels(report: &SignalReport, axis: &TimeAxis) -> Vec<Panel> {
    let one = |kind: Kind, show: Show, name, color| line(report, axis, (kind, show), (name, color));
    let plain = |title, unit: &str, lines| Panel {
        title,
        unit: unit.to_owned(),
        lines,
        bars: Vec::new(),
        covers: None,
    };
    let mid = one(Kind::Mid, Show::Last, "mid", BLUE).with_band(report, axis, Kind::Mid);
    let price = plain(
        "Mid and average price",
        "price",
        vec![mid, one(Kind::AveragePrice, Show::Last, "VWAP", ORANGE)],
    );
    let mut flow = plain(
        "Order-flow imbalance over 1 s",
        "quantity",
        vec![one(Kind::OrderFlow, Show::Last, "", BLUE).with_band(report, axis, Kind::OrderFlow)],
    );
    flow.covers = Some((0.0, 0.0));
    let mut imbalance = plain(
        "Imbalance, mean of each point",
        "-1 to 1",
        vec![
            one(Kind::Imbalance, Show::Mean, "best level", PALE),
            one(Kind::Imbalance5, Show::Mean, "5 levels", ORANGE),
            one(Kind::Imbalance20, Show::Mean, "20 levels", BLUE),
        ],
    );
    imbalance.covers = Some((-1.0, 1.0));
    let mut vpin = plain(
        "VPIN, 50 buckets",
        "0 to 1",
        vec![
            one(Kind::Vpin, Show::Last, "by the trades' sides", BLUE),
            one(Kind::BulkVpin, Show::Last, "classified in bulk", ORANGE),
        ],
    );
    vpin.covers = Some((0.0, 1.0));
    let mut volatility = plain(
        "Volatility of 1 s returns over 1 min",
        "basis points",
        vec![one(Kind::Volatility, Show::Last, "", BLUE)],
    );
    volatility.covers = Some((0.0, 0.0));
    let adjustments = adjustments(report, axis);
    vec![price, adjustments, imbalance, flow, traded(report, axis), vpin, volatility]
}

/// The weighted mid and the micro-price, less the mid.
fn adjustments(report: &SignalReport, axis: &TimeAxis) -> Panel {
    // Without a tick, prices as they are.
    let model = report.model();
    let tick = model.map_or(1.0, |model| model.grid().tick().units() as f64 / 1e8);
    let moved = line(report, axis, (Kind::PredictedMove, Show::Mean), ("weighted mid", PALE));
    let mut lines = vec![moved.scaled(1.0 / tick)];
    if let Some(model) = model {
        let mut pieces = Pieces::default();
        let mut last = None;
        for (at, column) in report.series.columns.iter().enumerate() {
            let state = column.state.map(|state| model.adjustments()[state] / 1e8 / tick);
            last = state.or(last);
            pieces.add(axis.at(at), last);
            if column.quoted == Some(false) {
                last = None;
            }
        }
        lines.push(Line { name: "micro-price", color: BLUE, pieces: pieces.0, band: Vec::new() });
    }
    let unit = if model.is_some() { "ticks" } else { "price" }.to_owned();
    Panel {
        title: "Fair value, less the mid",
        unit,
        lines,
        bars: Vec::new(),
        covers: Some((0.0, 0.0)),
    }
}

fn traded(report: &SignalReport, axis: &TimeAxis) -> Panel {
    let columns = report.series.columns.iter().enumerate();
    let bars = columns.flat_map(|(at, column)| {
        [(axis.at(at), column.bought, GREEN), (axis.at(at), -column.sold, RED)]
    });
    let legend = |name, color| Line { name, color, pieces: Vec::new(), band: Vec::new() };
    Panel {
        title: "Traded in each point, by aggressor",
        unit: "quantity".to_owned(),
        lines: vec![legend("bought", GREEN), legend("sold", RED)],
        bars: bars.filter(|&(_, height, _)| height != 0.0).collect(),
        covers: Some((0.0, 0.0)),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Panel {
    fn draw(&self, area: &Area<'_>, axis: &TimeAxis) -> anyhow::Result<()> {
        self.heading(area)?;
        let (low, high) = self.range();
        let mut chart = ChartBuilder::on(area)
            .margin_top(26)
            .margin_right(18)
            .margin_left(8)
            .margin_bottom(4)
            .set_label_area_size(LabelAreaPosition::Left, 70)
            .set_label_area_size(LabelAreaPosition::Bottom, 22)
            .build_cartesian_2d(axis.at(0)..axis.at(axis.columns), low..high)
            .map_err(told)?;
        let places = places(high - low);
        chart
            .configure_mesh()
            .x_labels(14)
            .y_labels(5)
            .x_label_formatter(&|at| axis.label(*at))
            .y_label_formatter(&|value| format!("{value:.places$}"))
            .label_style(font(11, &QUIET))
            .axis_style(GRID)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .draw()
            .map_err(told)?;
        let step = axis.at(1) - axis.at(0);
        let bar = |&(at, height, color): &(f64, f64, RGBColor)| {
            Rectangle::new([(at, 0.0), (at + step, height)], color.filled())
        };
        chart.draw_series(self.bars.iter().map(bar)).map_err(told)?;
        for line in &self.lines {
            line.draw(&mut chart, step)?;
        }
        if low < 0.0 && high > 0.0 {
            let zero = [(axis.at(0), 0.0), (axis.at(axis.columns), 0.0)];
            chart.draw_series(LineSeries::new(zero, QUIET.mix(0.6))).map_err(told)?;
        }
        Ok(())
    }

    /// The title, the unit, and the lines' names in their colours.
    fn heading(&self, area: &Area<'_>) -> anyhow::Result<()> {
        let mut left = 78;
        let mut put = |text: &str, style: TextStyle<'_>, width: f64| {
            let place = (left, 8);
            left += (text.chars().count() as f64 * width) as i32 + 14;
            area.draw(&Text::new(text.to_owned(), place, style)).map_err(told)
        };
        // A letter's width in the usual fonts: nothing here knows the viewer's.
        put(self.title, bold(13, &INK), 6.6)?;
        put(&self.unit, font(12, &QUIET), 5.8)?;
        for line in self.lines.iter().filter(|line| !line.name.is_empty()) {
            put(line.name, bold(12, &line.color), 6.4)?;
        }
        Ok(())
    }

    /// What the vertical axis covers, with some room.
    fn range(&self) -> (f64, f64) {
        let points = self.lines.iter().flat_map(|line| line.pieces.iter().flatten());
        let points = points.map(|&(_, value)| value);
        let bands = self.lines.iter().flat_map(|line| &line.band);
        let bands = bands.flat_map(|&(_, low, high)| [low, high]);
        let bars = self.bars.iter().map(|&(_, height, _)| height);
        let covered = self.covers.map(|(low, high)| [low, high]);
        let all = points.chain(bands).chain(bars).chain(covered.into_iter().flatten());
        let (low, high) = all
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        match high - low {
            height if height > 0.0 => (low - height * 0.06, high + height * 0.06),
            0.0 => (low - 1.0, high + 1.0),
            _ => (0.0, 1.0),
        }
    }
}

impl Line {
    fn draw(&self, chart: &mut Chart<'_, '_>, step: f64) -> anyhow::Result<()> {
        let column = |&(at, low, high): &(f64, f64, f64)| {
            Rectangle::new([(at, low), (at + step, high)], self.color.mix(0.25).filled())
        };
        chart.draw_series(self.band.iter().map(column)).map_err(told)?;
        for piece in &self.pieces {
            let style = self.color.stroke_width(1);
            chart.draw_series(LineSeries::new(piece.iter().copied(), style)).map_err(told)?;
        }
        Ok(())
    }
}

/// Decimal places of labels on an axis of this height.
fn places(height: f64) -> usize {
    // Some five labels: a fifth of the height has to show.
    let digits = -(height / 10.0).log10().floor();
    digits.clamp(0.0, 8.0) as usize
}
