import type { Bench, Context } from '../../lib/context.ts'
import { atLeast, type Row } from '../../lib/result.ts'
import type { Cell, Scoreboard } from '../../lib/scoreboard.ts'
import { spread } from '../../lib/stats.ts'
import { ours, peers, versionsOf } from '../contenders/all.ts'
import type { Contender } from '../contenders/contender.ts'
import { cases, leftOut } from './cases/all.ts'
import { Failed, type HazardCase } from './cases/case.ts'
import { Lab } from './lab.ts'

/** A peer's quick run: enough to see that its adapter still works. */
const quickRows: ReadonlySet<string> = new Set(['IDEM-03', 'IDEM-20', 'IDEM-22'])

/** Our hazards, against us and against what one would install instead. */
export const idempotencyScoreboard: Bench = {
  about:
    'The hazards of docs/hazards.md as things that happen to a running app, asked of ours and of the peers on npm through two functions: start(handler) → url, inspect(key). A cell says what was seen.',
  takes: 'about 5 minutes',
  async run(context) {
    const contenders = [ours, ...peers]
    const columns: Cell[][] = []
    for (const contender of contenders) columns.push(await column(context, contender))
    const scoreboard: Scoreboard = {
      columns: contenders.map((contender) => ({
        name: contender.name,
        versions: versionsOf(contender),
        adapter: contender.adapter,
      })),
      rows: cases.map(({ id, wants }, row) => ({
        id,
        wants,
        cells: columns.map((cells) => cells[row] ?? skipped),
      })),
      leftOut,
    }
    const passes = columns.map((cells) => cells.filter(({ verdict }) => verdict === 'pass').length)
    const rows: Row[] = contenders.map(({ name }, index) => ({
      case: name,
      unit: `of ${cases.length}`,
      ...spread([passes[index] ?? 0]),
    }))
    const faults = (columns[0] ?? []).flatMap(({ verdict, why }, row) =>
      verdict === 'fail' ? [`${cases[row]?.id ?? ''}: ${why}`] : [],
    )
    return {
      sections: [{ title: 'hazards passed', rows }],
      claims: [atLeast('shows-2', cases.length, passes[0] ?? 0, 'hazards that ours passes')],
      faults,
      scoreboard,
    }
  },
}

const skipped: Cell = { verdict: 'skipped', why: '' }

async function column(context: Context, contender: Contender): Promise<Cell[]> {
  await using lab = await Lab.open(contender, context.say)
  context.used('redis', lab.server.version)
  const cells: Cell[] = []
  for (const each of cases) {
    const isWanted =
      context.only.length === 0 ||
      context.only.includes(each.id) ||
      context.only.includes(contender.name)
    const isLeft = context.quick && contender !== ours && !quickRows.has(each.id)
    if (!isWanted || isLeft) {
      cells.push(skipped)
      continue
    }
    const cell = await runCase(lab, each)
    context.say(`${contender.name}  ${each.id}  ${cell.verdict}: ${cell.why}`)
    cells.push(cell)
  }
  return cells
}

async function runCase(lab: Lab, hazard: HazardCase): Promise<Cell> {
  await lab.begin()
  try {
    const why = await hazard.run(lab)
    await lab.end(true)
    return { verdict: 'pass', why }
  } catch (error) {
    // A contender that does not answer where the case needs an answer has failed it too.
    await lab.end(false)
    if (error instanceof Failed) return { verdict: 'fail', why: error.message }
    return { verdict: 'fail', why: plain(error) }
  }
}

function plain(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string }
  if (name === 'TimeoutError') return 'no answer within its time'
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return 'the process has ended'
  return (message.split('\n')[0] ?? name).slice(0, 100)
}
