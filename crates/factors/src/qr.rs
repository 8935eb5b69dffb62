//! QR codes of otpauth URIs, for web pages and for terminals.

use qrcode::{
    EcLevel, QrCode,
    render::{svg, unicode},
};
use tidegate_core::Secret;

/// The text is too long for a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// An SVG picture, black on white, with its quiet zone.
pub fn svg(text: &Secret<String>) -> Result<Secret<String>, TooLong> {
    Ok(Secret::new(code(text)?.render::<svg::Color<'_>>().min_dimensions(200, 200).build()))
}

/// Two rows of modules in one line of text, for terminals with light letters on a dark background.
pub fn terminal(text: &Secret<String>) -> Result<Secret<String>, TooLong> {
    let picture = code(text)?
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build();
    Ok(Secret::new(picture))
}

fn code(text: &Secret<String>) -> Result<QrCode, TooLong> {
    QrCode::with_error_correction_level(text.expose().as_bytes(), EcLevel::M).map_err(|_| TooLong)
}
