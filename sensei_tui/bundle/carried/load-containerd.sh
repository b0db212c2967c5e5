# shellcheck shell=sh disable=SC2154
# The part of load-images.sh that puts images into this node's containerd. Who answers there, in which namespace, and
# whether there is room, is looked at before anything is sent.

keeps() { # TYPE ID: the directory of that part of containerd, as it says; or the root of its settings, or the usual one
    part='/^Type:/ { type = $2 } /^ID:/ { id = $2 } type == t && id == i && $1 == "root" { sub(/^ *root +/, ""); sub(/ +$/, ""); print }'
    own=$(ctr plugins ls -d 2>/dev/null | awk -v t="io.containerd.$1" -v i="$2" "$part")
    set -- "$own" "${own%/*}"
    [ -n "$own${CONTAINERD_ADDRESS:-}" ] ||
        set -- "$(containerd config dump 2>/dev/null | sed -n "s/^root *= *[\"']\(.*\)[\"'].*/\1/p")" /var/lib/containerd
    for at; do [ ! -d "$at" ] || { say "$at" && return; }; done
}
unpacked() { # FILE BYTES: at least so many become of it; the last four bytes of what gzip packed tell them, modulo 2^32
    case $(dd if="$1" bs=2 count=1 2>/dev/null | od -An -tx1) in
    *1f*8b*) tail -c 4 "$1" | od -An -tu1 ;;
    *) say 0 0 0 0 ;;
    esac | awk -v size="$2" '{ n = $1 + 256 * ($2 + 256 * ($3 + 256 * $4)); while (n < size * 0.999 - 1024) n += 4294967296
        printf "%.0f", (n > size * 32 + 65536) ? size : n }'
}
enough() { # DIRECTORY BYTES, AND OF WHAT
    free=$(($(df -Pk "$1" | awk 'NR == 2 { print $4 }') * 1024))
    [ "$free" -ge "$2" ] || fail 3 "not enough room in $1, where containerd keeps images: $2 bytes are needed, $3, and $free are free.
Make room: images that nothing uses can go (crictl rmi --prune)."
}
room() { # for what containerd lacks; what it has it takes once more, one after the other, before it sees that
    content=$(keeps content.v1 content) snapshots=$(keeps snapshotter.v1 "${CONTAINERD_SNAPSHOTTER:-overlayfs}") packed=0 plain=0 again=0
    [ -n "$content" ] || { say 'Whether there is room was not looked at: containerd does not tell where it keeps images.' && return; }
    ctr -n "$namespace" content ls -q >"$work/there"
    while read -r file; do
        size=$(wc -c <"$file" | tr -d ' ')
        if grep -q "${file##*/}" "$work/there"; then
            [ "$size" -le "$again" ] || again=$size
        else
            packed=$((packed + size)) plain=$((plain + $(unpacked "$file" "$size")))
        fi
    done <"$work/files"
    [ "$packed" -ge "$again" ] || packed=$again
    # Of several platforms a node unpacks its own alone.
    [ "$(sed -n '/"platforms"/,/]/p' bundle.json | grep -c /)" = 1 ] || plain=0
    if [ "$(df -P "$content" | tail -n 1)" = "$(df -P "${snapshots:-$content}" | tail -n 1)" ]; then
        enough "$content" $((packed + plain)) 'packed and unpacked'
    else
        enough "$content" "$packed" packed && enough "$snapshots" "$plain" unpacked
    fi
}

has ctr || fail 3 'ctr is not here: run this on a node with containerd'
namespace=${CONTAINERD_NAMESPACE:-k8s.io} others_are='K3s and RKE2: CONTAINERD_ADDRESS=/run/k3s/containerd/containerd.sock'
ctr version >/dev/null 2>"$work/said" || fail 3 "containerd does not answer at ${CONTAINERD_ADDRESS:-/run/containerd/containerd.sock}:
$(tail -n 1 "$work/said")
Is it running, and may this user use its socket (root)? $others_are"
if ! ctr namespaces ls -q | grep -qx "$namespace"; then
    [ "$namespace" = k8s.io ] || fail 3 "containerd has no namespace $namespace (CONTAINERD_NAMESPACE): a kubelet looks into k8s.io"
    say "No kubelet has used this containerd yet: it has no namespace k8s.io. $others_are"
fi
engine_alone
say "$images images into this node's containerd, namespace $namespace; do it on every node"
images_files && cp oci-layout "$work/tar" && cp images.json "$work/tar/index.json"
room
# From 2.0 on only this way takes another snapshotter than that of containerd's settings.
set --
[ -z "${CONTAINERD_SNAPSHOTTER:-}" ] || ! ctr images import --help | grep -q -e --local || set -- --local
images_tar oci-layout index.json | ctr -n "$namespace" images import "$@" - || fail 3 "ctr could not import them$lacks"
