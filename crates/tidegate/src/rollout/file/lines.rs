//! Where the values of a file stand, so that what the server finds wrong is told with its line and in the words of the file.

use std::path::PathBuf;

/// A value of the file, and the values in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileLines {
    /// Where its key is, or it begins.
    pub(super) line: usize,
    /// As it is written, where it is a single value.
    pub(super) text: String,
    pub(super) keys: Vec<(String, FileLines)>,
    pub(super) items: Vec<FileLines>,
}

/// A file, and where its values stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FilePlaces {
    pub path: PathBuf,
    pub lines: FileLines,
}

/// The fields that have another name in a file.
const NAMES: [(&str, &[&str]); 12] = [
    ("edge_ppm", &["edge", "percent", "edge_percent"]),
    ("edge_percent", &["edge_percent", "percent", "edge"]),
    ("holdout_ppm", &["holdout", "holdout_percent"]),
    ("holdout_percent", &["holdout_percent", "holdout"]),
    ("from_time", &["from"]),
    ("before_time", &["before"]),
    ("local", &["from"]),
    ("cap_time", &["cap"]),
    ("end_time", &["ends"]),
    ("end_local", &["ends"]),
    ("rules", &["ladder"]),
    ("edge", &["edge", "percent", "edge_percent"]),
];
/// What an item of a list is called. Items of other lists are quoted.
const ITEMS: [(&str, &str); 4] =
    [("waves", "wave"), ("ladder", "rule"), ("phases", "phase"), ("gates", "gate")];

impl FilePlaces {
    /// `plan.yaml: line 11: wave 2: planned_start: must …`, of a path such as `waves[1].planned_start.local`. `None`: the file
    /// says nothing of it.
    pub fn told(&self, path: &str, what: &str) -> Option<String> {
        let (mut at, mut words) = (&self.lines, Vec::new());
        for segment in path.split('.') {
            let (name, place) = match segment.split_once('[') {
                Some((name, place)) => (name, place.trim_end_matches(']').parse::<usize>().ok()),
                None => (segment, None),
            };
            if let ("audiences", Some(item)) = (name, place.and_then(|place| at.items.get(place))) {
                at = item;
                continue;
            }
            let others = NAMES.iter().find(|(wire, _)| *wire == name).map_or(&[][..], |(_, names)| names);
            let mut called = std::iter::once(&name).chain(others);
            let Some((key, value)) = called.find_map(|name| at.keys.iter().find(|(key, _)| key == name))
            else {
                // In a file, a test of an audience is not a level of its own.
                if name == "test" {
                    continue;
                }
                break;
            };
            at = value;
            let item_name = ITEMS.iter().find(|(list, _)| list == key).map(|(_, item)| *item);
            match (item_name, place, place.and_then(|place| at.items.get(place))) {
                (Some(item_name), Some(place), Some(item)) => {
                    words.push(format!("{item_name} {}", place + 1));
                    at = item;
                }
                (_, _, Some(item)) => {
                    words.push(key.clone());
                    if !item.text.is_empty() {
                        words.push(format!("`{}`", item.text));
                    }
                    at = item;
                }
                _ => words.push(key.clone()),
            }
        }
        let first = words.is_empty();
        (!first).then(|| format!("{}: line {}: {}: {what}", self.path.display(), at.line, words.join(": ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(line: usize, text: &str) -> FileLines {
        FileLines { line, text: text.to_owned(), ..FileLines::default() }
    }

    fn mapping(line: usize, keys: Vec<(&str, FileLines)>) -> FileLines {
        let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        FileLines { line, keys, ..FileLines::default() }
    }

    fn list(line: usize, items: Vec<FileLines>) -> FileLines {
        FileLines { line, items, ..FileLines::default() }
    }

    #[test]
    fn a_path_of_the_contract_is_a_line_of_the_file() {
        let test = mapping(
            9,
            vec![("attribute", leaf(9, "account.country")), ("any_of", list(10, vec![leaf(10, "UK")]))],
        );
        let audience = mapping(8, vec![("all", list(8, vec![mapping(9, vec![("not", test)])]))]);
        let wave = mapping(
            6,
            vec![("percent", leaf(7, "5")), ("planned_start", leaf(11, "x")), ("audience", audience)],
        );
        let phases = list(13, vec![leaf(14, ""), mapping(15, vec![("from", leaf(15, "now"))])]);
        let lines = mapping(
            1,
            vec![
                ("products", list(2, vec![leaf(3, "kasa"), leaf(4, "tpo")])),
                ("waves", list(5, vec![leaf(5, ""), wave])),
                ("ladder", list(12, vec![mapping(13, vec![("phases", phases)])])),
            ],
        );
        let places = FilePlaces { path: "plan.yaml".into(), lines };
        for (path, told) in [
            ("waves[1].planned_start.local", "line 11: wave 2: planned_start: no"),
            ("waves[1].edge_ppm", "line 7: wave 2: percent: no"),
            (
                "waves[1].audience.all.audiences[0].not.test.any_of[0]",
                "line 10: wave 2: audience: all: not: any_of: `UK`: no",
            ),
            ("waves[1].soak", "line 6: wave 2: no"),
            ("products[1]", "line 4: products: `tpo`: no"),
            ("rules[0].phases[1].from_time", "line 15: rule 1: phase 2: from: no"),
            ("ladder[0]", "line 13: rule 1: no"),
        ] {
            assert_eq!(places.told(path, "no"), Some(format!("plan.yaml: {told}")), "{path}");
        }
        assert_eq!(places.told("method.end_time", "no"), None);
    }
}
