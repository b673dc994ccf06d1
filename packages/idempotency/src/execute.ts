import type { IdempotencyContext } from './context.ts'
import type { Claim, Decision, Outcome } from './operation.ts'

/** Runs work under a claim and keeps its value as JSON; see `Idempotency.execute`. */
export async function executeWork<T>(
  begin: () => Promise<Decision>,
  work: (context: IdempotencyContext) => Promise<T>,
  resultMaxBytes: number,
): Promise<Outcome<T>> {
  const decision = await begin()
  switch (decision.decision) {
    case 'execute':
      return runOwned(decision.claim, work, resultMaxBytes)
    case 'replay':
      return replayed(decision.payload, decision.omitted)
    case 'in_progress':
      return { outcome: 'in_progress', retryAfterMs: decision.retryAfterMs }
    case 'mismatch':
      return { outcome: 'mismatch' }
    case 'expired':
      return { outcome: 'expired' }
    case 'indeterminate':
      return { outcome: 'indeterminate', reason: decision.reason }
    case 'unavailable':
      return { outcome: 'unavailable', cause: decision.cause }
  }
}

async function runOwned<T>(
  claim: Claim,
  work: (context: IdempotencyContext) => Promise<T>,
  resultMaxBytes: number,
): Promise<Outcome<T>> {
  const { context } = claim
  let value: T
  try {
    value = await work(context)
  } catch (error) {
    // An error is not a result: 'store' cannot be honoured, and must not become a second execution.
    const isSafeToRepeat = claim.requestedOutcome === 'release' || !claim.committed
    await (isSafeToRepeat ? claim.release() : claim.abandon())
    throw error
  }
  if (claim.requestedOutcome === 'release') await claim.release()
  else if (claim.requestedOutcome === 'indeterminate') await claim.abandon()
  else await storeValue(claim, value, resultMaxBytes)
  return { outcome: 'executed', value, context }
}

async function storeValue(claim: Claim, value: unknown, resultMaxBytes: number): Promise<void> {
  const payload = encodeValue(value)
  const omitted = payload === undefined || payload.byteLength > resultMaxBytes
  await claim.complete(omitted ? Buffer.alloc(0) : payload, { omitted })
}

/** No bytes stand for `undefined`. What JSON cannot carry is done all the same: no error here. */
function encodeValue(value: unknown): Buffer | undefined {
  try {
    const json = JSON.stringify(value) as string | undefined
    return json === undefined ? Buffer.alloc(0) : Buffer.from(json, 'utf8')
  } catch {
    return undefined
  }
}

function replayed<T>(payload: Uint8Array, omitted: boolean): Outcome<T> {
  if (omitted) return { outcome: 'replayed', omitted: true }
  try {
    const text = Buffer.from(payload).toString('utf8')
    const value = (text === '' ? undefined : JSON.parse(text)) as T
    return { outcome: 'replayed', omitted: false, value }
  } catch {
    // Finished, but not by `execute`, or damaged: what it gave cannot be told.
    return { outcome: 'indeterminate', reason: 'unreadable' }
  }
}
