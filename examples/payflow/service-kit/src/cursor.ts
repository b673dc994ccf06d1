import type { z } from 'zod'
import { validationFailed } from './validate.ts'

/** Makes the opaque cursor that stands for a place in a list. */
export function encodeCursor(place: unknown): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/**
 * Reads a cursor back. It comes from the client, so its contents are validated like any input.
 *
 * @throws {@link ProblemError} `validation-failed` (400) when it is none of ours.
 */
export function decodeCursor<S extends z.ZodType>(
  schema: S,
  cursor: string | undefined,
): z.output<S> | undefined {
  if (cursor === undefined) return undefined
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return schema.parse(place)
  } catch {
    throw validationFailed([
      { in: 'query', pointer: '#/cursor', message: 'Must be a cursor from an earlier answer' },
    ])
  }
}
