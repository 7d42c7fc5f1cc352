#!/bin/sh
# The stack in containers, from a fresh clone, on a machine that cannot pull an image: up, again, drill, down.
#
#   sudo tests/compose/container_trial.sh [FOLDER]
#
# It starts a Docker daemon of its own below FOLDER (default: a new one in the system's temporary folder) and builds,
# under the names and tags of compose/images.py, images of the programs that `make tools` has built. They stand in for
# the official ones: the same programs and flags, other versions and base. Grafana cannot be had: an HTTP server that
# answers its health check has its place, so of Grafana nothing is shown here.
# Needs root, dockerd (Debian: docker.io), Debian's archive for a static busybox, and `make tools`.
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
mw=$repo/.venv/bin/modelwatch
python=$repo/.venv/bin/python
tool() { "$mw" tools path "$1"; }
image() { "$python" -c "from modelwatch.compose.images import IMAGES; print(IMAGES['$1'])"; }
say() { printf '\n== %s (%s)\n' "$1" "$(date +%T)"; }

export DOCKER_HOST="unix://$work/docker.sock" DOCKER_CONFIG="$work/docker-config"
# The builder that needs no plugin.
export DOCKER_BUILDKIT=0
export MODELWATCH_RUNTIME=containers

for name in prometheus alertmanager otelcol jaeger docker-compose; do tool "$name" >/dev/null; done
mkdir -p "$DOCKER_CONFIG/cli-plugins"
ln -sf "$(tool docker-compose)" "$DOCKER_CONFIG/cli-plugins/docker-compose"

say "starting a Docker daemon of its own below $work"
dockerd --storage-driver="${STORAGE_DRIVER:-overlay2}" --data-root "$work/docker" --exec-root "$work/docker-run" \
  --pidfile "$work/docker.pid" --host "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
daemon=$!
trap 'kill "$daemon" && wait "$daemon"' EXIT
trap 'exit 130' INT TERM
until docker info >/dev/null 2>&1; do
  kill -0 "$daemon" || { trap - EXIT; tail "$work/dockerd.log"; exit 2; }
  sleep 0.5
done
docker version --format 'client {{.Client.Version}}, daemon {{.Server.Version}}'

say "building the stand-in images"
if ! [ -x "$work/busybox/bin/busybox" ]; then
  (cd "$work" && apt-get -qq download busybox-static && dpkg -x busybox-static_*.deb busybox)
fi

# A folder with busybox and its usual names: health checks use wget.
base() {
  rm -rf "$work/image" && mkdir -p "$work/image/root/bin" "$work/image/root/tmp" && chmod 1777 "$work/image/root/tmp"
  cp "$work/busybox/bin/busybox" "$work/image/root/bin/"
  for name in sh wget mkdir chown cat ls; do ln -s busybox "$work/image/root/bin/$name"; done
}
# build NAME LINES: the rest of a Dockerfile comes from standard input.
build() {
  { printf 'FROM scratch\nCOPY root /\nENV PATH=/usr/local/bin:/bin\n'; cat; } >"$work/image/Dockerfile"
  docker build --quiet --tag "$(image "$1")" "$work/image" >/dev/null
  docker image ls "$(image "$1")" --format '{{.Repository}}:{{.Tag}}  {{.Size}}'
}
# go_program NAME TOOL USER [DATA]: an image of one program, with a folder that its user owns.
go_program() {
  base
  cp "$(tool "$2")" "$work/image/root/bin/program"
  [ -z "${4:-}" ] || { mkdir -p "$work/image/root$4" && chown "$3" "$work/image/root$4"; }
  printf 'ENTRYPOINT ["/bin/program"]\n' | build "$1"
}

go_program prometheus prometheus 65534:65534 /prometheus
go_program alertmanager alertmanager 65534:65534 /alertmanager
go_program collector otelcol 10001:10001
go_program jaeger jaeger 10001:10001

base
mkdir -p "$work/image/root/www/api" "$work/image/root/var/lib/grafana"
chown 472:0 "$work/image/root/var/lib/grafana"
echo '{"database": "ok"}' >"$work/image/root/www/api/health"
ln -s busybox "$work/image/root/bin/httpd"
printf 'ENTRYPOINT ["httpd", "-f", "-p", "3000", "-h", "/www"]\n' | build grafana

# This machine's Python with what our own image would install: nothing is left to fetch while it is built.
base
"$python" "$repo/tests/compose/python_root.py" "$work/image/root"
printf 'CMD ["python"]\n' | build python

say "a fresh clone"
rm -rf "$work/clone"
git clone --quiet "$repo" "$work/clone"
cd "$work/clone"
make .venv/.ready

stop() { make down || true; kill "$daemon" && wait "$daemon"; }
trap stop EXIT
say "make up"
make up
say "make up, again"
make up
say "make status"
make status
say "make drill"
make drill
say "make down"
make down
docker ps --all --format '{{.Names}} is left'
say "done; everything of it is in $work"
