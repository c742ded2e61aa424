#!/usr/bin/env bash
# chaos/planted.sh [scenario] [seconds] [seed] [bug ...]: builds with planted bugs (docs/planted-bugs.md) and runs the scenario once with each,
# all of them if none is named. A line a bug: its verdict and who found it. The exit code is 0 only if every one was found by a checker that the page names for it: a run that breaks off is
# invalid, too, and shows nothing. So the same build is run first without a bug, and must be valid.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
scenario=${1:-postgres} seconds=${2:-30} seed=${3:-1}
shift $(($# < 3 ? $# : 3))

bash .build/prepare.sh || exit 1
dotnet build chaos/Coordinator.Chaos -c Release -p:PlantedBugs=true --nologo -v quiet || exit 1
bugs=("$@")
[ $# -gt 0 ] || mapfile -t bugs < <(sed -n '/^internal enum PlantedBug/,/^}/s/^    \([A-Z][A-Za-z]*\),$/\1/p' src/Coordinator.Protocol/PlantedBugs.cs | grep -v '^None$')

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT

run() { # bug, empty for none: leaves verdict, violations and finders
    COORDINATOR_PLANTED_BUG=$1 dotnet .build/planted/bin/Coordinator.Chaos/release/Coordinator.Chaos.dll --scenario "$scenario" --seconds "$seconds" --seed "$seed" >"$log" 2>&1
    verdict=$(tail -n 1 "$log" | sed -n 's/.*"verdict":"\([a-z]*\)".*/\1/p')
    violations=$(tail -n 1 "$log" | sed -n 's/.*"violations":\([0-9]*\).*/\1/p')
    finders=$(grep -o 'VIOLATION [a-z ]*, \(round\|the run\)' "$log" | sed 's/VIOLATION \(.*\), .*/\1/' | sort -u)
    rm -rf "$(sed -n 's/^  what is left of it: //p' "$log" | head -n 1)" # of each bug a folder would be left
}

due_of() { # bug: the checkers that must find it, a line each
    sed -n "s/^| $1 |\(.*\)/\1/p" docs/planted-bugs.md | cut -d'|' -f4 | sed 's/, */\n/g' | sed 's/^ *//; s/ *$//'
}

run ''
if [ "$verdict" != valid ]; then
    echo "without a bug: ${verdict:-none}, so no bug could be shown to be found"
    grep -E '^  (VIOLATION|DOUBT)' "$log" || tail -n 20 "$log"
    exit 1
fi

missed=0
for bug in "${bugs[@]}"; do
    run "$bug"
    named=$(due_of "$bug" | grep -Fxf <(echo "$finders") | paste -sd, | sed 's/,/, /g')
    found=$(echo "$finders" | paste -sd, | sed 's/,/, /g')
    [ -n "$found" ] || found="no checker ($(grep -m 1 'VIOLATION' "$log" | sed 's/^ *VIOLATION //' | cut -c1-100))"
    [ -n "$named" ] && hint= || { hint=", and not by who must: $(due_of "$bug" | paste -sd, | sed 's/,/, /g')"; missed=$((missed + 1)); }
    echo "$bug: ${verdict:-none}, ${violations:-?} violations; found by: $found$hint"
done
echo "${#bugs[@]} bugs, $missed not found"
[ "$missed" = 0 ]
