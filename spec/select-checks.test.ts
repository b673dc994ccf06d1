// What the command line of `npm run spec` asks for is what runs: nothing is left out in silence.
import { describe, expect, it } from 'vitest'
import { full, mutations, quick, spares } from '../scripts/spec/checks.ts'
import { nameOf, selectChecks, UsageError } from '../scripts/spec/select-checks.ts'

describe('the command line of the specification', () => {
  it('asks for everything among the small bounds, or among the large ones', () => {
    const small = selectChecks([])
    expect(small).toMatchObject({ isComplete: true, memoryMb: 2_000 })
    expect(small.checks).toEqual([...quick, ...mutations, ...spares])
    const large = selectChecks(['--full'])
    expect(large).toMatchObject({ isComplete: true, memoryMb: 8_000 })
    expect(large.checks).toEqual([...full, ...mutations, ...spares])
  })

  it('asks for checks by name: each of a flag, what is spare, and what is searched for', () => {
    const { checks, isComplete } = selectChecks(['--only', 'NO_JOB,NO_INBOX', '--only=drains'])
    expect(checks.map(nameOf)).toEqual(['drains', 'NO_JOB', 'NO_JOB', 'NO_INBOX'])
    expect(isComplete).toBe(false)
  })

  it.each([
    ['--full', '--only', 'every-state'],
    ['--only', 'every-state', '--full'],
  ])('combines both options: %s %s %s', (...args) => {
    const { checks, memoryMb } = selectChecks(args)
    expect(checks).toEqual(full.filter(({ name }) => name === 'every state'))
    expect(memoryMb).toBe(8_000)
  })

  it.each([
    [['--only', 'NO_CAS,TYPO'], 'no check is called "TYPO"'],
    [['--only', 'A,NO_CAS,B', '--full'], 'no check is called "A", "B"'],
    [['--only', ''], 'no check is called ""'],
    [['--only'], '--only'],
    [['--ful'], '--ful'],
    [['NO_CAS'], 'NO_CAS'],
  ])('refuses %j', (args, message) => {
    expect(() => selectChecks(args)).toThrow(UsageError)
    expect(() => selectChecks(args)).toThrow(message)
  })
})
