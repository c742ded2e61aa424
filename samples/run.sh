#!/usr/bin/env bash
# samples/run.sh [shop|bank] [arguments of the sample]; see: bash samples/run.sh help, bash samples/run.sh bank help
set -u
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
sample=Shop
case ${1:-} in
shop) shift ;;
bank) sample=Bank && shift ;;
esac

bash .build/prepare.sh || exit 1
if [ "$sample" = Bank ] && grep -qs '<OrleansPackages>missing<' .build/package-set.props; then
    echo "!! The Bank needs Microsoft.Orleans, which this package feed lacks." >&2
    exit 1
fi
built=$(dotnet build "samples/$sample" -c Release --no-restore --nologo -v quiet 2>&1) || { echo "$built"; exit 1; }
program=$PWD/samples/$sample/bin/Release/net10.0/$sample.dll

# Several silos share a PostgreSQL server. Where none is named, one of this machine's distribution is started for the run.
wants_server() {
    [ "$sample" = Bank ] || return 1
    case " $* " in *" --postgres "* | *" help "* | *" schema "*) return 1 ;; *" --silos 1 "*) return 1 ;; *" --silos "*) return 0 ;; esac
    return 1
}

as_postgres() { # command: the server refuses to run as root
    if [ "$(id -u)" = 0 ]; then su postgres -s /bin/sh -c "$1"; else sh -c "$1"; fi
}

start_server() {
    local initdb
    initdb=$(command -v initdb || ls -1 /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)
    [ -n "$initdb" ] || { echo "!! Install PostgreSQL (apt-get install postgresql), or name a server with --postgres." >&2; return 1; }
    bin=$(dirname "$initdb")
    folder=$(mktemp -d) || return 1
    [ "$(id -u)" != 0 ] || chown postgres "$folder" || return 1
    port=$((20000 + RANDOM % 20000))
    as_postgres "$bin/initdb -D $folder/data -U postgres --auth=trust --encoding=UTF8 --no-locale --no-sync >/dev/null &&
        $bin/pg_ctl -D $folder/data -o '-p $port -h 127.0.0.1 -k $folder' -l $folder/log -w start >/dev/null" || { cat "$folder/log" 2>/dev/null; return 1; }
    trap 'as_postgres "$bin/pg_ctl -D $folder/data -m immediate stop >/dev/null"; rm -rf "$folder"' EXIT
}

cd "$caller" || exit 1
if wants_server "$@"; then
    start_server || exit 1
    dotnet "$program" "$@" --postgres "Host=127.0.0.1;Port=$port;Username=postgres;Database=postgres"
else
    exec dotnet "$program" "$@"
fi
