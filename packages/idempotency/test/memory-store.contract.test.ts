// The memory store keeps the contract that handlers are tested against.
import { describe, expect, it } from 'vitest'
import { memoryStore } from '../src/memory/index.ts'
import { acquire, claimRequest, describeStore } from '../src/testing/index.ts'

describeStore('memoryStore', () => memoryStore(), { describe, it })

it('lets time pass by the clock it is given', async () => {
  let nowMs = 1_000
  const store = memoryStore({ clock: () => nowMs })
  const request = claimRequest({ leaseMs: 100, state: 'started' })
  await acquire(store, request)
  nowMs += 100
  const next = await acquire(store, { ...request, token: Buffer.alloc(16, 1) })
  expect(next.attempt).toBe(2)
})

it('refuses a claim beyond recordsMax, and takes one again when a record has expired', async () => {
  let nowMs = 0
  const store = memoryStore({ clock: () => nowMs, recordsMax: 1 })
  await acquire(store, claimRequest({ leaseMs: 100, graceMs: 100 }))
  const second = claimRequest()
  await expect(store.claim(second)).rejects.toMatchObject({ code: 'IDEMPOTENCY_STORE_UNAVAILABLE' })
  nowMs = 200
  expect((await store.claim(second)).verdict).toBe('acquired')
})
