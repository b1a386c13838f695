//! FITS images (FITS Standard 4.0): maps as image extensions in double precision with linear coordinates in parsecs.
//!
//! Images alone need a page of code; what is written is read by astropy (tests).

use crate::{Error, maps::Map};
use std::{io, path::Path};

const BLOCK: usize = 2880;
const CARD: usize = 80;

/// Writes maps as the image extensions of one file, each named after its map (`EXTNAME`), an empty primary unit first.
///
/// # Errors
/// There is no map, a name is not printable ASCII of at most 68 characters, or the file cannot be written.
pub fn write_maps(path: impl AsRef<Path>, maps: &[Map]) -> Result<(), Error> {
    if maps.is_empty() {
        return Err(Error::Argument {
            what: "number of maps",
            value: 0.0,
            expected: "at least 1",
        });
    }
    if let Some(map) = maps.iter().find(|m| !printable(&m.name)) {
        return Err(Error::Unknown {
            what: "name that FITS can hold (printable ASCII, at most 68 characters)",
            name: map.name.clone(),
            known: String::new(),
        });
    }
    crate::atomic::write(path.as_ref(), |out| {
        let mut primary = Header::default();
        primary.logical("SIMPLE", true, "conforms to FITS");
        primary.integer("BITPIX", 8, "");
        primary.integer("NAXIS", 0, "maps are in the extensions");
        primary.logical("EXTEND", true, "");
        primary.finish(out)?;
        maps.iter().try_for_each(|map| image(out, map))
    })
}

fn printable(name: &str) -> bool {
    !name.is_empty() && name.len() <= 60 && name.bytes().all(|b| (32..127).contains(&b))
}

fn image(out: &mut dyn io::Write, map: &Map) -> io::Result<()> {
    let [rows, columns] = map.shape;
    let [row_axis, column_axis] = map.axis.others();
    let mut header = Header::default();
    header.text("XTENSION", "IMAGE", "");
    header.integer("BITPIX", -64, "double precision");
    header.integer("NAXIS", 2, "");
    header.integer("NAXIS1", columns, "");
    header.integer("NAXIS2", rows, "");
    header.integer("PCOUNT", 0, "");
    header.integer("GCOUNT", 1, "");
    header.text("EXTNAME", &map.name, "column density of");
    header.text("BUNIT", "cm-2", "");
    let axes = [
        (1, column_axis, map.pixel_pc[1]),
        (2, row_axis, map.pixel_pc[0]),
    ];
    for (n, axis, pixel) in axes {
        header.text(&format!("CTYPE{n}"), &axis.letter().to_string(), "linear");
        header.text(&format!("CUNIT{n}"), "pc", "");
        header.real(&format!("CRPIX{n}"), 0.5, "left edge of the first pixel");
        header.real(&format!("CRVAL{n}"), 0.0, "");
        header.real(&format!("CDELT{n}"), pixel, "");
    }
    header.text("SIGHT", &map.axis.letter().to_string(), "axis summed along");
    header.finish(out)?;
    for v in &map.values {
        out.write_all(&v.to_be_bytes())?;
    }
    pad(out, 8 * map.values.len(), 0)
}

fn pad(out: &mut dyn io::Write, written: usize, with: u8) -> io::Result<()> {
    let rest = written.next_multiple_of(BLOCK) - written;
    out.write_all(&vec![with; rest])
}

/// Cards of 80 characters.
#[derive(Default)]
struct Header(String);

impl Header {
    fn card(&mut self, key: &str, value: &str, comment: &str) {
        let mut card = format!("{key:<8}= {value}");
        if !comment.is_empty() {
            card.push_str(" / ");
            card.push_str(comment);
        }
        card.truncate(CARD);
        self.0.push_str(&format!("{card:<CARD$}"));
    }

    fn logical(&mut self, key: &str, value: bool, comment: &str) {
        self.card(
            key,
            &format!("{:>20}", if value { "T" } else { "F" }),
            comment,
        );
    }

    fn integer(&mut self, key: &str, value: impl std::fmt::Display, comment: &str) {
        self.card(key, &format!("{value:>20}"), comment);
    }

    fn real(&mut self, key: &str, value: f64, comment: &str) {
        // Sixteen digits and a point, as the standard's free format wants it.
        self.card(key, &format!("{:>23}", format!("{value:.16E}")), comment);
    }

    fn text(&mut self, key: &str, value: &str, comment: &str) {
        let quoted = format!("'{:<8}'", value.replace('\'', "''"));
        self.card(key, &format!("{quoted:<20}"), comment);
    }

    fn finish(mut self, out: &mut dyn io::Write) -> io::Result<()> {
        self.0.push_str(&format!("{:<CARD$}", "END"));
        out.write_all(self.0.as_bytes())?;
        pad(out, self.0.len(), b' ')
    }
}
