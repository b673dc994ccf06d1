import { randomUUID } from 'node:crypto'
import { ACCEPTED_MESSAGE } from '@payflow-app/contracts'
import { waitFor } from '@payflow/testkit'
import { dollars, short, took } from './page.ts'
import { ask, only, showDepth, type Scene, type StoryPayment } from './scene.ts'

const AMOUNT = 5000

/** Act 1: a payment is accepted, and then nothing seems to happen. */
export async function accepted(scene: Scene): Promise<StoryPayment> {
  const { page, stage, witness, customer } = scene
  page.act(1, 'A payment is accepted, and then nothing happens')
  await introduce(scene)
  page.say(
    `The customer has ${dollars((await customer.wallet()).balance)} and sends ${dollars(AMOUNT)} ` +
      'to the friend. Payments are executed by a worker; we stop it first, as if it were very ' +
      'busy, so that there is time to look around.',
  )
  await stage.controls.stopService('worker')
  const payment = await pay(scene, AMOUNT)
  page.say(
    'The customer reads that sentence and goes on with the day. But the balance does not change, ' +
      'and so the ticket arrives. Is the money lost? By now the payment has left a trace in five ' +
      'places.',
  )
  await lookAtKey(scene, payment)
  await lookAtRow(scene, payment)
  await lookAtMoney(scene, payment)
  await lookAtQueue(scene, payment)
  page.pause()
  page.check(
    (await witness.message(payment.id)).body['paymentId'] === payment.id,
    'Nothing is lost: the order is written down, and the money for it is set aside.',
  )
  return payment
}

async function introduce({ page, customer, recipient }: Scene): Promise<void> {
  const row = async (who: string, user: typeof customer) => {
    const { balance, available } = await user.wallet()
    return { who, user: user.id, balance: dollars(balance), available: dollars(available) }
  }
  page.pause()
  page.rows([await row('customer', customer), await row('friend', recipient)])
}

/** Sends a payment and prints request and answer, with every id in full. */
export async function pay(
  { page, witness, customer, recipient }: Scene,
  amount: number,
): Promise<StoryPayment> {
  const key = randomUUID()
  const startedAt = performance.now()
  const { status, body } = await customer.pay({ toUserId: recipient.id, amount }, key)
  const duration = took(startedAt)
  page.command('→', 'POST /api/transactions')
  page.output(
    `Idempotency-Key: ${key}`,
    JSON.stringify({ toUserId: short(recipient.id), amount, currency: 'USD' }),
  )
  page.command('←', `${status} after ${duration}`)
  page.output(`payment ${body.id}`, `"${body.message ?? ''}"  status ${body.status}`)
  page.pause()
  page.check(
    status === 202 && body.message === ACCEPTED_MESSAGE && body.status === 'PENDING',
    'Accepted at once, with no more promised than is true.',
  )
  const messageId = (await witness.message(body.id)).id
  const followed = {
    payment: body.id,
    'its idempotency key': key,
    'the message about it': messageId,
  }
  page.say(`What we follow (amounts are in cents: ${amount} is ${dollars(amount)}):`)
  page.pause()
  page.rows(Object.entries(followed).map(([what, id]) => ({ what, id, 'from here on': short(id) })))
  return { id: body.id, key, amount, messageId, answer: body }
}

async function lookAtKey({ page, witness, customer }: Scene, { key }: StoryPayment): Promise<void> {
  const found = await waitFor(
    async () => {
      const seen = await witness.keyRecord(customer.id, key)
      return seen?.record.state === 'completed' ? seen : undefined
    },
    { message: `the record of key ${key} to be completed` },
  )
  const { redisKey, record } = found
  page.say('1. Redis remembers the request, and the answer it was given.')
  page.command('redis>', `inspect ${redisKey.slice(0, 22)}…`)
  page.rows([
    {
      state: record.state,
      answer: `${record.payload.length} bytes`,
      forgotten_in: `${(record.expiresInMs / 3_600_000).toFixed(1)} h`,
    },
  ])
  page.why(
    'A phone that got no answer asks again. The same key of the same user gets the same answer, ' +
      'without the payment being made again (act 4).',
  )
}

async function lookAtRow(scene: Scene, { id, messageId }: StoryPayment): Promise<void> {
  const { page, witness } = scene
  await waitFor(async () => {
    const statement = `select dispatched_at from payments where id = $1`
    return only(await witness.sql('transaction', statement, [id]), 'dispatched_at') !== ''
  })
  page.say('2. and 3. PostgreSQL has the payment, and beside it the message that orders it.')
  const rows = await ask(
    scene,
    'transaction',
    'select status, amount_minor, created_at, completed_at from payments where id = $1',
    id,
  )
  const sent = await ask(
    scene,
    'transaction',
    'select type, state, created_at, settled_at from queue.outbox where id = $1',
    messageId,
  )
  page.why(
    'Both rows were written in one transaction: there is no payment without its order, and no ' +
      'order without a payment. A relay passes the order on, and only RabbitMQ’s receipt makes ' +
      'it "sent". A crash in between costs a second copy, never the order.',
  )
  page.pause()
  page.check(only(rows, 'status') === 'PENDING', 'The payment is PENDING: it has not been made.')
  page.check(only(sent, 'state') === 'sent', 'Its order has arrived in RabbitMQ.')
}

async function lookAtMoney(scene: Scene, { id, amount }: StoryPayment): Promise<void> {
  const { page, customer, witness } = scene
  page.say('4. The ledger has set the money aside. Setting aside is not moving.')
  const hold = await ask(
    scene,
    'wallet',
    'select state, amount_minor, captured_minor from ledger.hold where id = $1',
    id,
  )
  const wallet = await customer.wallet()
  page.command('→', 'GET /api/wallets/me')
  page.rows([
    {
      balance: dollars(wallet.balance),
      available: dollars(wallet.available),
      pending: dollars(wallet.pending),
    },
  ])
  const moved = await witness.sql('wallet', 'select 1 from ledger.transfer where hold_id = $1', [
    id,
  ])
  page.pause()
  page.check(
    only(hold, 'state') === 'open' && moved.length === 0 && wallet.pending === amount,
    'The balance is what it was, as the customer says. But the money cannot be spent twice.',
  )
}

async function lookAtQueue(scene: Scene, payment: StoryPayment): Promise<void> {
  const { page, witness } = scene
  const message = await witness.message(payment.id)
  const depth = await witness.depthWhen('a message waiting', ({ waiting }) => waiting > 0)
  page.say('5. And RabbitMQ keeps the order until a worker says that it is done.')
  showDepth(scene, depth)
  const { paymentId, amount, currency } = message.body
  page.output(
    `message ${short(message.id)}  ${message.routingKey}  ` +
      JSON.stringify({ paymentId: short(String(paymentId)), amount, currency }),
  )
}
