//! How throughput moves with partitions, sinks and the commit interval, for one worker and two: a table, and a picture each.

use super::{Bench, Shape, kit, median, number};
use kit::broker::Kafka;
use std::fmt::Write;
use std::path::Path;

/// What is varied, one at a time; the others stay as in [`BASE`].
const PARTITIONS: &[u64] = &[4, 16, 64];
const SINKS: &[u64] = &[1, 4, 16];
const INTERVALS: &[u64] = &[10, 30, 100, 300, 1000];
const WORKERS: [u64; 2] = [1, 2];
const BASE: Shape = Shape { workers: 1, partitions: 16, sinks: 1, interval: 100 };

/// One curve's name on the axis, its places, and how a place becomes a shape.
struct Axis {
    name: &'static str,
    file: &'static str,
    places: &'static [u64],
    at: fn(u64) -> Shape,
}

const AXES: [Axis; 3] = [
    Axis { name: "partitions of each topic", file: "partitions", places: PARTITIONS, at: |n| Shape { partitions: n, ..BASE } },
    Axis { name: "sinks", file: "sinks", places: SINKS, at: |n| Shape { sinks: n, ..BASE } },
    Axis { name: "commit.interval, ms", file: "interval", places: INTERVALS, at: |n| Shape { interval: n, ..BASE } },
];

/// Measures every place of every axis `PRIVET_BENCH_PAIRS` (3) times, in turns; prints medians, and draws them where
/// `PRIVET_BENCH_PICTURES` names a folder.
pub(crate) fn scaling(kafka: &'static Kafka, events: u64) {
    let rounds = number("PRIVET_BENCH_PAIRS", 3);
    let benches: Vec<Bench> = PARTITIONS.iter().map(|count| Bench::new(kafka, events, *count as i32)).collect();
    println!("| varied | | workers | events/s | µs of processor time an event |\n| --- | --- | --- | --- | --- |");
    for axis in &AXES {
        let mut curves = Vec::new();
        for workers in WORKERS {
            let mut curve = Vec::new();
            for place in axis.places {
                let shape = Shape { workers, ..(axis.at)(*place) };
                let bench = PARTITIONS.iter().position(|count| *count == shape.partitions).map(|at| &benches[at]);
                let bench = bench.expect("every shape has its topics");
                let runs: Vec<_> = (0..rounds).map(|_| bench.shaped(&shape)).collect();
                let rate = median(runs.iter().map(|run| run.rate).collect());
                let cost = median(runs.iter().map(|run| run.cost).collect());
                println!("| {} | {place} | {workers} | {rate:.0} | {cost:.2} |", axis.name);
                curve.push(rate);
            }
            curves.push(curve);
        }
        if let Ok(folder) = std::env::var("PRIVET_BENCH_PICTURES") {
            let file = Path::new(&folder).join(format!("scaling-{}.svg", axis.file));
            std::fs::write(&file, picture(axis, &curves)).expect("the picture can be written");
        }
    }
}

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 50.0;
const TOP: f64 = 34.0;
const COLOURS: [&str; 2] = ["#1f5fa8", "#b3541e"];

/// A curve a number of workers, as SVG.
fn picture(axis: &Axis, curves: &[Vec<f64>]) -> String {
    let most = curves.iter().flatten().copied().fold(1.0, f64::max);
    let step = [10e3, 25e3, 50e3, 100e3].into_iter().find(|step| most / step <= 6.0).unwrap_or(250e3);
    let top = (most / step).ceil() * step;
    let x = |at: usize| LEFT + (at as f64 + 0.5) * (WIDTH - LEFT - 110.0) / axis.places.len() as f64;
    let y = |rate: f64| HEIGHT - BOTTOM - rate / top * (HEIGHT - BOTTOM - TOP);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n\
         <title>Events a second by {}</title>\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\">thousand events a second</text>\n",
        axis.name
    );
    let mut put = |line: std::fmt::Arguments<'_>| out.write_fmt(line).expect("writing to memory does not fail");
    let mut level = 0.0;
    while level <= top {
        let (at, right) = (y(level), WIDTH - 110.0);
        put(format_args!("<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/>\n"));
        put(format_args!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>\n", LEFT - 8.0, at + 4.0, level / 1000.0));
        level += step;
    }
    for (at, place) in axis.places.iter().enumerate() {
        put(format_args!("<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{place}</text>\n", x(at), HEIGHT - BOTTOM + 18.0));
    }
    let middle = (LEFT + WIDTH - 110.0) / 2.0;
    put(format_args!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", HEIGHT - 10.0, axis.name));
    for ((curve, workers), colour) in curves.iter().zip(WORKERS).zip(COLOURS) {
        let points: Vec<String> = curve.iter().enumerate().map(|(at, rate)| format!("{:.1},{:.1}", x(at), y(*rate))).collect();
        put(format_args!("<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n", points.join(" ")));
        for point in &points {
            let (x, y) = point.split_once(',').unwrap_or_default();
            put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"3\" fill=\"{colour}\"/>\n"));
        }
        let (label, line) = (if workers == 1 { "1 worker" } else { "2 workers" }, 40.0 + 18.0 * workers as f64);
        put(format_args!("<text x=\"{}\" y=\"{line}\" fill=\"{colour}\">{label}</text>\n", WIDTH - 98.0));
    }
    out + "</svg>\n"
}
