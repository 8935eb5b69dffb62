//! How the story is told on the terminal.

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
