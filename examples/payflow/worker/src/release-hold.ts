import { UpstreamError } from '@payflow-app/service-kit'
import type { WalletClient } from './wallet-client.ts'

/**
 * Asks the ledger to end the payment without moving money, and returns what it decided.
 *
 * @throws {@link UpstreamError} when there is no decision; asking again is safe at any time.
 */
export async function releaseHold(
  wallet: WalletClient,
  paymentId: string,
  signal: AbortSignal,
): Promise<'released' | 'posted'> {
  const answer = await wallet.release(paymentId, signal)
  if (answer.outcome === 'ok') return answer.body.state
  throw new UpstreamError(
    'UPSTREAM_INVALID',
    'wallet-service',
    `release answered ${answer.status} ${answer.code}`.trimEnd(),
  )
}
