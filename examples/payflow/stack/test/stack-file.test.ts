import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { claimFolder } from '../src/claim-folder.ts'
import { readStackFile, StackFile, type StackEntry } from '../src/stack-file.ts'
import { folder } from './folder.ts'

const entry: StackEntry = {
  name: 'redis',
  kind: 'redis',
  pid: 7,
  port: 6379,
  url: 'redis://127.0.0.1:6379',
  log: '/logs/redis.log',
  restart: 'supervisor',
}

test('what was written last is read, by its owner only', () => {
  const dir = folder()
  claimFolder(dir)
  const file = new StackFile(dir)
  file.write([entry, entry])
  file.write([entry])
  expect(readStackFile(dir)).toEqual([entry])
  expect(statSync(file.path).mode & 0o777).toBe(0o600)
  expect(readdirSync(dir).toSorted()).toEqual(['stack.json', 'supervisor.pid'])
})

test('there are no entries where nothing runs, although a killed supervisor left some', () => {
  const dir = folder()
  const release = claimFolder(dir)
  new StackFile(dir).write([entry])
  expect(readStackFile(dir)).toEqual([entry])
  release()
  expect(readStackFile(dir)).toEqual([])
})

test.each(['', '[{"name":'])('a file that holds %j has no entries yet', (text) => {
  const dir = folder()
  claimFolder(dir)
  writeFileSync(new StackFile(dir).path, text)
  expect(readStackFile(dir)).toEqual([])
})
