import {
  postRefundRequest,
  postTransferRequest,
  postTransferView,
  releaseView,
  type PostTransferView,
  type ReleaseView,
} from '@payflow-app/contracts'
import {
  createHttpClient,
  serviceTokens,
  type HttpAnswer,
  type ServiceKey,
} from '@payflow-app/service-kit'
import type { Payment } from './payment.ts'

/** The calls of wallet-service that end a payment. All are idempotent by the payment's id. */
export interface WalletClient {
  /**
   * Posts the payment under its id: the money that is held, or for a refund a reversal of the
   * payment that it gives back.
   */
  post(payment: Payment, signal: AbortSignal): Promise<HttpAnswer<PostTransferView>>
  /**
   * Releases what is held under the id, whether anything is or not. The answer is the decision:
   * `released` can never post any more, `posted` already has.
   */
  release(paymentId: string, signal: AbortSignal): Promise<HttpAnswer<ReleaseView>>
}

/** Options of {@link createWalletClient}. */
export interface WalletClientOptions {
  readonly baseUrl: string
  readonly key: ServiceKey
  /** Who calls. */
  readonly caller: 'worker' | 'reversal'
}

/** Creates the client for wallet-service. */
export function createWalletClient({ baseUrl, key, caller }: WalletClientOptions): WalletClient {
  const http = createHttpClient({
    name: 'wallet-service',
    baseUrl,
    token: serviceTokens({ caller, audience: 'wallet', key }),
  })
  return {
    post: (payment, signal) =>
      http.request({
        method: 'POST',
        ...postingOf(payment),
        schema: postTransferView,
        signal,
        repeatable: true,
      }),
    release: (paymentId, signal) =>
      http.request({
        method: 'POST',
        path: `/wallets/holds/${encodeURIComponent(paymentId)}/release`,
        schema: releaseView,
        signal,
        repeatable: true,
      }),
  }
}

/** The call that posts a payment. Parsing leaves out what is not for wallet-service. */
function postingOf({ paymentId, refundOf, ...rest }: Payment): { path: string; json: unknown } {
  const posting = { transferId: paymentId, ...rest }
  return rest.kind === 'refund'
    ? {
        path: '/wallets/refunds',
        json: postRefundRequest.parse({ ...posting, paymentId: refundOf }),
      }
    : { path: '/wallets/transfer', json: postTransferRequest.parse(posting) }
}
