#!/usr/bin/env bash
# loopback.sh - a throw-away Slurm cluster + sshd on 127.0.0.1, for tests.
#
#   loopback.sh run    DIR        start, print READY, stay until standard input closes (or TERM/INT), stop.
#                                       The way for a test fixture: also stops when the test runner is killed.
#   loopback.sh start  DIR        make DIR, start munged, slurmctld, slurmd(s), sshd; wait until ready
#   loopback.sh stop   DIR        end every process named in DIR/pids (by pid only); DIR is kept for its logs
#   loopback.sh status DIR        one line per daemon, exit 1 if any is not running
#   loopback.sh up     DIR NAME   start one daemon again  (NAME: munged slurmctld slurmd-gpu01 slurmd-cpu01 sshd)
#   loopback.sh down   DIR NAME   end one daemon          (fault injection; "down DIR sshd" also cuts live logins)
#   loopback.sh freeze DIR NAME   stop one daemon and its children in their tracks; `thaw` lets them go on
#
# DIR/env is written by `start`; `. DIR/env` gives SLURM_CONF, SSHD_PORT, SSH_KEY, ... to a client.
#
# Environment (all optional):
#   SLURMCTLD_PORT SLURMD_PORT SSHD_PORT   high ports; unset = a free one below the ephemeral range.
#                                          SLURMD_PORT is the first of two (gpu01, cpu01).
#   LB_GPUS=2  LB_CPUS=8                   fake GPUs on node gpu01 (1 to 5); CPUs per node (need not exist)
#   LB_WAIT=30                             seconds for the nodes to become idle
#
# Needs (Debian): slurmctld slurmd slurm-client munge openssh-server openssh-client.
# GPUs are fake: each is a harmless character device that every machine and container has (/dev/null, /dev/zero, ..).
# Slurm 22.05 counts them, queues for them and sets CUDA_VISIBLE_DEVICES; it refuses a count without File= (node
# goes INVAL) and one file for two GPUs (slurmd: fatal); with plain files it queues but sets no CUDA_VISIBLE_DEVICES.
# Runs as root or as any user with a passwd entry; jobs run as that same user.  Nothing outside DIR is written,
# except, as root, the empty directory /run/sshd that sshd insists on.
set -eu -o pipefail
PATH=$PATH:/usr/sbin:/sbin
cmd=${1:?run|start|stop|status|up|down}; DIR=${2:?state directory}; NAME=${3:-}
DIR=$(realpath -m -- "$DIR"); ME=$(id -un)
SSHD_BIN=$(command -v sshd)                      # sshd re-executes itself: needs its absolute path
DAEMONS="munged slurmctld slurmd-gpu01 slurmd-cpu01 sshd"
FAKE_GPUS=(/dev/null /dev/zero /dev/full /dev/random /dev/urandom)

die() { echo "loopback: $*" >&2; exit 1; }

# ---------------------------------------------------------------- processes, by pid
# A pid file holds "PID STARTTIME"; both must match /proc, so that a recycled pid is never signalled.
starttime() { local s; s=$(cat "/proc/$1/stat" 2>/dev/null) || return 1; s=${s##*) }; set -- $s; echo "${20}"; }
alive() {       # alive NAME -> prints the pid
    local pid st; [ -e "$DIR/pids/$1" ] && read -r pid st < "$DIR/pids/$1" || return 1
    [ -n "$st" ] && [ "$(starttime "$pid")" = "$st" ] || return 1
    [ "$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat" 2>/dev/null)" != Z ] && echo "$pid"
}
launch() {      # launch NAME COMMAND...   in the foreground of its own session, output to DIR/log/NAME.out
    local name=$1; shift
    setsid "$@" </dev/null >>"$DIR/log/$name.out" 2>&1 &
    local pid=$!                                  # setsid execs in place: a background job leads no group
    echo "$pid $(starttime "$pid")" > "$DIR/pids/$name"
}
descendants() { # every descendant of PID, from /proc
    local p; for p in $(cat /proc/"$1"/task/*/children 2>/dev/null); do echo "$p"; descendants "$p"; done
}
finish() {      # finish NAME [also-children]: TERM, wait up to 5 s, KILL
    local pid kids=""; pid=$(alive "$1") || { rm -f "$DIR/pids/$1"; return 0; }
    [ "${2:-}" = also-children ] && kids=$(descendants "$pid")
    kill -TERM $kids "$pid" 2>/dev/null || true
    local i; for i in $(seq 100); do alive "$1" >/dev/null || break; sleep 0.05; done
    if alive "$1" >/dev/null; then echo "loopback: $1 ($pid) ignored TERM, KILL" >&2; kill -KILL "$pid" || true; fi
    rm -f "$DIR/pids/$1"
}
all_alive() {
    local f; for f in "$DIR"/pids/*; do
        alive "${f##*/}" >/dev/null || { tail -n 5 "$DIR"/log/* >&2; die "${f##*/} died"; }
    done
}
wait_for() {    # wait_for SECONDS WHAT COMMAND...
    local n=$(( $1 * 20 )) what=$2; shift 2
    until "$@" >/dev/null 2>&1; do
        all_alive                             # a daemon that died (bad configuration, port taken) ends the wait at once
        n=$((n-1)); [ $n -gt 0 ] || { tail -n 5 "$DIR"/log/* >&2; die "$what: not ready in time"; }; sleep 0.05
    done
}
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

up() {
    alive "$1" >/dev/null && return 0
    case $1 in
    munged)   launch munged munged --foreground --num-threads=2 --key-file="$DIR/munge/key" \
                  --socket="$DIR/munge/sock" --pid-file="$DIR/munge/pid" --log-file="$DIR/munge/log" \
                  --seed-file="$DIR/munge/seed"
              wait_for 10 munged munge -n -S "$DIR/munge/sock" ;;
    slurmctld) launch slurmctld slurmctld -D -i -f "$SLURM_CONF" ;;
    slurmd-*) launch "$1" slurmd -D -f "$SLURM_CONF" -N "${1#slurmd-}" ;;
    sshd)     [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
              rm -f "$DIR/ssh/sshd.pid"
              launch sshd "$SSHD_BIN" -D -e -f "$DIR/ssh/sshd_config"
              wait_for 10 sshd test -s "$DIR/ssh/sshd.pid" ;;   # written once it listens
    *) die "no daemon $1" ;;
    esac
}
nodes_idle() { [ "$(sinfo -h -N -o %T | sort -u)" = idle ]; }

# ---------------------------------------------------------------- configuration
free_port() {   # free_port HOWMANY: first of HOWMANY consecutive free ports, below the ephemeral range (32768..)
    local p i; for _ in $(seq 50); do
        p=$(( 20000 + (RANDOM * 32768 + RANDOM) % 12000 ))
        for i in $(seq 0 $(( $1 - 1 ))); do port_open $((p+i)) 2>/dev/null && continue 2; done
        echo $p; return
    done; die "no free port"
}
configure() {
    [ ! -e "$DIR/etc" ] || die "$DIR was used before: stop it and remove it, or take another"
    case $DIR in *[!A-Za-z0-9/._-]*) die "$DIR: only letters, digits and / . _ - please" ;; esac
    [ ${#DIR} -le 70 ] || die "$DIR: too long for the Unix sockets in it (munge, job steps): at most 70 characters"
    umask 022; mkdir -p "$DIR"/{pids,log,munge,ssh,etc,bin,home,spool/ctld,spool/gpu01,spool/cpu01}
    chmod 700 "$DIR/ssh"
    : "${SLURMCTLD_PORT:=$(free_port 1)}" "${SLURMD_PORT:=$(free_port 2)}" "${SSHD_PORT:=$(free_port 1)}"
    SLURM_CONF=$DIR/etc/slurm.conf

    # A dummy key, made for this cluster only.
    (umask 077; head -c 128 /dev/urandom > "$DIR/munge/key")

    cat > "$SLURM_CONF" <<CONF
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$SLURMCTLD_PORT
SlurmUser=$ME
SlurmdUser=$ME
# Listen on 127.0.0.1 only, not on every interface.
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CredType=cred/munge
# cred_expire: also how long a requeued job (node lost) is held before it may start again; 120 s by default.
AuthInfo=socket=$DIR/munge/sock,cred_expire=5
StateSaveLocation=$DIR/spool/ctld
SlurmdSpoolDir=$DIR/spool/%n
SlurmctldPidFile=$DIR/spool/slurmctld.pid
SlurmdPidFile=$DIR/spool/slurmd-%n.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/slurmd-%n.log
SlurmctldDebug=info
SlurmdDebug=info
# No cgroups, no accounting database, no MPI, no PAM: works in a container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
PropagateResourceLimits=NONE
# One line per ended job (JobId, JobState, ...): the tests' record of what really ran.
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.log
# The nodes say they have more CPUs than this machine: take the configuration's word.
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
# Fast, for tests.
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
PriorityType=priority/basic
MinJobAge=5
KillWait=1
CompleteWait=0
InactiveLimit=0
EpilogMsgTime=0
SlurmctldTimeout=10
SlurmdTimeout=15
MessageTimeout=5
# 1: a node that stopped answering returns by itself; one set down by hand stays down until state=resume.
ReturnToService=1
NodeName=DEFAULT CPUs=${LB_CPUS:-8} RealMemory=4000 State=UNKNOWN
NodeName=gpu01 NodeAddr=127.0.0.1 NodeHostname=localhost Port=$SLURMD_PORT Gres=gpu:${LB_GPUS:-2}
NodeName=cpu01 NodeAddr=127.0.0.1 NodeHostname=localhost Port=$((SLURMD_PORT+1))
PartitionName=gpu Nodes=gpu01 MaxTime=60 State=UP
PartitionName=cpu Nodes=cpu01 MaxTime=60 State=UP Default=YES
CONF
    cat > "$DIR/etc/gres.conf" <<CONF
NodeName=gpu01 Name=gpu File=$(IFS=,; echo "${FAKE_GPUS[*]:0:${LB_GPUS:-2}}")
CONF

    ssh-keygen -q -t ed25519 -N '' -C loopback-host -f "$DIR/ssh/host_key"
    ssh-keygen -q -t ed25519 -N '' -C loopback-user -f "$DIR/ssh/id"
    cp "$DIR/ssh/id.pub" "$DIR/ssh/authorized_keys"; chmod 600 "$DIR/ssh/authorized_keys"
    echo "[127.0.0.1]:$SSHD_PORT $(cut -d' ' -f1,2 "$DIR/ssh/host_key.pub")" > "$DIR/ssh/known_hosts"
    cat > "$DIR/ssh/sshd_config" <<CONF
ListenAddress 127.0.0.1
Port $SSHD_PORT
HostKey $DIR/ssh/host_key
PidFile $DIR/ssh/sshd.pid
AuthorizedKeysFile $DIR/ssh/authorized_keys
StrictModes no
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowUsers $ME
UsePAM no
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
LogLevel VERBOSE
# What a login on a real head node gets from the site's profile.  All on one line: sshd reads only the first SetEnv.
# HOME: away from the developer's own .bashrc (slow, changes PATH).  bin/ is first: a place for shims (fault injection).
SetEnv SLURM_CONF=$SLURM_CONF HOME=$DIR/home PATH=$DIR/bin:/usr/local/bin:/usr/bin:/bin
CONF
    cat > "$DIR/env" <<CONF
export SLURM_CONF=$SLURM_CONF
export SLURMCTLD_PORT=$SLURMCTLD_PORT
export SLURMD_PORT=$SLURMD_PORT
export SSHD_PORT=$SSHD_PORT
export SSH_USER=$ME
export SSH_KEY=$DIR/ssh/id
export SSH_KNOWN_HOSTS=$DIR/ssh/known_hosts
CONF
}

# ---------------------------------------------------------------- commands
start() {
    configure; export SLURM_CONF
    for d in $DAEMONS; do up "$d"; done
    wait_for "${LB_WAIT:-30}" "nodes idle" nodes_idle; all_alive
}
stop() {
    [ -e "$DIR/env" ] || return 0
    . "$DIR/env"
    local end=$((SECONDS + 6)) d pid
    if alive slurmctld >/dev/null; then           # end the jobs first: their processes outlive slurmd
        timeout 3 scancel --user="$ME" 2>/dev/null || true
        while [ $SECONDS -lt $end ] && [ -n "$(timeout 3 squeue -h 2>/dev/null)" ]; do sleep 0.05; done
    fi
    finish sshd also-children
    for d in slurmd-gpu01 slurmd-cpu01; do finish $d also-children; done
    finish slurmctld; finish munged
    for d in "$DIR"/spool/*/*_*.*; do             # a job step whose slurmd or slurmctld was lost: its slurmstepd
        [ -S "$d" ] || continue                   # (found by its socket's name, "NODE_JOB.STEP") and what it runs
        pid=$(stepd_of "${d##*/}") || continue
        kill -KILL $(descendants "$pid") "$pid" 2>/dev/null || true
    done
    rm -f "$DIR/env"
}
stepd_of() {    # stepd_of NODE_JOB.STEP: the slurmstepd holding that listening socket, looked up through /proc
    local ino fd; ino=$(awk -v p="/$1" '$8 ~ p"$" {print $7; exit}' /proc/net/unix); [ -n "$ino" ] || return 1
    for fd in /proc/[0-9]*/fd/*; do
        [ "$(readlink "$fd" 2>/dev/null)" = "socket:[$ino]" ] && { fd=${fd#/proc/}; echo "${fd%%/*}"; return; }
    done; return 1
}
case $cmd in
run)    trap 's=$?; trap "" TERM INT HUP; stop; exit $s' EXIT; trap 'exit 0' TERM INT HUP
        start; echo READY
        while read -r _; do :; done ;;            # until end of file
start)  trap 's=$?; [ $s = 0 ] || stop; exit $s' EXIT
        start ;;
stop)   stop ;;
status) rc=0; for d in $DAEMONS; do if p=$(alive $d); then echo "$d $p"; else echo "$d -"; rc=1; fi; done; exit $rc ;;
up)     . "$DIR/env"; up "${NAME:?daemon}" ;;
down)   . "$DIR/env"; finish "${NAME:?daemon}" "$([ "$NAME" = sshd ] && echo also-children || true)" ;;
freeze|thaw)
        pid=$(alive "${NAME:?daemon}") || die "$NAME is not running"
        kill "-$([ $cmd = freeze ] && echo STOP || echo CONT)" "$pid" $(descendants "$pid") ;;
*)      die "unknown command $cmd" ;;
esac
