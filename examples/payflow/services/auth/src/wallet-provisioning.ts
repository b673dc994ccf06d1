import { walletView } from '@payflow-app/contracts'
import type { HttpClient, Logger, Probe } from '@payflow-app/service-kit'
import type { Kysely } from 'kysely'
import type { AuthDatabase } from './database.ts'
import { claimOwedWallets, type OwedWallet } from './sql/claim-owed-wallets.ts'
import { markWalletDelayed, markWalletOpened } from './sql/settle-owed-wallet.ts'

/** Options of {@link createWalletProvisioning}. */
export interface WalletProvisioningOptions {
  readonly db: Kysely<AuthDatabase>
  readonly wallet: HttpClient
  readonly logger: Logger
  readonly intervalMs: number
  readonly probe: Probe
}

/** Sees to it that every user gets their wallet, whatever crashes on the way. */
export interface WalletProvisioning {
  /** Tries at once. Never rejects: what fails is done by the loop. */
  open(owed: OwedWallet): Promise<void>
  /** Starts looking for wallets that are still owed. */
  start(): void
  /** Stops; resolves when nothing is in progress any more. */
  stop(): Promise<void>
}

/** So many are asked for at a time; more would only queue in wallet-service. */
const BATCH_SIZE = 10

/**
 * Creates the provisioning. wallet-service opens a wallet once per user id, so it may be asked as
 * often as one likes; the row says when to stop asking.
 */
export function createWalletProvisioning(options: WalletProvisioningOptions): WalletProvisioning {
  const { db, logger, intervalMs } = options
  let timer: NodeJS.Timeout | undefined
  let round: Promise<void> = Promise.resolve()
  let stopped = false

  const open = async (owed: OwedWallet): Promise<void> => {
    try {
      await openWallet(options, owed)
    } catch (error) {
      logger.warn({ err: error, userId: owed.userId }, 'a wallet is still owed')
    }
  }
  const runRound = async (): Promise<void> => {
    try {
      const owed = await claimOwedWallets(db, BATCH_SIZE)
      await Promise.all(owed.map(open))
    } catch (error) {
      logger.warn({ err: error }, 'owed wallets could not be looked for')
    }
    if (!stopped) timer = setTimeout(next, intervalMs)
  }
  const next = (): void => {
    round = runRound()
  }
  return {
    open,
    start: next,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await round
    },
  }
}

async function openWallet(
  { db, wallet, logger, probe }: WalletProvisioningOptions,
  { userId, currency }: OwedWallet,
): Promise<void> {
  const call = { method: 'POST', path: '/wallets', json: { userId, currency } } as const
  const answer = await wallet.request({ ...call, schema: walletView })
  if (answer.outcome === 'ok') {
    await probe('auth.wallet.opened', { userId })
    await markWalletOpened(db, userId)
    return
  }
  const reason = `${answer.status} ${answer.code}`
  logger.warn({ userId, reason }, 'a wallet is still owed')
  await markWalletDelayed(db, userId, reason)
}
