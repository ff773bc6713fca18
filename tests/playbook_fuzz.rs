//! Whatever stands in a playbook, reading it ends: with a playbook, or with mistakes that have a place in it.

use kairos::engine::playbook::read;
use proptest::prelude::*;

const WORDS: &str = "a.b s . count ( ) [ ] \"7d\" 'x' r\"\\d\" && || ! - + * / % ? : == != < <= > in , 1 0.5 1e400 true null \
    traits score segment.f profile.age() time_since( duration( has( x.matches( \" ' = and 7d “ \\ é // \n";

fn expression() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = WORDS.split(' ').collect();
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
}

fn reads(text: &str) {
    let reading = read(text, "p.toml");
    assert_eq!(reading.playbook.is_none(), reading.errors().next().is_some(), "{text}");
    for mistake in &reading.mistakes {
        assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?} lies outside of {text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_expression(when in expression(), quotes in prop::sample::select(vec!["'''", "\"\"\"", "\"", "'"])) {
        let rules = "[signals.s]\non = 'page'\n[scores.f]\nhalf = 1\nsegments = { low = 0 }\nterms = []\n";
        reads(&format!("{rules}[moments.m]\nwhen = {quotes}{when}{quotes}"));
        reads(&format!("{rules}[signals.t]\non = 'page'\nwhere = {quotes}{when}{quotes}"));
    }

    #[test]
    fn any_text(text in ".{0,200}") {
        reads(&text);
    }

    #[test]
    fn a_damaged_playbook(cut in 0usize..20_000, length in 0usize..40, put in ".{0,10}") {
        let mut text = include_str!("../playbooks/b2b-saas.toml").to_string();
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let start = floor(cut % text.len());
        let end = floor(start + length).max(start);
        text.replace_range(start..end, &put);
        reads(&text);
    }
}
