//! How the story is told on the terminal.

use tidegate_core::Grouped;

pub fn title(text: &str) {
    println!("\n== {text}");
}

pub fn say(text: &str) {
    println!("  {text}");
}

/// Something that Tidegate answered.
pub fn answer(text: &str) {
    println!("  -> {text}");
}

pub fn picture(text: &str) {
    for line in text.lines() {
        println!("      {line}");
    }
}

/// As the sentences of Explain spell it.
pub fn number(number: usize) -> Grouped {
    Grouped(u64::try_from(number).unwrap_or(u64::MAX))
}
