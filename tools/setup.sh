# shellcheck shell=bash
# Installs what a fresh Debian 12 lacks. Each step looks before it fetches, so a second run is instant and needs no network.

cache=${VSERD_CACHE:-${HOME:-/tmp}/.cache/vserd}
build_list=tools/packages-build.txt
package_list=tools/packages-package.txt
test_lists=("$build_list" "$package_list" tools/packages-test.txt tests/kmod/packages.txt)
buf_version=1.50.0
buf=$cache/buf-$buf_version/node_modules/.bin/buf
# Without a sync after each of the thousands of header files; should the machine crash meanwhile, apt installs them again.
apt_options=(-y -q --no-install-recommends -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io)

# missing_packages LIST: those of a list that are not installed, one a line.
missing_packages() {
    [ -f "$1" ] || return 0
    local wanted
    wanted=$(sed 's/#.*//' "$1" | tr -s ' \t' '\n' | grep . | sort -u) || return 0
    # shellcheck disable=SC2086
    comm -23 <(printf '%s\n' "$wanted") \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | awk '$1 == "installed" {print $2}' | sort -u)
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo --preserve-env=DEBIAN_FRONTEND "$@"; fi
}

apt_install() { DEBIAN_FRONTEND=noninteractive as_root apt-get install "${apt_options[@]}" "$@"; }

# apt_update: once a run.
apt_updated=''
apt_update() {
    [ -z "$apt_updated" ] || return 0
    step 'setup: package lists' as_root apt-get update -q || warn 'apt-get update failed; the package lists may be old'
    apt_updated=1
}

# require_root PACKAGE...: dies where packages can't be installed.
require_root() {
    command -v apt-get >/dev/null || die "this is not Debian; install these packages by other means: $*"
    [ "$(id -u)" = 0 ] && return 0
    command -v sudo >/dev/null || die "not root, and there is no sudo; as root, run: apt-get install $*"
    sudo -v
}

# setup_packages LIST...: the first list is required. Without one of the others, the tests that need it are skipped.
setup_packages() {
    local list missing
    for list in "$@"; do
        missing=$(missing_packages "$list" | tr '\n' ' ')
        [ -n "$missing" ] || continue
        # shellcheck disable=SC2086
        require_root $missing
        apt_update
        say "setup: installing from $list: $missing"
        # shellcheck disable=SC2086
        if step "setup: packages of $list" apt_install $missing; then continue; fi
        [ "$list" = "$1" ] && die "these packages are required and could not be installed: $missing"
        warn "these packages could not be installed; tests that need them will be skipped: $missing"
    done
}

find_go() {
    local go
    for go in "$(command -v go)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
        if [ -x "$go" ]; then
            say "$go"
            return 0
        fi
    done
    return 1
}

# grpcurl_path: the grpcurl to use, ours or the system's; fails if there is none.
grpcurl_path() {
    if [ -x "$cache/bin/grpcurl" ]; then say "$cache/bin/grpcurl"; else command -v grpcurl; fi
}

build_grpcurl() {
    local go=$1 minor version=v1.9.3
    minor=$("$go" env GOVERSION | sed -E 's/^go1\.([0-9]+).*/\1/')
    if [ "$minor" -lt 21 ]; then version=v1.9.1; fi # needs Go 1.19, which is Debian 12's
    GOTOOLCHAIN=local GOFLAGS=-trimpath GOBIN=$cache/bin \
        "$go" install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$version"
}

install_buf() { npm install --prefix "$cache/buf-$buf_version" --no-fund --no-audit --loglevel=error "@bufbuild/buf@$buf_version"; }

# once NAME COMMAND...: an optional tool. A failure is remembered, and only an explicit `./dev setup` tries again.
once() {
    local name=$1 mark="$cache/$1.failed"
    shift
    if [ -e "$mark" ] && [ -z "${setup_again:-}" ]; then return 1; fi
    mkdir -p "$cache"
    if step "setup: $name" "$@"; then
        rm -f "$mark"
    else
        touch "$mark"
        return 1
    fi
}

setup_grpcurl() {
    local go
    grpcurl_path >/dev/null && return 0
    if ! go=$(find_go); then
        warn 'there is no grpcurl, and no Go to build it: run "apt-get install golang-go", then ./dev setup;' \
            'or install a release of github.com/fullstorydev/grpcurl'
    elif ! once grpcurl build_grpcurl "$go"; then
        warn 'grpcurl could not be built (was the Go module proxy reached?); ./dev setup tries again'
    fi
}

setup_buf() {
    [ -x "$buf" ] && return 0
    if ! command -v npm >/dev/null; then
        warn 'no npm: protos are checked without buf ("apt-get install npm", then ./dev setup, brings it)'
    elif ! once buf install_buf; then
        warn 'buf could not be installed (was the npm registry reached?); ./dev setup tries again'
    fi
}

# PyPI's current gRPC and the checkers of Python, beside Debian's. A changed list is another folder.
python_venv=$cache/python-$(cksum <tests/client/requirements.txt | cut -d' ' -f1)

make_python_venv() {
    rm -rf "$python_venv.new"
    /usr/bin/python3 -m venv "$python_venv.new" &&
        "$python_venv.new/bin/python" -m pip install -q --disable-pip-version-check -r tests/client/requirements.txt &&
        rm -rf "$python_venv" && mv "$python_venv.new" "$python_venv"
}

setup_python_venv() {
    [ -x "$python_venv/bin/python" ] && return 0
    once python-venv make_python_venv ||
        warn 'no packages of PyPI (was it reached?): the Python client is tested with those of Debian only; ./dev setup tries again'
}

# pyserial's own tests, which only its source archive has.
pyserial="pyserial-3.5"

fetch_pyserial() {
    rm -rf "$cache/pyserial.new"
    "$python_venv/bin/python" -m pip download -q --disable-pip-version-check --no-deps --no-binary :all: \
        -d "$cache/pyserial.new" "${pyserial/-/==}" &&
        tar -xzf "$cache/pyserial.new/$pyserial.tar.gz" -C "$cache/pyserial.new" &&
        rm -rf "${cache:?}/$pyserial" && mv "$cache/pyserial.new/$pyserial" "$cache/$pyserial" && rm -rf "$cache/pyserial.new"
}

setup_pyserial() {
    [ -d "$cache/$pyserial/test" ] && return 0
    once pyserial fetch_pyserial ||
        warn "no source archive of pyserial (was PyPI reached?): its suite is not run over RFC 2217; ./dev setup tries again"
}

# unpack FOLDER PACKAGE...: Debian's packages, unpacked beside the other tools: installed, they would start services here.
unpack() {
    local folder=$cache/$1
    shift
    rm -rf "$folder.new"
    mkdir -p "$folder.new/debs"
    (cd "$folder.new/debs" && apt-get download -q -o APT::Sandbox::User=root "$@") || return 1
    local deb
    for deb in "$folder.new"/debs/*.deb; do dpkg-deb -x "$deb" "$folder.new" || return 1; done
    rm -rf "$folder.new/debs" "$folder" && mv "$folder.new" "$folder"
}

setup_prometheus() {
    [ -x "$cache/prometheus/usr/bin/promtool" ] && return 0
    once prometheus unpack prometheus prometheus ||
        warn "no Prometheus (were Debian's packages reached?): its rules are not tested; ./dev setup tries again"
}

setup_etcd() {
    [ -x "$cache/etcd/usr/bin/etcdctl" ] && return 0
    once etcd unpack etcd etcd-server etcd-client ||
        warn "no etcd (were Debian's packages reached?): the fleet is not tested; ./dev setup tries again"
}

# The example files of the servers whose configuration vserd imports.
setup_import_examples() {
    [ -d "$cache/import-examples/etc" ] && return 0
    once import-examples unpack import-examples ser2net conserver-server ||
        warn "no examples of ser2net and conserver (were Debian's packages reached?): their import is not tested; ./dev setup tries again"
}

# make_root ARCHIVE [PACKAGE...]: a Debian of the mirror that apt uses here, as an archive.
make_root() {
    local archive=$1 mirror
    shift
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 'Created-By: Packages' |
        awk '$2 == "bookworm" {print $1; exit}')
    [ -n "$mirror" ] && mmdebstrap --format=tar --variant=minbase ${1:+"--include=$(printf '%s\n' "$@" | paste -sd,)"} \
        bookworm "$archive.new" "$mirror" && mv "$archive.new" "$archive"
}

# A clean Debian in which the packages are tried. A changed list is another one.
clean_root=$cache/root-$(cksum <tests/deploy/root-packages.txt | cut -d' ' -f1).tar

make_clean_root() {
    # shellcheck disable=SC2046
    make_root "$clean_root" $(sed 's/#.*//' tests/deploy/root-packages.txt)
}

setup_clean_root() {
    [ -f "$clean_root" ] && return 0
    once clean-root make_clean_root ||
        warn "no clean root (root's rights and Debian's packages are needed): packages are not installed in one; ./dev setup tries again"
}

# A Debian with nothing but apt: what a newcomer's machine has at least.
bare_root=$cache/root-bare.tar

setup_bare_root() {
    [ -f "$bare_root" ] || once bare-root make_root "$bare_root"
}

# Everything that any verb needs.
setup() {
    setup_packages "${test_lists[@]}"
    setup_node
    setup_grpcurl
    setup_buf
    setup_web_modules
    setup_python_venv
    setup_pyserial
    setup_prometheus
    setup_etcd
    setup_import_examples
    setup_clean_root
}
