import { holdView, releaseView, type HoldRequest, type ProblemCode } from '@payflow-app/contracts'
import {
  createHttpClient,
  serviceTokens,
  unavailable,
  type HttpAnswer,
  type ServiceKey,
} from '@payflow-app/service-kit'
import type { Refusal } from './database.ts'

/** How a request to hold money ended. */
export type HoldOutcome =
  | { readonly outcome: 'held' }
  /** The ledger refuses this payment; asking again would not help. */
  | { readonly outcome: 'refused'; readonly refusal: Refusal }

/** What transaction-service asks of wallet-service. */
export interface WalletClient {
  /**
   * Reserves the money of a payment. Safe to repeat: the payment's id is the hold's.
   *
   * @throws {@link UpstreamError} without an answer, {@link ProblemError} 503 when wallet-service
   * cannot decide now.
   */
  hold(request: HoldRequest): Promise<HoldOutcome>
  /** Gives the money back, unless it has moved. Throws as `hold` does. */
  release(paymentId: string): Promise<void>
}

/** What the ledger may refuse a hold for. Anything else is trouble between the two services. */
const refusals: ReadonlySet<string> = new Set<ProblemCode>([
  'insufficient-funds',
  'sender-unavailable',
  'recipient-unavailable',
  'self-transfer',
  'hold-released',
  'hold-expired',
])

/** Options of {@link createWalletClient}. */
export interface WalletClientOptions {
  readonly baseUrl: string
  readonly key: ServiceKey
  readonly timeoutMs: number
}

/** Creates the client for wallet-service. */
export function createWalletClient({ baseUrl, key, timeoutMs }: WalletClientOptions): WalletClient {
  const client = createHttpClient({
    name: 'wallet-service',
    baseUrl,
    timeoutMs,
    token: serviceTokens({ caller: 'transaction', audience: 'wallet', key }),
  })
  return {
    async hold(request) {
      const answer = await client.request({
        method: 'POST',
        path: '/wallets/holds',
        json: request,
        schema: holdView,
        repeatable: true,
      })
      if (answer.outcome === 'ok') return { outcome: 'held' }
      if (refusals.has(answer.code)) return { outcome: 'refused', refusal: refusalOf(answer) }
      throw undecided(answer)
    },
    async release(paymentId) {
      const answer = await client.request({
        method: 'POST',
        path: `/wallets/holds/${paymentId}/release`,
        schema: releaseView,
        repeatable: true,
      })
      if (answer.outcome === 'problem') throw undecided(answer)
    },
  }
}

type ProblemAnswer = Extract<HttpAnswer<never>, { outcome: 'problem' }>

function refusalOf({ code, problem }: ProblemAnswer): Refusal {
  return { code, detail: problem.detail ?? problem.title }
}

/** A 401 or a 400 between our own services is a fault to be mended: until then, "later". */
function undecided({ status, code, retryAfterMs = 1_000 }: ProblemAnswer): Error {
  const cause = new Error(`wallet-service answered ${status} ${code}`)
  return unavailable(
    'The money cannot be reserved at the moment',
    cause,
    Math.max(1, Math.ceil(retryAfterMs / 1_000)),
  )
}
