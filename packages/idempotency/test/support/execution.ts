import { createIdempotency, presets } from '../../src/index.ts'
import type { Idempotency, IdempotencyEvent, IdempotencyOptions } from '../../src/index.ts'
import { memoryStore } from '../../src/memory/index.ts'

export interface Job {
  readonly tenant?: string
}

export interface Execution {
  readonly idempotency: Idempotency<Job>
  /** Set it forward to let leases lapse. */
  readonly time: { nowMs: number }
  readonly events: IdempotencyEvent[]
}

/** Rules over a memory store whose clock belongs to the test; the payments preset unless given. */
export function setUpExecution(options: Partial<IdempotencyOptions<Job>> = {}): Execution {
  const time = { nowMs: 1_000_000 }
  const events: IdempotencyEvent[] = []
  const idempotency = createIdempotency<Job>({
    store: memoryStore({ clock: () => time.nowMs }),
    scope: (job) => job?.tenant,
    ...presets.payments,
    onEvent: (event) => events.push(event),
    ...options,
  })
  return { idempotency, time, events }
}

export const job = {
  name: 'settle',
  key: 'job-1',
  request: { tenant: 't1' },
  payload: { amount: 5 },
} as const
