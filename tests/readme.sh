#!/usr/bin/env bash
# Runs the commands in the README and the documents as shown: the demo with its curl commands and
# the API examples, then each block that follows a `<!-- run -->` line, in one shell and in its own
# folder. Only the deployment's optimised build is replaced: it would compile everything a second
# time, and its commands use the program alike.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
export PATH="$PATH:/usr/sbin"
folder=$(mktemp -d)
started=()
stop() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT
fail() { echo "README: $*" >&2; exit 1; }
wait_for() { # seconds, what, command…
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$what did not come"
    sleep 0.1
  done
}

blocks() { # mark, documents…: the shell blocks that follow a line `<!-- mark -->`
  local mark=$1
  shift
  awk -v mark="<!-- $mark -->" '$0 == mark { armed = 1; next } armed && /^```sh$/ { inside = 1; armed = 0; next } /^```$/ { inside = 0 } inside' "$@"
}

demo='cargo run -- demo'
grep -qxF "$demo" README.md || fail "the demo's command is not '$demo'"
cargo build --quiet --locked
# The same command, and later the same blocks, on free ports.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
  done
}
port=$(free_port)
$demo --listen "127.0.0.1:$port" >"$folder/demo.log" 2>&1 &
started+=($!)
wait_for 60 "the demo" grep -q 'ready' "$folder/demo.log"
page=$(grep -o '^http://localhost:[0-9]*/$' "$folder/demo.log") || fail "the demo names no page"
# Into a file: grep would close a pipe at its first match, and curl would fail.
curl -sS "$page" >"$folder/page.html" || fail "the demo's page does not open"
grep -q '<title>' "$folder/page.html" || fail "the demo's page has no title"
grep '^curl ' "$folder/demo.log" >"$folder/lines"
[ "$(wc -l <"$folder/lines")" -ge 2 ] || fail "the demo prints no curl lines"
answers=$(while IFS= read -r line; do bash -c "$line"; echo; done <"$folder/lines")
grep -qE '^\{"otp":"[0-9]{6}"\}$' <<<"$answers" || fail "no code: $answers"
grep -qF '"username":"anna"' <<<"$answers" || fail "no login: $answers"
blocks "run against the demo" docs/api.md | sed "s|127.0.0.1:8080|127.0.0.1:$port|" >"$folder/examples.sh"
examples=$(bash -euo pipefail "$folder/examples.sh")
grep -qE '"otp":"[0-9]{6}"' <<<"$examples" || fail "the getOTP example tells no code: $examples"
grep -qF '"path":"/api/authentication/validateOTP"' <<<"$examples" || fail "the validateOTP example was not refused for its made-up code: $examples"
kill -INT "${started[0]}" || true
# cargo run forwards the signal only if both are in the terminal's process group.
pkill -INT -P "${started[0]}" 2>/dev/null || true
wait "${started[0]}" 2>/dev/null || true
started=()
echo "demo: its curl lines work"

# The second document continues where the first ends.
blocks run README.md docs/authentication-cloud.md >"$folder/blocks.sh"
[ -s "$folder/blocks.sh" ] || fail "no block is marked <!-- run -->"
# The deployment uses other folders here, and nothing is installed system-wide.
sed -i -e 's|^cargo build --release$|cargo build --quiet|' -e 's|target/release/|target/debug/|' "$folder/blocks.sh"
sed -i -e "s|^DIR=.*|DIR=$folder/etc|" -e "s|^BIN=.*|BIN=$folder/bin|" -e "s|^STATE=.*|STATE=$folder/state|" "$folder/blocks.sh"
export LDAP_PORT LDAPS_PORT
LDAP_PORT=$(free_port) LDAPS_PORT=$(free_port)
sed -i -e "s|:8443|:$(free_port)|" -e "s|:9090|:$(free_port)|" -e "s|:6636|:$LDAPS_PORT|" "$folder/blocks.sh"
mkdir -p "$folder/bin" "$folder/etc" "$folder/state"
export PATH="$folder/bin:$PATH"
(cd "$root" && bash -euo pipefail "$folder/blocks.sh") >"$folder/blocks.log" 2>&1 || {
  cat "$folder/blocks.log" >&2
  fail "a command failed"
}
grep -qE '"otp":"[0-9]{6}"' "$folder/blocks.log" || { cat "$folder/blocks.log" >&2; fail "no code in the deployment"; }
grep -qF '"username":"anna"' "$folder/blocks.log" || { cat "$folder/blocks.log" >&2; fail "no login in the deployment"; }
echo "deployment: its commands work"
