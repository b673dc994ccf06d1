import { isDeepStrictEqual } from 'node:util'
import { dollars, short } from './page.ts'
import type { Scene, StoryPayment } from './scene.ts'

/** Act 4: the customer, tired of waiting, has sent the same request again. */
export async function sentAgain(scene: Scene, payment: StoryPayment): Promise<void> {
  const { page, customer, recipient } = scene
  page.act(4, 'The customer presses the button again')
  page.say(
    'While it was "processing", our customer lost patience. The app sends the same request again, ' +
      `with the same key ${short(payment.key)}: it is the same payment, not another one.`,
  )
  const { key, amount, answer } = payment
  const to = short(recipient.id)
  const body = (minor: number) => JSON.stringify({ toUserId: to, amount: minor, currency: 'USD' })
  const before = await customer.wallet()
  const again = await customer.pay({ toUserId: recipient.id, amount }, key)
  const replayed = again.headers.get('idempotent-replayed')
  page.command('→', 'POST /api/transactions')
  page.output(`Idempotency-Key: ${short(key)}`, body(amount))
  page.command('←', `${again.status}`)
  page.output(
    `Idempotent-Replayed: ${replayed ?? '(not there)'}`,
    `payment ${short(again.body.id)} "${again.body.message ?? ''}"`,
  )
  const otherAmount = amount * 10
  const other = await customer.pay({ toUserId: recipient.id, amount: otherAmount }, key)
  const problem = other.body as unknown as { title?: string; detail?: string; type?: string }
  page.say('And what if a program reuses the key by mistake, for another amount?')
  page.command('→', 'POST /api/transactions')
  page.output(`Idempotency-Key: ${short(key)}`, body(otherAmount))
  page.command('←', `${other.status} ${problem.title ?? ''}`)
  page.output(problem.detail ?? '', problem.type ?? '')
  const after = await customer.wallet()
  const { items } = await customer.history()
  page.pause()
  page.check(
    again.status === 202 && replayed === 'true' && isDeepStrictEqual(again.body, answer),
    'The same request gets the answer of the first time, word for word, and says so in a header.',
  )
  page.check(
    other.status === 422 && (problem.type ?? '').endsWith('/idempotency-key-reused'),
    'Another request under the same key is refused, instead of being taken for the first one.',
  )
  page.check(
    items.length === 2 && after.available === before.available,
    `The history has two payments, as before, and ${dollars(after.available)} are available.`,
  )
}
