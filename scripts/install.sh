# What building and testing need, installed where that can be done (Debian: apt, with root or sudo; Rust by rustup), else
# said. Sourced by the scripts beside it, from the project's own folder.

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 3; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
  command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null; }; }
}

java_is_new_enough() {
  local version
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1) || true
  [ "${version:-0}" -ge 17 ]
}

# install_packages [kafka]: what building needs; with `kafka`, also what the tests' broker needs.
install_packages() {
  local missing=()
  command -v cc >/dev/null && command -v make >/dev/null || missing+=(build-essential)
  command -v pkg-config >/dev/null || missing+=(pkg-config)
  pkg-config --exists openssl 2>/dev/null || missing+=(libssl-dev)
  pkg-config --exists zlib 2>/dev/null || missing+=(zlib1g-dev)
  command -v cargo >/dev/null || [ -x "$HOME/.cargo/bin/cargo" ] || command -v curl >/dev/null || missing+=(curl ca-certificates)
  if [ "${1:-}" = kafka ]; then
    java_is_new_enough || missing+=(java)
    command -v mvn >/dev/null || missing+=(maven)
  fi
  [ ${#missing[@]} -gt 0 ] || return 0
  local names="${missing[*]}"
  can_install || fail "missing: ${names/java/openjdk-17-jre-headless (or newer)}. Install these (Debian: apt-get install) and run this again."
  say "installing $names"
  as_root apt-get update -qq
  if [[ " $names " == *" java "* ]]; then
    local java
    for java in openjdk-21-jre-headless openjdk-17-jre-headless openjdk-25-jre-headless; do
      apt-cache show "$java" >/dev/null 2>&1 && break
    done
    names=${names/java/$java}
  fi
  # shellcheck disable=SC2086 # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $names >/dev/null
}

install_rust() {
  [ -x "$HOME/.cargo/bin/cargo" ] && PATH="$HOME/.cargo/bin:$PATH"
  local wanted
  wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
  if ! command -v cargo >/dev/null; then
    say "installing Rust"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt -c clippy ||
      fail "Rust is missing and rustup could not be fetched. Install Rust $wanted or newer, with rustfmt and clippy."
    PATH="$HOME/.cargo/bin:$PATH"
  fi
  local have
  have=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
  [ "$(printf '%s\n' "$wanted" "$have" | sort -V | head -n 1)" = "$wanted" ] ||
    fail "Rust $have is too old: install $wanted or newer (rustup update stable)."
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
    rustup component add rustfmt clippy || fail "rustfmt and clippy are missing: rustup component add rustfmt clippy"
}
