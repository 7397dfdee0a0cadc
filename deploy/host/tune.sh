#!/usr/bin/env bash
# Applies to a running machine what `tiercel doctor` asks for, and takes it back.
#
#   tune.sh --dry-run     say what would be changed, change nothing
#   tune.sh               change it
#   tune.sh --undo        put back what was there before
#
#   --huge-pages N        reserve at least N pages of 2 MiB (256)
#   --smt-off             switch sibling hardware threads off: half as many cores are left
#   --state FILE          where the values from before are kept (/var/lib/tiercel/tune.state)
#
# Each step prints one line: its name (the doctor's), ok, skipped or failed, and what was there. A
# step that fails does not stop the others; the exit code is the number that failed (at most 100).
# 101: the arguments make no sense. 102: not the superuser, or the state cannot be kept.
#
# What was there is written to the state file before it is changed, once: a second run finds
# everything in place and keeps the first values, and a run that was killed half way can be undone.
# --undo goes backwards through the file; what could not be put back stays in it. Nothing survives the machine's next start; the kernel's command line and limits of
# services are not touched.
#
# ROOT=folder reads and writes proc, sys and var below that folder instead of /.
set -uo pipefail

ROOT=${ROOT:-}
ROOT=${ROOT%/}
state=$ROOT/var/lib/tiercel/tune.state
mode=apply
huge_pages=256
smt_off=no
failed=0

# The same bounds as crates/host/src/checkup.
idle_exit_max_us=5
socket_buffer=8388608

usage() {
    sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"
}

refuse() {
    echo "tune.sh: $2" >&2
    exit "$1"
}

while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) mode=dry ;;
    --undo) mode=undo ;;
    --smt-off) smt_off=yes ;;
    --huge-pages)
        [[ ${2:-} =~ ^[0-9]+$ ]] || refuse 101 "--huge-pages needs a number"
        huge_pages=$2
        shift
        ;;
    --state)
        [ -n "${2:-}" ] || refuse 101 "--state needs a file"
        state=$2
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) refuse 101 "unknown argument: $1" ;;
    esac
    shift
done

# say STEP RESULT WHAT
say() {
    printf '%-24s %-8s %s\n' "$1" "$2" "$3"
    if [ "$2" = failed ]; then
        failed=$((failed + 1))
    fi
}

# The value of a file: the word in brackets where there is a choice.
value_of() {
    local text
    [ -f "$1" ] && text=$(<"$1") || return 1
    if [[ $text =~ \[([^]]+)\] ]]; then
        text=${BASH_REMATCH[1]}
    fi
    printf '%s' "$text"
}

write() {
    { printf '%s\n' "$2" >"$1"; } 2>/dev/null
}

# keep STEP PATH VALUE: into the state file, unless something older is there for this path.
keep() {
    kept=no
    if cut -f 2 "$state" | grep -qxF -- "$2"; then
        return 0
    fi
    printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$state" && kept=yes
}

# Takes back the line that was kept last: nothing was changed after all.
forget() {
    if [ $kept = yes ]; then
        sed -i '$d' "$state"
    fi
}

# change STEP PATH WANTED [refused]: PATH is below the root. Where the kernel may refuse by right,
# "refused" makes that a skipped step.
change() {
    local step=$1 path=$2 wanted=$3 refused=${4:-} before after
    if ! before=$(value_of "$ROOT$path" 2>/dev/null); then
        say "$step" skipped "$path cannot be read"
    elif [ "$before" = "$wanted" ]; then
        say "$step" ok "$path is $wanted"
    elif [ "$mode" = dry ]; then
        say "$step" would "$path: $before -> $wanted"
    elif ! keep "$step" "$path" "$before"; then
        say "$step" failed "$path: left alone, its value could not be kept"
    elif ! write "$ROOT$path" "$wanted"; then
        forget
        if [ -n "$refused" ]; then
            say "$step" skipped "$path: the kernel keeps it at $before"
        else
            say "$step" failed "$path: $before -> $wanted was refused"
        fi
    else
        after=$(value_of "$ROOT$path" 2>/dev/null)
        if [ "$after" = "$wanted" ]; then
            say "$step" ok "$path: $before -> $wanted"
        else
            say "$step" failed "$path: $before -> $wanted became $after"
        fi
    fi
}

# at_least STEP PATH LEAST WANTED: what is LEAST or more stays.
at_least() {
    local before
    before=$(value_of "$ROOT$2" 2>/dev/null)
    if [[ $before =~ ^[0-9]+$ ]] && [ "$before" -ge "$3" ]; then
        say "$1" ok "$2 is $before"
    else
        change "$1" "$2" "$4"
    fi
}

# The cores of a list such as 0-2,5, one a line.
cores_of() {
    local part
    for part in ${1//,/ }; do
        if [[ $part =~ ^([0-9]+)-([0-9]+)$ ]]; then
            seq "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
        elif [[ $part =~ ^[0-9]+$ ]]; then
            echo "$part"
        fi
    done
}

# Cores, one a line and in order, as the kernel shows them: 0-2,5.
list_of() {
    awk '
        NR > 1 && $1 != last + 1 { printf "%s,", first == last ? first : first "-" last; first = $1 }
        NR == 1 { first = $1 }
        { last = $1 }
        END { if (NR) print first == last ? first : first "-" last }'
}

cpu=/sys/devices/system/cpu

governor() {
    local file found=no
    for file in "$ROOT$cpu"/cpu[0-9]*/cpufreq/scaling_governor; do
        [ -e "$file" ] || continue
        found=yes
        change governor "${file#"$ROOT"}" performance
    done
    [ $found = yes ] || say governor skipped "no frequency control here"
}

turbo() {
    if [ -e "$ROOT$cpu/intel_pstate/no_turbo" ]; then
        change turbo $cpu/intel_pstate/no_turbo 0
    elif [ -e "$ROOT$cpu/cpufreq/boost" ]; then
        change turbo $cpu/cpufreq/boost 1
    else
        say turbo skipped "no boost to switch here"
    fi
}

idle_states() {
    local folder exit_us found=no
    for folder in "$ROOT$cpu"/cpu[0-9]*/cpuidle/state[0-9]*; do
        exit_us=$(value_of "$folder/latency" 2>/dev/null)
        if [[ $exit_us =~ ^[0-9]+$ ]] && [ "$exit_us" -gt "$idle_exit_max_us" ]; then
            found=yes
            change idle_states "${folder#"$ROOT"}/disable" 1
        fi
    done
    [ $found = yes ] || say idle_states skipped "no state takes longer than $idle_exit_max_us us"
}

smt() {
    if [ "$(value_of "$ROOT$cpu/smt/active" 2>/dev/null)" != 1 ]; then
        say smt skipped "no siblings that share a core"
    elif [ $smt_off = no ]; then
        say smt skipped "siblings share cores; --smt-off switches them off"
    else
        change smt $cpu/smt/control off
    fi
}

irq_affinity() {
    local isolated others file list core lands found=no
    isolated=$(value_of "$ROOT$cpu/isolated" 2>/dev/null)
    isolated=$(cores_of "$isolated")
    if [ -z "$isolated" ]; then
        say irq_affinity skipped "no isolated core to keep interrupts from"
        return
    fi
    others=$(cores_of "$(value_of "$ROOT$cpu/online")" | grep -vxF -- "$isolated" | list_of)
    if [ -z "$others" ]; then
        say irq_affinity skipped "every core is isolated"
        return
    fi
    for file in "$ROOT"/proc/irq/[0-9]*/smp_affinity_list; do
        # Where it is really served counts, as the doctor has it.
        list=$(value_of "${file%/*}/effective_affinity_list" 2>/dev/null)
        [ -n "$list" ] || list=$(value_of "$file" 2>/dev/null)
        # One that is nowhere was left half written.
        lands=yes
        [ -z "$list" ] || lands=no
        for core in $(cores_of "$list"); do
            if grep -qxF -- "$core" <<<"$isolated"; then
                lands=yes
                break
            fi
        done
        if [ $lands = yes ]; then
            found=yes
            change irq_affinity "${file#"$ROOT"}" "$others" refused
        fi
    done
    [ $found = yes ] || say irq_affinity ok "no interrupt on isolated cores"
}

irqbalance() {
    if ! cat "$ROOT"/proc/[0-9]*/comm 2>/dev/null | grep -qx irqbalance; then
        say irqbalance ok "does not run"
    elif [ "$mode" = dry ]; then
        say irqbalance would "stop the service"
    elif [ -n "$ROOT" ]; then
        say irqbalance skipped "services of another root are left alone"
    elif keep irqbalance service:irqbalance active && systemctl stop irqbalance; then
        say irqbalance ok "stopped"
    else
        say irqbalance failed "could not be stopped"
    fi
}

clocksource() {
    local folder=/sys/devices/system/clocksource/clocksource0
    if value_of "$ROOT$folder/available_clocksource" 2>/dev/null | grep -qw tsc; then
        change clocksource $folder/current_clocksource tsc
    else
        say clocksource skipped "the kernel does not offer tsc"
    fi
}

huge_page_defrag() {
    local file=/sys/kernel/mm/transparent_hugepage/defrag chosen
    chosen=$(value_of "$ROOT$file" 2>/dev/null)
    case $chosen in
    defer | defer+madvise | never) say huge_page_defrag ok "$file is $chosen" ;;
    *) change huge_page_defrag $file madvise ;;
    esac
}

numa() {
    local nodes
    nodes=$(find "$ROOT/sys/devices/system/node" -maxdepth 1 -name 'node[0-9]*' 2>/dev/null | wc -l)
    if [ "$nodes" -gt 1 ]; then
        change numa /proc/sys/kernel/numa_balancing 0
    else
        say numa skipped "one node"
    fi
}

swap() {
    local swappiness
    if [ "$(tail -n +2 "$ROOT/proc/swaps" 2>/dev/null | wc -l)" -eq 0 ]; then
        say swap skipped "no swap area"
        return
    fi
    swappiness=$(value_of "$ROOT/proc/sys/vm/swappiness" 2>/dev/null)
    if [ "$swappiness" = 0 ]; then
        say swap ok "/proc/sys/vm/swappiness is 0"
    else
        change swap /proc/sys/vm/swappiness 1
    fi
}

apply() {
    governor
    turbo
    idle_states
    smt
    irqbalance
    irq_affinity
    change watchdog /proc/sys/kernel/watchdog 0
    at_least vm_statistics /proc/sys/vm/stat_interval 10 60
    change rt_throttling /proc/sys/kernel/sched_rt_runtime_us -1
    change transparent_huge_pages /sys/kernel/mm/transparent_hugepage/enabled madvise
    huge_page_defrag
    at_least huge_pages /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages \
        "$huge_pages" "$huge_pages"
    numa
    swap
    clocksource
    at_least busy_read /proc/sys/net/core/busy_read 1 50
    at_least busy_poll /proc/sys/net/core/busy_poll 1 50
    at_least receive_buffer /proc/sys/net/core/rmem_max "$socket_buffer" "$socket_buffer"
    at_least send_buffer /proc/sys/net/core/wmem_max "$socket_buffer" "$socket_buffer"
    at_least device_backlog /proc/sys/net/core/netdev_max_backlog 5000 10000
    change slow_start /proc/sys/net/ipv4/tcp_slow_start_after_idle 0
    change io_uring /proc/sys/kernel/io_uring_disabled 0
}

# put_back STEP PATH VALUE
put_back() {
    if [ "$2" = service:irqbalance ]; then
        if systemctl start irqbalance; then
            say "$1" ok "started"
            return 0
        fi
        say "$1" failed "could not be started"
    elif write "$ROOT$2" "$3" && [ "$(value_of "$ROOT$2" 2>/dev/null)" = "$3" ]; then
        say "$1" ok "$2 is $3 again"
        return 0
    else
        say "$1" failed "$2: $3 could not be put back"
    fi
    return 1
}

undo() {
    local lines line step path before at rest=()
    if [ ! -s "$state" ]; then
        echo "nothing to undo: $state holds nothing"
        return
    fi
    mapfile -t lines <"$state"
    # Backwards: what was changed last is put back first.
    for ((at = ${#lines[@]} - 1; at >= 0; at--)); do
        line=${lines[at]}
        IFS=$'\t' read -r step path before <<<"$line"
        put_back "$step" "$path" "$before" || rest=("$line" "${rest[@]}")
    done
    if [ ${#rest[@]} -eq 0 ]; then
        rm -f "$state"
    else
        # At once: a run that is killed here must not leave half of what is still to be put back.
        printf '%s\n' "${rest[@]}" >"$state.new" && mv "$state.new" "$state"
    fi
}

if [ -z "$ROOT" ] && [ "$mode" != dry ] && [ "$(id -u)" != 0 ]; then
    refuse 102 "only the superuser may change the machine; --dry-run shows what would be done"
fi
if [ "$mode" = undo ]; then
    undo
else
    if [ "$mode" = apply ]; then
        if ! { mkdir -p "$(dirname "$state")" && touch "$state"; } 2>/dev/null; then
            refuse 102 "$state cannot be written, and without it nothing can be undone"
        fi
    fi
    apply
fi
[ "$failed" -eq 0 ] || echo "$failed failed" >&2
exit $((failed > 100 ? 100 : failed))
