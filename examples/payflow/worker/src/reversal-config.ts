/**
 * The job as the command `payflow-reversal` takes it, for CronJobs:
 * `payflow-reversal run --config src/reversal-config.ts`
 */
import { createLogger, loadConfig, startTracing, tracingVariables } from '@payflow-app/service-kit'
import type { ReversalConfig } from '@payflow/reversal/cli'
import { z } from 'zod'
import { logReversalEvent } from './reversal-log.ts'
import { createPaymentReversal, reversalVariables } from './reversal.ts'

/** A job's pod is waited for; spans that do not arrive are not. */
const FLUSH_MS = 1_000

export default async function reversalConfig(): Promise<ReversalConfig> {
  const config = loadConfig(z.object({ ...reversalVariables, ...tracingVariables }))
  const logger = createLogger({ service: 'reversal' })
  const tracing = await startTracing({ service: 'reversal', config, logger })
  const job = createPaymentReversal({
    config,
    logger,
    onEvent: (event) => logReversalEvent(logger, event),
  })
  const close = async (): Promise<void> => {
    await job.close()
    await tracing.stop(FLUSH_MS)
  }
  return { reversal: job.reversal, close }
}
