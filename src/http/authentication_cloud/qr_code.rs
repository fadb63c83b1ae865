//! A link as a QR code (ISO/IEC 18004) in a PNG (RFC 2083).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fast_qr::{ECL, QRBuilder};

/// Width and height of the image, in pixels.
pub(super) const SIZE: u32 = 300;

/// The light border that scanners need, in modules (ISO/IEC 18004 6.3.8).
const QUIET: usize = 4;

/// The image as a data URI (RFC 2397); `None` if the link is too long for it.
pub(super) fn data_uri(link: &str) -> Option<String> {
    let png = png(link)?;
    Some(format!("data:image/png;base64,{}", STANDARD.encode(png)))
}

/// Black and white, one bit per pixel, each module as many whole pixels wide as fit.
fn png(link: &str) -> Option<Vec<u8>> {
    let code = QRBuilder::new(link).ecl(ECL::M).build().ok()?;
    let size = SIZE as usize;
    let modules = code.size + 2 * QUIET;
    let scale = size / modules;
    if scale == 0 {
        return None;
    }
    let margin = (size - code.size * scale) / 2;
    let is_dark = |x: usize, y: usize| {
        let module = |at: usize| at.checked_sub(margin).map(|at| at / scale);
        let (Some(x), Some(y)) = (module(x), module(y)) else { return false };
        x < code.size && y < code.size && code[y][x].value()
    };
    let row_bytes = size.div_ceil(8);
    let mut pixels = vec![0_u8; row_bytes * size];
    for y in 0..size {
        for x in (0..size).filter(|x| !is_dark(*x, y)) {
            pixels[y * row_bytes + x / 8] |= 0x80 >> (x % 8);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE, SIZE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&pixels).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_has_its_size_and_a_light_border() {
        let link = format!("https://id.example.com/open?dispatchTokenResponse={}", "x".repeat(208));
        let png = png(&link).expect("an image");
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("an image");
        assert_eq!((info.width, info.height), (SIZE, SIZE));
        let row = |y: usize| &pixels[y * info.line_size..(y + 1) * info.line_size];
        // 65 modules of 4 pixels: four modules and two pixels are light on each side.
        for y in (0..18).chain(282..300) {
            assert!(row(y)[..37].iter().all(|byte| *byte == 0xff), "{y}");
        }
        // The finder pattern begins with a row of seven dark modules.
        let dark = |x: usize| row(20)[x / 8] & (0x80 >> (x % 8)) == 0;
        assert!((0..20).all(|x| !dark(x)) && (20..48).all(dark) && !dark(48), "its first corner");
    }

    #[test]
    fn what_is_too_long_gives_no_image() {
        assert_eq!(data_uri(&"x".repeat(4000)), None);
    }
}
