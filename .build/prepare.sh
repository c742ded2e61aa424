#!/usr/bin/env bash
# Makes the repository ready to build: finds the SDK, restores, and records which package set this machine's feed can
# give and whether it has Orleans (see Directory.Packages.props), so that plain dotnet commands use the same afterwards.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

record=.build/package-set.props
solution=Coordinator.sln
export DOTNET_CLI_UI_LANGUAGE=en # the errors are searched below
output=$(mktemp) && output_full=$(mktemp) || exit 1
trap 'rm -f "$output" "$output_full"' EXIT

if ! command -v dotnet >/dev/null 2>&1; then
    echo "!! dotnet is not on the PATH. Install the .NET 10 SDK: https://dotnet.microsoft.com/download/dotnet/10.0" >&2
    exit 1
fi
# dotnet itself applies global.json here, so this fails exactly where a build would.
if ! dotnet --version >"$output" 2>&1; then
    echo "!! No fitting .NET SDK: install the .NET 10 SDK, https://dotnet.microsoft.com/download/dotnet/10.0. dotnet says:" >&2
    cat "$output" >&2
    exit 1
fi

restore() { # set, orleans
    dotnet restore "$solution" -p:PackageSet="$1" -p:OrleansPackages="$2" --nologo -v quiet >"$output" 2>&1
}

errors() { # file: the distinct errors, or all there is
    grep -F ' error ' "$1" | sed 's/^ *//' | sort -u | grep . || cat "$1"
}

# Anything but a missing version (NU1101 to NU1103, NU1603) is not the feed's lack and must not pass as such.
has_other_reason() { # file
    grep -F ' error ' "$1" | grep -qvE 'NU1101|NU1102|NU1103|NU1603'
}

recorded() { # property
    sed -n "s/.*<$1>\([a-z]*\)<.*/\1/p" "$record" 2>/dev/null
}

remember() { # set, orleans
    printf '<Project>\n  <PropertyGroup>\n    <PackageSet>%s</PackageSet>\n    <OrleansPackages>%s</OrleansPackages>\n  </PropertyGroup>\n</Project>\n' \
        "$1" "$2" >"$record"
}

announce() { # set, orleans
    local notice
    if [ "$1" = reduced ]; then
        notice=$(dotnet msbuild src/Coordinator.Sqlite/Coordinator.Sqlite.csproj \
            -p:PackageSet=reduced -getProperty:PackageSetNotice 2>/dev/null)
        echo "!! This package feed lacks the full set: ${notice:-using the reduced set of Directory.Packages.props}"
    fi
    [ "$2" = present ] ||
        echo "!! This package feed lacks Microsoft.Orleans: Coordinator.Orleans and what needs it are left out; everything else is built and tested"
}

# A record of something that is lacking stands for a day. A feed seldom changes, while each try asks it about packages it
# lacks and throws away the restored state of every project, so that the restore after it is not a no-op either.
# An edit of the versions ends the record at once. To try again now: delete .build/package-set.props.
set=$(recorded PackageSet) orleans=$(recorded OrleansPackages)
if [ -n "$set" ] && [ -n "$orleans" ] &&
    { [ "$set $orleans" = "full present" ] ||
        { [ -z "$(find "$record" -mmin +1440)" ] && ! [ Directory.Packages.props -nt "$record" ]; }; } &&
    restore "$set" "$orleans"; then
    announce "$set" "$orleans"
    exit 0
fi

# Orleans has nothing to do with the set: whether the feed has it is seen by its tests, which need all of it.
orleans=present
if ! dotnet restore tests/Coordinator.Orleans.Tests/Coordinator.Orleans.Tests.csproj --nologo -v quiet >"$output" 2>&1; then
    orleans=missing
    if has_other_reason "$output"; then
        echo "!! Orleans can't be restored, and not because the feed lacks it:" >&2
        errors "$output" >&2
    fi
fi

if restore full "$orleans"; then
    remember full "$orleans"
    announce full "$orleans"
    exit 0
fi
cp "$output" "$output_full"

if restore reduced "$orleans"; then
    remember reduced "$orleans"
    announce reduced "$orleans"
    if has_other_reason "$output_full"; then
        echo "!! The full set also failed for another reason:" >&2
        errors "$output_full" >&2
    fi
    exit 0
fi

echo "!! Restore fails with the full and with the reduced package set." >&2
echo "-- full" >&2
errors "$output_full" >&2
echo "-- reduced" >&2
errors "$output" >&2
exit 1
