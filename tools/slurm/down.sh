#!/usr/bin/env bash
# Stop what up.sh started, and nothing else: jobs, daemons and what jobs left behind; remove their state.
#   down.sh           keep etc/ and log/        down.sh --purge    remove everything
set -uo pipefail
. "$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/common.sh"
as_root "$@"
[ -e "$ROOT" ] || { say "nothing at $ROOT" && exit 0; }
own_folder

cancel_jobs() { # lets jobs end as they would: their steps are told first, and killed some seconds later
  local ids
  ids=$(timeout 5 squeue -h -o %A 2>/dev/null | sort -u)
  [ -n "$ids" ] || return 0
  say "cancelling $(wc -w <<<"$ids") jobs"
  timeout 10 scancel $ids 2>/dev/null
  for _ in $(seq 60); do
    [ -n "$(timeout 5 squeue -h -o %A 2>/dev/null)" ] || [ -n "$(cluster_processes jobs)" ] || break
    sleep 0.25
  done
}

stop() { # stop NAME SECONDS: end this cluster's daemons of that name, by force if they take too long
  local pids pid end=$(($(date +%s) + $2))
  pids=$(cluster_processes | awk -v name="$1" '$2 == name {print $1}')
  [ -n "$pids" ] || return 0
  kill -TERM $pids 2>/dev/null
  for pid in $pids; do
    while living "$pid" && [ "$(date +%s)" -lt "$end" ]; do sleep 0.05; done
    ! living "$pid" || { say "$1 ($pid) does not end: killing it" && kill -KILL "$pid" 2>/dev/null; }
  done
}

end_strays() { # what escaped its job
  local signal strays
  for signal in TERM KILL; do
    strays=$(cluster_processes jobs)
    [ -n "$strays" ] || return 0
    say "ending what is left:" $(awk '{print $2}' <<<"$strays")
    kill "-$signal" $(awk '{print $1}' <<<"$strays") 2>/dev/null
    sleep 1
  done
}

if cluster_processes | grep ' slurmctld$' >/dev/null; then cancel_jobs; fi
stop slurmd 10
stop slurmctld 15
stop slurmscriptd 1
end_strays
stop slurmdbd 15
stop mariadbd 20
stop munged 5
rm -rf "$ROOT"/{run,state,spool,munge,mysql,dev,env.sh}
[ "${1:-}" != --purge ] || rm -rf "$ROOT"
say "down"
