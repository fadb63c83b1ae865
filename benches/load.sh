#!/usr/bin/env bash
# The load benchmark: one run, one table of ratios. benches/load/main.rs explains them.
#
#   benches/load.sh                 getOTP, validateOTP, latency, memory, start-up; about 5 minutes
#   benches/load.sh --long          how flat the rates are; about 5 minutes, 6 GiB of memory and
#                                   of disk
#   benches/load.sh --directory     the index of a directory server's numbers, and the cost of
#                                   server outages; about 10 minutes, 4 GiB of memory and of disk
#   benches/load.sh --stores        SQLite and PostgreSQL, one node and three, up to a million live
#                                   codes; about 10 minutes, 4 GiB of memory and of disk
#   benches/load.sh --only-file     only getOTP with the file directory and the bare server; under
#                                   a minute
#   benches/load.sh --cloud         enrollments, verifications, approvals and status queries of the
#                                   authentication cloud's API, on SQLite and on PostgreSQL, and
#                                   the bare server; about 4 minutes
#   benches/load.sh --voice         calls reported by a voice platform, beside getOTP, and FastAGI
#                                   sessions; 2 minutes
#   benches/load.sh --radius        logins through FreeRADIUS, beside validateOTP; 2 minutes
#   benches/load.sh --soak          how calls fare while strangers attack in every way at once, and
#                                   what memory and disk the node uses; 30 minutes, or --seconds N
#   --seconds N (8)  --rounds N (3)  --connections N (32)  --people N (200000)  --client-threads N (2)
#   --most N (1000000, for --long and --directory)   --markdown
#   --plot FILE                     also draw the rates into this SVG file
#   --folder DIR (/var/tmp)          parent of the temporary folder: choose the kind of disk that the
#                                    store would be on, because each commit waits for it
#
# It listens on free loopback ports and leaves nothing behind. On Debian it installs OpenLDAP's
# server and tools, PostgreSQL for --stores and --cloud, and FreeRADIUS for --radius, if missing. It includes the
# load generator, see benches/load/client.rs.
set -euo pipefail
cd "$(dirname "$0")/.."

parent=/var/tmp
arguments=()
limit=20m
outages=no
postgres=no
radius=no
bullet='  '
while [ $# -gt 0 ]; do
    case $1 in
        --folder) parent=${2:?--folder needs a value}; shift 2 ;;
        --long) arguments+=(--series long); limit=40m; shift ;;
        --directory) arguments+=(--series directory); limit=40m; outages=yes; shift ;;
        --stores) arguments+=(--series stores); limit=40m; postgres=yes; shift ;;
        --cloud) arguments+=(--series cloud); postgres=yes; shift ;;
        --voice) arguments+=(--series voice); shift ;;
        --radius) arguments+=(--series radius); radius=yes; shift ;;
        --only-file) arguments+=(--series only-file); shift ;;
        --soak)
            arguments+=(--series soak --seconds 1800 --people 10000)
            limit=40m
            shift ;;
        --markdown) arguments+=(--markdown); bullet='- '; shift ;;
        --plot) arguments+=(--plot "$(realpath -m "${2:?--plot needs a value}")"); shift 2 ;;
        --seconds | --rounds | --connections | --people | --client-threads | --most)
            arguments+=("$1" "${2:?$1 needs a value}"); shift 2 ;;
        -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
        *) echo "$0: unknown option $1; see --help" >&2; exit 2 ;;
    esac
done

export PATH=$PATH:/usr/sbin
missing=()
command -v slapd slapadd slappasswd >/dev/null || missing+=(slapd ldap-utils)
[ "$postgres" = no ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ||
    missing+=(postgresql)
[ "$radius" = no ] || compgen -G /usr/lib/freeradius/rlm_rest.so >/dev/null ||
    missing+=(freeradius freeradius-rest)
if ((${#missing[@]})); then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    echo "installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    # The packages would start and enable their own servers.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
        "${as_root[@]}" chmod 755 "$policy"
        trap '"${as_root[@]}" rm -f "$policy"' EXIT
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq --no-install-recommends "${missing[@]}" >/dev/null
    if [ -n "$(trap -p EXIT)" ]; then
        "${as_root[@]}" rm -f "$policy"
        trap - EXIT
    fi
fi

cargo build --release --bin dialpass
# Cargo chooses the program's name and reports it.
helper=$(cargo build --release --bench load --message-format=json-render-diagnostics |
    sed -n 's/.*"executable":"\([^"]*\/load-[^"]*\)".*/\1/p' | tail -n 1)
program=${CARGO_TARGET_DIR:-target}/release/dialpass

folder=$(mktemp -d "$parent/dialpass-load.XXXXXX")
main=
# shellcheck disable=SC2317 # the trap calls it
clean_up() {
    trap - EXIT INT TERM HUP
    [ -z "$main" ] || kill "$main" 2>/dev/null || true
    # The benchmark stops what it started; this is in case it was killed itself.
    if [ -f "$folder/pids" ]; then
        while read -r pid; do
            # Only processes that are still ours: their command lines name the folder.
            if grep -qaF "$folder" "/proc/$pid/cmdline" 2>/dev/null; then
                kill -9 "$pid" 2>/dev/null || true
            fi
        done <"$folder/pids"
    fi
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# In the background, so that the shell handles signals at once.
RUST_BACKTRACE=0 timeout --kill-after=10 "$limit" \
    "$helper" run --folder "$folder" --dialpass "$program" "${arguments[@]}" &
main=$!
status=0
wait "$main" || status=$?
main=
if [ "$status" = 124 ]; then
    echo "$0: not done within $limit" >&2
fi
if [ "$status" = 0 ] && [ "$outages" = yes ]; then
    # The tests count the outcome of each request while servers die, fall silent or are slow.
    printf '\nOutages of directory servers under load, by the tests (debug build):\n'
    cargo test --quiet --locked --test it -- --nocapture --test-threads 1 \
        faults::directory faults::servers >"$folder/outages" 2>&1 || status=$?
    sed -n "s/.*outage: /$bullet/p" "$folder/outages"
    [ "$status" = 0 ] || tail -n 40 "$folder/outages" >&2
fi
exit "$status"
