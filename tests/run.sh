#!/usr/bin/env bash
# Builds everything and runs every test project. The last line sums up; the exit code is 0 only if nothing failed.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

bash .build/prepare.sh || exit 1 # says at once what the package feed lacks; what is left out is also said at the end
left_out=
! grep -qs '<OrleansPackages>missing<' .build/package-set.props || left_out=Orleans

# The chaos runs inject I/O faults, kill inside system calls and watch what is synced by strace, and set clocks wrong by libfaketime.
for tool in strace faketime; do
    command -v "$tool" >/dev/null 2>&1 && continue
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "$tool is missing, installing it"
        { apt-get install -y -q "$tool" || { apt-get update -q && apt-get install -y -q "$tool"; }; } >/dev/null 2>&1
    fi
    command -v "$tool" >/dev/null 2>&1 ||
        echo "!! $tool is missing: the chaos runs leave out the faults that need it, and say which. Install $tool to have them."
done

# The PostgreSQL store is tested against a real server, which the tests set up in a temporary folder.
if [ -z "${COORDINATOR_TEST_POSTGRES:-}" ] && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null 2>&1; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "PostgreSQL is missing, installing it"
        # Without a cluster of its own: the package would start one.
        mkdir -p /etc/postgresql-common && [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
        { apt-get install -y -q postgresql || { apt-get update -q && apt-get install -y -q postgresql; }; } >/dev/null 2>&1
    fi
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ||
        echo "!! PostgreSQL is missing: its tests will fail. Install postgresql, or name a server in COORDINATOR_TEST_POSTGRES."
fi

built=$(dotnet build Coordinator.sln -c Release --no-restore --nologo -v quiet 2>&1) ||
    { echo "$built"; echo "!! The build failed: no test was run."; exit 1; }

results=$(mktemp -d) || exit 1
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 skipped=0
failures=$results/failures # repeated at the end, where whoever sees only that finds them

fail() { # what
    echo "!! $1"
    echo "   $1" >>"$failures"
    failed=$((failed + 1))
}

attribute() { # name, file: an attribute of the <assembly> element of a result file, empty if there is none
    sed -n 's/.*<assembly [^>]*[[:space:]]'"$1"'="\([0-9]*\)".*/\1/p' "$2" 2>/dev/null | head -n 1
}

failed_tests() { # file: the names of its failed tests; the file may be one line, and no attribute holds a bare '>'
    grep -o '<test [^>]*result="Fail"[^>]*>' "$1" | sed -n 's/.* name="\([^"]*\)".*/   \1/p' |
        sed -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&quot;/"/g' -e "s/&apos;/'/g" -e 's/&#x[0-9A-Fa-f]*;/ /g' -e 's/&amp;/\&/g' | cut -c1-300
}

# An xunit v3 test project is a program: it is run directly, which needs no further runner, and its result file is
# counted. A missing or unreadable result, a failing exit without a failed test, and test sources without a single test
# found each count as one failure.
run_project() { # folder
    local name total good bad errors ignored exit_code result
    name=$(basename "$1")
    result=$results/$name.xml
    echo "-- $name"
    dotnet "$1/bin/Release/net10.0/$name.dll" -noLogo -noColor -xml "$result"
    exit_code=$?

    total=$(attribute total "$result") good=$(attribute passed "$result") bad=$(attribute failed "$result")
    errors=$(attribute errors "$result") ignored=$(attribute skipped "$result")
    if [ -z "$total" ] || [ -z "$good" ] || [ -z "$bad" ] || [ -z "$errors" ] || [ -z "$ignored" ]; then
        if [ "$exit_code" = 0 ] && ! has_tests "$1"; then return; fi
        fail "$name gave no result (exit code $exit_code)"
        return
    fi

    passed=$((passed + good)) failed=$((failed + bad + errors)) skipped=$((skipped + ignored))
    failed_tests "$result" >>"$failures"
    if [ "$total" = 0 ] && has_tests "$1"; then
        fail "$name has tests, but none was found"
    elif [ "$exit_code" != 0 ] && [ $((bad + errors)) = 0 ]; then
        if [ "$total" = 0 ]; then return; fi
        fail "$name ended with exit code $exit_code, though no test failed"
    fi
}

has_tests() { # folder
    grep -rqE --include='*.cs' --exclude-dir=bin --exclude-dir=obj '\[(Fact|Theory)\b' "$1"
}

for project in tests/*.Tests tests/Coordinator.Simulation; do
    if [ -n "$left_out" ] && [ "$project" = tests/Coordinator.Orleans.Tests ]; then continue; fi
    run_project "$project"
done

run_chaos() { # scenario, seconds: every run does each core fault of its scenario at least once, however long that takes
    echo "-- Chaos: $1"
    if dotnet chaos/Coordinator.Chaos/bin/Release/net10.0/Coordinator.Chaos.dll --scenario "$1" --seconds "$2"; then
        passed=$((passed + 1))
    else
        fail "the chaos run $1"
    fi
}

# An owner and a standby on one file; three hosts on one PostgreSQL server, each with a link that can be cut.
run_chaos sqlite 30
run_chaos postgres 60
[ -n "$left_out" ] || run_chaos orleans 60 # three silos, and the network between them

if [ -s "$failures" ]; then
    echo "Failed:"
    cat "$failures"
fi
[ -z "$left_out" ] || echo "!! Not built and not tested: Coordinator.Orleans. The package feed lacks Microsoft.Orleans."
summary="$passed passed, $failed failed"
[ "$skipped" = 0 ] || summary="$summary, $skipped skipped"
[ -z "$left_out" ] || summary="$summary, $left_out left out"
echo "$summary"
[ "$failed" = 0 ]
