import { isSameJson, knownTransfer, movementDifferences } from './known.ts'
import { post } from './moves.ts'
import { type Answer, refusal, rejected, shapeRefusal } from './refusal.ts'
import type { JournalRequest } from './requests.ts'
import { copyOf, type ModelJournal, type Row, type State } from './state.ts'
import { journalView, type View } from './views.ts'

/** Posts all legs in their order, or none. */
export function journal(state: State, request: JournalRequest): Answer {
  const no = shapeOfLegs(request) ?? knownJournal(state, request)
  if (no !== null) return no
  const { id, code, metadata, effectiveAt } = request
  const after = copyOf(state)
  const legs: string[] = []
  for (const [leg, said] of request.legs.entries()) {
    const item = { ...said, effectiveAt: said.effectiveAt ?? effectiveAt }
    const known = knownTransfer(after, item) ?? refusal(after, item, item.effectiveAt)
    if (known !== null) return refusedLeg(leg, known)
    post(after, item, { journal: id, leg })
    legs.push(item.id)
  }
  for (const leg of legs) state.rows.set(leg, after.rows.get(leg) as Row)
  for (const [name, account] of after.accounts) state.accounts.set(name, account)
  const posted: ModelJournal = { id, legs, code, metadata, effectiveAt }
  state.journals.set(id, posted)
  return { outcome: 'created', journal: journalView(state, posted) }
}

function shapeOfLegs({ legs }: JournalRequest): Answer | null {
  const ids = new Set<string>()
  for (const [leg, item] of legs.entries()) {
    const no = shapeRefusal(item)
    if (no !== null) return { ...no, detail: { ...(no['detail'] as View), leg } }
    if (ids.has(item.id)) return rejected('legs_invalid', { field: 'id', leg })
    ids.add(item.id)
  }
  return null
}

/** The first leg that cannot be posted decides. */
function refusedLeg(leg: number, answer: Answer): Answer {
  if (answer.outcome === 'rejected') {
    return { ...answer, detail: { ...(answer['detail'] as View | undefined), leg } }
  }
  if (answer.outcome === 'conflict') {
    const differs = (answer['differs'] as string[]).map((field) => `transfers[${leg}].${field}`)
    return { ...answer, differs }
  }
  const existing = answer['transfer']
  return { outcome: 'conflict', differs: [`transfers[${leg}].id`], existing }
}

function knownJournal(state: State, request: JournalRequest): Answer | null {
  const known = state.journals.get(request.id)
  if (known === undefined) return null
  const differs = [
    ...(known.legs.length === request.legs.length ? [] : ['transfers']),
    ...request.legs.flatMap((leg, at) => {
      const row = state.rows.get(known.legs[at] ?? '')
      if (row === undefined) return []
      const said = leg.effectiveAt ?? request.effectiveAt
      // What a leg says of time is compared apart from what the journal says.
      const own = row.effectiveAt === known.effectiveAt ? null : row.effectiveAt
      const asked = said === request.effectiveAt ? null : said
      const fields = [
        ...(row.id === leg.id ? [] : ['id']),
        ...movementDifferences(row, leg),
        ...(own === asked ? [] : ['effectiveAt']),
      ]
      return fields.map((field) => `transfers[${at}].${field}`)
    }),
    ...(known.code === request.code ? [] : ['code']),
    ...(isSameJson(known.metadata, request.metadata) ? [] : ['metadata']),
    ...(known.effectiveAt === request.effectiveAt ? [] : ['effectiveAt']),
  ]
  const view = journalView(state, known)
  if (differs.length > 0) return { outcome: 'conflict', differs, existing: view }
  return { outcome: 'replayed', journal: view }
}
