#!/usr/bin/env bash
# gridengine.sh DIR - a throw-away Grid Engine on 127.0.0.1, for tests.
#
# Starts sge_qmaster and sge_execd with everything that they write below DIR, prints READY, stays until standard input
# closes, stops them.  DIR/env is for clients.  Jobs run as the user that starts it.
#
# Needs (Debian): gridengine-master gridengine-exec gridengine-client.  One queue, all.q, with 8 slots; parallel
# environments smp and mpi.  DIR/root/default/common/accounting has a line for each job that really ended.
set -eu -o pipefail
DIR=$(realpath -m -- "${1:?state directory}"); ME=$(id -un); HOST=$(hostname)
SPOOL=/usr/lib/gridengine; SHARE=/usr/share/gridengine
die() { echo "gridengine: $*" >&2; exit 1; }
[ ! -e "$DIR/root" ] || die "$DIR was used before: take another"
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
free_port() { local p; for _ in $(seq 50); do p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
              port_open $p 2>/dev/null || port_open $((p+1)) 2>/dev/null || { echo $p; return; }; done; die "no free port"; }
PORT=$(free_port)
export SGE_ROOT=$DIR/root SGE_CELL=default SGE_QMASTER_PORT=$PORT SGE_EXECD_PORT=$((PORT+1))
COMMON=$SGE_ROOT/default/common
mkdir -p "$COMMON" "$DIR/bin" "$DIR"/spool/{qmaster,execd}
for part in bin lib util utilbin; do ln -s "$(readlink -f /var/lib/gridengine/$part)" "$SGE_ROOT/$part"; done
echo localhost > "$COMMON/act_qmaster"
echo "localhost $HOST" > "$COMMON/host_aliases"
cat > "$COMMON/bootstrap" <<CONF
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         classic
spooling_lib            libspoolc
spooling_params         $COMMON;$DIR/spool/qmaster
binary_path             /usr/sbin
qmaster_spool_dir       $DIR/spool/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
CONF
for name in SGE_ROOT SGE_CELL SGE_QMASTER_PORT SGE_EXECD_PORT; do echo "export $name=${!name}"; done > "$DIR/env"

pids=()
stop() {
    timeout 5 qdel -f -u "$ME" >/dev/null 2>&1 || true
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || continue 2; sleep 0.1; done
        kill -KILL "$pid" 2>/dev/null || true
    done
}
trap 's=$?; trap "" TERM INT HUP; stop; exit $s' EXIT; trap 'exit 0' TERM INT HUP
launch() { SGE_ND=1 setsid "$@" </dev/null >>"$DIR/daemons.out" 2>&1 & pids+=($!); }
wait_for() {
    for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    cat "$DIR/daemons.out" "$DIR"/spool/*/messages >&2; die "$*: not in time"
}

{   "$SPOOL/spoolinit" classic libspoolc "$COMMON;$DIR/spool/qmaster" init
    # root may submit; jobs spool here; what has ended is written down at once
    sed -e 's/^\(min_.id *\)1000/\10/' -e "s#^\(execd_spool_dir *\).*#\1$DIR/spool/execd#" \
        -e 's/^\(reporting_params .*accounting=true\)/\1 accounting_flush_time=00:00:00/' \
        "$SHARE/default-configuration" > "$DIR/configuration"
    "$SPOOL/spooldefaults" configuration "$DIR/configuration"
    "$SPOOL/spooldefaults" complexes "$SHARE/util/resources/centry"
    "$SPOOL/spooldefaults" usersets "$SHARE/util/resources/usersets"
    "$SPOOL/spooldefaults" managers "$ME"
} >>"$DIR/daemons.out" 2>&1
launch /usr/sbin/sge_qmaster
wait_for qconf -sconf
{   qconf -ah localhost || true
    qconf -as localhost
    # Fast, for tests.
    qconf -ssconf | sed -e 's/^\(schedule_interval *\).*/\10:0:1/; s/^\(flush_[a-z]*_sec *\).*/\11/' > "$DIR/scheduler"
    qconf -Msconf "$DIR/scheduler"
    for pe in smp mpi; do
        printf '%s\n' "pe_name $pe" 'slots 999' 'user_lists NONE' 'xuser_lists NONE' 'start_proc_args NONE' \
            'stop_proc_args NONE' 'allocation_rule $pe_slots' 'control_slaves FALSE' 'job_is_first_task TRUE' \
            'urgency_slots min' 'accounting_summary FALSE' 'qsort_args NONE' > "$DIR/pe.$pe"
        qconf -Ap "$DIR/pe.$pe"
    done
} >>"$DIR/daemons.out" 2>&1
launch /usr/sbin/sge_execd
{   printf '%s\n' 'qname all.q' 'hostlist localhost' 'seq_no 0' 'load_thresholds NONE' 'suspend_thresholds NONE' \
        'nsuspend 1' 'suspend_interval 00:05:00' 'priority 0' 'min_cpu_interval 00:05:00' 'processors UNDEFINED' \
        'qtype BATCH INTERACTIVE' 'ckpt_list NONE' 'pe_list smp mpi' 'rerun FALSE' 'slots 8' 'tmpdir /tmp' \
        'shell /bin/bash' 'shell_start_mode posix_compliant' 'notify 00:00:60' 'initial_state default'
    for key in prolog epilog starter_method suspend_method resume_method terminate_method owner_list user_lists \
        xuser_lists subordinate_list complex_values projects xprojects calendar; do echo "$key NONE"; done
    for key in rt cpu fsize data stack core rss vmem; do echo "s_$key INFINITY"; echo "h_$key INFINITY"; done
} > "$DIR/queue"
qconf -Aq "$DIR/queue" >>"$DIR/daemons.out" 2>&1
up() { qstat -f -q all.q@localhost | grep -q ' lx-amd64 *$'; }
wait_for up
echo READY
while read -r _; do :; done                    # until end of file
