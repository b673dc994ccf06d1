// Goal: an unprivileged server finds its data also where only root may enter, and a deleted folder is
// forgotten.
import { chmodSync, existsSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isOpenToAll, reachableFolder, temporaryFolder } from '../src/processes/folders.ts'

const base = temporaryFolder('folders')
afterAll(() => rmSync(base, { recursive: true, force: true }))

describe('reachableFolder', () => {
  test('is the folder itself where all may enter', () => {
    const folder = join(base, 'open', 'data')
    expect(reachableFolder(folder)).toBe(folder)
    expect(isOpenToAll(folder)).toBe(true)
  })

  test('is a link to a folder elsewhere where they may not, and starts empty when the link is gone', () => {
    const closed = join(base, 'closed')
    mkdirSync(closed)
    chmodSync(closed, 0o700)
    const folder = join(closed, 'data')
    const real = reachableFolder(folder)
    expect(isOpenToAll(real)).toBe(true)
    expect(lstatSync(folder).isSymbolicLink()).toBe(true)
    writeFileSync(join(real, 'kept'), '')
    expect(reachableFolder(folder)).toBe(real)
    expect(existsSync(join(real, 'kept'))).toBe(true)
    rmSync(folder)
    expect(reachableFolder(folder)).toBe(real)
    expect(existsSync(join(real, 'kept'))).toBe(false)
    rmSync(real, { recursive: true })
  })
})
