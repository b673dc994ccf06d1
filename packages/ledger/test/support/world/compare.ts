import { inspect } from 'node:util'
import type { Model } from '../model/model.ts'
import type { Request } from '../model/requests.ts'
import type { Names } from './names.ts'

/**
 * What the ledger said, in the words of the model: names for UUIDs, `effectiveAt` null where it is
 * the time of recording, no other times, and "over" for a hold whose time was up, whether it counts
 * as expired or as released.
 */
export function inModelWords(said: unknown, names: Names, model: Model, request: Request): unknown {
  const words = translate(said, names, model) as Record<string, unknown> | null
  if (words === null) return null
  if (request.verb === 'resolve') {
    const isOver = (words['hold'] as { state?: string } | null | undefined)?.state === 'over'
    return isOver ? { ...words, state: 'over' } : words
  }
  if (!isAboutOverHold(words, request, model)) return words
  const isOver = words['reason'] === 'hold_expired' || words['reason'] === 'hold_released'
  const isDone = request.verb === 'release' && words['state'] === 'released'
  return {
    ...words,
    ...(isOver ? { reason: 'hold_over' } : {}),
    ...(isDone ? { outcome: 'done' } : {}),
  }
}

function isAboutOverHold(
  words: Readonly<Record<string, unknown>>,
  request: Request,
  { state }: Model,
): boolean {
  const about = (words['detail'] as { hold?: { id?: string } } | undefined)?.hold?.id
  const name = request.verb === 'release' ? request.hold : (about ?? '')
  return state.holds.get(name)?.state === 'over'
}

function translate(value: unknown, names: Names, model: Model): unknown {
  if (typeof value === 'string') return names.nameOf(value) ?? value
  if (Array.isArray(value)) return value.map((each) => translate(each, names, model))
  if (value instanceof Date) return value.getTime()
  if (typeof value !== 'object' || value === null) return value
  const words: Record<string, unknown> = {}
  for (const [field, each] of Object.entries(value)) words[field] = translate(each, names, model)
  if (words['effectiveAt'] === words['createdAt']) words['effectiveAt'] = null
  const isEnded = words['state'] === 'expired' || words['state'] === 'released'
  const hold = words['kind'] === 'hold' ? model.state.holds.get(words['id'] as string) : undefined
  if (isEnded && hold?.state === 'over') words['state'] = 'over'
  return words
}

/**
 * Where what was said is not what was expected, as one line; null: nowhere. Fields that are not
 * expected may be there; an expected null of such a number stands for a number that others change too.
 */
export function difference(expected: unknown, said: unknown, path = 'answer'): string | null {
  if (Array.isArray(expected)) {
    if (!Array.isArray(said) || said.length !== expected.length)
      return disagree(path, expected, said)
    return firstOf(expected.map((each, i) => difference(each, said[i], `${path}[${i}]`)))
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof said !== 'object' || said === null) return disagree(path, expected, said)
    const fields = Object.entries(expected)
    return firstOf(
      fields.map(([field, each]) => {
        const found = (said as Record<string, unknown>)[field]
        const isUnpredictable = each === null && /(Seq|BalanceMinor)$/.test(field)
        return isUnpredictable ? null : difference(each, found, `${path}.${field}`)
      }),
    )
  }
  return Object.is(expected, said) ? null : disagree(path, expected, said)
}

const firstOf = (found: readonly (string | null)[]): string | null =>
  found.find((each) => each !== null) ?? null

const disagree = (path: string, expected: unknown, said: unknown): string =>
  `${path}: the model expects ${short(expected)}, the ledger says ${short(said)}`

export const short = (value: unknown): string =>
  inspect(value, { depth: 4, breakLength: Number.POSITIVE_INFINITY })
