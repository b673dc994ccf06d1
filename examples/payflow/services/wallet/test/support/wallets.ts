// wallet-service as its own process, with a ledger of its own behind it.
import { randomUUID } from 'node:crypto'
import { migrateWallet } from '@payflow-app/migrations'
import type { ServiceCall } from '@payflow-app/contracts/internal'
import {
  callerAt,
  newServiceKeys,
  serviceTokenOf,
  type ServiceKeys,
} from '@payflow-app/service-kit/testing'
import {
  RunningService,
  send,
  startTokenIssuer,
  type Incoming,
  type TokenIssuer,
} from '@payflow-app/testing'
import { createTestDatabase, type TestDatabase } from '@payflow/testkit'

export const OPENING_CREDIT = 100_000

/** A running wallet-service and everything a test needs to talk to it. */
export class Wallets implements AsyncDisposable {
  readonly database: TestDatabase
  readonly issuer: TokenIssuer
  readonly service: RunningService
  readonly keys: ServiceKeys

  private constructor(
    database: TestDatabase,
    issuer: TokenIssuer,
    service: RunningService,
    keys: ServiceKeys,
  ) {
    this.database = database
    this.issuer = issuer
    this.service = service
    this.keys = keys
  }

  static async start(): Promise<Wallets> {
    const keys = newServiceKeys()
    const issuer = await startTokenIssuer()
    const database = await createTestDatabase({
      migrate: migrateWallet,
      cacheKey: 'payflow-wallet',
    })
    const service = await RunningService.start('wallet', {
      DATABASE_URL: database.url,
      JWKS_URL: issuer.jwksUrl,
      ...keys,
      OPENING_CREDIT_MINOR: String(OPENING_CREDIT),
      LOG_LEVEL: 'warn',
    })
    return new Wallets(database, issuer, service, keys)
  }

  /** POST as a service that may. */
  async post(path: string, json?: unknown): Promise<Incoming> {
    const token = await this.tokenFor('POST', path)
    return await send(this.service.url + path, { method: 'POST', token, json })
  }

  async get(path: string, token?: string): Promise<Incoming> {
    return await send(this.service.url + path, {
      token: token ?? (await this.tokenFor('GET', path)),
    })
  }

  /** The token of a service that may call this route; of transaction-service where there is none. */
  tokenFor(method: string, path: string): Promise<string> {
    const caller = callerAt('wallet', method, path) ?? 'transaction'
    return serviceTokenOf(this.keys, { caller, audience: 'wallet' } as ServiceCall)
  }

  /** New users, each with an open wallet. */
  async users(count: number): Promise<string[]> {
    return await Promise.all(
      Array.from({ length: count }, async () => {
        const userId = randomUUID()
        const opened = await this.post('/wallets', { userId, currency: 'USD' })
        if (opened.status !== 201) throw new Error(`POST /wallets answered ${opened.status}`)
        return userId
      }),
    )
  }

  async available(userId: string): Promise<number> {
    const { body } = await this.get(`/wallets/${userId}`)
    return body.available
  }

  hold(payment: Payment, expiresInMs = 86_400_000): Promise<Incoming> {
    return this.post('/wallets/holds', { expiresInMs, ...payment })
  }

  transfer(payment: Payment): Promise<Incoming> {
    return this.post('/wallets/transfer', payment)
  }

  /** Gives back what a payment moved, as the worker does. */
  refund(payment: Payment, amount: number, transferId: string = randomUUID()): Promise<Incoming> {
    const { transferId: paymentId, fromUserId: toUserId, toUserId: fromUserId, currency } = payment
    const refund = { transferId, paymentId, fromUserId, toUserId, amount, currency }
    return this.post('/wallets/refunds', refund)
  }

  release(transferId: string): Promise<Incoming> {
    return this.post(`/wallets/holds/${transferId}/release`)
  }

  /** Asserts that the books balance and returns what all wallets hold together. */
  async audit(): Promise<number> {
    const { body } = await this.get('/wallets/audit')
    if (!body.sound) throw new Error(`the books do not balance: ${JSON.stringify(body)}`)
    return body.currencies[0]?.inWallets ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service[Symbol.asyncDispose]()
    await this.issuer[Symbol.asyncDispose]()
    await this.database.dispose()
  }
}

export interface Payment {
  readonly kind?: 'payment' | 'top_up' | 'withdrawal'
  readonly transferId: string
  readonly fromUserId: string
  readonly toUserId: string
  readonly amount: number
  readonly currency: string
}

/** A payment with an id of its own. */
export function paymentOf(fromUserId: string, toUserId: string, amount = 5_000): Payment {
  return { transferId: randomUUID(), fromUserId, toUserId, amount, currency: 'USD' }
}
