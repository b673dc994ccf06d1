// Goal: whatever the network does, one payment is sent under one key until it is answered.
// Method: a desk on scripted answers; time passes only as far as the desk's own pauses.
import { describe, expect, it } from 'vitest'
import { attemptsMax, PaymentDesk } from '../src/payment-desk.ts'
import type { DeskPorts } from '../src/payment-desk.ts'
import { createPayment } from '../src/pending-payment.ts'
import type { Answer, KeyStorage, PendingPayment } from '../src/pending-payment.ts'
import { memoryStorage } from './memory-storage.ts'

const payment = createPayment({
  userId: 'user-1',
  toUserId: 'user-2',
  toName: 'Grace Hopper',
  amount: 5000,
  currency: 'USD',
  note: '',
})
const answer = (
  status: number,
  body: unknown = null,
  retryAfter: string | null = null,
): Answer => ({
  kind: 'answer',
  status,
  body,
  retryAfter,
  isReplayed: false,
})
const accepted = answer(202, { id: 'p-1' })
const none: Answer = { kind: 'none' }

interface Scene {
  readonly desk: PaymentDesk
  readonly sent: PendingPayment[]
  readonly pauses: number[]
}

/** A desk whose posts are answered by `script` in turn; the last answer repeats. */
function open(storage: KeyStorage, script: Answer[], ports: Partial<DeskPorts> = {}): Scene {
  const sent: PendingPayment[] = []
  const pauses: number[] = []
  const desk = new PaymentDesk('user-1', {
    storage,
    post: async (item) => {
      expect(storage.getItem(`payflow.pending.user-1.${item.key}`)).not.toBeNull()
      sent.push(item)
      return script[Math.min(sent.length, script.length) - 1] ?? none
    },
    isOnline: () => true,
    pause: async (waitMs) => void pauses.push(waitMs),
    nowMs: () => 0,
    chance: () => 0,
    ...ports,
  })
  return { desk, sent, pauses }
}

/** Resolves when the desk shows a phase of this kind for the payment. */
function phase(desk: PaymentDesk, kind: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (desk.entries().some((entry) => entry.phase.kind === kind)) resolve()
    }
    desk.subscribe(look)
    look()
  })
}

describe('PaymentDesk', () => {
  it('sends the same key and body until the answer is final, then forgets the key', async () => {
    const storage = memoryStorage()
    const script = [none, answer(503), answer(409), answer(425), answer(429), accepted]
    const { desk, sent } = open(storage, script)
    expect(desk.submit(payment)).toBe(true)
    await phase(desk, 'accepted')
    expect(sent.map(({ key, body }) => [key, body])).toEqual(
      Array.from({ length: 6 }, () => [payment.key, payment.body]),
    )
    expect(storage.length).toBe(0)
  })

  it('waits longer each time, and as long as Retry-After says', async () => {
    const script = [none, none, none, answer(503, null, '20'), accepted]
    const { desk, pauses } = open(memoryStorage(), script)
    desk.submit(payment)
    await phase(desk, 'accepted')
    expect(pauses).toEqual([1_000, 2_000, 4_000, 20_000])
  })

  it('forgets the key on a refusal and says why', async () => {
    const storage = memoryStorage()
    const problem = { type: 'https://payflow.dev/problems/insufficient-funds', detail: 'No.' }
    const { desk, sent } = open(storage, [answer(422, problem)])
    desk.submit(payment)
    await phase(desk, 'refused')
    expect(sent).toHaveLength(1)
    expect(storage.length).toBe(0)
    expect(desk.entries()[0]?.phase).toMatchObject({ problem: { code: 'insufficient_funds' } })
  })

  it('sends a payment that is submitted twice in one instant once', async () => {
    const { desk, sent } = open(memoryStorage(), [accepted])
    desk.submit(payment)
    desk.submit(payment)
    await phase(desk, 'accepted')
    expect(sent).toHaveLength(1)
  })

  it('goes on with a payment that is set aside and submitted again during a slow answer', async () => {
    const storage = memoryStorage()
    const slow = Promise.withResolvers<Answer>()
    const answers = [slow.promise, Promise.resolve(accepted)]
    let posts = 0
    const { desk } = open(storage, [], { post: () => answers[posts++]! })
    desk.submit(payment)
    desk.setAside(payment.key)
    expect(desk.submit(payment)).toBe(true)
    expect(storage.length).toBe(1)
    expect(desk.entries()).toEqual([{ payment, phase: { kind: 'sending', attempt: 1 } }])
    slow.resolve(none)
    await phase(desk, 'accepted')
    expect(posts).toBe(2)
    expect(storage.length).toBe(0)
  })

  it('finds the payment again after a reload and asks with the same key', async () => {
    const storage = memoryStorage()
    const before = open(storage, [], { post: () => new Promise(() => undefined) })
    before.desk.submit(payment)
    before.desk.close()

    const after = open(storage, [accepted])
    expect(after.desk.entries()).toEqual([{ payment, phase: { kind: 'kept' } }])
    expect(after.sent).toHaveLength(0)
    after.desk.resume(payment.key)
    await phase(after.desk, 'accepted')
    expect(after.sent).toEqual([payment])
    expect(storage.length).toBe(0)
  })

  it('keeps the key when the session is over', async () => {
    const storage = memoryStorage()
    const { desk } = open(storage, [none, answer(401)])
    desk.submit(payment)
    await phase(desk, 'sign-in')
    expect(storage.length).toBe(1)
  })

  it('stops by itself after many tries, keeps the key, and goes on when asked to', async () => {
    const storage = memoryStorage()
    const script = [...Array.from({ length: attemptsMax }, () => none), accepted]
    const { desk, sent } = open(storage, script)
    desk.submit(payment)
    await phase(desk, 'stopped')
    expect(sent).toHaveLength(attemptsMax)
    expect(storage.length).toBe(1)
    desk.resume(payment.key)
    await phase(desk, 'accepted')
    expect(sent).toHaveLength(attemptsMax + 1)
  })

  it('sends nothing while offline and goes on when the network is back', async () => {
    let online = false
    const { desk, sent } = open(memoryStorage(), [accepted], {
      isOnline: () => online,
      pause: (_waitMs, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve())
        }),
    })
    desk.submit(payment)
    await phase(desk, 'offline')
    expect(sent).toHaveLength(0)
    online = true
    desk.wake()
    await phase(desk, 'accepted')
    expect(sent).toHaveLength(1)
  })

  it('sends nothing when the key can not be stored', () => {
    const storage = memoryStorage()
    storage.setItem = () => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    const { desk, sent } = open(storage, [accepted])
    expect(desk.submit(payment)).toBe(false)
    expect(sent).toHaveLength(0)
    expect(desk.entries()).toEqual([])
  })

  it('sends nothing for another user', () => {
    const { desk, sent } = open(memoryStorage(), [accepted])
    expect(desk.submit({ ...payment, userId: 'user-2' })).toBe(false)
    expect(sent).toHaveLength(0)
  })

  it('stops asking for a payment that another tab got the answer for', async () => {
    const storage = memoryStorage()
    const { desk, sent } = open(storage, [none], {
      pause: async () => storage.removeItem(`payflow.pending.user-1.${payment.key}`),
    })
    desk.submit(payment)
    await new Promise<void>((resolve) => {
      desk.subscribe(() => desk.entries().length === 0 && resolve())
    })
    expect(sent).toHaveLength(1)
  })

  it('forgets what was set aside, and asks no more', async () => {
    const storage = memoryStorage()
    const { desk } = open(storage, [none], {
      pause: (_waitMs, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve())
        }),
    })
    desk.submit(payment)
    await phase(desk, 'waiting')
    desk.setAside(payment.key)
    expect(storage.length).toBe(0)
    expect(desk.entries()).toEqual([])
  })
})
