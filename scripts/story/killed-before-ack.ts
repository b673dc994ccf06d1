import { waitFor } from '@payflow/testkit'
import { pay } from './accepted.ts'
import { dollars, short } from './page.ts'
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

const AMOUNT = 2000
const STATUS = 'select status, completed_at from payments where id = $1'
const INBOX = 'select consumer, committed_at from queue.inbox where message_id = $1'

/** Act 3: the worker dies when all is done, except for telling RabbitMQ. */
export async function killedBeforeAck(scene: Scene): Promise<StoryPayment> {
  const { page, stage } = scene
  page.act(3, 'The worker is killed after the commit, before the ack')
  page.say(
    `A second payment, of ${dollars(AMOUNT)}. This time the worker gets further: the money moves, ` +
      'the transaction commits, and then the process is killed, a moment before its ack.',
  )
  await stage.controls.stopService('worker')
  const payment = await pay(scene, AMOUNT)
  const committedAt = await theDeath(scene, payment)
  await theRedelivery(scene, payment, committedAt)
  return payment
}

async function theDeath(scene: Scene, { id, messageId }: StoryPayment): Promise<string> {
  const { page, witness } = scene
  const { pid } = await killWorkerAt(scene, 'consumer.committed', messageId)
  showGone(scene, pid)
  const status = await ask(scene, 'transaction', STATUS, id)
  const inbox = await ask(scene, 'transaction', INBOX, messageId)
  const depth = await witness.depthWhen(
    'its message back and no worker',
    ({ waiting, consumers }) => waiting > 0 && consumers === 0,
  )
  showDepth(scene, depth)
  page.pause()
  page.check(
    only(status, 'status') === 'COMPLETED' && inbox.length === 1,
    'The payment is COMPLETED, and the inbox has the message’s id: one transaction wrote both.',
  )
  page.check(depth.waiting > 0, 'RabbitMQ was not told, and keeps the message for somebody else.')
  return only(inbox, 'committed_at')
}

async function theRedelivery(
  scene: Scene,
  { id, messageId }: StoryPayment,
  committedAt: string,
): Promise<void> {
  const { page, stage, witness } = scene
  page.say('Another worker starts. RabbitMQ hands it a message about a payment that is made.')
  const pid = await startWorker(scene)
  const known = await waitFor(() => witness.line(messageId, /^known message/), {
    timeoutMs: 20_000,
    message: `worker ${pid} to meet message ${messageId} again`,
  })
  const asked = postings(scene, id)
  showLog(scene, `payment ${short(id)} and message ${short(messageId)}`, [...asked, known])
  const inbox = await ask(scene, 'transaction', INBOX, messageId)
  // Other people's payments may be waiting in the queue of a wallet that is in use.
  const depth = stage.shared
    ? await witness.depth()
    : await witness.depthWhen('nothing waiting', ({ waiting }) => waiting === 0)
  showDepth(scene, depth)
  page.pause()
  page.check(
    only(inbox, 'committed_at') === committedAt,
    'The inbox knows the message. Its row is the old one: nothing was written.',
  )
  page.check(asked.length === 1, 'Nothing ran: wallet-service was asked once in all.')
  page.check(
    stage.shared || depth.waiting === 0,
    `Worker ${pid} acknowledged it${stage.shared ? '.' : ', and RabbitMQ has forgotten it.'}`,
  )
  page.why(
    'RabbitMQ promises to deliver at least once, and nobody can promise exactly once. So the ' +
      'worker writes the id of each message into the transaction that does its work: the work is ' +
      'done and known, or neither.',
  )
}
