/**
 * A named instant in the code. Tests make a process die or pause exactly there; anywhere else the
 * call does nothing. It may return a promise that settles when the test says so: await it.
 */
export type Probe = (name: string, detail?: unknown) => void | Promise<void>

/** The probe that does nothing. */
export const noProbe: Probe = () => undefined

interface Order {
  readonly payflowProbe: string
  readonly id: number
  readonly probe: string
  readonly action: 'kill' | 'stop' | 'report'
  readonly skip?: number
  /** Passes with another detail do not count. */
  readonly only?: unknown
}

interface Armed {
  readonly action: Order['action']
  readonly only: unknown
  skip: number
  hits: number
}

/**
 * The probe of this process. It obeys its parent process, over Node's IPC channel, and only where
 * that cannot hurt: outside production, asked for by `PAYFLOW_PROBES=1`, with a parent that opened
 * a channel. Everywhere else it is {@link noProbe}.
 *
 * The messages are those that the test kit documents: `arm`, `disarm` and `go` come in, `armed` and
 * `reached` go out.
 */
export function processProbe(environment: NodeJS.ProcessEnv = process.env): Probe {
  const { NODE_ENV, PAYFLOW_PROBES } = environment
  const harmless = NODE_ENV === 'test' || NODE_ENV === 'development'
  if (!harmless || PAYFLOW_PROBES !== '1' || process.send === undefined) return noProbe
  const armed = new Map<string, Armed>()
  const stopped = new Map<string, (() => void)[]>()
  process.on('message', (message) => {
    if (isOrder(message)) obey(message, armed, stopped)
  })
  return (name, detail) => pass(name, detail, armed, stopped)
}

function isOrder(message: unknown): message is Order {
  return typeof message === 'object' && message !== null && 'payflowProbe' in message
}

function obey(
  { payflowProbe, id, probe, action, skip = 0, only }: Order,
  armed: Map<string, Armed>,
  stopped: Map<string, (() => void)[]>,
): void {
  if (payflowProbe === 'go') {
    for (const goOn of stopped.get(probe)?.splice(0) ?? []) goOn()
    return
  }
  if (payflowProbe === 'arm') armed.set(probe, { action, skip, only, hits: 0 })
  else armed.delete(probe)
  process.send?.({ payflowProbe: 'armed', id })
}

function pass(
  name: string,
  detail: unknown,
  armed: Map<string, Armed>,
  stopped: Map<string, (() => void)[]>,
): void | Promise<void> {
  const found = armed.get(name)
  if (!found) return
  if (found.only !== undefined && found.only !== detail) return
  found.hits += 1
  if (found.hits <= found.skip) return
  const { action, hits: hit } = found
  // SIGKILL for oneself never returns: no handler runs after it, nothing is flushed.
  if (action === 'kill') process.kill(process.pid, 'SIGKILL')
  if (action === 'stop') armed.delete(name)
  process.send?.({ payflowProbe: 'reached', probe: name, action, hit, detail: plain(detail) })
  if (action !== 'stop') return
  return new Promise((resolve) => {
    stopped.set(name, [...(stopped.get(name) ?? []), resolve])
  })
}

/** The channel carries JSON; a bigint in a detail must not make the probe throw. */
function plain(detail: unknown): unknown {
  if (detail === undefined) return undefined
  const text = JSON.stringify(detail, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}
