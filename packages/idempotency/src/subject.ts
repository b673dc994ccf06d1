import type { IdempotencyContext } from './context.ts'
import { derivedKey } from './record-id.ts'

/** Which operation an execution is about; the part of its context that never changes. */
export type Subject = Pick<
  IdempotencyContext,
  'id' | 'key' | 'scope' | 'operation' | 'fingerprint' | 'deriveKey'
>

/** Makes a subject. */
export function createSubject(fields: Omit<Subject, 'deriveKey'>): Subject {
  return { ...fields, deriveKey: (...parts) => derivedKey(fields.id, parts) }
}
