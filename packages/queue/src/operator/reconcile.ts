import { readConsumerAccounts } from '../postgres/read-consumer-accounts.ts'
import { readOutboxAccount } from '../postgres/read-outbox-account.ts'
import type { Query } from '../postgres/query.ts'
import type { ConsumerAccount, Difference, OutboxAccount, Reconciliation } from './types.ts'

/** Reads both sides of every account and says where they differ. */
export async function reconcile(query: Query, schema: string): Promise<Reconciliation> {
  const outbox = await readOutboxAccount(query, schema)
  const consumers = await readConsumerAccounts(query, schema)
  const differences = [...outboxDifferences(outbox), ...consumers.flatMap(consumerDifferences)]
  return { balanced: differences.length === 0, differences, outbox, consumers }
}

function outboxDifferences({ lost, confirmed, sent }: OutboxAccount): Difference[] {
  const found: Difference[] = []
  if (lost !== 0) {
    found.push({
      kind: 'outbox-lost',
      consumer: undefined,
      expected: 0,
      found: lost,
      meaning: `${lost} rows were deleted from the outbox before they were sent or cancelled`,
    })
  }
  if (confirmed !== sent) {
    found.push({
      kind: 'outbox-confirmed',
      consumer: undefined,
      expected: confirmed,
      found: sent,
      meaning:
        `the relays had ${confirmed} rows confirmed, but ${sent} are marked as sent: ` +
        'somebody else changed the state of rows, or a part of the tables was restored',
    })
  }
  return found
}

function consumerDifferences(account: ConsumerAccount): Difference[] {
  const { consumer, delivered, committed, inFlight, inboxRows, inboxRemoved } = account
  const { duplicate, retried, parked, released, abandoned } = account
  const found: Difference[] = []
  const settled = committed + duplicate + retried + parked + released + abandoned + inFlight
  if (settled !== delivered) {
    found.push({
      kind: 'consumer-unsettled',
      consumer,
      expected: delivered,
      found: settled,
      meaning: `of ${delivered} deliveries ${settled} are accounted for: a defect of this package`,
    })
  }
  // More rows than counted commits are no fault: a commit whose answer was lost is counted by nobody,
  // nor is one of a process that was killed before it wrote its counts down. Fewer rows may be none
  // either: whoever asks the inbox after its COMMIT got no answer can't tell its own row from that of
  // a copy, which another process committed after ours was rolled back; both count one commit then.
  const remembered = inboxRows + inboxRemoved
  if (remembered < committed) {
    found.push({
      kind: 'inbox-missing',
      consumer,
      expected: committed,
      found: remembered,
      meaning:
        `${committed} commits were counted, but the inbox ever held only ${remembered}: commits ` +
        'were lost, by a failover to a server that lacked them or a restored backup; or, where a ' +
        'COMMIT got no answer, a message was counted by two, the one whose work was rolled back ' +
        'and the one that committed a copy of it (at most one message for each such COMMIT, or ' +
        'all of a batch)',
    })
  }
  return found
}
