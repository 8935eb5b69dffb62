//! Time zones as a file names them.

use tidegate_core::ZoneName;
use tidegate_service::zones;

use super::node::{FileNode, FileRead};

/// How alike the names of two places must be for one to be meant by the other, from 0 to 1.
const ALIKE: f64 = 0.88;

/// A zone of the database. Another one is told with the nearest.
pub fn zone(node: FileNode<'_>, name: &str) -> FileRead<ZoneName> {
    let zone = name.parse().ok().and_then(|zone| zones::canonical(&zone).ok());
    zone.ok_or_else(|| {
        let instead = match nearest(name) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "zones are named as in the IANA database, such as `Europe/Berlin`".to_owned(),
        };
        node.wrong(format!("`{name}` is no time zone; {instead}"))
    })
}

/// The zone whose place is called most like this: `Berlin`, `Europe/Berln`.
fn nearest(name: &str) -> Option<String> {
    let place = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let wanted = place(name);
    let whole = name.to_lowercase();
    let alike = |zone: &String| {
        let (place, zone) = (strsim::jaro_winkler(&wanted, &place(zone)), zone.to_lowercase());
        // Of places of one name, the region decides.
        (place, strsim::jaro_winkler(&whole, &zone))
    };
    let scored = zones::names().into_iter().map(|zone| (alike(&zone), zone));
    let best = scored.max_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    best.filter(|((place, _), _)| *place >= ALIKE).map(|(_, zone)| zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_zone_is_named() {
        for (name, zone) in [
            ("Berlin", Some("Europe/Berlin")),
            ("Europe/Berlinn", Some("Europe/Berlin")),
            ("Europa/Berlin", Some("Europe/Berlin")),
            ("new_york", Some("America/New_York")),
            ("America/NewYork", Some("America/New_York")),
            ("Europe/Gotham", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name).as_deref(), zone, "{name}");
        }
    }
}
