#!/bin/sh
# Runs a command with the Node and pnpm that PayFlow is developed with, bringing them from npm when
# this machine's own are older, and with dependencies installed.
#
#   sh scripts/env.sh scripts/start.ts [arguments]    a script of ours
#   sh scripts/env.sh pnpm exec oxfmt                 any other command
#
# Every step execs into the next, so that a signal reaches the program and not a shell around it.
set -eu
cd "$(dirname "$0")/.."

say() { printf '  %s\n' "$*" >&2; }

# Type stripping without a flag needs 22.18; pnpm 12 is what wrote the lockfile.
node_is_new() {
  command -v node >/dev/null 2>&1 &&
    node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 18) ? 0 : 1)'
}
pnpm_is_right() {
  case "$(pnpm --version 2>/dev/null || true)" in 12.*) return 0 ;; *) return 1 ;; esac
}

bring_tools() {
  tools=.tools/node_modules
  if [ ! -e "$tools/.complete" ] || [ .tools/package.json -nt "$tools/.complete" ]; then
    say "getting Node 24 and pnpm from npm (once, into .tools) …"
    npm install --prefix .tools --no-package-lock --no-audit --no-fund --loglevel=error >&2
    : > "$tools/.complete"
  fi
  bin=$(ls -d "$PWD/$tools"/node-*/bin 2>/dev/null | head -n 1 || true)
  PATH="${bin:+$bin:}$PWD/$tools/.bin:$PATH"
  export PATH
  if ! node_is_new; then
    say "npm carries no Node 24 for this system ($(uname -s) $(uname -m))."
    say "Install Node 24 (https://nodejs.org, or: fnm install 24) and run the command again."
    exit 1
  fi
}

install_dependencies() {
  stamp=node_modules/.payflow-installed
  if [ -e "$stamp" ] && [ ! pnpm-lock.yaml -nt "$stamp" ]; then return; fi
  say "installing dependencies …"
  if ! output=$(pnpm install --frozen-lockfile --reporter=append-only 2>&1 </dev/null); then
    printf '%s\n' "$output" >&2
    exit 1
  fi
  : > "$stamp"
}

if ! { node_is_new && pnpm_is_right; }; then bring_tools; fi
install_dependencies

case "$1" in
  *.ts) exec node --conditions=@payflow/source --disable-warning=ExperimentalWarning "$@" ;;
  *) exec "$@" ;;
esac
