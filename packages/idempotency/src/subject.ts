import type { IdempotencyContext } from './context.ts'
import { derivedKey } from './record-id.ts'

/** Which operation an execution is about; the part of its context that never changes. */
export type Subject = Pick<
  IdempotencyContext,
  'id' | 'key' | 'scope' | 'operation' | 'fingerprint' | 'deriveKey'
>

/** Makes a subject. */
export function createSubject({
  id,
  key,
  scope,
  operation,
  fingerprint,
}: Omit<Subject, 'deriveKey'>): Subject {
  const deriveKey: Subject['deriveKey'] = (...parts) => derivedKey(id, parts)
  return { id, key, scope, operation, fingerprint, deriveKey }
}
