//! Results as JUnit XML, as CI systems read it.

use std::fmt::Write as _;

use super::Outcome;

pub fn xml(outcomes: &[Outcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.failures.is_empty()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<testsuite name=\"kairos test\" tests=\"{}\" failures=\"{failed}\">", outcomes.len());
    for outcome in outcomes {
        let (file, name) = (escape(&outcome.file), escape(&outcome.name));
        let _ = write!(out, "  <testcase classname=\"{file}\" name=\"{name}\" time=\"{:.3}\"", outcome.seconds);
        if outcome.failures.is_empty() {
            out.push_str("/>\n");
        } else {
            let text: Vec<String> = outcome.failures.iter().map(|text| format!("{}:{text}", outcome.file)).collect();
            let first = escape(text[0].lines().next().unwrap_or_default());
            let text = escape(&text.join("\n"));
            let _ = writeln!(out, ">\n    <failure message=\"{first}\">{text}</failure>\n  </testcase>");
        }
    }
    out.push_str("</testsuite>\n");
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to say other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_escaped() {
        let outcome = Outcome {
            file: "p.toml".into(),
            name: "a < b".into(),
            seconds: 0.0,
            failures: vec!["3: it's \"1\" & 2\nat noon".into()],
        };
        let xml = xml(&[outcome]);
        assert!(xml.contains("name=\"a &lt; b\"") && xml.contains("&quot;1&quot; &amp; 2"), "{xml}");
        assert!(
            xml.contains("tests=\"1\" failures=\"1\"")
                && xml.contains("<failure message=\"p.toml:3: it's &quot;1&quot; &amp; 2\">")
        );
    }
}
