//! `kairos demo` as a person starts it: no set-up, no broker.

use std::process::Command;

#[test]
fn within_fifteen_seconds_all_four_moments_come_and_everything_arrives_once() {
    let demo = Command::new(env!("CARGO_BIN_EXE_kairos"))
        .args(["demo", "--for", "15s", "--plain", "--seed", "1"])
        .output()
        .expect("the command starts");
    let (out, errors) = (String::from_utf8_lossy(&demo.stdout), String::from_utf8_lossy(&demo.stderr));
    assert!(demo.status.success(), "{errors}\n{out}");
    for moment in ["new_qualified_lead", "ready_to_buy", "upsell_opportunity", "at_risk"] {
        let told = format!("  {moment}  ");
        assert!(out.lines().any(|line| line.contains(&told)), "no {moment} in:\n{out}");
    }
    assert!(out.contains("why ") && out.contains("identify  mk_customer_fit_segment="), "{out}");
    assert!(out.contains("no durability, no real transactions"), "{out}");
    assert!(out.contains("missing 0, doubled 0"), "{out}");
    assert!(!out.contains('\x1b'), "plain means without escapes");
}

#[test]
fn a_speed_or_a_time_that_makes_no_sense_is_refused() {
    for args in [["--speed", "0"], ["--for", "30"], ["--users", "0"]] {
        let demo = Command::new(env!("CARGO_BIN_EXE_kairos")).arg("demo").args(args).output().expect("it starts");
        assert_eq!(demo.status.code(), Some(2), "{args:?}");
    }
}
