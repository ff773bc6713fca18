//! Folding of event names: `Order Completed`, `order_completed` and `order-completed` are one. Knows nothing of events.

/// Appends the folded form: Unicode lower case, without ASCII spaces, `_`, `-` and `.`.
pub fn fold_into(out: &mut String, name: &str) {
    if name.is_ascii() {
        out.extend(name.chars().filter(is_kept).map(|char| char.to_ascii_lowercase()));
    } else {
        // Of the whole text, since lower case depends on what stands around (a final sigma).
        out.extend(name.to_lowercase().chars().filter(is_kept));
    }
}

pub fn fold(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    fold_into(&mut out, name);
    out
}

fn is_kept(char: &char) -> bool {
    !matches!(char, ' ' | '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fold() {
        for (name, folded) in [
            ("Order Completed", "ordercompleted"),
            ("order_completed", "ordercompleted"),
            ("a.b-c_d E", "abcde"),
            ("ÉTÉ", "été"),
            ("İ", "i̇"),
            ("ΟΔΟΣ", "οδος"),
            ("$x", "$x"),
            ("a\u{a0}b\tc", "a\u{a0}b\tc"),
            (" _-.", ""),
        ] {
            assert_eq!(fold(name), folded, "{name}");
        }
    }
}
