#!/usr/bin/env bash
# samples/run.sh [shop] [arguments of the sample]; see: bash samples/run.sh help
set -u
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
[ "${1:-}" != shop ] || shift

bash .build/prepare.sh || exit 1
dotnet build samples/Shop -c Release --no-restore --nologo -v quiet -clp:"ErrorsOnly;NoSummary" || exit 1
program=$PWD/samples/Shop/bin/Release/net10.0/Shop.dll
cd "$caller" && exec dotnet "$program" "$@"
