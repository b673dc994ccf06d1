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

# Runs a step that prints a lot or nothing for a long time: shows a dot every two seconds, and the
# output only when it fails. The step runs beside us, so that a signal ends both; nothing goes on
# behind a Ctrl-C.
quietly() {
  printf '  %s ' "$1" >&2
  shift
  output=$(mktemp)
  "$@" >"$output" 2>&1 </dev/null &
  step=$!
  while sleep 2 && kill -0 "$$" 2>/dev/null; do
    passed="${passed-}."
    printf '.'
    # Twenty seconds: time to say what it is at (a registry that does not answer, say).
    case "$passed" in ..........) printf '\n    %s\n  ' "$(tail -n 3 "$output" | tr '\n' ' ')" && passed= ;; esac
  done >&2 &
  dots=$!
  trap 'interrupted 130' INT
  trap 'interrupted 143' TERM
  trap 'interrupted 129' HUP
  status=0
  wait "$step" || status=$?
  trap - INT TERM HUP
  kill "$dots" 2>/dev/null || true
  printf '\n' >&2
  [ "$status" -eq 0 ] || cat "$output" >&2
  rm -f "$output"
  return "$status"
}
interrupted() {
  trap '' INT TERM HUP
  kill "$step" "$dots" 2>/dev/null || true
  wait "$step" 2>/dev/null || true
  rm -f "$output"
  printf '\n' >&2
  say "stopped; the next run takes up what is missing"
  exit "$1"
}

unreachable() {
  printf '\n' >&2
  say "$1 did not succeed; the reason is above. It needs npm's registry, this once:"
  say "check the network (and npm config get registry, proxy, cafile), then run the command again."
  exit 1
}

bring_tools() {
  tools=.tools/node_modules
  if [ ! -e "$tools/.complete" ] || [ .tools/package.json -nt "$tools/.complete" ]; then
    quietly "getting Node 24 and pnpm from npm (once, into .tools)" \
      npm install --prefix .tools --no-package-lock --no-audit --no-fund --loglevel=error \
        --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 ||
      unreachable "Getting Node 24 and pnpm"
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
  quietly "installing dependencies" pnpm install --frozen-lockfile --reporter=append-only \
    --config.fetch-retry-mintimeout=1000 --config.fetch-retry-maxtimeout=5000 ||
    unreachable "Installing the dependencies"
  : > "$stamp"
}

if ! { node_is_new && pnpm_is_right; }; then bring_tools; fi
install_dependencies

# Node keeps what it has compiled: seven processes start together, and often.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE-$PWD/node_modules/.cache/node}
export NODE_COMPILE_CACHE

# What .env names holds unless the environment names it as well.
settings=
if [ -f .env ]; then settings=--env-file=.env; fi

case "$1" in
  *.ts) exec node $settings --conditions=@payflow/source --disable-warning=ExperimentalWarning "$@" ;;
  *) exec "$@" ;;
esac
