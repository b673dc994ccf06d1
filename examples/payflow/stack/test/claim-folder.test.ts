import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { claimFolder, folderHolder } from '../src/claim-folder.ts'
import { folder } from './folder.ts'

test('a folder has one holder at a time', () => {
  const dir = folder()
  const release = claimFolder(dir)
  expect(folderHolder(dir)).toBe(process.pid)
  expect(() => claimFolder(dir)).toThrow(
    expect.objectContaining({ code: 'STACK_RUNNING', message: expect.stringContaining('Ctrl-C') }),
  )
  release()
  expect(folderHolder(dir)).toBeUndefined()
  claimFolder(dir)()
})

test('a claim given up twice leaves the next claim alone', () => {
  const dir = folder()
  const release = claimFolder(dir)
  release()
  claimFolder(dir)
  release()
  expect(folderHolder(dir)).toBe(process.pid)
})

test('a holder that was killed counts for nothing', async () => {
  const dir = folder()
  const holder = spawn(process.execPath, [
    '--conditions=@payflow/source',
    '--input-type=module',
    '-e',
    `import { claimFolder } from ${JSON.stringify(new URL('../src/claim-folder.ts', import.meta.url).href)}
     claimFolder(${JSON.stringify(dir)})
     console.log('claimed')
     setInterval(() => {}, 1000)`,
  ])
  onTestFinished(() => void holder.kill('SIGKILL'))
  await once(holder.stdout, 'data')
  expect(folderHolder(dir)).toBe(holder.pid)
  expect(() => claimFolder(dir)).toThrow(`process ${holder.pid}`)
  holder.kill('SIGKILL')
  await once(holder, 'exit')
  expect(folderHolder(dir)).toBeUndefined()
  claimFolder(dir)()
})

test.each([
  ['a process number that somebody else has by now', `${process.pid} an earlier life\n`],
  ['a process number alone', `${process.pid}\n`],
  ['nothing', ''],
  ['garbage', '\0\0\0 12 \n'],
])('a claim that holds %s counts for nothing', (_, text) => {
  const dir = folder()
  writeFileSync(join(dir, 'supervisor.pid'), text)
  expect(folderHolder(dir)).toBeUndefined()
  claimFolder(dir)
  expect(readFileSync(join(dir, 'supervisor.pid'), 'utf8')).toMatch(`${process.pid} `)
})

test('a claim forgets what a killed supervisor said about its run', () => {
  const dir = folder()
  for (const name of ['stack.json', 'control.json']) writeFileSync(join(dir, name), '')
  claimFolder(dir)
  expect(existsSync(join(dir, 'stack.json'))).toBe(false)
  expect(existsSync(join(dir, 'control.json'))).toBe(false)
})
