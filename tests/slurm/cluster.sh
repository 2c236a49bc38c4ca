#!/usr/bin/env bash
# A real SLURM cluster of one node on this machine, for tests: munged, slurmctld and slurmd in a folder of their own.
#
#   tests/slurm/cluster.sh install             SLURM and munge from the distribution's packages, where absent (root)
#   tests/slurm/cluster.sh start FOLDER [PID]  start it; with PID, it stops by itself when that process is gone
#   SLURM_CONF=FOLDER/slurm.conf PATH=FOLDER/bin:$PATH sbatch ...    use it
#   tests/slurm/cluster.sh stop FOLDER         cancel its jobs, end its daemons, remove FOLDER
#
# Nothing outside FOLDER is written: an /etc/slurm, a munged or a cluster of this machine stay as they are.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
MARK=".kratos-test-cluster"

fail() {
    echo "cluster.sh: $*" >&2
    exit 1
}

present() { command -v munged && command -v slurmctld && command -v slurmd && command -v sbatch; } >/dev/null

install() {
    present && return
    [ "$(id -u)" = 0 ] || fail "SLURM is not installed and only root can: apt-get install slurmctld slurmd slurm-client munge"
    command -v apt-get >/dev/null || fail "SLURM is not installed and there is no apt-get: install slurmctld, slurmd and munged"
    export DEBIAN_FRONTEND=noninteractive
    local packages="slurmctld slurmd slurm-client munge"
    # shellcheck disable=SC2086
    apt-get install -y --no-install-recommends $packages || { apt-get update && apt-get install -y --no-install-recommends $packages; }
    present || fail "apt-get installed $packages, and yet not all of munged, slurmctld, slurmd, sbatch are there"
}

# proctrack/linuxproc follows parents, and loses the processes of a cancelled job whose shell ends first; none here leaves
# its process group. The node claims more than this machine may have, so that jobs of the size that a cluster gets can be asked for.
configure() {
    local folder=$1 host user ports
    host=$(hostname -s) user=$(id -un)
    ports=$(python3 -c '
import socket
held = [socket.create_server(("", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))')
    cat >"$folder/slurm.conf" <<EOF
ClusterName=kratos
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${ports% *}
SlurmdPort=${ports#* }
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=1,sched_min_interval=0
EnforcePartLimits=ALL
SlurmdParameters=config_overrides
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
KillWait=2
MinJobAge=86400
MessageTimeout=60
NodeName=node1 NodeHostname=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=16000
PartitionName=main Nodes=node1 Default=YES MaxTime=INFINITE DefaultTime=10 State=UP
PartitionName=members Nodes=node1 AllowAccounts=lab State=UP
EOF
}

start() {
    local folder=$1 owner=${2:-}
    present || fail "SLURM is not installed: run 'tests/slurm/cluster.sh install' as root"
    mkdir -p "$folder" && chmod 700 "$folder"
    folder=$(cd "$folder" && pwd)
    [ -z "$(ls -A "$folder")" ] || fail "$folder is not empty: give an empty or a new folder"
    touch "$folder/$MARK"
    mkdir "$folder/state" "$folder/spool" "$folder/bin"
    configure "$folder"
    # snakemake-executor-plugin-slurm-jobstep removes SLURM_CONF from the environment of the srun that it starts in a job.
    printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$folder/slurm.conf" "$(command -v srun)" >"$folder/bin/srun"
    chmod +x "$folder/bin/srun"
    export SLURM_CONF="$folder/slurm.conf"
    (umask 077 && head -c 128 /dev/urandom >"$folder/munge.key")
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
    slurmctld -f "$SLURM_CONF"
    slurmd -f "$SLURM_CONF" -N node1
    for _ in $(seq 300); do
        if sinfo --noheader --partition main --format %T 2>/dev/null | grep -qx idle; then
            if [ -n "$owner" ]; then
                watch "$folder" "$owner" </dev/null >/dev/null 2>&1 &
            fi
            return
        fi
        sleep 0.2
    done
    tail -n 20 "$folder"/*.log >&2 || true
    stop "$folder"
    fail "the node was not idle within a minute; its daemons' logs are above"
}

watch() {
    trap '' HUP INT
    while kill -0 "$2" 2>/dev/null; do
        [ -e "$1/$MARK" ] || return 0
        sleep 1
    done
    stop "$1"
}

stop() {
    local folder=$1 daemon pid
    [ -e "$folder/$MARK" ] || fail "$folder is not a folder that 'cluster.sh start' made: nothing stopped or removed"
    export SLURM_CONF="$folder/slurm.conf"
    timeout 10 scancel --quiet --user="$(id -un)" 2>/dev/null || true
    for _ in $(seq 50); do
        [ -n "$(timeout 5 squeue --noheader 2>/dev/null)" ] || break
        sleep 0.2
    done
    for daemon in slurmd slurmctld munged; do
        pid=$(cat "$folder/$daemon.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.2
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}

case "${1:-}" in
install) install ;;
start) start "${2:?folder}" "${3:-}" ;;
stop) stop "${2:?folder}" ;;
*) fail "usage: cluster.sh install | start FOLDER [PID] | stop FOLDER" ;;
esac
