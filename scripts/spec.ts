/*
 * `npm run spec [-- --full | --only FLAG,FLAG]`: searches every state of the specification of a
 * payment (spec/payment.pml) with Spin, then takes its guards away one by one and expects Spin to find
 * the flaw. Ends with 0 only if everything holds and every flaw was found. `--full` has larger bounds:
 * minutes, and up to 8 GB of memory.
 */
import { styleText } from 'node:util'
import { StartScreen } from './lib/start-screen.ts'
import { checkSpec, type Outcome } from './spec/check-spec.ts'
import { full, mutations, quick, spares, type Check } from './spec/checks.ts'
import { report, scopeOf } from './spec/report.ts'

const wanted = selected(process.argv.slice(2))
if (wanted.length === 0) {
  const flags = mutations.map(({ without }) => without).join(', ')
  console.error(`npm run spec [-- --full | --only FLAG,FLAG]: the flags are ${flags}`)
  process.exit(2)
}

const screen = new StartScreen()
const step = (check: Check) => `${check.name} (${scopeOf(check.scope)})`
console.log(`\n  ${wanted.length} checks of spec/payment.pml\n`)
try {
  const outcomes = await checkSpec(wanted, {
    memoryMb: process.argv.includes('--full') ? 8_000 : 2_000,
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
  const states = outcomes.reduce((sum, outcome) => sum + outcome.states, 0).toLocaleString('en')
  const right = outcomes.length - surprises.length
  console.log(`\n${states} states, ${right} of ${outcomes.length} as expected`)
  return surprises.length === 0 ? 0 : 1
}

function said({ states, broken }: Outcome): string {
  return `${states.toLocaleString('en')} states${broken === undefined ? '' : `, ${broken.property}`}`
}

function selected(args: readonly string[]): readonly Check[] {
  const [option, names = ''] = args
  if (option === '--full') return [...full, ...mutations, ...spares]
  if (option === undefined) return [...quick, ...mutations, ...spares]
  if (option !== '--only') return []
  return mutations.filter(({ without = '' }) => names.split(',').includes(without))
}
