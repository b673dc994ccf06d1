/*
 * `npm run spec [-- --full --only NAME,NAME]`: searches every state of the specification of a payment
 * (spec/payment.pml) with Spin, then takes its guards away one by one and expects Spin to find the flaw.
 * Ends with 0 only if everything holds, every flaw was found, and each property is one that a flaw
 * breaks; with 2 if it was asked for what there is not. `--full` has larger bounds: minutes, and up to
 * 8 GB of memory. `--only` takes the flag of a guard, or what is searched for (`every-state`, `ends`, …).
 */
import { styleText } from 'node:util'
import { StartScreen } from './lib/start-screen.ts'
import { checkSpec, type Outcome } from './spec/check-spec.ts'
import type { Check } from './spec/checks.ts'
import { neverBroken, report, scopeOf } from './spec/report.ts'
import { names, selectChecks, UsageError, type Selection } from './spec/select-checks.ts'

const { checks: wanted, isComplete, memoryMb } = selected(process.argv.slice(2))
const screen = new StartScreen()
const step = (check: Check) => `${check.name} (${scopeOf(check.scope)})`
console.log(`\n  ${wanted.length} checks of spec/payment.pml\n`)
try {
  const outcomes = await checkSpec(wanted, {
    memoryMb,
    announce: (detail) => screen.show({ state: 'note', step: 'spin', detail }),
    onStart: (check) => screen.show({ state: 'started', step: step(check) }),
    onEnd: (outcome) =>
      screen.show({ state: 'done', step: step(outcome.check), detail: said(outcome) }),
  })
  screen.finish()
  process.exitCode = conclude(outcomes)
} catch (error) {
  screen.finish()
  console.error(`\n  ✗ ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

function conclude(outcomes: readonly Outcome[]): number {
  for (const line of report(outcomes)) console.log(line)
  const surprises = outcomes.filter(({ asExpected }) => !asExpected)
  for (const { check, broken } of surprises) {
    const instead = broken === undefined ? 'nothing was found' : `${broken.property} is broken`
    console.error(styleText('red', `\n✗ ${step(check)}: ${instead}`))
  }
  const vacuous = isComplete ? neverBroken(outcomes) : []
  for (const property of vacuous) {
    console.error(styleText('red', `\n✗ ${property}: no guard taken away breaks it`))
  }
  const states = outcomes.reduce((sum, outcome) => sum + outcome.states, 0).toLocaleString('en')
  const right = outcomes.length - surprises.length
  console.log(`\n${states} states, ${right} of ${outcomes.length} as expected`)
  return surprises.length + vacuous.length === 0 ? 0 : 1
}

function said({ states, broken }: Outcome): string {
  return `${states.toLocaleString('en')} states${broken === undefined ? '' : `, ${broken.property}`}`
}

function selected(args: readonly string[]): Selection {
  try {
    return selectChecks(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    console.error(`${error.message}\n\nnpm run spec [-- --full --only NAME,NAME]; the names are`)
    console.error(`  ${names.join('\n  ')}`)
    process.exit(2)
  }
}
