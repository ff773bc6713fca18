//! Tells the binary which commit it was built from: `KAIROS_COMMIT` where it is set, else what git says. Development
//! builds don't ask git, or each commit would compile everything anew. Without git the version stands alone.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=KAIROS_COMMIT");
    let given = std::env::var("KAIROS_COMMIT").ok().filter(|commit| !commit.is_empty());
    let commit = given.or_else(commit_of_release);
    let version = env!("CARGO_PKG_VERSION");
    let full = commit.map_or_else(|| version.to_owned(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=KAIROS_VERSION={full}");
}

fn commit_of_release() -> Option<String> {
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned()).filter(|text| !text.is_empty())
}
