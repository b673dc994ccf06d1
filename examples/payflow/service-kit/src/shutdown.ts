import type { Logger } from './logger.ts'

/** What a process does before it ends. */
export interface Shutdown {
  /** Adds a step. Steps run one after another, the last added first, as things were opened. */
  add(name: string, step: () => unknown): void
  /** Aborted when stopping begins. */
  readonly signal: AbortSignal
  /**
   * How long a step may take, in milliseconds, so that `keepMs` of the deadline are left for the
   * steps after it. The whole deadline, less `keepMs`, before stopping begins; 0 at least.
   */
  remainingMs(keepMs: number): number
  /** Runs all steps once; later calls wait for the same run. */
  stop(reason: string): Promise<void>
}

/** Options of {@link createShutdown}. */
export interface ShutdownOptions {
  readonly logger: Logger
  /** After this the process ends whatever is still running. */
  readonly deadlineMs: number
}

/** Creates the shutdown of a process. */
export function createShutdown({ logger, deadlineMs }: ShutdownOptions): Shutdown {
  const steps: { name: string; step: () => unknown }[] = []
  const controller = new AbortController()
  let running: Promise<void> | undefined
  let endsAt: number | undefined
  const run = async (reason: string): Promise<void> => {
    logger.info({ reason, deadlineMs }, 'stopping')
    endsAt = performance.now() + deadlineMs
    controller.abort(new Error(reason))
    for (const { name, step } of steps.toReversed()) {
      try {
        await step()
      } catch (error) {
        logger.error({ err: error, step: name }, 'a step of the shutdown failed')
      }
    }
    logger.info('stopped')
  }
  return {
    add: (name, step) => void steps.push({ name, step }),
    signal: controller.signal,
    remainingMs: (keepMs) => {
      const left = endsAt === undefined ? deadlineMs : endsAt - performance.now()
      return Math.max(0, Math.floor(left - keepMs))
    },
    stop: (reason) => (running ??= run(reason)),
  }
}

/**
 * Ends the process on SIGTERM and SIGINT after its shutdown steps: with 0 when they finished,
 * with 1 when the deadline passed first. Further signals change nothing: a terminal's Ctrl-C and
 * the supervisor behind it send one each. An error that nobody caught ends it with 1: its state is
 * unknown, and whoever watches over it starts a new one.
 */
export function stopOnSignals(shutdown: Shutdown, { logger, deadlineMs }: ShutdownOptions): void {
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) return
    stopping = true
    setTimeout(() => {
      logger.error({ deadlineMs }, 'the shutdown took too long')
      process.exit(1)
    }, deadlineMs).unref()
    void shutdown.stop(signal).then(() => process.exit(0))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  const crash = (error: unknown): void => {
    logger.fatal({ err: error }, 'an error nobody caught')
    process.exit(1)
  }
  process.on('uncaughtException', crash)
  process.on('unhandledRejection', crash)
}
