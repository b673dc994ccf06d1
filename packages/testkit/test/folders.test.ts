// Goal: an unprivileged server finds its data also where only root may enter, and a deleted folder is
// forgotten.
import { chmodSync, existsSync, lstatSync, mkdirSync } from 'node:fs'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  asciiFolder,
  isOpenToAll,
  reachableFolder,
  temporaryFolder,
} from '../src/processes/folders.ts'

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

describe('asciiFolder', () => {
  test('is the folder itself when its name is plain, although it has spaces', () => {
    const folder = join(base, 'a plain name')
    expect(asciiFolder(folder)).toBe(folder)
  })

  test('is the same plain link to the folder every time when it is not', () => {
    const folder = join(base, 'Geldbörse 財布')
    const link = asciiFolder(folder)
    onTestFinished(() => rmSync(link))
    expect(link).toMatch(/^[\x20-\x7E]+$/)
    writeFileSync(join(link, 'kept'), '')
    expect(existsSync(join(folder, 'kept'))).toBe(true)
    expect(asciiFolder(folder)).toBe(link)
  })

  test('does not follow a link that leads elsewhere', () => {
    const folder = join(base, '財布')
    const link = asciiFolder(folder)
    onTestFinished(() => rmSync(link))
    rmSync(link)
    symlinkSync(base, link)
    expect(() => asciiFolder(folder)).toThrow(link)
  })
})
