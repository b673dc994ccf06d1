// The two processes under test, as the supervisor starts them.
import { createLogger, noProbe, type Probe } from '@payflow-app/service-kit'
import type { ReversalEvent } from '@payflow/reversal'
import { freePort, spawnChild, waitFor, type Child } from '@payflow/testkit'
import { createPaymentReversal, type PaymentReversal } from '../../src/reversal.ts'
import type { Scene } from './scene.ts'

/** A worker with the address of its health and metrics. */
export interface Worker {
  readonly child: Child
  readonly url: string
}

/** Starts a worker; does not wait for anything. */
export async function startWorker(
  scene: Scene,
  rabbitmqUrl: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<Worker> {
  const port = await freePort()
  const child = await spawnChild(new URL('../../src/main.ts', import.meta.url), {
    env: scene.environment(rabbitmqUrl, { PORT: `${port}`, ...environment }),
  })
  return { child, url: `http://127.0.0.1:${port}` }
}

/** Resolves when the worker consumes. */
export async function ready({ child, url }: Worker): Promise<void> {
  await waitFor(async () => (await fetch(`${url}/health/ready`)).ok, {
    timeoutMs: 60_000,
    message: () => `the worker to be ready\n${child.stdout()}`,
  })
}

/** How many payments the worker recorded with that outcome, or found ended before (`late`). */
export const recorded = (worker: Worker, outcome: string): Promise<number> =>
  counter(worker, 'payflow_payments_recorded_total', outcome)

/** How many deliveries the worker settled in that way. */
export const settled = (worker: Worker, outcome: string): Promise<number> =>
  counter(worker, 'payflow_worker_messages_total', outcome)

async function counter({ url }: Worker, name: string, outcome: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const series = new RegExp(`^${name}\\{[^}]*outcome="${outcome}"[^}]*\\} (\\d+)$`, 'm')
  return Number(series.exec(text)?.[1] ?? 0)
}

/** The reversal job inside the test's process; it dies of what `probe` throws. */
export function reversalOf(
  scene: Scene,
  rabbitmqUrl: string,
  probe: Probe = noProbe,
  onEvent?: (event: ReversalEvent) => void,
): PaymentReversal {
  const { DATABASE_URL, RABBITMQ_URL, WALLET_URL, SERVICE_KEY_REVERSAL_TO_WALLET } =
    scene.environment(rabbitmqUrl)
  return createPaymentReversal({
    config: {
      DATABASE_URL,
      RABBITMQ_URL,
      WALLET_URL,
      SERVICE_KEY_REVERSAL_TO_WALLET: [SERVICE_KEY_REVERSAL_TO_WALLET],
      DISPATCH_TIMEOUT_MS: 60_000,
      PROCESSING_TIMEOUT_MS: 900_000,
      REVERSAL_MAX_PER_RUN: 10_000,
      REVERSAL_ON_MASS_REVERSAL: 'proceed',
      REVERSAL_NOT_BEFORE: undefined,
    },
    logger: createLogger({ service: 'reversal', level: 'silent' }),
    probe,
    ...(onEvent === undefined ? {} : { onEvent }),
  })
}
