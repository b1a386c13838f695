//! Pictures of maps as PNG: pixels, text from a bitmap font that is compiled in, colour bars. No font of the system is needed.

use crate::error::Error;
use colorous::{Gradient, RED_BLUE, VIRIDIS};
use std::io::BufWriter;
use std::path::Path;

/// Side of a character at scale 1 (pixels).
const GLYPH: usize = 8;
const BLACK: [u8; 3] = [20, 20, 20];
/// Colour of pixels without a value.
const NOTHING: [u8; 3] = [190, 190, 190];

/// One panel: a map in logarithms with its colours.
pub struct Panel<'a> {
    /// Title above it.
    pub title: String,
    /// Rows × columns; a value that is not finite is drawn grey.
    pub values: &'a [f64],
    /// Value at both ends of the colours.
    pub range: [f64; 2],
    /// Label of the colour bar, with units.
    pub label: String,
    /// Whether colours part at the middle (differences) instead of rising in brightness.
    pub diverging: bool,
}

/// What all panels share.
pub struct Frame {
    /// Rows and columns.
    pub shape: [usize; 2],
    /// Extent of rows' and columns' axes (pc).
    pub extent_pc: [f64; 2],
    /// Names of these axes.
    pub axes: [char; 2],
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            height,
            pixels: vec![255; width * height * 3],
        }
    }

    fn fill(&mut self, [x, y]: [usize; 2], [w, h]: [usize; 2], colour: [u8; 3]) {
        for row in y..(y + h).min(self.height) {
            for column in x..(x + w).min(self.width) {
                let at = (row * self.width + column) * 3;
                self.pixels[at..at + 3].copy_from_slice(&colour);
            }
        }
    }

    fn frame(&mut self, [x, y]: [usize; 2], [w, h]: [usize; 2]) {
        self.fill([x, y], [w, 1], BLACK);
        self.fill([x, y + h - 1], [w, 1], BLACK);
        self.fill([x, y], [1, h], BLACK);
        self.fill([x + w - 1, y], [1, h], BLACK);
    }

    /// Text from its upper left corner; `upright` turns it to read from below.
    fn text(&mut self, [x, y]: [usize; 2], text: &str, scale: usize, upright: bool) {
        for (i, c) in text.chars().enumerate() {
            let glyph = font8x8::legacy::BASIC_LEGACY
                .get(c as usize)
                .unwrap_or(&font8x8::legacy::NOTHING_TO_DISPLAY);
            for (row, bits) in glyph.iter().enumerate() {
                for column in 0..GLYPH {
                    if bits >> column & 1 == 0 {
                        continue;
                    }
                    let (along, across) = ((i * GLYPH + column) * scale, row * scale);
                    let at = if upright {
                        [x + across, y.saturating_sub(along + scale)]
                    } else {
                        [x + along, y + across]
                    };
                    self.fill(at, [scale, scale], BLACK);
                }
            }
        }
    }
}

/// Values between `range` that are round: multiples of 1, 2 or 5 times a power of ten, about `count` of them.
fn ticks([low, high]: [f64; 2], count: usize) -> Vec<f64> {
    let span = high - low;
    if !(span > 0.0 && span.is_finite()) {
        return vec![low];
    }
    let raw = span / count.max(1) as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|s| *s >= raw)
        .unwrap_or(10.0 * power);
    let first = (low / step).ceil() as i64;
    (first..=(high / step).floor() as i64)
        .map(|k| k as f64 * step)
        .collect()
}

fn number(v: f64, step: f64) -> String {
    let digits = (-step.log10()).ceil().clamp(0.0, 6.0) as usize;
    let text = format!("{v:.digits$}");
    if v == 0.0 { "0".into() } else { text }
}

fn labels(range: [f64; 2], count: usize) -> Vec<(f64, String)> {
    let at = ticks(range, count);
    let step = if at.len() > 1 { at[1] - at[0] } else { 1.0 };
    at.into_iter()
        .map(|v| (v, number(v, step * 1.0001)))
        .collect()
}

const TOP: usize = 44;
const BOTTOM: usize = 64;
const LEFT: usize = 78;
const BAR: usize = 22;
const RIGHT: usize = 130;
const SIDE: usize = 384;
const SCALE: usize = 2;

/// Draws panels side by side and writes them as PNG, under a temporary name until complete.
pub fn draw(path: &Path, frame: &Frame, panels: &[Panel]) -> Result<(), Error> {
    let [rows, columns] = frame.shape;
    let zoom = (SIDE / rows.max(columns).max(1)).max(1);
    let [h, w] = [rows * zoom, columns * zoom];
    let panel_width = LEFT + w + 14 + BAR + RIGHT;
    let mut canvas = Canvas::new(panel_width * panels.len(), TOP + h + BOTTOM);
    for (i, panel) in panels.iter().enumerate() {
        let origin = [i * panel_width + LEFT, TOP];
        map(&mut canvas, origin, zoom, frame, panel);
        axes(&mut canvas, origin, [w, h], frame);
        bar(&mut canvas, [origin[0] + w + 14, TOP], h, panel);
        let title = [origin[0], 14];
        canvas.text(title, &panel.title, SCALE, false);
    }
    write(path, &canvas)
}

fn gradient(panel: &Panel) -> Gradient {
    if panel.diverging { RED_BLUE } else { VIRIDIS }
}

fn colour(panel: &Panel, value: f64) -> [u8; 3] {
    let [low, high] = panel.range;
    if !value.is_finite() {
        return NOTHING;
    }
    let t = ((value - low) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0);
    // Red for more, blue for less.
    let t = if panel.diverging { 1.0 - t } else { t };
    let c = gradient(panel).eval_continuous(t);
    [c.r, c.g, c.b]
}

fn map(canvas: &mut Canvas, [x, y]: [usize; 2], zoom: usize, frame: &Frame, panel: &Panel) {
    let [rows, columns] = frame.shape;
    for row in 0..rows {
        for column in 0..columns {
            let Some(value) = panel.values.get(row * columns + column) else {
                continue;
            };
            // The first row lies at the bottom.
            let at = [x + column * zoom, y + (rows - 1 - row) * zoom];
            canvas.fill(at, [zoom, zoom], colour(panel, *value));
        }
    }
}

fn axes(canvas: &mut Canvas, [x, y]: [usize; 2], [w, h]: [usize; 2], frame: &Frame) {
    canvas.frame([x, y], [w, h]);
    let glyph = GLYPH * SCALE;
    for (value, text) in labels([0.0, frame.extent_pc[1]], 4) {
        let at = x + (value / frame.extent_pc[1] * (w - 1) as f64) as usize;
        canvas.fill([at, y + h], [1, 6], BLACK);
        let start = at.saturating_sub(text.len() * glyph / 2);
        canvas.text([start, y + h + 9], &text, SCALE, false);
    }
    for (value, text) in labels([0.0, frame.extent_pc[0]], 4) {
        let at = y + h - 1 - (value / frame.extent_pc[0] * (h - 1) as f64) as usize;
        canvas.fill([x - 6, at], [6, 1], BLACK);
        let start = x.saturating_sub(10 + text.len() * glyph);
        canvas.text([start, at.saturating_sub(glyph / 2)], &text, SCALE, false);
    }
    let below = format!("{} [pc]", frame.axes[1]);
    let start = x + w / 2 - (below.len() * glyph / 2).min(w / 2);
    canvas.text([start, y + h + 36], &below, SCALE, false);
    let beside = format!("{} [pc]", frame.axes[0]);
    let start = y + h / 2 + beside.len() * glyph / 2;
    canvas.text([x - LEFT + 4, start], &beside, SCALE, true);
}

fn bar(canvas: &mut Canvas, [x, y]: [usize; 2], h: usize, panel: &Panel) {
    let [low, high] = panel.range;
    for k in 0..h {
        let value = low + (high - low) * (h - 1 - k) as f64 / (h - 1).max(1) as f64;
        canvas.fill([x, y + k], [BAR, 1], colour(panel, value));
    }
    canvas.frame([x, y], [BAR, h]);
    for (value, text) in labels(panel.range, 6) {
        let share = (value - low) / (high - low).max(f64::MIN_POSITIVE);
        let at = y + h - 1 - (share.clamp(0.0, 1.0) * (h - 1) as f64) as usize;
        canvas.fill([x + BAR, at], [5, 1], BLACK);
        let up = GLYPH * SCALE / 2;
        canvas.text([x + BAR + 8, at.saturating_sub(up)], &text, SCALE, false);
    }
    let start = y + h / 2 + panel.label.len() * GLYPH * SCALE / 2;
    canvas.text(
        [x + BAR + 100, start.min(y + h + BOTTOM)],
        &panel.label,
        SCALE,
        true,
    );
}

fn write(path: &Path, canvas: &Canvas) -> Result<(), Error> {
    let mut bytes = Vec::new();
    {
        let mut encoder = png::Encoder::new(
            BufWriter::new(&mut bytes),
            canvas.width as u32,
            canvas.height as u32,
        );
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder
            .write_header()
            .map_err(|e| Error::io(path)(e.into()))?;
        writer
            .write_image_data(&canvas.pixels)
            .map_err(|e| Error::io(path)(e.into()))?;
    }
    latent_ode::write_atomically(path, |out| out.write_all(&bytes)).map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks([0.0, 4.0], 4), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(ticks([20.3, 22.1], 6).len(), 4);
        assert_eq!(ticks([1.0, 1.0], 4), [1.0]);
        assert_eq!(number(-0.05, 0.05), "-0.05");
    }

    #[test]
    fn a_picture_is_a_png_of_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map.png");
        let frame = Frame {
            shape: [2, 4],
            extent_pc: [1.0, 2.0],
            axes: ['x', 'y'],
        };
        let values = [20.0, 21.0, 22.0, f64::NAN, 20.5, 21.5, 20.0, 22.0];
        let panel = |diverging| Panel {
            title: "CO".into(),
            values: &values,
            range: [20.0, 22.0],
            label: "log10 N [cm^-2]".into(),
            diverging,
        };
        draw(&path, &frame, &[panel(false), panel(true)]).unwrap();
        let decoder =
            png::Decoder::new(std::io::BufReader::new(std::fs::File::open(&path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let width = LEFT + SIDE + 14 + BAR + RIGHT;
        assert_eq!(
            (info.width, info.height),
            (2 * width as u32, (TOP + 192 + BOTTOM) as u32)
        );
        let at = |x: usize, y: usize| {
            let i = (y * 2 * width + x) * 3;
            [pixels[i], pixels[i + 1], pixels[i + 2]]
        };
        // The first row lies at the bottom; its last value is missing.
        assert_eq!(at(LEFT + 3 * 96 + 48, TOP + 96 + 48), NOTHING);
        let dark = VIRIDIS.eval_continuous(0.0);
        assert_eq!(at(LEFT + 48, TOP + 96 + 48), [dark.r, dark.g, dark.b]);
        let bright = VIRIDIS.eval_continuous(1.0);
        assert_eq!(
            at(LEFT + 3 * 96 + 48, TOP + 48),
            [bright.r, bright.g, bright.b]
        );
    }
}
