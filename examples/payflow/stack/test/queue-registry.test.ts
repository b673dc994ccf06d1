import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { areQueuesWritten, queuesWritten } from '../src/queue-registry.ts'
import { folder } from './folder.ts'

function broker(queues: readonly string[], registry: string): string {
  const dir = folder()
  const quorum = join(dir, 'mnesia/payflow@localhost/quorum/payflow@localhost')
  for (const queue of queues) mkdirSync(join(quorum, queue), { recursive: true })
  mkdirSync(quorum, { recursive: true })
  writeFileSync(join(quorum, 'names.dets'), Buffer.from(registry, 'latin1'))
  writeFileSync(join(quorum, '00000001.wal'), '')
  return dir
}

test('queues are safe once the registry names each of them', () => {
  expect(areQueuesWritten(broker(['2F_PAY1', '2F_NOT2'], '\0\xFF2F_PAY1\0'))).toBe(false)
  expect(areQueuesWritten(broker(['2F_PAY1', '2F_NOT2'], '\0\xFF2F_PAY1\0m2F_NOT2'))).toBe(true)
})

test('nothing is waited for where there is no queue, or no registry of this kind', async () => {
  expect(areQueuesWritten(broker([], ''))).toBe(true)
  expect(await queuesWritten(folder())).toBe(true)
})
