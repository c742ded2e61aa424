#!/usr/bin/env bash
# samples/run.sh [arguments of the sample]; without arguments: shop
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
[ $# -gt 0 ] || set -- shop

bash .build/prepare.sh || exit 1
exec dotnet run -c Release --project samples/Shop -- "$@"
