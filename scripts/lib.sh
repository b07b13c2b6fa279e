# Shell functions of the scripts here; to be sourced.
# shellcheck shell=bash

# fetch PORT PATH prints what 127.0.0.1 answers and fails unless that is a 200. It takes nothing but bash, because a bare
# machine has no curl; HTTP/1.0, because that has no chunks to decode.
fetch() (
  exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n' "$2" "$1" >&3
  read -r -u 3 _ code _ || exit 1
  while read -r -u 3 line && [ "$line" != $'\r' ]; do :; done
  cat <&3
  [ "$code" = 200 ]
) 2>/dev/null

# free_port prints a port of 127.0.0.1 that nobody listens on, below those that the kernel gives to clients.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# await PID PORT PATH waits until PATH answers 200. It fails when the process ends or after a minute.
await() {
  local _
  for _ in $(seq 300); do
    fetch "$2" "$3" >/dev/null && return
    kill -0 "$1" 2>/dev/null || return 1
    sleep 0.2
  done
  return 1
}

# debian PACKAGE... installs packages where that is possible: as root, with apt-get.
debian() {
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
  {
    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"
  } >&2
}
