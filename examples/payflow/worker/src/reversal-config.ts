/**
 * The job as the command `payflow-reversal` takes it, for CronJobs:
 * `payflow-reversal run --config src/reversal-config.ts`
 */
import { createLogger, loadConfig } from '@payflow-app/service-kit'
import type { ReversalConfig } from '@payflow/reversal/cli'
import { z } from 'zod'
import { logReversalEvent } from './reversal-log.ts'
import { createPaymentReversal, reversalVariables } from './reversal.ts'

export default function reversalConfig(): ReversalConfig {
  const config = loadConfig(z.object(reversalVariables))
  const logger = createLogger({ service: 'reversal' })
  const { reversal, close } = createPaymentReversal({
    config,
    logger,
    onEvent: (event) => logReversalEvent(logger, event),
  })
  return { reversal, close }
}
