//! The expression language against the `cel` crate, an oracle of CEL: the same tree, and the same value. Where the two
//! are meant to differ, the cases keep away:
//!
//! - numbers are one type here: the cases compare and reckon with fractions, save what `size`, an index or `%` need;
//! - nothing fails here: paths that are not there, texts that are no number, divisions by 0, results beyond ±2^53;
//! - macros but `has`, maps, messages, bytes, `u` and `0x` numbers, triple quotes, reserved names, a name that begins with a
//!   dot, a list of a comma alone, `has` of something that is no `a.b`: one of the two refuses these;
//! - `!!x` and `--x` are `x` in CEL; what is no boolean is an error there under `!`, `&&`, `||` and before `?`;
//! - the text of -0.0 is `0` here.

mod shape;
mod value;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The oracle recurses deeply in a debug build: its parser aborts on a thread's usual stack.
fn on_a_large_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(256 << 20).spawn(work).expect("a thread starts");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// `KAIROS_CASES` says how many, `KAIROS_SEED` which.
fn runner(default: u32) -> TestRunner {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let (cases, seed) = (number("KAIROS_CASES").unwrap_or(default), number("KAIROS_SEED").unwrap_or(1));
    println!("KAIROS_SEED={seed} KAIROS_CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}
