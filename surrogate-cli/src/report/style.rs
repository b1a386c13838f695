//! The look every figure shares: palette, fonts, names of species, legends, on plotters' SVG backend.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Drawing units per CSS pixel: the SVG backend rounds to whole units, so figures are drawn larger and scaled down.
pub const SCALE: u32 = 4;

/// Palette of Okabe and Ito (2008), told apart with every common kind of colour blindness; yellow is left out (too light on white).
pub const PALETTE: [RGBColor; 7] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, INK];
/// Blue of the palette.
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
/// Vermilion of the palette.
pub const VERMILION: RGBColor = RGBColor(213, 94, 0);
/// Green of the palette.
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Purple of the palette.
pub const PURPLE: RGBColor = RGBColor(204, 121, 167);
/// Orange of the palette.
pub const ORANGE: RGBColor = RGBColor(230, 159, 0);
/// Sky blue of the palette.
pub const SKY: RGBColor = RGBColor(86, 180, 233);
/// Text and axes.
pub const INK: RGBColor = RGBColor(34, 34, 34);
/// The truth, drawn broad below the other curves.
pub const TRUTH: RGBColor = RGBColor(176, 176, 176);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(232, 232, 232);

/// Size of ordinary text, CSS pixels.
pub const TEXT: u32 = 13;
/// Size of tick labels, CSS pixels.
pub const TICK: u32 = 11;

/// A drawing surface of a figure.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing may fail with; the SVG goes to memory, so only through a broken figure.
pub type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// CSS pixels to drawing units.
pub fn px(css: u32) -> u32 {
    css * SCALE
}

/// CSS pixels to signed drawing units.
pub fn ipx(css: i32) -> i32 {
    css * SCALE as i32
}

/// A text style of a size in CSS pixels, with colour and anchor.
pub fn text(size: u32, color: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    // The SVG backend divides sizes by 1.24.
    let size = f64::from(px(size)) * 1.24;
    let mut style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(h, v));
    style.color = color.to_backend_color();
    style
}

/// Draws a figure of the given size in CSS pixels and returns its `<svg>` element, which scales with the page.
pub fn figure(
    width: u32,
    height: u32,
    draw: impl FnOnce(&Area<'_>) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (px(width), px(height))).into_drawing_area();
        area.fill(&WHITE)?;
        draw(&area)?;
        area.present()?;
    }
    // Shown at its CSS size, and narrower where the page is.
    let drawn = format!("<svg width=\"{}\" height=\"{}\"", px(width), px(height));
    Ok(svg.replacen(
        &drawn,
        &format!("<svg width=\"{width}\" height=\"{height}\""),
        1,
    ))
}

/// How a series is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mark {
    /// A line of a width in quarter CSS pixels.
    Line(u32),
    /// Open circles of a radius in quarter CSS pixels.
    Circles(u32),
}

/// One entry of a legend.
#[derive(Debug, Clone)]
pub struct LegendEntry {
    /// Text.
    pub label: String,
    /// Colour of its sample.
    pub color: RGBColor,
    /// Sample.
    pub mark: Mark,
}

const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// `10⁻¹²` and the like.
pub fn power_of_ten(exponent: i64) -> String {
    let mut out = String::from("10");
    if exponent < 0 {
        out.push('⁻');
    }
    for digit in exponent.unsigned_abs().to_string().chars() {
        out.push(SUPERSCRIPTS[digit.to_digit(10).unwrap_or(0) as usize]);
    }
    out
}

/// A species name with its numbers as subscripts and its charge as a superscript: `H₃O⁺`.
pub fn species(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '0'..='9' => out.push(char::from_u32(0x2080 + c as u32 - '0' as u32).unwrap_or(c)),
            '+' => out.push('⁺'),
            '-' => out.push('⁻'),
            c => out.push(c),
        }
    }
    out
}

/// Width estimate of a text in CSS pixels, for legends.
fn text_width(label: &str, size: u32) -> i32 {
    (label.chars().count() as f64 * f64::from(size) * 0.56).ceil() as i32
}

/// Draws a legend in one row, left-aligned at a position in CSS pixels.
pub fn legend(area: &Area<'_>, x: i32, y: i32, entries: &[LegendEntry]) -> Result<(), DrawError> {
    let mut left = x;
    for entry in entries {
        match entry.mark {
            Mark::Line(width) => area.draw(&PathElement::new(
                vec![(ipx(left), ipx(y)), (ipx(left + 24), ipx(y))],
                entry.color.stroke_width(width),
            ))?,
            Mark::Circles(radius) => area.draw(&Circle::new(
                (ipx(left + 12), ipx(y)),
                radius,
                entry.color.stroke_width(SCALE),
            ))?,
        }
        let style = text(TEXT - 1, INK, HPos::Left, VPos::Center);
        area.draw(&Text::new(
            entry.label.clone(),
            (ipx(left + 30), ipx(y)),
            style,
        ))?;
        left += 30 + text_width(&entry.label, TEXT - 1) + 18;
    }
    Ok(())
}

/// Splits an area into a grid of equal panels below a strip of CSS pixels kept for the legend.
pub fn grid<'a>(
    area: &Area<'a>,
    strip: u32,
    rows: usize,
    columns: usize,
) -> (Area<'a>, Vec<Area<'a>>) {
    let (head, body) = area.split_vertically(px(strip));
    let panels = body.split_evenly((rows, columns));
    (head, panels)
}
