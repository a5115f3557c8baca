#!/bin/bash
# Stand-in for the commands of Slurm, PBS, LSF and Grid Engine: the name that it is called by decides.
# QUEUE_DIR: its folder.  A job waits DELAY seconds.  SITE says what the site prints beside the
# answers: before, after, stderr, words (no id), other (another number), failing (status 1), plain.
# HIDDEN=1: no job is shown, but in no way that looks like a failure.
program=$(basename "$0")
cd_="$QUEUE_DIR"
welcome() {
  printf -- '-------------------\n   Welcome to the Example9 Cluster\n-------------------\n'
  printf -- '--> Checking available allocation (ABC123)...OK\n1234 core hours are left\n'
}
answer() {  # of a submission
  case $SITE in
    before) welcome; echo "$1";;
    after) echo "$1"; welcome;;
    stderr) welcome; echo "$1" >&2;;
    words) welcome; echo "Your job is on its way";;
    other) echo "${1//$id/2026}";;
    failing) echo "$1"; exit 1;;
    *) echo "$1";;
  esac
}
submit() {  # SCRIPT NAME
  id=$(( $(ls "$cd_" | grep -c '^job\.') + 1001 ))
  echo "$2" > "$cd_/job.$id"
  echo "$id $2" >> "$cd_/submitted"
  echo waits > "$cd_/state.$id"
  cp "$1" "$cd_/script.$id"
  ( sleep "${DELAY:-0}"; [ -e "$cd_/state.$id" ] || exit; echo runs > "$cd_/state.$id"
    bash "$cd_/script.$id"; rm -f "$cd_/state.$id" ) </dev/null >/dev/null 2>&1 9>&- &
}
states() {  # prints "ID STATE NAME" of the jobs that have not ended
  [ -n "$HIDDEN" ] && return
  for file in "$cd_"/state.*; do
    [ -e "$file" ] && echo "${file##*.} $(cat "$file") $(cat "$cd_/job.${file##*.}")"
  done
}
named() { states | awk -v name="$1" '$3 == name {print $1}'; }
option() {  # the word behind an option
  local wanted=$1; shift
  while [ $# -gt 0 ]; do [ "$1" = "$wanted" ] && echo "$2"; shift; done
}
state_of() { states | awk -v id="${1%%.*}" -v w="$2" -v r="$3" '$1 == id {print $2 == "runs" ? r : w}'; }
exec 9> "$cd_/lock"; flock 9
case $program in
  sbatch) submit "${!#}" "$(sed -n 's/^#SBATCH --job-name //p' "${!#}")"; answer "$id";;
  qsub)
    if [ "$FLAVOUR" = SGE ]; then
      submit "${!#}" "$(sed -n 's/^#\$ -N //p' "${!#}")"
      answer "Your job $id (\"name\") has been submitted"
    else
      submit "${!#}" "$(sed -n 's/^#PBS -N //p' "${!#}")"; answer "$id.pbs01"
    fi;;
  bsub)
    cat > "$cd_/new"
    submit "$cd_/new" "$(sed -n 's/^#BSUB -J //p' "$cd_/new")"
    answer "Job <$id> is submitted to default queue <normal>.";;
  scancel|qdel|bkill) id=${!#}; rm -f "$cd_/state.${id%%.*}";;
  *)
    [ "$SITE" = before ] && welcome
    name=$(option --name "$@")$(option -J "$@")$(option -N "$@")
    case $program in
      squeue)
        if [ -n "$name" ]; then named "$name" | sed "s/\$/ $name/"
        else states | awk '{print $1, $2 == "runs" ? "R" : "PD"}'; fi;;
      qselect) named "$name" | sed 's/$/.pbs01/';;
      bjobs)
        if [ -n "$name" ]; then
          found=$(named "$name"); [ -n "$found" ] || { echo "Job <$name> is not found" >&2; exit 255; }
          echo "$found"
        else
          found=$(state_of "${!#}" PEND RUN)
          [ -n "$found" ] || { echo "Job <${!#}> is not found" >&2; exit 255; }
          printf 'JOBID USER STAT QUEUE FROM_HOST EXEC_HOST JOB_NAME SUBMIT_TIME\n'
          echo "${!#} me $found normal head node1 wt Nov 30 05:00"
        fi;;
      qstat)
        if [ "$FLAVOUR" = SGE ]; then
          if [ "$1" = -j ]; then named "$2" | sed 's/^/job_number:   /'
          else
            printf 'job-ID prior name user state submit queue\n---------\n'
            states | awk '{print $1, "0.5", "wt", "me", $2 == "runs" ? "r" : "qw", "11/30/2026", "1"}'
          fi
        else
          found=$(state_of "${!#}" Q R)
          [ -n "$found" ] || { echo "qstat: Unknown Job Id ${!#}" >&2; exit 153; }
          printf 'Job id  Name  User  Time Use S Queue\n------  ----  ----  -------- - -----\n'
          echo "${!#} wt me 00:00:00 $found workq"
        fi;;
    esac
    [ "$SITE" = after ] && welcome;;
esac
exit 0
