#!/bin/sh
# Loads the images of this unpacked bundle into a registry. Needs a POSIX shell and one of: curl, skopeo, crane, oras;
# without a registry: ctr on every node; last of all podman, nerdctl or docker, which change the images' digests.
# What the registry has already is not sent again: after a break, run it again.
set -u
here=$PWD
cd "$(dirname "$0")" || exit 2

usage() {
    cat <<'EOF'
./load-images.sh --registry HOST[:PORT][/PREFIX] [options]
./load-images.sh --containerd            into this node's containerd, without a registry: where CONTAINERD_ADDRESS
                                         and CONTAINERD_NAMESPACE say, or into k8s.io, where a kubelet looks

  --registry R     where to; also SENSEI_REGISTRY, or what an earlier call was told (with --plain-http, if it was)
  --ca FILE        certificate of the authority that signed the registry's
  --plain-http     the registry has no TLS
  --user NAME      login; the password is asked for, or taken from REGISTRY_PASSWORD
  --trust FILE     allowed_signers of ssh-keygen: the bundle must be signed by one of these keys
  --tool NAME      curl, skopeo, crane, oras, podman, nerdctl or docker; the first of them that is there
  --skip-sums      do not read every file to compare its checksum (the registry compares images anyway)

Exit status: 0 done, 1 the bundle is not what it should be, 2 wrong use, 3 the registry or a tool failed.
EOF
}

say() { printf '%s\n' "$*"; }
fail() { # EXIT CODE, WHY
    printf 'load-images.sh: %s\n' "$2" >&2
    exit "$1"
}
has() { command -v "$1" >/dev/null 2>&1; }

registry='' ca='' scheme=https user='' trust='' tool='' sums=yes into=registry
while [ $# -gt 0 ]; do
    case $1 in
    --registry | --ca | --user | --trust | --tool)
        case ${2:-} in '' | -*) fail 2 "$1 needs a value" ;; esac
        eval "${1#--}=\$2"
        shift
        ;;
    --plain-http) scheme=http ;;
    --skip-sums) sums=no ;;
    --containerd) into=containerd ;;
    -h | --help) usage && exit 0 ;;
    *) usage >&2 && fail 2 "unknown: $1" ;;
    esac
    shift
done

[ "$into" = registry ] || [ -z "$registry" ] || fail 2 '--registry does not go with --containerd'
[ -n "$registry" ] || registry=${SENSEI_REGISTRY:-}
if [ -z "$registry" ] && [ -r .registry ]; then
    read -r registry told <.registry
    scheme=${told:-$scheme}
fi
case $registry in
*://*) fail 2 "name the registry without https:// or http://: ${registry#*://}" ;;
*[!A-Za-z0-9._:/\[\]-]*) fail 2 "that is no registry: $registry" ;;
*/*[A-Z]*) fail 2 "what follows the registry's name can't have capitals: $registry" ;;
esac
registry=${registry%/}
[ "$into" = containerd ] || [ -n "$registry" ] ||
    { usage >&2 && fail 2 'name the registry: --registry HOST[:PORT][/PREFIX]'; }
for file in images.list SHA256SUMS; do
    [ -s $file ] || fail 1 "$file is missing: unpack the whole bundle, and run this where it was unpacked"
done
# The files that were named lie where this was called.
case $ca in '' | /*) ;; *) ca=$here/$ca ;; esac
case $trust in '' | /*) ;; *) trust=$here/$trust ;; esac
[ -z "$ca" ] || [ -r "$ca" ] || fail 2 "can't read $ca"
[ -z "$trust" ] || [ -r "$trust" ] || fail 2 "can't read $trust"

tools='curl skopeo crane oras podman nerdctl docker'
case " $tools " in *" $tool "*) ;; *) [ -z "$tool" ] || fail 2 "unknown tool: $tool; one of $tools" ;; esac
for name in $tools; do
    [ -n "$tool" ] || ! has "$name" || tool=$name
done
if [ "$into" = registry ]; then
    [ -n "$tool" ] || fail 3 "none of $tools is here; without a registry: --containerd, on every node"
    has "$tool" || fail 3 "$tool is not installed here"
    [ "$tool" != skopeo ] || skopeo copy --help 2>&1 | grep -q -- --preserve-digests ||
        fail 3 'this skopeo may change digests (it has no --preserve-digests): name another tool, curl best'
fi

work=$(mktemp -d) || fail 3 'no directory for temporary files'
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# Is it what it should be?
sha256() { if has sha256sum; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
signature() {
    if [ ! -r SIGNED ] || [ ! -r SIGNED.sig ]; then
        [ -z "$trust" ] || fail 1 'the bundle is not signed'
        say 'not signed'
        return
    fi
    # Which checksums were signed: what SIGNED.sig covers is SIGNED, and that names SHA256SUMS.
    listed=$(sed -n 's/^SHA256SUMS: sha256://p' SIGNED)
    [ "$listed" = "$(sha256 SHA256SUMS | cut -c1-64)" ] || fail 1 'SHA256SUMS is not the one that was signed'
    if ! has ssh-keygen; then
        [ -z "$trust" ] || fail 3 'ssh-keygen is needed to check the signature (package openssh-client)'
        say 'signed; not checked: there is no ssh-keygen'
    elif [ -n "$trust" ]; then
        who=$(ssh-keygen -Y find-principals -f "$trust" -s SIGNED.sig 2>"$work/why" | head -n 1)
        [ -n "$who" ] || fail 1 "no key that $trust names may have signed the bundle: $(tr '\n' ' ' <"$work/why")"
        ssh-keygen -Y verify -f "$trust" -I "$who" -n sensei-bundle -s SIGNED.sig <SIGNED ||
            fail 1 'the signature does not hold'
    else
        ssh-keygen -Y check-novalidate -n sensei-bundle -s SIGNED.sig <SIGNED || fail 1 'the signature does not hold'
        say 'Whose key that is was not checked: compare it with the vendor'"'"'s, or use --trust FILE.'
    fi
}

# A bundle on several volumes has large blobs in segments: all volumes are unpacked into this directory.
joined() { # HEX SIZE
    [ ! -e "blobs/sha256/$1" ] && [ -e "blobs/sha256/$1.seg0001" ] || return 0
    say "joining the segments of blob $1 ..."
    cat "blobs/sha256/$1".seg???? >"blobs/sha256/$1.part" || fail 3 "could not join the segments of blob $1: is the disk full, or read-only?"
    [ "$(wc -c <"blobs/sha256/$1.part" | tr -d ' ')" = "$2" ] || {
        rm -f "blobs/sha256/$1.part"
        fail 1 "a segment of blob $1 is not whole: unpack all volumes into this directory again"
    }
    mv "blobs/sha256/$1.part" "blobs/sha256/$1" && rm -f "blobs/sha256/$1".seg????
}
compare() { # reads lines of SHA256SUMS
    bad=$(sha256 -c - 2>/dev/null | grep -v ': OK$')
    [ -z "$bad" ] || fail 1 "the bundle is damaged, copy it again:
$bad"
}
absent() { # numbers of the volumes that are not here; a blob that was joined is
    while read -r number name; do
        [ -e "$name" ] || [ -e "${name%.seg????}" ] || say "$number"
    done <volumes.list | sort -nu | tr '\n' ' '
}

signature
if [ -e volumes.json ]; then
    grep '  volumes.list$' SHA256SUMS | compare || exit
    gone=$(absent)
    [ -z "$gone" ] || fail 1 "volumes are missing, or not whole: unpack them into this directory too, by number: $gone"
fi
# What is loaded under which name stands in small files: they are compared always.
grep -v '  blobs/' SHA256SUMS | compare || exit
whole() { # that takes its time: after everything that could be wrong at once
    if [ -e volumes.json ]; then
        sed -n 's/^blob //p' images.list | sort -u >"$work/joining"
        while read -r hex size; do joined "$hex" "$size"; done <"$work/joining"
    fi
    [ "$sums" = yes ] || return 0
    say 'comparing checksums ...'
    compare <SHA256SUMS
    say "$(grep -c . SHA256SUMS) files are what they should be"
}

# Where an image goes: its name without the host, behind the registry's prefix.
kinds='$1 == "image" { name[++n] = $2; kind[n] = "image" } $1 == "kind" { kind[n] = $2 }
    $1 == "manifest" { root[n] = $2 } $1 == "about" { about[n] = about[n] " " $2 }
    END { for (i = 1; i <= n; i++) print kind[i], name[i], root[i] about[i] }'
awk "$kinds" images.list >"$work/names"
lacks=''
! grep -q '"since": "[^"]' bundle.json ||
    lacks='; this bundle leaves out what the one before it had: load that first. What other images have, curl alone takes over'
images=$(grep -c . "$work/names") others=$(grep -vc '^image ' "$work/names")

# Container engines take images alone, and everything that they are given for one; they name none by a digest.
engine_alone() {
    sed -n '/^image /{s/@[^ ]*//;p;}' "$work/names" >"$work/alone" && mv "$work/alone" "$work/names"
    images=$((images - others))
    [ "$others" = 0 ] || say "$others charts and artifacts are no images: they need a registry, and curl, skopeo, crane or oras"
}
images_files() { # links in $work/tar, and in $work/files the blobs of images; busybox's tar takes no list of names
    mkdir -p "$work/tar/blobs/sha256"
    awk '$1 == "image" { yes = 1 } $1 == "kind" { yes = 0 } yes && /^(blob|manifest) / { print "blobs/sha256/" $2 }' images.list |
        sort -u | while read -r file; do
        [ ! -e "$file" ] || { ln -s "$PWD/$file" "$work/tar/$file" && say "$file"; }
    done >"$work/files"
}
images_tar() { (cd "$work/tar" && tar -chf - "$@" blobs); }

[ "$into" = registry ] || { whole && . ./load-containerd.sh && exit 0; }

password=${REGISTRY_PASSWORD:-}
if [ -n "$user" ] && [ -z "$password" ]; then
    printf 'Password of %s at %s: ' "$user" "$registry" >&2
    stty -echo 2>/dev/null
    read -r password
    stty echo 2>/dev/null && echo >&2
fi

# curl: a request for what is there, an upload for what is not.
config=$work/curl
(umask 077 && : >"$config")
{
    printf 'silent\nshow-error\n'
    [ -z "$ca" ] || say "cacert = \"$ca\""
    [ -z "$user" ] || say "user = \"$(printf '%s:%s' "$user" "$password" | sed 's/[\\"]/\\&/g')\""
} >>"$config"
host=${registry%%/*}
case $registry in */*) prefix=${registry#*/}/ ;; *) prefix='' ;; esac
token=''

ask() { # METHOD URL, then options of curl; prints the status, headers lie in $work/head, the answer in $work/body
    method=$1 url=$2
    shift 2
    : >"$work/head"
    if [ "$method" = HEAD ]; then set -- --head "$@"; else set -- --request "$method" "$@"; fi
    [ -z "$token" ] || set -- --config "$work/token" "$@"
    curl --config "$config" --dump-header "$work/head" --output "$work/body" --write-out '%{http_code}' "$@" "$url"
}
header() { # NAME: the last value of that header
    tr -d '\r' <"$work/head" | awk -v name="$1:" 'tolower($1) == name { sub(/^[^:]*: */, ""); print }' | tail -n 1
}
login() { # REPOSITORY: a token, where the registry wants one
    token=''
    status=$(ask GET "$scheme://$host/v2/") || unreached $?
    case $status in 401) ;; 400) refused "$1" "$status" ;; *) return 0 ;; esac
    challenge=$(header www-authenticate)
    case $challenge in
    [Bb]earer*)
        realm=$(printf %s "$challenge" | sed -n 's/.*realm="\([^"]*\)".*/\1/p')
        service=$(printf %s "$challenge" | sed -n 's/.*service="\([^"]*\)".*/\1/p')
        status=$(curl --config "$config" --output "$work/body" --write-out '%{http_code}' --get "$realm" \
            --data-urlencode "service=$service" --data-urlencode "scope=repository:$1:pull,push")
        token=$(sed -n 's/.*"\(access_\)\{0,1\}token" *: *"\([^"]*\)".*/\2/p' "$work/body")
        [ -n "$token" ] || fail 3 "$host gave no token (HTTP $status): is the login right?"
        (umask 077 && say "oauth2-bearer = \"$token\"" >"$work/token")
        ;;
    *) [ -n "$user" ] || fail 3 "$host wants a login: --user NAME" ;;
    esac
}
unreached() { # EXIT CODE of curl, whose own words stand above
    case $1 in
    6) why='nobody knows that name here' ;;
    7) why='nothing listens there: compare the port; a firewall may be between' ;;
    35 | 56) why="it may have no TLS: --plain-http${ca:+; or $ca is of another authority than its certificate}" ;;
    60) why="${ca:-the system} does not vouch for its certificate: --ca FILE of the authority that signed it" ;;
    77) why="${ca:-what the system trusts} has no certificate in PEM" ;;
    *) why="curl failed with $1" ;;
    esac
    fail 3 "no answer from $host: $why"
}
upload() { # REPOSITORY HEX SIZE
    blob=sha256:$2
    at=$scheme://$host/v2/$1/blobs
    [ "$(ask HEAD "$at/$blob")" = 200 ] && return 0
    from=$(grep "^$2 " "$work/held" | cut -d' ' -f2)
    [ -z "$from" ] || [ "$(ask POST "$at/uploads/?mount=$blob&from=$from")" != 201 ] || return 0
    status=$(ask POST "$at/uploads/")
    [ "$status" = 202 ] || refused "$1" "$status"
    to=$(header location)
    case $to in /*) to=$scheme://$host$to ;; esac
    case $to in *\?*) to="$to&digest=$blob" ;; *) to="$to?digest=$blob" ;; esac
    status=$(ask PUT "$to" --header 'Content-Type: application/octet-stream' --header 'Expect:' --upload-file "blobs/sha256/$2")
    [ "$status" = 201 ] || refused "$1" "$status"
}
taken_over() { # HEX: from another image that has it there already
    others='$1 == "image" { name = $2 } $1 == "blob" && $2 == hex { print name } $1 == "left" && $2 == hex { print $3 }'
    for other in $(awk -v hex="$1" "$others" images.list); do
        from=$(name=$other && place && say "$repository")
        [ "$(ask POST "$scheme://$host/v2/$repository/blobs/uploads/?mount=sha256:$1&from=$from")" = 201 ] && return 0
    done
    return 1
}
refused() { # REPOSITORY STATUS
    why=$(tr -d '[:cntrl:]' <"$work/body" | cut -c1-300)
    case $2$why in
    400*'to an HTTPS server'*) fail 3 "$host has TLS: leave out --plain-http" ;;
    000*) fail 3 "the connection to $host broke off; run this again, it goes on where it stopped" ;;
    401* | 403*) fail 3 "$host does not let this login write to $1 (HTTP $2) $why" ;;
    405*) fail 3 "$host can only be read (HTTP 405): name a registry that takes uploads" ;;
    5*) fail 3 "$host failed while writing to $1 (HTTP $2); its storage may be full. $why" ;;
    *) fail 3 "$host refused to write to $1 (HTTP $2) $why" ;;
    esac
}
by_curl() {
    : >"$work/held"
    number=0 name='' repository='' manifest='' kind='' kept=''
    while read -r word first second; do
        case $word in
        image)
            named
            number=$((number + 1)) name=$first
            place
            say "[$number/$images] $registry/${repository#"$prefix"}:$version"
            login "$repository"
            ;;
        blob)
            if [ -e "blobs/sha256/$first" ]; then
                upload "$repository" "$first" "$second"
            elif [ "$(ask HEAD "$scheme://$host/v2/$repository/blobs/sha256:$first")" != 200 ]; then
                taken_over "$first" || fail 1 "blob $first is neither here nor at $host: load the bundle before this one first"
            fi
            grep -q "^$first " "$work/held" || say "$first $repository" >>"$work/held"
            ;;
        manifest | about)
            store "blobs/sha256/$first" "$second" "sha256:$first"
            if [ "$word" = about ]; then kept=$(header oci-subject); else manifest=$first kind=$second; fi
            ;;
        listed) [ -n "$kept" ] || list "$first" ;;
        esac
    done <images.list
    named
}
store() { # FILE MEDIATYPE REFERENCE: a manifest
    status=$(ask PUT "$scheme://$host/v2/$repository/manifests/$3" --header "Content-Type: $2" --data-binary "@$1")
    [ "$status" = 201 ] || refused "$repository" "$status"
}
list() { # HEX: where a registry keeps no list of what is about an image, clients keep one under a tag
    index=application/vnd.oci.image.index.v1+json
    if [ "$(ask GET "$scheme://$host/v2/$repository/manifests/sha256-$1" --header "Accept: $index")" = 200 ]; then
        for digest in $(tr , '\n' <"referrers/$1.json" | sed -n 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/p'); do
            grep -q "$digest" "$work/body" || say "  $digest is there; the list sha256-$1 has others, and was left as it is"
        done
    else
        store "referrers/$1.json" "$index" "sha256-$1"
    fi
}
named() { # the image's name comes last: whoever finds it finds all of it
    [ -z "$manifest" ] || case $version in sha256:*) ;; *) store "blobs/sha256/$manifest" "$kind" "$version" ;; esac
    manifest=''
}
place() { # name -> repository and version
    rest=${name%%@*} version=''
    [ "$rest" = "$name" ] || version=${name#*@}
    case ${rest%%/*} in *.* | *:* | localhost) [ "$rest" = "${rest#*/}" ] || rest=${rest#*/} ;; esac
    case $rest in *:*) version=${version:-${rest##*:}} rest=${rest%:*} ;; esac
    repository=$prefix$rest version=${version:-latest}
}

# The others read the same directory.
by_tool() { # FUNCTION
    logins
    number=0
    while read -r _ name root abouts; do
        number=$((number + 1))
        place
        to=$host/$repository:$version
        case $version in sha256:*) to=$host/$repository@$version ;; esac
        say "[$number/$images] $to"
        "$1" "$name" "$to" "$root" "$abouts" </dev/null || fail 3 "$tool could not load $name$lacks"
    done <"$work/names"
}
logins() { # what is on a command line is seen by all of this machine: a login lies in a file, a certificate where they look for it
    mkdir -p "$work/ca/$host"
    [ -z "$ca" ] || cp "$ca" "$work/ca/$host/ca.crt"
    [ -n "$user" ] || return 0
    auth=$(printf %s "$user:$password" | base64 | tr -d '\n')
    (umask 077 && say "{\"auths\": {\"$host\": {\"auth\": \"$auth\"}}}" >"$work/config.json")
    export DOCKER_CONFIG="$work" REGISTRY_AUTH_FILE="$work/config.json"
}
with_skopeo() {
    # It remembers what it pushed before, also layers that an engine packed anew, and would take those instead.
    set -- copy --all --preserve-digests "oci:.:$1" "docker://$2"
    [ "$scheme" = https ] || set -- "$@" --dest-tls-verify=false
    [ -z "$ca" ] || set -- "$@" --dest-cert-dir "$work/ca/$host"
    skopeo "$@"
}
with_oras() {
    set -- cp --recursive --from-oci-layout ".@sha256:$3" "$2"
    [ "$scheme" = https ] || set -- "$@" --to-plain-http
    [ -z "$ca" ] || set -- "$@" --to-ca-file "$ca"
    oras "$@"
}
with_crane() { # what is about an image, once that is there; its name comes last
    [ -z "$4" ] || for hex in $3 $4; do crane_push "$hex" "$host/$repository@sha256:$hex" || return; done
    crane_push "$3" "$2"
}
crane_push() { # HEX TO: it takes layouts with one root, so each has one of its own, with the same blobs
    mkdir -p "$work/one" && cp oci-layout "$work/one" && ln -sfn "$PWD/blobs" "$work/one/blobs"
    kind=$(awk -v hex="$1" '/^(manifest|about) / && $2 == hex { print $3; exit }' images.list)
    one="\"mediaType\": \"$kind\", \"digest\": \"sha256:$1\", \"size\": $(wc -c <"blobs/sha256/$1")"
    say "{\"schemaVersion\": 2, \"manifests\": [{$one}]}" >"$work/one/index.json"
    set -- push "$work/one" "$2"
    [ "$scheme" = https ] || set -- "$@" --insecure
    SSL_CERT_FILE=${ca:-${SSL_CERT_FILE:-}} crane "$@"
}
with_engine() {
    "$tool" tag "$1" "$2" || return
    set -- push "$2"
    case $tool$scheme in
    podmanhttp) set -- "$@" --tls-verify=false ;;
    nerdctlhttp) set -- "$@" --insecure-registry ;;
    podmanhttps) [ -z "$ca" ] || set -- "$@" --cert-dir "$work/ca/$host" ;;
    nerdctlhttps) [ -z "$ca" ] || set -- "$@" --hosts-dir "$work/ca" ;;
    esac
    "$tool" "$@"
}

if [ "$tool" = curl ]; then
    read -r _ name _ <"$work/names"
    place
    login "$repository"
fi
whole
case $tool in
curl) by_curl ;;
skopeo | crane | oras) by_tool "with_$tool" ;;
podman | nerdctl | docker)
    say "WARNING: $tool changes the digests of images: values that name a digest, and signatures, will not fit."
    say 'WARNING: curl, skopeo, crane or oras would not; install one of them if you can.'
    case $tool$scheme$ca in
    dockerhttp | dockerhttp/* | dockerhttps/*)
        say "Docker's engine knows $host by its own settings alone: /etc/docker/certs.d/$host/ca.crt, or insecure-registries"
        ;;
    esac
    unnamed=$(awk '$1 == "image" && $2 ~ /@/ && $2 !~ /:[^\/]*@/ { print $2 }' "$work/names")
    [ -z "$unnamed" ] || fail 3 "$tool can't have images that are named by their digest alone: $unnamed"
    engine_alone
    images_files && cp manifest.json "$work/tar"
    images_tar manifest.json | "$tool" load || fail 3 "$tool could not read the images$lacks"
    by_tool with_engine
    ;;
esac
about=$(grep -c '^about ' images.list)
case $tool in curl | crane | oras) about=0 ;; esac
[ "$about" = 0 ] || say "$about signatures and SBOMs stay behind: $tool takes none along; curl, crane and oras do"
# On a medium that can only be read it is named again.
{ printf '%s\n' "$registry $scheme" >.registry; } 2>/dev/null
say "$images images are in $registry. Set global.imageRegistry to it in the values."
