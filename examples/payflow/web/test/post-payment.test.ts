// Goal: trying a failed payment again pays at most once, and is never refused for ever.
// Method: a server that keeps its answer to each key for ever, as PayFlow does, and is told when
// there is money.
import { describe, expect, it } from 'vitest'
import { createPayment } from '../src/pending-payment.ts'
import type { Answer, PendingPayment } from '../src/pending-payment.ts'
import { postPayment } from '../src/post-payment.ts'

const intent = {
  userId: 'user-1',
  toUserId: 'user-2',
  toName: 'Grace Hopper',
  amount: 5000,
  currency: 'USD',
  note: 'lunch',
}
const failedId = '019e1a2b-0000-7000-8000-000000000000'
const retry = createPayment(intent, failedId)

type Reply = Omit<Extract<Answer, { kind: 'answer' }>, 'isReplayed'>
const refusal = (code: string): Reply => ({
  kind: 'answer',
  status: 422,
  body: { type: `https://payflow.dev/problems/${code}` },
  retryAfter: null,
})

/** Answers a key for the first time by `next`, and by the same for ever after. */
class Server {
  next: Reply = refusal('insufficient-funds')
  readonly keys: string[] = []
  readonly #decided = new Map<string, Reply>()

  readonly post = async ({ key }: PendingPayment): Promise<Answer> => {
    this.keys.push(key)
    const before = this.#decided.get(key)
    this.#decided.set(key, before ?? this.next)
    return { ...(before ?? this.next), isReplayed: before !== undefined }
  }

  pays(): void {
    const body = { id: `paid-${this.keys.length}` }
    this.next = { kind: 'answer', status: 202, body, retryAfter: null }
  }

  get payments(): number {
    return [...this.#decided.values()].filter(({ status }) => status === 202).length
  }
}

describe('postPayment', () => {
  it('REV-10 pays a retry that was refused once there is money, and then never again', async () => {
    const server = new Server()
    expect(await postPayment(retry, server.post)).toMatchObject({ status: 422, isReplayed: false })
    expect(await postPayment(retry, server.post)).toMatchObject({ status: 422, isReplayed: false })
    server.pays()
    const paid = await postPayment(retry, server.post)
    expect(paid).toMatchObject({ status: 202, isReplayed: false })
    expect(await postPayment(retry, server.post)).toEqual({ ...paid, isReplayed: true })
    expect(server.payments).toBe(1)
    const first = `retry-of-${failedId}`
    expect([...new Set(server.keys)]).toEqual([first, `${first}-2`, `${first}-3`])
  })

  it('REV-10 pays a retry once from two tabs that were both refused before', async () => {
    const server = new Server()
    await postPayment(retry, server.post)
    server.pays()
    const tabs = await Promise.all([
      postPayment(retry, server.post),
      postPayment(retry, server.post),
    ])
    expect(tabs).toMatchObject([{ status: 202 }, { status: 202 }])
    expect(server.payments).toBe(1)
  })

  it('uses no other key after a refusal of this very attempt', async () => {
    const server = new Server()
    await postPayment(retry, server.post)
    expect(server.keys).toEqual([retry.key])
  })

  it('uses no other key when the refusal does not prove that nothing was paid', async () => {
    const server = new Server()
    server.next = refusal('idempotency-key-reused')
    await postPayment(retry, server.post)
    await postPayment(retry, server.post)
    expect(server.keys).toEqual([retry.key, retry.key])
  })

  it('leaves every other payment its one key', async () => {
    const server = new Server()
    const payment = createPayment(intent)
    await postPayment(payment, server.post)
    expect(await postPayment(payment, server.post)).toMatchObject({ status: 422 })
    expect(server.keys).toEqual([payment.key, payment.key])
  })

  it('ends with a server that calls everything a repetition', async () => {
    const keys: string[] = []
    const answer = await postPayment(retry, async ({ key }) => {
      keys.push(key)
      return { ...refusal('insufficient-funds'), isReplayed: true }
    })
    expect(answer).toMatchObject({ status: 422 })
    expect(keys).toHaveLength(100)
  })
})
