import type { ProblemField } from '@payflow-app/contracts'
import type { z } from 'zod'
import { problem } from './problem-error.ts'

/** A part of a request that is validated. */
export type RequestPart = ProblemField['in']

/** One answer names this many faults at most; a body can have tens of thousands. */
const FIELDS_MAX = 20

/** Field names come from the client and go into the answer: no longer than this. */
const FIELD_CHARS_MAX = 64

/**
 * Parses one part of a request.
 *
 * @throws {@link ProblemError} `validation-failed` (400) that names each refused field.
 */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  part: RequestPart = 'body',
): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const errors = result.error.issues.flatMap((issue) => describeIssue(issue, part))
  throw validationFailed(errors)
}

/** A `validation-failed` problem for the given fields. */
export function validationFailed(errors: readonly ProblemField[]): Error {
  const shown = errors.slice(0, FIELDS_MAX)
  const names = shown.map(({ pointer }) => (pointer === '#' ? 'the whole' : pointer.slice(2)))
  return problem('validation-failed', {
    detail: `Invalid ${shown[0]?.in ?? 'request'}: ${names.join(', ')}`,
    errors: shown,
  })
}

function describeIssue(issue: z.core.$ZodIssue, part: RequestPart): ProblemField[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ in: part, pointer: pointerOf(issue.path), message: issue.message }]
  }
  return issue.keys.slice(0, FIELDS_MAX).map((key) => ({
    in: part,
    pointer: pointerOf([...issue.path, key]),
    message: 'Unknown field',
  }))
}

/** RFC 6901 §3 and §6: `~` and `/` escaped, the whole percent-encoded as a URI fragment. */
function pointerOf(path: readonly PropertyKey[]): string {
  const tokens = path.map((key) => {
    const token = String(key).slice(0, FIELD_CHARS_MAX).toWellFormed()
    return encodeURIComponent(token.replaceAll('~', '~0').replaceAll('/', '~1'))
  })
  return ['#', ...tokens].join('/')
}
