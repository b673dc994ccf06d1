import type { BusEvent } from './events.ts'
import type { Logger, Probe } from './options.ts'
import type { BusTelemetry } from './telemetry.ts'

/** How every part of a bus tells what happens: one event, one log line where a person should look. */
export interface Reporter {
  emit(event: BusEvent): void
  probe(name: string, detail?: unknown): void | Promise<void>
}

const LEVELS: Partial<Record<BusEvent['type'], 'info' | 'warn' | 'error'>> = {
  'connection.up': 'info',
  'connection.down': 'warn',
  'connection.rotation-failed': 'error',
  'connection.stalled': 'error',
  'connection.blocked': 'error',
  'connection.unblocked': 'info',
  'topology.failed': 'error',
  'consumer.interrupted': 'warn',
  'consumer.paused': 'error',
  'consumer.resumed': 'info',
  'message.retried': 'warn',
  'message.parked': 'error',
  'message.abandoned': 'warn',
  'message.held': 'warn',
  'relay.refused': 'warn',
  'relay.parked': 'error',
  'relay.failed': 'error',
  'sweep.failed': 'warn',
  'loop.blocked': 'warn',
}

/** Builds a {@link Reporter} whose listeners can't break the bus. */
export function createReporter(options: {
  readonly logger?: Logger | undefined
  readonly onEvent?: ((event: BusEvent) => void) | undefined
  readonly telemetry?: BusTelemetry | undefined
  readonly probe?: Probe | undefined
}): Reporter {
  const { logger, onEvent, telemetry, probe } = options
  return {
    emit(event) {
      const level = LEVELS[event.type]
      if (level !== undefined) logger?.[level](withPlainError(event), event.type)
      try {
        telemetry?.event(event)
        onEvent?.(event)
      } catch (error) {
        logger?.error({ err: error, event: event.type }, 'onEvent threw')
      }
    },
    probe: probe ?? ((): void => {}),
  }
}

/** Loggers know how to write an error under the name `err`. */
function withPlainError(event: BusEvent): object {
  if (!('error' in event)) return event
  const { error, ...rest } = event
  return { ...rest, err: error }
}

/** The text of an error for health reports and headers. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(errorText).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}
