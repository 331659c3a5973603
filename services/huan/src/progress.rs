//! Progress of long work, on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on a terminal; nothing where nobody looks.
pub fn bar(text: &str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("  {msg:<28} {bar:40} {human_pos}/{human_len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style).with_message(text.to_owned())
}
