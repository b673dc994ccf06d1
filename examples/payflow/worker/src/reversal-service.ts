import { integerVariable, type ServiceDefinition } from '@payflow-app/service-kit'
import { logReversalEvent } from './reversal-log.ts'
import { createReversalMetrics } from './reversal-metrics.ts'
import { createPaymentReversal, reversalVariables } from './reversal.ts'

const variables = {
  ...reversalVariables,
  /** From the start of one run to the start of the next. */
  REVERSAL_INTERVAL_MS: integerVariable(100, 86_400_000).default(60_000),
}

/** The reversal job as a process that stays: where no CronJob starts it every minute. */
export const reversalService: ServiceDefinition<typeof variables> = {
  name: 'reversal',
  variables,
  start({ config, logger, metrics, health, shutdown, probe }) {
    const counted = createReversalMetrics(metrics)
    const { reversal, ping, isMigrated, close } = createPaymentReversal({
      config,
      logger,
      registry: metrics.registry,
      onEvent(event) {
        logReversalEvent(logger, event)
        counted.observe(event)
      },
      probe,
    })
    shutdown.add('database', close)
    const watching = reversal.watch({
      intervalMs: config.REVERSAL_INTERVAL_MS,
      signal: shutdown.signal,
    })
    shutdown.add('watch', () => watching)
    health.require('database', ping)
    health.begin('migrated', isMigrated)
    return {}
  },
}
