import { waitFor } from '@payflow/testkit'
import { settle } from '@payflow-app/e2e'
import { dollars, short, took } from './page.ts'
import {
  ask,
  killWorkerAt,
  only,
  postings,
  showDepth,
  showGone,
  showLog,
  startWorker,
  type Scene,
  type StoryPayment,
} from './scene.ts'

const STATUS = 'select status, completed_at, resolved_by from payments where id = $1'
const JOURNAL = `select amount_minor, debit_balance_minor, credit_balance_minor, created_at
  from ledger.transfer where hold_id = $1`

/** Act 2: the worker dies when the money has moved and nobody has written that down. */
export async function killedBeforeCommit(scene: Scene, payment: StoryPayment): Promise<void> {
  const { page } = scene
  page.act(2, 'The worker is killed after the money moved')
  page.say(
    `A worker starts and takes message ${short(payment.messageId)}. Its work has three steps: ask ` +
      'wallet-service to move the money; write COMPLETED into PostgreSQL, in one transaction; tell ' +
      'RabbitMQ that the message is done (the ack). We have armed it to kill itself after the ' +
      'first step, with SIGKILL: no handler runs, nothing is cleaned up, like a power cut.',
  )
  await theDeath(scene, payment)
  await theRedelivery(scene, payment)
}

async function theDeath(scene: Scene, { id, messageId }: StoryPayment): Promise<void> {
  const { page, witness } = scene
  const { pid, livedMs } = await killWorkerAt(scene, 'consumer.decided', messageId)
  showGone(scene, pid)
  page.say(`It lived for ${livedMs} ms. What has it left behind?`)
  const status = await ask(scene, 'transaction', STATUS, id)
  const journal = await ask(scene, 'wallet', JOURNAL, id)
  const depth = await witness.depthWhen(
    'its message back and no worker',
    ({ waiting, consumers }) => waiting > 0 && consumers === 0,
  )
  showDepth(scene, depth)
  page.pause()
  page.check(journal.length === 1, 'The ledger has moved the money.')
  page.check(
    only(status, 'status') === 'PENDING',
    'The payment does not know: it is PENDING still, and the customer keeps waiting.',
  )
  page.check(
    depth.waiting > 0,
    'The message is back in its queue: its worker is gone and has not acknowledged it.',
  )
  page.why(
    'This is the instant in which systems charge twice: the next worker gets the same message, ' +
      'finds a payment that is not made, and makes it.',
  )
}

async function theRedelivery(scene: Scene, payment: StoryPayment): Promise<void> {
  const { page, customer, witness } = scene
  const { id, amount, messageId } = payment
  const startedAt = performance.now()
  page.say('Another worker starts. RabbitMQ hands it the same message.')
  const pid = await startWorker(scene)
  await settle(customer, id, 20_000)
  const duration = took(startedAt)
  const done = await waitFor(() => witness.line(messageId, /^payment COMPLETED/), {
    message: `worker ${pid} to log that payment ${id} is done`,
  })
  const answers = await waitFor(() => {
    const lines = postings(scene, id)
    return lines.length >= 2 ? lines : undefined
  })
  showLog(scene, `payment ${short(id)}`, [...answers, done])
  page.why(
    'The payment’s id is the ledger’s id of the transfer. Asked to move it again, the ledger finds ' +
      'it moved and gives the same answer as before: "replayed". Asking twice is safe, so dying ' +
      'between asking and writing down is safe too.',
  )
  const status = await ask(scene, 'transaction', STATUS, id)
  const journal = await ask(scene, 'wallet', JOURNAL, id)
  const { balance, pending } = await customer.wallet()
  page.pause()
  page.check(
    Number(done.fields['attempt']) >= 2,
    `Worker ${pid} got the message as a redelivery: attempt ${String(done.fields['attempt'])}.`,
  )
  page.check(
    answers[0]?.fields['replayed'] === false && answers[1]?.fields['replayed'] === true,
    'The ledger was asked twice and moved the money once.',
  )
  page.check(
    only(status, 'status') === 'COMPLETED' && journal.length === 1,
    `COMPLETED ${duration} after the new worker was started; one row in the journal.`,
  )
  page.check(
    balance === 100_000 - amount && pending === 0,
    `The customer has ${dollars(balance)}: one charge.`,
  )
}
