// wallet-service is killed while it opens a wallet; whoever asked asks again, as auth-service does.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Wallets } from './support/wallets.ts'

let wallets: Wallets

beforeAll(async () => {
  wallets = await Wallets.start()
})
afterAll(async () => {
  await wallets[Symbol.asyncDispose]()
})

describe('POST /wallets', () => {
  it.each([
    { probe: 'wallet.written', when: 'before the commit', left: 0 },
    { probe: 'wallet.committed', when: 'between commit and answer', left: 1 },
  ])('gives exactly one opening credit when killed $when', async ({ probe, left }) => {
    const userId = randomUUID()
    const open = () => wallets.post('/wallets', { userId, currency: 'USD' })
    const { child } = wallets.service
    await child.arm(probe, 'kill')

    await expect(open()).rejects.toThrow('fetch failed')
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
    expect(await rowsOf(userId)).toBe(left)
    await wallets.service.start()

    for (let round = 0; round < 2; round += 1) {
      expect(await open()).toMatchObject({ status: 201, body: { balance: 100_000 } })
    }
    expect(await rowsOf(userId)).toBe(1)
    await wallets.audit()
  })
})

async function rowsOf(userId: string): Promise<number> {
  const rows = await wallets.database.db
    .selectFrom('wallets')
    .select('account_id')
    .where('user_id', '=', userId)
    .execute()
  return rows.length
}
