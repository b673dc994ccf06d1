// One small shell process per Node process, in a session of its own. It reads what to guard from its
// standard input; when that ends — because this process ended, by whatever means, SIGKILL included — it
// ends every guarded process group and removes the temporary folders. A plain `sh`, so that it needs
// neither Node nor memory, and survives everything that kills its parent's process group. (dash, Debian's
// sh, knows no `kill -- -pid`.)
import { spawn, type ChildProcess } from 'node:child_process'

const SCRIPT = `
trap '' INT TERM HUP QUIT
pids=' '
dirs=''
while IFS=' ' read -r verb what how; do
  case $verb in
    add) pids="$pids$what:$how " ;;
    del) pids=$(printf '%s' "$pids" | sed "s/ $what:[A-Z]* / /") ;;
    tmp) dirs="$dirs$what
" ;;
  esac
done
[ "$pids$dirs" = ' ' ] && exit 0
for entry in $pids; do kill -CONT "-\${entry%%:*}"; kill -"\${entry##*:}" "-\${entry%%:*}"; done 2>/dev/null
tries=0
while [ $tries -lt 10 ]; do
  alive=
  for entry in $pids; do kill -0 "-\${entry%%:*}" && alive=1; done 2>/dev/null
  [ -z "$alive" ] && break
  tries=$((tries + 1))
  sleep 0.1
done
for entry in $pids; do kill -KILL "-\${entry%%:*}"; done 2>/dev/null
printf '%s' "$dirs" | while IFS= read -r dir; do rm -rf -- "$dir" || { sleep 0.3; rm -rf -- "$dir"; }; done
`

let guardian: ChildProcess | undefined

function tell(line: string): void {
  if (guardian === undefined || guardian.exitCode !== null || guardian.signalCode !== null) {
    guardian = spawn('/bin/sh', ['-c', SCRIPT], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    guardian.on('error', () => undefined)
    guardian.stdin?.on('error', () => undefined)
    // Neither the guardian nor its pipe may keep this process alive.
    guardian.unref()
    ;(guardian.stdin as unknown as { unref?: () => void }).unref?.()
  }
  guardian.stdin?.write(`${line}\n`)
}

/** How a guarded process group is asked to end; it is killed a second later in any case. */
export type LastSignal = 'TERM' | 'QUIT' | 'INT' | 'KILL'

/** Ends the process group `pgid` when this process is gone. */
export function guard(pgid: number, lastSignal: LastSignal): void {
  tell(`add ${pgid} ${lastSignal}`)
}

/** The process group has ended: its number may soon belong to somebody else. */
export function unguard(pgid: number): void {
  tell(`del ${pgid}`)
}

/** Removes the folder when this process is gone. The path must not contain a line break. */
export function guardFolder(folder: string): void {
  tell(`tmp ${folder}`)
}
