#!/usr/bin/env bash
# Makes the repository ready to build: finds the SDK, restores, and records which package set this machine's feed can
# give (see Directory.Packages.props), so that plain dotnet commands use the same set afterwards.
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

restore() { # set
    dotnet restore "$solution" -p:PackageSet="$1" --nologo -v quiet >"$output" 2>&1
}

errors() { # file: the distinct errors, or all there is
    grep -F ' error ' "$1" | sed 's/^ *//' | sort -u | grep . || cat "$1"
}

remember() { # set
    printf '<Project>\n  <PropertyGroup>\n    <PackageSet>%s</PackageSet>\n  </PropertyGroup>\n</Project>\n' "$1" >"$record"
}

announce_reduced() {
    local notice
    notice=$(dotnet msbuild src/Coordinator.Sqlite/Coordinator.Sqlite.csproj \
        -p:PackageSet=reduced -getProperty:PackageSetNotice 2>/dev/null)
    echo "!! This package feed lacks the full set: ${notice:-using the reduced set of Directory.Packages.props}"
}

# A recorded `reduced` stands for a day. A feed seldom changes, while each try of the full set asks it about packages it
# lacks and throws away the restored state of every project, so that the reduced restore after it is not a no-op either.
# An edit of the versions ends the record at once. To try the full set now: delete .build/package-set.props.
if grep -qs '<PackageSet>reduced<' "$record" &&
    [ -z "$(find "$record" -mmin +1440)" ] && ! [ Directory.Packages.props -nt "$record" ] &&
    restore reduced; then
    announce_reduced
    exit 0
fi

# A recorded `full` needs no test of its own: the restore below is then a no-op.
if restore full; then
    remember full
    exit 0
fi
cp "$output" "$output_full"

if restore reduced; then
    remember reduced
    announce_reduced
    # Anything but a missing version (NU1101 to NU1103, NU1603) is not the feed's lack and must not pass as such.
    if grep -F ' error ' "$output_full" | grep -qvE 'NU1101|NU1102|NU1103|NU1603'; then
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
