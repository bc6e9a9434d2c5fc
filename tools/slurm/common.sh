# shellcheck shell=bash
# What up.sh and down.sh share: where the cluster lives, and how its processes are told from others.
ROOT=${SLURM_ROOT:-${TMPDIR:-/tmp}/ganbench-slurm}
MARK=$ROOT/.ganbench-slurm
START_MS=$(date +%s%3N)
export SLURM_CONF=$ROOT/etc/slurm.conf

say() { printf '[slurm %5d ms] %s\n' $(($(date +%s%3N) - START_MS)) "$*"; }

die() {
  say "ERROR: $*" >&2
  exit 1
}

as_root() { # runs the calling script again as root, with the knobs it was given
  [ "$(id -u)" = 0 ] && return
  command -v sudo >/dev/null || die "daemons and packages need root: run as root, or install sudo"
  exec sudo env "SLURM_ROOT=$ROOT" ${SLURM_NODES+"SLURM_NODES=$SLURM_NODES"} ${SLURM_CPUS+"SLURM_CPUS=$SLURM_CPUS"} \
    ${SLURM_GPUS+"SLURM_GPUS=$SLURM_GPUS"} ${SLURM_MEM+"SLURM_MEM=$SLURM_MEM"} ${SLURM_PORT+"SLURM_PORT=$SLURM_PORT"} \
    ${SLURM_EXTRA+"SLURM_EXTRA=$SLURM_EXTRA"} "$0" "$@"
}

own_folder() { # refuses a folder that something else made
  case $ROOT in /*/*) ;; *) die "SLURM_ROOT=$ROOT must be an absolute path at least two folders deep" ;; esac
  [ ! -e "$ROOT" ] || [ -e "$MARK" ] || die "$ROOT exists and no cluster of ours made it: choose another SLURM_ROOT"
}

living() { # living PID: it runs and is no zombie (process 1 of a container may not collect them)
  local state
  state=$(awk '{sub(/.*\) /, ""); print $1}' "/proc/$1/stat" 2>/dev/null) && [ "$state" != Z ]
}

cluster_processes() { # prints "PID NAME" of this cluster's daemons, or with `jobs` of what runs in its jobs
  # by environment and name, not by PID files: those get lost, and Debian's daemons are links to other names
  local file pid name daemon
  for file in $(grep -slzxF "SLURM_CONF=$SLURM_CONF" /proc/[0-9]*/environ); do
    pid=${file#/proc/} pid=${pid%/environ}
    living "$pid" && name=$(cat "/proc/$pid/comm" 2>/dev/null) || continue
    case $name in munged | mariadbd | slurmdbd | slurmctld | slurmscriptd | slurmd) daemon=1 ;; *) daemon= ;; esac
    if [ "${1:-}" != jobs ]; then
      [ -z "$daemon" ] || echo "$pid $name"
    elif [ -z "$daemon" ] && { [ "$name" = slurmstepd ] || grep -qz '^SLURM_JOB_ID=' "$file" 2>/dev/null; }; then
      echo "$pid $name"
    fi
  done
}
