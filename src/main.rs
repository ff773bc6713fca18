//! Parses arguments and hands over to a command; nothing else.

fn main() {}
