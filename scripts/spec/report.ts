import { styleText } from 'node:util'
import { inColumns } from '../lib/columns.ts'
import { assertions, formulas, type Property, type Scope } from './checks.ts'
import type { Outcome } from './check-spec.ts'

type Row = Readonly<Record<string, string>>

/** Who took part, in as few words as fit a column. */
export function scopeOf({ requests, workers, jobs, faults }: Scope): string {
  const parts = [
    [requests, 'request'],
    [workers, 'worker'],
    [jobs, 'job'],
    [faults, 'fault'],
  ] as const
  return parts.map(([count, name]) => `${count} ${name}${count === 1 ? '' : 's'}`).join(', ')
}

/** What was found, as lines for a terminal. */
export function report(outcomes: readonly Outcome[]): string[] {
  const whole = outcomes.filter(({ check }) => check.without === undefined)
  const mutated = outcomes.filter(({ check }) => check.breaks !== undefined)
  const spare = outcomes.filter(({ check }) => check.without !== undefined && !check.breaks)
  return [
    ...section('The protocol', whole.length === 0 ? [] : properties().map(propertyRow(outcomes))),
    ...section('… searched among', whole.map(scopeRow)),
    ...section('With a guard taken away', mutated.map(mutationRow)),
    ...section('With a guard taken away behind which another stands', spare.map(mutationRow)),
    ...outcomes.flatMap(story),
  ]
}

function section(title: string, rows: readonly Row[]): string[] {
  if (rows.length === 0) return []
  const [names = '', ...lines] = inColumns(rows, (cell) => cell, '  ')
  return ['', styleText('bold', title), '', styleText('dim', `  ${names}`), ...lines.map(indented)]
}

const indented = (line: string): string => `  ${line}`
const properties = (): Property[] => Object.keys({ ...assertions, ...formulas }) as Property[]
const says = (property: Property): string => ({ ...assertions, ...formulas })[property]

/** One search judges all assertions; what it broke off at leaves the others unknown. */
function propertyRow(outcomes: readonly Outcome[]): (property: Property) => Row {
  const whole = outcomes.filter(({ check }) => check.without === undefined)
  return (property) => {
    const judges = whole.filter(({ check: { formula } }) =>
      formula === undefined ? Object.hasOwn(assertions, property) : formula === property,
    )
    const broken = judges.flatMap((outcome) => outcome.broken?.property ?? [])
    const verdict = broken.length === 0 ? styleText('green', 'holds') : 'not known'
    return {
      property: says(property),
      ...measures(judges),
      result: broken.includes(property) ? styleText('red', 'BROKEN') : verdict,
      'broken without': brokenWithout(outcomes, property).join(', '),
    }
  }
}

/** The guards without which a property was found broken, by their flags. */
function brokenWithout(outcomes: readonly Outcome[], property: Property): string[] {
  return outcomes.flatMap(({ check: { without }, broken }) =>
    without !== undefined && broken?.property === property ? [without] : [],
  )
}

/** Properties that no guard taken away broke: they may hold because they say nothing. */
export function neverBroken(outcomes: readonly Outcome[]): Property[] {
  return properties().filter((property) => brokenWithout(outcomes, property).length === 0)
}

function scopeRow(outcome: Outcome): Row {
  const { scope, formula } = outcome.check
  return { scope: scopeOf(scope), for: formula ?? 'all else', ...measures([outcome]) }
}

function mutationRow(outcome: Outcome): Row {
  const { check, broken, asExpected } = outcome
  const nothing = check.breaks === undefined ? 'all holds' : 'NOTHING FOUND'
  const found = broken === undefined ? nothing : `found: not ${broken.property}`
  return {
    without: check.what,
    scope: scopeOf(check.scope),
    ...measures([outcome]),
    result: styleText(asExpected ? 'green' : 'red', found),
  }
}

function measures(outcomes: readonly Outcome[]): Row {
  const states = outcomes.reduce((sum, outcome) => sum + outcome.states, 0)
  const durationMs = outcomes.reduce((sum, outcome) => sum + outcome.durationMs, 0)
  return { states: states.toLocaleString('en'), time: `${(durationMs / 1_000).toFixed(1)} s` }
}

function story({ check, broken }: Outcome): string[] {
  if (broken === undefined) return []
  const title =
    check.without === undefined ? check.name : `Without ${check.what} (${check.without})`
  const moral = `✗ ${broken.property}: ${says(broken.property)}`
  return ['', styleText('bold', title), '', ...broken.story.map(indented), indented(moral)]
}

/** Sentences of the specification, with who says them, that no search of the whole protocol came to. */
export function neverSaid(outcomes: readonly Outcome[]): string[] {
  const searches = outcomes.filter(({ check }) => !check.without && !check.formula)
  const [first, ...others] = searches.map(({ unreached }) => unreached)
  const left = (first ?? []).filter((step) => others.every((steps) => steps.includes(step)))
  return left.flatMap((step) => {
    const [, who, said] = /^(\w+):\d+ printf\('(.*?)\\n'/.exec(step) ?? []
    return who === undefined ? [] : [`${who}: ${said}`]
  })
}
