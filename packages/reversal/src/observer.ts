import type { ReversalEvent } from './events.ts'
import type { ReversalTelemetry } from './telemetry.ts'

/**
 * Tells everybody who watches. Watching a payment can't fail it: what an observer throws becomes a
 * process warning. So does a mass reversal that nobody watches.
 */
export function safeObserver(
  onEvent: ((event: ReversalEvent) => void) | undefined,
  telemetry: ReversalTelemetry | undefined,
): (event: ReversalEvent) => void {
  const tell = (name: string, event: ReversalEvent, observe: (event: ReversalEvent) => void) => {
    try {
      observe(event)
    } catch (error) {
      process.emitWarning(`${name} of @payflow/reversal threw: ${String(error)}`)
    }
  }
  return (event) => {
    if (telemetry !== undefined) tell('telemetry', event, (seen) => telemetry.event(seen))
    if (onEvent !== undefined) tell('onEvent', event, onEvent)
    else if (event.type === 'mass_reversal') {
      const { stale, causes, action } = event.massReversal
      process.emitWarning(
        `@payflow/reversal met a mass reversal (${causes.join(', ')}): ${stale} stale rows; ${action}`,
      )
    }
  }
}
