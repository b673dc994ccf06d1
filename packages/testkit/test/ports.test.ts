// A port belongs to one process of the machine, also while nothing listens on it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../src/index.ts'
import { reservePort } from '../src/processes/ports.ts'

it('leaves a port to the process that has noted it, for as long as that lives', async () => {
  const folder = temporaryFolder('ports')
  const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
  await once(other, 'spawn')
  writeFileSync(join(folder, '20001'), `${other.pid}`)
  expect(reservePort(20_001, folder)).toBe(false)
  expect(reservePort(20_002, folder)).toBe(true)
  other.kill('SIGKILL')
  await once(other, 'close')
  expect(reservePort(20_001, folder)).toBe(true)
  expect(readFileSync(join(folder, '20001'), 'utf8')).toBe(`${process.pid}`)
})
