import { currentRequestId } from '@payflow-app/service-kit'
import type { Bus, PublishOptions } from '@payflow/queue'

/** What messages are sent with: written in a transaction, sent after it. */
export type Messages = Pick<Bus, 'outbox' | 'wake'>

/** The headers that tell whoever reads a message which request it came from. */
export function fromThisRequest(requestId = currentRequestId() ?? null): PublishOptions {
  return requestId === null ? {} : { headers: { 'request-id': requestId } }
}
