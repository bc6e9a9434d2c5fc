#!/usr/bin/env bash
# Start a real SLURM on this one machine, for tests and for trying things out: virtual nodes with fake GPUs and a host
# name each, partitions that pre-empt, accounting; no systemd, everything below SLURM_ROOT, nothing but loopback.
#   up.sh            start it, or say that it is up        up.sh --fresh    stop it first
# Knobs (environment): SLURM_ROOT, SLURM_NODES (2 or more), SLURM_CPUS, SLURM_MEM (MB), SLURM_GPUS (per node), SLURM_PORT (the first
# of twenty), SLURM_EXTRA (further lines of slurm.conf).
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/common.sh"
. "$HERE/config.sh"
as_root "$@"
own_folder
NODES=${SLURM_NODES:-4} CPUS=${SLURM_CPUS:-16} MEM=${SLURM_MEM:-64000} GPUS=${SLURM_GPUS:-2} PORT=${SLURM_PORT:-26817}
NODE_PORTS="[$((PORT + 4))-$((PORT + 3 + NODES))]" DBD_PORT=$((PORT + 2))
# ids go on from cluster to cluster: results of an older job with the same id would be taken for the new one's
FIRST_JOB=$(($(date +%s) % 3000000 * 20 + 1000))
HOST=$(hostname -s)
SOCKET=$ROOT/munge/socket
PACKAGES=(munge slurm-client slurmctld slurmd slurmdbd mariadb-server)

failed() {
  tail -n 15 "$ROOT"/log/*.log >&2 2>/dev/null || true
  die "$*"
}

wait_for() { # wait_for SECONDS WHAT COMMAND...
  local end=$(($(date +%s) + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s)" -lt "$end" ] || failed "$what did not come up"
    sleep 0.05
  done
}

install_packages() {
  local missing=() package policy=/usr/sbin/policy-rc.d made=
  for package in "${PACKAGES[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installing ${missing[*]}"
  # Debian starts daemons on installation unless told not to
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made=1; }
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null </dev/null \
    || die "apt-get could not install ${missing[*]}"
  [ -z "$made" ] || rm -f $policy
}

nodes_ready() { [ "$(sinfo -h -N -t idle,mix,alloc,comp -o %N | sort -u | wc -l)" = "$NODES" ]; }

healthy() { # everything answers; nodes that were drained or declared down are taken back
  [ -f "$SLURM_CONF" ] && timeout 5 scontrol ping 2>/dev/null | grep -q 'is UP' || return 1
  timeout 10 sacctmgr -n list cluster >/dev/null 2>&1 || return 1
  local daemons bad
  daemons=$(cluster_processes)
  [ "$(grep -c ' slurmd$' <<<"$daemons")" = "$(sinfo -h -N -o %N | sort -u | wc -l)" ] || return 1
  grep -q ' munged$' <<<"$daemons" && grep -q ' mariadbd$' <<<"$daemons" || return 1
  bad=$(sinfo -h -t down,drain,fail -o %N | sort -u | paste -sd,)
  [ -z "$bad" ] || { say "resuming $bad" && scontrol update nodename="$bad" state=resume && sleep 1; }
  [ -z "$(sinfo -h -t down,drain,fail -o %N | sort -u | paste -sd,)" ]
}

make_folders() {
  rm -rf "$ROOT"/{etc,run,state,spool,munge,mysql,dev,log}
  install -d -m 755 "$ROOT" "$ROOT"/{etc,run,state,spool,munge,mysql,dev,log}
  : >"$MARK"
  local number
  for number in $(seq 0 $((GPUS - 1))); do mknod "$ROOT/dev/nvidia$number" c 1 3; done # as /dev/null
  # names that daemons bind to: this machine's and, inside the nodes, theirs; on loopback whatever else they may mean
  { echo "127.0.0.1 localhost $HOST" && seq -f '127.0.0.1 node%g' "$NODES"; } >"$ROOT/etc/hosts"
}

configure() {
  slurm_conf >"$ROOT/etc/slurm.conf"
  gres_conf >"$ROOT/etc/gres.conf"
  (umask 077 && slurmdbd_conf >"$ROOT/etc/slurmdbd.conf")
  echo "export SLURM_CONF=$SLURM_CONF" >"$ROOT/env.sh"
}

start_munge() {
  mungekey --create --keyfile="$ROOT/munge/key"
  munged --key-file="$ROOT/munge/key" --socket="$SOCKET" --pid-file="$ROOT/run/munged.pid" \
    --log-file="$ROOT/log/munged.log" --seed-file="$ROOT/munge/seed" --origin=127.0.0.1 --num-threads=4 </dev/null
}

start_accounting() { # MariaDB behind a socket, losing what it likes if the machine dies
  mariadb-install-db --no-defaults --user=root --datadir="$ROOT/mysql" --skip-test-db --skip-name-resolve \
    --auth-root-authentication-method=normal --innodb-log-file-size=8M >"$ROOT/log/mariadb-install.log" 2>&1 </dev/null \
    || failed "the accounting database could not be made"
  setsid mariadbd --no-defaults --user=root --datadir="$ROOT/mysql" --socket="$ROOT/run/mysql.sock" \
    --pid-file="$ROOT/run/mariadbd.pid" --log-error="$ROOT/log/mariadb.log" --skip-networking --skip-name-resolve \
    --innodb-flush-log-at-trx-commit=0 --innodb-flush-method=nosync --innodb-buffer-pool-size=64M \
    --innodb-log-file-size=8M --innodb-lock-wait-timeout=900 --performance-schema=OFF --skip-log-bin \
    </dev/null >/dev/null 2>&1 &
  disown
  wait_for 60 "the accounting database" mariadb-admin --no-defaults --socket="$ROOT/run/mysql.sock" -u root ping
  in_names "$HOST" env MYSQL_UNIX_PORT="$ROOT/run/mysql.sock" slurmdbd
  wait_for 60 slurmdbd sacctmgr -n list cluster
}

in_names() { # in_names HOSTNAME COMMAND...: run it with hosts of our own and that host name
  local name=$1
  shift
  if [ -z "$SEPARATE" ]; then
    "$@" </dev/null
    return
  fi
  unshare --uts --mount sh -c 'hostname "$1" && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"' - \
    "$name" "$ROOT/etc/hosts" "$@" </dev/null
}

separate_names() { # says whether nodes can have host names of their own; a container may forbid it
  unshare --uts --mount true 2>/dev/null && echo yes && return
  say "nodes share this machine's host name: namespaces are not allowed here" >&2
  getent ahostsv4 "$HOST" | grep -q '^127\.' \
    || die "$HOST must mean this machine: put '127.0.0.1 $HOST' first in /etc/hosts"
}

install_packages
if [ "${1:-}" = --fresh ]; then
  "$HERE/down.sh"
elif healthy; then
  say "already up; use it with: . $ROOT/env.sh"
  exit 0
elif [ -d "$ROOT/run" ]; then
  say "remains of a cluster: starting over"
  "$HERE/down.sh"
fi
SEPARATE=$(separate_names)
make_folders
configure
start_munge
start_accounting
say "accounting is up"
in_names "$HOST" slurmctld
for number in $(seq "$NODES"); do in_names "node$number" slurmd -N "node$number"; done
wait_for 60 "$NODES idle nodes" nodes_ready
say "up: $NODES nodes of $CPUS processors and $GPUS GPUs; use it with: . $ROOT/env.sh"
