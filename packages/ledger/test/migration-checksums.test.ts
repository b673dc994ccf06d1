/*
 * Goal: the text of a released migration never changes, and none is released without a pin.
 * Method: the checksums of src/migrations/released.ts against those of the code.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { MIGRATIONS } from '../src/migrations/numbered.ts'
import { RELEASED, RELEASED_WITH } from '../src/migrations/released.ts'

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

describe('released migrations', () => {
  test('have the text that was released', () => {
    const released = MIGRATIONS.filter(({ name }) => name in RELEASED)
    const now = Object.fromEntries(released.map((one) => [one.name, one.checksum()]))
    expect(now).toEqual(RELEASED)
  })

  test('are all migrations, once the version is another than the pins were made with', () => {
    const open = MIGRATIONS.filter(({ name }) => !(name in RELEASED))
    const overdue = version === RELEASED_WITH ? [] : open
    const pins = Object.fromEntries(overdue.map((one) => [one.name, one.checksum()]))
    expect(pins, `add these to released.ts, and set RELEASED_WITH to ${version}`).toEqual({})
    // Those that may still change come last: nothing new goes between released ones.
    expect(MIGRATIONS.slice(MIGRATIONS.length - open.length)).toEqual(open)
  })

  test('are named in the order in which they run, with the functions last', () => {
    const names = MIGRATIONS.map(({ name }) => name)
    expect(names.toSorted()).toEqual(names)
    for (const name of names) expect(name).toMatch(/^ledger_\d{4}_[a-z]+$/)
    expect(names.at(-1)).toMatch(/_functions$/)
  })
})
