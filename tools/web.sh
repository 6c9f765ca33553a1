# shellcheck shell=bash disable=SC2154 # setup.sh sets $cache
# The page of clients/web: its packages of npm, and the build whose result is committed in clients/web/dist.

# Exactly the packages of the lock file. A changed lock file is another folder.
web_modules=$cache/web-$(cksum <clients/web/package-lock.json | cut -d' ' -f1)

make_web_modules() {
    rm -rf "$web_modules.new"
    mkdir -p "$web_modules.new"
    cp clients/web/package.json clients/web/package-lock.json "$web_modules.new"
    npm ci --prefix "$web_modules.new" --no-fund --no-audit --loglevel=error && rm -rf "$web_modules" && mv "$web_modules.new" "$web_modules"
}

setup_node() {
    command -v npm >/dev/null && return 0
    require_root nodejs npm
    apt_update
    # shellcheck disable=SC2046
    step 'setup: packages of tools/packages-node.txt' apt_install $(missing_packages tools/packages-node.txt) ||
        warn 'Node.js could not be installed: the page is not rebuilt by the tests, and protos are checked without buf'
}

setup_web_modules() {
    [ -d "$web_modules/node_modules" ] && return 0
    command -v npm >/dev/null || return 0 # setup_node has said so
    once web-modules make_web_modules ||
        warn 'no packages of npm (was the registry reached?): the page is not rebuilt by the tests; ./dev setup tries again'
}

# build_page FOLDER: FOLDER is clients/web of this tree or of a copy.
build_page() {
    (
        cd "$1" || return 1
        rm -rf node_modules
        ln -s "$web_modules/node_modules" node_modules
        npm run --silent generate && npm run --silent check && npm run --silent test && npm run --silent build
    )
}

# Compressed, as the server sends it.
page_size() { find clients/web/dist -type f ! -name '*.txt' -exec gzip -9c {} \; | wc -c; }

web() {
    setup
    [ -d "$web_modules/node_modules" ] || die 'the packages of npm are not here; see above'
    step 'web: types, unit tests, page' build_page clients/web || return 1
    say "clients/web/dist: $(page_size) bytes compressed, of 250000"
}
