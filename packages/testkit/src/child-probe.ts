/**
 * The child's side of crash tests. It depends on nothing, so that a service can follow the same protocol
 * without depending on testkit.
 *
 * Protocol, over the IPC channel of `child_process` (JSON objects with `payflowProbe`; all else is the test's
 * own conversation):
 *
 *   parent → child   { payflowProbe: 'arm', id, probe, action: 'kill'|'stop'|'report', skip, only? }
 *   child → parent   { payflowProbe: 'armed', id }                          the answer to 'arm'
 *   child → parent   { payflowProbe: 'reached', probe, action, hit, detail }  an armed probe was passed
 *   parent → child   { payflowProbe: 'go', probe }                          continue after 'stop'
 *   parent → child   { payflowProbe: 'disarm', id, probe }                  answered by 'armed' as well
 *
 * `skip` passes go by before the action happens, once: 'kill' and 'stop' disarm themselves, 'report' stays
 * until disarmed. A later 'arm' for the same probe replaces the earlier one. `hit` counts passes from 1.
 * With `only`, passes with another detail do not count.
 */

/**
 * Called by production code at a named point. Does nothing unless a test armed that point; may return a
 * promise that settles when the test says so, hence callers await it.
 */
export type Probe = (name: string, detail?: unknown) => void | Promise<void>

/** What happens when an armed point is reached. */
export type ProbeAction = 'kill' | 'stop' | 'report'

interface Armed {
  readonly action: ProbeAction
  readonly only: unknown
  skip: number
  hits: number
}

interface State {
  readonly armed: Map<string, Armed>
  readonly stopped: Map<string, (() => void)[]>
  readonly probe: Probe
}

const slot = Symbol.for('@payflow/testkit.child-probe')

/** The probe of this process; the same one on every call. A no-op in a process without an IPC channel. */
export function childProbe(): Probe {
  const holder = globalThis as { [slot]?: State }
  holder[slot] ??= listen()
  return holder[slot].probe
}

function listen(): State {
  const armed = new Map<string, Armed>()
  const stopped = new Map<string, (() => void)[]>()
  const state: State = { armed, stopped, probe: (name, detail) => pass(state, name, detail) }
  if (process.send === undefined) return state
  const programListens = process.listenerCount('message') > 0
  process.on('message', (message) => receive(state, message))
  // The probe alone does not keep a program alive that has nothing more to do; its own listener does.
  if (!programListens) process.channel?.unref()
  process.on('newListener', (event) => {
    if (event === 'message') process.channel?.ref()
  })
  return state
}

function receive(state: State, message: unknown): void {
  if (typeof message !== 'object' || message === null || !('payflowProbe' in message)) return
  const order = message as {
    payflowProbe: string
    id?: number
    probe: string
    action: ProbeAction
    skip?: number
    only?: unknown
  }
  if (order.payflowProbe === 'arm') {
    const { action, skip = 0, only } = order
    state.armed.set(order.probe, { action, skip, only, hits: 0 })
    process.send?.({ payflowProbe: 'armed', id: order.id })
  } else if (order.payflowProbe === 'disarm') {
    state.armed.delete(order.probe)
    process.send?.({ payflowProbe: 'armed', id: order.id })
  } else if (order.payflowProbe === 'go') {
    for (const go of state.stopped.get(order.probe)?.splice(0) ?? []) go()
  }
}

function pass(state: State, probe: string, detail: unknown): void | Promise<void> {
  const armed = state.armed.get(probe)
  if (armed === undefined) return
  if (armed.only !== undefined && armed.only !== detail) return
  armed.hits += 1
  if (armed.hits <= armed.skip) return
  const { action, hits: hit } = armed
  if (action === 'kill') {
    // SIGKILL for oneself never returns: nothing after this point runs, no handler, no flush.
    process.kill(process.pid, 'SIGKILL')
  }
  const stop = action === 'stop' ? pauseAt(state, probe) : undefined
  process.send?.({ payflowProbe: 'reached', probe, action, hit, detail: plain(detail) })
  return stop
}

function pauseAt(state: State, probe: string): Promise<void> {
  state.armed.delete(probe)
  // A timer keeps the process alive while it is paused, even if nothing else would.
  const alive = setInterval(() => undefined, 60_000)
  return new Promise((resolve) => {
    const waiting = state.stopped.get(probe) ?? []
    waiting.push(() => {
      clearInterval(alive)
      resolve()
    })
    state.stopped.set(probe, waiting)
  })
}

// IPC carries JSON; a bigint in a detail must not make the probe throw.
function plain(detail: unknown): unknown {
  if (detail === undefined) return undefined
  const text = JSON.stringify(detail, (_, value) =>
    typeof value === 'bigint' ? value.toString() : (value as unknown),
  )
  return text === undefined ? undefined : (JSON.parse(text) as unknown)
}
