// How many payments a worker executes at the same time when it records many in one transaction.
import { expect, it } from 'vitest'
import { batchesOf } from '../src/worker.ts'

it('executes no more payments at once than it is told, and as many as whole batches allow', () => {
  for (let concurrency = 1; concurrency <= 100; concurrency += 1) {
    for (let batch = 1; batch <= 50; batch += 1) {
      const { size, atOnce } = batchesOf(concurrency, batch)
      expect(size).toBe(Math.min(batch, concurrency))
      expect(atOnce).toBeGreaterThanOrEqual(1)
      expect(size * atOnce).toBeLessThanOrEqual(concurrency)
      expect(size * (atOnce + 1)).toBeGreaterThan(concurrency)
    }
  }
})
