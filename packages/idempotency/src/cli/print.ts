import { decodeSteps } from '../steps.ts'
import type { OperatorResult, RecordSummary, RecordView } from '../store.ts'

/** One line for a listing. */
export function summaryText(record: RecordSummary): string {
  const { id, state, attempt, fence, createdAt, expiresInMs } = record
  const forgottenIn = `forgotten in ${duration(expiresInMs)}`
  return [
    id,
    state,
    `attempt ${attempt}`,
    `fence ${fence}`,
    createdAt.toISOString(),
    forgottenIn,
  ].join('  ')
}

/** What a record tells without its result, which may be somebody's private data. */
export function recordText(record: RecordView): string {
  const steps = stepNames(record)
  return [
    summaryText(record),
    `standing ${record.standing}, ${record.payload.byteLength} bytes stored`,
    ...(steps.length === 0 ? [] : [`steps ${steps.join(', ')}`]),
  ].join('\n')
}

/** The same for programs. */
export function recordJson(record: RecordView): object {
  const { fingerprint, payload, ...summary } = record
  return {
    ...summary,
    fingerprint: Buffer.from(fingerprint).toString('hex'),
    payloadBytes: payload.byteLength,
    steps: stepNames(record),
  }
}

export function resultText(verb: string, id: string, result: OperatorResult): string {
  if (result.outcome === 'done') return `${id} ${verb}`
  if (result.outcome === 'absent') return `${id} is not there`
  return `${id} is ${result.standing}, with fence ${result.fence}: not ${verb}`
}

function stepNames({ standing, payload }: RecordView): readonly string[] {
  if (standing === 'completed' || standing === 'tombstone') return []
  return [...(decodeSteps(payload)?.keys() ?? [])]
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000)
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}
